/// What deciding a disjunction has cost so far: the rise of the bound for each unit of violation, side by side.
/// - SeeAlso: Achterberg, Koch & Martin, Operations Research Letters 33 (2005), whose reliability rule the search follows.
struct PseudoCosts {
    private var sums: [Double]
    private var counts: [Int]
    private var total = 0.0
    private var observations = 0

    init(disjunctionCount: Int) {
        sums = [Double](repeating: 0, count: 2 * disjunctionCount)
        counts = [Int](repeating: 0, count: 2 * disjunctionCount)
    }

    private static func slot(_ disjunction: Int, _ side: DisjunctionSide) -> Int {
        2 * disjunction + (side == .off ? 0 : 1)
    }

    /// Takes in that deciding a side raised the bound by `gain`.
    mutating func record(_ disjunction: Int, _ side: DisjunctionSide, gain: Double, violation: Double) {
        guard violation > 0, gain.isFinite else { return }
        let cost = max(0, gain) / violation
        sums[Self.slot(disjunction, side)] += cost
        counts[Self.slot(disjunction, side)] += 1
        total += cost
        observations += 1
    }

    /// How often the less known side was seen.
    func reliability(_ disjunction: Int) -> Int {
        min(counts[Self.slot(disjunction, .off)], counts[Self.slot(disjunction, .on)])
    }

    /// The rise to expect; what others cost on average where nothing is known.
    func estimate(_ disjunction: Int, _ side: DisjunctionSide, violation: Double) -> Double {
        let slot = Self.slot(disjunction, side)
        let average = observations > 0 ? total / Double(observations) : 1
        return violation * (counts[slot] > 0 ? sums[slot] / Double(counts[slot]) : average)
    }
}
