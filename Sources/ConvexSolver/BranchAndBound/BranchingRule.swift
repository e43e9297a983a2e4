/// How far a point is from satisfying disjunctions, and which one to decide next.
struct BranchingRule {
    private let disjunctions: [Disjunction]
    /// The natural size of x, by which violations of rows like xᵢ ≤ 0 are judged.
    private let variableScale: Double
    private let tolerance: Double

    init(_ disjunctions: [Disjunction], variableScale: Double, tolerance: Double) {
        self.disjunctions = disjunctions
        self.variableScale = variableScale
        self.tolerance = tolerance
    }

    /// A disjunction that a point satisfies on neither side, and by how much it misses each.
    struct Candidate {
        var disjunction: Int
        var off: Double
        var on: Double

        /// The side that is missed by less.
        var nearer: DisjunctionSide { on < off ? .on : .off }

        /// How much a side is missed by.
        func violation(_ side: DisjunctionSide) -> Double { side == .off ? off : on }
    }

    /// The open disjunctions that a point satisfies on neither side, the one that is missed most first.
    func violated(_ sides: [DisjunctionSide?], at x: [Double]) -> [Candidate] {
        var candidates: [Candidate] = []
        for index in disjunctions.indices where sides[index] == nil {
            let off = violation(disjunctions[index].off, at: x)
            guard off > tolerance else { continue }
            let on = violation(disjunctions[index].on, at: x)
            if on > tolerance { candidates.append(Candidate(disjunction: index, off: off, on: on)) }
        }
        // Ties keep the order of the disjunctions, so that a search repeats itself.
        return candidates.sorted { a, b in
            let (first, second) = (min(a.off, a.on), min(b.off, b.on))
            return first != second ? first > second : a.disjunction < b.disjunction
        }
    }

    /// The sides with every open disjunction put on its nearer side.
    func rounded(_ sides: [DisjunctionSide?], at x: [Double]) -> [DisjunctionSide] {
        sides.enumerated().map { index, side in side ?? nearerSide(index, at: x).side }
    }

    /// The side that x violates less, off when equal, and by how much.
    private func nearerSide(_ index: Int, at x: [Double]) -> (side: DisjunctionSide, violation: Double) {
        let off = violation(disjunctions[index].off, at: x)
        let on = violation(disjunctions[index].on, at: x)
        return on < off ? (.on, on) : (.off, off)
    }

    private func violation(_ rows: [LinearRow], at x: [Double]) -> Double {
        var worst = 0.0
        for row in rows {
            var value = -row.upperBound
            var largest = 0.0
            for (column, coefficient) in zip(row.columns, row.coefficients) {
                value += coefficient * x[column]
                largest = max(largest, coefficient.magnitude)
            }
            let size = max(row.upperBound.magnitude, largest * variableScale)
            let excess = row.isEquality ? value.magnitude : value
            if size > 0 { worst = max(worst, excess / size) } else if excess > 0 { worst = .infinity }
        }
        return worst
    }
}
