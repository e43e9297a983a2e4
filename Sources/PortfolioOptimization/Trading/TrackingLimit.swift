internal import PortfolioModel

/// The benchmark with the covariance of all that it or the target may hold.
struct TrackingModel: Sendable {
    /// Of the problem's instruments, then of those that only the benchmark holds.
    let covariance: CovarianceModel
    /// b, in the same order.
    let benchmark: [Double]

    /// Finds what of a benchmark's instruments is not among the problem's.
    init(_ benchmark: [String: Double], moments: Moments, chosen: [Int]) throws(OptimizationFailure) {
        let isChosen = Set(chosen)
        let outside = moments.instruments.indices.filter { index in
            !isChosen.contains(index) && (benchmark[moments.instruments[index]] ?? 0) != 0
        }
        let known = Set(moments.instruments)
        if let missing = benchmark.filter({ $0.value != 0 && !known.contains($0.key) }).keys.min() {
            throw OptimizationFailure(
                code: "invalid_inputs",
                message: "\(missing) is in the benchmark but not in the risk model."
            )
        }
        covariance = moments.covariance.selecting(chosen + outside)
        self.benchmark = (chosen + outside).map { benchmark[moments.instruments[$0]] ?? 0 }
    }

    /// The tracking error of weights of the problem's instruments, annual.
    func error(at weights: ArraySlice<Double>) -> Double {
        var active = benchmark.map { -$0 }
        for (place, weight) in weights.enumerated() { active[place] += weight }
        return covariance.quadraticForm(active).squareRoot()
    }
}

/// An upper limit of the tracking error √((w − b)ᵀΣ(w − b)), annual.
struct TrackingLimit: Sendable {
    /// How much at most.
    var side: LimitSide
    /// F with FᵀF = Σ / unit², over the problem's instruments.
    let rows: [(columns: [Int], values: [Double])]
    /// Fb, with what only the benchmark holds.
    let benchmarkRows: [Double]
    /// A power of two near the largest volatility.
    let unit: Double
    private let model: TrackingModel

    /// Factors the covariance: O(n² · rank).
    init(_ side: LimitSide, _ model: TrackingModel) {
        self.side = side
        self.model = model
        let unit = powerOfTwo(near: (model.covariance.diagonal.max() ?? 0).squareRoot())
        self.unit = unit
        let factor = VolatilityFactor(model.covariance.scaled(by: 1 / (unit * unit)))
        benchmarkRows = factor.rows.map { row in
            zip(row.columns, row.values).reduce(0) { $0 + model.benchmark[$1.0] * $1.1 }
        }
        rows = factor.rows
    }

    /// The tracking error of weights, annual.
    func error(at weights: ArraySlice<Double>) -> Double { model.error(at: weights) }
}
