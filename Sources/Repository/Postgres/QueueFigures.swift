import PortfolioModel

/// The queue as it was a moment ago: how deep, how fast it moves.
///
/// For estimates and for the limit. Counting costs as much as the queue is deep, so that it is asked for a few times a
/// second, not at every submission; in between a process counts its own submissions.
struct QueueFigures {
    /// Jobs in the queue, counted up to `countLimit`.
    var depth: Int
    /// What a job took lately, in seconds of one worker.
    var secondsPerJob: Double
    /// Workers that finished a job lately; at least 1.
    var workers: Int
    /// When this was asked for; nil for never.
    private var takenAt: ContinuousClock.Instant?

    /// Jobs in the queue above which no more are taken in.
    static let limit = 20_000
    /// Counting further than a little above the limit would tell nothing.
    static let countLimit = limit + 1
    /// How old the figures may be.
    static let lifetime = Duration.milliseconds(100)
    /// What a job is taken to cost before any was measured.
    static let assumedSecondsPerJob = 0.05

    /// Figures before any were asked for.
    init() {
        depth = 0
        secondsPerJob = Self.assumedSecondsPerJob
        workers = 1
    }

    /// Figures just read.
    init(depth: Int, secondsPerJob: Double?, workers: Int) {
        self.depth = depth
        self.secondsPerJob = secondsPerJob ?? Self.assumedSecondsPerJob
        self.workers = max(1, workers)
        takenAt = .now
    }

    /// Whether they should be asked for again.
    var isStale: Bool {
        guard let takenAt else { return true }
        return ContinuousClock.now - takenAt > Self.lifetime
    }

    /// Whether they were never asked for.
    var isUnknown: Bool { takenAt == nil }

    /// Whether no more jobs are taken in.
    var isFull: Bool { depth >= Self.limit }

    /// When a job submitted last, at the given moment, should be done: the queue's depth times a job's time.
    func estimatedCompletion(from start: Timestamp) -> Timestamp {
        let seconds = Double(depth) * secondsPerJob / Double(workers)
        let microseconds = Int64(exactly: (seconds * 1e6).rounded()) ?? 0
        return Timestamp(microseconds: start.microseconds + max(0, microseconds))
    }

    static let query = Statement(
        "optimizations.queueFigures",
        "SELECT depth, seconds_per_job, workers FROM jobs.queue_figures($1::bigint::integer)"
    )
}
