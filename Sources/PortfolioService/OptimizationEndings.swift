package import Repository

/// Tells which optimizations have ended, for whoever waits for one.
package final class OptimizationEndings {
    private let notifications: any JobNotifications

    package init(notifications: any JobNotifications) { self.notifications = notifications }

    /// The descriptor that turns readable when an ending is announced; nil while the connection is away.
    package var fileDescriptor: Int32? { notifications.fileDescriptor }

    /// Takes in what was announced: the identifiers, or nil when announcements may have been lost.
    package func take() -> [String]? { notifications.takeEnded() }
}
