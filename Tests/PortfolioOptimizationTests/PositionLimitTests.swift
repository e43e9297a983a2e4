import Matrices
import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

@Suite("Limits on positions and tracking error")
struct PositionLimitTests {
    @Test(arguments: RandomMandate.onPositions)
    func `the optimum is that of SCIP and meets every limit`(_ example: RandomMandate) throws {
        let objective = try #require(Objective(rawValue: example.objective))
        var mandate = example.mandate()
        mandate.benchmark = example.benchmark
        guard example.status == "optimal" else {
            let failure = try #require(try mandate.failure(objective))
            #expect(failure.code == example.status, "\(failure)")
            #expect(failure.code != "infeasible" || !failure.conflicts.isEmpty)
            return
        }
        let problem = try mandate.problem(objective)
        let solution = try optimizeAllocation(problem) { false }
        let expected = try #require(example.expected.map { objective == .minimizeRisk ? -$0 : $0 })
        let value = Figures(problem, solution.weights, solution.cash).value(objective)
        #expect(abs(value - expected) <= 2e-6 * max(abs(expected), 1e-2), "\(value) is not \(expected)")
        #expect(solution.report.status == .optimal)
        #expect(abs(solution.weights.reduce(solution.cash, +) - 1) <= 1e-12)
        #expect(solution.weights.allSatisfy { $0 == 0 || abs($0) > 1e-9 })
        #expect(miss(problem, solution, mandate) <= 1e-7)
    }

    @Test func `the fixture holds mandates of every kind`() {
        let all = RandomMandate.onPositions
        #expect(all.filter { $0.status == "optimal" && $0.constraints.max_positions != nil }.count > 20)
        #expect(all.filter { $0.status == "optimal" && $0.constraints.max_tracking_error != nil }.count > 20)
        #expect(all.contains { $0.status == "infeasible" })
    }

    /// The largest miss, with the tracking error recomputed from the covariance.
    private func miss(_ problem: AllocationProblem, _ solution: AllocationSolution, _ mandate: TestMandate) -> Double {
        var open = mandate
        open.constraints.maxTrackingError = nil
        guard let bare = try? open.problem(.minimizeRisk) else { return .infinity }
        let others = worstMiss(bare, solution.weights, solution.cash)
        guard let most = mandate.constraints.maxTrackingError else { return others }
        return max(others, trackingError(mandate, solution.weights) - most)
    }

    private func trackingError(_ mandate: TestMandate, _ weights: [Double]) -> Double {
        let active = mandate.identifiers.enumerated().map { weights[$0.offset] - (mandate.benchmark?[$0.element] ?? 0) }
        var variance = 0.0
        for i in active.indices {
            for j in active.indices { variance += active[i] * mandate.covariance[i, j] * active[j] }
        }
        return max(0, variance).squareRoot()
    }

    /// Seven names of one factor, with a benchmark and costs.
    private func small(seed: UInt64) -> TestMandate {
        var random = UniformStream(seed: seed &+ 4400)
        let loadings = (0..<7).map { _ in 0.05 + 0.2 * random.next() }
        let specific = (0..<7).map { _ in 0.05 + 0.2 * random.next() }
        let covariance = (0..<7).map { i in
            (0..<7).map { j in loadings[i] * loadings[j] + (i == j ? specific[i] * specific[i] : 0) }
        }
        let returns = (0..<7).map { _ in 0.03 + 0.1 * random.next() }
        let held = (0..<7).map { _ in (4 * random.next()).rounded(.down) + 1 }
        var mandate = TestMandate(expectedReturns: returns, covariance: covariance, quantities: held)
        mandate.costs = (0..<7).map { _ in TransactionCost(proportional: 0.001 + 0.004 * random.next()) }
        mandate.benchmark = ["A": 0.25, "B": 0.2, "D": 0.15, "E": 0.25, "G": 0.15]
        mandate.constraints.maxPositionSize = seed % 2 == 0 ? 0.5 : 0.7
        mandate.constraints.maxPositions = 3
        if seed % 3 == 1 { mandate.constraints.minPositionSize = 0.15 }
        if seed % 3 == 2 { mandate.constraints.maxTurnover = 0.55 }
        return mandate
    }

    /// The best over every choice of at most three, each choice a mandate without the limit.
    private func bruteForce(_ mandate: TestMandate, _ objective: Objective) throws -> Double? {
        var best: Double?
        for choice in 0..<(1 << 7) where choice.nonzeroBitCount <= 3 {
            var fixed = mandate
            fixed.constraints.maxPositions = nil
            fixed.constraints.maxWeights = [:]
            for index in 0..<7 where choice & (1 << index) == 0 {
                fixed.constraints.maxWeights?[mandate.identifiers[index]] = 0
            }
            let problem = try fixed.problem(objective)
            guard let solution = try? optimizeAllocation(problem, shouldStop: { false }) else { continue }
            let value = Figures(problem, solution.weights, solution.cash).value(objective)
            best = max(best ?? value, value)
        }
        return best
    }

    @Test(arguments: UInt64(0)..<3, Capabilities.objectives(of: .meanVariance))
    func `every objective finds what trying every choice finds`(_ seed: UInt64, _ objective: Objective) throws {
        let mandate = small(seed: seed)
        let best = try bruteForce(mandate, objective)
        guard let best else {
            #expect(try mandate.failure(objective) != nil)
            return
        }
        let problem = try mandate.problem(objective)
        let solution = try optimizeAllocation(problem) { false }
        let value = Figures(problem, solution.weights, solution.cash).value(objective)
        #expect(abs(value - best) <= 2e-6 * max(abs(best), 1e-2), "\(value), not \(best)")
        #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-9)
        let isFull = solution.weights.filter { $0 != 0 }.count == 3
        #expect(solution.bindingConstraints.contains { $0.constraint == "/max_positions" } == isFull)
        #expect(solution.bindingConstraints.allSatisfy { $0.shadowPrice == nil })
    }

    @Test func `too few positions for the cap are explained by their sum, and both repairs work`() throws {
        var mandate = small(seed: 0)
        mandate.constraints.maxPositionSize = 0.1
        mandate.constraints.maxPositions = 5
        mandate.cash = 1
        mandate.constraints.maxCash = 0.4
        let failure = try #require(try mandate.failure(.minimizeRisk))
        #expect(failure.code == "infeasible")
        #expect(failure.message.contains("5 positions × 0.1 = 0.5 < the 0.6 that must be invested"))
        #expect(failure.nearest("/max_positions") == 6)
        #expect(abs(failure.nearest("/max_position_size") - 0.12) < 1e-9)
        #expect(abs(failure.nearest("/max_cash") - 0.5) < 1e-9)
        mandate.constraints.maxPositions = 6
        #expect(try mandate.failure(.minimizeRisk) == nil)
        mandate.constraints.maxPositions = 5
        mandate.constraints.maxPositionSize = failure.nearest("/max_position_size")
        #expect(try mandate.failure(.minimizeRisk) == nil)
        mandate.constraints.maxPositionSize = failure.nearest("/max_position_size") - 1e-4
        #expect(try mandate.failure(.minimizeRisk)?.code == "infeasible")
    }

    @Test func `a limit that all instruments meet changes nothing`() throws {
        var mandate = small(seed: 0)
        mandate.constraints.maxPositions = nil
        let free = try mandate.solve(.maximizeSharpe)
        mandate.constraints.maxPositions = 7
        #expect(try mandate.solve(.maximizeSharpe).weights == free.weights)
    }

    @Test func `a search that is stopped answers with what it has and its gap, or fails for lack of time`() throws {
        let size = 40
        var random = UniformStream(seed: 77)
        let loadings = (0..<size).map { _ in 0.1 + 0.1 * random.next() }
        let covariance = (0..<size).map { i in
            (0..<size).map { j in loadings[i] * loadings[j] + (i == j ? 0.02 : 0) }
        }
        var mandate = TestMandate(
            expectedReturns: (0..<size).map { _ in 0.04 + 0.06 * random.next() },
            covariance: covariance
        )
        mandate.constraints.maxPositions = 8
        mandate.constraints.minPositionSize = 0.05
        let problem = try mandate.problem(.minimizeRisk)
        var asked = 0
        do throws(OptimizationFailure) {
            let solution = try optimizeAllocation(problem) {
                asked += 1
                return asked > 60
            }
            #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-9)
            #expect(solution.report.status == .optimal || solution.report.relativeGap > 1e-6)
        } catch { #expect(error.code == "time_limit") }
    }

    @Test func `a limit on the tracking error needs a benchmark`() throws {
        var mandate = small(seed: 0)
        mandate.constraints.maxTrackingError = 0.05
        mandate.benchmark = nil
        #expect(throws: OptimizationFailure.self) { try mandate.problem(.minimizeRisk) }
    }

    @Test(arguments: [Objective.minimizeRisk, .maximizeReturn, .maximizeUtility, .maximizeSharpe])
    func `the price of tracking error is what a little more of it gains`(_ objective: Objective) throws {
        var mandate = small(seed: 0)
        mandate.costs = mandate.costs.map { _ in nil }
        mandate.constraints = Constraints()
        mandate.constraints.maxPositionSize = 0.6
        func value(_ most: Double) throws -> Double {
            mandate.constraints.maxTrackingError = most
            let problem = try mandate.problem(objective)
            let solution = try optimizeAllocation(problem) { false }
            return Figures(problem, solution.weights, solution.cash).value(objective)
        }
        let step = 1e-5
        let slope = try (value(0.03 + step) - value(0.03 - step)) / (2 * step)
        mandate.constraints.maxTrackingError = 0.03
        let solution = try mandate.solve(objective)
        let limit = try #require(solution.bindingConstraints.first { $0.constraint == "/max_tracking_error" })
        let price = try #require(limit.shadowPrice)
        #expect(abs(price - slope) <= 1e-4 * abs(slope), "\(price), not \(slope)")
        #expect(abs(limit.value - 0.03) < 1e-8)
    }

    @Test func `a benchmark may hold what the universe does not`() throws {
        var mandate = small(seed: 0)
        mandate.constraints = Constraints()
        mandate.universe = ["A", "B", "C", "D"]
        mandate.quantities = [1, 1, 1, 1, 0, 0, 0]
        mandate.constraints.maxTrackingError = 0.5
        let loose = try mandate.solve(.minimizeTrackingError)
        let least = trackingError(mandate, loose.weights + [0, 0, 0])
        mandate.constraints.maxTrackingError = least + 0.004
        let solution = try mandate.solve(.maximizeReturn)
        #expect(abs(trackingError(mandate, solution.weights + [0, 0, 0]) - least - 0.004) < 1e-8)
        mandate.constraints.maxTrackingError = least - 0.004
        let failure = try #require(try mandate.failure(.maximizeReturn))
        #expect(failure.code == "infeasible")
        #expect(abs(failure.nearest("/max_tracking_error") - least) < 1e-7)
    }

    @Test(arguments: [OptimizationType.riskParity, .hierarchicalRiskParity])
    func `types that hold everything refuse to choose`(_ type: OptimizationType) throws {
        var mandate = small(seed: 0)
        mandate.constraints = Constraints()
        mandate.type = type
        mandate.portfolioConstraints.maxPositions = 3
        do throws(any Error) {
            _ = try mandate.problem(.riskBudgeting)
            Issue.record("refused nothing")
        } catch let error as OptimizationFailure {
            #expect(error.code == "unsupported_constraint")
            #expect(error.message.contains("max_positions"))
        }
    }

    @Test func `of more floors than positions each may go, and nothing less than that will do`() throws {
        var mandate = TestMandate(
            expectedReturns: [0.08, 0.05, 0.03],
            covariance: [[0.04, 0, 0], [0, 0.03, 0], [0, 0, 0.02]]
        )
        let floors = ["A": 0.1, "B": 0.1, "C": 0.1]
        mandate.constraints.minWeights = floors
        mandate.constraints.maxPositions = 2
        let failure = try #require(throws: OptimizationFailure.self) { try mandate.solve(.minimizeRisk) }
        let nearest = failure.conflicts.map { [$0.constraint: $0.nearestFeasible ?? .nan] }
        #expect(
            nearest == [["/min_weights/A": 0], ["/min_weights/B": 0], ["/min_weights/C": 0], ["/max_positions": 3]]
        )
        let repair = try #require(failure.combinedRepair)
        #expect(!repair.isEmpty)
        for (floor, isEnough) in [(0.0, true), (0.0001, false)] {
            mandate.constraints.minWeights?["A"] = floor
            #expect(((try? mandate.solve(.minimizeRisk)) != nil) == isEnough)
        }
    }
}
