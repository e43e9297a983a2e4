import PortfolioModel
import PortfolioOptimization
import ResultChecker
import Testing

@Suite("Limits that may be exceeded at a price")
struct SoftLimitsTests {
    static let solvable = RandomMandate.soft.filter { $0.status == "optimal" }
    static let refused = RandomMandate.soft.filter { $0.status != "optimal" }

    /// Three instruments held alike, of which the first earns 0.05 more than the last.
    private func mandate(_ soft: [SoftLimit]) -> TestMandate {
        var mandate = TestMandate(
            expectedReturns: [0.09, 0.06, 0.04],
            covariance: [[0.04, 0, 0], [0, 0.03, 0], [0, 0, 0.02]]
        )
        mandate.constraints.softLimits = soft
        return mandate
    }

    private func value(_ problem: AllocationProblem, _ solution: AllocationSolution, _ objective: Objective) -> Double {
        let paid = problem.softLimits(weights: solution.weights, cash: solution.cash).reduce(0) { $0 + $1.cost }
        return Figures(problem, solution.weights, solution.cash).value(objective) - paid
    }

    @Test(arguments: [(0.02, 1.0), (0.04, 2.0 / 3), (0.06, 0.1 + 1.0 / 3)])
    func `a cap is exceeded as far as the return pays for it`(penalty: Double, expected: Double) throws {
        // A more of A comes from B (0.03) or from C (0.05), which goes first.
        var mandate = mandate([SoftLimit(limit: "/max_weights/A", penalty: penalty)])
        mandate.constraints.maxWeights = ["A": 0.1 + 1.0 / 3]
        if penalty > 0.03 { mandate.constraints.maxWeights?["B"] = 1.0 / 3 }
        let problem = try mandate.problem(.maximizeReturn)
        let solution = try optimizeAllocation(problem) { false }
        #expect(abs(solution.weights[0] - expected) <= 1e-8, "\(solution.weights)")
        let told = problem.softLimits(weights: solution.weights, cash: solution.cash)
        #expect(told.count == 1)
        #expect(abs(told[0].excess - max(0, expected - 0.1 - 1.0 / 3)) <= 1e-8)
        #expect(told[0].penalty == penalty)
        let isMet = expected < 0.5
        #expect(solution.bindingConstraints.contains { $0.constraint == "/max_weights/A" } == isMet)
    }

    @Test(arguments: [0.1 + 1.0 / 3, 0.9])
    func `a limit on changes stays hard beside a soft cap, whichever is tighter`(cap: Double) throws {
        var mandate = mandate([SoftLimit(limit: "/max_weights/A", penalty: 0.001)])
        mandate.constraints.maxWeights = ["A": cap]
        mandate.constraints.maxWeightChange = 0.2
        let solution = try mandate.solve(.maximizeReturn)
        #expect(abs(solution.weights[0] - (0.2 + 1.0 / 3)) <= 1e-8, "\(solution.weights)")
    }

    @Test func `a penalty is on the risk, not on its square`() throws {
        // Two of equal risk: the least risk holds half of each, 0.2 / √2. A soft floor of 0.8 for one is paid for until
        // the risk's slope is the penalty.
        var mandate = TestMandate(expectedReturns: [0, 0], covariance: [[0.04, 0], [0, 0.04]])
        mandate.constraints.minWeights = ["A": 0.8]
        mandate.constraints.softLimits = [SoftLimit(limit: "/min_weights/A", penalty: 0.05)]
        let solution = try mandate.solve(.minimizeRisk)
        let w = solution.weights[0]
        let risk = 0.2 * (w * w + (1 - w) * (1 - w)).squareRoot()
        #expect(abs(0.04 * (2 * w - 1) / risk - 0.05) <= 1e-7, "\(w)")
    }

    @Test func `what is met exactly has a price below its penalty`() throws {
        var mandate = mandate([SoftLimit(limit: "/max_turnover", penalty: 0.5)])
        mandate.constraints.maxTurnover = 0.2
        let solution = try mandate.solve(.maximizeReturn)
        let binding = try #require(solution.bindingConstraints.first { $0.constraint == "/max_turnover" })
        #expect(abs((binding.shadowPrice ?? .nan) - 0.05) <= 1e-7)
    }

    @Test func `soft limits never keep a mandate from being met, and never stand among conflicts`() throws {
        var mandate = mandate([
            SoftLimit(limit: "/max_position_size", penalty: 1), SoftLimit(limit: "/max_turnover", penalty: 3),
        ])
        mandate.constraints.maxPositionSize = 0.1
        mandate.constraints.maxTurnover = 0
        let problem = try mandate.problem(.minimizeRisk)
        let solution = try optimizeAllocation(problem) { false }
        let told = problem.softLimits(weights: solution.weights, cash: solution.cash)
        #expect(told.map(\.constraint).filter { $0 == "/max_position_size" }.count == 3)
        mandate.constraints.minCash = 0.4
        mandate.constraints.groups = [GroupLimit(name: "all", members: .instruments(["A", "B", "C"]), min: 0.7)]
        let failure = try #require(try mandate.failure(.minimizeRisk))
        #expect(failure.code == "infeasible")
        #expect(Set(failure.conflicts.map(\.constraint)) == ["/min_cash", "/groups/0/min"])
        #expect(failure.combinedRepair.allSatisfy { !$0.constraint.hasPrefix("/max_") })
    }

    @Test func `a penalty so high that it never pays is a hard limit`() throws {
        for example in Self.solvable.prefix(12) {
            let objective = try #require(Objective(rawValue: example.objective))
            var hard = example.whole
            hard.constraints.softLimits = nil
            guard try hard.verdict(objective) == nil else { continue }
            var soft = example.whole
            soft.constraints.softLimits = soft.constraints.softLimits?.map { SoftLimit(limit: $0.limit, penalty: 100) }
            let (first, second) = (try hard.problem(objective), try soft.problem(objective))
            let values = [
                value(first, try optimizeAllocation(first) { false }, objective),
                value(second, try optimizeAllocation(second) { false }, objective),
            ]
            #expect(abs(values[0] - values[1]) <= 2e-6 * max(1e-2, abs(values[0])), "\(example.testDescription)")
        }
    }

    @Test func `a limit that is not in force, and an objective without a unit, are refused by name`() throws {
        let unknown = mandate([SoftLimit(limit: "/max_weights/Z", penalty: 1)])
        #expect(throws: OptimizationFailure.self) { _ = try unknown.problem(.minimizeRisk) }
        do {
            _ = try unknown.problem(.minimizeRisk)
        } catch let failure as OptimizationFailure {
            #expect(failure.code == "invalid_inputs" && failure.message.contains("/max_weights/Z"))
        }
        var sharpe = mandate([SoftLimit(limit: "/max_turnover", penalty: 1)])
        sharpe.constraints.maxTurnover = 0.1
        do {
            _ = try sharpe.problem(.maximizeSharpe)
            Issue.record("a ratio took a penalty")
        } catch let failure as OptimizationFailure {
            #expect(failure.code == "unsupported_constraint" && failure.message.contains("soft_limits"))
        }
    }

    // MARK: Against another solver

    @Test func `the fixture holds mandates of every objective that takes penalties`() throws {
        #expect(Self.solvable.count >= 80)
        #expect(Set(Self.solvable.map(\.objective)).count == 5)
        let named = Set(Self.solvable.flatMap { $0.constraints.soft_limits ?? [] }.map(\.limit))
        for pointer in ["/max_turnover", "/max_position_size", "/max_tracking_error", "/max_sector_exposure"] {
            #expect(named.contains(pointer), "\(pointer)")
        }
    }

    @Test(arguments: solvable)
    func `the optimum is the reference's, and the checker accepts all that is said of it`(
        _ example: RandomMandate
    ) throws {
        try expectReference(example)
    }

    @Test(arguments: refused)
    func `what has no allocation is refused by both`(_ example: RandomMandate) throws {
        let objective = try #require(Objective(rawValue: example.objective))
        let failure = try #require(try example.whole.failure(objective))
        #expect(failure.code == example.status)
        let soft = Set((example.constraints.soft_limits ?? []).map(\.limit))
        #expect(failure.conflicts.allSatisfy { !soft.contains($0.constraint) })
    }

    // MARK: The checker

    @Test func `the checker finds an excess that is another, one left out, and one of a limit that is hard`() throws {
        var mandate = mandate([SoftLimit(limit: "/max_weights/A", penalty: 0.01)])
        mandate.constraints.maxWeights = ["A": 0.5]
        let asked = mandate.asked(.maximizeReturn)
        let problem = try mandate.problem(.maximizeReturn)
        let solution = try optimizeAllocation(problem) { false }
        let honest = try LanguageMandateTests.result(of: solution, problem, asked.snapshot, asked.moments)
        let check = AllocationCheck(snapshot: asked.snapshot, moments: asked.moments, request: asked.request)
        #expect(check.violations(in: honest) == [])
        #expect(abs(honest.softLimits[0].excess - 0.5) <= 1e-9)
        var other = honest
        other.softLimits[0].excess = 0.4
        #expect(check.violations(in: other).map(\.claim) == ["soft_limits/0/excess"])
        other = honest
        other.softLimits = []
        #expect(check.violations(in: other).map(\.claim) == ["soft_limits"])
        other = honest
        other.softLimits[0].constraint = "/max_weights/B"
        #expect(check.violations(in: other).contains { $0.claim == "soft_limits/0" })
        var hard = asked.request
        hard.constraints.softLimits = nil
        let strict = AllocationCheck(snapshot: asked.snapshot, moments: asked.moments, request: hard)
        #expect(strict.violations(in: honest).contains { $0.claim == "constraints/max_weights/A" })
    }
}
