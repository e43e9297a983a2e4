internal import Matrices

/// Market impact κ|m|^(3/2) of the trades m of free weights, as a kink and a parabola that fit it where the last program
/// ended.
///
/// At a trade m₀ ≠ 0 the model α|m| + βm²/2 has the impact's slope and curvature there, so that rounds are Newton's. The
/// curvature of no trade is infinite; there β is the slope's share at a reference trade, and α = 0 as it truly is.
struct ImpactModel: Sendable {
    private let relaxation: PlanRelaxation
    /// Money of impact of the whole value, one a free weight; 0 for none.
    private let impact: [Double]
    private let current: [Double]
    /// κ, one a free weight.
    private var factors: [Double]
    /// |m₀|, positive.
    private var reference: [Double]
    /// Whether the model fits the trade itself.
    private var isTangent: [Bool]
    /// Whether any weight has impact.
    let isFelt: Bool

    /// The trade that the impact is first drawn for is at least this share of an equal weight.
    private static let leastWish = 1e-3
    /// A trade below this share of the value counts as none.
    private static let leastTrade = 1e-12
    /// A trade that comes out as none was too large a reference by at least this factor.
    private static let shrinking = 0.05

    init(_ relaxation: PlanRelaxation, weights: [Double]) {
        let problem = relaxation.problem
        let value = problem.portfolioValue
        self.relaxation = relaxation
        let indices = relaxation.freeIndices
        impact = indices.map { problem.charges[$0].impact * value * value.squareRoot() }
        isFelt = impact.contains { $0 > 0 }
        current = indices.map { problem.currentWeights[$0] }
        factors = [Double](repeating: 0, count: indices.count)
        let least = Self.leastWish / Double(max(1, problem.count))
        let hint = weights.count == problem.count ? weights : problem.desired
        reference = indices.map { max(abs(hint[$0] - problem.currentWeights[$0]), least) }
        isTangent = [Bool](repeating: false, count: indices.count)
        setBudget(0)
    }

    /// Lets costs count as the budget's multiplier says.
    mutating func setBudget(_ budget: Double) {
        guard isFelt else { return }
        let charges = relaxation.problem.charges
        let perCost = max(0, budget / relaxation.problem.portfolioValue)
        for (position, index) in relaxation.freeIndices.enumerated() {
            factors[position] = impact[position] * (charges[index].costWeight + perCost)
        }
    }

    private func alpha(_ position: Int) -> Double {
        isTangent[position] ? 0.75 * factors[position] * reference[position].squareRoot() : 0
    }

    private func beta(_ position: Int) -> Double {
        (isTangent[position] ? 0.75 : 1.5) * factors[position] / reference[position].squareRoot()
    }

    /// The model's slope at no trade, on the side of a bend that is not there, with what the parabola needs to be centred
    /// on what is held.
    func slope(_ position: Int, at bend: Double) -> Double {
        guard factors[position] > 0 else { return 0 }
        var slope = -beta(position) * current[position]
        if !isHere(bend, position) { slope += bend > current[position] ? alpha(position) : -alpha(position) }
        return slope
    }

    /// Half the jump of the slope at a bend.
    func jump(_ position: Int, at bend: Double) -> Double {
        factors[position] > 0 && isHere(bend, position) ? alpha(position) : 0
    }

    private func isHere(_ bend: Double, _ position: Int) -> Bool { abs(bend - current[position]) <= 1e-12 }

    /// The impact itself.
    func value(_ position: Int, at weight: Double) -> Double {
        let trade = abs(weight - current[position])
        return factors[position] * trade * trade.squareRoot()
    }

    /// P with the parabolas at a scale.
    func added(to quadratic: DenseMatrix, scale: Double) -> DenseMatrix {
        guard isFelt else { return quadratic }
        var sum = quadratic
        for position in factors.indices where factors[position] > 0 {
            sum[position, position] += scale * beta(position)
        }
        return sum
    }

    /// Fits the model to new weights.
    ///
    /// - Returns: by how much the old one was wrong there, in all.
    mutating func follow(_ weights: [Double]) -> Double {
        guard isFelt else { return 0 }
        var missed = 0.0
        for position in factors.indices where factors[position] > 0 {
            let trade = abs(weights[position] - current[position])
            var modelled = alpha(position) * trade + beta(position) * trade * trade / 2
            if isTangent[position] {
                // The tangent parabola touches the impact at the reference.
                let r = reference[position]
                modelled += factors[position] * r * r.squareRoot() * (1 - 0.75 - 0.375)
            }
            missed += abs(value(position, at: weights[position]) - modelled) * (isTangent[position] ? 1 : 0.25)
            if trade > Self.leastTrade {
                (reference[position], isTangent[position]) = (trade, true)
            } else {
                if isTangent[position] { reference[position] *= Self.shrinking }
                isTangent[position] = false
            }
        }
        return missed
    }
}
