package import ConvexSolver
import Matrices

/// Programs on a factor model with everything the structured system tells apart.
package struct FactorProgram {
    package var program: SparseProgram

    /// n weights that sum to 1 under bounds and groups, some of them with a part sold; with a volatility cone on request.
    ///
    /// Homogenised, every bound is a multiple of a further variable, which then stands in nearly all rows.
    package init(
        seed: UInt64,
        hasCone: Bool,
        isHomogeneous: Bool,
        infeasible: Bool = false,
        isLinear: Bool = false,
        size: Int? = nil,
        factorCount: Int? = nil
    ) {
        var random = SeededGenerator(seed: seed)
        let n = size ?? Int.random(in: 8...60, using: &random)
        let k = factorCount ?? Int.random(in: 1...5, using: &random)
        let held = (0..<n).filter { $0 % 3 == 0 }
        let scaleColumn = n + held.count
        let count = scaleColumn + (isHomogeneous ? 1 : 0)
        var exposures = DenseMatrix(rows: k, columns: count)
        for j in 0..<n {
            for f in 0..<k { exposures[f, j] = random.normal() }
            // A market and sectors: the limits on groups are combinations of what the factors say.
            guard k > 6 else { continue }
            exposures[0, j] = 1 + 0.25 * exposures[0, j]
            for f in 1...4 { exposures[f, j] = j % 4 == f - 1 ? 1 : 0 }
        }
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
            // Somewhat more than equal weights have: it binds.
            var variance = residual.reduce(0, +) / Double(n * n)
            for f in 0..<k {
                let mean = (0..<n).reduce(0) { $0 + exposures[f, $1] } / Double(n)
                variance += mean * mean
            }
            add([], [], 1.3 * variance.squareRoot(), to: &tail)
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
            curvature: .factors(isLinear ? Self.none(count) : curvature),
            linear: linear,
            rows: all.map(\.0),
            bounds: all.map(\.1),
            cones: cones
        )
    }
}

extension FactorProgram {
    /// No curvature, in parts: the structured system is taken for it too.
    static func none(_ count: Int) -> FactorCurvature {
        FactorCurvature(
            exposuresTransposed: DenseMatrix(rows: 1, columns: count),
            factorCovariance: .identity(1),
            residual: [Double](repeating: 0, count: count)
        )
    }
}
