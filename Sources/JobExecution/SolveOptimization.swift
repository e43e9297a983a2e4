internal import MomentEstimation
package import PortfolioModel
internal import PortfolioOptimization
package import Repository
internal import ResultChecker

/// What computing an optimization gave.
package struct ComputedOutcome: Sendable {
    /// The result, or why there is none.
    package var result: Result<OptimizationResult, OptimizationFailure>
    /// Time spent searching for the optimum.
    package var solveTime = Duration.zero
    /// What the checker found; not empty only with a failure `check_failed`.
    package var violations: [String] = []
    /// Whether every job with the same identity has this very outcome.
    package var isShared = false

    package init(result: Result<OptimizationResult, OptimizationFailure>) { self.result = result }
}

extension ComputedOutcome {
    /// Whether it depends on the inputs alone, and not on how far the search came in its time.
    fileprivate var isPure: Bool {
        switch result {
        case .success(let result): result.solution.status == .optimal
        case .failure(let failure): failure.isOfInputsAlone
        }
    }
}

/// Turns a request and its inputs into a checked result: estimate, optimize, plan trades, compute figures, check.
///
/// Nothing the checker rejects leaves here as a result. Jobs with the same request on the same inputs share one
/// computation: a solve is a pure function, so that each would give the same but for the time it took.
package struct SolveOptimization {
    private let clock: () -> Duration
    private let defaultTimeLimit: Duration
    private let cache: MomentsCache
    private var outcomes = RecentlyUsed<JobIdentity, ComputedOutcome>(capacity: Self.outcomeCapacity)

    /// Outcomes kept for jobs that ask the same: about so many weights and trades, of 64 bytes or so each.
    private static let outcomeCapacity = 500_000

    /// The longest time limit that is told from none: a day.
    private static let longestSeconds = 86_400.0

    package init(
        clock: @escaping () -> Duration,
        defaultTimeLimit: Duration,
        moments: MomentsCache = MomentsCache()
    ) {
        cache = moments
        self.clock = clock
        self.defaultTimeLimit = defaultTimeLimit
    }

    /// Computes a job.
    ///
    /// - Parameters:
    ///   - job: the request and the inputs at the pinned versions.
    ///   - tenant: whose it is; moments are kept by tenant.
    ///   - isRevoked: asked once an iteration; true ends the search. The outcome is then to be thrown away.
    /// - Returns: the result or the failure.
    package mutating func outcome(
        of job: OptimizationJob,
        tenant: String,
        isRevoked: () -> Bool
    ) -> ComputedOutcome {
        guard let identity = job.identity else { return compute(job, tenant: tenant, isRevoked: isRevoked) }
        if var known = outcomes.value(for: identity) {
            known.solveTime = .zero
            return known
        }
        var outcome = compute(job, tenant: tenant, isRevoked: isRevoked)
        if outcome.isPure, !isRevoked() {
            outcome.isShared = true
            let weight = job.snapshot.instruments.count * 8 + identity.document.count / 64 + 16
            outcomes.keep(outcome, for: identity, weight: weight)
        }
        return outcome
    }

    private func compute(
        _ job: OptimizationJob,
        tenant: String,
        isRevoked: () -> Bool
    ) -> ComputedOutcome {
        var outcome = ComputedOutcome(result: .failure(OptimizationFailure(code: "check_failed", message: "")))
        do throws(OptimizationFailure) {
            let provided = try cache.moments(
                of: job.snapshot,
                tenant: tenant,
                estimation: job.request.estimation,
                preferences: job.request.preferences
            ).suited(to: job.request, job.snapshot)
            let estimate = try estimateAfterViews(job, provided)
            let moments = try (estimate?.moments ?? provided).ofFirstPeriod(job.request.parameters.horizon)
            try requireReturns(moments, job)
            var prices: CertifyingPrices?
            var solved = try solve(job, moments, isRevoked: isRevoked, &outcome.solveTime, &prices)
            solved.blackLitterman = estimate?.report
            if job.request.type == .scenarioBased, let scenarios = job.request.parameters.scenarios {
                solved.scenarioOutcomes = ScenarioOutcomes(scenarios, of: solved.targetAllocation)
            }
            let check = AllocationCheck(
                snapshot: job.snapshot,
                moments: moments,
                request: job.request,
                momentsBeforeViews: provided
            )
            solved.certificate = check.certificate(of: solved)
            if let prices, solved.certificate == nil {
                solved.certificate = prices.certificate(of: solved, check) { isRevoked() || clock() >= prices.deadline }
            }
            var violations = check.violations(in: solved)
            if let frontier = solved.efficientFrontier {
                let asked = FrontierRequest(beside: job.request)
                violations += FrontierCheck(snapshot: job.snapshot, moments: moments, request: asked)
                    .violations(in: frontier)
            }
            outcome.violations = violations.map(\.description)
            guard violations.isEmpty else {
                throw OptimizationFailure(
                    code: "check_failed",
                    message: "the result did not pass the independent check and was thrown away"
                )
            }
            outcome.result = .success(solved)
        } catch {
            outcome.result = .failure(error)
        }
        return outcome
    }

    /// The moments that a Black–Litterman request's views make of those provided; nil for the other types.
    private func estimateAfterViews(
        _ job: OptimizationJob,
        _ provided: Moments
    ) throws(OptimizationFailure) -> BlackLittermanEstimate? {
        guard job.request.type == .blackLitterman else { return nil }
        return try blackLittermanMoments(
            of: provided,
            benchmark: job.snapshot.portfolio.benchmark,
            parameters: job.request.parameters,
            preferences: job.snapshot.portfolio.preferences.overridden(by: job.request.preferences)
        )
    }

    /// An objective or a limit on returns has no meaning where none are known.
    private func requireReturns(_ moments: Moments, _ job: OptimizationJob) throws(OptimizationFailure) {
        let limits = job.snapshot.portfolio.constraints.overridden(by: job.request.constraints)
        guard moments.expectedReturnsEstimator == "none" else { return }
        let isAboutReturn = job.request.objective.needsExpectedReturns || job.request.terms.needExpectedReturns
        guard !isAboutReturn, limits.minReturn == nil else {
            throw OptimizationFailure(
                code: "missing_expected_returns",
                message: "the risk model has neither expected returns nor a history to estimate them from"
            )
        }
    }

    private func solve(
        _ job: OptimizationJob,
        _ moments: Moments,
        isRevoked: () -> Bool,
        _ solveTime: inout Duration,
        _ prices: inout CertifyingPrices?
    ) throws(OptimizationFailure) -> OptimizationResult {
        let problem = try AllocationProblem(snapshot: job.snapshot, moments: moments, request: job.request)
        let started = clock()
        let deadline = started + timeLimit(problem.preferences)
        defer { solveTime = clock() - started }
        var solution: AllocationSolution
        do throws(OptimizationFailure) {
            solution = try optimizeAllocation(problem) { isRevoked() || clock() >= deadline }
        } catch {
            var failure = error
            if failure.code == "no_excess_return" {
                failure.minimumRiskAllocation = leastRisk(job, moments) { isRevoked() || clock() >= deadline }
            }
            throw failure
        }
        solution.report.solveMilliseconds = (clock() - started).inMilliseconds
        prices = CertifyingPrices(
            job: job,
            moments: moments,
            asChosen: solution.constraintsAsChosen,
            root: solution.searchRoot.map { PricedAllocation($0, of: problem) },
            deadline: deadline
        )
        var result = try result(of: solution, problem, moments, job.snapshot)
        result.objectiveTerms = try termValues(of: problem, at: solution)
        if job.request.objective == .multiObjective, let count = job.request.parameters.paretoPoints {
            addParetoSet(to: &result, problem, count) { isRevoked() || clock() >= deadline }
        }
        result.path = solution.path?.planned(in: problem)
        if let path = solution.path {
            // It claims nothing yet: the check sees what the prices prove.
            result.certificate = OptimalityCertificate(
                objective: path.objective,
                bound: .infinity,
                budgetPrices: path.budgetPrices
            )
        }
        if job.request.frontierPointCount > 0, moments.expectedReturnsEstimator == "none" {
            let message = "The efficient frontier was not traced: the risk model has no expected returns."
            result.warnings.append(ResultWarning(code: "frontier_unavailable", message: message))
        } else if job.request.frontierPointCount > 0 {
            try addFrontier(to: &result, nominalProblem(job, moments) ?? problem, job.request) {
                isRevoked() || clock() >= deadline
            }
        }
        return result
    }

    /// Finds the non-dominated set under the same limits; an allocation is an answer without one, too.
    private func addParetoSet(
        to result: inout OptimizationResult,
        _ problem: AllocationProblem,
        _ count: Int,
        shouldStop: () -> Bool
    ) {
        do throws(OptimizationFailure) {
            let traced = try traceParetoSet(problem, pointCount: count, shouldStop: shouldStop)
            result.paretoSet = traced.points.map { ParetoPoint($0, of: problem) }
            if traced.isIncomplete {
                let message =
                    "The search for non-dominated allocations ended before all that were asked for were found."
                result.warnings.append(ResultWarning(code: "pareto_set_incomplete", message: message))
            }
        } catch {
            let message = "The non-dominated allocations were not found: \(error.message)"
            result.warnings.append(ResultWarning(code: "pareto_set_unavailable", message: message))
        }
    }

    /// The problem without uncertainty, whose frontier stands beside a robust allocation; nil for the other types.
    private func nominalProblem(
        _ job: OptimizationJob,
        _ moments: Moments
    ) throws(OptimizationFailure) -> AllocationProblem? {
        guard job.request.type == .robust else { return nil }
        var request = job.request
        request.type = .meanVariance
        return try AllocationProblem(snapshot: job.snapshot, moments: moments, request: request)
    }

    /// Traces the frontier under the same limits; an allocation is an answer without one, too.
    private func addFrontier(
        to result: inout OptimizationResult,
        _ problem: AllocationProblem,
        _ request: OptimizationRequest,
        shouldStop: () -> Bool
    ) {
        do throws(OptimizationFailure) {
            let traced = try traceFrontier(problem, FrontierRequest(beside: request), shouldStop: shouldStop)
            result.efficientFrontier = traced.points.map { FrontierPoint($0, of: problem) }
        } catch {
            let message = "The efficient frontier was not found: \(error.message)"
            result.warnings.append(ResultWarning(code: "frontier_unavailable", message: message))
        }
    }

    /// What an allocation is guarded against and the worst that can happen to it; nil for types other than robust.
    private func worstCase(
        of allocation: EvaluatedAllocation,
        _ metrics: AllocationMetrics,
        _ problem: AllocationProblem
    ) throws(OptimizationFailure) -> (uncertainty: Uncertainty, report: RobustReport)? {
        guard problem.type == .robust, let uncertainty = problem.parameters.uncertainty else { return nil }
        let report = try robustReport(
            uncertainty,
            weights: allocation.weights,
            metrics: metrics,
            moments: allocation.moments,
            riskMeasure: problem.riskMeasure,
            preferences: allocation.preferences
        )
        return (uncertainty, report)
    }

    /// The allocation of least risk within the same limits, where there is one that passes the checker.
    private func leastRisk(
        _ job: OptimizationJob,
        _ moments: Moments,
        shouldStop: () -> Bool
    ) -> [String: Double]? {
        var request = job.request
        request.objective = .minimizeRisk
        guard let problem = try? AllocationProblem(snapshot: job.snapshot, moments: moments, request: request),
            let solution = try? optimizeAllocation(problem, shouldStop: shouldStop),
            let result = try? result(of: solution, problem, moments, job.snapshot)
        else { return nil }
        let check = AllocationCheck(snapshot: job.snapshot, moments: moments, request: request)
        return check.violations(in: result).isEmpty ? result.targetAllocation : nil
    }

    private func timeLimit(_ preferences: Preferences) -> Duration {
        guard let seconds = preferences.timeLimitSeconds, seconds >= 0 else { return defaultTimeLimit }
        return .milliseconds(min(seconds, Self.longestSeconds) * 1000)
    }

    private func result(
        of solution: AllocationSolution,
        _ problem: AllocationProblem,
        _ moments: Moments,
        _ snapshot: MandateSnapshot
    ) throws(OptimizationFailure) -> OptimizationResult {
        var weightByID: [String: Double] = [:]
        for (instrument, weight) in zip(problem.instruments, solution.weights) { weightByID[instrument.id] = weight }
        let weights = moments.instruments.map { weightByID[$0] ?? 0 }
        let gradient = solution.riskGradient.map { gradient in
            let known = Dictionary(uniqueKeysWithValues: zip(problem.instruments.map(\.id), gradient))
            return moments.instruments.map { known[$0] ?? 0 }
        }
        let allocation = EvaluatedAllocation(
            weights: weights,
            cash: solution.cash,
            moments: moments,
            holdings: try Holdings(snapshot),
            benchmark: snapshot.portfolio.benchmark,
            preferences: problem.preferences,
            measured: problem.riskMeasure == .volatility
                ? nil
                : try MeasuredRisk(
                    problem.riskMeasure,
                    weights: weights,
                    moments: moments,
                    preferences: problem.preferences,
                    gradient: gradient
                )
        )
        let plan = try planTrades(
            toward: allocation.allocation,
            snapshot: snapshot,
            preferences: problem.preferences
        )
        var warnings: [ResultWarning] = []
        for warning in moments.warnings + solution.warnings + problem.warnings + plan.warnings
        where !warnings.contains(warning) { warnings.append(warning) }
        let metrics = allocation.metrics(of: plan)
        let robust = try worstCase(of: allocation, metrics, problem)
        let trades =
            problem.objective.isOfTerms
            ? plan.trades
            : try TradeExplanation(
                allocation,
                metrics: metrics,
                objective: problem.objective,
                measure: problem.riskMeasure,
                robust: robust
            ).explained(plan.trades)
        var result = OptimizationResult(
            metrics: metrics,
            currentAllocation: allocation.holdings.allocation,
            targetAllocation: allocation.allocation,
            trades: trades,
            solution: solution.report,
            bindingConstraints: solution.bindingConstraints,
            riskContributions: allocation.riskContributions,
            constraints: problem.constraints,
            preferences: problem.preferences,
            inputs: ResultInputs(
                versions: snapshot.versions,
                expectedReturnsEstimator: moments.expectedReturnsEstimator,
                covarianceEstimator: moments.covarianceEstimator,
                covarianceConditionNumber: moments.covarianceConditionNumber,
                kernel: computingKernel
            ),
            warnings: warnings
        )
        result.grandfatheredLimits = problem.grandfatheredLimits
        result.softLimits = problem.softLimits(weights: solution.weights, cash: solution.cash)
        result.excluded = problem.excluded(from: solution)
        result.robust = robust?.report
        return result
    }
}
