internal import Glibc
internal import LinearAlgebra
internal import Matrices
internal import PortfolioModel

/// VaR or CVaR of normal returns: k·σ − m per period, σ and m those of the portfolio.
///
/// k = z for VaR and φ(z)/(1 − β) for CVaR, z the β-quantile of the standard normal. σ is annual, and divided by √P. The
/// profile is the weights themselves: σ of a mixture takes one product with Σ.
struct GaussianRisk: ConvexRisk {
    /// Σ, annual.
    private let covariance: CovarianceModel
    /// k/√P.
    let multiple: Double
    /// μ/P.
    let means: [Double]
    let scale: Double

    /// Takes annual moments.
    ///
    /// - Parameters:
    ///   - multiple: k, not negative.
    ///   - expectedReturns: μ, annual.
    ///   - covariance: Σ, annual.
    ///   - periodsPerYear: P.
    init(multiple: Double, expectedReturns: [Double], covariance: CovarianceModel, periodsPerYear: Double) {
        self.covariance = covariance
        self.multiple = multiple / periodsPerYear.squareRoot()
        means = expectedReturns.map { $0 / periodsPerYear }
        let largest = covariance.diagonal.max() ?? 0
        scale = powerOfTwo(near: max(multiple, 1) * (largest / periodsPerYear).squareRoot())
    }

    func profile(of weights: [Double]) -> [Double] { weights }

    func profile(ofInstrument index: Int) -> [Double] {
        var weights = [Double](repeating: 0, count: means.count)
        weights[index] = 1
        return weights
    }

    func value(ofProfile profile: [Double]) -> Double { multiple * volatility(profile) - dot(means, profile) }

    /// k Σw/σ − m.
    func gradient(atProfile profile: [Double]) -> [Double] {
        let volatility = volatility(profile)
        var gradient = means.map { -$0 }
        if volatility > 0 { axpy(multiple / volatility, covariance.times(profile), into: &gradient) }
        return gradient
    }

    /// k (Σ − ssᵀ)/σ, s = Σw/σ.
    func curvature(atProfile profile: [Double]) -> DenseMatrix? {
        let volatility = volatility(profile)
        guard volatility > 0, multiple > 0 else { return nil }
        let slope = covariance.times(profile).map { $0 / volatility }
        return covariance.multipliedOut().minusSquare(of: slope).multiplied(by: multiple / volatility)
    }

    private func volatility(_ weights: [Double]) -> Double { covariance.quadraticForm(weights).squareRoot() }

    /// k for value-at-risk: the β-quantile of the standard normal.
    static func quantile(_ confidence: Double) -> Double {
        // Bisection on the complementary error function, then Newton steps: exact to rounding on either tail.
        var (low, high) = (-40.0, 40.0)
        for _ in 0..<60 {
            let middle = (low + high) / 2
            if 0.5 * erfc(middle / 2.0.squareRoot()) > 1 - confidence { low = middle } else { high = middle }
        }
        var z = (low + high) / 2
        for _ in 0..<3 {
            let density = density(z)
            if density > 0 { z += (0.5 * erfc(z / 2.0.squareRoot()) - (1 - confidence)) / density }
        }
        return z
    }

    /// k for conditional value-at-risk: φ(z)/(1 − β).
    static func tailMultiple(_ confidence: Double) -> Double { density(quantile(confidence)) / (1 - confidence) }

    private static func density(_ z: Double) -> Double { exp(-0.5 * z * z) / (2 * Double.pi).squareRoot() }
}
