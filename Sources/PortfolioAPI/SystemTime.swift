import Glibc
import PortfolioModel

/// The moment it is, to the second, by the system's clock.
func systemTime() -> Timestamp {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Timestamp(microseconds: Int64(now.tv_sec) * 1_000_000)
}
