internal import LinearAlgebra
internal import Matrices

/// A parametric program at one parameter as a conic program, each kink inside its bounds split off as sᵢ ≥ |xᵢ − aᵢ|.
struct ConicForm {
    let program: ParametricProgram
    private(set) var conic: ConicProblem
    /// The rows of the program that stand above and below: index of the conic row, or nil.
    private var upperRows: [Int?]
    private var lowerRows: [Int?]
    private var limitRow: Int?

    private struct ConicRow {
        var entries: [(column: Int, value: Double)]
        var bound: Double
    }

    init(_ moving: ParametricProgram, at parameter: Double) {
        let program = moving.at(parameter)
        self.program = program
        let n = program.variableCount
        upperRows = [Int?](repeating: nil, count: program.rows.count)
        lowerRows = upperRows
        let split = Self.splitKinks(program)
        let columns = n + split.count
        var linear: [Double] = program.linear + [Double](repeating: 0, count: split.count)
        var equations: [ConicRow] = []
        var inequalities: [ConicRow] = []
        for (r, row) in program.rows.enumerated() {
            let entries = row.coefficients.indices.filter { row.coefficients[$0] != 0 }
                .map { (column: $0, value: row.coefficients[$0]) }
            if row.lower == row.upper {
                upperRows[r] = -1 - equations.count
                equations.append(ConicRow(entries: entries, bound: row.upper))
                continue
            }
            if row.upper < .infinity {
                upperRows[r] = inequalities.count
                inequalities.append(ConicRow(entries: entries, bound: row.upper))
            }
            if row.lower > -.infinity {
                lowerRows[r] = inequalities.count
                inequalities.append(ConicRow(entries: entries.map { ($0.column, -$0.value) }, bound: -row.lower))
            }
        }
        for j in 0..<n {
            inequalities.append(ConicRow(entries: [(j, 1)], bound: program.upper[j]))
            inequalities.append(ConicRow(entries: [(j, -1)], bound: -program.lower[j]))
        }
        if let kinks = program.kinks {
            limitRow = Self.addKinks(kinks, of: program, split: split, linear: &linear, rows: &inequalities)
        }
        let all = equations + inequalities
        var matrix = DenseMatrix(rows: all.count, columns: columns)
        for (i, row) in all.enumerated() { for entry in row.entries { matrix[i, entry.column] += entry.value } }
        var quadratic = DenseMatrix(rows: columns, columns: columns)
        for j in 0..<n {
            var column = [Double](repeating: 0, count: n)
            [Int32(j)].withUnsafeBufferPointer { program.curvature.addProduct(held: $0, values: [1], into: &column) }
            for i in 0..<n { quadratic[i, j] = column[i] }
        }
        conic = ConicProblem(
            quadratic: quadratic,
            linear: linear,
            constraints: matrix,
            bounds: all.map(\.bound),
            cones: [.zero(equations.count), .nonnegative(inequalities.count)]
        )
        // Equations stand first: what was counted from −1 downwards is their own order.
        func place(_ row: Int?) -> Int? { row.map { $0 < 0 ? -1 - $0 : $0 + equations.count } }
        upperRows = upperRows.map(place)
        lowerRows = lowerRows.map(place)
        limitRow = place(limitRow)
    }

    /// The variables whose kink is a corner between their bounds.
    private static func splitKinks(_ program: ParametricProgram) -> [Int] {
        guard let kinks = program.kinks else { return [] }
        return (0..<program.variableCount).filter { j in
            kinks.isFelt(j) && program.lower[j] < kinks.positions[j] && kinks.positions[j] < program.upper[j]
        }
    }

    /// Adds costs and rows of the kinks; returns the row of their limit.
    private static func addKinks(
        _ kinks: ParametricProgram.Kinks,
        of program: ParametricProgram,
        split: [Int],
        linear: inout [Double],
        rows: inout [ConicRow]
    ) -> Int? {
        let n = program.variableCount
        var limit = ConicRow(entries: [], bound: kinks.limit)
        var next = 0
        for j in 0..<n {
            if next < split.count, split[next] == j {
                let column = n + next
                linear[column] = kinks.costs[j]
                rows.append(ConicRow(entries: [(j, 1), (column, -1)], bound: kinks.positions[j]))
                rows.append(ConicRow(entries: [(j, -1), (column, -1)], bound: -kinks.positions[j]))
                limit.entries.append((column, 1))
                next += 1
            } else {
                // Beyond its bounds the kink is a slope: |x − a| is x − a or a − x throughout.
                let side: Double = kinks.positions[j] >= program.upper[j] ? -1 : 1
                linear[j] += side * kinks.costs[j]
                limit.entries.append((j, side))
                limit.bound += side * kinks.positions[j]
            }
        }
        guard kinks.limit < .infinity else { return nil }
        rows.append(limit)
        return rows.count - 1
    }

    /// The multipliers of the program's rows and of its limit from those of the conic program.
    func multipliers(_ dual: [Double]) -> (rows: [Double], limit: Double) {
        let rows = program.rows.indices.map { r in
            (upperRows[r].map { dual[$0] } ?? 0) - (lowerRows[r].map { dual[$0] } ?? 0)
        }
        return (rows, limitRow.map { dual[$0] } ?? 0)
    }
}

extension ActiveSetSolver {
    /// Distance within which a variable of an interior point is at its bound or kink.
    private static let atBound = 1e-10

    /// The optimum by the interior point, made exact by an active-set solve from where it ended.
    ///
    /// - Throws: ``ActiveSetFailure/infeasible`` with a certificate that was checked against the data; else `failure` when
    ///   this method does not know better.
    func solveByInteriorPoint(
        at parameter: Double,
        after failure: ActiveSetFailure,
        shouldStop: () -> Bool
    ) throws(ActiveSetFailure) -> ActiveSetSolution {
        guard program.variableCount <= settings.largestInteriorPoint else { throw failure }
        let form = ConicForm(program, at: parameter)
        guard let solution = try? InteriorPointSolver(form.conic).solve(shouldStop: shouldStop) else { throw failure }
        switch solution.status {
        case .primalInfeasible: throw .infeasible
        case .stopped: throw .stopped
        case .dualInfeasible, .iterationLimit: throw failure
        case .solved, .almostSolved, .stalled: break
        }
        let multipliers = form.multipliers(solution.dual)
        var rough = ActiveSetSolution(
            point: settled(Array(solution.primal.prefix(program.variableCount))),
            multipliers: multipliers.rows,
            limitMultiplier: max(0, multipliers.limit),
            parameter: parameter,
            check: ActiveSetCheck(),
            effort: ActiveSetEffort(),
            method: .interiorPoint
        )
        rough.check = program.check(
            rough.point,
            at: parameter,
            multipliers: rough.multipliers,
            limitMultiplier: rough.limitMultiplier
        )
        rough.effort.steps = solution.iterations
        if rough.check.isWithin(settings) { return rough }
        var search = ActiveSetSearch(program, settings: settings)
        if let exact = try? search.solve(at: parameter, from: ActiveSetStart(rough), shouldStop: shouldStop) {
            return exact
        }
        // The residuals of the interior point are relative to the data, and it calls itself solved by them.
        guard solution.status == .solved else { throw failure }
        return rough
    }

    /// A point within its bounds, and exactly at those, and at the kinks, it is at but for rounding.
    private func settled(_ point: [Double]) -> [Double] {
        point.indices.map { j in
            var value = min(max(point[j], program.lower[j]), program.upper[j])
            if value - program.lower[j] <= Self.atBound { value = program.lower[j] }
            if program.upper[j] - value <= Self.atBound { value = program.upper[j] }
            if let kink = program.kinks?.positions[j], abs(value - kink) <= Self.atBound,
                program.lower[j] <= kink, kink <= program.upper[j]
            {
                value = kink
            }
            return value
        }
    }
}
