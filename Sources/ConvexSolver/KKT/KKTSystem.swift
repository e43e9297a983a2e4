internal import LinearAlgebra
internal import Matrices

/// The linear system of one interior-point step, factored:
///
///     ( P   Aᵀ ) (Δx)   (rx)
///     ( A  −H  ) (Δz) = (rz),   H = W² on cone rows, 0 on equality rows.
///
/// Cone rows are eliminated; what remains is scaled to unit diagonal (a barrier matrix spans twenty orders of magnitude,
/// and only a scaled one keeps its small pivots), regularized and factored. Solutions are corrected by the residual of
/// the system above, not of the regularized one.
struct KKTSystem {
    private let problem: PreparedProblem
    private let scaling: NesterovToddScaling
    private let equalityRows: [Int]
    private let factorization: LDLFactorization
    /// Scale of each unknown of the reduced system.
    private let scales: [Double]
    private let settings: SolverSettings

    /// Assembles and factors the system, or nil when it cannot be factored.
    init?(
        _ problem: PreparedProblem,
        assembly: KKTAssembly,
        scaling: NesterovToddScaling,
        settings: SolverSettings
    ) {
        self.problem = problem
        self.scaling = scaling
        self.settings = settings
        equalityRows = assembly.equalityRows
        let condensed = assembly.condensed(problem, scaling, regularization: settings.primalRegularization)
        let n = problem.variableCount
        let order = n + assembly.equalityRows.count
        var scales = [Double](repeating: 1, count: order)
        for j in 0..<n {
            let diagonal = condensed.elements[j * n + j]
            guard diagonal > 0, diagonal.isFinite else { return nil }
            scales[j] = 1 / diagonal.squareRoot()
        }
        for (k, row) in assembly.equalityRows.enumerated() {
            var sum = 0.0
            for entry in problem.rows.entries(of: row) {
                let value = problem.rows.values[entry] * scales[problem.rows.columns[entry]]
                sum += value * value
            }
            scales[n + k] = sum > 0 ? 1 / sum.squareRoot() : 1
        }
        var matrix = DenseMatrix(rows: order, columns: order)
        for j in 0..<n {
            for i in j..<n { matrix.elements[j * order + i] = condensed.elements[j * n + i] * scales[i] * scales[j] }
            matrix.elements[j * order + j] += settings.staticRegularization
        }
        for (k, row) in assembly.equalityRows.enumerated() {
            for entry in problem.rows.entries(of: row) {
                let j = problem.rows.columns[entry]
                matrix.elements[j * order + n + k] = problem.rows.values[entry] * scales[j] * scales[n + k]
            }
            matrix.elements[(n + k) * order + n + k] = -settings.equalityRegularization
        }
        guard let factorization = try? LDLFactorization(matrix) else { return nil }
        self.factorization = factorization
        self.scales = scales
    }

    /// The solution (Δx, Δz), corrected by its residual.
    func solve(rx: [Double], rz: [Double]) -> (x: [Double], z: [Double]) {
        var (x, z) = solveReduced(rx: rx, rz: rz)
        var (ex, ez) = residual(rx: rx, rz: rz, x: x, z: z)
        var norm = max(normInfinity(ex), normInfinity(ez))
        let target = settings.refinementTolerance * max(normInfinity(rx), normInfinity(rz))
        for _ in 0..<settings.refinementRounds where norm > target {
            let (dx, dz) = solveReduced(rx: ex, rz: ez)
            var (newX, newZ) = (x, z)
            axpy(1, dx, into: &newX)
            axpy(1, dz, into: &newZ)
            let (newEx, newEz) = residual(rx: rx, rz: rz, x: newX, z: newZ)
            let newNorm = max(normInfinity(newEx), normInfinity(newEz))
            guard newNorm < norm else { break }
            (x, z, ex, ez, norm) = (newX, newZ, newEx, newEz, newNorm)
        }
        return (x, z)
    }

    private func solveReduced(rx: [Double], rz: [Double]) -> (x: [Double], z: [Double]) {
        let n = problem.variableCount
        let weighted = scaling.applyInverseSquared(rz)
        var right = rx
        problem.rows.addTransposedTimes(weighted, into: &right)
        for row in equalityRows { right.append(rz[row]) }
        for k in 0..<right.count { right[k] *= scales[k] }
        var solution = factorization.solve(right)
        for k in 0..<solution.count { solution[k] *= scales[k] }
        let x = Array(solution[0..<n])
        var difference = problem.rows.times(x)
        axpy(-1, rz, into: &difference)
        var z = scaling.applyInverseSquared(difference)
        for (k, row) in equalityRows.enumerated() { z[row] = solution[n + k] }
        return (x, z)
    }

    private func residual(
        rx: [Double],
        rz: [Double],
        x: [Double],
        z: [Double]
    ) -> (x: [Double], z: [Double]) {
        var ex = problem.quadraticTimes(x)
        problem.rows.addTransposedTimes(z, into: &ex)
        for j in 0..<ex.count { ex[j] = rx[j] - ex[j] }
        let ax = problem.rows.times(x)
        var ez = scaling.applySquared(z)
        for i in 0..<ez.count { ez[i] += rz[i] - ax[i] }
        return (ex, ez)
    }
}
