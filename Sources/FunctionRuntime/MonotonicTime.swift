import Glibc

/// A moment of the clock that only goes forward; deadlines compare it, so a change of the date moves none of them.
package struct MonotonicTime: Comparable, Sendable {
    /// Nanoseconds since some start that only differences make sense of.
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// The present moment.
    package static func now() -> MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// The longest span that is told from for ever: a day, in seconds.
    private static let longestSeconds = 86_400.0

    /// The moment so many seconds later; a span that is negative or no number counts as 0, one beyond a day as a day.
    package func adding(seconds: Double) -> MonotonicTime {
        let span = seconds > 0 ? min(seconds, Self.longestSeconds) : 0
        return MonotonicTime(nanoseconds: nanoseconds + Int64(span * 1_000_000_000))
    }

    /// Seconds from an earlier moment to this one.
    package func seconds(since earlier: MonotonicTime) -> Double {
        Double(nanoseconds - earlier.nanoseconds) / 1_000_000_000
    }

    package static func < (left: MonotonicTime, right: MonotonicTime) -> Bool { left.nanoseconds < right.nanoseconds }
}
