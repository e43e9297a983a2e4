internal import LinearAlgebra
public import Matrices

/// Expected returns of the capital asset pricing model, μᵢ = rf + βᵢ (μ_m − rf),  β = Σ w / wᵀΣw.
///
/// - Parameters:
///   - covariance: Σ, n × n, annual.
///   - means: n annual historical means; the market's is their mean by its weights.
///   - marketWeights: w, n; scaled to a sum of 1.
///   - riskFreeRate: rf, annual.
/// - Returns: n annual returns.
/// - Throws: ``EstimationError/wrongSize(part:expected:actual:)``, and
///   ``EstimationError/unusableEntry(part:row:column:)`` for a market without weight or without risk.
/// - Complexity: O(n²).
/// - SeeAlso: Sharpe, J. Finance 19 (1964).
public func capmReturns(
    covariance: DenseMatrix,
    means: [Double],
    marketWeights: [Double],
    riskFreeRate: Double
) throws(EstimationError) -> [Double] {
    let count = covariance.rows
    guard means.count == count, marketWeights.count == count else {
        throw .wrongSize(part: "market_weights", expected: count, actual: marketWeights.count)
    }
    let total = marketWeights.reduce(0, +)
    guard total > 0 else { throw .unusableEntry(part: "market_weights", row: 0, column: 0) }
    let weights = marketWeights.map { $0 / total }
    let covariances = covariance.symmetricTimes(weights)
    let variance = dot(covariances, weights)
    guard variance > 0 else { throw .unusableEntry(part: "market_weights", row: 0, column: 0) }
    let premium = dot(means, weights) - riskFreeRate
    return covariances.map { riskFreeRate + $0 / variance * premium }
}
