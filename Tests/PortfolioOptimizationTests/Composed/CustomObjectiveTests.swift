import Matrices
import PortfolioModel
import PortfolioOptimization
import Testing

@Suite("Objectives made of terms")
struct CustomObjectiveTests {
    private func solve(_ problem: AllocationProblem) throws -> (solution: AllocationSolution, value: Double) {
        let solution = try optimizeAllocation(problem) { false }
        let values = try #require(try termValues(of: problem, at: solution))
        return (solution, values.reduce(0) { $0 + $1.contribution })
    }

    @Test func `the best sum of terms is what cvxpy and Clarabel find`() throws {
        let mandates = try CustomMandate.all()
        #expect(mandates.count > 100)
        for item in mandates {
            let problem = try item.problem()
            guard let expected = item.expected else {
                #expect(throws: OptimizationFailure.self, "\(item)") { try optimizeAllocation(problem) { false } }
                continue
            }
            do {
                let (solution, value) = try solve(problem)
                let allowed = 1e-6 * max(1e-1, abs(expected))
                #expect(abs(value - expected) <= allowed, "\(item): \(value), not \(expected)")
                if item.mandate.constraints.maxTrackingError == nil, item.measure == .volatility {
                    #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-8, "\(item)")
                }
            } catch { Issue.record("\(item): \(error)") }
        }
    }

    @Test(arguments: RandomMandate.active.filter { $0.status == "optimal" }.prefix(12))
    func `one term is the built-in objective that says the same`(_ example: RandomMandate) throws {
        var mandate = example.mandate()
        mandate.benchmark = example.benchmark
        mandate.preferences.includeTransactionCosts = nil
        mandate.preferences.riskAversion = 3
        let pairs: [(Objective, [ObjectiveTerm])] = [
            (.maximizeReturn, [ObjectiveTerm(.expectedReturn, weight: 2)]),
            (.minimizeRisk, [ObjectiveTerm(.risk, weight: -1)]),
            (.minimizeRisk, [ObjectiveTerm(.variance, weight: -4)]),
            (.maximizeUtility, [ObjectiveTerm(.expectedReturn, weight: 1), ObjectiveTerm(.variance, weight: -1.5)]),
            (.minimizeTrackingError, [ObjectiveTerm(.trackingError, weight: -1)]),
            (.minimizeTransactionCosts, [ObjectiveTerm(.cost, weight: -1)]),
        ]
        for (objective, terms) in pairs {
            mandate.parameters.customObjective = terms
            let problem = try mandate.problem(objective)
            let builtIn = try? optimizeAllocation(problem) { false }
            let composed = try? optimizeAllocation(mandate.problem(.custom)) { false }
            guard let builtIn, let composed else {
                let isCostless = objective == .minimizeTransactionCosts && composed != nil
                #expect((builtIn == nil) == (composed == nil) || isCostless, "\(objective)")
                continue
            }
            let wanted = Figures(problem, builtIn.weights, builtIn.cash).value(objective)
            let found = Figures(problem, composed.weights, composed.cash).value(objective)
            #expect(abs(wanted - found) <= 1e-7 * max(1e-1, abs(wanted)), "\(objective): \(found), not \(wanted)")
            #expect(worstMiss(problem, composed.weights, composed.cash) <= 1e-8)
        }
    }

    @Test func `a return net of costs is the built-in return net of costs`() throws {
        for example in RandomMandate.active.prefix(6) where example.status == "optimal" {
            var mandate = example.mandate()
            mandate.benchmark = example.benchmark
            mandate.preferences.includeTransactionCosts = true
            mandate.preferences.transactionCostModel = 0.004
            mandate.parameters.customObjective = [ObjectiveTerm(.expectedReturn, weight: 1)]
            let problem = try mandate.problem(.maximizeReturn)
            let builtIn = try optimizeAllocation(problem) { false }
            let (composed, value) = try solve(try mandate.problem(.custom))
            let wanted = Figures(problem, builtIn.weights, builtIn.cash).netReturn
            #expect(abs(value - wanted) <= 1e-7)
            #expect(abs(Figures(problem, composed.weights, composed.cash).netReturn - wanted) <= 1e-7)
        }
    }

    @Test(arguments: RiskMeasure.allCases.filter { $0 != .volatility && $0 != .valueAtRisk })
    func `a measure alone is the least of it`(_ measure: RiskMeasure) throws {
        let item = try #require(try CustomMandate.all().first)
        var mandate = item.mandate
        mandate.constraints = Constraints()
        mandate.constraints.maxPositionSize = 0.6
        mandate.parameters.customObjective = [ObjectiveTerm(.risk, weight: -1)]
        let builtIn = try optimizeAllocation(mandate.problem(.minimizeRisk, measure: measure, returns: item.returns)) {
            false
        }
        let problem = try mandate.problem(.custom, measure: measure, returns: item.returns)
        let value = try solve(problem).value
        var like = builtIn
        like.warnings = []
        let wanted = try #require(try termValues(of: problem, at: like)).reduce(0) { $0 + $1.contribution }
        #expect(abs(value - wanted) <= 1e-9 * max(1e-3, abs(wanted)))
    }

    @Test func `two instruments of no return are held in inverse proportion to their squares`() throws {
        // min a·(0.04 x² + 0.01 (1 − x)²) + c·(x² + (1 − x)²): x = (0.01a + c) / (0.05a + 2c).
        var mandate = TestMandate(expectedReturns: [0, 0], covariance: [[0.04, 0], [0, 0.01]])
        mandate.parameters.customObjective = [
            ObjectiveTerm(.variance, weight: -2), ObjectiveTerm(.concentration, weight: -0.03),
        ]
        let weights = try solve(try mandate.problem(.custom)).solution.weights
        #expect(abs(weights[0] - (0.02 + 0.03) / (0.1 + 0.06)) <= 1e-9)
    }

    @Test func `entropy alone holds everything alike, cash included`() throws {
        var mandate = TestMandate(expectedReturns: [0.1, 0, 0.2], covariance: [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
        mandate.constraints.maxCash = 1
        mandate.parameters.customObjective = [ObjectiveTerm(.entropy, weight: 1)]
        let solution = try solve(try mandate.problem(.custom)).solution
        for weight in solution.weights + [solution.cash] { #expect(abs(weight - 0.25) <= 1e-8) }
        mandate.constraints.maxWeights = ["B": 0]
        mandate.constraints.maxCash = nil
        let without = try solve(try mandate.problem(.custom)).solution
        #expect(without.weights[1] == 0 && without.cash == 0)
        #expect(abs(without.weights[0] - 0.5) <= 1e-8)
    }

    @Test func `losses are sold and gains are kept as long as the tax counts most`() throws {
        var mandate = TestMandate(
            expectedReturns: [0.05, 0.05, 0.05],
            covariance: .init(repeating: [0, 0, 0], count: 3)
        )
        mandate.lots = [
            "A": [lot(1, basis: 120)], "B": [lot(1, basis: 60)], "C": [lot(1, basis: 100)],
        ]
        mandate.preferences.shortTermTaxRate = 0.3
        mandate.parameters.customObjective = [ObjectiveTerm(.tax, weight: -1)]
        let problem = try mandate.problem(.custom)
        let (solution, value) = try solve(problem)
        #expect(solution.weights[0] == 0, "the loss of 20 is taken")
        #expect(abs(value - 0.3 * 20 / 300) <= 1e-9, "and nothing else is taxed")
        #expect(solution.weights[1] >= 1.0 / 3 - 1e-9)
        #expect(solution.bindingConstraints.allSatisfy { $0.shadowPrice == nil })
        // A sale that is bought back is no sale: kept at its weight, the loss is not taken.
        mandate.constraints.minWeights = ["A": 1.0 / 3]
        #expect(abs(try solve(try mandate.problem(.custom)).value) <= 1e-9)
    }

    private func lot(_ quantity: Double, basis: Double) -> TaxLot {
        TaxLot(quantity: quantity, costBasis: basis, acquiredAt: CalendarDate(daysSinceEpoch: -100))
    }

    @Test func `prices of limits are slopes of the weighted sum`() throws {
        let item = try #require(try CustomMandate.all().first { $0.mandate.identifiers.count == 9 })
        var mandate = item.mandate
        mandate.preferences = Preferences()
        mandate.parameters.customObjective = [
            ObjectiveTerm(.expectedReturn, weight: 1), ObjectiveTerm(.variance, weight: -1),
            ObjectiveTerm(.cost, weight: -0.5), ObjectiveTerm(.trackingError, weight: -0.2),
            ObjectiveTerm(.entropy, weight: 0.01),
        ]
        func best(cap: Double, turnover: Double) throws -> (AllocationSolution, Double) {
            mandate.constraints = Constraints()
            mandate.constraints.maxPositionSize = cap
            mandate.constraints.maxTurnover = turnover
            return try solve(try mandate.problem(.custom))
        }
        let (base, _) = try best(cap: 0.25, turnover: 0.3)
        let step = 1e-5
        for (pointer, above, below) in [
            (
                "/max_position_size", try best(cap: 0.25 + step, turnover: 0.3),
                try best(cap: 0.25 - step, turnover: 0.3)
            ),
            ("/max_turnover", try best(cap: 0.25, turnover: 0.3 + step), try best(cap: 0.25, turnover: 0.3 - step)),
        ] {
            let entries = base.bindingConstraints.filter { $0.constraint == pointer }
            #expect(!entries.isEmpty, "\(pointer) does not bind")
            let price = entries.reduce(0) { $0 + ($1.shadowPrice ?? .nan) }
            let slope = (above.1 - below.1) / (2 * step)
            #expect(abs(price - slope) <= 1e-3 * max(1e-2, abs(slope)), "\(pointer): \(price), not \(slope)")
        }
    }

    @Test func `what keeps the sum from being concave is refused with the term and the reason`() throws {
        for kind in ObjectiveTerm.Kind.allCases where kind.shape != .linear {
            let weight = kind.shape == .convex ? 0.5 : -0.5
            var mandate = TestMandate(expectedReturns: [0.1, 0.2], covariance: [[1, 0], [0, 1]])
            mandate.benchmark = ["A": 1]
            mandate.parameters.customObjective = [
                ObjectiveTerm(.expectedReturn, weight: 1), ObjectiveTerm(kind, weight: weight),
            ]
            let failure = try #require(try mandate.failure(.custom))
            #expect(failure.code == "not_convex")
            #expect(failure.message.contains("/custom_objective/1") && failure.message.contains(kind.rawValue))
        }
    }

    @Test func `a return that is punished is refused only where it is net`() throws {
        var mandate = TestMandate(expectedReturns: [0.1, 0.2], covariance: [[1, 0], [0, 1]])
        mandate.parameters.customObjective = [ObjectiveTerm(.expectedReturn, weight: -1)]
        #expect(try mandate.solve(.custom).weights == [1, 0])
        mandate.preferences.includeTransactionCosts = true
        mandate.preferences.transactionCostModel = 0.01
        #expect(try mandate.failure(.custom)?.code == "not_convex")
        // A cost that weighs more than what the return gives back is a penalty again.
        mandate.parameters.customObjective?.append(ObjectiveTerm(.cost, weight: -1.5))
        #expect(try mandate.failure(.custom) == nil)
    }

    @Test func `what terms need and is not there is named`() throws {
        var mandate = TestMandate(expectedReturns: [0.1, 0.2], covariance: [[1, 0], [0, 1]])
        func code(_ term: ObjectiveTerm, measure: RiskMeasure = .volatility) throws -> String? {
            mandate.parameters.customObjective = [term]
            do {
                _ = try optimizeAllocation(mandate.problem(.custom, measure: measure)) { false }
                return nil
            } catch let failure as OptimizationFailure { return failure.code }
        }
        #expect(try code(ObjectiveTerm(.trackingError, weight: -1)) == "missing_benchmark")
        #expect(try code(ObjectiveTerm(.factorExposure, weight: 1, factor: "MKT")) == "missing_factors")
        #expect(try code(ObjectiveTerm(.risk, weight: -1), measure: .meanAbsoluteDeviation) == "missing_scenarios")
        mandate.constraints.minPositionSize = 0.1
        #expect(try code(ObjectiveTerm(.entropy, weight: 1)) == "unsupported_constraint")
    }

    @Test func `limits that clash are named, and no trading is allowed to be the answer`() throws {
        var mandate = TestMandate(expectedReturns: [0.1, 0.2, 0.3], covariance: [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
        mandate.parameters.customObjective = [ObjectiveTerm(.entropy, weight: 1), ObjectiveTerm(.risk, weight: -1)]
        mandate.constraints.maxPositionSize = 0.3
        #expect(abs(try #require(try mandate.failure(.custom)).nearest("/max_position_size") - 1.0 / 3) <= 1e-9)
        mandate.constraints = Constraints()
        mandate.constraints.maxTurnover = 0
        #expect(try mandate.solve(.custom).weights.allSatisfy { abs($0 - 1.0 / 3) <= 1e-12 })
    }

    @Test func `equal instruments, a singular covariance and a single instrument are solved`() throws {
        var twins = TestMandate(expectedReturns: [0.05, 0.05], covariance: [[0.04, 0.04], [0.04, 0.04]])
        twins.parameters.customObjective = [
            ObjectiveTerm(.expectedReturn, weight: 1), ObjectiveTerm(.variance, weight: -1),
            ObjectiveTerm(.risk, weight: -1), ObjectiveTerm(.concentration, weight: -1),
        ]
        #expect(abs(try twins.solve(.custom).weights[0] - 0.5) <= 1e-8)
        var alone = TestMandate(expectedReturns: [0.05], covariance: [[0.04]])
        alone.parameters.customObjective = twins.parameters.customObjective
        #expect(try alone.solve(.custom).weights == [1])
    }
}
