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
        case .factorLoadings:
            guard uncertainty.size > 0 else { break }
            guard let worst = worstVolatility(uncertainty, of: exposure.weights, moments) else { return nil }
            volatility = worst
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
            for j in held { variance += weights[i] * worstEntry(i, j, uncertainty, moments) * weights[j] }
        }
        volatility = max(0, variance).squareRoot()
        return true
    }
}

/// The largest that the covariance of two instruments may be.
private func worstEntry(_ i: Int, _ j: Int, _ uncertainty: Uncertainty, _ moments: Moments) -> Double {
    let entry = moments.covariance[i, j]
    if let upper = uncertainty.upper { return entry + uncertainty.size * (upper[i, j] - entry) }
    let square = moments.covariance[i, i] * moments.covariance[j, j] + entry * entry
    return entry + uncertainty.size * (square / Double((moments.returns?.rows ?? 0) - 1)).squareRoot()
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

extension Mandate {
    /// What is uncertain, and how far; nil for types other than robust, and where nothing is.
    var guardedAgainst: Uncertainty? {
        guard request.type == .robust, let uncertainty = request.parameters.uncertainty, uncertainty.size > 0 else {
            return nil
        }
        return uncertainty
    }

    /// Whether the covariance is uncertain.
    var hasWorstCovariance: Bool { guardedAgainst?.kind == .covarianceBox }

    /// The mandate on the largest covariance, where that is uncertain.
    var onWorstCovariance: Mandate {
        guard let uncertainty = guardedAgainst, uncertainty.kind == .covarianceBox else { return self }
        let count = moments.instruments.count
        var worst = DenseMatrix(rows: count, columns: count)
        for j in 0..<count {
            for i in 0..<count { worst[i, j] = worstEntry(i, j, uncertainty, moments) }
        }
        var guarded = moments
        guarded.covariance = .dense(worst)
        return Mandate(snapshot: snapshot, moments: guarded, request: request)
    }

    /// By how much the worst return of weights is below their expected one, or nil where returns are certain.
    func returnPenalty(of weights: [Double]) -> Double? {
        guard guardedAgainst?.kind.isOfReturns == true else { return nil }
        let exposure = Exposure(weights: weights, cash: 0, moments: moments)
        guard let worst = WorstCase(exposure, self) else { return .nan }
        return exposure.expectedReturn(moments, riskFreeRate: 0) - worst.expectedReturn
    }

    /// By how much the worst risk of weights is above theirs, or nil where scenarios are certain.
    func riskPenalty(of weights: [Double]) -> Double? {
        guard let uncertainty = guardedAgainst, uncertainty.kind == .wasserstein else { return nil }
        return uncertainty.size / (1 - (preferences.confidenceLevel ?? 0.95))
            * length(of: weights, uncertainty.norm ?? .euclidean)
    }

    /// A result's figures in the worst case, as an objective counts them.
    func worstFigures(of metrics: AllocationMetrics, _ exposure: Exposure) -> AllocationMetrics {
        guard guardedAgainst != nil, let worst = WorstCase(exposure, self) else { return metrics }
        var figures = metrics
        figures.risk = worst.risk
        if let penalty = returnPenalty(of: exposure.weights) { figures.expectedReturnNet -= penalty }
        guard request.objective.needsBenchmark, let benchmark = snapshot.portfolio.benchmark else { return figures }
        let active = moments.instruments.enumerated().map { exposure.weights[$0] - (benchmark[$1] ?? 0) }
        if let penalty = returnPenalty(of: active), let error = metrics.trackingError, error > 0 {
            figures.informationRatio = figures.informationRatio.map { $0 - penalty / error }
        }
        return figures
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
