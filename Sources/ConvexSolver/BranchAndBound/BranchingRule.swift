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

    /// The open disjunction whose nearer side is violated most, with that side; nil when all are satisfied.
    func mostViolated(_ sides: [DisjunctionSide?], at x: [Double]) -> (disjunction: Int, nearer: DisjunctionSide)? {
        var worst = tolerance
        var choice: (disjunction: Int, nearer: DisjunctionSide)?
        for index in disjunctions.indices where sides[index] == nil {
            let (side, violation) = nearerSide(index, at: x)
            if violation > worst {
                worst = violation
                choice = (index, side)
            }
        }
        return choice
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
