import Matrices
import PortfolioModel
import PortfolioOptimization
import ResultChecker
import Testing

/// Mandates over the whole language against cvxpy with Clarabel, HiGHS and SCIP.
@Suite("The whole language of mandates")
struct LanguageMandateTests {
    static let solvable = RandomMandate.language.filter { $0.status == "optimal" }
    static let refused = RandomMandate.language.filter { $0.status != "optimal" }

    @Test func `the fixture holds two thousand mandates with every limit, and both ends`() {
        let all = RandomMandate.language
        #expect(all.count >= 2000)
        #expect(all.filter { $0.status == "infeasible" }.count >= 500)
        #expect(all.filter { $0.status == "optimal" && $0.constraints.max_positions != nil }.count >= 50)
        #expect(all.filter { $0.status == "optimal" && $0.constraints.min_position_size != nil }.count >= 50)
        #expect(all.filter { $0.status == "optimal" && $0.constraints.max_tracking_error != nil }.count >= 100)
        #expect(all.filter { $0.status == "optimal" && $0.constraints.factor_exposures != nil }.count >= 100)
        #expect(Set(all.map(\.objective)).count == 8)
    }

    @Test(arguments: solvable)
    func `the optimum is the reference's, and the checker accepts all that is said of it`(
        _ example: RandomMandate
    ) throws {
        try Self.expectOptimum(example)
    }

    /// The optimum is the reference's, and the checker accepts all that is said of it.
    static func expectOptimum(_ example: RandomMandate) throws {
        let objective = try #require(Objective(rawValue: example.objective))
        let mandate = example.whole
        let problem = try mandate.problem(objective)
        let solution = try optimizeAllocation(problem) { false }
        let isLeast = objective.rawValue.hasPrefix("minimize")
        let expected = try #require(example.expected.map { isLeast ? -$0 : $0 })
        let value = Figures(problem, solution.weights, solution.cash).value(objective)
        let allowed = 1e-6 * max(abs(expected), 1e-4)
        // A tracking error near 0 is the root of what the reference's own tolerance leaves: the answer may be better.
        let isSmall = objective == .minimizeTrackingError && expected > -1e-3
        #expect(value - expected >= -allowed && (isSmall || value - expected <= allowed), "\(value), not \(expected)")
        #expect(abs(solution.weights.reduce(solution.cash, +) - 1) <= 1e-12)
        #expect(solution.weights.allSatisfy { $0 == 0 || abs($0) >= 1e-9 }, "dust")

        let asked = mandate.asked(objective)
        var result = try Self.result(of: solution, problem, asked.snapshot, asked.moments)
        let check = AllocationCheck(snapshot: asked.snapshot, moments: asked.moments, request: asked.request)
        result.certificate = check.certificate(of: result)
        #expect(check.violations(in: result).isEmpty, "\(check.violations(in: result))")
        // Who is held may decide without any limit that binds.
        let chooses = problem.constraints.maxPositions != nil || problem.constraints.minPositionSize != nil
        if !chooses, !solution.bindingConstraints.contains(where: { $0.shadowPrice == nil }) {
            #expect(result.certificate != nil, "\(solution.report) \(solution.bindingConstraints)")
        }
    }

    @Test(arguments: refused)
    func `what has no allocation is told why, each repair works, and a little less does not`(
        _ example: RandomMandate
    ) throws {
        try Self.expectExplanation(example)
    }

    /// What has no allocation is told why, each repair works, and a little less does not.
    static func expectExplanation(_ example: RandomMandate) throws {
        let objective = try #require(Objective(rawValue: example.objective))
        let mandate = example.whole
        let failure = try #require(try mandate.failure(objective))
        #expect(failure.code == example.status, "\(failure)")
        guard failure.code == "infeasible" else { return }
        #expect(!failure.conflicts.isEmpty)
        for conflict in failure.conflicts {
            guard let nearest = conflict.nearestFeasible else { continue }
            #expect(try isMet(mandate, [(conflict.constraint, nearest)], objective), "\(conflict)")
            let isCount = conflict.constraint == "/max_positions"
            let less = isCount ? nearest - 1 : nearest - 1e-4 * (nearest - conflict.bound)
            guard abs(less - nearest) > 2e-8, !(isCount && less <= conflict.bound) else { continue }
            #expect(try !isMet(mandate, [(conflict.constraint, less)], objective), "\(conflict) less")
        }
        try checkCombined(failure, mandate, objective)
    }

    /// The moves together make it feasible, a little less of all of them does not, and no single one is cheaper.
    private static func checkCombined(
        _ failure: OptimizationFailure,
        _ mandate: TestMandate,
        _ objective: Objective
    ) throws {
        let repair = failure.combinedRepair
        #expect(!repair.isEmpty)
        #expect(try isMet(mandate, repair.map { ($0.constraint, $0.repaired) }, objective), "\(repair)")
        func cost(_ bound: Double, _ repaired: Double) -> Double { abs(repaired - bound) / max(abs(bound), 0.01) }
        let total = repair.reduce(0) { $0 + cost($1.bound, $1.repaired) }
        let less = repair.filter { $0.constraint != "/max_positions" }
            .map { ($0.constraint, $0.repaired - 1e-3 * ($0.repaired - $0.bound)) }
        let whole = repair.filter { $0.constraint == "/max_positions" }.map { ($0.constraint, $0.repaired) }
        if !less.isEmpty, total > 1e-4 {
            #expect(try !isMet(mandate, less + whole, objective), "less than \(repair)")
        }
        for conflict in failure.conflicts {
            guard let nearest = conflict.nearestFeasible, conflict.constraint != "/max_positions" else { continue }
            #expect(total <= cost(conflict.bound, nearest) * (1 + 1e-6) + 1e-7, "\(conflict) is cheaper than \(repair)")
        }
    }

    private static func isMet(
        _ mandate: TestMandate,
        _ values: [(pointer: String, value: Double)],
        _ objective: Objective
    ) throws -> Bool {
        var moved = mandate
        for (pointer, value) in values { moved.constraints.set(pointer, value) }
        let verdict = try moved.verdict(objective)
        #expect(verdict != "numerical_difficulty")
        return verdict != "infeasible" && verdict != "numerical_difficulty"
    }

    /// A solution with all that is said of it.
    static func result(
        of solution: AllocationSolution,
        _ problem: AllocationProblem,
        _ snapshot: MandateSnapshot,
        _ moments: Moments
    ) throws -> OptimizationResult {
        var weights: [String: Double] = [:]
        for (instrument, weight) in zip(problem.instruments, solution.weights) { weights[instrument.id] = weight }
        let allocation = EvaluatedAllocation(
            weights: moments.instruments.map { weights[$0] ?? 0 },
            cash: solution.cash,
            moments: moments,
            holdings: try Holdings(snapshot),
            benchmark: snapshot.portfolio.benchmark,
            preferences: problem.preferences
        )
        let plan = try planTrades(
            toward: allocation.allocation,
            snapshot: snapshot,
            preferences: problem.preferences
        )
        let metrics = allocation.metrics(of: plan)
        let explanation = try TradeExplanation(
            allocation,
            metrics: metrics,
            objective: problem.objective,
            measure: problem.riskMeasure
        )
        var result = OptimizationResult(
            metrics: metrics,
            currentAllocation: allocation.holdings.allocation,
            targetAllocation: allocation.allocation,
            trades: explanation.explained(plan.trades),
            solution: solution.report,
            bindingConstraints: solution.bindingConstraints,
            riskContributions: allocation.riskContributions,
            constraints: problem.constraints,
            preferences: problem.preferences,
            inputs: ResultInputs(
                versions: snapshot.versions,
                expectedReturnsEstimator: moments.expectedReturnsEstimator,
                covarianceEstimator: moments.covarianceEstimator,
                kernel: computingKernel
            ),
            warnings: moments.warnings + solution.warnings + plan.warnings
        )
        result.grandfatheredLimits = problem.grandfatheredLimits
        result.softLimits = problem.softLimits(weights: solution.weights, cash: solution.cash)
        result.excluded = problem.excluded(from: solution)
        return result
    }
}
