import PortfolioCalls
import SwiftProtobuf

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

    /// A document as a message; what the message has no field for is left out.
    static func message<Answer: Message>(_ document: [UInt8]) throws(CallProblem) -> Answer {
        do {
            return try Answer(jsonUTF8Bytes: document, options: reading)
        } catch {
            throw CallProblem.internalFault
        }
    }
}
