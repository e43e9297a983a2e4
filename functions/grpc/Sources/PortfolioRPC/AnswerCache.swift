import PortfolioCalls
import Synchronization

/// Messages that never change any more, kept by whose they are and what they are, within a limit of bytes.
///
/// Two generations: what is asked for is moved to the young one; when that is full, the old one is dropped and the young
/// one grows old. So what is in use stays, at the cost of one look-up.
final class AnswerCache: Sendable {
    /// What a message is kept under: nobody is given another tenant's.
    struct Key: Hashable, Sendable {
        var tenant: String?
        var id: String
    }

    private struct State {
        var young: [Key: EncodedMessage] = [:]
        var old: [Key: EncodedMessage] = [:]
        var youngBytes = 0
    }

    private let generationBytes: Int
    private let state = Mutex(State())

    /// - Parameter capacity: bytes of messages.
    init(capacity: Int) { generationBytes = capacity / 2 }

    func value(for key: Key) -> EncodedMessage? {
        state.withLock { state in
            if let message = state.young[key] { return message }
            guard let message = state.old.removeValue(forKey: key) else { return nil }
            insert(message, key, &state)
            return message
        }
    }

    func keep(_ message: EncodedMessage, for key: Key) {
        guard message.bytes.count <= generationBytes else { return }
        state.withLock { insert(message, key, &$0) }
    }

    private func insert(_ message: EncodedMessage, _ key: Key, _ state: inout State) {
        if state.youngBytes + message.bytes.count > generationBytes {
            state.old = state.young
            state.young = [:]
            state.youngBytes = 0
        }
        state.youngBytes += message.bytes.count - (state.young[key]?.bytes.count ?? 0)
        state.young[key] = message
    }
}
