internal import ConvexSolver
internal import LinearAlgebra
internal import Matrices
internal import PortfolioModel

extension RiskProgramSolver {
    /// Solves a program of rows alone whose objective holds the measure, by the hinge simplex.
    ///
    /// Rows with one entry become bounds; the column t becomes the level α of the hinges.
    func solveByHinges(
        _ program: AllocationProgram,
        _ form: HingeForm,
        column: Int,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> ProgramOutcome {
        let rows = HingeRows(program, column: column, hasLevel: form.hasLevel)
        let matrix = hinges(form, column: column, width: program.sparse.variableCount)
        let hingeProgram = rows.program(program, form, matrix, column: column)
        let solution: HingeSolution
        do throws(SolverError) {
            var start = lastVertex
            if start == nil { start = try Self.vertexOfSample(hingeProgram, shouldStop: shouldStop) }
            solution = try HingeSimplex(hingeProgram).solve(from: start, shouldStop: shouldStop)
        } catch {
            throw numericalDifficulty("the solver refused the program (\(error))")
        }
        switch solution.status {
        case .solved, .almostSolved: break
        case .primalInfeasible:
            // The interior-point method's certificate tells which limits clash.
            return .infeasible(certificate: [])
        case .dualInfeasible: return .unbounded
        case .stopped: throw timeLimit()
        case .iterationLimit, .stalled:
            throw numericalDifficulty("the hinge simplex ended after \(solution.iterations) pivots")
        }
        lastVertex = solution.vertex
        var primal = solution.primal
        let profile = risk.profile(of: Array(primal[..<program.instrumentCount]))
        primal[column] = risk.value(ofProfile: profile) / unit
        return .solved(
            ProgramOptimum(
                primal: primal,
                dual: rows.duals(program, hingeProgram, solution),
                report: SolutionReport(
                    status: .optimal,
                    solver: "hinge_simplex",
                    iterations: solution.iterations,
                    solveMilliseconds: 0,
                    primalResidual: solution.check.primalResidual,
                    dualResidual: solution.check.dualResidual,
                    relativeGap: Self.gap(solution.check)
                )
            )
        )
    }

    /// Solves a program of rows alone whose objective holds the drawdowns of a path.
    func solveByPath(
        _ program: AllocationProgram,
        _ risk: DrawdownRisk,
        column: Int,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> ProgramOutcome {
        let rows = HingeRows(program, column: column, hasLevel: true)
        let path = self.path ?? risk.scenarios.returns.summedDown(unit: unit)
        self.path = path
        let n = program.instrumentCount
        var search = DrawdownProgram(
            base: rows.program(
                program,
                hinges: DenseMatrix(rows: 0, columns: program.sparse.variableCount),
                weights: []
            ),
            level: column,
            path: path,
            weight: risk.confidence.map { 1 / (Double(path.rows) * (1 - $0)) } ?? 1
        )
        let near = lastWeights ?? [Double](repeating: 1 / Double(n), count: n)
        let outcome: DrawdownProgram.Outcome
        do throws(SolverError) {
            outcome = try search.solve(near: near, scale: 1e-3, shouldStop: shouldStop)
        } catch {
            throw numericalDifficulty("the solver refused the program (\(error))")
        }
        let solution = outcome.solution
        switch solution.status {
        case .solved, .almostSolved: break
        case .primalInfeasible: return .infeasible(certificate: [])
        case .dualInfeasible: return .unbounded
        case .stopped: throw timeLimit()
        case .iterationLimit, .stalled:
            throw numericalDifficulty("the hinge simplex ended after \(outcome.iterations) pivots")
        }
        let gap = max(0, outcome.objective - outcome.bound) / max(outcome.objective.magnitude, 1e-3)
        guard gap <= Self.acceptable else {
            throw numericalDifficulty("the bounds of the drawdowns did not meet (\(gap))")
        }
        var primal = Array(solution.primal.prefix(program.sparse.variableCount))
        let weights = Array(primal[..<n])
        lastWeights = weights
        primal[column] = risk.value(ofProfile: risk.profile(of: weights)) / unit
        return .solved(
            ProgramOptimum(
                primal: primal,
                dual: rows.duals(program, outcome.program, solution),
                report: SolutionReport(
                    status: .optimal,
                    solver: "hinge_simplex",
                    iterations: outcome.iterations,
                    solveMilliseconds: 0,
                    primalResidual: solution.check.primalResidual,
                    dualResidual: solution.check.dualResidual,
                    relativeGap: max(gap, Self.gap(solution.check))
                )
            )
        )
    }

    /// The gap relative to the objective, or to a thousandth of the program's unit where the objective is near 0.
    private static func gap(_ check: HingeCheck) -> Double {
        let size = max(check.objective.magnitude, check.dualObjective.magnitude, 1e-3)
        return (check.objective - check.dualObjective).magnitude / size
    }

    /// Scenarios from which on a sample of them is solved first.
    private static let manyScenarios = 3_000
    /// One of so many is in the sample.
    private static let sampleStride = 8

    /// The optimal vertex over a part of the scenarios, as a vertex over all of them; nil where there are few.
    ///
    /// A pivot costs as much as there are scenarios, and most of the way to the optimum is the same on a sample.
    private static func vertexOfSample(
        _ program: HingeProgram,
        shouldStop: () -> Bool
    ) throws(SolverError) -> HingeVertex? {
        guard program.hingeCount >= manyScenarios else { return nil }
        let chosen = Array(stride(from: sampleStride / 2, to: program.hingeCount, by: sampleStride))
        let (count, total) = (program.hingeCount, program.weights.reduce(0, +))
        let mass = chosen.reduce(0) { $0 + program.weights[$1] }
        guard mass > 0 else { return nil }
        var sample = program
        sample.hinges = DenseMatrix(rows: chosen.count, columns: program.variableCount)
        for j in 0..<program.variableCount {
            for (i, t) in chosen.enumerated() { sample.hinges[i, j] = program.hinges.elements[j * count + t] }
        }
        sample.offsets = chosen.map { program.offsets[$0] }
        sample.weights = chosen.map { program.weights[$0] * total / mass }
        let solution = try HingeSimplex(sample).solve(shouldStop: shouldStop)
        guard solution.status == .solved else { return nil }
        var vertex = solution.vertex
        vertex.hinges = vertex.hinges.map { chosen[$0] }
        return vertex
    }

    /// (c − rₜ)/unit over the weights, −1 at the level, 0 elsewhere.
    private func hinges(_ form: HingeForm, column: Int, width: Int) -> DenseMatrix {
        let (count, n) = (form.scenarios.count, form.scenarios.returns.columns)
        let scale = 1 / unit
        let elements = [Double](unsafeUninitializedCapacity: count * width) { target, initialized in
            form.scenarios.returns.elements.withUnsafeBufferPointer { source in
                for j in 0..<n {
                    let centre = form.centres[j]
                    for t in (j * count)..<((j + 1) * count) { target[t] = (centre - source[t]) * scale }
                }
            }
            for t in (n * count)..<(width * count) { target[t] = 0 }
            if form.hasLevel {
                for t in (column * count)..<((column + 1) * count) { target[t] = -1 }
            }
            initialized = count * width
        }
        return DenseMatrix(rows: count, columns: width, columnMajor: elements)
    }
}

/// The rows of an allocation program as a hinge program has them: bounds apart, equations first.
private struct HingeRows {
    /// The rows with several entries, equations first.
    private var kept: [Int] = []
    private var equationCount = 0
    private var lower: [Double]
    private var upper: [Double]
    /// The row that each bound comes from.
    private var lowerRow: [Int?]
    private var upperRow: [Int?]
    private let weight: Double

    init(_ program: AllocationProgram, column: Int, hasLevel: Bool) {
        let conic = program.sparse
        let n = conic.variableCount
        lower = [Double](repeating: -.infinity, count: n)
        upper = [Double](repeating: .infinity, count: n)
        lowerRow = [Int?](repeating: nil, count: n)
        upperRow = lowerRow
        weight = conic.linear[column]
        if !hasLevel { (lower[column], upper[column]) = (0, 0) }
        var (equations, inequalities) = ([Int](), [Int]())
        var first = 0
        for cone in conic.cones {
            for row in first..<(first + cone.dimension) {
                var isEquation = false
                if case .zero = cone { isEquation = true }
                if !takeAsBound(conic, row, isEquation: isEquation) {
                    if isEquation { equations.append(row) } else { inequalities.append(row) }
                }
            }
            first += cone.dimension
        }
        kept = equations + inequalities
        equationCount = equations.count
    }

    /// Turns a row with one entry into a bound; false when it has more.
    private mutating func takeAsBound(_ conic: SparseProgram, _ row: Int, isEquation: Bool) -> Bool {
        let entries = zip(conic.rows[row].columns, conic.rows[row].coefficients).filter { $1 != 0 }
        guard entries.count < 2 else { return false }
        guard let entry = entries.first.map({ (variable: $0.0, value: $0.1) }) else { return true }
        let bound = conic.bounds[row] / entry.value
        if isEquation || entry.value > 0, bound < upper[entry.variable] {
            (upper[entry.variable], upperRow[entry.variable]) = (bound, row)
        }
        if isEquation || entry.value < 0, bound > lower[entry.variable] {
            (lower[entry.variable], lowerRow[entry.variable]) = (bound, row)
        }
        return true
    }

    /// The hinge program with the bounds and rows of an allocation program.
    func program(_ program: AllocationProgram, _ form: HingeForm, _ hinges: DenseMatrix, column: Int) -> HingeProgram {
        var result = self.program(program, hinges: hinges, weights: form.weights.map { weight * $0 })
        if !form.hasLevel { result.linear[column] = 0 }
        return result
    }

    /// The same with hinges of given weights.
    func program(_ program: AllocationProgram, hinges: DenseMatrix, weights: [Double]) -> HingeProgram {
        let conic = program.sparse
        var rows = DenseMatrix(rows: kept.count, columns: conic.variableCount)
        for (i, row) in kept.enumerated() {
            for (j, value) in zip(conic.rows[row].columns, conic.rows[row].coefficients) { rows[i, j] += value }
        }
        return HingeProgram(
            linear: conic.linear,
            hinges: hinges,
            offsets: [Double](repeating: 0, count: weights.count),
            weights: weights,
            rows: rows,
            bounds: kept.map { conic.bounds[$0] },
            equationCount: equationCount,
            lower: lower,
            upper: upper
        )
    }

    /// The multipliers of the allocation program's rows: those of kept rows, and the reduced costs of bounds.
    func duals(_ program: AllocationProgram, _ hinges: HingeProgram, _ solution: HingeSolution) -> [Double] {
        let conic = program.sparse
        var duals = [Double](repeating: 0, count: conic.rows.count)
        for (i, row) in kept.enumerated() { duals[row] = solution.rowMultipliers[i] }
        var reduced = hinges.hinges.transposedTimes(solution.hingeMultipliers)
        axpy(1, hinges.linear, into: &reduced)
        axpy(1, hinges.rows.transposedTimes(solution.rowMultipliers), into: &reduced)
        for j in 0..<conic.variableCount {
            let row = reduced[j] > 0 ? lowerRow[j] : upperRow[j]
            guard let row, solution.primal[j] == (reduced[j] > 0 ? lower[j] : upper[j]) else { continue }
            duals[row] = -reduced[j] / conic.rows[row].coefficients.reduce(0, +)
        }
        return duals
    }
}
