import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

/// Choueifaty, Froidure & Reynier, Properties of the Most Diversified Portfolio (2013), pages 9 to 11.
struct MostDiversified: Sendable {
    let covariance: [[Double]]
    let weights: [Double]
    let tolerance: Double

    static let published = [
        MostDiversified(covariance: [[0.04, 0.01], [0.01, 0.01]], weights: [1.0 / 3, 2.0 / 3], tolerance: 1e-9),
        MostDiversified(
            covariance: [[0.0025, 0.0025], [0.0025, 0.01]],
            weights: [2.0 / 3, 1.0 / 3],
            tolerance: 1e-9
        ),
        MostDiversified(
            covariance: [[0.04, 0.01, 0.0225], [0.01, 0.01, 0.0075], [0.0225, 0.0075, 0.0131]],
            weights: [0.33, 0.67, 0],
            tolerance: 0.01
        ),
    ]
}

@Suite("Objectives against a benchmark, on diversification and on costs")
struct ActiveObjectiveTests {
    // MARK: Against other programs

    @Test func `the fixture has mandates of every kind`() {
        let completed = RandomMandate.active.filter { $0.status == "optimal" }
        #expect(completed.count >= 60)
        #expect(Set(completed.map(\.objective)).count == 4)
    }

    @Test(arguments: RandomMandate.active)
    func `the optimum is the reference's and meets every limit`(_ example: RandomMandate) throws {
        let objective = try #require(Objective(rawValue: example.objective))
        var mandate = example.mandate()
        mandate.benchmark = example.benchmark
        guard example.status == "optimal" else {
            #expect(try mandate.failure(objective)?.code == example.status)
            return
        }
        let problem = try mandate.problem(objective)
        let solution = try optimizeAllocation(problem) { false }
        let isLoss = [.minimizeTrackingError, .minimizeTransactionCosts].contains(objective)
        let expected = try #require(example.expected.map { isLoss ? -$0 : $0 })
        let value = Figures(problem, solution.weights, solution.cash).value(objective)
        #expect(value >= expected - 1e-6 * max(abs(expected), 1e-2), "\(value) is worse than \(expected)")
        #expect(abs(value - expected) <= 1e-5 * max(abs(expected), 1), "\(value) is not \(expected)")
        #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-9)
    }

    @Test(arguments: MostDiversified.published)
    func `the most diversified portfolios of the paper are found`(_ published: MostDiversified) throws {
        let count = published.weights.count
        let mandate = TestMandate(
            expectedReturns: [Double](repeating: 0, count: count),
            covariance: published.covariance
        )
        let solution = try mandate.solve(.maximizeDiversification)
        for (weight, expected) in zip(solution.weights, published.weights) {
            #expect(abs(weight - expected) <= published.tolerance)
        }
    }

    // MARK: Worked by hand

    private let covariance = [[0.04, 0.006, 0], [0.006, 0.09, 0], [0, 0, 0.01]]

    @Test func `a benchmark within the limits is tracked without error`() throws {
        var mandate = TestMandate(expectedReturns: [0.05, 0.08, 0.02], covariance: covariance)
        mandate.benchmark = ["A": 0.5, "B": 0.3, "C": 0.2]
        let solution = try mandate.solve(.minimizeTrackingError)
        #expect(solution.weights == [0.5, 0.3, 0.2])
        #expect(solution.report.solver == "benchmark")
    }

    @Test func `what the cap of one instrument leaves goes where the error is least`() throws {
        // A is capped at 0.3 of 0.5; the rest x goes to B and 0.2 − x to C: minimise the variance of (−0.2, x, 0.2 − x).
        var mandate = TestMandate(expectedReturns: [0.05, 0.08, 0.02], covariance: covariance)
        mandate.benchmark = ["A": 0.5, "B": 0.3, "C": 0.2]
        mandate.constraints.maxWeights = ["A": 0.3]
        let solution = try mandate.solve(.minimizeTrackingError)
        let moved = (0.2 * 0.006 + 0.2 * 0.01) / (0.09 + 0.01)
        #expect(abs(solution.weights[1] - 0.3 - moved) < 1e-9)
        #expect(solution.bindingConstraints.map(\.constraint) == ["/max_weights/A"])
        // d(−error)/d(cap) by difference.
        let error = { (cap: Double) -> Double in
            let x = ((0.5 - cap) * 0.006 + (0.5 - cap) * 0.01) / 0.1
            let rest = 0.5 - cap - x
            return (0.04 * (0.5 - cap) * (0.5 - cap) - 2 * 0.006 * (0.5 - cap) * x + 0.09 * x * x + 0.01 * rest * rest)
                .squareRoot()
        }
        let slope = -(error(0.3 + 1e-6) - error(0.3 - 1e-6)) / 2e-6
        #expect(abs((solution.bindingConstraints[0].shadowPrice ?? 0) - slope) < 1e-6)
    }

    @Test func `a benchmark that may not be held is tracked all the same`() throws {
        var mandate = TestMandate(
            expectedReturns: [0.05, 0.08, 0.02],
            covariance: covariance,
            quantities: [1, 0, 1]
        )
        mandate.benchmark = ["B": 1]
        mandate.universe = ["A", "C"]
        // (w, 1 − w) of A and C against B: 0.04 w² + 0.01 (1 − w)² − 2 · 0.006 w is least at w = (0.01 + 0.006)/0.05.
        let solution = try mandate.solve(.minimizeTrackingError)
        #expect(abs(solution.weights[0] - 0.32) < 1e-9)
    }

    @Test func `the information ratio without limits is that of the active returns and their covariance`() throws {
        // Two instruments: the only direction is from one to the other, as far as the weights go.
        var mandate = TestMandate(expectedReturns: [0.05, 0.08], covariance: [[0.04, 0.006], [0.006, 0.09]])
        mandate.benchmark = ["A": 0.6, "B": 0.4]
        let solution = try mandate.solve(.maximizeInformationRatio)
        #expect(abs(solution.weights[1] - 1) < 1e-9, "the most active of those with the same ratio")
        mandate.constraints.maxWeights = ["B": 0.7]
        let capped = try mandate.solve(.maximizeInformationRatio)
        #expect(abs(capped.weights[1] - 0.7) < 1e-9)
    }

    @Test func `cash is least where diversification leaves it open`() throws {
        var mandate = TestMandate(expectedReturns: [0, 0, 0], covariance: covariance)
        mandate.constraints.minCash = 0.05
        mandate.constraints.maxCash = 0.5
        let solution = try mandate.solve(.maximizeDiversification)
        #expect(abs(solution.cash - 0.05) < 1e-9)
    }

    @Test func `nothing is traded where nothing must be, and the dear instrument is left alone where it can be`() throws
    {
        var mandate = TestMandate(
            expectedReturns: [0, 0, 0],
            covariance: covariance,
            quantities: [2, 1, 1]
        )
        mandate.preferences.transactionCostModel = 0.001
        #expect(try mandate.solve(.minimizeTransactionCosts).weights == [0.5, 0.25, 0.25])
        mandate.costs[1] = TransactionCost(proportional: 0.01)
        mandate.constraints.maxWeights = ["A": 0.4]
        let solution = try mandate.solve(.minimizeTransactionCosts)
        for (weight, expected) in zip(solution.weights, [0.4, 0.25, 0.35]) { #expect(abs(weight - expected) < 1e-9) }
        let binding = try #require(solution.bindingConstraints.first { $0.constraint == "/max_weights/A" })
        #expect(abs((binding.shadowPrice ?? 0) - 0.002) < 1e-9, "a sale and a purchase less")
    }

    // MARK: Where there is no answer

    @Test func `what is missing is named`() throws {
        var mandate = TestMandate(expectedReturns: [0.05, 0.08, 0.02], covariance: covariance)
        #expect(try mandate.failure(.minimizeTrackingError)?.code == "missing_benchmark")
        #expect(try mandate.failure(.maximizeInformationRatio)?.code == "missing_benchmark")
        mandate.constraints.maxTurnover = 0
        #expect(try mandate.failure(.minimizeTrackingError)?.code == "missing_benchmark")
        mandate.constraints.maxTurnover = nil
        mandate.constraints.maxWeights = ["A": 0.2]
        #expect(try mandate.failure(.minimizeTransactionCosts)?.code == "missing_transaction_costs")
        mandate.benchmark = ["X": 1]
        #expect(throws: OptimizationFailure.self) { try mandate.problem(.minimizeTrackingError) }
    }

    @Test func `ratios that have no maximum say why`() throws {
        var mandate = TestMandate(expectedReturns: [0.05, 0.08, 0.02], covariance: covariance)
        mandate.benchmark = ["B": 1]
        #expect(try mandate.failure(.maximizeInformationRatio)?.code == "no_active_return")
        // Two instruments that move as one, one of which earns more.
        var twins = TestMandate(expectedReturns: [0.05, 0.08], covariance: [[0.04, 0.04], [0.04, 0.04]])
        twins.benchmark = ["A": 0.5, "B": 0.5]
        #expect(try twins.failure(.maximizeInformationRatio)?.code == "unbounded")
        // A perfect hedge.
        let hedge = TestMandate(expectedReturns: [0, 0], covariance: [[0.04, -0.04], [-0.04, 0.04]])
        #expect(try hedge.failure(.maximizeDiversification)?.code == "unbounded")
        let riskless = TestMandate(expectedReturns: [0, 0], covariance: [[0, 0], [0, 0]])
        #expect(try riskless.failure(.maximizeDiversification)?.code == "riskless")
    }

    @Test(arguments: Capabilities.objectives(of: .meanVariance))
    func `limits that clash are named whatever the objective`(_ objective: Objective) throws {
        var mandate = TestMandate(expectedReturns: [0.05, 0.08, 0.02], covariance: covariance)
        mandate.benchmark = ["A": 1]
        mandate.preferences.transactionCostModel = 0.001
        mandate.constraints.maxPositionSize = 0.3
        let failure = try #require(try mandate.failure(objective))
        #expect(failure.code == "infeasible")
        #expect(abs(failure.nearest("/max_position_size") - 1.0 / 3) < 1e-9)
    }

    @Test(arguments: Capabilities.objectives(of: .meanVariance))
    func `one instrument is the whole portfolio whatever the objective`(_ objective: Objective) throws {
        var mandate = TestMandate(expectedReturns: [0.05], covariance: [[0.04]])
        mandate.benchmark = ["A": 1]
        mandate.preferences.transactionCostModel = 0.001
        if objective == .maximizeInformationRatio {
            #expect(try mandate.failure(objective) != nil, "nothing differs from the benchmark")
        } else {
            #expect(try mandate.solve(objective).weights == [1])
        }
    }

    @Test(arguments: Capabilities.objectives(of: .meanVariance))
    func `thresholds hold whatever the objective`(_ objective: Objective) throws {
        var random = SeededGenerator(seed: 7)
        let loadings = (0..<6).map { _ in random.uniform(0.05...0.25) }
        var covariance = [[Double]](repeating: [Double](repeating: 0, count: 6), count: 6)
        for i in 0..<6 {
            for j in 0..<6 { covariance[i][j] = loadings[i] * loadings[j] }
            covariance[i][i] += 0.01
        }
        var mandate = TestMandate(
            expectedReturns: (0..<6).map { _ in random.uniform(0.02...0.1) },
            covariance: covariance
        )
        mandate.benchmark = ["A": 0.4, "B": 0.3, "C": 0.1, "D": 0.1, "E": 0.05, "F": 0.05]
        mandate.preferences.transactionCostModel = 0.001
        mandate.constraints.minPositionSize = 0.18
        let problem = try mandate.problem(objective)
        let solution = try optimizeAllocation(problem) { false }
        #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-9)
    }
}
