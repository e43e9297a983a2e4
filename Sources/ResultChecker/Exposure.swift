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
        let active = weights.indices.filter { weights[$0] != 0 }
        let risk =
            switch moments.covariance {
            case .dense(let matrix): Self.risk(of: weights, active, matrix)
            case .factors(let model): Self.risk(of: weights, active, model)
            }
        var variance = 0.0
        var undiversified = 0.0
        for i in active {
            variance += weights[i] * risk.marginal[i]
            undiversified += abs(weights[i]) * max(0, risk.variances[i]).squareRoot()
        }
        marginal = risk.marginal
        self.weights = weights
        self.cash = cash
        self.variance = variance
        self.undiversified = undiversified
    }

    /// (Σw)ᵢ and Σᵢᵢ of what is held, 0 elsewhere.
    private static func risk(
        of weights: [Double],
        _ active: [Int],
        _ covariance: DenseMatrix
    ) -> (marginal: [Double], variances: [Double]) {
        let count = weights.count
        var marginal = [Double](repeating: 0, count: count)
        var variances = marginal
        covariance.elements.withUnsafeBufferPointer { entries in
            for i in active {
                var sum = 0.0
                for j in active { sum += entries[i * count + j] * weights[j] }
                marginal[i] = sum
                variances[i] = entries[i * count + i]
            }
        }
        return (marginal, variances)
    }

    /// The same of a factor model: (Σw)ᵢ = bᵢᵀF(Bᵀw) + dᵢwᵢ.
    private static func risk(
        of weights: [Double],
        _ active: [Int],
        _ model: FactorCovariance
    ) -> (marginal: [Double], variances: [Double]) {
        let factors = model.factorCovariance
        func loaded(_ exposure: [Double]) -> [Double] {
            (0..<factors.rows).map { f in
                var sum = 0.0
                for g in 0..<factors.columns { sum += factors[f, g] * exposure[g] }
                return sum
            }
        }
        var total = [Double](repeating: 0, count: factors.rows)
        for i in active {
            for (f, exposure) in model.exposures.column(i).enumerated() { total[f] += exposure * weights[i] }
        }
        let pressure = loaded(total)
        var marginal = [Double](repeating: 0, count: weights.count)
        var variances = marginal
        for i in active {
            let exposure = Array(model.exposures.column(i))
            let own = loaded(exposure)
            marginal[i] = model.specificVariance[i] * weights[i]
            variances[i] = model.specificVariance[i]
            for f in exposure.indices {
                marginal[i] += exposure[f] * pressure[f]
                variances[i] += exposure[f] * own[f]
            }
        }
        return (marginal, variances)
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

    /// Σ|w| of the instruments that fulfil a condition.
    func size(_ moments: Moments, where belongs: (String) -> Bool) -> Double {
        var sum = 0.0
        for (i, id) in moments.instruments.enumerated() where weights[i] != 0 && belongs(id) { sum += abs(weights[i]) }
        return sum
    }

    /// Σ|w|.
    var gross: Double {
        var sum = 0.0
        for weight in weights { sum += abs(weight) }
        return sum
    }

    /// What the largest positions come to, by size.
    func largest(_ count: Int) -> Double {
        var sum = 0.0
        for size in weights.map({ abs($0) }).sorted(by: >).prefix(count) { sum += size }
        return sum
    }

    /// μᵀw + risk-free rate · cash.
    func expectedReturn(_ moments: Moments, riskFreeRate: Double) -> Double {
        var sum = riskFreeRate * cash
        for i in weights.indices { sum += moments.expectedReturns[i] * weights[i] }
        return sum
    }
}
