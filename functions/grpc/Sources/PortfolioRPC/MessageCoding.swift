import GRPCCore
import PortfolioCalls
import SwiftProtobuf

/// A message in its wire format: what goes out is encoded once, away from the event loop, and may be kept.
struct EncodedMessage: Sendable {
    var bytes: [UInt8]
}

/// Hands on what is encoded already.
struct EncodedMessageSerializer: MessageSerializer {
    func serialize<Bytes: GRPCContiguousBytes>(_ message: EncodedMessage) -> Bytes { Bytes(message.bytes) }
}

/// Messages as the documents that the service's readers take, and documents as messages.
///
/// The names of the messages' fields are those of REST, so that the protocol's own JSON mapping fits both ways. Doubles
/// are written in the shortest form that reads back to the same bits.
enum MessageCoding {
    private static let writing: JSONEncodingOptions = {
        var options = JSONEncodingOptions()
        options.preserveProtoFieldNames = true
        return options
    }()

    private static let reading: JSONDecodingOptions = {
        var options = JSONDecodingOptions()
        options.ignoreUnknownFields = true
        return options
    }()

    /// A request as the document of its REST twin.
    static func document(of message: some Message) throws(CallProblem) -> [UInt8] {
        do {
            return try message.jsonUTF8Bytes(options: writing)
        } catch {
            throw CallProblem(status: 400, code: "invalid", detail: "The message cannot be read.")
        }
    }

    /// A document as a message of a kind; what the message has no field for is left out.
    static func message<Answer: Message>(
        _ document: [UInt8],
        as kind: Answer.Type
    ) throws(CallProblem) -> EncodedMessage {
        do {
            return EncodedMessage(bytes: try kind.init(jsonUTF8Bytes: document, options: reading).serializedBytes())
        } catch {
            throw CallProblem.internalFault
        }
    }
}
