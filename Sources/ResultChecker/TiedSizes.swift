/// Weights of one size of which some are among the largest and some are not: a sum of the largest sizes has a kink there.
///
/// Σ of the n largest |w′| ≥ Σ θᵢ|w′ᵢ| for all weights w′, whatever the shares 0 ≤ θ ≤ 1 with Σθ ≤ n are, with equality at the
/// target where those larger than the tied ones count in full and the tied ones share what is left.
struct TiedSizes {
    /// Whose sum it is: a JSON pointer below `constraints`, or that of the request's uncertainty.
    var constraint: String
    /// n.
    var count: Int
    /// What a unit of the sum costs.
    var multiplier = 0.0
    /// The tied ones.
    var members: [Int]
    /// Those that are larger.
    var counted: [Int]
    /// Whether those that are tied hold nothing, so that their shares need not come to all that is left.
    var isOfNothing: Bool

    /// Sizes this close are tied: roundings of the solve tell them apart.
    private static let width = 1e-7
    /// Shares of more that are not held are not looked for.
    private static let mostOfNothing = 100
    /// How far shares may be from what they may be.
    private static let slack = 1e-9

    init(constraint: String, count: Int, of weights: [Double]) {
        self.constraint = constraint
        self.count = count
        let sizes = weights.map { abs($0) }
        let order = sizes.sorted(by: >)
        let last = count <= order.count && count > 0 ? order[count - 1] : 0
        isOfNothing = last <= Self.width
        counted = sizes.indices.filter { sizes[$0] > last + Self.width }
        members = sizes.indices.filter { abs(sizes[$0] - last) <= Self.width }
        if count >= order.count { (counted, members) = (Array(sizes.indices), []) }
        if isOfNothing, members.count > Self.mostOfNothing { members = [] }
    }

    /// Whether nothing is to be shared: the largest ones count in full.
    var isSettled: Bool { members.isEmpty || members.count == count - counted.count }

    /// What is left for those that are tied.
    var left: Double { Double(count - counted.count) }

    /// θ of all weights where nothing is to be shared.
    func settledCoefficients(_ weightCount: Int) -> [Double] {
        coefficients(members.map { _ in 1 }, weightCount)
    }

    /// θ of all weights at shares of the tied ones.
    func coefficients(_ shares: [Double], _ weightCount: Int) -> [Double] {
        var coefficients = [Double](repeating: 0, count: weightCount)
        for index in counted { coefficients[index] = 1 }
        for (index, share) in zip(members, shares) { coefficients[index] = min(max(share, 0), 1) }
        return coefficients
    }

    /// Whether shares are such that the sum of the largest is never less.
    func allows(_ shares: [Double]) -> Bool {
        guard shares.count == members.count else { return false }
        return shares.allSatisfy { $0 >= -Self.slack && $0 <= 1 + Self.slack }
            && shares.reduce(0, +) <= left * (1 + Self.slack)
    }

    /// Shares that come to what is left, the difference spread over what has room for it.
    func settled(_ shares: [Double]) -> [Double] {
        var shares = shares.map { min(max($0, 0), 1) }
        let missing = left - shares.reduce(0, +)
        if isOfNothing, missing >= 0 { return shares }
        let rooms = shares.map { missing > 0 ? 1 - $0 : $0 }
        let room = rooms.reduce(0, +)
        guard room > abs(missing) else { return shares }
        for index in shares.indices { shares[index] += missing * rooms[index] / room }
        return shares
    }
}
