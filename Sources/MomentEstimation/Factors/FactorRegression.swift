internal import LinearAlgebra
public import Matrices
public import PortfolioModel

/// Loadings of many instruments on the same factors, by ordinary least squares with an intercept.
public struct FactorLoadings: Equatable, Sendable {
    /// B, n × k.
    public var loadings: DenseMatrix
    /// Variance of the residuals per period, n: their squares over T − k − 1.
    public var residualVariance: [Double]
}

/// Lags for Newey–West standard errors when nobody says how many: ⌊4 (T/100)^(2/9)⌋.
///
/// - Parameter observations: T.
/// - Returns: the number of lags, below T.
/// - SeeAlso: Newey & West, Review of Economic Studies 61 (1994), section 3.
public func neweyWestLags(observations: Int) -> Int {
    guard observations > 1 else { return 0 }
    // The largest L with (L/4)^4.5 ≤ T/100, in whole powers: L⁹ · 100² ≤ 4⁹ · T².
    let target = 262_144 * Double(observations) * Double(observations)
    var lags = 0
    while lags + 1 < observations {
        let next = Double(lags + 1)
        let cube = next * next * next
        guard cube * cube * cube * 10_000 <= target else { break }
        lags += 1
    }
    return lags
}

/// Regresses the returns of many instruments on factor returns, by least squares with an intercept.
///
/// - Parameters:
///   - returns: T × n returns per period.
///   - factorReturns: T × k factor returns per period.
///   - given: loadings that are known, n × k; then only the residual variance is estimated.
/// - Returns: loadings and residual variances per period.
/// - Throws: ``EstimationError/tooFewObservations(have:need:)`` when T < k + 2;
///   ``EstimationError/wrongSize(part:expected:actual:)`` for histories of unequal length;
///   ``EstimationError/dependentFactors`` for factors of which one is a combination of the others;
///   ``EstimationError/notFinite(observation:instrument:)``.
/// - Complexity: O(T k² + T n k).
public func regress(
    _ returns: DenseMatrix,
    on factorReturns: DenseMatrix,
    loadings given: DenseMatrix? = nil
) throws(EstimationError) -> FactorLoadings {
    let design = try FactorDesign(factorReturns)
    guard returns.rows == design.observations else {
        throw .wrongSize(part: "factor_returns", expected: returns.rows, actual: design.observations)
    }
    try requireFinite(returns)
    var loadings = given ?? DenseMatrix(rows: returns.columns, columns: factorReturns.columns)
    guard loadings.rows == returns.columns, loadings.columns == factorReturns.columns else {
        throw .wrongSize(part: "loadings", expected: returns.columns, actual: loadings.rows)
    }
    let degrees = Double(design.observations - design.factorCount - 1)
    let factors = Array(0..<factorReturns.columns)
    var variances: [Double] = []
    // Block by block, so that a long history of many instruments is not held three times.
    for first in stride(from: 0, to: returns.columns, by: instrumentsAtOnce) {
        let block = Array(first..<min(first + instrumentsAtOnce, returns.columns))
        let entries = returns.elements[(first * returns.rows)..<((first + block.count) * returns.rows)]
        let series = DenseMatrix(rows: returns.rows, columns: block.count, columnMajor: Array(entries))
        let centred = centredColumns(series)
        let own: DenseMatrix
        if given == nil {
            own = design.coefficients(of: centred)
            for (row, instrument) in block.enumerated() {
                for f in factors { loadings[instrument, f] = own[row, f] }
            }
        } else {
            own = loadings.selecting(rows: block, columns: factors)
        }
        let fitted = design.centred.times(own, transposingOther: true)
        for j in block.indices {
            var sum = 0.0
            for (actual, explained) in zip(centred.column(j), fitted.column(j)) {
                sum += (actual - explained) * (actual - explained)
            }
            variances.append(sum / degrees)
        }
    }
    return FactorLoadings(loadings: loadings, residualVariance: variances)
}

/// How many instruments' histories a regression works on at once.
private let instrumentsAtOnce = 256

/// Regresses one series on factor returns, with standard errors.
///
/// - Parameters:
///   - series: T returns per period.
///   - factorReturns: T × k.
///   - lags: L of Newey and West; nil takes ``neweyWestLags(observations:)``.
/// - Returns: the regression.
/// - Throws: as ``regress(_:on:loadings:)``.
/// - Complexity: O(T k² L).
/// - SeeAlso: Newey & West, Econometrica 55 (1987), whose weights 1 − l/(L + 1) these are.
public func regress(
    series: [Double],
    on factorReturns: DenseMatrix,
    lags: Int? = nil
) throws(EstimationError) -> FactorRegression {
    let design = try FactorDesign(factorReturns)
    return try design.regression(of: series, lags: lags ?? neweyWestLags(observations: series.count))
}

/// The factors' side of a regression, prepared once for many series.
public struct FactorDesign: Sendable {
    /// The factor returns less their means, T × k.
    let centred: DenseMatrix
    private let means: [Double]
    private let scales: [Double]
    private let factorization: CholeskyFactorization

    /// A factor whose variance given the others is below this share of its own depends on them.
    private static let dependence = 1e-13
    /// What is left of the squares of a factor that does not vary, as a share of them.
    private static let rounding = 1e-26

    /// Prepares regressions on factor returns, T × k.
    ///
    /// - Throws: as ``regress(_:on:loadings:)``.
    public init(_ factorReturns: DenseMatrix) throws(EstimationError) {
        let (periods, count) = (factorReturns.rows, factorReturns.columns)
        guard periods >= count + 2 else { throw .tooFewObservations(have: periods, need: count + 2) }
        try requireFinite(factorReturns, part: "factor_returns")
        means = (0..<count).map { factorReturns.column($0).reduce(0, +) / Double(periods) }
        centred = centredColumns(factorReturns)
        var gram = centred.gram()
        var scales: [Double] = []
        for j in 0..<count {
            let squares = factorReturns.column(j).reduce(0) { $0 + $1 * $1 }
            guard gram[j, j] > Self.rounding * squares else { throw .dependentFactors }
            scales.append(1 / gram[j, j].squareRoot())
        }
        for j in 0..<count {
            for i in 0..<count { gram[i, j] *= scales[i] * scales[j] }
        }
        self.scales = scales
        guard let factorization = try? CholeskyFactorization(gram) else { throw .dependentFactors }
        let least = factorization.diagonalRange.smallest
        guard least * least > Self.dependence else { throw .dependentFactors }
        self.factorization = factorization
    }

    /// T.
    var observations: Int { centred.rows }
    /// k.
    var factorCount: Int { centred.columns }

    /// (XᵀX)⁻¹ v for the centred factors X.
    private func solve(_ v: [Double]) -> [Double] {
        var scaled = v
        for j in scaled.indices { scaled[j] *= scales[j] }
        var solution = factorization.solve(scaled)
        for j in solution.indices { solution[j] *= scales[j] }
        return solution
    }

    /// The loadings of centred series, n × k.
    func coefficients(of series: DenseMatrix) -> DenseMatrix {
        var right = centred.times(series, transposingSelf: true)
        for j in 0..<right.columns {
            for f in 0..<right.rows { right[f, j] *= scales[f] }
        }
        var solution = factorization.solve(right)
        for j in 0..<solution.columns {
            for f in 0..<solution.rows { solution[f, j] *= scales[f] }
        }
        return solution.transposed
    }

    /// The regression of one series.
    ///
    /// - Parameters:
    ///   - series: T returns per period.
    ///   - lags: L of Newey and West.
    /// - Returns: the regression.
    /// - Throws: as ``regress(_:on:loadings:)``.
    public func regression(of series: [Double], lags: Int) throws(EstimationError) -> FactorRegression {
        let (periods, count) = (observations, factorCount)
        guard series.count == periods else {
            throw .wrongSize(part: "factor_returns", expected: series.count, actual: periods)
        }
        if let bad = series.firstIndex(where: { !$0.isFinite }) { throw .notFinite(observation: bad, instrument: 0) }
        let mean = series.reduce(0, +) / Double(periods)
        let varying = series.map { $0 - mean }
        var betas = solve(centred.transposedTimes(varying))
        // One correction by the residual: the normal equations square the factors' condition.
        var residuals = self.residuals(varying, betas)
        axpy(1, solve(centred.transposedTimes(residuals)), into: &betas)
        residuals = self.residuals(varying, betas)
        let squares = dot(residuals, residuals)
        let total = dot(varying, varying)
        let variance = squares / Double(periods - count - 1)
        let inverse = inverseMoments()
        var regression = FactorRegression(
            coefficients: [mean - dot(betas, means)] + betas,
            standardErrors: (0...count).map { (variance * inverse[$0, $0]).squareRoot() },
            neweyWestStandardErrors: [],
            lags: min(max(0, lags), periods - 1),
            rSquared: total > 0 ? 1 - squares / total : nil,
            residualVariance: variance,
            observationCount: periods
        )
        let robust = robustCovariance(residuals, inverse: inverse, lags: regression.lags)
        regression.neweyWestStandardErrors = (0...count).map { max(0, robust[$0, $0]).squareRoot() }
        return regression
    }

    private func residuals(_ series: [Double], _ betas: [Double]) -> [Double] {
        zip(series, centred.times(betas)).map { $0 - $1 }
    }

    /// (ZᵀZ)⁻¹ for Z = (1, factor returns as given), (k + 1) × (k + 1).
    private func inverseMoments() -> DenseMatrix {
        let count = factorCount
        var inverse = DenseMatrix(rows: count + 1, columns: count + 1)
        for j in 0..<count {
            var unit = [Double](repeating: 0, count: count)
            unit[j] = 1
            for (i, value) in solve(unit).enumerated() { inverse[i + 1, j + 1] = value }
        }
        // Of the centred problem with its intercept apart: α = mean − βᵀ means.
        var corner = 1 / Double(observations)
        for j in 0..<count {
            var sum = 0.0
            for i in 0..<count { sum += means[i] * inverse[i + 1, j + 1] }
            inverse[0, j + 1] = -sum
            inverse[j + 1, 0] = -sum
            corner += sum * means[j]
        }
        inverse[0, 0] = corner
        return inverse
    }

    /// (ZᵀZ)⁻¹ S (ZᵀZ)⁻¹, S = Σ_l (1 − l/(L + 1)) (Γ_l + Γ_lᵀ), Γ_l = Σ_t u_t u_{t−l}ᵀ, u_t = e_t z_t.
    private func robustCovariance(_ residuals: [Double], inverse: DenseMatrix, lags: Int) -> DenseMatrix {
        let (periods, count) = (observations, factorCount)
        var moments = DenseMatrix(rows: periods, columns: count + 1)
        for t in 0..<periods { moments[t, 0] = residuals[t] }
        for j in 0..<count {
            for t in 0..<periods { moments[t, j + 1] = residuals[t] * (centred[t, j] + means[j]) }
        }
        // S = UᵀKU with the band matrix K of the weights: one pass over U and one product, whatever L is.
        let sum = moments.times(Self.smoothed(moments, lags: lags), transposingSelf: true)
        return inverse.times(sum).times(inverse)
    }

    /// K U, K_ts = max(0, 1 − |t − s|/(L + 1)).
    private static func smoothed(_ moments: DenseMatrix, lags: Int) -> DenseMatrix {
        let periods = moments.rows
        var result = moments
        for lag in 0..<lags {
            let weight = 1 - Double(lag + 1) / Double(lags + 1)
            let shift = lag + 1
            for j in 0..<moments.columns {
                let start = j * periods
                for t in shift..<periods {
                    result.elements[start + t] += weight * moments.elements[start + t - shift]
                    result.elements[start + t - shift] += weight * moments.elements[start + t]
                }
            }
        }
        return result
    }
}

/// A history less the means of its columns.
func centredColumns(_ history: DenseMatrix) -> DenseMatrix {
    var centred = history
    let periods = history.rows
    for j in 0..<history.columns {
        let mean = history.column(j).reduce(0, +) / Double(max(1, periods))
        for t in 0..<periods { centred[t, j] -= mean }
    }
    return centred
}
