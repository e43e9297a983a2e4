import Foundation
package import GRPCCore
import GRPCProtobuf
package import PortfolioProtocol
import SwiftProtobuf

/// `grpc.reflection.v1.ServerReflection`, and the same under its older name v1alpha: the descriptors of what is served.
package struct ReflectionService: Grpc_Reflection_V1_ServerReflection.SimpleServiceProtocol {
    private let services: [String]
    /// Serialized files by name, with the files each needs.
    private let files: [String: (bytes: Data, imports: [String])]
    /// The file that declares each full name.
    private let fileOfSymbol: [String: String]

    /// Makes the service from the descriptor set that was built with the messages.
    ///
    /// - Throws: when the descriptor set cannot be read, which is a bug of ours.
    package init() throws {
        let bytes = Data(base64Encoded: portfolioDescriptorSet) ?? Data()
        let set = try Google_Protobuf_FileDescriptorSet(serializedBytes: bytes)
        var files: [String: (bytes: Data, imports: [String])] = [:]
        var symbols: [String: String] = [:]
        var services: [String] = []
        for file in set.file {
            files[file.name] = (try file.serializedData(), file.dependency)
            let scope = file.package.isEmpty ? "" : file.package + "."
            for service in file.service {
                services.append(scope + service.name)
                symbols[scope + service.name] = file.name
                for method in service.method { symbols["\(scope)\(service.name).\(method.name)"] = file.name }
            }
            for message in file.messageType { Self.add(message, scope, file.name, &symbols) }
            for values in file.enumType { symbols[scope + values.name] = file.name }
        }
        self.files = files
        fileOfSymbol = symbols
        self.services = services.sorted()
    }

    private static func add(
        _ message: Google_Protobuf_DescriptorProto,
        _ scope: String,
        _ file: String,
        _ symbols: inout [String: String]
    ) {
        let name = scope + message.name
        symbols[name] = file
        for field in message.field { symbols["\(name).\(field.name)"] = file }
        for values in message.enumType { symbols["\(name).\(values.name)"] = file }
        for nested in message.nestedType { add(nested, name + ".", file, &symbols) }
    }

    package func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        for version in ["v1", "v1alpha"] {
            router.registerHandler(
                forMethod: MethodDescriptor(
                    fullyQualifiedService: "grpc.reflection.\(version).ServerReflection",
                    method: "ServerReflectionInfo"
                ),
                deserializer: ProtobufDeserializer<Grpc_Reflection_V1_ServerReflectionRequest>(),
                serializer: ProtobufSerializer<Grpc_Reflection_V1_ServerReflectionResponse>(),
                handler: { request, context in
                    try await self.serverReflectionInfo(request: request, context: context)
                }
            )
        }
    }

    package func serverReflectionInfo(
        request: RPCAsyncSequence<Grpc_Reflection_V1_ServerReflectionRequest, any Error>,
        response: RPCWriter<Grpc_Reflection_V1_ServerReflectionResponse>,
        context: ServerContext
    ) async throws {
        for try await question in request { try await response.write(answer(to: question)) }
    }

    private func answer(
        to question: Grpc_Reflection_V1_ServerReflectionRequest
    ) -> Grpc_Reflection_V1_ServerReflectionResponse {
        var answer = Grpc_Reflection_V1_ServerReflectionResponse()
        answer.validHost = question.host
        answer.originalRequest = question
        switch question.messageRequest {
        case .listServices:
            answer.listServicesResponse.service = services.map { name in .with { $0.name = name } }
        case .fileByFilename(let name): describe(file: name, in: &answer)
        case .fileContainingSymbol(let symbol): describe(file: fileOfSymbol[symbol], in: &answer)
        case .fileContainingExtension, .allExtensionNumbersOfType, nil: describe(file: nil, in: &answer)
        }
        return answer
    }

    private func describe(file name: String?, in answer: inout Grpc_Reflection_V1_ServerReflectionResponse) {
        guard let name, files[name] != nil else {
            answer.errorResponse.errorCode = Int32(RPCError.Code.notFound.rawValue)
            answer.errorResponse.errorMessage = "There is no such descriptor here."
            return
        }
        var found: [Data] = []
        var seen: Set<String> = []
        var open = [name]
        while let next = open.popLast() {
            guard seen.insert(next).inserted, let file = files[next] else { continue }
            found.append(file.bytes)
            open += file.imports
        }
        answer.fileDescriptorResponse.fileDescriptorProto = found
    }
}
