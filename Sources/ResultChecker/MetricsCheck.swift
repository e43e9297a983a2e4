internal import Matrices
internal import PortfolioModel

/// Checks every figure against its definition, and that those without meaning are null and say why.
func checkMetrics(
    of result: OptimizationResult,
    _ exposure: Exposure,
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    let metrics = result.metrics
    let preferences = mandate.preferences
    let rate = preferences.riskFreeRate ?? 0
    let gross = exposure.expectedReturn(mandate.moments, riskFreeRate: rate)
    findings.equal(metrics.riskFreeRate, rate, "metrics/risk_free_rate")
    findings.equal(metrics.expectedReturn, gross, "metrics/expected_return")
    let turnover = oneWayTurnover(exposure, mandate)
    findings.equal(metrics.turnover, turnover, "metrics/turnover")
    findings.equal(metrics.turnoverTwoWay, 2 * turnover, "metrics/turnover_two_way")
    var squares = exposure.cash * exposure.cash
    for weight in exposure.weights { squares += weight * weight }
    findings.equal(metrics.effectivePositions, 1 / squares, "metrics/effective_positions")
    findings.equal(metrics.maxDrawdown, drawdown(exposure, mandate.moments), "metrics/max_drawdown")

    checkRisk(of: result, exposure, excess: gross - rate, mandate, &findings)
    checkActive(of: metrics, exposure, mandate, &findings)

    let spent =
        (preferences.includeTransactionCosts == true ? metrics.transactionCosts : 0)
        + (preferences.considerTaxImplications == true ? metrics.tax : 0)
    let net = gross - spent / mandate.value / (preferences.costHorizonYears ?? 1)
    findings.equal(metrics.expectedReturnNet, net, "metrics/expected_return_net")
    checkNotes(of: metrics, &findings)
}

/// Whether figures of return mean nothing: the risk model has no expected returns and no history.
private func returnsAreMissing(_ mandate: Mandate) -> Bool { mandate.moments.expectedReturnsEstimator == "none" }

private func checkRisk(
    of result: OptimizationResult,
    _ exposure: Exposure,
    excess: Double,
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    let metrics = result.metrics
    let isVolatility = mandate.riskMeasure == .volatility
    if isVolatility {
        findings.equal(metrics.risk, metrics.expectedVolatility, "metrics/risk")
    } else {
        checkChosenMeasure(
            of: result,
            exposure,
            excess: excess,
            returnsAreMissing: returnsAreMissing(mandate),
            mandate,
            &findings
        )
    }
    let calledRiskless = metrics.expectedVolatility == 0
    if exposure.isRiskless == .yes || (exposure.isRiskless == .perhaps && calledRiskless) {
        findings.equal(metrics.expectedVolatility, 0, "metrics/expected_volatility")
        findings.equal(metrics.sharpeRatio, nil, "metrics/sharpe_ratio")
        findings.equal(metrics.diversificationRatio, nil, "metrics/diversification_ratio")
        guard isVolatility else { return }
        findings.equal(metrics.returnRiskRatio, nil, "metrics/return_risk_ratio")
        let shares = result.riskContributions
        findings.require(shares.isEmpty, "risk_contributions", expected: "none without risk", actual: "\(shares)")
        return
    }
    // Near 0 the variance is a difference of large terms: its rounding is measured by those, not by itself.
    let noise = 1e-14 * exposure.undiversified * exposure.undiversified / exposure.volatility
    findings.equal(metrics.expectedVolatility, exposure.volatility, "metrics/expected_volatility", within: noise)
    let scale = noise / exposure.volatility
    let ratio = excess / exposure.volatility
    var ratios = [(metrics.sharpeRatio, "sharpe_ratio")]
    if isVolatility { ratios.append((metrics.returnRiskRatio, "return_risk_ratio")) }
    for (figure, name) in ratios {
        if returnsAreMissing(mandate) {
            findings.equal(figure, nil, "metrics/\(name)")
        } else {
            findings.equal(figure ?? .nan, ratio, "metrics/\(name)", within: abs(ratio) * scale)
        }
    }
    let diversification = exposure.undiversified / exposure.volatility
    findings.equal(
        metrics.diversificationRatio ?? .nan,
        diversification,
        "metrics/diversification_ratio",
        within: diversification * scale
    )
    if isVolatility { checkContributions(of: result, exposure, mandate, within: scale, &findings) }
}

private func checkContributions(
    of result: OptimizationResult,
    _ exposure: Exposure,
    _ mandate: Mandate,
    within slack: Double,
    _ findings: inout Findings
) {
    var remaining = result.riskContributions
    for (i, id) in mandate.moments.instruments.enumerated() {
        let share = exposure.weights[i] * exposure.marginal[i] / exposure.variance
        let claimed = remaining.removeValue(forKey: id) ?? 0
        findings.equal(claimed, share, "risk_contributions/\(id)", within: slack + Tolerance.relative)
    }
    for id in remaining.keys.sorted() {
        findings.require(false, "risk_contributions/\(id)", expected: "an instrument of the model", actual: "unknown")
    }
}

private func checkActive(
    of metrics: AllocationMetrics,
    _ exposure: Exposure,
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    guard var benchmark = mandate.snapshot.portfolio.benchmark else {
        findings.equal(metrics.trackingError, nil, "metrics/tracking_error")
        findings.equal(metrics.informationRatio, nil, "metrics/information_ratio")
        return
    }
    benchmark["cash"] = nil
    var difference = exposure.weights
    for (i, id) in mandate.moments.instruments.enumerated() {
        difference[i] -= benchmark.removeValue(forKey: id) ?? 0
    }
    guard benchmark.values.allSatisfy({ $0 == 0 }) else {
        findings.equal(metrics.trackingError, nil, "metrics/tracking_error")
        findings.equal(metrics.informationRatio, nil, "metrics/information_ratio")
        return
    }
    let active = Exposure(weights: difference, cash: 0, moments: mandate.moments)
    if active.isRiskless == .yes || (active.isRiskless == .perhaps && metrics.trackingError == 0) {
        findings.equal(metrics.trackingError ?? .nan, 0, "metrics/tracking_error")
        findings.equal(metrics.informationRatio, nil, "metrics/information_ratio")
        return
    }
    let noise = 1e-14 * active.undiversified * active.undiversified / active.volatility
    findings.equal(metrics.trackingError ?? .nan, active.volatility, "metrics/tracking_error", within: noise)
    if returnsAreMissing(mandate) {
        findings.equal(metrics.informationRatio, nil, "metrics/information_ratio")
    } else {
        let ratio = active.expectedReturn(mandate.moments, riskFreeRate: 0) / active.volatility
        let slack = abs(ratio) * noise / active.volatility + Tolerance.relative
        findings.equal(metrics.informationRatio ?? .nan, ratio, "metrics/information_ratio", within: slack)
    }
}

/// The largest loss from a running peak of wealth that starts at 1.
private func drawdown(_ exposure: Exposure, _ moments: Moments) -> Double? {
    guard let returns = moments.history, returns.rows > 0 else { return nil }
    let active = exposure.weights.indices.filter { exposure.weights[$0] != 0 }
    var (wealth, peak, worst) = (1.0, 1.0, 0.0)
    for period in 0..<returns.rows {
        var change = 0.0
        for i in active { change += returns[period, i] * exposure.weights[i] }
        wealth = change <= -1 ? 0 : wealth * (1 + change)
        if wealth > peak { peak = wealth }
        worst = max(worst, (peak - wealth) / peak)
    }
    return worst
}

/// A figure is null exactly when a note says why.
private func checkNotes(of metrics: AllocationMetrics, _ findings: inout Findings) {
    let figures: [(String, Double?)] = [
        ("sharpe_ratio", metrics.sharpeRatio), ("max_drawdown", metrics.maxDrawdown),
        ("information_ratio", metrics.informationRatio), ("return_risk_ratio", metrics.returnRiskRatio),
        ("tracking_error", metrics.trackingError), ("diversification_ratio", metrics.diversificationRatio),
    ]
    var unexplained = metrics.notes
    for (name, figure) in figures {
        let note = unexplained.removeValue(forKey: name)
        let agrees = (figure == nil) == (note?.isEmpty == false)
        findings.require(agrees, "metric_notes/\(name)", expected: "a note exactly when null", actual: note ?? "none")
    }
    for name in unexplained.keys.sorted() {
        findings.require(false, "metric_notes/\(name)", expected: "no note of a figure that is there", actual: "a note")
    }
}
