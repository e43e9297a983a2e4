internal import LinearAlgebra
internal import Matrices
internal import PortfolioModel

/// The largest CVaR under any distribution within a Wasserstein ball around the scenarios.
///
/// With no bounds on returns it is CVaR(w) + ε/(1 − β) · ‖w‖*, ε the ball's radius and ‖·‖* the dual of the norm that its
/// distances are measured by: a loss grows by at most ‖w‖* for each unit the scenarios are moved.
///
/// - SeeAlso: Mohajerin Esfahani & Kuhn, Mathematical Programming 171 (2018), section 5.1.
struct WassersteinTailRisk: ConvexRisk {
    private let tail: TailRisk
    private let norm: Uncertainty.Norm
    /// ε/(1 − β).
    private let price: Double

    /// Takes CVaR over scenarios and the ball around them.
    init(_ tail: TailRisk, radius: Double, norm: Uncertainty.Norm) {
        self.tail = tail
        self.norm = norm
        price = radius / (1 - tail.confidence)
    }

    /// Returns by scenario, then the weights.
    func profile(of weights: [Double]) -> [Double] { tail.profile(of: weights) + weights }

    func profile(ofInstrument index: Int) -> [Double] {
        var weights = [Double](repeating: 0, count: tail.scenarios.returns.columns)
        weights[index] = 1
        return tail.profile(ofInstrument: index) + weights
    }

    func value(ofProfile profile: [Double]) -> Double {
        let (returns, weights) = parts(of: profile)
        return tail.value(ofProfile: returns) + price * dualNorm(of: weights, norm)
    }

    func gradient(atProfile profile: [Double]) -> [Double] {
        let (returns, weights) = parts(of: profile)
        var gradient = tail.gradient(atProfile: returns)
        axpy(price, dualNormGradient(at: weights, norm), into: &gradient)
        return gradient
    }

    /// (I − wwᵀ/‖w‖²)/‖w‖ for Euclidean distances; the tail has none.
    func curvature(atProfile profile: [Double]) -> DenseMatrix? {
        let (_, weights) = parts(of: profile)
        let length = norm2(weights)
        guard norm == .euclidean, length > 0, price > 0 else { return nil }
        var curvature = DenseMatrix(rows: weights.count, columns: weights.count)
        for i in weights.indices { curvature[i, i] = 1 }
        return curvature.minusSquare(of: weights.map { $0 / length }).multiplied(by: price / length)
    }

    var scale: Double { tail.scale }

    private func parts(of profile: [Double]) -> (returns: [Double], weights: [Double]) {
        let count = tail.scenarios.count
        return (Array(profile[..<count]), Array(profile[count...]))
    }
}

/// ‖w‖*, the dual of a norm of scenarios.
func dualNorm(of weights: [Double], _ norm: Uncertainty.Norm) -> Double {
    switch norm {
    case .sum: weights.reduce(0) { max($0, $1.magnitude) }
    case .euclidean: norm2(weights)
    case .largest: weights.reduce(0) { $0 + $1.magnitude }
    }
}

/// A gradient of ‖w‖*; a support of it where it has a kink.
private func dualNormGradient(at weights: [Double], _ norm: Uncertainty.Norm) -> [Double] {
    func sign(_ value: Double) -> Double { value < 0 ? -1 : value > 0 ? 1 : 0 }
    switch norm {
    case .sum:
        var gradient = [Double](repeating: 0, count: weights.count)
        if let largest = weights.indices.max(by: { weights[$0].magnitude < weights[$1].magnitude }) {
            gradient[largest] = sign(weights[largest])
        }
        return gradient
    case .euclidean:
        let length = norm2(weights)
        return length > 0 ? weights.map { $0 / length } : weights
    case .largest: return weights.map(sign)
    }
}
