internal import Matrices
internal import PortfolioModel

/// Contributions may miss their total by this share of the largest of them.
private let sumTolerance = 1e-12

extension FactorAnalysisCheck {
    func checkRisk(
        _ risk: AttributedTotal,
        of weights: [Double],
        _ subject: Subject,
        _ claim: String,
        _ findings: inout Findings
    ) {
        let figures = Exposure(weights: weights, cash: 0, moments: subject.mandate.moments)
        let isCalledRiskless = risk.total == 0
        guard figures.isRiskless != .yes, figures.isRiskless == .no || !isCalledRiskless else {
            findings.equal(risk.total, 0, "\(claim)/total")
            let isSilent = risk.parts.allSatisfy { $0.contribution == 0 && $0.percentContribution == nil }
            findings.require(isSilent, claim, expected: "no contributions without risk", actual: "some")
            return
        }
        let noise = 1e-13 * figures.undiversified * figures.undiversified / figures.volatility
        findings.equal(risk.total, figures.volatility, "\(claim)/total", within: noise)
        let exposure = subject.exposure(of: weights)
        let factors = subject.structure.covariance.factorCovariance
        var contributions: [Double] = []
        for f in exposure.indices {
            var marginal = 0.0
            for g in exposure.indices { marginal += factors[f, g] * exposure[g] }
            contributions.append(exposure[f] * marginal / figures.volatility)
        }
        let specific = figures.volatility - contributions.reduce(0, +)
        let size = contributions.reduce(noise) { $0 + 1e-10 * abs($1) }
        checkParts(risk, contributions, specific: specific, subject, claim, within: size, &findings)
    }

    /// Rows, sums and shares of a total.
    func checkParts(
        _ total: AttributedTotal,
        _ contributions: [Double],
        specific: Double?,
        _ subject: Subject,
        _ claim: String,
        within slack: Double,
        _ findings: inout Findings
    ) {
        var expected = subject.named.map { (name: subject.structure.factors[$0], value: contributions[$0]) }
        if expected.count < contributions.count {
            var rest = 0.0
            for f in contributions.indices where !subject.named.contains(f) { rest += contributions[f] }
            expected.append(("other", rest))
        }
        if let specific { expected.append(("specific", specific)) }
        let names = expected.map(\.name)
        let claimed = total.parts.map(\.factor)
        guard claimed == names else {
            findings.require(false, claim, expected: "\(names)", actual: "\(claimed)")
            return
        }
        for (part, row) in zip(total.parts, expected) {
            findings.equal(part.contribution, row.value, "\(claim)/\(row.name)", within: slack)
        }
        let sum = total.parts.reduce(0) { $0 + $1.contribution }
        let largest = total.parts.reduce(abs(total.total)) { max($0, abs($1.contribution)) }
        let isExact = abs(sum - total.total) <= sumTolerance * largest
        findings.require(isExact, claim, expected: "a sum of \(total.total)", actual: "\(sum)")
        let shares = total.parts.compactMap(\.percentContribution)
        guard total.total != 0 else {
            findings.require(shares.isEmpty, "\(claim)/percent", expected: "none of a total of 0", actual: "\(shares)")
            return
        }
        let whole = shares.reduce(0, +)
        let isWhole = shares.count == total.parts.count && abs(whole - 1) <= sumTolerance * largest / abs(total.total)
        findings.require(isWhole, "\(claim)/percent", expected: "a sum of 1", actual: "\(whole)")
        for part in total.parts {
            let share = part.contribution / total.total
            findings.equal(part.percentContribution ?? .nan, share, "\(claim)/\(part.factor)/percent_contribution")
        }
    }

    func checkActiveRisk(of result: FactorAnalysisResult, _ subject: Subject, _ findings: inout Findings) {
        guard let benchmark = subject.benchmark else {
            findings.require(result.activeRisk == nil, "active_attribution", expected: "null", actual: "something")
            return
        }
        guard let active = result.activeRisk else {
            findings.require(false, "active_attribution", expected: "contributions", actual: "null")
            return
        }
        var difference = subject.weights
        for i in difference.indices { difference[i] -= benchmark[i] }
        checkRisk(active, of: difference, subject, "active_attribution", &findings)
    }

    func checkReturns(of result: FactorAnalysisResult, _ subject: Subject, _ findings: inout Findings) {
        guard let factorReturns = subject.structure.factorReturns, factorReturns.rows > 0 else {
            findings.require(result.returns == nil, "return_attribution", expected: "null", actual: "something")
            return
        }
        guard let returns = result.returns else {
            findings.require(false, "return_attribution", expected: "contributions", actual: "null")
            return
        }
        let periods = factorReturns.rows
        let exposure = subject.exposure(of: subject.weights)
        var contributions: [Double] = []
        var size = 0.0
        for f in exposure.indices {
            contributions.append(exposure[f] * subject.annualMean({ factorReturns[$0, f] }, periods: periods))
            size += abs(contributions[f])
        }
        var specific: Double?
        if let history = subject.mandate.moments.returns, history.rows == periods {
            var earned = 0.0
            for (i, weight) in subject.weights.enumerated() where weight != 0 {
                let gain = weight * subject.annualMean({ history[$0, i] }, periods: periods)
                earned += gain
                size += abs(gain)
            }
            specific = earned - contributions.reduce(0, +)
        }
        checkParts(
            returns,
            contributions,
            specific: specific,
            subject,
            "return_attribution",
            within: 1e-11 * size,
            &findings
        )
    }

    /// The segments' weights add up, and their effects to the active return.
    func checkSegments(of result: FactorAnalysisResult, _ subject: Subject, _ findings: inout Findings) {
        let portfolio = subject.mandate.snapshot.portfolio
        guard let benchmark = subject.benchmark, let history = subject.mandate.moments.returns, history.rows > 0 else {
            findings.require(result.segments == nil, "sector_attribution", expected: "null", actual: "something")
            return
        }
        guard let segments = result.segments else {
            findings.require(false, "sector_attribution", expected: "effects", actual: "null")
            return
        }
        let rate = portfolio.preferences.riskFreeRate ?? 0
        var (weight, benchmarkWeight) = (subject.mandate.current["cash"] ?? 0, portfolio.benchmark?["cash"] ?? 0)
        var (earned, benchmarkEarned) = (weight * rate, benchmarkWeight * rate)
        for i in benchmark.indices where benchmark[i] != 0 || subject.weights[i] != 0 {
            let mean = subject.annualMean({ history[$0, i] }, periods: history.rows)
            weight += subject.weights[i]
            benchmarkWeight += benchmark[i]
            earned += subject.weights[i] * mean
            benchmarkEarned += benchmark[i] * mean
        }
        let claimed = segments.reduce(0) { $0 + $1.weight }
        findings.equal(claimed, weight, "sector_attribution/weight", within: 1e-12)
        let claimedBenchmark = segments.reduce(0) { $0 + $1.benchmarkWeight }
        findings.equal(claimedBenchmark, benchmarkWeight, "sector_attribution/benchmark_weight", within: 1e-12)
        // With unequal totals the benchmark's return is missed or had on the difference.
        let whole = benchmarkWeight == 0 ? 0 : benchmarkEarned / benchmarkWeight
        let active = earned - benchmarkEarned - (weight - benchmarkWeight) * whole
        let effects = segments.reduce(0) { $0 + $1.allocation + $1.selection }
        findings.equal(effects, active, "sector_attribution", within: 1e-11 * (abs(earned) + abs(benchmarkEarned)))
    }

    /// Residuals have no mean and no part along any factor: that is what least squares mean.
    func checkRegressions(of result: FactorAnalysisResult, _ subject: Subject, _ findings: inout Findings) {
        guard let factorReturns = subject.structure.factorReturns, let history = subject.mandate.moments.returns,
            history.rows == factorReturns.rows
        else {
            findings.require(result.regressions.isEmpty, "regressions", expected: "none", actual: "some")
            return
        }
        for named in result.regressions {
            let claim = "regressions/\(named.instrumentID ?? "portfolio")"
            var weights = subject.weights
            if let id = named.instrumentID {
                weights = subject.mandate.moments.instruments.map { $0 == id ? 1 : 0 }
            }
            checkRegression(named.regression, of: weights, history, factorReturns, claim, &findings)
        }
    }

    private func checkRegression(
        _ fit: FactorRegression,
        of weights: [Double],
        _ history: DenseMatrix,
        _ factorReturns: DenseMatrix,
        _ claim: String,
        _ findings: inout Findings
    ) {
        let (periods, count) = (history.rows, factorReturns.columns)
        guard fit.coefficients.count == count + 1, fit.standardErrors.count == count + 1,
            fit.neweyWestStandardErrors.count == count + 1, fit.observationCount == periods
        else {
            findings.require(false, claim, expected: "\(count + 1) coefficients", actual: "others")
            return
        }
        let held = weights.indices.filter { weights[$0] != 0 }
        var (squares, mean, total, size) = (0.0, 0.0, 0.0, 0.0)
        var products = [Double](repeating: 0, count: count + 1)
        var scales = products
        var series: [Double] = []
        for t in 0..<periods {
            let value = held.reduce(0) { $0 + weights[$1] * history[t, $1] }
            series.append(value)
            mean += value / Double(periods)
            var residual = value - fit.coefficients[0]
            for f in 0..<count { residual -= fit.coefficients[f + 1] * factorReturns[t, f] }
            squares += residual * residual
            size += value * value
            products[0] += residual
            for f in 0..<count {
                products[f + 1] += residual * factorReturns[t, f]
                scales[f + 1] += factorReturns[t, f] * factorReturns[t, f]
            }
        }
        scales[0] = Double(periods)
        for value in series { total += (value - mean) * (value - mean) }
        for f in 0...count {
            let allowed = 1e-9 * (scales[f] * size).squareRoot()
            let isOrthogonal = abs(products[f]) <= allowed
            findings.require(isOrthogonal, claim, expected: "residuals without factors", actual: "\(products[f])")
        }
        let variance = squares / Double(periods - count - 1)
        findings.equal(fit.residualVariance, variance, "\(claim)/residual_variance", within: 1e-12 * size)
        let explained: Double? = total > 1e-20 * size ? 1 - squares / total : nil
        guard let explained, let claimed = fit.rSquared else { return }
        findings.equal(claimed, explained, "\(claim)/r_squared", within: 1e-9)
    }
}
