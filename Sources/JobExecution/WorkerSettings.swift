/// How a worker claims, holds and finishes jobs.
package struct WorkerSettings: Equatable, Sendable {
    /// The most jobs claimed at once.
    package var batchSize: Int
    /// For how long a claim or a renewal holds a job.
    package var leaseTime: Duration
    /// How often held jobs are renewed.
    package var renewalPeriod: Duration
    /// How long an idle worker waits for a notification before it looks for itself.
    package var pollPeriod: Duration
    /// A batch is finished early once its first outcome has waited so long: one fsync serves many small jobs, and
    /// none waits for a large one.
    package var finishAfter = Duration.milliseconds(20)
    /// So much work is claimed at once, by what jobs took lately: the rest stays for other workers.
    package var claimedWork = Duration.milliseconds(100)
    /// For so long after its last claim an idle worker looks often: while the queue is long, submissions do not notify.
    package var watchfulTime = Duration.seconds(1)
    /// How often that is.
    package var watchfulPeriod = Duration.milliseconds(10)
    /// Jobs claimed at once while nothing is known of what they take.
    package var firstBatchSize = 16
    /// The limit on a solve whose request names none.
    package var defaultTimeLimit = Duration.seconds(60)

    package init(batchSize: Int, leaseTime: Duration, renewalPeriod: Duration, pollPeriod: Duration) {
        self.batchSize = max(1, batchSize)
        self.leaseTime = leaseTime
        self.renewalPeriod = renewalPeriod
        self.pollPeriod = pollPeriod
    }
}

extension Duration {
    /// The span in seconds, for interfaces that take numbers.
    package var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }

    /// The span in milliseconds, for logs and results.
    package var inMilliseconds: Double { inSeconds * 1000 }
}
