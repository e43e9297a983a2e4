import ConvexSolver
import Matrices
import TestSupport
import Testing

/// A random path: in each of some stages weights of a budget, capped, of which what is sold since the stage before is
/// limited, with a factor model's curvature and costs.
private struct StagedProgram {
    var program: SparseProgram

    /// - Parameters:
    ///   - seed: where the numbers come from.
    ///   - isLinear: whether there is no curvature.
    ///   - hasCone: whether each stage's volatility is limited.
    ///   - turnover: the most that is sold in a stage; below what the caps force there is no path.
    ///   - isDense: whether the curvature of a stage has as many factors as weights.
    init(seed: UInt64, isLinear: Bool = false, hasCone: Bool = false, turnover: Double = 0.3, isDense: Bool = false) {
        var random = SeededGenerator(seed: seed)
        let stages = 2 + Int(seed % 4)
        let n = 4 + Int(seed % 7)
        let factors = isDense ? n : 2
        var rows: [SparseProgram.Row] = []
        var bounds: [Double] = []
        var cones: [Cone] = []
        var linear: [Double] = []
        var curvatures: [Curvature] = []
        let exposures = DenseMatrix(
            rows: factors,
            columns: 2 * n,
            columnMajor: (0..<(2 * n * factors)).map { $0 < n * factors ? random.normal() : 0 }
        )
        let residual = (0..<(2 * n)).map { $0 < n && !isDense ? random.uniform(0.1...1) : 0 }
        let start = (0..<n).map { $0 < 2 ? 0.5 : 0 }
        for stage in 0..<stages {
            let first = 2 * n * stage
            let model = FactorCurvature(
                exposuresTransposed: exposures,
                factorCovariance: .identity(factors),
                residual: residual
            )
            let none = FactorCurvature(
                exposuresTransposed: DenseMatrix(rows: 0, columns: 2 * n),
                factorCovariance: DenseMatrix(rows: 0, columns: 0),
                residual: [Double](repeating: 0, count: 2 * n)
            )
            curvatures.append(.factors(isLinear ? none : model))
            linear += (0..<n).map { _ in -0.5 * random.normal() } + (0..<n).map { _ in random.uniform(0...0.4) }
            let weights = Array(first..<(first + n))
            rows.append(.init(columns: weights, coefficients: [Double](repeating: 1, count: n)))
            bounds.append(1)
            cones.append(.zero(1))
            let count = rows.count
            func require(_ columns: [Int], _ coefficients: [Double], atMost bound: Double) {
                rows.append(.init(columns: columns, coefficients: coefficients))
                bounds.append(bound)
            }
            for i in 0..<n {
                let (weight, sold) = (first + i, first + n + i)
                require([weight], [-1], atMost: 0)
                require([weight], [1], atMost: 0.4)
                require([sold], [-1], atMost: 0)
                if stage == 0 {
                    require([weight, sold], [-1, -1], atMost: -start[i])
                } else {
                    require([weight - 2 * n, weight, sold], [1, -1, -1], atMost: 0)
                }
            }
            require(weights.map { $0 + n }, [Double](repeating: 1, count: n), atMost: turnover)
            require([first, first + 1], [1, 1], atMost: 0.7)
            cones.append(.nonnegative(rows.count - count))
            guard hasCone else { continue }
            rows.append(.init(columns: [], coefficients: []))
            bounds.append(0.6)
            for f in 0..<factors { require(weights, (0..<n).map { -exposures[f, $0] / 2 }, atMost: 0) }
            for i in 0..<n { require([first + i], [-residual[i].squareRoot() / 2], atMost: 0) }
            cones.append(.secondOrder(1 + factors + n))
        }
        program = SparseProgram(
            curvature: .stages(curvatures),
            linear: linear,
            rows: rows,
            bounds: bounds,
            cones: cones
        )
    }
}

@Suite("Programs in stages")
struct StagedProgramTests {
    @Test(arguments: [UInt64](1...30))
    func `the optimum is that of the program multiplied out`(_ seed: UInt64) throws {
        for (isLinear, hasCone, isDense) in [
            (false, false, false), (false, true, false), (true, true, false), (true, false, false), (false, true, true),
        ] {
            let program = StagedProgram(seed: seed, isLinear: isLinear, hasCone: hasCone, isDense: isDense).program
            let staged = try InteriorPointSolver(program).solve()
            let whole = program.multipliedOut
            let reference = try InteriorPointSolver(whole).solve()
            let name = "seed \(seed), linear \(isLinear), cone \(hasCone), dense \(isDense)"
            #expect(staged.status == reference.status, "\(name): \(staged.status), not \(reference.status)")
            guard reference.status == .solved else { continue }
            expectOptimal(staged, for: whole, name)
            #expect(abs(staged.objective - reference.objective) <= 1e-9 * max(1, abs(reference.objective)), "\(name)")
        }
    }

    @Test(arguments: [UInt64](1...10))
    func `a path that cannot leave where it starts is proved not to exist`(_ seed: UInt64) throws {
        // The caps force sales of 0.2 in the first stage.
        let program = StagedProgram(seed: seed, turnover: 0.15).program
        let solution = try InteriorPointSolver(program).solve()
        #expect(solution.status == .primalInfeasible)
        #expect(InfeasibilityCertificate.primalDefect(program.multipliedOut, dual: solution.dual) <= 1e-6)
    }

    @Test func `stages of another order than the variables are refused`() {
        var program = StagedProgram(seed: 1).program
        program.linear.removeLast()
        #expect(throws: SolverError.self) { _ = try InteriorPointSolver(program).solve() }
    }
}
