internal import PortfolioModel

/// Recomputes a planned path period by period: every limit, the turnover and costs of its trades, returns, risk, and
/// what the objective comes to.
func checkPath(of result: OptimizationResult, _ mandate: Mandate, _ findings: inout Findings) {
    guard mandate.request.type == .multiPeriod, let horizon = mandate.request.parameters.horizon else {
        findings.require(result.path == nil, "path", expected: "none for this type", actual: "a path")
        return
    }
    guard let path = result.path, path.periods.count == horizon.periodCount else {
        let count = result.path?.periods.count ?? 0
        findings.require(false, "path", expected: "\(horizon.periodCount) periods", actual: "\(count)")
        return
    }
    let rows = horizon.expectedReturns
    if let rows {
        let fits = rows.count == path.periods.count && rows.allSatisfy { $0.count == mandate.moments.instruments.count }
        findings.require(fits, "horizon/expected_returns", expected: "a row for each period", actual: "others")
        guard fits else { return }
        let isFirst = mandate.moments.expectedReturns == rows[0]
        findings.require(isFirst, "the expected returns", expected: "those of the first period", actual: "others")
    }
    findings.require(
        path.periods[0].allocation == result.targetAllocation,
        "path/0/weights",
        expected: "the target allocation",
        actual: "another"
    )
    var totals = PathTotals()
    var current = mandate.current
    for (index, period) in path.periods.enumerated() {
        var own = mandate
        own.current = current
        if let rows { own.moments.expectedReturns = rows[index] }
        let count = findings.violations.count
        checkPeriod(period, own, &totals, &findings)
        findings.place(violationsFrom: count, below: "path/\(index)")
        current = period.allocation
    }
    if let target = horizon.terminalTarget { checkTarget(target, reachedBy: current, &findings) }
    findings.equal(
        path.objective,
        totals.objective(mandate, periods: Double(path.periods.count)),
        "path_objective",
        within: totals.noise(mandate)
    )
}

/// What the objective of a path is made of, summed over its periods.
private struct PathTotals {
    var gross = 0.0
    var charged = 0.0
    var variance = 0.0
    var undiversified = 0.0
    var active = 0.0
    var activeVariance = 0.0
    var activeSize = 0.0
    /// Σ weight · term, and what rounding may change it by.
    var terms = 0.0
    var termSlack = 0.0

    func objective(_ mandate: Mandate, periods: Double) -> Double {
        let preferences = mandate.preferences
        func ratio(_ gain: Double, _ sumOfSquares: Double) -> Double {
            sumOfSquares > 0 ? gain / periods / (sumOfSquares / periods).squareRoot() : 0
        }
        switch mandate.request.objective {
        case .maximizeReturn: return (gross - charged) / periods
        case .maximizeUtility:
            return (gross - charged) / periods - (preferences.riskAversion ?? 2.5) / 2 * variance / periods
        case .minimizeRisk: return (variance / periods).squareRoot()
        case .minimizeTrackingError: return (activeVariance / periods).squareRoot()
        case .minimizeTransactionCosts: return charged
        case .maximizeSharpe: return ratio(gross - charged - periods * (preferences.riskFreeRate ?? 0), variance)
        case .maximizeInformationRatio: return ratio(active - charged, activeVariance)
        case .maximizeDiversification: return ratio(undiversified, variance)
        case .multiObjective: return terms
        case .riskBudgeting, .custom: return .nan
        }
    }

    /// What roundings make of a risk that is the root of a difference of large numbers.
    func noise(_ mandate: Mandate) -> Double {
        if mandate.request.objective == .multiObjective { return termSlack }
        let isActive = mandate.request.objective.needsBenchmark
        let (square, size) = isActive ? (activeVariance, activeSize) : (variance, undiversified)
        guard square > 0 else { return 1e-7 }
        return 1e-14 * size * size / square.squareRoot() * max(1, abs(gross) / square)
    }
}

private func checkPeriod(
    _ period: PlannedPeriod,
    _ mandate: Mandate,
    _ totals: inout PathTotals,
    _ findings: inout Findings
) {
    checkWeights(period.allocation, "weights", mandate, &findings)
    let exposure = Exposure(
        weights: mandate.moments.instruments.map { period.allocation[$0] ?? 0 },
        cash: period.allocation["cash"] ?? 0,
        moments: mandate.moments
    )
    checkConstraints(of: exposure, mandate, &findings)
    let cost = tradingCost(exposure, mandate)
    let rate = mandate.preferences.riskFreeRate ?? 0
    let expected = exposure.expectedReturn(mandate.moments, riskFreeRate: rate)
    let noise =
        exposure.volatility > 0 ? 1e-14 * exposure.undiversified * exposure.undiversified / exposure.volatility : 1e-7
    findings.equal(period.turnover, oneWayTurnover(exposure, mandate), "turnover")
    findings.equal(period.cost, cost, "cost")
    findings.equal(period.expectedReturn, expected, "expected_return")
    findings.equal(period.risk, exposure.volatility, "risk", within: noise)
    for (index, binding) in period.bindingConstraints.enumerated() {
        checkBinding(binding, "binding_constraints/\(index)", exposure, mandate, &findings)
    }
    totals.gross += expected
    totals.variance += exposure.variance
    totals.undiversified += exposure.undiversified
    for term in mandate.request.terms {
        let (value, slack) = definedValue(of: term, exposure, mandate)
        totals.terms += term.weight * value
        totals.termSlack += abs(term.weight) * slack
    }
    let preferences = mandate.preferences
    if mandate.request.objective == .minimizeTransactionCosts {
        totals.charged += cost
    } else if preferences.includeTransactionCosts == true {
        totals.charged += cost / (preferences.costHorizonYears ?? 1)
    }
    guard let benchmark = mandate.snapshot.portfolio.benchmark else { return }
    let active = Exposure(
        weights: mandate.moments.instruments.enumerated().map { exposure.weights[$0] - (benchmark[$1] ?? 0) },
        cash: 0,
        moments: mandate.moments
    )
    totals.active += active.expectedReturn(mandate.moments, riskFreeRate: 0)
    totals.activeVariance += active.variance
    totals.activeSize += exposure.undiversified
}

/// Σ rate · |trade| at proportional rates, an instrument's own before the general one.
private func tradingCost(_ exposure: Exposure, _ mandate: Mandate) -> Double {
    var sum = 0.0
    for (index, id) in mandate.moments.instruments.enumerated() {
        let rate = mandate.instruments[id]?.cost?.proportional ?? mandate.preferences.transactionCostModel ?? 0
        sum += rate * abs(exposure.weights[index] - (mandate.current[id] ?? 0))
    }
    return sum
}

/// The last period ends at the target, whose weights are given to some digits.
private func checkTarget(_ target: [String: Double], reachedBy last: [String: Double], _ findings: inout Findings) {
    let total = target.keys.sorted().reduce(0) { $0 + (target[$1] ?? 0) }
    for id in Set(target.keys).union(last.keys).sorted() {
        let expected = (target[id] ?? 0) / total
        let actual = last[id] ?? 0
        findings.require(
            abs(actual - expected) <= Tolerance.limit,
            "horizon/terminal_target/\(id)",
            expected: "\(expected)",
            actual: "\(actual)"
        )
    }
}
