internal import Glibc

/// Time since the machine was started, suspended time included.
///
/// `CLOCK_BOOTTIME`, since the database's clock goes on while this machine sleeps, and leases with it.
package func monotonicNow() -> Duration {
    var now = timespec()
    clock_gettime(CLOCK_BOOTTIME, &now)
    return .seconds(Int64(now.tv_sec)) + .nanoseconds(Int64(now.tv_nsec))
}

/// Lets the calling thread sleep; a signal ends it early.
package func pauseThread(for time: Duration) {
    guard time > .zero else { return }
    var left = timespec()
    left.tv_sec = Int(time.components.seconds)
    left.tv_nsec = Int(time.components.attoseconds / 1_000_000_000)
    nanosleep(&left, nil)
}
