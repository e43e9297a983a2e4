internal import Matrices
internal import PortfolioModel

/// The largest covariance of a box of covariances: for weights that are not negative it is the worst one.
///
/// wᵀSw grows with every entry of S then, so that the maximum over all S between the box's ends is at the upper one, which
/// must be positive semidefinite itself. Where no end is given it is `size` standard errors above Σ, those of a sample of
/// normal returns: √((ΣᵢᵢΣⱼⱼ + Σᵢⱼ²)/(T − 1)).
///
/// - Parameters:
///   - uncertainty: that of the request, a `covariance_box`.
///   - moments: of all instruments, with the history that Σ comes from.
/// - Returns: the worst covariance of all instruments; Σ itself for a size of 0.
/// - Throws: ``OptimizationFailure`` with the code `invalid_inputs`, `missing_history` or `indefinite_covariance`.
/// - SeeAlso: Tütüncü & Koenig, Annals of Operations Research 132 (2004), section 3; Anderson, An Introduction to
///   Multivariate Statistical Analysis (2003), section 3.4, for the standard errors.
func worstCovariance(
    _ uncertainty: Uncertainty,
    of moments: Moments
) throws(OptimizationFailure) -> CovarianceModel {
    guard uncertainty.size > 0 else { return moments.covariance }
    let worst: DenseMatrix
    let field: String
    if let upper = uncertainty.upper {
        field = "uncertainty.upper"
        try requireSize(upper, moments, field)
        if let lower = uncertainty.lower { try requireSize(lower, moments, "uncertainty.lower") }
        worst =
            uncertainty.size == 1 ? upper : moved(moments.covariance.multipliedOut(), towards: upper, uncertainty.size)
    } else {
        field = "The covariance that is \(readable(uncertainty.size)) standard errors above the estimate"
        guard let periods = moments.returns?.rows, periods > 1 else {
            throw missingHistory("uncertainty.upper", "what the estimates of covariances may be off")
        }
        let share = uncertainty.size / Double(periods - 1).squareRoot()
        worst = raised(moments.covariance.multipliedOut(), by: share)
    }
    try requireSemidefinite(.dense(worst), field)
    return .dense(worst)
}

private func moved(_ covariance: DenseMatrix, towards upper: DenseMatrix, _ size: Double) -> DenseMatrix {
    var result = covariance
    for index in result.elements.indices {
        result.elements[index] += size * (upper.elements[index] - covariance.elements[index])
    }
    return result
}

private func raised(_ covariance: DenseMatrix, by share: Double) -> DenseMatrix {
    var result = covariance
    for j in 0..<covariance.columns {
        for i in 0..<covariance.rows {
            let entry = covariance[i, j]
            result[i, j] = entry + share * (covariance[i, i] * covariance[j, j] + entry * entry).squareRoot()
        }
    }
    return result
}
