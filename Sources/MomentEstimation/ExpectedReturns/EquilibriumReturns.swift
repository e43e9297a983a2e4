internal import LinearAlgebra
public import Matrices

/// The excess returns at which the market portfolio is optimal, Π = δ Σ w.
///
/// - Parameters:
///   - covariance: Σ, n × n, annual; the lower triangle is read.
///   - marketWeights: w, n; fractions of the market, whatever they sum to.
///   - riskAversion: δ, of the utility return − (δ/2)·variance.
/// - Returns: n annual returns above the risk-free rate.
/// - Throws: ``EstimationError/wrongSize(part:expected:actual:)`` for weights of other instruments.
/// - Complexity: O(n²).
/// - SeeAlso: Black & Litterman, Financial Analysts Journal 48 (1992); reverse optimization, Sharpe (1974).
public func equilibriumReturns(
    covariance: DenseMatrix,
    marketWeights: [Double],
    riskAversion: Double
) throws(EstimationError) -> [Double] {
    guard covariance.columns == covariance.rows else {
        throw .wrongSize(part: "covariance", expected: covariance.rows, actual: covariance.columns)
    }
    guard marketWeights.count == covariance.rows else {
        throw .wrongSize(part: "market_weights", expected: covariance.rows, actual: marketWeights.count)
    }
    return covariance.symmetricTimes(marketWeights).map { riskAversion * $0 }
}
