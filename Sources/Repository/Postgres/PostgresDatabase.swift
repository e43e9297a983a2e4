/// The database of the service: every repository over one connection, made when first needed and made anew when lost.
///
/// An instance, and everything got from it, belongs to one thread at a time; a second thread (a worker's lease thread)
/// makes an instance of its own. The role that the URL names decides what works: each function has one with the least
/// it needs.
package final class PostgresDatabase {
    /// The inputs: portfolios, risk models, instruments.
    package let inputs: any InputRepository
    /// Requests for optimizations and their answers.
    package let optimizations: any OptimizationRepository
    /// Submissions that carry a key of their caller's.
    package let keyedSubmissions: any KeyedSubmissionRepository
    /// Lists of optimizations.
    package let listing: any OptimizationListing
    /// Computations that somebody waits for.
    package let computations: any ComputationRepository
    /// The job table.
    package let jobs: any JobRepository
    /// Whether the database can serve.
    package let health: any DatabaseHealth

    private let url: String
    private let applicationName: String

    /// Names the database; nothing is connected yet.
    ///
    /// - Parameters:
    ///   - url: a libpq connection string or `postgresql://` URL; its settings beat ours.
    ///   - applicationName: how the server's views name this process.
    ///   - queueLimits: beyond which submissions are refused.
    ///   - inputCacheBytes: how much of what jobs are computed from is kept in memory.
    package init(
        url: String,
        applicationName: String,
        queueLimits: QueueLimits = QueueLimits(),
        inputCacheBytes: Int = 256 << 20
    ) {
        self.url = url
        self.applicationName = applicationName
        let session = PostgresSession(url: url, applicationName: applicationName)
        inputs = PostgresInputRepository(session: session)
        let requests = PostgresOptimizationRepository(session: session, limits: queueLimits)
        optimizations = requests
        keyedSubmissions = requests
        listing = requests
        computations = PostgresComputationRepository(session: session, limits: queueLimits)
        jobs = PostgresJobRepository(session: session, inputCacheBytes: inputCacheBytes)
        health = PostgresDatabaseHealth(session: session)
    }

    /// Hears of ended jobs, over a connection of its own.
    package func makeJobNotifications() -> any JobNotifications {
        PostgresJobNotifications(url: url, applicationName: applicationName)
    }
}
