internal import Glibc
internal import Matrices
internal import PortfolioModel

/// The chosen measure of risk of a set of weights, from its definition, by plain loops and sorts.
struct ScenarioMeasure {
    let measure: RiskMeasure
    /// rₜ, the portfolio's return in each scenario.
    private(set) var returns: [Double]
    let probabilities: [Double]
    let confidence: Double
    /// Held instruments: index in the moments, and weight.
    private let held: [(index: Int, weight: Double)]
    private let scenarios: DenseMatrix

    /// Nil where the moments have no scenarios.
    init?(_ measure: RiskMeasure, weights: [Double], moments: Moments, confidence: Double) {
        guard let scenarios = moments.returns, scenarios.rows > 0, scenarios.columns == weights.count else {
            return nil
        }
        let count = scenarios.rows
        probabilities = moments.probabilities ?? [Double](repeating: 1 / Double(count), count: count)
        guard probabilities.count == count else { return nil }
        let held = weights.indices.filter { weights[$0] != 0 }.map { (index: $0, weight: weights[$0]) }
        self.held = held
        var returns = [Double](repeating: 0, count: count)
        scenarios.elements.withUnsafeBufferPointer { entries in
            for (index, weight) in held {
                for t in 0..<count { returns[t] += weight * entries[index * count + t] }
            }
        }
        self.returns = returns
        self.measure = measure
        self.confidence = confidence
        self.scenarios = scenarios
    }

    /// The measure, with what the bounds of its changes need.
    func evaluated() -> Evaluated {
        let (p, r) = (probabilities, returns)
        switch measure {
        case .volatility: return Evaluated(value: .nan)
        case .worstRealization:
            var worst = -Double.infinity
            for t in r.indices where p[t] > 0 { worst = max(worst, -r[t]) }
            return Evaluated(value: worst)
        case .meanAbsoluteDeviation, .semiDeviation: return Evaluated(value: deviation(r))
        case .maximumDrawdown: return Evaluated(value: depths(r).max() ?? 0)
        case .conditionalDrawdown:
            let (value, level) = tail(depths(r))
            return Evaluated(value: value, level: level)
        case .conditionalValueAtRisk:
            let (value, level) = tail(r.map { -$0 })
            return Evaluated(value: value, level: level)
        case .valueAtRisk: return Evaluated(value: quantile())
        case .entropicValueAtRisk: return entropic()
        }
    }

    struct Evaluated {
        var value: Double
        /// α of a tail, or the logarithm of z of an entropic measure.
        var level = 0.0
    }

    /// A number that the measure of changed returns is not above: the definition at a fixed level.
    func upperBound(_ r: [Double], _ at: Evaluated) -> Double {
        switch measure {
        case .volatility, .valueAtRisk: return .nan
        case .worstRealization: return -(zip(r, probabilities).filter { $1 > 0 }.map { $0.0 }.min() ?? 0)
        case .meanAbsoluteDeviation, .semiDeviation: return deviation(r)
        case .maximumDrawdown: return depths(r).max() ?? 0
        case .conditionalValueAtRisk: return hinged(r.map { -$0 }, at.level)
        case .conditionalDrawdown: return hinged(depths(r), at.level)
        case .entropicValueAtRisk: return entropicObjective(r, at.level)
        }
    }

    // MARK: Definitions

    private func deviation(_ r: [Double]) -> Double {
        var mean = 0.0
        for t in r.indices { mean += probabilities[t] * r[t] }
        var sum = 0.0
        for t in r.indices {
            let distance = r[t] - mean
            if measure == .meanAbsoluteDeviation {
                sum += probabilities[t] * abs(distance)
            } else if distance < 0 {
                sum += probabilities[t] * distance * distance
            }
        }
        return measure == .meanAbsoluteDeviation ? sum : sum.squareRoot()
    }

    /// How far the running sum, which starts at 0, is below its largest value so far.
    private func depths(_ r: [Double]) -> [Double] {
        var (sum, peak) = (0.0, 0.0)
        return r.map { value in
            sum += value
            peak = max(peak, sum)
            return peak - sum
        }
    }

    /// The mean of the largest losses, those of the last 1 − confidence of the probability, and the least of them.
    private func tail(_ losses: [Double]) -> (value: Double, level: Double) {
        var left = 1 - confidence
        var (sum, level) = (0.0, 0.0)
        for t in losses.indices.sorted(by: { losses[$0] > losses[$1] }) where probabilities[t] > 0 {
            let part = min(left, probabilities[t])
            sum += part * losses[t]
            level = losses[t]
            left -= part
            if left <= 0 { break }
        }
        return (sum / (1 - confidence - max(0, left)), level)
    }

    private func hinged(_ losses: [Double], _ level: Double) -> Double {
        var sum = 0.0
        for t in losses.indices where losses[t] > level { sum += probabilities[t] * (losses[t] - level) }
        return level + sum / (1 - confidence)
    }

    private func quantile() -> Double {
        var above = 0.0
        for t in returns.indices.sorted(by: { returns[$0] < returns[$1] }) where probabilities[t] > 0 {
            above += probabilities[t]
            if above > 1 - confidence + 1e-12 { return -returns[t] }
        }
        return .nan
    }

    /// z (ln Σ p exp(−r/z) − ln(1 − β)) at the logarithm of z.
    private func entropicObjective(_ r: [Double], _ logarithm: Double) -> Double {
        let z = exp(logarithm)
        var worst = -Double.infinity
        for t in r.indices where probabilities[t] > 0 { worst = max(worst, -r[t]) }
        var sum = 0.0
        for t in r.indices where probabilities[t] > 0 { sum += probabilities[t] * exp((-r[t] - worst) / z) }
        return worst + z * (log(sum) - log1p(-confidence))
    }

    /// Golden sections on the logarithm of z, over every z that could matter.
    private func entropic() -> Evaluated {
        let size = returns.reduce(0) { max($0, abs($1)) }
        guard size > 0 else { return Evaluated(value: 0) }
        let share = 0.6180339887498949
        var (low, high) = (log(size) - 40, log(size) + 40)
        var (a, b) = (high - share * (high - low), low + share * (high - low))
        var (valueA, valueB) = (entropicObjective(returns, a), entropicObjective(returns, b))
        for _ in 0..<90 {
            if valueA <= valueB {
                (high, b, valueB) = (b, a, valueA)
                a = high - share * (high - low)
                valueA = entropicObjective(returns, a)
            } else {
                (low, a, valueA) = (a, b, valueB)
                b = low + share * (high - low)
                valueB = entropicObjective(returns, b)
            }
        }
        return valueA <= valueB ? Evaluated(value: valueA, level: a) : Evaluated(value: valueB, level: b)
    }

    // MARK: Contributions

    /// The measure with a little more of any one instrument.
    func evaluated(changing index: Int, by amount: Double) -> Evaluated {
        var other = self
        other.returns = changed(index, by: amount)
        return other.evaluated()
    }

    /// The returns with a little more of one instrument.
    private func changed(_ index: Int, by amount: Double) -> [Double] {
        var r = returns
        scenarios.elements.withUnsafeBufferPointer { entries in
            for t in r.indices { r[t] += amount * entries[index * r.count + t] }
        }
        return r
    }

    /// Between what each held instrument's part gᵢ of the gradient lies, whichever support of a kink was chosen.
    ///
    /// A convex measure's supports g satisfy h gᵢ ≤ ρ(w + h eᵢ) − ρ(w) for either sign of h. Value-at-risk is not convex;
    /// its gradient is minus the returns of a scenario whose loss it is, or a mean of several.
    func slopes(_ at: Evaluated) -> [(index: Int, weight: Double, low: Double, high: Double)] {
        let size = returns.reduce(0) { max($0, abs($1)) }
        let step = 1e-4
        let rounding = 1e-13 * max(size, abs(at.value)) / step
        let tied =
            measure == .valueAtRisk
            ? returns.indices.filter { abs(-returns[$0] - at.value) <= 1e-12 * max(size, 1e-300) } : []
        return held.map { index, weight in
            if measure == .valueAtRisk {
                let losses = tied.map { -scenarios[$0, index] }
                return (index, weight, (losses.min() ?? .nan) - 1e-12, (losses.max() ?? .nan) + 1e-12)
            }
            let high = (upperBound(changed(index, by: step), at) - at.value) / step
            let low = -(upperBound(changed(index, by: -step), at) - at.value) / step
            return (index, weight, low - rounding, high + rounding)
        }
    }
}

/// The chosen risk of an exposure, in its own unit; NaN where the moments do not have what the measure needs.
func chosenRisk(of exposure: Exposure, _ mandate: Mandate) -> Double {
    guard mandate.riskMeasure != .volatility else { return exposure.volatility }
    let confidence = mandate.preferences.confidenceLevel ?? 0.95
    if let measure = ScenarioMeasure(
        mandate.riskMeasure,
        weights: exposure.weights,
        moments: mandate.moments,
        confidence: confidence
    ) {
        return measure.evaluated().value
    }
    return gaussianMultiple(mandate).map { gaussianRisk(of: exposure, mandate, multiple: $0) } ?? .nan
}

private func gaussianRisk(of exposure: Exposure, _ mandate: Mandate, multiple: Double) -> Double {
    let periods = mandate.moments.periodsPerYear
    let mean = exposure.expectedReturn(mandate.moments, riskFreeRate: 0)
    return multiple * exposure.volatility / periods.squareRoot() - mean / periods
}

/// z for value-at-risk, φ(z)/(1 − β) for its tail; nil for a measure without a Gaussian form.
func gaussianMultiple(_ mandate: Mandate) -> Double? {
    let confidence = mandate.preferences.confidenceLevel ?? 0.95
    guard mandate.riskMeasure == .valueAtRisk || mandate.riskMeasure == .conditionalValueAtRisk else { return nil }
    // The quantile by bisection on the error function.
    var (low, high) = (-40.0, 40.0)
    for _ in 0..<200 {
        let middle = 0.5 * (low + high)
        let tail = 0.5 * erfc(middle / 2.0.squareRoot())
        if tail > 1 - confidence { low = middle } else { high = middle }
    }
    let z = 0.5 * (low + high)
    guard mandate.riskMeasure == .conditionalValueAtRisk else { return z }
    return exp(-z * z / 2) / (2 * Double.pi).squareRoot() / (1 - confidence)
}

/// Checks the chosen measure, its ratio and its contributions where the measure is another than volatility.
func checkChosenMeasure(
    of result: OptimizationResult,
    _ exposure: Exposure,
    excess: Double,
    returnsAreMissing: Bool,
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    let confidence = mandate.preferences.confidenceLevel ?? 0.95
    let scenarios = ScenarioMeasure(
        mandate.riskMeasure,
        weights: exposure.weights,
        moments: mandate.moments,
        confidence: confidence
    )
    let evaluated = scenarios?.evaluated()
    let risk = evaluated?.value ?? gaussianMultiple(mandate).map { gaussianRisk(of: exposure, mandate, multiple: $0) }
    guard let risk, !risk.isNaN else {
        findings.require(false, "metrics/risk", expected: "scenarios to measure it over", actual: "none")
        return
    }
    var size = 0.0
    for weight in exposure.weights { size += abs(weight) }
    let noise = 1e-12 * size
    findings.equal(result.metrics.risk, risk, "metrics/risk", within: noise)
    let ratio = result.metrics.returnRiskRatio
    let isZero = result.metrics.risk == 0
    if isZero { findings.require(abs(risk) <= noise, "metrics/risk", expected: "\(risk)", actual: "0") }
    if result.metrics.risk <= 0 || returnsAreMissing {
        findings.equal(ratio, nil, "metrics/return_risk_ratio")
    } else {
        let slack = abs(excess / risk) * noise / risk + Tolerance.relative
        findings.equal(ratio ?? .nan, excess / risk, "metrics/return_risk_ratio", within: slack)
    }
    checkShares(of: result, exposure, risk: risk, scenarios, evaluated, mandate, &findings)
}

private func checkShares(
    of result: OptimizationResult,
    _ exposure: Exposure,
    risk: Double,
    _ scenarios: ScenarioMeasure?,
    _ evaluated: ScenarioMeasure.Evaluated?,
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    let shares = result.riskContributions
    guard result.metrics.risk != 0 else {
        findings.require(shares.isEmpty, "risk_contributions", expected: "none without risk", actual: "\(shares)")
        return
    }
    var total = 0.0
    var largest = 1.0
    for (_, share) in shares.sorted(by: { $0.key < $1.key }) {
        total += share
        largest = max(largest, abs(share))
    }
    findings.equal(total, 1, "risk_contributions", within: 1e-9 * largest)
    var bounds: [(index: Int, weight: Double, low: Double, high: Double)] = []
    if let scenarios, let evaluated {
        bounds = scenarios.slopes(evaluated)
    } else if let multiple = gaussianMultiple(mandate), exposure.volatility > 0 {
        let periods = mandate.moments.periodsPerYear
        for (index, weight) in exposure.weights.enumerated() where weight != 0 {
            let slope = multiple * exposure.marginal[index] / exposure.volatility / periods.squareRoot()
            let gradient = slope - mandate.moments.expectedReturns[index] / periods
            bounds.append((index, weight, gradient, gradient))
        }
    }
    var known = Set<String>()
    for (index, weight, low, high) in bounds {
        let id = mandate.moments.instruments[index]
        known.insert(id)
        let share = shares[id] ?? 0
        let ends = [low * weight / risk, high * weight / risk].sorted()
        let slack = 1e-9 * largest + 1e-12 * abs(weight / risk)
        findings.require(
            share >= ends[0] - slack && share <= ends[1] + slack,
            "risk_contributions/\(id)",
            expected: "between \(ends[0]) and \(ends[1])",
            actual: "\(share)"
        )
    }
    for id in shares.keys.sorted() where !known.contains(id) {
        findings.require(false, "risk_contributions/\(id)", expected: "an instrument that is held", actual: "not held")
    }
}
