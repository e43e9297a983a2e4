import Glibc
import Repository

/// Tells which jobs have ended, over a connection of its own; belongs to one thread.
public final class EndedJobs {
    /// What was heard.
    public enum News: Equatable, Sendable {
        /// These jobs have ended.
        case ended([String])
        /// The connection was lost meanwhile: any may have.
        case anything
    }

    private let notifications: any JobNotifications

    /// Listens on the database of the settings.
    public init(_ settings: CallSettings) {
        notifications = PostgresDatabase(url: settings.databaseURL, applicationName: "\(settings.name) listener")
            .makeJobNotifications()
    }

    /// Waits for news, at most so long; without any it is an empty list.
    public func next(timeoutSeconds: Double) -> News {
        let milliseconds = Int32(exactly: min(max(timeoutSeconds, 0), 60) * 1000) ?? 1000
        guard let descriptor = notifications.fileDescriptor else {
            // The connection is away: it is made anew below, and not more often than this.
            _ = usleep(200_000)
            return news()
        }
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&polled, 1, milliseconds) > 0 else { return .ended([]) }
        return news()
    }

    private func news() -> News { notifications.takeEnded().map(News.ended) ?? .anything }
}
