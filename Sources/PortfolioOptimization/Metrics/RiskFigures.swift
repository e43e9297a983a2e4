public import PortfolioModel

/// Variance below this share of (Σ|wᵢ|σᵢ)², the largest a portfolio of these weights can have, is rounding.
private let varianceNoise = 1e-14

/// Volatility and its parts for weights and a covariance.
public struct RiskFigures: Equatable, Sendable {
    /// √(wᵀΣw), annual; exactly 0 where the sum is within rounding of 0.
    public let volatility: Double
    /// Σ|wᵢ|σᵢ: the volatility if all instruments moved as one.
    public let undiversifiedVolatility: Double
    /// wᵢ(Σw)ᵢ / wᵀΣw; empty when the risk is 0.
    public let contributions: [Double]

    /// Computes the figures in O(n · held) time, held being the number of weights that are not 0.
    ///
    /// - Parameters:
    ///   - weights: n weights.
    ///   - covariance: n × n, annual.
    public init(weights: [Double], covariance: CovarianceModel) {
        precondition(covariance.count == weights.count)
        let product = covariance.times(weights)
        var undiversified = 0.0
        for (j, weight) in weights.enumerated() where weight != 0 {
            undiversified += abs(weight) * max(0, covariance[j, j]).squareRoot()
        }
        var variance = 0.0
        for (i, weight) in weights.enumerated() { variance += weight * product[i] }
        undiversifiedVolatility = undiversified
        guard variance > varianceNoise * undiversified * undiversified else {
            volatility = 0
            contributions = []
            return
        }
        volatility = variance.squareRoot()
        contributions = weights.indices.map { weights[$0] * product[$0] / variance }
    }
}
