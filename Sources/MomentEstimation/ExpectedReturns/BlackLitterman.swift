internal import LinearAlgebra
public import Matrices

/// What prior and views together say.
public struct BlackLittermanPosterior: Equatable, Sendable {
    /// Expected returns above the risk-free rate, n, annual.
    public let excessReturns: [Double]
    /// Σ + M, n × n, both triangles, annual: M is the uncertainty of the expected returns.
    public let covariance: DenseMatrix
    /// ω of each view; nil for a view that was dropped.
    public let viewVariances: [Double?]
}

/// Combines prior excess returns with views, each weighed by its uncertainty.
///
/// The master formula μ = [(τΣ)⁻¹ + PᵀΩ⁻¹P]⁻¹ [(τΣ)⁻¹Π + PᵀΩ⁻¹Q], written so that only a k × k matrix is solved with:
/// with G = τΣPᵀ and A = PG + Ω, μ = Π + G A⁻¹ (Q − PΠ) and Σ + M = (1 + τ)Σ − G A⁻¹ Gᵀ. So Σ may be singular and a view
/// may be certain (ω = 0).
///
/// - Parameters:
///   - prior: Π, n annual returns above the risk-free rate.
///   - covariance: Σ, n × n, annual, both triangles.
///   - views: k of them; those without confidence are dropped.
///   - tau: τ, how uncertain the prior is against Σ.
///   - riskFreeRate: subtracted from views on total returns, for each unit the combination holds.
/// - Returns: posterior excess returns and covariance, and Ω.
/// - Throws: ``BlackLittermanError``.
/// - Complexity: O(n²) for the result, O(k n²) for G A⁻¹ Gᵀ; views on few instruments cost what they name.
/// - SeeAlso: Black & Litterman, Financial Analysts Journal 48 (1992); He & Litterman, The Intuition Behind
///   Black–Litterman Model Portfolios (1999); Idzorek, A step-by-step guide to the Black–Litterman model (2005).
///   `docs/mathematics.md`, Black–Litterman.
public func blackLittermanPosterior(
    prior: [Double],
    covariance: DenseMatrix,
    views: [BlackLittermanView],
    tau: Double = 0.05,
    riskFreeRate: Double = 0
) throws(BlackLittermanError) -> BlackLittermanPosterior {
    let update = try BlackLittermanUpdate(
        prior: prior,
        covariance: covariance,
        views: views,
        tau: tau,
        riskFreeRate: riskFreeRate
    )
    return BlackLittermanPosterior(
        excessReturns: update.excessReturns,
        covariance: update.posteriorCovariance,
        viewVariances: update.viewVariances
    )
}

/// The parts of the update by views: what the mean needs, and what the covariance needs.
private struct BlackLittermanUpdate {
    private let prior: [Double]
    private let covariance: DenseMatrix
    private let tau: Double
    private(set) var viewVariances: [Double?]
    /// G L⁻ᵀ, n × k: A = L Lᵀ.
    private var shift: DenseMatrix
    /// L⁻¹ (Q − PΠ).
    private var surprise: [Double]

    /// A pivot below this, squared and relative to its diagonal, is nothing but rounding.
    private static let dependence = 1e-13

    init(
        prior: [Double],
        covariance: DenseMatrix,
        views: [BlackLittermanView],
        tau: Double,
        riskFreeRate: Double
    ) throws(BlackLittermanError) {
        let n = covariance.rows
        guard covariance.columns == n else {
            throw .wrongSize(part: "covariance", expected: n, actual: covariance.columns)
        }
        guard prior.count == n else { throw .wrongSize(part: "prior", expected: n, actual: prior.count) }
        guard tau > 0, tau.isFinite else { throw .unusableTau }
        self.prior = prior
        self.covariance = covariance
        self.tau = tau
        viewVariances = []
        for (index, view) in views.enumerated() { try Self.check(view, index, instrumentCount: n) }

        let kept = views.indices.filter { views[$0].uncertainty != .confidence(0) }
        var gains: [[Double]] = []
        for index in kept { gains.append(Self.gain(views[index], covariance, tau)) }
        var matrix = DenseMatrix(rows: kept.count, columns: kept.count)
        for (j, gain) in gains.enumerated() {
            for i in j..<kept.count { matrix[i, j] = Self.value(views[kept[i]], gain) }
        }
        viewVariances = [Double?](repeating: nil, count: views.count)
        surprise = []
        for (position, index) in kept.enumerated() {
            let priorVariance = max(0, matrix[position, position])
            let variance = Self.variance(views[index].uncertainty, priorVariance: priorVariance)
            viewVariances[index] = variance
            matrix[position, position] = priorVariance + variance
            guard matrix[position, position] > 0 else { throw .viewWithoutRisk(view: index) }
            let riskFree =
                views[index].isTotal ? riskFreeRate * views[index].terms.reduce(0) { $0 + $1.coefficient } : 0
            surprise.append(views[index].expectedReturn - riskFree - Self.value(views[index], prior))
        }
        shift = DenseMatrix(rows: n, columns: kept.count)
        try whiten(matrix, gains)
    }

    /// Divides gains and surprises by the Cholesky factor of A.
    private mutating func whiten(_ matrix: DenseMatrix, _ gains: [[Double]]) throws(BlackLittermanError) {
        let k = gains.count
        guard k > 0 else { return }
        let factorization: CholeskyFactorization
        do { factorization = try CholeskyFactorization(matrix) } catch { throw .dependentViews }
        let factor = factorization.lowerFactor
        for j in 0..<k where factor[j, j] * factor[j, j] <= Self.dependence * matrix[j, j] { throw .dependentViews }
        surprise = factorization.solveTriangular(surprise)
        // Column by column, because there are few columns and each is long.
        var columns: [[Double]] = []
        for j in 0..<k {
            var column = gains[j]
            for l in 0..<j { axpy(-factor[j, l], columns[l], into: &column) }
            for i in column.indices { column[i] /= factor[j, j] }
            columns.append(column)
        }
        shift.elements = Array(columns.joined())
    }

    /// μ = Π + (G L⁻ᵀ)(L⁻¹ (Q − PΠ)).
    var excessReturns: [Double] {
        var result = prior
        axpy(1, shift.times(surprise), into: &result)
        return result
    }

    /// Σ + M = (1 + τ)Σ − (G L⁻ᵀ)(G L⁻ᵀ)ᵀ.
    var posteriorCovariance: DenseMatrix {
        let scale = 1 + tau
        let count = covariance.elements.count
        let inflated = [Double](unsafeUninitializedCapacity: count) { target, initializedCount in
            covariance.elements.withUnsafeBufferPointer { source in
                for k in 0..<count { target[k] = scale * source[k] }
            }
            initializedCount = count
        }
        var result = DenseMatrix(rows: covariance.rows, columns: covariance.rows, columnMajor: inflated)
        shift.transposed.addGram(scaledBy: -1, to: &result)
        result.copyLowerTriangleToUpper()
        return result
    }

    // MARK: One view

    private static func check(
        _ view: BlackLittermanView,
        _ index: Int,
        instrumentCount: Int
    ) throws(BlackLittermanError) {
        for term in view.terms {
            guard (0..<instrumentCount).contains(term.instrument) else {
                throw .unknownInstrument(view: index, instrument: term.instrument)
            }
            guard term.coefficient.isFinite else { throw .notFinite(view: index) }
        }
        guard view.expectedReturn.isFinite else { throw .notFinite(view: index) }
        switch view.uncertainty {
        case .asPrior: return
        case .variance(let variance):
            guard variance >= 0, variance.isFinite else { throw .unusableUncertainty(view: index) }
        case .confidence(let confidence):
            guard confidence >= 0, confidence <= 1 else { throw .unusableUncertainty(view: index) }
        }
    }

    /// τΣp, n.
    private static func gain(_ view: BlackLittermanView, _ covariance: DenseMatrix, _ tau: Double) -> [Double] {
        let n = covariance.rows
        var result = [Double](repeating: 0, count: n)
        for term in view.terms {
            let scale = tau * term.coefficient
            let start = term.instrument * n
            covariance.elements.withUnsafeBufferPointer { elements in
                for i in 0..<n { result[i] += scale * elements[start + i] }
            }
        }
        return result
    }

    /// pᵀv.
    private static func value(_ view: BlackLittermanView, _ v: [Double]) -> Double {
        view.terms.reduce(0) { $0 + $1.coefficient * v[$1.instrument] }
    }

    /// ω, from the variance τ pᵀΣp that the prior gives the combination.
    private static func variance(_ uncertainty: BlackLittermanView.Uncertainty, priorVariance: Double) -> Double {
        switch uncertainty {
        case .asPrior: priorVariance
        case .variance(let variance): variance
        case .confidence(let confidence): (1 - confidence) / confidence * priorVariance
        }
    }
}
