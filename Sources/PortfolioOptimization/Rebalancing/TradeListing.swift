internal import LinearAlgebra
internal import Matrices
internal import PortfolioModel

/// A plan's changes as trades that a desk can send: ordered, priced, with their lots and reasons.
struct TradeListing {
    let program: PlanProblem
    let changes: [Double]
    let instruments: [Instrument]
    let portfolio: Portfolio
    let preferences: Preferences
    let rules: TradingRules

    /// The trades in priority order: a purchase waits until cash pays for it, and of those that can go the one with the
    /// largest benefit for its cost goes first.
    var trades: [PlannedTrade] {
        let traded = changes.indices.filter { changes[$0] != 0 }
        let state = PlanState(program, changes: changes)
        let reasons = traded.map { self.reasons(for: $0, state) }
        let proceeds = traded.map { -changes[$0] * instruments[$0].price - program.charges[$0].cost(changes[$0]) }
        let benefits = zip(traded, reasons).map { index, reasons in
            reasons.risk / max(program.charges[index].cost(changes[index]) / program.portfolioValue, Self.freeTrade)
        }
        var cash = portfolio.cash
        var trades: [PlannedTrade] = []
        for (rank, position) in priorityOrder(proceeds, benefits: benefits, cash: cash).enumerated() {
            let index = traded[position]
            let trade = listed(index, priority: rank + 1)
            cash += trade.action == .sell ? trade.estimatedValue : -trade.estimatedValue
            cash -= trade.cost
            // What is left of money spent to the last cent is nothing, not a rounding of it.
            if abs(cash) < PlanProblem.cashRounding * program.portfolioValue { cash = 0 }
            trades.append(
                PlannedTrade(
                    trade: trade,
                    cashAfter: cash,
                    closesPosition: changes[index] == -program.domains[index].held,
                    reasons: reasons[position]
                )
            )
        }
        return trades
    }

    /// A cost below this share of the value is no cost when benefits are compared.
    private static let freeTrade = 1e-9

    private func circumstances(_ instrument: Instrument) -> SaleCircumstances {
        SaleCircumstances(
            of: instrument,
            on: portfolio,
            preferences,
            purchases: portfolio.recentTrades.filter { $0.instrumentID == instrument.id }
        )
    }

    private func listed(_ index: Int, priority: Int) -> Trade {
        let instrument = instruments[index]
        let isSale = changes[index] < 0
        let quantity = abs(changes[index])
        let value = quantity * instrument.price
        var sold: [SoldLot] = []
        if isSale {
            sold = soldLots(
                of: portfolio.positions.filter { $0.instrumentID == instrument.id }.flatMap(\.taxLots),
                selling: quantity,
                method: rules.lotMethods[instrument.id] ?? rules.defaultLotMethod,
                circumstances: circumstances(instrument)
            )
        }
        return Trade(
            instrumentID: instrument.id,
            action: isSale ? .sell : .buy,
            quantity: quantity,
            price: instrument.price,
            estimatedValue: value,
            weightChange: (isSale ? -value : value) / program.portfolioValue,
            cost: program.charges[index].cost(changes[index]),
            priority: priority,
            taxLots: sold
        )
    }

    /// What the plan's objective would lose without one trade; what no gain explains is there for the limits.
    private func reasons(for index: Int, _ state: PlanState) -> TradeReasons {
        let shift = program.currentWeights[index] - state.weights[index]
        let variance = state.totals.variance
        let without = variance + shift * (2 * state.product[index] + shift * program.covariance[index, index])
        let risk = max(0, without).squareRoot() - max(0, variance).squareRoot()
        let charge = program.charges[index]
        let cost = charge.costWeight == 0 ? 0 : -charge.costWeight * charge.cost(changes[index])
        let tax = charge.taxWeight == 0 ? 0 : -charge.taxWeight * charge.tax(changes[index])
        let gain = risk + cost + tax
        return TradeReasons(risk: risk, cost: cost, tax: tax, constraints: gain < 0 ? -gain : 0)
    }

    /// What the trades reach: each holding as it is after them, and cash with their costs paid.
    func targetAllocation(_ trades: [PlannedTrade]) -> [String: Double] {
        var allocation: [String: Double] = [:]
        for (index, instrument) in instruments.enumerated() {
            let weight = program.weight(of: index, after: changes[index])
            if weight != 0 { allocation[instrument.id] = weight }
        }
        let cash = trades.last?.cashAfter ?? portfolio.cash
        if cash != 0 { allocation["cash"] = cash / program.portfolioValue }
        return allocation
    }

    // MARK: Figures

    /// The plan's figures, recomputed from both allocations.
    func metrics(_ trades: [PlannedTrade], moments: Moments) -> RebalanceMetrics {
        let value = program.portfolioValue
        let before = program.currentWeights
        let after = program.weights(after: changes)
        let cashAfter = (trades.last?.cashAfter ?? portfolio.cash) / value
        var twoWay = abs(cashAfter - program.currentCash)
        for index in after.indices { twoWay += abs(after[index] - before[index]) }
        let costs = trades.reduce(0) { $0 + $1.trade.cost }
        let tax = trades.reduce(0) { $0 + circumstances(of: $1).tax(on: $1.trade.taxLots) }
        let volatility = (
            before: RiskFigures(weights: before, covariance: .dense(program.covariance)).volatility,
            after: RiskFigures(weights: after, covariance: .dense(program.covariance)).volatility
        )
        let active = (before: activeRisk(before), after: activeRisk(after))
        var objective = active.after
        let horizon = preferences.effectiveCostHorizonYears
        if preferences.includeTransactionCosts != false { objective += costs / value / horizon }
        if preferences.considerTaxImplications == true { objective += tax / value / horizon }
        var metrics = RebalanceMetrics(
            turnover: twoWay / 2,
            turnoverTwoWay: twoWay,
            returnImprovement: nil,
            riskImprovement: volatility.after - volatility.before,
            sharpeImprovement: nil,
            transactionCosts: costs,
            tax: tax,
            activeRiskBefore: active.before,
            activeRisk: active.after,
            objective: objective,
            expectedReturn: nil,
            expectedVolatility: volatility.after,
            notes: [:]
        )
        addReturns(to: &metrics, moments, before, after, cashAfter, volatility)
        return metrics
    }

    private func addReturns(
        to metrics: inout RebalanceMetrics,
        _ moments: Moments,
        _ before: [Double],
        _ after: [Double],
        _ cashAfter: Double,
        _ volatility: (before: Double, after: Double)
    ) {
        guard moments.expectedReturnsEstimator != "none" else {
            let note = "the risk model has no expected returns"
            for name in ["expected_improvement/return", "expected_improvement/sharpe", "expected_return"] {
                metrics.notes[name] = note
            }
            return
        }
        let returns = Dictionary(zip(moments.instruments, moments.expectedReturns), uniquingKeysWith: { $1 })
        let means = instruments.map { returns[$0.id] ?? 0 }
        let rate = preferences.effectiveRiskFreeRate
        let earnedBefore = dot(means, before) + rate * program.currentCash
        let earnedAfter = dot(means, after) + rate * cashAfter
        metrics.expectedReturn = earnedAfter
        metrics.returnImprovement = earnedAfter - earnedBefore
        if volatility.before > 0, volatility.after > 0 {
            metrics.sharpeImprovement =
                (earnedAfter - rate) / volatility.after - (earnedBefore - rate) / volatility.before
        } else {
            metrics.notes["expected_improvement/sharpe"] = "the volatility is 0"
        }
    }

    private func activeRisk(_ weights: [Double]) -> Double {
        var active = weights
        for index in active.indices { active[index] -= program.desired[index] }
        return RiskFigures(weights: active, covariance: .dense(program.covariance)).volatility
    }

    private func circumstances(of trade: PlannedTrade) -> SaleCircumstances {
        guard let instrument = instruments.first(where: { $0.id == trade.trade.instrumentID }) else {
            return SaleCircumstances(price: trade.trade.price, date: portfolio.asOf.date)
        }
        return circumstances(instrument)
    }

    // MARK: Warnings

    /// Wash sales that the plan makes or may make.
    func warnings(_ trades: [PlannedTrade]) -> [ResultWarning] {
        var warnings: [ResultWarning] = []
        let washed = trades.filter { $0.trade.taxLots.contains { $0.disallowedLoss > 0 } }.map(\.trade.instrumentID)
        if !washed.isEmpty {
            warnings.append(
                ResultWarning(
                    code: "wash_sale",
                    message: "Purchases within 30 days disallow losses of selling \(washed.joined(separator: ", "))."
                )
            )
        }
        let today = portfolio.asOf.date.daysSinceEpoch
        let resold = trades.filter { trade in
            trade.trade.action == .buy
                && portfolio.recentTrades.contains { recent in
                    recent.instrumentID == trade.trade.instrumentID && recent.quantity < 0
                        && abs(today - recent.date.daysSinceEpoch) <= 30
                }
        }.map(\.trade.instrumentID)
        if !resold.isEmpty {
            warnings.append(
                ResultWarning(
                    code: "wash_sale_purchase",
                    message: "\(resold.joined(separator: ", ")) was sold within the last 30 days: buying it back "
                        + "disallows a loss of that sale."
                )
            )
        }
        return warnings
    }
}
