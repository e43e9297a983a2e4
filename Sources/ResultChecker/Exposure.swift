internal import Matrices
internal import PortfolioModel

/// A set of weights and what follows from it, by plain loops over the definition of each figure.
struct Exposure {
    /// Weights in the order of the moments' instruments.
    let weights: [Double]
    /// The weight of cash.
    let cash: Double
    /// wᵀΣw.
    let variance: Double
    /// Σ|wᵢ|σᵢ.
    let undiversified: Double
    /// (Σw)ᵢ.
    let marginal: [Double]

    init(weights: [Double], cash: Double, moments: Moments) {
        let covariance = moments.covariance
        let count = weights.count
        let active = weights.indices.filter { weights[$0] != 0 }
        var marginal = [Double](repeating: 0, count: count)
        var variance = 0.0
        var undiversified = 0.0
        covariance.elements.withUnsafeBufferPointer { entries in
            for i in active {
                var sum = 0.0
                for j in active { sum += entries[i * count + j] * weights[j] }
                marginal[i] = sum
                variance += weights[i] * sum
                undiversified += abs(weights[i]) * max(0, entries[i * count + i]).squareRoot()
            }
        }
        self.weights = weights
        self.cash = cash
        self.variance = variance
        self.undiversified = undiversified
        self.marginal = marginal
    }

    /// √(wᵀΣw).
    var volatility: Double { max(0, variance).squareRoot() }

    /// Whether the variance is so small that it must be, may be, or must not be called 0.
    var isRiskless: Riskless {
        let scale = undiversified * undiversified
        if variance <= Tolerance.varianceNoise.lowerBound * scale { return .yes }
        return variance <= Tolerance.varianceNoise.upperBound * scale ? .perhaps : .no
    }

    enum Riskless { case yes, perhaps, no }

    /// Σ of the weights of the instruments that fulfil a condition.
    func total(_ moments: Moments, where belongs: (String) -> Bool) -> Double {
        var sum = 0.0
        for (i, id) in moments.instruments.enumerated() where weights[i] != 0 && belongs(id) { sum += weights[i] }
        return sum
    }

    /// μᵀw + risk-free rate · cash.
    func expectedReturn(_ moments: Moments, riskFreeRate: Double) -> Double {
        var sum = riskFreeRate * cash
        for i in weights.indices { sum += moments.expectedReturns[i] * weights[i] }
        return sum
    }
}
