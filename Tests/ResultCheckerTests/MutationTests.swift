import PortfolioModel
import ResultChecker
import Testing

/// A change of one field that makes a right result wrong.
struct Mutation: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var apply: @Sendable (inout OptimizationResult) -> Void

    init(_ name: String, _ apply: @escaping @Sendable (inout OptimizationResult) -> Void) {
        testDescription = name
        self.apply = apply
    }

    /// A figure moved by a millionth of itself.
    static func figure(_ name: String, _ path: any WritableKeyPath<AllocationMetrics, Double> & Sendable) -> Mutation {
        Mutation(name) { $0.metrics[keyPath: path] += 1e-6 * max(1e-3, abs($0.metrics[keyPath: path])) }
    }

    /// A figure moved, and a figure withheld.
    static func optional(
        _ name: String,
        _ path: any WritableKeyPath<AllocationMetrics, Double?> & Sendable
    ) -> [Mutation] {
        [
            Mutation(name) { $0.metrics[keyPath: path] = $0.metrics[keyPath: path].map { $0 * (1 + 1e-6) + 1e-9 } },
            Mutation("\(name) withheld") {
                $0.metrics[keyPath: path] = nil
                $0.metrics.notes[name] = "a reason"
            },
        ]
    }

    static let metrics: [Mutation] =
        [
            figure("expected_return", \.expectedReturn), figure("expected_volatility", \.expectedVolatility),
            figure("turnover", \.turnover), figure("turnover_two_way", \.turnoverTwoWay), figure("risk", \.risk),
            figure("expected_return_net", \.expectedReturnNet), figure("transaction_costs", \.transactionCosts),
            figure("tax", \.tax), figure("effective_positions", \.effectivePositions),
            figure("risk_free_rate", \.riskFreeRate),
            Mutation("a note of a figure that is there") { $0.metrics.notes["sharpe_ratio"] = "none" },
            Mutation("a figure that is no number") { $0.metrics.expectedReturn = .nan },
        ] + optional("sharpe_ratio", \.sharpeRatio) + optional("max_drawdown", \.maxDrawdown)
        + optional("information_ratio", \.informationRatio) + optional("return_risk_ratio", \.returnRiskRatio)
        + optional("tracking_error", \.trackingError) + optional("diversification_ratio", \.diversificationRatio)

    static let allocations: [Mutation] = [
        Mutation("current weight") { $0.currentAllocation["I0"]? *= 1 + 1e-6 },
        Mutation("current weight left out") { $0.currentAllocation["I1"] = nil },
        Mutation("current weight invented") { $0.currentAllocation["I99"] = 0.1 },
        Mutation("target weight") { $0.targetAllocation["I0"]? += 1e-6 },
        Mutation("target weight left out") { $0.targetAllocation["I1"] = nil },
        Mutation("target weight of a stranger") { $0.targetAllocation["XXX"] = 0.01 },
        Mutation("a zero in the target") { $0.targetAllocation["I7"] = 0 },
        Mutation("dust in the target") { $0.targetAllocation["I7"] = 9e-10 },
        Mutation("less dust in the target") { $0.targetAllocation["I7"] = 1e-13 },
        Mutation("a sum that is off") { $0.targetAllocation["I0"]? += 2e-12 },
        Mutation("a negative weight") { $0.targetAllocation["I7"] = -0.01 },
        Mutation("cash in the target") { $0.targetAllocation["cash"]? += 1e-6 },
        Mutation("risk contribution") { $0.riskContributions["I0"]? += 1e-6 },
        Mutation("risk contribution left out") { $0.riskContributions["I2"] = nil },
        Mutation("risk contribution invented") { $0.riskContributions["XXX"] = 0.1 },
    ]

    static let trades: [Mutation] = [
        Mutation("trade's instrument") { $0.trades[0].instrumentID = "XXX" },
        Mutation("trade's other instrument") { $0.trades[0].instrumentID = $0.trades[1].instrumentID },
        Mutation("trade's action") { $0.trades[0].action = $0.trades[0].action == .buy ? .sell : .buy },
        Mutation("trade's quantity, by a part of a lot") {
            for index in $0.trades.indices where $0.trades[index].instrumentID == "I0" {
                $0.trades[index].quantity += 0.25
                $0.trades[index].estimatedValue = $0.trades[index].quantity * $0.trades[index].price
            }
        },
        Mutation("trade's quantity, by lots") { $0.trades[0].quantity += 20 },
        Mutation("trade's quantity negative") { $0.trades[0].quantity *= -1 },
        Mutation("trade's price") { $0.trades[0].price *= 1 + 1e-6 },
        Mutation("trade's value") { $0.trades[0].estimatedValue *= 1 + 1e-6 },
        Mutation("trade's weight change") { $0.trades[0].weightChange *= 1 + 1e-6 },
        Mutation("trade's sign") { $0.trades[0].weightChange *= -1 },
        Mutation("trade's cost") { $0.trades[0].cost *= 1 + 1e-6 },
        Mutation("trade's priority") { $0.trades[0].priority = 2 },
        Mutation("a trade left out") { $0.trades.removeLast() },
        Mutation("a trade twice") { $0.trades.append($0.trades[0]) },
        Mutation("buys before the sells that fund them") { result in
            result.trades.sort { ($0.action == .buy ? 0 : 1) < ($1.action == .buy ? 0 : 1) }
            for index in result.trades.indices { result.trades[index].priority = index + 1 }
        },
    ]

    /// A change of the first lot of the first sale.
    static func lot(_ name: String, _ change: @escaping @Sendable (inout SoldLot) -> Void) -> Mutation {
        Mutation(name) { result in
            guard let sale = result.trades.firstIndex(where: { !$0.taxLots.isEmpty }) else { return }
            change(&result.trades[sale].taxLots[0])
        }
    }

    static let reasons: [Mutation] = [
        Mutation("no reasons") { $0.trades[0].reasons = nil },
        Mutation("a reason's return") { $0.trades[0].reasons?.expectedReturn += 1e-7 },
        Mutation("a reason's risk") { $0.trades[0].reasons?.risk += 1e-7 },
        Mutation("a reason's cost") { $0.trades[0].reasons?.cost -= 1e-7 },
        Mutation("a reason's tax") { $0.trades[0].reasons?.tax -= 1e-7 },
        Mutation("a reason's limits") { $0.trades[0].reasons?.constraints += 1e-7 },
        Mutation("what is not held left out") { $0.excluded.removeLast() },
        Mutation("what is not held twice") { $0.excluded.append($0.excluded[0]) },
        Mutation("what is held said not to be") {
            $0.excluded.append(ExcludedInstrument(instrumentID: "I0", reducedCost: -0.1))
        },
        Mutation("what would gain said not to be held") { $0.excluded[0].reducedCost = 0.1 },
    ]

    static let lots: [Mutation] = [
        lot("lot's day") { $0.acquiredAt = CalendarDate(daysSinceEpoch: $0.acquiredAt.daysSinceEpoch - 1) },
        lot("lot's quantity") { $0.quantity *= 1 + 1e-6 },
        lot("lot's cost") { $0.costBasis *= 1 + 1e-6 },
        lot("lot's gain") { $0.gain = $0.gain * (1 + 1e-6) + 1e-3 },
        lot("lot's term") { $0.term = $0.term == .long ? .short : .long },
        lot("lot's disallowed loss") { $0.disallowedLoss += 1e-3 },
        Mutation("lots left out") { result in
            for index in result.trades.indices { result.trades[index].taxLots = [] }
        },
        Mutation("lots of a purchase") { result in
            guard let buy = result.trades.firstIndex(where: { $0.action == .buy }),
                let sale = result.trades.first(where: { !$0.taxLots.isEmpty })
            else { return }
            result.trades[buy].taxLots = sale.taxLots
        },
    ]

    static let report: [Mutation] = [
        Mutation("constraints in force") { $0.constraints.maxTurnover = 0.5 },
        Mutation("constraints left out") { $0.constraints.minCash = nil },
        Mutation("preferences in force") { $0.preferences.riskAversion = 3 },
        Mutation("portfolio version") { $0.inputs.versions.portfolio += 1 },
        Mutation("risk model") { $0.inputs.versions.riskModelID = "n" },
        Mutation("risk model version") { $0.inputs.versions.riskModel += 1 },
        Mutation("instruments version") { $0.inputs.versions.instruments -= 1 },
        Mutation("estimator of returns") { $0.inputs.expectedReturnsEstimator = "historical_mean" },
        Mutation("estimator of covariance") { $0.inputs.covarianceEstimator = "ledoit_wolf" },
        Mutation("kernel") { $0.inputs.kernel = "" },
        Mutation("a warning withheld") { $0.warnings = [] },
        Mutation("a warning without a message") { $0.warnings.append(ResultWarning(code: "x", message: "")) },
        Mutation("costs said not to be funded") {
            $0.warnings.append(ResultWarning(code: "costs_not_funded", message: "none"))
        },
        Mutation("primal residual") { $0.solution.primalResidual = 1e-3 },
        Mutation("dual residual") { $0.solution.dualResidual = .nan },
        Mutation("gap") { $0.solution.relativeGap = 0.01 },
        Mutation("time") { $0.solution.solveMilliseconds = -1 },
        Mutation("iterations") { $0.solution.iterations = -1 },
        Mutation("solver") { $0.solution.solver = "" },
        Mutation("binding limit's name") { $0.bindingConstraints[0].constraint = "/max_weights/I1" },
        Mutation("binding limit that is not in force") { $0.bindingConstraints[0].constraint = "/max_turnover" },
        Mutation("binding limit's bound") { $0.bindingConstraints[0].bound += 1e-6 },
        Mutation("binding limit's value") { $0.bindingConstraints[0].value += 1e-6 },
        Mutation("shadow price of an upper limit") { $0.bindingConstraints[0].shadowPrice = -0.1 },
        Mutation("shadow price of a lower limit") { $0.bindingConstraints[1].shadowPrice = 0.1 },
    ]
}

@Suite("The checker and wrong results")
struct MutationTests {
    @Test(
        arguments: Mutation.metrics + Mutation.allocations + Mutation.trades + Mutation.reasons + Mutation.lots
            + Mutation.report
    )
    func `a field that is wrong is caught`(mutation: Mutation) throws {
        let book = try RandomBook(seed: 2, isRich: true)
        #expect(book.result.trades.contains { $0.action == .buy } && book.result.trades.count > 4)
        let check = AllocationCheck(snapshot: book.snapshot, moments: book.moments, request: book.request)
        try #require(check.violations(in: book.result) == [])
        var wrong = book.result
        mutation.apply(&wrong)
        try #require(wrong != book.result || mutation.testDescription.contains("no number"), "nothing was changed")
        #expect(!check.violations(in: wrong).isEmpty)
    }

    /// HIFO is what a mandate without taxes in mind promises: the cheapest lots first is another method.
    @Test func `lots sold by another method are caught`() throws {
        let book = try RandomBook(seed: 2, isRich: true)
        var wrong = book.result
        let position = try #require(
            wrong.trades.firstIndex { trade in trade.taxLots.count == 1 || trade.taxLots.count == 2 }
        )
        let trade = wrong.trades[position]
        let lots = book.snapshot.portfolio.positions.first { $0.instrumentID == trade.instrumentID }?.taxLots ?? []
        let cheapest = try #require(lots.min { $0.costBasis < $1.costBasis })
        wrong.trades[position].taxLots[0].costBasis = cheapest.costBasis
        wrong.trades[position].taxLots[0].acquiredAt = cheapest.acquiredAt
        let check = AllocationCheck(snapshot: book.snapshot, moments: book.moments, request: book.request)
        #expect(!check.violations(in: wrong).isEmpty)
    }
}
