import Matrices
import PortfolioModel
import PortfolioOptimization
import ResultChecker
import Testing

@Suite("Sums of the largest positions")
struct LargestPositionsTests {
    static let solvable = RandomMandate.largest.filter { $0.status == "optimal" }
    static let refused = RandomMandate.largest.filter { $0.status != "optimal" }

    /// Four instruments without correlation, the first two the calmest.
    private var mandate: TestMandate {
        var mandate = TestMandate(
            expectedReturns: [0.10, 0.08, 0.06, 0.04],
            covariance: [[0.01, 0, 0, 0], [0, 0.02, 0, 0], [0, 0, 0.04, 0], [0, 0, 0, 0.08]]
        )
        mandate.constraints.largestPositions = [LargestPositionsLimit(count: 2, max: 0.6)]
        return mandate
    }

    private func largest(_ weights: [Double], _ count: Int) -> Double {
        weights.map { abs($0) }.sorted(by: >).prefix(count).reduce(0, +)
    }

    @Test func `the two largest meet their limit, and its price is what one more unit gains`() throws {
        let mandate = mandate
        // Without a limit the weights are 8, 4, 2, 1 of 15: the two largest have 0.8 of it.
        let solution = try mandate.solve(.minimizeRisk)
        #expect(abs(largest(solution.weights, 2) - 0.6) <= 1e-9)
        let binding = try #require(solution.bindingConstraints.first { $0.constraint == "/largest_positions/0/max" })
        #expect(binding.bound == 0.6)
        let price = try #require(binding.shadowPrice)
        var values: [Double] = []
        for most in [0.6 - 1e-5, 0.6 + 1e-5] {
            var moved = mandate
            moved.constraints.largestPositions?[0].max = most
            let problem = try moved.problem(.minimizeRisk)
            let other = try optimizeAllocation(problem) { false }
            values.append(Figures(problem, other.weights, other.cash).value(.minimizeRisk))
        }
        let slope = (values[1] - values[0]) / 2e-5
        #expect(abs(price - slope) <= 1e-4 * abs(slope), "\(price), not \(slope)")
    }

    @Test(arguments: [Objective.minimizeRisk, .maximizeUtility, .maximizeSharpe, .maximizeDiversification])
    func `active sets with cuts and the interior point with columns agree`(objective: Objective) throws {
        for example in Self.solvable.prefix(40) {
            var mandate = example.whole
            mandate.constraints.maxPositions = nil
            mandate.constraints.minPositionSize = nil
            guard try mandate.verdict(objective) == nil else { continue }
            let problem = try mandate.problem(objective)
            let first = try optimizeAllocation(problem) { false }
            let second = try optimizeByInteriorPoint(problem) { false }
            let values = [first, second].map { Figures(problem, $0.weights, $0.cash).value(objective) }
            #expect(abs(values[0] - values[1]) <= 1e-7 * max(1e-3, abs(values[1])), "\(example.testDescription)")
        }
    }

    @Test func `as many as there are, and more, are all of them`() throws {
        for count in [4, 9] {
            var mandate = mandate
            mandate.constraints.largestPositions = [LargestPositionsLimit(count: count, max: 0.7)]
            mandate.constraints.maxCash = 0.5
            let solution = try mandate.solve(.maximizeReturn)
            #expect(abs(solution.weights.reduce(0, +) - 0.7) <= 1e-9)
            #expect(solution.bindingConstraints.map(\.constraint).contains("/largest_positions/0/max"))
        }
    }

    @Test func `one position is a cap on each, and a limit of 1 is none`() throws {
        var mandate = mandate
        mandate.constraints.largestPositions = [LargestPositionsLimit(count: 1, max: 0.3)]
        let solution = try mandate.solve(.minimizeRisk)
        var capped = mandate
        capped.constraints.largestPositions = nil
        capped.constraints.maxPositionSize = 0.3
        let same = try capped.solve(.minimizeRisk)
        for (left, right) in zip(solution.weights, same.weights) { #expect(abs(left - right) <= 1e-8) }
        mandate.constraints.largestPositions = [LargestPositionsLimit(count: 2, max: 1)]
        let free = try mandate.solve(.minimizeRisk)
        #expect(abs(largest(free.weights, 2) - 0.8) <= 1e-8)
        #expect(free.bindingConstraints.isEmpty)
    }

    @Test func `sizes count where there are shorts`() throws {
        var mandate = mandate
        mandate.expectedReturns = [0.1, -0.1, 0.02, 0.03]
        mandate.constraints.allowShort = true
        mandate.constraints.maxGrossExposure = 2
        mandate.constraints.largestPositions = [LargestPositionsLimit(count: 2, max: 0.9)]
        mandate.constraints.maxPositionSize = 0.8
        let solution = try mandate.solve(.maximizeUtility)
        #expect(solution.weights[1] < -0.05)
        #expect(abs(largest(solution.weights, 2) - 0.9) <= 1e-8)
    }

    @Test func `too few positions for the sum are told in words, and the nearest sum is enough`() throws {
        var mandate = mandate
        mandate.constraints.largestPositions = [LargestPositionsLimit(count: 2, max: 0.4)]
        let failure = try #require(try mandate.failure(.minimizeRisk))
        #expect(failure.code == "infeasible")
        #expect(failure.message.contains("With the 2 largest of 4 positions at no more than 0.4"), "\(failure.message)")
        #expect(failure.conflicts.map(\.constraint) == ["/largest_positions/0/max"])
        #expect(abs(failure.nearest("/largest_positions/0/max") - 0.5) <= 1e-9)
        mandate.constraints.set("/largest_positions/0/max", failure.nearest("/largest_positions/0/max"))
        #expect(try mandate.verdict(.minimizeRisk) == nil)
        mandate.constraints.set("/largest_positions/0/max", 0.4999)
        #expect(try mandate.verdict(.minimizeRisk) == "infeasible")
    }

    @Test func `a breach of it may stay`() throws {
        var mandate = mandate
        mandate.quantities = [6, 2, 1, 1]
        mandate.constraints.maxTurnover = 0.05
        #expect(try mandate.verdict(.minimizeRisk) == "infeasible")
        mandate.constraints.grandfatherBreaches = true
        let problem = try mandate.problem(.maximizeReturn)
        let solution = try optimizeAllocation(problem) { false }
        #expect(problem.grandfatheredLimits.map(\.grandfatheredFrom) == [0.6])
        #expect(largest(solution.weights, 2) <= 0.8 + 1e-9)
    }

    @Test func `a frontier under it is one of allocations that meet it`() throws {
        var mandate = mandate
        mandate.expectedReturns.reverse()
        let asked = mandate.asked(.minimizeRisk)
        let request = FrontierRequest(portfolioID: "portfolio", pointCount: 7, constraints: mandate.constraints)
        let problem = try mandate.problem(.minimizeRisk)
        let traced = try traceFrontier(problem, request) { false }
        #expect(traced.points.count == 7)
        for point in traced.points { #expect(largest(point.weights, 2) <= 0.6 + 1e-9) }
        let check = FrontierCheck(snapshot: asked.snapshot, moments: asked.moments, request: request)
        #expect(check.violations(in: traced.points.map { FrontierPoint($0, of: problem) }) == [])
    }

    @Test func `a plan in whole lots meets it and is the best that does`() throws {
        var mandate = mandate
        mandate.quantities = [4, 6, 8, 6]
        mandate.constraints.largestPositions = [
            LargestPositionsLimit(count: 1, max: 0.35), LargestPositionsLimit(count: 3, max: 0.83),
        ]
        let asked = mandate.asked(.minimizeRisk)
        let request = RebalanceRequest(
            portfolioID: "portfolio",
            target: .custom,
            targetAllocation: ["A": 0.5, "B": 0.25, "C": 0.15, "D": 0.1],
            constraints: mandate.constraints
        )
        let plan = try planRebalance(request, snapshot: asked.snapshot, moments: asked.moments)
        let result = try plan.result(of: request, snapshot: asked.snapshot, moments: asked.moments)
        let check = RebalanceCheck(snapshot: asked.snapshot, moments: asked.moments, request: request)
        #expect(check.violations(in: result) == [])
        let weights = ["A", "B", "C", "D"].map { result.targetAllocation[$0] ?? 0 }
        #expect(largest(weights, 1) <= 0.35 + 1e-7 && largest(weights, 3) <= 0.83 + 1e-7, "\(weights)")
        #expect(result.metrics.objective <= (try bestLots(mandate, asked) ?? 0) + 1e-9)
    }

    /// The best of all plans in whole lots, by trying them.
    private func bestLots(
        _ mandate: TestMandate,
        _ asked: (snapshot: MandateSnapshot, moments: Moments, request: OptimizationRequest)
    ) throws -> Double? {
        let desired = [0.5, 0.25, 0.15, 0.1]
        var best: Double?
        for a in 0...9 {
            for b in 0...9 {
                for c in 0...9 where a + b + c <= 24 {
                    let d = 24 - a - b - c
                    let weights = [a, b, c, d].map { Double($0) / 24 }
                    guard largest(weights, 1) <= 0.35 + 1e-9, largest(weights, 3) <= 0.83 + 1e-9 else { continue }
                    var variance = 0.0
                    for (index, weight) in weights.enumerated() {
                        variance +=
                            (weight - desired[index]) * (weight - desired[index]) * mandate.covariance[index, index]
                    }
                    best = min(best ?? .infinity, variance.squareRoot())
                }
            }
        }
        return best
    }

    // MARK: Against another solver

    @Test func `the fixture holds mandates on which it binds, and some that it refuses`() throws {
        #expect(Self.solvable.count >= 90)
        #expect(Self.refused.count >= 10)
    }

    @Test(arguments: solvable)
    func `the optimum is the reference's, and the checker accepts all that is said of it`(
        _ example: RandomMandate
    ) throws {
        try expectReference(example)
    }

    @Test(arguments: refused)
    func `what has no allocation is told why, and each repair works`(_ example: RandomMandate) throws {
        let objective = try #require(Objective(rawValue: example.objective))
        let mandate = example.whole
        let failure = try #require(try mandate.failure(objective))
        #expect(failure.code == example.status)
        guard failure.code == "infeasible" else { return }
        #expect(!failure.conflicts.isEmpty)
        for conflict in failure.conflicts {
            guard let nearest = conflict.nearestFeasible else { continue }
            var moved = mandate
            moved.constraints.set(conflict.constraint, nearest)
            let verdict = try moved.verdict(objective)
            #expect(verdict != "infeasible" && verdict != "numerical_difficulty", "\(conflict)")
        }
        var repaired = mandate
        for repair in failure.combinedRepair { repaired.constraints.set(repair.constraint, repair.repaired) }
        #expect(!failure.combinedRepair.isEmpty)
        #expect(try repaired.verdict(objective) != "infeasible", "\(failure.combinedRepair)")
    }

    // MARK: The checker

    @Test func `the checker finds a sum above its limit, and a value that is another`() throws {
        let mandate = mandate
        let asked = mandate.asked(.minimizeRisk)
        let problem = try mandate.problem(.minimizeRisk)
        let solution = try optimizeAllocation(problem) { false }
        let honest = try LanguageMandateTests.result(of: solution, problem, asked.snapshot, asked.moments)
        let check = AllocationCheck(snapshot: asked.snapshot, moments: asked.moments, request: asked.request)
        #expect(check.violations(in: honest) == [])
        var moved = honest
        moved.targetAllocation["A", default: 0] += 1e-4
        moved.targetAllocation["D", default: 0] -= 1e-4
        #expect(check.violations(in: moved).contains { $0.claim == "constraints/largest_positions/0/max" })
        var other = honest
        let place = try #require(other.bindingConstraints.firstIndex { $0.constraint == "/largest_positions/0/max" })
        other.bindingConstraints[place].value = 0.59
        #expect(check.violations(in: other).contains { $0.claim == "binding_constraints/\(place)/value" })
        other = honest
        other.bindingConstraints[place].constraint = "/largest_positions/1/max"
        #expect(check.violations(in: other).contains { $0.claim == "binding_constraints/\(place)/constraint" })
    }
}
