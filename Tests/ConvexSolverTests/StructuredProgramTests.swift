import ConvexSolver
import Matrices
import TestSupport
import Testing

/// Programs on a factor model with everything the structured system tells apart.
struct FactorProgram {
    var program: SparseProgram

    /// n weights that sum to 1 under bounds and groups, some of them with a part sold; with a volatility cone on request.
    ///
    /// Homogenised, every bound is a multiple of a further variable, which then stands in nearly all rows.
    init(seed: UInt64, hasCone: Bool, isHomogeneous: Bool, infeasible: Bool = false) {
        var random = SeededGenerator(seed: seed)
        let n = Int.random(in: 8...60, using: &random)
        let k = Int.random(in: 1...5, using: &random)
        let held = (0..<n).filter { $0 % 3 == 0 }
        let scaleColumn = n + held.count
        let count = scaleColumn + (isHomogeneous ? 1 : 0)
        var exposures = DenseMatrix(rows: k, columns: count)
        for j in 0..<n { for f in 0..<k { exposures[f, j] = random.normal() } }
        var residual = [Double](repeating: 0, count: count)
        for j in 0..<n where j % 7 != 6 { residual[j] = random.uniform(0.1...1) }
        var factors = DenseMatrix.identity(k)
        for f in 1..<max(k, 1) {
            factors[f, f - 1] = 0.3
            factors[f - 1, f] = 0.3
        }
        let curvature = FactorCurvature(
            exposuresTransposed: exposures,
            factorCovariance: factors,
            residual: residual
        )
        var linear = (0..<count).map { $0 < n ? random.normal() : 0 }
        var equations: [(SparseProgram.Row, Double)] = []
        var rows: [(SparseProgram.Row, Double)] = []
        func add(_ columns: [Int], _ values: [Double], _ bound: Double, to list: inout [(SparseProgram.Row, Double)]) {
            var row = SparseProgram.Row(columns: columns, coefficients: values)
            if isHomogeneous, bound != 0 {
                row.columns.append(scaleColumn)
                row.coefficients.append(-bound)
            }
            list.append((row, isHomogeneous ? 0 : bound))
        }
        add(Array(0..<n), [Double](repeating: 1, count: n), 1, to: &equations)
        for j in 0..<n {
            add([j], [-1], 0, to: &rows)
            add([j], [1], infeasible ? 0.5 / Double(n) : 3.0 / Double(n), to: &rows)
        }
        for group in 0..<3 {
            let members = (0..<n).filter { $0 % 4 == group }
            add(members, members.map { _ in 1 }, 0.4, to: &rows)
        }
        var turnover: [Int] = []
        for (position, j) in held.enumerated() {
            add([n + position], [-1], 0, to: &rows)
            add([n + position, j], [-1, -1], -1.5 / Double(n), to: &rows)
            turnover.append(n + position)
            linear[n + position] = 0.01
        }
        add(turnover, turnover.map { _ in 1 }, 0.45, to: &rows)
        if isHomogeneous {
            equations.append(
                (SparseProgram.Row(columns: Array(0..<n), coefficients: (0..<n).map { 0.5 + linear[$0] / 4 }), 1)
            )
            linear = [Double](repeating: 0, count: count)
            add([scaleColumn], [-1], 0, to: &rows)
        }
        var cones: [Cone] = [.zero(equations.count), .nonnegative(rows.count)]
        var tail: [(SparseProgram.Row, Double)] = []
        if hasCone {
            add([], [], 0.9, to: &tail)
            for f in 0..<k {
                tail.append(
                    (SparseProgram.Row(columns: Array(0..<n), coefficients: (0..<n).map { exposures[f, $0] }), 0)
                )
            }
            for j in 0..<n where residual[j] > 0 {
                tail.append((SparseProgram.Row(columns: [j], coefficients: [-residual[j].squareRoot()]), 0))
            }
            cones.append(.secondOrder(tail.count))
        }
        let all = equations + rows + tail
        program = SparseProgram(
            curvature: .factors(curvature),
            linear: linear,
            rows: all.map(\.0),
            bounds: all.map(\.1),
            cones: cones
        )
    }
}

@Suite("Programs in their parts")
struct StructuredProgramTests {
    @Test(arguments: [UInt64](1...40))
    func `the optimum is that of the program multiplied out`(_ seed: UInt64) throws {
        for (hasCone, isHomogeneous) in [(false, false), (true, false), (false, true), (true, true)] {
            let program = FactorProgram(seed: seed, hasCone: hasCone, isHomogeneous: isHomogeneous).program
            let whole = program.multipliedOut
            let parts = try InteriorPointSolver(program).solve()
            let reference = try InteriorPointSolver(whole).solve()
            let name = "seed \(seed), cone \(hasCone), homogeneous \(isHomogeneous)"
            #expect(parts.status == reference.status, "\(name): \(parts.status), not \(reference.status)")
            guard reference.status == .solved else { continue }
            expectOptimal(parts, for: whole, name)
            #expect(abs(parts.objective - reference.objective) <= 1e-9 * max(1, abs(reference.objective)), "\(name)")
        }
    }

    @Test(arguments: [UInt64](1...10))
    func `what cannot be met is proved so`(_ seed: UInt64) throws {
        let program = FactorProgram(seed: seed, hasCone: seed % 2 == 0, isHomogeneous: false, infeasible: true).program
        let solution = try InteriorPointSolver(program).solve()
        #expect(solution.status == .primalInfeasible)
        #expect(InfeasibilityCertificate.primalDefect(program.multipliedOut, dual: solution.dual) <= 1e-6)
    }

    @Test func `parts that do not fit together are refused`() {
        func error(_ change: (inout SparseProgram) -> Void) -> SolverError? {
            var program = FactorProgram(seed: 1, hasCone: false, isHomogeneous: false).program
            change(&program)
            do throws(SolverError) {
                _ = try InteriorPointSolver(program).solve()
                return nil
            } catch { return error }
        }
        #expect(error { $0.bounds.removeLast() } != nil)
        #expect(error { $0.rows[0].columns[0] = 10_000 } != nil)
        #expect(error { $0.rows[0].coefficients[0] = .nan } == .notFinite(what: "A", index: 0))
        #expect(error { $0.linear.removeLast() } != nil)
        #expect(error { $0.cones.removeLast() } != nil)
    }
}
