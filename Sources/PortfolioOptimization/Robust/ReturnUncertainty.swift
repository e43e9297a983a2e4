internal import Matrices
internal import PortfolioModel

/// How uncertain the expected returns of a problem are: within an ellipsoid, or each within an interval of its own.
struct ReturnUncertainty: Sendable {
    /// Whether each return has an interval of its own.
    let isBox: Bool
    /// How many standard errors they may be off; positive.
    let size: Double
    /// Ω of the problem's instruments, then of those that only the benchmark holds.
    let covariance: CovarianceModel
    /// b in the same order, where the objective is on active weights.
    let benchmark: [Double]?

    /// Reads what a request says of expected returns; nil where they are certain.
    ///
    /// - Parameters:
    ///   - uncertainty: that of the request.
    ///   - moments: of all instruments of the risk model, with the history that Σ comes from.
    ///   - chosen: where the problem's instruments stand in them.
    ///   - benchmark: weights by instrument, where the objective is on active weights.
    /// - Throws: ``OptimizationFailure`` with the code `invalid_inputs`, `indefinite_covariance` or `missing_history`.
    init?(
        _ uncertainty: Uncertainty,
        moments: Moments,
        chosen: [Int],
        benchmark: [String: Double]?
    ) throws(OptimizationFailure) {
        guard uncertainty.kind.isOfReturns, uncertainty.size > 0 else { return nil }
        let isChosen = Set(chosen)
        let outside = moments.instruments.indices.filter { index in
            !isChosen.contains(index) && (benchmark?[moments.instruments[index]] ?? 0) != 0
        }
        let all = try estimationErrors(uncertainty, of: moments)
        isBox = uncertainty.kind == .box
        size = uncertainty.size
        covariance = all.selecting(chosen + outside)
        self.benchmark = benchmark.map { benchmark in
            (chosen + outside).map { benchmark[moments.instruments[$0]] ?? 0 }
        }
        if uncertainty.covariance != nil, !isBox { try requireSemidefinite(covariance, "uncertainty.covariance") }
    }
}

/// Ω of all instruments: the request's, else Σ divided by the years of history.
func estimationErrors(
    _ uncertainty: Uncertainty,
    of moments: Moments
) throws(OptimizationFailure) -> CovarianceModel {
    if let given = uncertainty.covariance {
        try requireSize(given, moments, "uncertainty.covariance")
        return .dense(given)
    }
    guard let periods = moments.returns?.rows, periods > 0 else {
        throw missingHistory("uncertainty.covariance", "what the estimates of expected returns may be off")
    }
    return moments.covariance.scaled(by: moments.periodsPerYear / Double(periods))
}

/// The failure of an uncertainty that is neither given nor to be had from a history.
func missingHistory(_ field: String, _ what: String) -> OptimizationFailure {
    OptimizationFailure(
        code: "missing_history",
        message: "\(field) is not given, and the risk model has neither returns nor prices to tell \(what) from."
    )
}

/// A matrix of a request must be of the risk model's instruments.
func requireSize(_ matrix: DenseMatrix, _ moments: Moments, _ field: String) throws(OptimizationFailure) {
    guard matrix.rows != moments.instruments.count else { return }
    throw OptimizationFailure(
        code: "invalid_inputs",
        message: "\(field) has \(matrix.rows) rows; the risk model has \(moments.instruments.count) instruments, and a"
            + " row is needed for each, in its order."
    )
}

/// How far FᵀF may be from a matrix that is positive semidefinite, in units of its largest variance.
private let factorTolerance = 1e-9

/// Refuses a matrix of a request that is not positive semidefinite.
///
/// - Complexity: O(n² · rank).
func requireSemidefinite(_ covariance: CovarianceModel, _ field: String) throws(OptimizationFailure) {
    guard case .dense(let matrix) = covariance else { return }
    let largest = matrix.diagonal.reduce(0) { max($0, $1.magnitude) }
    var worst = matrix.diagonal.reduce(0) { max($0, -$1) }
    if worst == 0 {
        let factor = volatilityFactor(of: matrix)
        for j in 0..<matrix.columns {
            let column = Array(factor.column(j))
            for i in 0...j {
                var sum = 0.0
                for (left, right) in zip(factor.column(i), column) { sum += left * right }
                worst = max(worst, (sum - matrix[i, j]).magnitude)
            }
        }
    }
    guard worst > factorTolerance * largest else { return }
    throw OptimizationFailure(
        code: "indefinite_covariance",
        message: "\(field) is not positive semidefinite: it is the covariance of nothing."
    )
}
