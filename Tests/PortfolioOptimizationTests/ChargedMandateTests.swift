import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

@Suite("Impact and taxes in the objective")
struct ChargedMandateTests {
    /// What impact and taxes take from the annual return, from their definitions.
    private func charge(_ mandate: TestMandate, _ problem: AllocationProblem, _ weights: [Double]) -> Double {
        var total = 0.0
        for (index, instrument) in problem.instruments.enumerated() {
            let change = weights[index] - problem.currentWeights[index]
            let value = abs(change) * problem.portfolioValue
            if mandate.preferences.includeTransactionCosts == true, let cost = instrument.cost, cost.impact > 0 {
                total += cost.impact * value * (value / (cost.averageDailyValue ?? 1)).squareRoot()
            }
            guard mandate.preferences.considerTaxImplications == true, change < 0 else { continue }
            let taxed = (mandate.lots[instrument.id] ?? mandate.taxLots).map { lot in
                let isLong = lot.acquiredAt.daysSinceEpoch < -366
                let rate = isLong ? mandate.preferences.longTermTaxRate : mandate.preferences.shortTermTaxRate
                return (
                    value: lot.quantity * instrument.price, tax: (rate ?? 0) * (1 - lot.costBasis / instrument.price)
                )
            }
            var left = value
            for lot in taxed.sorted(by: { $0.tax < $1.tax }) {
                total += lot.tax * min(left, lot.value)
                left -= min(left, lot.value)
            }
        }
        return total / problem.portfolioValue / (mandate.preferences.costHorizonYears ?? 1)
    }

    private func value(_ mandate: TestMandate, _ objective: Objective) throws -> Double {
        let problem = try mandate.problem(objective)
        let solution = try optimizeAllocation(problem) { false }
        return value(mandate, problem, solution, objective)
    }

    private func value(
        _ mandate: TestMandate,
        _ problem: AllocationProblem,
        _ solution: AllocationSolution,
        _ objective: Objective
    ) -> Double {
        let figures = Figures(problem, solution.weights, solution.cash)
        let charge = charge(mandate, problem, solution.weights)
        let plain = figures.value(objective)
        return objective == .maximizeSharpe ? plain - charge / figures.volatility : plain - charge
    }

    @Test func `the fixture has impact, gains and losses`() {
        let optimal = RandomMandate.charged.filter { $0.status == "optimal" }
        #expect(optimal.count >= 20)
        #expect(optimal.contains { !($0.impact ?? [:]).isEmpty })
        #expect(optimal.contains { ($0.lots ?? [:]).values.contains { $0.contains { $0.ratio > 1 } } })
        #expect(Set(optimal.map(\.objective)).count == 3)
    }

    @Test(arguments: RandomMandate.charged)
    func `the optimum is the reference's, which the ratio's bisection found`(_ example: RandomMandate) throws {
        let objective = try #require(Objective(rawValue: example.objective))
        let mandate = example.mandate()
        let problem = try mandate.problem(objective)
        guard example.status == "optimal" else {
            #expect(try mandate.failure(objective)?.code == example.status)
            return
        }
        let solution = try optimizeAllocation(problem) { false }
        let expected = try #require(example.expected)
        let value = value(mandate, problem, solution, objective)
        #expect(abs(value - expected) <= 1e-6 * max(abs(expected), 1e-1), "\(value) is not \(expected)")
        #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-7)
    }

    /// One instrument held at a gain, another that earns more.
    private var pair: TestMandate {
        var mandate = TestMandate(
            expectedReturns: [0.05, 0.10],
            covariance: [[0.04, 0.01], [0.01, 0.09]],
            quantities: [10, 0]
        )
        mandate.preferences.considerTaxImplications = true
        mandate.preferences.longTermTaxRate = 0.2
        mandate.preferences.shortTermTaxRate = 0.2
        return mandate
    }

    @Test func `a gain is sold where the better return pays its tax`() throws {
        var mandate = pair
        // 20 % of a gain of half the price is more than the 5 % gained in a year, and less than that of three.
        mandate.lots["A"] = [
            TaxLot(quantity: 4, costBasis: 90, acquiredAt: CalendarDate(daysSinceEpoch: -800)),
            TaxLot(quantity: 6, costBasis: 50, acquiredAt: CalendarDate(daysSinceEpoch: -800)),
        ]
        #expect(try abs(mandate.solve(.maximizeReturn).weights[0] - 0.6) < 1e-9)
        mandate.preferences.costHorizonYears = 3
        #expect(try mandate.solve(.maximizeReturn).weights == [0, 1])
    }

    @Test func `a loss is sold for its tax though the instrument earns more`() throws {
        var mandate = pair
        mandate.expectedReturns = [0.10, 0.08]
        mandate.lots["A"] = [
            TaxLot(quantity: 3, costBasis: 160, acquiredAt: CalendarDate(daysSinceEpoch: -800)),
            TaxLot(quantity: 7, costBasis: 95, acquiredAt: CalendarDate(daysSinceEpoch: -800)),
        ]
        let solution = try mandate.solve(.maximizeReturn)
        #expect(abs(solution.weights[0] - 0.7) < 1e-9, "\(solution.weights)")
        #expect(solution.report.solver == "branch_and_bound")
        mandate.quantities = [5, 5]
        mandate.lots["A"] = [
            TaxLot(quantity: 5, costBasis: 101, acquiredAt: CalendarDate(daysSinceEpoch: -800))
        ]
        // The loss is too small to be worth 2 % of return: the other is sold for more of it.
        #expect(try mandate.solve(.maximizeReturn).weights == [1, 0])
    }

    @Test(arguments: [Objective.maximizeSharpe, .maximizeUtility, .maximizeReturn])
    func `limits beside impact and gains have the slope of the optimum`(_ objective: Objective) throws {
        let example = try #require(
            RandomMandate.charged.first {
                $0.status == "optimal" && !($0.impact ?? [:]).isEmpty && $0.size >= 6
                    && $0.constraints.max_turnover == nil
            }
        )
        var mandate = example.mandate()
        mandate.constraints = Constraints()
        mandate.preferences.considerTaxImplications = true
        mandate.preferences.longTermTaxRate = 0.2
        mandate.taxLots = []
        mandate.lots = [:]
        for (index, id) in mandate.identifiers.enumerated() where mandate.quantities[index] > 0 {
            mandate.lots[id] = [
                TaxLot(
                    quantity: mandate.quantities[index],
                    costBasis: 0.8 * mandate.prices[index],
                    acquiredAt: CalendarDate(daysSinceEpoch: -800)
                )
            ]
        }
        mandate.constraints.maxPositionSize = 0.6
        for (pointer, bound) in [("/max_turnover", 0.12), ("/max_cash", 0.05)] {
            func limited(_ bound: Double) -> TestMandate {
                var copy = mandate
                if pointer == "/max_turnover" { copy.constraints.maxTurnover = bound }
                if pointer == "/max_cash" {
                    copy.constraints.maxCash = bound
                    copy.constraints.minCash = bound
                }
                return copy
            }
            let binding = try limited(bound).solve(objective).bindingConstraints
                .filter { $0.constraint == pointer || $0.constraint == "/min_cash" && pointer == "/max_cash" }
            guard !binding.isEmpty else { continue }
            let price = try binding.reduce(0) { try $0 + #require($1.shadowPrice) }
            let slope = try (value(limited(bound + 1e-5), objective) - value(limited(bound - 1e-5), objective)) / 2e-5
            #expect(abs(price - slope) <= 1e-4 * max(0.1, abs(slope)), "\(pointer): \(price), not \(slope)")
        }
    }

    @Test func `what stays out of the objective is said`() throws {
        var mandate = pair
        mandate.taxLots = [TaxLot(quantity: 10, costBasis: 50, acquiredAt: CalendarDate(daysSinceEpoch: -800))]
        func codes(_ mandate: TestMandate, _ objective: Objective) throws -> Set<String> {
            Set(try mandate.problem(objective).warnings.map(\.code))
        }
        #expect(try codes(mandate, .maximizeUtility).isEmpty)
        #expect(try codes(mandate, .minimizeRisk) == ["tax_not_in_objective"])
        var short = mandate
        short.constraints.allowShort = true
        short.constraints.maxGrossExposure = 1.5
        #expect(try codes(short, .maximizeUtility) == ["tax_not_in_objective"])
        mandate.constraints.maxPositions = 1
        #expect(try codes(mandate, .maximizeUtility) == ["losses_not_in_objective"])
    }
}
