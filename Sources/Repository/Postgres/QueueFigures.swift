import PortfolioModel

/// The queue as it was a moment ago: how deep, how fast it moves.
struct QueueFigures {
    /// Jobs in the queue.
    var depth: Int
    /// What a job took lately, in seconds of one worker.
    var secondsPerJob: Double
    /// Workers that finished a job lately; at least 1.
    var workers: Int

    /// What a job is taken to cost before any was measured.
    static let assumedSecondsPerJob = 0.05

    init(depth: Int, secondsPerJob: Double?, workers: Int?) {
        self.depth = depth
        self.secondsPerJob = secondsPerJob ?? Self.assumedSecondsPerJob
        self.workers = max(1, workers ?? 1)
    }

    /// Jobs that a worker can hold, at most.
    static let largestBatch = 1000
    /// How long workers are taken to be busy after the queue was found longer than what all of them can hold.
    static let busyTime = Duration.milliseconds(100)

    /// Whether there are jobs that nobody holds, so that no worker can be waiting for one.
    var keepsWorkersBusy: Bool { depth > Self.largestBatch * workers }

    /// Until the last of the jobs is done: depth times a job's time, over the workers.
    private var secondsOfWork: Double { Double(depth) * secondsPerJob / Double(workers) }

    /// The same, in microseconds.
    var microsecondsOfWork: Int64 { max(0, Int64(exactly: (secondsOfWork * 1e6).rounded()) ?? 0) }

    /// When the last of the jobs should be done, counted from the given moment.
    func estimatedCompletion(from start: Timestamp) -> Timestamp {
        Timestamp(microseconds: start.microseconds + microsecondsOfWork)
    }

    /// When a refused caller should try again.
    var retryAfterSeconds: Int {
        let range = QueueFull.retrySeconds
        let seconds = min(max(secondsOfWork.rounded(.up), Double(range.lowerBound)), Double(range.upperBound))
        return Int(exactly: seconds) ?? range.upperBound
    }
}
