/// The tightest bounds that rows with one variable put on each variable, and the rows they come from.
struct VariableBounds {
    /// A bound and where it comes from: the row a x ≤ b (or = b) with coefficient a.
    struct Bound {
        var value: Double
        var row: Int
        var coefficient: Double
    }

    private(set) var lower: [Bound?]
    private(set) var upper: [Bound?]

    init(_ problem: PreparedProblem) {
        lower = [Bound?](repeating: nil, count: problem.variableCount)
        upper = lower
        for block in problem.blocks where !block.kind.isCurved {
            for row in block.rows where problem.rows.count(of: row) == 1 {
                let entry = problem.rows.starts[row]
                let coefficient = problem.rows.values[entry]
                let bound = Bound(value: problem.bounds[row] / coefficient, row: row, coefficient: coefficient)
                let variable = problem.rows.columns[entry]
                if coefficient > 0 || block.kind == .zero { tightenUpper(variable, bound) }
                if coefficient < 0 || block.kind == .zero { tightenLower(variable, bound) }
            }
        }
    }

    private mutating func tightenUpper(_ variable: Int, _ bound: Bound) {
        if let other = upper[variable], other.value <= bound.value { return }
        upper[variable] = bound
    }

    private mutating func tightenLower(_ variable: Int, _ bound: Bound) {
        if let other = lower[variable], other.value >= bound.value { return }
        lower[variable] = bound
    }
}
