internal import PortfolioModel

/// Who may be held, as the bound of a certificate knows it: a weight of 0 or at least the threshold, and so many at most.
///
/// Both belong to the maxima over single weights, where they cost nothing: with a limit on positions only the largest gains
/// over a weight of 0 count.
struct PositionChoice {
    /// The threshold of each instrument, cash last; 0 where it has none.
    private var thresholds: [Double] = []
    /// Whether a weight may be 0 or not, and counts where it is not.
    private var counted: [Bool] = []
    /// How many of those may be held.
    private(set) var most: Int?

    init(_ mandate: Mandate, lower: [Double], upper: [Double]) {
        let limits = mandate.limits
        let instruments = mandate.moments.instruments
        if let threshold = limits.minPositionSize, threshold > 0 {
            thresholds = instruments.map { limits.minWeights?[$0] == nil ? threshold : 0 } + [0]
        }
        guard let limit = limits.maxPositions else { return }
        let inForce = mandate.most(Double(limit), "/max_positions")
        guard inForce.isFinite, inForce >= 0, inForce < Double(instruments.count) else { return }
        counted = instruments.indices.map { lower[$0] <= 0 && upper[$0] >= 0 } + [false]
        most = max(0, Int(inForce) - (instruments.count - counted.reduce(0) { $0 + ($1 ? 1 : 0) }))
    }

    var isEmpty: Bool { thresholds.isEmpty && most == nil }

    /// Whether a weight other than 0 takes one of those that may be held, and 0 is possible.
    func isCounted(_ index: Int) -> Bool { most != nil && counted[index] }

    /// The largest slope · x − c(x) over the weights that one instrument may have.
    func best(
        _ index: Int,
        _ charge: WeightCharge,
        slope: Double,
        _ lower: Double,
        _ upper: Double
    ) -> (weight: Double, worth: Double) {
        let threshold = thresholds.isEmpty ? 0 : thresholds[index]
        guard threshold > 0 else { return charge.best(slope: slope, from: lower, to: upper) }
        var found: (weight: Double, worth: Double)?
        func consider(_ low: Double, _ high: Double) {
            guard low <= high else { return }
            let best = charge.best(slope: slope, from: low, to: high)
            if best.worth > found?.worth ?? -.infinity { found = best }
        }
        if lower <= 0, upper >= 0 { consider(0, 0) }
        consider(max(lower, threshold), upper)
        consider(lower, min(upper, -threshold))
        return found ?? charge.best(slope: slope, from: lower, to: upper)
    }
}
