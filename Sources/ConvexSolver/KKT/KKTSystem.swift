internal import LinearAlgebra
internal import Matrices

/// The linear system of one interior-point step, factored.
///
///     ( P   Aᵀ ) (Δx)   (rx)
///     ( A  −H  ) (Δz) = (rz),   H = W² on cone rows, 0 on equality rows.
///
/// What ``KKTAssembly`` leaves is scaled to unit diagonal (a barrier matrix spans twenty orders of magnitude, and only a
/// scaled one keeps its small pivots), regularized and factored. Solutions are corrected by the residual of the system
/// above, not of the regularized one.
struct KKTSystem {
    private let problem: PreparedProblem
    private let scaling: ConeScaling
    private let equalityRows: [Int]
    private let secondOrderBlocks: [Int]
    private let stiffRows: [Int]
    private let keptDirections: [KeptDirection]
    private let factorization: Factorization
    /// Scale of each unknown of the reduced system.
    private let scales: [Double]
    private let settings: SolverSettings
    /// Corrections of a solution at most.
    private let rounds: Int

    /// Assembles and factors the system, or nil when it cannot be factored.
    ///
    /// - Parameters:
    ///   - problem: the problem, scaled.
    ///   - assembly: which rows are eliminated.
    ///   - scaling: H at the iterate.
    ///   - settings: regularization and refinement.
    ///   - rounds: corrections of a solution at most; nil for those of the settings.
    init?(
        _ problem: PreparedProblem,
        assembly: KKTAssembly,
        scaling: ConeScaling,
        settings: SolverSettings,
        rounds: Int? = nil
    ) {
        self.rounds = rounds ?? settings.refinementRounds
        self.problem = problem
        self.scaling = scaling
        self.settings = settings
        equalityRows = assembly.equalityRows
        secondOrderBlocks = assembly.secondOrderBlocks
        if let local = assembly.local {
            guard let parts = Self.eliminate(local, problem, assembly, scaling, settings) else { return nil }
            factorization = .eliminated(parts.system)
            stiffRows = parts.stiffRows
            keptDirections = parts.keptDirections
            scales = parts.scales
            return
        }
        if let staged = assembly.staged {
            guard let system = StagedKKT(problem, staged, scaling: scaling, settings: settings) else { return nil }
            factorization = .staged(system)
            stiffRows = staged.keptRows
            keptDirections = []
            scales = []
            return
        }
        if let structure = assembly.structure {
            guard let structured = StructuredKKT(problem, structure, scaling: scaling, settings: settings) else {
                return nil
            }
            factorization = .structured(structured)
            stiffRows = structure.keptRows
            keptDirections = []
            scales = []
            return
        }
        let condensed = assembly.condense(problem, scaling, settings: settings)
        stiffRows = condensed.stiffRows
        keptDirections = condensed.keptDirections
        guard let (matrix, scales) = Self.scaledMatrix(problem, assembly, scaling, condensed, settings) else {
            return nil
        }
        guard let factorization = try? LDLFactorization(matrix) else { return nil }
        self.factorization = .dense(factorization)
        self.scales = scales
    }

    /// The factored system, with or without a part that was eliminated cone by cone before.
    private enum Factorization {
        case dense(LDLFactorization)
        case eliminated(EliminatedSystem)
        /// The system of a problem with its curvature in parts, which scales its unknowns itself.
        case structured(StructuredKKT)
        /// The same of a problem in stages.
        case staged(StagedKKT)
    }

    /// The reduced matrix, scaled and regularized, and its scales; nil when a diagonal is not positive.
    ///
    /// The scales count in `sizes`, which is still to be added to the diagonal.
    static func scaledMatrix(
        _ problem: PreparedProblem,
        _ assembly: KKTAssembly,
        _ scaling: ConeScaling,
        _ condensed: CondensedMatrix,
        _ settings: SolverSettings,
        sizes: [Double]? = nil
    ) -> (matrix: DenseMatrix, scales: [Double])? {
        let n = problem.variableCount
        let sparseRows = assembly.equalityRows + condensed.stiffRows
        let firstKept = n + sparseRows.count + condensed.stiffDirections.count
        let order = firstKept + condensed.keptDirections.count
        var scales = [Double](repeating: 1, count: order)
        var matrix = DenseMatrix(rows: order, columns: order)
        // A variable without curvature is measured by the rows it is in: its diagonal is nothing but regularization.
        var columnSizes = (0..<n).map { condensed.matrix.elements[$0 * (n + 1)] }
        if let sizes { axpy(1, sizes, into: &columnSizes) }
        guard columnSizes.allSatisfy({ $0 > 0 && $0.isFinite }) else { return nil }
        for row in sparseRows {
            for entry in problem.rows.entries(of: row) {
                let j = problem.rows.columns[entry]
                columnSizes[j] = max(columnSizes[j], condensed.size * problem.rows.values[entry].magnitude)
            }
        }
        for direction in condensed.stiffDirections {
            for j in 0..<n { columnSizes[j] = max(columnSizes[j], direction[j].magnitude) }
        }
        for kept in condensed.keptDirections {
            for (j, value) in zip(kept.columns, kept.values) { columnSizes[j] = max(columnSizes[j], value.magnitude) }
        }
        for j in 0..<n { scales[j] = 1 / columnSizes[j].squareRoot() }
        for j in 0..<n {
            for i in j..<n {
                matrix.elements[j * order + i] = condensed.matrix.elements[j * n + i] * scales[i] * scales[j]
            }
            matrix.elements[j * order + j] += settings.staticRegularization
        }
        for (k, row) in sparseRows.enumerated() {
            let position = n + k
            let compliance = k < assembly.equalityRows.count ? 0 : scaling.w[row] * scaling.w[row]
            var sum = compliance
            for entry in problem.rows.entries(of: row) {
                let j = problem.rows.columns[entry]
                let value = problem.rows.values[entry] * scales[j]
                matrix.elements[j * order + position] = value
                sum += value * value
            }
            let scale = sum > 0 ? 1 / sum.squareRoot() : 1
            scales[position] = scale
            for entry in problem.rows.entries(of: row) {
                matrix.elements[problem.rows.columns[entry] * order + position] *= scale
            }
            matrix.elements[position * (order + 1)] = -compliance * scale * scale - settings.equalityRegularization
        }
        for (k, direction) in condensed.stiffDirections.enumerated() {
            let position = n + sparseRows.count + k
            let compliance = 1 / scaling.eigenvalues(ofBlock: assembly.secondOrderBlocks[k]).large
            var sum = compliance
            for j in 0..<n { sum += direction[j] * scales[j] * direction[j] * scales[j] }
            let scale = sum > 0 ? 1 / sum.squareRoot() : 1
            scales[position] = scale
            for j in 0..<n { matrix.elements[j * order + position] = direction[j] * scales[j] * scale }
            matrix.elements[position * (order + 1)] = -compliance * scale * scale - settings.equalityRegularization
        }
        for (k, kept) in condensed.keptDirections.enumerated() {
            let position = firstKept + k
            var sum = kept.compliance
            for (j, value) in zip(kept.columns, kept.values) { sum += value * scales[j] * value * scales[j] }
            let scale = sum > 0 ? 1 / sum.squareRoot() : 1
            scales[position] = scale
            for (j, value) in zip(kept.columns, kept.values) {
                matrix.elements[j * order + position] = value * scales[j] * scale
            }
            matrix.elements[position * (order + 1)] = -kept.compliance * scale * scale - settings.equalityRegularization
        }
        return (matrix, scales)
    }

    /// The solution (Δx, Δz), corrected by its residual.
    func solve(rx: [Double], rz: [Double]) -> (x: [Double], z: [Double]) {
        var (x, z) = solveReduced(rx: rx, rz: rz)
        var (ex, ez) = residual(rx: rx, rz: rz, x: x, z: z)
        var norm = max(normInfinity(ex), normInfinity(ez))
        let target = settings.refinementTolerance * max(normInfinity(rx), normInfinity(rz))
        for _ in 0..<rounds where norm > target {
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
        let weighted = applyEliminated(rz)
        var right = rx
        problem.rows.addTransposedTimes(weighted, into: &right)
        for row in equalityRows { right.append(rz[row]) }
        for row in stiffRows { right.append(rz[row]) }
        for index in secondOrderBlocks { right.append(scaling.stiffComponent(rz, block: index)) }
        for kept in keptDirections {
            let first = scaling.cone.nonsymmetric[kept.block].first
            right.append(scaling.nonsymmetric[kept.block].directions[kept.direction].dot(Vector3(rz, at: first)))
        }
        let solution = solveFactored(right)
        let x = Array(solution[0..<n])
        var difference = problem.rows.times(x)
        axpy(-1, rz, into: &difference)
        var z = applyEliminated(difference)
        var position = n
        for row in equalityRows {
            z[row] = solution[position]
            position += 1
        }
        for row in stiffRows {
            z[row] = solution[position]
            position += 1
        }
        for index in secondOrderBlocks {
            scaling.addStiffDirection(solution[position], block: index, to: &z)
            position += 1
        }
        for kept in keptDirections {
            let first = scaling.cone.nonsymmetric[kept.block].first
            let direction = scaling.nonsymmetric[kept.block].directions[kept.direction]
            (Vector3(z, at: first) + direction * solution[position]).store(in: &z, at: first)
            position += 1
        }
        return (x, z)
    }

    private func solveFactored(_ right: [Double]) -> [Double] {
        var scaled = right
        for k in 0..<scales.count { scaled[k] *= scales[k] }
        var solution: [Double]
        switch factorization {
        case .dense(let factorization): solution = factorization.solve(scaled)
        case .eliminated(let system): solution = system.solve(scaled)
        case .structured(let system): return system.solve(right)
        case .staged(let system): return system.solve(right)
        }
        for k in 0..<solution.count { solution[k] *= scales[k] }
        return solution
    }

    /// H⁻¹ v where it was eliminated, 0 on kept rows, and without the directions of curved cones that were kept.
    private func applyEliminated(_ v: [Double]) -> [Double] {
        var result = scaling.applyMildInverseSquared(v)
        for row in stiffRows { result[row] = 0 }
        guard !scaling.nonsymmetric.isEmpty else { return result }
        var weights = scaling.nonsymmetric.map(\.weights)
        for kept in keptDirections { weights[kept.block][kept.direction] = 0 }
        for (position, (block, weight)) in zip(scaling.nonsymmetric, weights).enumerated() {
            let first = scaling.cone.nonsymmetric[position].first
            let parts = block.directions.transposedTimes(Vector3(v, at: first)) * weight
            block.directions.times(parts).store(in: &result, at: first)
        }
        return result
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
