internal import Matrices

/// Builds and solves the convex problem of a node: the problem with the rows of the decided sides added.
struct NodeRelaxation {
    private let problem: ConicProblem
    private let disjunctions: [Disjunction]
    private let settings: SolverSettings

    init(_ problem: ConicProblem, disjunctions: [Disjunction], settings: SolverSettings) {
        self.problem = problem
        self.disjunctions = disjunctions
        self.settings = settings
    }

    func solve(_ sides: [DisjunctionSide?], shouldStop: () -> Bool) throws(SolverError) -> ConicSolution {
        try InteriorPointSolver(relaxation(sides), settings: settings).solve(shouldStop: shouldStop)
    }

    private func relaxation(_ sides: [DisjunctionSide?]) -> ConicProblem {
        var rows: [LinearRow] = []
        for (disjunction, side) in zip(disjunctions, sides) {
            if let side { rows.append(contentsOf: disjunction[side]) }
        }
        guard !rows.isEmpty else { return problem }
        let equations = rows.filter(\.isEquality)
        rows = equations + rows.filter { !$0.isEquality }
        let (m, n) = (problem.rowCount, problem.variableCount)
        let total = m + rows.count
        var constraints = DenseMatrix(rows: total, columns: n)
        for j in 0..<n {
            for i in 0..<m { constraints.elements[j * total + i] = problem.constraints.elements[j * m + i] }
        }
        for (k, row) in rows.enumerated() {
            for (column, coefficient) in zip(row.columns, row.coefficients) {
                constraints.elements[column * total + m + k] += coefficient
            }
        }
        return ConicProblem(
            quadratic: problem.quadratic,
            linear: problem.linear,
            constraints: constraints,
            bounds: problem.bounds + rows.map(\.upperBound),
            cones: problem.cones + [.zero(equations.count), .nonnegative(rows.count - equations.count)]
        )
    }
}
