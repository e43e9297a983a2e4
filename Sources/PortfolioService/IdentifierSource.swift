import Glibc
package import PortfolioModel

/// Makes identifiers: a prefix and 26 base-32 characters of a UUID version 7 (RFC 9562).
///
/// A process never makes the same identifier twice and makes them in ascending order: the time has 12 bits below the
/// millisecond (RFC 9562 §6.2, method 3), and a time that does not advance is advanced by one step.
package final class IdentifierSource {
    /// What identifiers of optimizations begin with.
    package static let optimizationPrefix = "opt-"

    private let nanosecondsSinceEpoch: () -> UInt64
    private var random = SystemRandomNumberGenerator()
    private var lastTime: UInt64 = 0

    /// Makes a source on the system's clock.
    package convenience init() { self.init(nanosecondsSinceEpoch: systemNanoseconds) }

    /// Makes a source on a clock of the caller's.
    package init(nanosecondsSinceEpoch: @escaping () -> UInt64) { self.nanosecondsSinceEpoch = nanosecondsSinceEpoch }

    /// An identifier for an optimization, never made before.
    package func makeOptimizationID() -> String { make(Self.optimizationPrefix) }

    /// An identifier for a computation, never made before.
    package func makeComputationID(_ kind: ComputationKind) -> String { make(kind.identifierPrefix) }

    private func make(_ prefix: String) -> String {
        // 60 bits of time: 48 of milliseconds, 12 of 1/4096 ms, stepping over the four version bits.
        let time = max(timeNow(), lastTime + 1)
        lastTime = time
        let version: UInt64 = 7
        let high = (time >> 12) << 16 | version << 12 | time & 0xFFF
        let variant: UInt64 = 0b10
        let low = variant << 62 | random.next() >> 2
        return prefix + CrockfordBase32.encode(high: high, low: low)
    }

    private func timeNow() -> UInt64 {
        let nanoseconds = nanosecondsSinceEpoch()
        let milliseconds = nanoseconds / 1_000_000
        return milliseconds << 12 | (nanoseconds % 1_000_000) * 4096 / 1_000_000
    }
}

private func systemNanoseconds() -> UInt64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return UInt64(clamping: now.tv_sec) * 1_000_000_000 + UInt64(clamping: now.tv_nsec)
}
