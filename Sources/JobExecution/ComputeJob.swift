internal import PortfolioDocuments
package import PortfolioModel
package import Repository

/// What computing a job gave, whatever its kind.
package struct ComputedJob: Sendable {
    /// The outcome, with the request it answers.
    package var outcome: JobOutcome
    /// Time spent searching.
    package var solveTime: Duration
    /// What the checker found; not empty only with a failure `check_failed`.
    package var violations: [String]
    /// Whether every job with the same identity has this very outcome.
    package var isShared: Bool

    package init(
        outcome: JobOutcome,
        solveTime: Duration = .zero,
        violations: [String] = [],
        isShared: Bool = false
    ) {
        self.outcome = outcome
        self.solveTime = solveTime
        self.violations = violations
        self.isShared = isShared
    }

    /// An optimization's.
    package init(_ computed: ComputedOutcome, of request: OptimizationRequest) {
        self.init(
            outcome: .optimization(request, computed.result),
            solveTime: computed.solveTime,
            violations: computed.violations,
            isShared: computed.isShared
        )
    }
}

/// Computes jobs of every kind: the one switch from a kind to what computes it.
package struct ComputeJob {
    private var optimizations: SolveOptimization
    private let moments = MomentsCache()
    private let clock: () -> Duration
    private let defaultTimeLimit: Duration

    package init(clock: @escaping () -> Duration, defaultTimeLimit: Duration) {
        self.clock = clock
        self.defaultTimeLimit = defaultTimeLimit
        optimizations = SolveOptimization(clock: clock, defaultTimeLimit: defaultTimeLimit, moments: moments)
    }

    /// Computes a job.
    ///
    /// - Parameters:
    ///   - content: the request and the inputs at the pinned versions.
    ///   - tenant: whose it is; moments are kept by tenant.
    ///   - isRevoked: asked once an iteration; true ends the search. The outcome is then to be thrown away.
    /// - Returns: the outcome with the request it answers.
    package mutating func outcome(
        of content: JobContent,
        tenant: String,
        isRevoked: () -> Bool
    ) -> ComputedJob {
        switch content {
        case .optimization(let job):
            let computed = optimizations.outcome(of: job, tenant: tenant, isRevoked: isRevoked)
            return ComputedJob(computed, of: job.request)
        case .computation(let job):
            return withoutActuallyEscaping(isRevoked) { isRevoked in
                let context = ComputationContext(
                    job: job,
                    tenant: tenant,
                    moments: moments,
                    clock: clock,
                    defaultTimeLimit: defaultTimeLimit,
                    isRevoked: isRevoked
                )
                return Self.outcome(of: job, context)
            }
        }
    }

    private static func outcome(of job: ComputationJob, _ context: ComputationContext) -> ComputedJob {
        let result: Result<[UInt8], OptimizationFailure>
        do throws(OptimizationFailure) {
            result = .success(try members(of: job, context))
        } catch {
            result = .failure(error)
        }
        return ComputedJob(
            outcome: .computation(job.request, result),
            solveTime: context.solveTime,
            violations: context.violations
        )
    }

    /// The members of a kind's answer: an object, as JSON.
    private static func members(
        of job: ComputationJob,
        _ context: ComputationContext
    ) throws(OptimizationFailure) -> [UInt8] {
        switch job.request.kind {
        case .efficientFrontier: try computeFrontier(context)
        case .factorAnalysis: try computeFactorAnalysis(context)
        case .rebalance: try computeRebalance(context)
        }
    }
}

/// What computing a job may use and has to tell, beside the job itself.
final class ComputationContext {
    let job: ComputationJob
    /// Time spent searching, for the log.
    private(set) var solveTime = Duration.zero
    /// What the checker found, for the log.
    private(set) var violations: [String] = []

    private let tenant: String
    private let cache: MomentsCache
    private let clock: () -> Duration
    private let defaultTimeLimit: Duration
    private let isRevoked: () -> Bool

    /// The longest time limit that is told from none: a day.
    private static let longestSeconds = 86_400.0

    init(
        job: ComputationJob,
        tenant: String,
        moments: MomentsCache,
        clock: @escaping () -> Duration,
        defaultTimeLimit: Duration,
        isRevoked: @escaping () -> Bool
    ) {
        self.job = job
        self.tenant = tenant
        cache = moments
        self.clock = clock
        self.defaultTimeLimit = defaultTimeLimit
        self.isRevoked = isRevoked
    }

    /// The moments of the snapshot's risk model; kept from job to job.
    func moments() throws(OptimizationFailure) -> Moments { try cache.moments(of: job.snapshot, tenant: tenant) }

    /// Reads the job's request; one that cannot be read back is a fault of ours.
    func request<Request>(_ read: ([UInt8]) throws -> Request) throws(OptimizationFailure) -> Request {
        do {
            return try read(job.request.document)
        } catch {
            throw LoadFault.unreadable(what: "\(error)").failure
        }
    }

    /// Runs a search within the time that the preferences in force allow.
    ///
    /// - Parameters:
    ///   - preferences: whose time limit holds, if they have one.
    ///   - search: gets the question to ask once an iteration; true ends the search.
    /// - Returns: what the search gave, and how many milliseconds it took.
    /// - Throws: what the search throws.
    func timed<Found>(
        _ preferences: Preferences,
        _ search: (() -> Bool) throws(OptimizationFailure) -> Found
    ) throws(OptimizationFailure) -> (found: Found, milliseconds: Double) {
        let started = clock()
        var limit = defaultTimeLimit
        if let seconds = preferences.timeLimitSeconds, seconds >= 0 {
            limit = .milliseconds(min(seconds, Self.longestSeconds) * 1000)
        }
        let deadline = started + limit
        defer { solveTime += clock() - started }
        let found = try search { [isRevoked, clock] in isRevoked() || clock() >= deadline }
        return (found, (clock() - started).inMilliseconds)
    }

    /// Fails when the checker found something: nothing that it rejects leaves the worker.
    func require(noneOf violations: [String]) throws(OptimizationFailure) {
        self.violations += violations
        guard violations.isEmpty else {
            throw OptimizationFailure(
                code: "check_failed",
                message: "the result did not pass the independent check and was thrown away"
            )
        }
    }
}
