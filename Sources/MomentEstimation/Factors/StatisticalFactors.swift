internal import Glibc

internal import LinearAlgebra
public import Matrices
public import PortfolioModel

/// The most factors that are looked for when nobody says how many.
private let mostStatisticalFactors = 30

/// Estimates a factor model from returns alone: the leading principal components of their covariance.
///
/// The loadings are orthonormal eigenvectors V of the sample covariance S = V Λ Vᵀ, F holds their eigenvalues, and the
/// specific variances are what is left of the diagonal, so that every variance is the sample's own. The factors are called
/// PC1, PC2 and so on, the largest first; each points where its loadings sum to something positive. Their returns are
/// Vᵀr_t.
///
/// - Parameters:
///   - returns: T × n returns per period, as fractions.
///   - factorCount: k; nil takes the count that minimises Bai and Ng's second criterion, at most 30.
///   - periodsPerYear: 252 for daily returns; scales F and D.
/// - Returns: the factors, with `loadingsEstimator` `principal_components`.
/// - Throws: ``EstimationError/tooFewObservations(have:need:)`` when T < 2 or k ≥ T;
///   ``EstimationError/notFinite(observation:instrument:)`` for a NaN or an infinity;
///   ``EstimationError/dependentFactors`` when fewer than k components vary.
/// - Complexity: O(T n min(T, n)) and one spectral decomposition of order min(T, n).
/// - SeeAlso: Connor & Korajczyk, J. Financial Economics 15 (1986); Bai & Ng, Econometrica 70 (2002), whose IC_p2 counts the
///   factors.
public func statisticalFactorModel(
    of returns: DenseMatrix,
    factorCount: Int? = nil,
    periodsPerYear: Double
) throws(EstimationError) -> FactorStructure {
    let (periods, count) = (returns.rows, returns.columns)
    guard periods >= 2 else { throw .tooFewObservations(have: periods, need: 2) }
    if let factorCount, factorCount >= periods { throw .tooFewObservations(have: periods, need: factorCount + 1) }
    try requireFinite(returns)
    let centred = centredColumns(returns)
    // Of XᵀX and XXᵀ the smaller one: they share their eigenvalues.
    let isWide = periods < count
    guard let eigen = try? SymmetricEigen(isWide ? centred.outerGram() : centred.gram()) else {
        throw .dependentFactors
    }
    let values = eigen.values.reversed().map { max(0, $0) / Double(periods - 1) }
    let rounding = (values.first ?? 0) * Double(max(periods, count)) * .ulpOfOne
    let rank = values.count { $0 > rounding }
    let wanted = factorCount ?? countedFactors(values, periods: periods, instruments: count)
    guard wanted >= 1, wanted <= rank else { throw .dependentFactors }

    var loadings = DenseMatrix(rows: count, columns: wanted)
    for f in 0..<wanted {
        let vector = Array(eigen.vectors.column(eigen.vectors.columns - 1 - f))
        var column = isWide ? centred.transposedTimes(vector) : vector
        let length = norm2(column)
        let sign: Double = column.reduce(0, +) < 0 ? -1 : 1
        for i in column.indices { column[i] *= sign / length }
        for i in 0..<count { loadings[i, f] = column[i] }
    }
    var factorCovariance = DenseMatrix(rows: wanted, columns: wanted)
    for f in 0..<wanted { factorCovariance[f, f] = values[f] * periodsPerYear }
    let specific = (0..<count).map { i in
        var variance = 0.0
        for value in centred.column(i) { variance += value * value / Double(periods - 1) }
        for f in 0..<wanted { variance -= values[f] * loadings[i, f] * loadings[i, f] }
        return max(0, variance) * periodsPerYear
    }
    return FactorStructure(
        factors: (1...wanted).map { "PC\($0)" },
        covariance: FactorCovariance(
            exposuresTransposed: loadings.transposed,
            factorCovariance: factorCovariance,
            specificVariance: specific
        ),
        factorReturns: returns.times(loadings),
        loadingsEstimator: "principal_components"
    )
}

/// The count k ≥ 1 that minimises log V(k) + k (n + T)/(nT) log min(n, T), V(k) being the mean square that k factors leave.
private func countedFactors(_ values: [Double], periods: Int, instruments: Int) -> Int {
    let (n, t) = (Double(instruments), Double(periods))
    let penalty = (n + t) / (n * t) * log(min(n, t))
    let most = max(1, min(mostStatisticalFactors, min(instruments, periods - 1) / 2))
    var left = values.reduce(0, +)
    var best = (count: 1, criterion: Double.infinity)
    for k in 1...most {
        left -= values[k - 1]
        guard left > 0 else { return k }
        let criterion = log(left / n) + Double(k) * penalty
        if criterion < best.criterion { best = (k, criterion) }
    }
    return best.count
}
