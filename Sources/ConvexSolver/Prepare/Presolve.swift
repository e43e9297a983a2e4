internal import LinearAlgebra
internal import Matrices

/// Removes fixed variables and redundant bounds from a problem, and puts them back into its solution.
///
/// A variable whose bounds meet has no interior, which costs an interior-point method accuracy; branching makes many of
/// them. Removed: such variables, bounds that a tighter one implies, and rows that are empty afterwards and hold.
struct Presolve {
    /// What is left to solve.
    let reduced: PreparedProblem
    /// A proof that two bounds exclude each other, if they do.
    let contradiction: [Double]?

    private let original: PreparedProblem
    private let settings: SolverSettings
    private let bounds: VariableBounds
    /// The variables left, ascending.
    private let freeVariables: [Int]
    /// The rows left, ascending.
    private let keptRows: [Int]
    /// Every fixed variable at its value, 0 for the others.
    private let fixedPoint: [Double]
    private let isFixed: [Bool]

    init(_ problem: PreparedProblem, settings: SolverSettings) {
        original = problem
        self.settings = settings
        bounds = VariableBounds(problem)
        let n = problem.variableCount
        var isFixed = [Bool](repeating: false, count: n)
        var fixedPoint = [Double](repeating: 0, count: n)
        var contradiction: [Double]?
        for j in 0..<n where settings.presolves {
            guard let upper = bounds.upper[j], let lower = bounds.lower[j] else { continue }
            let rounding = settings.presolveTolerance * max(upper.value.magnitude, lower.value.magnitude)
            if lower.value > upper.value + rounding {
                var proof = [Double](repeating: 0, count: problem.rowCount)
                proof[upper.row] = 1 / upper.coefficient
                proof[lower.row] = -1 / lower.coefficient
                contradiction = contradiction ?? proof
            } else if lower.value >= upper.value - rounding {
                isFixed[j] = true
                fixedPoint[j] = upper.value
            }
        }
        self.contradiction = contradiction
        self.isFixed = isFixed
        self.fixedPoint = fixedPoint
        freeVariables = (0..<n).filter { !isFixed[$0] }
        guard settings.presolves, contradiction == nil else {
            keptRows = Array(0..<problem.rowCount)
            reduced = problem
            return
        }
        keptRows = Self.necessaryRows(problem, bounds: bounds, isFixed: isFixed, fixedPoint: fixedPoint, settings)
        if keptRows.count == problem.rowCount, freeVariables.count == n {
            reduced = problem
        } else {
            reduced = Self.restrict(problem, rows: keptRows, variables: freeVariables, fixedPoint: fixedPoint)
        }
    }

    // MARK: Reduction

    private static func necessaryRows(
        _ problem: PreparedProblem,
        bounds: VariableBounds,
        isFixed: [Bool],
        fixedPoint: [Double],
        _ settings: SolverSettings
    ) -> [Int] {
        var kept: [Int] = []
        for block in problem.blocks {
            if block.kind.isCurved {
                kept.append(contentsOf: block.rows)
                continue
            }
            for row in block.rows {
                let entries = problem.rows.entries(of: row)
                if entries.allSatisfy({ isFixed[problem.rows.columns[$0]] }) {
                    let rest = problem.bounds[row] - problem.rows.dot(row: row, fixedPoint)
                    let size = problem.bounds[row].magnitude + problem.rows.magnitude(row: row, fixedPoint)
                    let rounding = settings.presolveTolerance * size
                    let holds = block.kind == .zero ? rest.magnitude <= rounding : rest >= -rounding
                    if !holds { kept.append(row) }
                } else if entries.count == 1, block.kind == .nonnegative {
                    let variable = problem.rows.columns[entries.lowerBound]
                    let isTightest = bounds.upper[variable]?.row == row || bounds.lower[variable]?.row == row
                    if isTightest { kept.append(row) }
                } else {
                    kept.append(row)
                }
            }
        }
        return kept
    }

    private static func restrict(
        _ problem: PreparedProblem,
        rows keptRows: [Int],
        variables: [Int],
        fixedPoint: [Double]
    ) -> PreparedProblem {
        var position = [Int](repeating: -1, count: problem.variableCount)
        for (k, j) in variables.enumerated() { position[j] = k }
        let pull = problem.quadraticTimes(fixedPoint)
        var rows: [[(column: Int, value: Double)]] = []
        var bounds: [Double] = []
        var newPosition = [Int](repeating: -1, count: problem.rowCount)
        for (k, row) in keptRows.enumerated() {
            newPosition[row] = k
            var entries: [(column: Int, value: Double)] = []
            for entry in problem.rows.entries(of: row) where position[problem.rows.columns[entry]] >= 0 {
                entries.append((position[problem.rows.columns[entry]], problem.rows.values[entry]))
            }
            rows.append(entries)
            bounds.append(problem.bounds[row] - problem.rows.dot(row: row, fixedPoint))
        }
        var blocks: [ConeBlock] = []
        for block in problem.blocks {
            let kept = block.rows.filter { newPosition[$0] >= 0 }
            guard let first = kept.first, let last = kept.last else { continue }
            blocks.append(ConeBlock(kind: block.kind, rows: newPosition[first]..<(newPosition[last] + 1)))
        }
        let curvature = problem.selectedCurvature(variables)
        return PreparedProblem(
            quadratic: curvature.quadratic,
            linear: variables.map { problem.linear[$0] + pull[$0] },
            rows: ConstraintRows(columnCount: variables.count, rows: rows),
            bounds: bounds,
            blocks: blocks,
            factored: curvature.factored
        )
    }

    // MARK: Restoration

    /// A solution of the original problem from one of the reduced problem.
    func restored(x: [Double], s: [Double], z: [Double]) -> (x: [Double], s: [Double], z: [Double]) {
        guard settings.presolves else { return (x, s, z) }
        var fullX = fixedPoint
        for (k, j) in freeVariables.enumerated() { fullX[j] = x[k] }
        let fullS = restoredSlacks(s, at: fullX, bounds: original.bounds)
        var fullZ = restoredRows(z)
        var gradient = original.quadraticTimes(fullX)
        axpy(1, original.linear, into: &gradient)
        original.rows.addTransposedTimes(fullZ, into: &gradient)
        closeDualEquations(gradient, &fullZ)
        return (fullX, fullS, fullZ)
    }

    /// A certificate of primal infeasibility of the original problem.
    func restoredCertificate(_ z: [Double]) -> [Double] {
        guard settings.presolves else { return z }
        var fullZ = restoredRows(z)
        var gradient = [Double](repeating: 0, count: original.variableCount)
        original.rows.addTransposedTimes(fullZ, into: &gradient)
        closeDualEquations(gradient, &fullZ)
        return fullZ
    }

    /// A certificate of unboundedness of the original problem: fixed variables do not move.
    func restoredRay(x: [Double], s: [Double]) -> (x: [Double], s: [Double]) {
        guard settings.presolves else { return (x, s) }
        var fullX = [Double](repeating: 0, count: original.variableCount)
        for (k, j) in freeVariables.enumerated() { fullX[j] = x[k] }
        let noBounds = [Double](repeating: 0, count: original.rowCount)
        return (fullX, restoredSlacks(s, at: fullX, bounds: noBounds))
    }

    private func restoredRows(_ v: [Double]) -> [Double] {
        var full = [Double](repeating: 0, count: original.rowCount)
        for (k, row) in keptRows.enumerated() { full[row] = v[k] }
        return full
    }

    /// Slacks of kept rows as they are; of removed nonnegative rows b − aᵀx, rounding taken as zero.
    private func restoredSlacks(_ s: [Double], at x: [Double], bounds: [Double]) -> [Double] {
        var full = restoredRows(s)
        var isKept = [Bool](repeating: false, count: original.rowCount)
        for row in keptRows { isKept[row] = true }
        for block in original.blocks where block.kind == .nonnegative {
            for row in block.rows where !isKept[row] {
                let slack = bounds[row] - original.rows.dot(row: row, x)
                let size = bounds[row].magnitude + original.rows.magnitude(row: row, x)
                full[row] = slack <= settings.slackRounding * size ? 0 : slack
            }
        }
        return full
    }

    /// Gives the bounds of fixed variables the multipliers that close their dual equations.
    private func closeDualEquations(_ gradient: [Double], _ z: inout [Double]) {
        for j in 0..<original.variableCount where isFixed[j] {
            guard let upper = bounds.upper[j], let lower = bounds.lower[j] else { continue }
            let bound = gradient[j] <= 0 ? upper : lower
            z[bound.row] -= gradient[j] / bound.coefficient
        }
    }
}
