internal import Matrices
internal import PortfolioModel

/// The worst that can happen to weights within a request's uncertainty, by plain loops over the definitions.
///
/// The solver's limits hold in the worst case; without uncertainty these are the figures themselves.
struct WorstCase {
    /// The least expected return, cash included.
    private(set) var expectedReturn: Double
    /// The largest volatility.
    private(set) var volatility: Double
    /// The largest risk by the chosen measure.
    private(set) var risk: Double
    /// Where the return is the least; nil where expected returns are certain.
    private(set) var expectedReturns: [Double]?

    /// Nil where the uncertainty does not fit the moments.
    init?(_ exposure: Exposure, _ mandate: Mandate) {
        let moments = mandate.moments
        expectedReturn = exposure.expectedReturn(moments, riskFreeRate: mandate.preferences.riskFreeRate ?? 0)
        volatility = exposure.volatility
        risk = chosenRisk(of: exposure, mandate)
        guard mandate.request.type == .robust else { return }
        guard let uncertainty = mandate.request.parameters.uncertainty else { return nil }
        let count = moments.instruments.count
        for matrix in [uncertainty.covariance, uncertainty.lower, uncertainty.upper] {
            if let matrix, matrix.rows != count || matrix.columns != count { return nil }
        }
        switch uncertainty.kind {
        case .ellipsoidal, .box:
            guard lowerReturns(uncertainty, exposure.weights, moments) else { return nil }
        case .covarianceBox:
            guard raiseVolatility(uncertainty, exposure.weights, moments) else { return nil }
            if mandate.riskMeasure == .volatility { risk = volatility }
        case .wasserstein:
            risk +=
                uncertainty.size / (1 - (mandate.preferences.confidenceLevel ?? 0.95))
                * length(of: exposure.weights, uncertainty.norm ?? .euclidean)
        }
    }

    /// Finds where the return is the least.
    private mutating func lowerReturns(_ uncertainty: Uncertainty, _ weights: [Double], _ moments: Moments) -> Bool {
        var returns = moments.expectedReturns
        defer { expectedReturns = returns }
        guard uncertainty.size > 0 else { return true }
        let periods = moments.returns?.rows ?? 0
        guard uncertainty.covariance != nil || periods > 0 else { return false }
        func error(_ i: Int, _ j: Int) -> Double {
            uncertainty.covariance?[i, j] ?? moments.covariance[i, j] * moments.periodsPerYear / Double(periods)
        }
        var losses = [Double](repeating: 0, count: weights.count)
        if uncertainty.kind == .box {
            for i in weights.indices {
                let loss = uncertainty.size * error(i, i).squareRoot()
                losses[i] = weights[i] < 0 ? -loss : loss
            }
        } else {
            let held = weights.indices.filter { weights[$0] != 0 }
            for i in weights.indices {
                for j in held { losses[i] += error(i, j) * weights[j] }
            }
            var square = 0.0
            for i in held { square += losses[i] * weights[i] }
            let scale = square > 0 ? uncertainty.size / square.squareRoot() : 0
            for i in weights.indices { losses[i] *= scale }
        }
        for i in weights.indices {
            returns[i] -= losses[i]
            expectedReturn -= losses[i] * weights[i]
        }
        return true
    }

    /// Finds the volatility at the upper end of every covariance.
    private mutating func raiseVolatility(_ uncertainty: Uncertainty, _ weights: [Double], _ moments: Moments) -> Bool {
        guard uncertainty.size > 0 else { return true }
        let periods = moments.returns?.rows ?? 0
        let held = weights.indices.filter { weights[$0] != 0 }
        // Of negative weights the worst covariance is another one.
        guard uncertainty.upper != nil || periods > 1, held.allSatisfy({ weights[$0] > 0 }) else { return false }
        var variance = 0.0
        for i in held {
            for j in held {
                let entry = moments.covariance[i, j]
                let most: Double
                if let upper = uncertainty.upper {
                    most = entry + uncertainty.size * (upper[i, j] - entry)
                } else {
                    let square = moments.covariance[i, i] * moments.covariance[j, j] + entry * entry
                    most = entry + uncertainty.size * (square / Double(periods - 1)).squareRoot()
                }
                variance += weights[i] * most * weights[j]
            }
        }
        volatility = max(0, variance).squareRoot()
        return true
    }

    /// By how much a loss grows at most when scenarios are moved by one unit.
    private func length(of weights: [Double], _ norm: Uncertainty.Norm) -> Double {
        var (sum, squares, largest) = (0.0, 0.0, 0.0)
        for weight in weights {
            sum += abs(weight)
            squares += weight * weight
            largest = max(largest, abs(weight))
        }
        switch norm {
        case .sum: return largest
        case .euclidean: return squares.squareRoot()
        case .largest: return sum
        }
    }
}

/// Recomputes the worst case that a robust result reports; others have none.
func checkRobust(of result: OptimizationResult, _ exposure: Exposure, _ mandate: Mandate, _ findings: inout Findings) {
    guard mandate.request.type == .robust else {
        findings.require(result.robust == nil, "robust", expected: "none for this type", actual: "a worst case")
        return
    }
    guard let report = result.robust, let uncertainty = mandate.request.parameters.uncertainty,
        let worst = WorstCase(exposure, mandate)
    else {
        findings.require(false, "robust", expected: "a worst case", actual: "none")
        return
    }
    findings.require(
        report.kind == uncertainty.kind,
        "robust/kind",
        expected: uncertainty.kind.rawValue,
        actual: report.kind.rawValue
    )
    findings.equal(report.size, uncertainty.size, "robust/size")
    findings.equal(report.worstCaseReturn, worst.expectedReturn, "robust/worst_case_return")
    // A volatility near 0 is the root of rounded sums.
    let noise = 1e-8 * exposure.undiversified
    let slack = worst.volatility < noise ? noise : 0
    findings.equal(report.worstCaseVolatility, worst.volatility, "robust/worst_case_volatility", within: slack)
    findings.equal(report.worstCaseRisk, worst.risk, "robust/worst_case_risk", within: slack)
    guard let expected = worst.expectedReturns else {
        let isThere = report.worstCaseExpectedReturns != nil
        findings.require(!isThere, "robust/worst_case_expected_returns", expected: "none", actual: "some")
        return
    }
    var remaining = report.worstCaseExpectedReturns ?? [:]
    for (index, id) in mandate.moments.instruments.enumerated() {
        let claimed = remaining.removeValue(forKey: id) ?? .nan
        findings.equal(claimed, expected[index], "robust/worst_case_expected_returns/\(id)")
    }
    for id in remaining.keys.sorted() {
        let claim = "robust/worst_case_expected_returns/\(id)"
        findings.require(false, claim, expected: "an instrument of the model", actual: "unknown")
    }
}
