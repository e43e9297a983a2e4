internal import ConvexSolver
internal import LinearAlgebra
internal import Matrices
internal import PortfolioModel

/// A measure of risk of weights, positively homogeneous: twice the weights, twice the risk.
///
/// It is computed in two steps. The profile is linear in the weights (returns by scenario, say), and all else follows
/// from the profile, so that a line between two allocations is searched without looking at the scenarios again.
protocol PortfolioRisk: Sendable {
    /// The linear part.
    func profile(of weights: [Double]) -> [Double]
    /// The linear part of one instrument alone.
    func profile(ofInstrument index: Int) -> [Double]
    /// The measure of a profile.
    func value(ofProfile profile: [Double]) -> Double
    /// A gradient g of the measure, ρ(w) = gᵀw; a support of it where it is convex: ρ(v) ≥ gᵀv for all v.
    func gradient(atProfile profile: [Double]) -> [Double]
    /// A number of the size of the risk of one instrument, positive.
    var scale: Double { get }
}

extension PortfolioRisk {
    /// The measure of weights.
    func value(of weights: [Double]) -> Double { value(ofProfile: profile(of: weights)) }
}

/// A convex measure of risk.
protocol ConvexRisk: PortfolioRisk {
    /// The second derivative where the measure is curved, nil where it is piecewise linear.
    func curvature(atProfile profile: [Double]) -> DenseMatrix?
    /// The measure as hinges, where it has that form.
    var hinges: HingeForm? { get }
}

extension ConvexRisk {
    func curvature(atProfile profile: [Double]) -> DenseMatrix? { nil }
    var hinges: HingeForm? { nil }
}

/// A measure as min over α of α + Σ qₜ max(ℓₜᵀw − α, 0), or the same without α; ℓₜ = c − rₜ.
struct HingeForm: Sendable {
    var scenarios: Scenarios
    /// c, n: what each return is a shortfall below.
    var centres: [Double]
    /// q, T.
    var weights: [Double]
    /// Whether there is an α.
    var hasLevel: Bool
}

/// Scenarios of returns with their probabilities.
struct Scenarios: Sendable {
    /// R, T × n: returns per period, as fractions.
    let returns: DenseMatrix
    /// p, T, sum 1.
    let probabilities: [Double]
    /// A power of two near the largest return.
    let unit: Double

    init(returns: DenseMatrix, probabilities: [Double]?) {
        self.returns = returns
        self.probabilities = probabilities ?? [Double](repeating: 1 / Double(returns.rows), count: returns.rows)
        let largest = returns.elements.reduce(0) { max($0, $1.magnitude) }
        unit = largest > 0 ? powerOfTwo(near: largest) : 1
    }

    /// T.
    var count: Int { returns.rows }

    /// Rw.
    func portfolioReturns(_ weights: [Double]) -> [Double] { returns.times(weights) }

    /// −Rᵀq.
    func losses(weightedBy q: [Double]) -> [Double] {
        let used = q.indices.filter { q[$0] != 0 }
        // A tail is a small part of the scenarios: its rows alone are read.
        guard used.count * 4 < q.count else { return returns.transposedTimes(q).map { -$0 } }
        var result = [Double](repeating: 0, count: returns.columns)
        returns.elements.withUnsafeBufferPointer { elements in
            for j in result.indices {
                var sum = 0.0
                for t in used { sum -= q[t] * elements[j * q.count + t] }
                result[j] = sum
            }
        }
        return result
    }

    /// r̄ᵀ for a profile: Σ pₜ rₜ.
    func mean(of profile: [Double]) -> Double { dot(probabilities, profile) }

    /// pₜ-weighted shortfalls below the mean y as weights of losses: Σ yₜ (r̄ − rₜ) = −Σ (yₜ − pₜ Σy) rₜ.
    func centred(_ y: [Double]) -> [Double] {
        let total = y.reduce(0, +)
        return y.indices.map { y[$0] - probabilities[$0] * total }
    }
}

/// A measure over scenarios whose gradient is a combination of their losses, −Rᵀq.
protocol ScenarioRisk: ConvexRisk {
    var scenarios: Scenarios { get }
    /// q, with ρ = −qᵀRw.
    func weighting(ofProfile profile: [Double]) -> [Double]
}

extension ScenarioRisk {
    func profile(of weights: [Double]) -> [Double] { scenarios.portfolioReturns(weights) }
    func profile(ofInstrument index: Int) -> [Double] { Array(scenarios.returns.column(index)) }
    func gradient(atProfile profile: [Double]) -> [Double] {
        scenarios.losses(weightedBy: weighting(ofProfile: profile))
    }
    var scale: Double { scenarios.unit }
}
