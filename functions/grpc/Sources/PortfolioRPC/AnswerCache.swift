import PortfolioCalls
import Synchronization

/// Messages that never change any more, kept by whose they are and what they are, within a limit of bytes.
///
/// Two generations: what is asked for is moved to the young one; when that is full, the old one is dropped and the young
/// one grows old. So what is in use stays, at the cost of one look-up.
final class AnswerCache<Answer: Sendable>: Sendable {
    /// What a message is kept under: nobody is given another tenant's.
    struct Key: Hashable, Sendable {
        var tenant: String?
        var id: String
    }

    private struct Entry {
        var answer: Answer
        var bytes: Int
    }

    private struct State {
        var young: [Key: Entry] = [:]
        var old: [Key: Entry] = [:]
        var youngBytes = 0
    }

    private let generationBytes: Int
    private let state = Mutex(State())

    /// - Parameter capacity: bytes of documents, about what their messages take.
    init(capacity: Int) { generationBytes = capacity / 2 }

    func value(for key: Key) -> Answer? {
        state.withLock { state in
            if let entry = state.young[key] { return entry.answer }
            guard let entry = state.old.removeValue(forKey: key) else { return nil }
            insert(entry, key, &state)
            return entry.answer
        }
    }

    func keep(_ answer: Answer, bytes: Int, for key: Key) {
        guard bytes <= generationBytes else { return }
        state.withLock { insert(Entry(answer: answer, bytes: bytes), key, &$0) }
    }

    private func insert(_ entry: Entry, _ key: Key, _ state: inout State) {
        if state.youngBytes + entry.bytes > generationBytes {
            state.old = state.young
            state.young = [:]
            state.youngBytes = 0
        }
        state.youngBytes += entry.bytes - (state.young[key]?.bytes ?? 0)
        state.young[key] = entry
    }
}
