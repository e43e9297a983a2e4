import Matrices
import PortfolioModel
import PortfolioOptimization
import Testing

@Suite("Degenerate mandates")
struct DegenerateMandateTests {
    private let objectives = Objective.onReturnAndRisk

    @Test(arguments: Objective.onReturnAndRisk)
    func `one instrument is held in full`(_ objective: Objective) throws {
        let solution = try TestMandate(expectedReturns: [0.07], covariance: [[0.04]]).solve(objective)
        #expect(solution.weights == [1])
        #expect(solution.cash == 0)
        #expect(solution.report.status == .optimal)
    }

    @Test(arguments: [Objective.maximizeSharpe, .minimizeRisk, .maximizeUtility])
    func `instruments that are alike are held alike`(_ objective: Objective) throws {
        let covariance = (0..<5).map { i in (0..<5).map { $0 == i ? 0.04 : 0.01 } }
        let mandate = TestMandate(expectedReturns: [0.06, 0.06, 0.06, 0.06, 0.06], covariance: covariance)
        for weight in try mandate.solve(objective).weights { #expect(abs(weight - 0.2) < 1e-9) }
    }

    @Test(arguments: Objective.onReturnAndRisk)
    func `the same instrument twice does not change the optimum`(_ objective: Objective) throws {
        var single = TestMandate(
            expectedReturns: [0.06, 0.1, 0.08],
            covariance: [[0.02, 0.006, 0.002], [0.006, 0.09, 0.01], [0.002, 0.01, 0.04]]
        )
        single.constraints.targetVolatility = 0.25
        var double = TestMandate(
            expectedReturns: [0.06, 0.1, 0.1, 0.08],
            covariance: [
                [0.02, 0.006, 0.006, 0.002], [0.006, 0.09, 0.09, 0.01], [0.006, 0.09, 0.09, 0.01],
                [0.002, 0.01, 0.01, 0.04],
            ]
        )
        double.constraints.targetVolatility = 0.25
        let one = try single.solve(objective)
        let two = try double.solve(objective)
        let first = try Figures(single.problem(objective), one.weights, one.cash).value(objective)
        let second = try Figures(double.problem(objective), two.weights, two.cash).value(objective)
        #expect(abs(first - second) <= 1e-8 * abs(first))
    }

    @Test(arguments: Objective.onReturnAndRisk)
    func `no turnover leaves what is held, or says what stands against it`(_ objective: Objective) throws {
        var mandate = TestMandate(
            expectedReturns: [0.05, 0.09],
            covariance: [[0.01, 0], [0, 0.04]],
            quantities: [3, 1]
        )
        mandate.constraints.maxTurnover = 0
        #expect(try mandate.solve(objective).weights == [0.75, 0.25])
        mandate.constraints.maxPositionSize = 0.6
        let failure = try #require(try mandate.failure(objective))
        #expect(failure.code == "infeasible")
        #expect(failure.message.contains("max_turnover"))
        #expect(abs(failure.nearest("/max_turnover") - 0.15) < 1e-9)
        #expect(abs(failure.nearest("/max_position_size") - 0.75) < 1e-9)
    }

    @Test(arguments: Objective.onReturnAndRisk)
    func `caps that just reach 1 leave one portfolio`(_ objective: Objective) throws {
        var mandate = TestMandate(
            expectedReturns: [0.05, 0.09, 0.03, 0.08],
            covariance: [[0.01, 0, 0, 0], [0, 0.04, 0.01, 0], [0, 0.01, 0.02, 0], [0, 0, 0, 0.03]]
        )
        mandate.constraints.maxPositionSize = 0.25
        #expect(try mandate.solve(objective).weights == [0.25, 0.25, 0.25, 0.25])
        mandate.constraints.maxPositionSize = 0.1
        mandate.constraints.maxWeights = ["A": 0.5, "B": 0.3]
        #expect(try mandate.solve(objective).weights == [0.5, 0.3, 0.1, 0.1])
    }

    @Test(arguments: Objective.onReturnAndRisk)
    func `floors that just reach 1 leave one portfolio`(_ objective: Objective) throws {
        var mandate = TestMandate(
            expectedReturns: [0.05, 0.09, 0.03],
            covariance: [[0.01, 0, 0], [0, 0.04, 0.01], [0, 0.01, 0.02]]
        )
        mandate.constraints.minWeights = ["A": 0.5, "B": 0.3, "C": 0.2]
        #expect(try mandate.solve(objective).weights == [0.5, 0.3, 0.2])
    }

    @Test func `a forced sale that just fits the turnover is done`() throws {
        var mandate = TestMandate(
            expectedReturns: [0.05, 0.09, 0.03],
            covariance: [[0.01, 0, 0], [0, 0.04, 0.01], [0, 0.01, 0.02]],
            quantities: [1, 2, 1]
        )
        mandate.universe = ["A", "B"]
        mandate.constraints.maxTurnover = 0.25
        for objective in Objective.onReturnAndRisk {
            let solution = try mandate.solve(objective)
            #expect(solution.weights[2] == 0)
            #expect(worstMiss(try mandate.problem(objective), solution.weights, solution.cash) <= 1e-9)
        }
    }

    @Test func `a riskless instrument that beats cash leaves the Sharpe ratio without a maximum`() throws {
        let mandate = TestMandate(expectedReturns: [0.03, 0.08], covariance: [[0, 0], [0, 0.04]])
        #expect(try mandate.failure(.maximizeSharpe)?.code == "unbounded")
        #expect(try mandate.solve(.minimizeRisk).weights == [1, 0])
    }

    @Test func `no instrument that beats cash leaves no Sharpe ratio`() throws {
        var mandate = TestMandate(expectedReturns: [0.01, 0.02], covariance: [[0.01, 0], [0, 0.04]])
        mandate.preferences.riskFreeRate = 0.03
        let failure = try #require(try mandate.failure(.maximizeSharpe))
        #expect(failure.code == "no_excess_return")
        #expect(failure.message.contains("-0.01"))
        mandate.constraints.maxCash = 0.5
        #expect(try mandate.failure(.maximizeSharpe)?.code == "no_excess_return")
        mandate.preferences.riskFreeRate = 0.02
        #expect(try mandate.failure(.maximizeSharpe)?.code == "no_excess_return")
    }

    @Test func `of allocations with the best Sharpe ratio the one with least cash is taken`() throws {
        var mandate = TestMandate(
            expectedReturns: [0.06, 0.1],
            covariance: [[0.01, 0.002], [0.002, 0.04]]
        )
        mandate.preferences.riskFreeRate = 0.02
        let invested = try mandate.solve(.maximizeSharpe)
        mandate.constraints.maxCash = 0.8
        let withCash = try mandate.solve(.maximizeSharpe)
        #expect(withCash.cash == 0)
        for (left, right) in zip(invested.weights, withCash.weights) { #expect(abs(left - right) < 1e-9) }
        // A cap makes cash useful: the tangency portfolio, scaled down until the cap just holds.
        mandate.constraints.maxWeights = ["A": 0.3]
        let capped = try mandate.solve(.maximizeSharpe)
        let problem = try mandate.problem(.maximizeSharpe)
        let best = Figures(problem, invested.weights, 0).value(.maximizeSharpe)
        #expect(abs(Figures(problem, capped.weights, capped.cash).value(.maximizeSharpe) - best) < 1e-9)
        #expect(capped.weights[0] == 0.3)
        // A volatility limit does the same.
        mandate.constraints.maxWeights = nil
        mandate.constraints.targetVolatility = 0.05
        let calm = try mandate.solve(.maximizeSharpe)
        #expect(abs(Figures(problem, calm.weights, calm.cash).volatility - 0.05) < 1e-9)
    }

    @Test(arguments: Objective.onReturnAndRisk)
    func `units do not matter`(_ objective: Objective) throws {
        for example in RandomMandate.all.filter({ $0.objective == objective.rawValue && $0.status == "optimal" })
            .prefix(25)
        {
            let mandate = example.mandate()
            let base = try mandate.solve(objective)
            for factor in [1e-6, 1e6] {
                var scaled = mandate
                scaled.prices = mandate.prices.map { $0 * factor }
                scaled.cash *= factor
                #expect(distance(try scaled.solve(objective), base) <= 1e-8, "prices, seed \(example.seed)")
                // Returns, volatilities, costs and limits on them in another unit: the same portfolio.
                scaled = mandate
                scaled.expectedReturns = mandate.expectedReturns.map { $0 * factor }
                for index in scaled.covariance.elements.indices { scaled.covariance.elements[index] *= factor * factor }
                scaled.preferences.riskFreeRate = mandate.preferences.riskFreeRate.map { $0 * factor }
                scaled.preferences.riskAversion = (mandate.preferences.riskAversion ?? 2.5) / factor
                scaled.preferences.transactionCostModel = mandate.preferences.transactionCostModel.map { $0 * factor }
                scaled.costs = mandate.costs.map { $0.map { TransactionCost(proportional: $0.proportional * factor) } }
                scaled.constraints.minReturn = mandate.constraints.minReturn.map { $0 * factor }
                scaled.constraints.targetVolatility = mandate.constraints.targetVolatility.map { $0 * factor }
                scaled.constraints.maxRisk = mandate.constraints.maxRisk.map { $0 * factor }
                #expect(distance(try scaled.solve(objective), base) <= 1e-8, "moments, seed \(example.seed), \(factor)")
            }
        }
    }

    private func distance(_ left: AllocationSolution, _ right: AllocationSolution) -> Double {
        zip(left.weights, right.weights).reduce(abs(left.cash - right.cash)) { max($0, abs($1.0 - $1.1)) }
    }
}
