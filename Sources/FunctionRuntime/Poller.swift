import CFastCGI
import Glibc

/// An operating system call without which the loop cannot go on failed.
package struct SystemCallError: Error, Equatable, CustomStringConvertible {
    /// The call.
    package var call: String
    /// Its `errno`.
    package var code: Int32

    package var description: String { "\(call) failed with errno \(code)" }
}

/// The descriptors the loop waits for: epoll, level-triggered.
final class Poller {
    /// Tells the loop's descriptors apart, and a connection from an earlier one of the same number.
    struct Token: Hashable {
        var value: UInt64

        init(descriptor: Int32, generation: UInt32) {
            value = UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor))
        }

        init(value: UInt64) { self.value = value }

        var descriptor: Int32 { Int32(bitPattern: UInt32(truncatingIfNeeded: value)) }
        var generation: UInt32 { UInt32(value >> 32) }
    }

    private let descriptor: Int32
    private var events = [cfastcgi_event](repeating: cfastcgi_event(), count: 64)

    init() throws(SystemCallError) {
        descriptor = cfastcgi_epoll_create()
        guard descriptor >= 0 else { throw SystemCallError(call: "epoll_create1", code: errno) }
    }

    deinit { close(descriptor) }

    /// Watches a descriptor for something to read, or for its peer's end.
    func watch(_ token: Token) -> Bool {
        let events = UInt32(cfastcgi_readable | cfastcgi_peer_closed)
        return cfastcgi_epoll_add(descriptor, token.descriptor, events, token.value) == 0
    }

    /// Watches the listening socket that other processes watch too: one of them is woken by a connection, not all.
    func watchExclusively(_ token: Token) -> Bool {
        let events = UInt32(cfastcgi_readable | cfastcgi_exclusive)
        return cfastcgi_epoll_add(descriptor, token.descriptor, events, token.value) == 0
    }

    /// Watches a descriptor that may be watched already, or may be a new one under an old number.
    func keepWatching(_ token: Token) {
        let events = UInt32(cfastcgi_readable)
        if cfastcgi_epoll_modify(descriptor, token.descriptor, events, token.value) != 0, errno == ENOENT {
            _ = cfastcgi_epoll_add(descriptor, token.descriptor, events, token.value)
        }
    }

    /// Watches a connection also for room to write.
    func watchForRoom(_ token: Token) {
        let events = UInt32(cfastcgi_readable | cfastcgi_peer_closed | cfastcgi_writable)
        _ = cfastcgi_epoll_modify(descriptor, token.descriptor, events, token.value)
    }

    /// Watches a connection as before ``watchForRoom(_:)``.
    func watchForRoomNoMore(_ token: Token) {
        let events = UInt32(cfastcgi_readable | cfastcgi_peer_closed)
        _ = cfastcgi_epoll_modify(descriptor, token.descriptor, events, token.value)
    }

    /// Watches a descriptor no more.
    func forget(_ descriptor: Int32) { _ = cfastcgi_epoll_remove(self.descriptor, descriptor) }

    /// Waits until something happens or the time is up.
    func wait(milliseconds: Int32) throws(SystemCallError) -> [Token] {
        let count = cfastcgi_epoll_wait(descriptor, &events, Int32(events.count), milliseconds)
        guard count >= 0 else { throw SystemCallError(call: "epoll_wait", code: errno) }
        return events[..<Int(count)].map { Token(value: $0.token) }
    }
}
