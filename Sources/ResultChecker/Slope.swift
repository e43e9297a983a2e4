internal import Matrices
internal import PortfolioModel

/// w − b over all instruments of the model; nil without a benchmark or where it holds others.
func activeWeights(_ exposure: Exposure, _ mandate: Mandate) -> [Double]? {
    guard var benchmark = mandate.snapshot.portfolio.benchmark else { return nil }
    benchmark["cash"] = nil
    var active = exposure.weights
    for (index, id) in mandate.moments.instruments.enumerated() {
        active[index] -= benchmark.removeValue(forKey: id) ?? 0
    }
    return benchmark.values.allSatisfy { $0 == 0 } ? active : nil
}

/// The volatility of weights and how it changes with each of them, held or not.
struct Slope {
    /// √(xᵀΣx).
    let volatility: Double
    /// Σx.
    private let products: [Double]

    init(_ weights: [Double], _ moments: Moments) {
        let count = weights.count
        var products = [Double](repeating: 0, count: count)
        switch moments.covariance {
        case .dense(let matrix):
            matrix.elements.withUnsafeBufferPointer { entries in
                for j in weights.indices where weights[j] != 0 {
                    for i in 0..<count { products[i] += entries[j * count + i] * weights[j] }
                }
            }
        case .factors(let model):
            let factors = model.factorCovariance
            var total = [Double](repeating: 0, count: factors.rows)
            for i in weights.indices where weights[i] != 0 {
                for (f, exposure) in model.exposures.column(i).enumerated() { total[f] += exposure * weights[i] }
            }
            let pressure = (0..<factors.rows).map { f in
                (0..<factors.columns).reduce(0) { $0 + factors[f, $1] * total[$1] }
            }
            for i in 0..<count {
                products[i] = model.specificVariance[i] * weights[i]
                for (f, exposure) in model.exposures.column(i).enumerated() { products[i] += exposure * pressure[f] }
            }
        }
        self.products = products
        volatility = max(0, zip(products, weights).reduce(0) { $0 + $1.0 * $1.1 }).squareRoot()
    }

    /// A multiple of the volatility's gradient Σx/√(xᵀΣx), with 0 for cash behind it.
    func gradient(by factor: Double) -> [Double] {
        guard volatility > 0 else { return [Double](repeating: 0, count: products.count + 1) }
        return products.map { factor * $0 / volatility } + [0]
    }
}
