import Matrices
import PortfolioModel
import PortfolioOptimization
import Testing

@Suite("Allocation problems")
struct AllocationProblemTests {
    private func mandate() -> TestMandate {
        TestMandate(
            expectedReturns: [0.05, 0.06, 0.07],
            covariance: [[0.01, 0, 0], [0, 0.02, 0], [0, 0, 0.03]],
            quantities: [2, 0, 1],
            prices: [10, 20, 30]
        )
    }

    private func code(_ mandate: TestMandate) -> String? {
        do {
            _ = try mandate.problem(.minimizeRisk)
            return nil
        } catch { return (error as? OptimizationFailure)?.code }
    }

    @Test func `weights before trading are fractions of the value with cash`() throws {
        var mandate = mandate()
        mandate.cash = 50
        let problem = try mandate.problem(.minimizeRisk)
        #expect(problem.portfolioValue == 100)
        #expect(problem.currentWeights == [0.2, 0, 0.3])
        #expect(problem.currentCash == 0.5)
    }

    @Test func `the instruments are those of the universe and those held`() throws {
        var mandate = mandate()
        mandate.universe = ["B"]
        let problem = try mandate.problem(.minimizeRisk)
        #expect(problem.instruments.map(\.id) == ["A", "B", "C"])
        #expect(problem.isTradable == [false, true, false])
        #expect(try mandate.solve(.maximizeSharpe).weights == [0, 1, 0])
        mandate.quantities = [1, 0, 0]
        mandate.universe = ["A", "C"]
        #expect(try mandate.problem(.minimizeRisk).instruments.map(\.id) == ["A", "C"])
    }

    @Test func `the request's limits lie over the portfolio's`() throws {
        var mandate = mandate()
        mandate.portfolioConstraints.maxWeights = ["A": 0.4, "B": 0.4]
        mandate.constraints.maxWeights = ["B": 0.35]
        let solution = try mandate.solve(.minimizeRisk)
        #expect(solution.weights[0] == 0.4)
        #expect(solution.weights[1] == 0.35)
        #expect(Set(solution.bindingConstraints.map(\.constraint)) == ["/max_weights/A", "/max_weights/B"])
    }

    @Test func `max_weights replaces max_position_size`() throws {
        var mandate = mandate()
        mandate.constraints.maxPositionSize = 0.2
        mandate.constraints.maxWeights = ["A": 0.6]
        #expect(try mandate.solve(.minimizeRisk).weights == [0.6, 0.2, 0.2])
    }

    @Test func `snapshots that do not fit together are refused`() throws {
        var poor = mandate()
        poor.quantities = [0, 0, 0]
        #expect(code(poor) == "invalid_inputs")
        var negative = mandate()
        negative.quantities = [-1, 2, 2]
        #expect(code(negative) == "invalid_inputs")
        var unpriced = mandate()
        unpriced.prices = [0, 1, 1]
        #expect(code(unpriced) == "invalid_inputs")
        var unmodelled = mandate()
        unmodelled.universe = ["A", "Z"]
        #expect(code(unmodelled) == "invalid_inputs")
        var unknown = mandate()
        unknown.expectedReturns[1] = .nan
        #expect(code(unknown) == "invalid_inputs")
        var short = mandate()
        short.expectedReturns.removeLast()
        #expect(code(short) == "invalid_inputs")
        var empty = mandate()
        empty.universe = []
        #expect(code(empty) == "invalid_inputs")
        #expect(code(mandate()) == nil)
    }

    @Test func `preferences that change nothing are warned of`() throws {
        var mandate = mandate()
        mandate.preferences.riskAversion = 3
        mandate.preferences.considerTaxImplications = true
        mandate.preferences.includeTransactionCosts = true
        mandate.costs[1] = TransactionCost(proportional: 0.001, fixed: 5)
        #expect(
            try mandate.problem(.maximizeSharpe).warnings.map(\.code) == [
                "preference_ignored", "no_tax_rates", "no_tax_lots",
            ]
        )
        mandate.preferences.longTermTaxRate = 0.15
        mandate.taxLots = [TaxLot(quantity: 1, costBasis: 1, acquiredAt: CalendarDate(daysSinceEpoch: 0))]
        #expect(
            try mandate.solve(.maximizeUtility).warnings.isEmpty,
            "its fixed cost is part of the objective"
        )
        #expect(try self.mandate().solve(.minimizeRisk).warnings.isEmpty)
    }

    @Test func `costs that outweigh the gain leave the portfolio as it is`() throws {
        var mandate = TestMandate(
            expectedReturns: [0.05, 0.06],
            covariance: [[0.02, 0], [0, 0.02]],
            quantities: [3, 1]
        )
        mandate.preferences.includeTransactionCosts = true
        mandate.preferences.transactionCostModel = 0.02
        #expect(try mandate.solve(.maximizeReturn).weights == [0.75, 0.25])
        mandate.preferences.costHorizonYears = 10
        #expect(try mandate.solve(.maximizeReturn).weights == [0, 1])
        mandate.costs = [TransactionCost(proportional: 0.2), nil]
        #expect(try mandate.solve(.maximizeReturn).weights == [0.75, 0.25], "its own cost goes first")
    }

    @Test func `the same problem gives the same bits`() throws {
        for example in RandomMandate.all.filter({ $0.status == "optimal" }).prefix(40) {
            let objective = try #require(Objective(rawValue: example.objective))
            let mandate = example.mandate()
            let first = try mandate.solve(objective)
            let second = try mandate.solve(objective)
            #expect(first.weights == second.weights && first.bindingConstraints == second.bindingConstraints)
        }
    }
}
