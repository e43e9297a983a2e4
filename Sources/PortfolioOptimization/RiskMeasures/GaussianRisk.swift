internal import Glibc
internal import LinearAlgebra
internal import Matrices

/// VaR or CVaR of normal returns: k·σ − m per period, σ and m those of the portfolio.
///
/// k = z for VaR and φ(z)/(1 − β) for CVaR, z the β-quantile of the standard normal. σ is annual, and divided by √P.
struct GaussianRisk: ConvexRisk {
    /// √Σ's factor times k/√P.
    private let factor: DenseMatrix
    /// μ/P.
    private let means: [Double]
    let scale: Double

    /// Takes annual moments.
    ///
    /// - Parameters:
    ///   - multiple: k, not negative.
    ///   - expectedReturns: μ, annual.
    ///   - covariance: Σ, annual.
    ///   - periodsPerYear: P.
    init(multiple: Double, expectedReturns: [Double], covariance: DenseMatrix, periodsPerYear: Double) {
        factor = volatilityFactor(of: covariance).multiplied(by: multiple / periodsPerYear.squareRoot())
        means = expectedReturns.map { $0 / periodsPerYear }
        let largest = covariance.diagonal.max() ?? 0
        scale = powerOfTwo(near: max(multiple, 1) * (largest / periodsPerYear).squareRoot())
    }

    /// Fw, then mᵀw.
    func profile(of weights: [Double]) -> [Double] { factor.times(weights) + [dot(means, weights)] }

    func profile(ofInstrument index: Int) -> [Double] { Array(factor.column(index)) + [means[index]] }

    func value(ofProfile profile: [Double]) -> Double { deviation(profile) - (profile.last ?? 0) }

    func gradient(atProfile profile: [Double]) -> [Double] {
        var gradient = means.map { -$0 }
        let deviation = deviation(profile)
        if deviation > 0 { axpy(1 / deviation, factor.transposedTimes(Array(profile.dropLast())), into: &gradient) }
        return gradient
    }

    /// (FᵀF − ggᵀ)/σ, g the gradient of σ.
    func curvature(atProfile profile: [Double]) -> DenseMatrix? {
        let deviation = deviation(profile)
        guard deviation > 0 else { return nil }
        let slope = factor.transposedTimes(Array(profile.dropLast())).map { $0 / deviation }
        return factor.gram().minusSquare(of: slope).multiplied(by: 1 / deviation)
    }

    private func deviation(_ profile: [Double]) -> Double {
        profile.dropLast().reduce(0) { $0 + $1 * $1 }.squareRoot()
    }

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
