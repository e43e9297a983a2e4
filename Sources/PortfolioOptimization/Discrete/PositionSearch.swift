internal import ConvexSolver
internal import Matrices
internal import PortfolioModel

/// Solves a quadratic program of which only some columns may differ from 0 by the search over supports, and once more by
/// interior point on the support that it found.
///
/// - Returns: nil where the program is of another kind (a cone, a ratio, no curvature), or where the search fails.
/// - SeeAlso: docs/mathematics.md, "Few of many" and "How many positions".
func searchPositions(
    _ program: AllocationProgram,
    relativeGap: Double,
    optimalityGap: Double,
    shouldStop: () -> Bool
) -> ProgramOutcome? {
    guard let positions = program.positions, program.scaleColumn == nil, program.relaxationColumns.isEmpty,
        !positions.mayBeShort, let few = fewOfMany(program, positions)
    else { return nil }
    var settings = CardinalitySettings()
    settings.relativeGap = relativeGap
    settings.optimalityGap = optimalityGap
    guard let found = try? CardinalitySolver(few.program, settings: settings).solve(shouldStop: shouldStop),
        !found.point.isEmpty,
        let solution = try? InteriorPointSolver(program.sparse.on(positions, heldAt: found.point)).solve(),
        solution.status == .solved || solution.status == .almostSolved
    else { return nil }
    let report = SolutionReport(
        status: found.relativeGap <= optimalityGap ? .optimal : .withinGap,
        solver: "few_of_many",
        iterations: found.iterations + solution.iterations,
        solveMilliseconds: 0,
        primalResidual: solution.primalResidual,
        dualResidual: solution.dualResidual,
        relativeGap: found.relativeGap
    )
    var optimum = ProgramOptimum(primal: solution.primal, dual: solution.dual, report: report)
    optimum.root = found.root.map { root in
        var dual = [Double](repeating: 0, count: program.sparse.rows.count)
        for (row, multiplier) in zip(few.sources, root.rows) { dual[row] = -multiplier }
        return ProgramRoot(
            primal: root.point,
            dual: dual,
            diagonal: root.diagonal,
            curvature: few.program.quadratic.diagonal
        )
    }
    return .solved(optimum)
}

/// The program as the search over supports reads it: rows of one entry become bounds; nil for other kinds of program.
///
/// - Returns: it, with the row of the program that each of its rows was.
private func fewOfMany(
    _ program: AllocationProgram,
    _ positions: PositionChoice
) -> (program: CardinalityProgram, sources: [Int])? {
    let sparse = program.sparse
    guard let quadratic = sparse.curvature.map({ _ in sparse.multipliedOut.quadratic }) else { return nil }
    let n = sparse.variableCount
    // Weights and what is sold of them are shares of the whole.
    var lower = [Double](repeating: 0, count: n)
    var upper = [Double](repeating: 1, count: n)
    var rows: [ParametricProgram.Row] = []
    var sources: [Int] = []
    var first = 0
    for cone in sparse.cones {
        let isEquality: Bool
        switch cone {
        case .zero: isEquality = true
        case .nonnegative: isEquality = false
        case .secondOrder, .exponential, .power: return nil
        }
        for index in first..<(first + cone.dimension) {
            let (row, bound) = (sparse.rows[index], sparse.bounds[index])
            if row.columns.count == 1, let coefficient = row.coefficients.first, coefficient != 0 {
                let column = row.columns[0]
                let value = bound / coefficient
                if isEquality || coefficient > 0 { upper[column] = min(upper[column], value) }
                if isEquality || coefficient < 0 { lower[column] = max(lower[column], value) }
                continue
            }
            var coefficients = [Double](repeating: 0, count: n)
            for (column, value) in zip(row.columns, row.coefficients) { coefficients[column] += value }
            sources.append(index)
            rows.append(
                ParametricProgram.Row(coefficients: coefficients, lower: isEquality ? bound : -.infinity, upper: bound)
            )
        }
        first += cone.dimension
    }
    for (column, least) in zip(positions.columns, positions.least) { lower[column] = max(lower[column], least) }
    let few = CardinalityProgram(
        quadratic: quadratic,
        linear: sparse.linear,
        lower: lower,
        upper: upper,
        rows: rows,
        mostIn: positions.most,
        always: Set(0..<n).subtracting(positions.columns)
    )
    return (few, sources)
}

extension SparseProgram {
    /// The program with who is held decided as at a point: 0, or at least the least.
    fileprivate func on(_ positions: PositionChoice, heldAt point: [Double]) -> SparseProgram {
        var decided = self
        var (none, held) = (0, 0)
        for column in positions.columns where point[column] == 0 {
            decided.rows.append(Row(columns: [column], coefficients: [1]))
            decided.bounds.append(0)
            none += 1
        }
        for (column, least) in zip(positions.columns, positions.least) where point[column] != 0 && least > 0 {
            decided.rows.append(Row(columns: [column], coefficients: [-1]))
            decided.bounds.append(-least)
            held += 1
        }
        decided.cones += [.zero(none), .nonnegative(held)]
        return decided
    }
}
