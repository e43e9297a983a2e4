internal import LinearAlgebra
internal import Matrices

/// Value-at-risk over scenarios: the least v with P(loss ≤ v) ≥ β.
///
/// It is not convex.
struct QuantileRisk: PortfolioRisk {
    let scenarios: Scenarios
    let confidence: Double

    var scale: Double { scenarios.unit }

    func profile(of weights: [Double]) -> [Double] { scenarios.portfolioReturns(weights) }

    func profile(ofInstrument index: Int) -> [Double] { Array(scenarios.returns.column(index)) }

    func value(ofProfile profile: [Double]) -> Double { -profile[scenario(profile)] }

    /// Minus the returns of the scenario whose loss it is.
    func gradient(atProfile profile: [Double]) -> [Double] {
        let t = scenario(profile)
        return (0..<scenarios.returns.columns).map { -scenarios.returns[t, $0] }
    }

    /// Probabilities that add up to the confidence but for this are enough: sums round.
    static let rounding = 1e-12

    /// The scenario whose loss is the value-at-risk.
    private func scenario(_ profile: [Double]) -> Int {
        let p = scenarios.probabilities
        // From the largest loss down, to the last one at which the rest still has the confidence's probability.
        var above = 0.0
        let sorted = profile.indices.filter { p[$0] > 0 }.sorted { (profile[$0], $0) < (profile[$1], $1) }
        for t in sorted {
            above += p[t]
            if above > (1 - confidence) + Self.rounding { return t }
        }
        return sorted.last ?? 0
    }
}
