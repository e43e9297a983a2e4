/// How many jobs may wait or be worked on at once.
package struct QueueLimits: Equatable, Sendable {
    /// Of all tenants together.
    package var total: Int
    /// Of one tenant.
    package var perTenant: Int

    package init(total: Int = 20_000, perTenant: Int = 10_000) {
        self.total = total
        self.perTenant = perTenant
    }
}

/// A job was not taken in, since a limit of the queue is reached.
package struct QueueFull: Equatable, Sendable {
    /// The limit that is reached.
    package enum Limit: String, Sendable {
        case queue, tenant
    }

    package var limit: Limit
    /// When the jobs that are there now should be done: seconds, within ``retrySeconds``.
    package var retryAfterSeconds: Int

    /// Later than a second, so that refused callers do not become a load of their own; not later than a minute, since
    /// the estimate may be wrong and workers may be added.
    package static let retrySeconds = 1...60

    package init(limit: Limit, retryAfterSeconds: Int) {
        self.limit = limit
        self.retryAfterSeconds = retryAfterSeconds
    }
}
