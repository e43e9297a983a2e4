internal import Matrices
public import PortfolioModel

/// Replays a rebalance plan from its inputs, and names every claim that does not hold.
///
/// It shares no code with the planner: each trade is carried out on the holdings in priority order, its cost and its
/// tax are computed anew from the snapshot, and every limit and every figure is compared with what came of it.
public struct RebalanceCheck {
    private let mandate: Mandate
    private let request: RebalanceRequest

    /// Prepares the check of one request's plans.
    ///
    /// - Parameters:
    ///   - snapshot: the inputs at the pinned versions.
    ///   - moments: the estimates the planner worked on.
    ///   - request: the request as the caller gave it.
    public init(snapshot: MandateSnapshot, moments: Moments, request: RebalanceRequest) {
        mandate = Mandate(
            snapshot: snapshot,
            moments: moments,
            request: OptimizationRequest(
                portfolioID: request.portfolioID,
                type: .meanVariance,
                objective: .minimizeRisk,
                riskMeasure: request.riskMeasure,
                constraints: request.constraints,
                preferences: request.preferences
            )
        )
        self.request = request
    }

    /// Every claim of the plan that does not hold; empty when all do.
    public func violations(in result: RebalanceResult) -> [Violation] {
        var findings = Findings()
        checkSurroundings(result, &findings)
        checkCurrent(result, &findings)
        checkDesired(result, &findings)
        let replay = replayed(result, &findings)
        checkTarget(result, replay, &findings)
        let exposure = exposure(of: replay)
        if !rests(result) { checkLimits(result, replay, exposure, &findings) }
        checkFigures(result, replay, exposure, &findings)
        checkReasons(result, exposure, &findings)
        return findings.violations
    }

    // MARK: What it was computed from

    private func checkSurroundings(_ result: RebalanceResult, _ findings: inout Findings) {
        func same(_ holds: Bool, _ claim: String) {
            findings.require(holds, claim, expected: "what the inputs and the request say", actual: "something else")
        }
        same(result.target == request.target, "target_type")
        same(result.constraints == mandate.limits, "constraints")
        mandate.breaches.check(result.grandfatheredLimits, &findings)
        same(result.preferences == mandate.preferences, "preferences")
        same(result.inputs.versions == mandate.snapshot.versions, "inputs/versions")
        same(result.minTradeSize == request.minTradeSize, "constraints/min_trade_size")
        same(result.maxTrades == request.maxTrades, "constraints/max_trades")
        same(result.driftBand == request.driftBand, "drift_band")
        same(result.wholeLots == request.wholeLots, "whole_lots")
        let usual: TaxLotSelection = mandate.preferences.considerTaxImplications == true ? .minTax : .hifo
        same(result.taxLotMethod == request.taxLotMethod ?? usual, "tax_lot_method")
        let gap = result.solution.relativeGap
        findings.require(gap >= 0 && gap.isFinite, "solution/relative_gap", expected: "a gap", actual: "\(gap)")
        findings.require(
            result.solution.status == .withinGap || gap <= Tolerance.optimal,
            "solution/status",
            expected: "within_gap",
            actual: "optimal with a gap of \(gap)"
        )
    }

    private func checkCurrent(_ result: RebalanceResult, _ findings: inout Findings) {
        for id in Set(result.currentAllocation.keys).union(mandate.current.keys).sorted() {
            findings.equal(result.currentAllocation[id], mandate.current[id], "current_allocation/\(id)")
        }
    }

    // MARK: What was aimed at

    private func checkDesired(_ result: RebalanceResult, _ findings: inout Findings) {
        let desired = result.desiredAllocation
        let total = desired.sorted { $0.key < $1.key }.reduce(0) { $0 + $1.value }
        findings.equal(total, 1, "desired_allocation", within: 2e-6)
        for (id, weight) in desired.sorted(by: { $0.key < $1.key }) {
            findings.require(weight > 0, "desired_allocation/\(id)", expected: "a weight", actual: "\(weight)")
        }
        if let named {
            for id in Set(named.keys).union(desired.keys).sorted() {
                findings.equal(desired[id] ?? 0, named[id] ?? 0, "desired_allocation/\(id)")
            }
            return
        }
        let invested = 1 - (mandate.limits.minCash ?? 0)
        switch request.target {
        case .equalWeight:
            let known = mandate.moments.instruments.filter(mandate.universe.contains)
            for id in known {
                findings.equal(desired[id] ?? 0, invested / Double(known.count), "desired_allocation/\(id)")
            }
        case .riskParity: checkParity(desired, &findings)
        case .optimal, .minRisk:
            var limits = mandate
            limits.limits.maxTurnover = nil
            limits.limits.maxWeightChange = nil
            limits.limits.maxWeightChanges = nil
            checkConstraints(of: exposure(of: desired), limits, &findings)
        case .custom, .benchmark:
            findings.require(false, "desired_allocation", expected: "named weights", actual: "none are named")
        }
    }

    /// Weights that something names, rather than a method finds.
    private var named: [String: Double]? {
        switch request.target {
        case .custom: request.targetAllocation
        case .benchmark: mandate.snapshot.portfolio.benchmark
        case .optimal: request.optimizationID == nil ? nil : request.referencedAllocation
        case .equalWeight, .riskParity, .minRisk: nil
        }
    }

    /// Every instrument that may be held contributes the same share of the risk.
    private func checkParity(_ desired: [String: Double], _ findings: inout Findings) {
        let exposure = exposure(of: desired)
        let members = mandate.moments.instruments.indices.filter {
            mandate.universe.contains(mandate.moments.instruments[$0])
        }
        for index in members {
            let share = exposure.weights[index] * exposure.marginal[index] / exposure.variance
            findings.require(
                abs(share * Double(members.count) - 1) <= Tolerance.optimal,
                "desired_allocation/\(mandate.moments.instruments[index])",
                expected: "an equal share of the risk",
                actual: "\(share) of \(members.count) shares"
            )
        }
    }

    private func exposure(of allocation: [String: Double]) -> Exposure {
        Exposure(
            weights: mandate.moments.instruments.map { allocation[$0] ?? 0 },
            cash: allocation["cash"] ?? 0,
            moments: mandate.moments
        )
    }

    // MARK: The trades, one by one

    /// What the trades lead to.
    private struct Replay {
        var units: [String: Double]
        var cash: Double
        var cost = 0.0
        var tax = 0.0
        /// By trade.
        var taxes: [Double] = []
    }

    private func replayed(_ result: RebalanceResult, _ findings: inout Findings) -> Replay {
        var replay = Replay(units: mandate.held, cash: mandate.snapshot.portfolio.cash)
        var traded: Set<String> = []
        for (index, planned) in result.trades.enumerated() {
            let claim = "trades/\(index)"
            let trade = planned.trade
            guard let instrument = mandate.instruments[trade.instrumentID] else {
                findings.require(false, claim, expected: "an instrument of the snapshot", actual: trade.instrumentID)
                continue
            }
            let isNew = traded.insert(trade.instrumentID).inserted
            findings.require(isNew, claim, expected: "one trade an instrument", actual: "another one")
            findings.require(
                trade.priority == index + 1,
                "\(claim)/priority",
                expected: "\(index + 1)",
                actual: "\(trade.priority)"
            )
            let holding = replay.units[trade.instrumentID] ?? 0
            ResultChecker.checkFigures(of: trade, claim, instrument, mandate, &findings)
            checkQuantity(
                of: trade,
                claim,
                instrument,
                holding: holding,
                wholeLots: request.wholeLots,
                &findings
            )
            let isSale = trade.action == .sell
            let closes = isSale && trade.quantity == holding
            findings.require(
                planned.closesPosition == closes,
                "\(claim)/closes_position",
                expected: "\(closes)",
                actual: "\(planned.closesPosition)"
            )
            checkSize(of: trade, claim, closes: closes, &findings)
            replay.units[trade.instrumentID] = holding + (isSale ? -trade.quantity : trade.quantity)
            let value = trade.quantity * instrument.price
            let cost = orderCost(of: instrument, value: value, mandate)
            replay.cash += (isSale ? value : -value) - cost
            replay.cost += cost
            let order = lotOrder(of: trade.instrumentID)
            let tax = checkTaxLots(of: trade, claim, mandate, order: order, &findings)
            replay.tax += tax
            replay.taxes.append(tax)
            checkCash(planned, replay.cash, claim, &findings)
        }
        return replay
    }

    private func checkSize(of trade: Trade, _ claim: String, closes: Bool, _ findings: inout Findings) {
        guard let least = request.minTradeSize, !closes else { return }
        findings.require(
            trade.quantity * trade.price >= least - Tolerance.relative * mandate.value,
            "\(claim)/estimated_value",
            expected: "at least \(least)",
            actual: "\(trade.quantity * trade.price)"
        )
    }

    /// Shares of the portfolio's value below which cash is rounding of its sums.
    private static let cashRounding = 1e-12

    private func checkCash(_ planned: PlannedTrade, _ cash: Double, _ claim: String, _ findings: inout Findings) {
        findings.equal(planned.cashAfter, cash, "\(claim)/cash_after", within: Self.cashRounding * mandate.value)
        findings.require(
            cash >= -Self.cashRounding * mandate.value,
            "\(claim)/cash_after",
            expected: "never negative",
            actual: "\(cash)"
        )
    }

    private func lotOrder(of id: String) -> LotOrderRule {
        switch request.taxLotMethod {
        case .fifo: .oldest
        case .lifo: .newest
        case .hifo: .dearest
        case .minTax: .leastTax
        case .specific: request.lotOrder[id].map(LotOrderRule.days) ?? .dearest
        case nil: mandate.preferences.considerTaxImplications == true ? .leastTax : .dearest
        }
    }

    // MARK: Where they lead

    private func weights(_ replay: Replay) -> [String: Double] {
        var weights: [String: Double] = [:]
        for (id, units) in replay.units where units != 0 {
            weights[id] = units * (mandate.instruments[id]?.price ?? .nan) / mandate.value
        }
        if replay.cash != 0 { weights["cash"] = replay.cash / mandate.value }
        return weights
    }

    private func exposure(of replay: Replay) -> Exposure { exposure(of: weights(replay)) }

    private func checkTarget(_ result: RebalanceResult, _ replay: Replay, _ findings: inout Findings) {
        let reached = weights(replay)
        for id in Set(reached.keys).union(result.targetAllocation.keys).sorted() {
            findings.equal(result.targetAllocation[id] ?? 0, reached[id] ?? 0, "target_allocation/\(id)")
        }
        for (id, units) in replay.units.sorted(by: { $0.key < $1.key }) {
            findings.require(units >= 0, "trades in \(id)", expected: "nothing sold short", actual: "\(units)")
        }
    }

    /// Whether nothing left its drift band, so that nothing is traded whatever the limits.
    private func rests(_ result: RebalanceResult) -> Bool {
        guard let band = request.driftBand, result.trades.isEmpty else { return false }
        let ids = Set(mandate.current.keys).union(result.desiredAllocation.keys)
        return ids.allSatisfy {
            abs((mandate.current[$0] ?? 0) - (result.desiredAllocation[$0] ?? 0)) <= band + Tolerance.limit
        }
    }

    private func checkLimits(
        _ result: RebalanceResult,
        _ replay: Replay,
        _ exposure: Exposure,
        _ findings: inout Findings
    ) {
        if let most = request.maxTrades {
            let count = result.trades.count
            findings.require(count <= most, "constraints/max_trades", expected: "at most \(most)", actual: "\(count)")
        }
        // Cash may exceed its limit by less than the dearest lot.
        var relaxed = mandate
        let unset = max(mandate.limits.minCash ?? 0, result.desiredAllocation["cash"] ?? 0)
        var dearest = 0.0
        for id in mandate.universe where request.wholeLots {
            guard let instrument = mandate.instruments[id], let lotSize = instrument.lotSize else { continue }
            dearest = max(dearest, lotSize * instrument.price / mandate.value)
        }
        relaxed.limits.maxCash = mandate.most(mandate.limits.maxCash ?? unset, "/max_cash") + dearest
        checkConstraints(of: exposure, relaxed, &findings)
    }

    // MARK: Figures

    private func checkFigures(
        _ result: RebalanceResult,
        _ replay: Replay,
        _ exposure: Exposure,
        _ findings: inout Findings
    ) {
        let metrics = result.metrics
        let before = self.exposure(of: mandate.current)
        let turnover = oneWayTurnover(exposure, mandate)
        let gains = result.trades.reduce(0) { $0 + $1.trade.taxLots.reduce(0) { $0 + abs($1.gain) } }
        findings.equal(metrics.turnover, turnover, "metrics/turnover")
        findings.equal(metrics.turnoverTwoWay, 2 * turnover, "metrics/turnover_two_way")
        findings.equal(metrics.transactionCosts, replay.cost, "metrics/transaction_costs", within: Self.cent)
        findings.equal(
            metrics.tax,
            replay.tax,
            "metrics/tax_implications",
            within: max(Self.cent, Tolerance.relative * gains)
        )
        let scale = max(before.undiversified, exposure.undiversified)
        let noise = Self.riskNoise * scale
        findings.equal(metrics.expectedVolatility, exposure.volatility, "metrics/expected_volatility", within: noise)
        findings.equal(
            metrics.riskImprovement,
            exposure.volatility - before.volatility,
            "metrics/expected_improvement/risk",
            within: noise
        )
        let active = activeRisk(exposure, result)
        let activeBefore = activeRisk(before, result)
        findings.equal(metrics.activeRisk, active.volatility, "metrics/active_risk", within: noise)
        findings.equal(metrics.activeRiskBefore, activeBefore.volatility, "metrics/active_risk_before", within: noise)
        let years = mandate.preferences.costHorizonYears ?? 1
        var objective = active.volatility
        if mandate.preferences.includeTransactionCosts != false { objective += replay.cost / mandate.value / years }
        if mandate.preferences.considerTaxImplications == true { objective += replay.tax / mandate.value / years }
        findings.equal(metrics.objective, objective, "metrics/objective", within: 2 * noise)
        checkReturns(metrics, before, exposure, noise: noise, &findings)
    }

    /// Half a cent.
    private static let cent = 0.005
    /// A risk near 0 is a root of a difference: its rounding is the root of that of the parts.
    private static let riskNoise = 1e-7

    private func activeRisk(_ exposure: Exposure, _ result: RebalanceResult) -> Exposure {
        let ids = mandate.moments.instruments
        let active = ids.indices.map { exposure.weights[$0] - (result.desiredAllocation[ids[$0]] ?? 0) }
        return Exposure(weights: active, cash: 0, moments: mandate.moments)
    }

    private func checkReturns(
        _ metrics: RebalanceMetrics,
        _ before: Exposure,
        _ after: Exposure,
        noise: Double,
        _ findings: inout Findings
    ) {
        guard mandate.moments.expectedReturnsEstimator != "none" else {
            let isSilent =
                metrics.expectedReturn == nil && metrics.returnImprovement == nil && metrics.sharpeImprovement == nil
            findings.require(isSilent, "metrics", expected: "no returns, for none are known", actual: "some")
            return
        }
        let rate = mandate.preferences.riskFreeRate ?? 0
        let earned = (
            before: before.expectedReturn(mandate.moments, riskFreeRate: rate),
            after: after.expectedReturn(mandate.moments, riskFreeRate: rate)
        )
        findings.equal(metrics.expectedReturn, earned.after, "metrics/expected_return")
        findings.equal(
            metrics.returnImprovement ?? .nan,
            earned.after - earned.before,
            "metrics/expected_improvement/return",
            within: Tolerance.relative
        )
        guard before.volatility > noise, after.volatility > noise, let sharpe = metrics.sharpeImprovement else {
            return
        }
        let difference = (earned.after - rate) / after.volatility - (earned.before - rate) / before.volatility
        findings.equal(sharpe, difference, "metrics/expected_improvement/sharpe", within: Self.riskNoise)
    }

    // MARK: Reasons

    private func checkReasons(_ result: RebalanceResult, _ exposure: Exposure, _ findings: inout Findings) {
        let active = activeRisk(exposure, result)
        let places = Dictionary(
            mandate.moments.instruments.enumerated().map { ($1, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        let perMoney = 1 / mandate.value / (mandate.preferences.costHorizonYears ?? 1)
        for (index, planned) in result.trades.enumerated() {
            let claim = "trades/\(index)/reasons"
            let reasons = planned.reasons
            guard let place = places[planned.trade.instrumentID] else { continue }
            // Without the trade the weight is what it was: that changes the variance by a square and a product.
            let undone = -planned.trade.weightChange
            let own = mandate.moments.covariance[place, place]
            let marginal = rowProduct(place, active.weights)
            let without = max(0, active.variance + undone * (2 * marginal + undone * own)).squareRoot()
            let noise = Self.riskNoise * max(active.undiversified, abs(undone) * own.squareRoot())
            findings.equal(reasons.risk, without - active.volatility, "\(claim)/risk", within: noise)
            let counts = mandate.preferences.includeTransactionCosts != false
            let cost = counts ? -planned.trade.cost * perMoney : 0
            findings.equal(reasons.cost, cost, "\(claim)/cost")
            let gained = reasons.expectedReturn + reasons.risk + reasons.cost + reasons.tax
            findings.equal(reasons.constraints, max(0, -gained), "\(claim)/constraints")
            findings.equal(reasons.total, gained + reasons.constraints, "\(claim)/total")
        }
    }

    /// (Σa)ᵢ by the definition.
    private func rowProduct(_ index: Int, _ weights: [Double]) -> Double {
        var sum = 0.0
        for (j, weight) in weights.enumerated() where weight != 0 {
            sum += mandate.moments.covariance[index, j] * weight
        }
        return sum
    }
}
