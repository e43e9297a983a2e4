internal import LinearAlgebra
internal import Matrices

/// Newton's method on the optimality conditions of one active set, all active constraints taken as equations.
///
/// A nonnegative row with one variable fixes that variable, which then leaves the system. For a second-order cone on its
/// boundary the equation is f(x) = ½(‖u‖² − t²) = 0 with (t, u) = b − Ax, multiplier ν, gradient t a₀ − A₁ᵀu and
/// Hessian A₁ᵀA₁ − a₀a₀ᵀ; its z is ν (t, −u). For a nonsymmetric cone the equation is g(b − Ax) = 0 with its boundary
/// function g (``BoundaryDerivatives``), gradient −Aᵀ∇g and Hessian (Aᵀh)(Aᵀh)ᵀ; its z is −ν∇g.
struct ActiveSetSystem {
    private let problem: PreparedProblem
    private let settings: SolverSettings
    /// The row that fixes each variable, if one does.
    private let fixingRow: [Int?]
    /// Variables that are not fixed.
    private let freeVariables: [Int]
    /// Linear rows that stay equations: equalities, active rows with several variables, rows of cones at the apex.
    private let linearRows: [Int]
    /// Blocks on the boundary.
    private let curvedBlocks: [Int]
    private let positionOfVariable: [Int]

    private(set) var x: [Double]
    private(set) var z: [Double]
    private var nu: [Double]

    init(_ problem: PreparedProblem, active: ActiveSet, x: [Double], s: [Double], z: [Double], settings: SolverSettings)
    {
        self.problem = problem
        self.settings = settings
        let n = problem.variableCount
        var fixingRow = [Int?](repeating: nil, count: n)
        var linearRows: [Int] = []
        for block in problem.blocks {
            switch block.kind {
            case .zero: linearRows.append(contentsOf: block.rows)
            case .secondOrder, .exponential, .power: continue
            case .nonnegative:
                for row in block.rows where active.isActive[row] {
                    guard problem.rows.count(of: row) == 1 else {
                        linearRows.append(row)
                        continue
                    }
                    let j = problem.rows.columns[problem.rows.starts[row]]
                    // Of several bounds on one variable the one with the larger multiplier decides.
                    if let other = fixingRow[j], z[other] >= z[row] { continue }
                    fixingRow[j] = row
                }
            }
        }
        var curved: [Int] = []
        var nu: [Double] = []
        for (index, block) in problem.blocks.enumerated() where block.kind.isCurved {
            switch active.coneStates[index] {
            case .inactive: continue
            case .apex: linearRows.append(contentsOf: block.rows)
            case .boundary:
                curved.append(index)
                if let cone = block.kind.nonsymmetricCone {
                    let first = block.rows.lowerBound
                    nu.append(cone.boundaryMultiplier(s: Vector3(s, at: first), z: Vector3(z, at: first)))
                    continue
                }
                let t = s[block.rows.lowerBound]
                nu.append(t > 0 ? z[block.rows.lowerBound] / t : 0)
            }
        }
        self.fixingRow = fixingRow
        self.linearRows = linearRows
        curvedBlocks = curved
        self.nu = nu
        freeVariables = (0..<n).filter { fixingRow[$0] == nil }
        var position = [Int](repeating: -1, count: n)
        for (k, j) in freeVariables.enumerated() { position[j] = k }
        positionOfVariable = position
        self.x = x
        self.z = [Double](repeating: 0, count: problem.rowCount)
        for row in linearRows { self.z[row] = z[row] }
        fixVariables()
    }

    /// Puts every fixed variable on its bound.
    private mutating func fixVariables() {
        for (j, row) in fixingRow.enumerated() {
            guard let row else { continue }
            x[j] = problem.bounds[row] / problem.rows.values[problem.rows.starts[row]]
        }
    }

    /// Unknowns of the Newton system.
    var order: Int { freeVariables.count + linearRows.count + curvedBlocks.count }

    /// Newton steps until the residual no longer falls; false when the system cannot be factored, or is too large.
    mutating func solve() -> Bool {
        guard problem.factored == nil || order <= settings.largestPolish else { return false }
        var norm = residualNorm
        guard norm.isFinite else { return false }
        let steps = curvedBlocks.isEmpty ? 2 : settings.polishNewtonSteps
        for _ in 0..<steps {
            guard norm > 0 else { break }
            var next = self
            guard next.takeStep() else { return false }
            let nextNorm = next.residualNorm
            guard nextNorm < norm else { break }
            self = next
            norm = nextNorm
        }
        setFixingMultipliers()
        return true
    }

    // MARK: Residuals

    /// (t, u) = b − Ax of a block.
    private func slack(of rows: Range<Int>) -> [Double] {
        rows.map { problem.bounds[$0] - problem.rows.dot(row: $0, x) }
    }

    /// ∇f = t a₀ − A₁ᵀu, or −Aᵀ∇g, n.
    private func gradient(of block: ConeBlock, slack: [Double]) -> [Double] {
        var g = [Double](repeating: 0, count: problem.variableCount)
        let rows = block.rows
        if let cone = block.kind.nonsymmetricCone {
            guard let boundary = cone.boundary(at: Vector3(slack, at: 0)) else { return g }
            for (offset, row) in rows.enumerated() {
                problem.rows.addRow(row, scaledBy: -boundary.gradient[offset], into: &g)
            }
            return g
        }
        for (offset, row) in rows.enumerated() {
            problem.rows.addRow(row, scaledBy: offset == 0 ? slack[0] : -slack[offset], into: &g)
        }
        return g
    }

    /// ½(‖u‖² − t²), as a product so that it does not cancel; g for nonsymmetric cones, infinite where there is none.
    private func boundaryValue(of block: ConeBlock, _ slack: [Double]) -> Double {
        if let cone = block.kind.nonsymmetricCone {
            return cone.boundary(at: Vector3(slack, at: 0))?.value ?? .infinity
        }
        var sum = 0.0
        for value in slack.dropFirst() { sum += value * value }
        let tail = sum.squareRoot()
        return (tail - slack[0]) * (tail + slack[0]) / 2
    }

    /// Px + q + Aᵀz over the linear rows and the curved blocks, n.
    private func lagrangianGradient() -> [Double] {
        var g = problem.quadraticTimes(x)
        axpy(1, problem.linear, into: &g)
        for row in linearRows { problem.rows.addRow(row, scaledBy: z[row], into: &g) }
        for (k, index) in curvedBlocks.enumerated() {
            let block = problem.blocks[index]
            axpy(nu[k], gradient(of: block, slack: slack(of: block.rows)), into: &g)
        }
        return g
    }

    /// The right-hand side of the Newton system: minus the residuals of the free variables, rows and boundaries.
    private func newtonRightHandSide() -> [Double] {
        let g = lagrangianGradient()
        var right = freeVariables.map { -g[$0] }
        for row in linearRows { right.append(problem.bounds[row] - problem.rows.dot(row: row, x)) }
        for index in curvedBlocks {
            let block = problem.blocks[index]
            right.append(-boundaryValue(of: block, slack(of: block.rows)))
        }
        return right
    }

    private var residualNorm: Double { normInfinity(newtonRightHandSide()) }

    // MARK: Newton step

    private mutating func takeStep() -> Bool {
        let matrix = newtonMatrix()
        let order = matrix.rows
        guard order > 0 else { return true }
        var regularized = matrix
        for k in 0..<order {
            let sign = k < freeVariables.count ? 1.0 : -1.0
            regularized.elements[k * order + k] += sign * settings.polishRegularization
        }
        guard let factorization = try? LDLFactorization(regularized) else { return false }
        let right = newtonRightHandSide()
        let (step, _) = factorization.solveRefined(
            right,
            maximumRounds: settings.polishRefinementRounds,
            tolerance: settings.refinementTolerance
        ) { candidate in
            let product = matrix.symmetricTimes(candidate)
            return zip(right, product).map { $0 - $1 }
        }
        for (k, j) in freeVariables.enumerated() { x[j] += step[k] }
        for (k, row) in linearRows.enumerated() { z[row] += step[freeVariables.count + k] }
        for k in 0..<nu.count { nu[k] += step[freeVariables.count + linearRows.count + k] }
        return true
    }

    /// Lower triangle of the Newton matrix of free variables, linear rows and boundaries.
    private func newtonMatrix() -> DenseMatrix {
        let free = freeVariables.count
        let order = free + linearRows.count + curvedBlocks.count
        var matrix = DenseMatrix(rows: order, columns: order)
        if problem.hasQuadratic {
            for (column, j) in freeVariables.enumerated() {
                for row in column..<free {
                    matrix.elements[column * order + row] = problem.curvature(freeVariables[row], j)
                }
            }
        }
        for (k, row) in linearRows.enumerated() {
            for entry in problem.rows.entries(of: row) {
                let position = positionOfVariable[problem.rows.columns[entry]]
                if position >= 0 { matrix.elements[position * order + free + k] = problem.rows.values[entry] }
            }
        }
        for (k, index) in curvedBlocks.enumerated() {
            let block = problem.blocks[index]
            let g = gradient(of: block, slack: slack(of: block.rows))
            for (position, j) in freeVariables.enumerated() {
                matrix.elements[position * order + free + linearRows.count + k] = g[j]
            }
            addCurvature(of: block, multiplier: nu[k], order: order, to: &matrix)
        }
        return matrix
    }

    /// Adds ν (A₁ᵀA₁ − a₀a₀ᵀ), or ν (Aᵀh)(Aᵀh)ᵀ, over the free variables.
    private func addCurvature(of cone: ConeBlock, multiplier: Double, order: Int, to matrix: inout DenseMatrix) {
        let free = freeVariables.count
        guard multiplier != 0, free > 0 else { return }
        if cone.kind.nonsymmetricCone != nil {
            addBend(of: cone, multiplier: multiplier, order: order, to: &matrix)
            return
        }
        let rows = cone.rows
        var block = DenseMatrix(rows: rows.count - 1, columns: free)
        for row in rows.dropFirst() {
            for entry in problem.rows.entries(of: row) {
                let position = positionOfVariable[problem.rows.columns[entry]]
                if position >= 0 {
                    block.elements[position * block.rows + row - rows.lowerBound - 1] = problem.rows.values[entry]
                }
            }
        }
        var curvature = DenseMatrix(rows: free, columns: free)
        block.addGram(scaledBy: multiplier, to: &curvature)
        for first in problem.rows.entries(of: rows.lowerBound) {
            let column = positionOfVariable[problem.rows.columns[first]]
            guard column >= 0 else { continue }
            for second in problem.rows.entries(of: rows.lowerBound) {
                let row = positionOfVariable[problem.rows.columns[second]]
                guard row >= column else { continue }
                let product = problem.rows.values[first] * problem.rows.values[second]
                curvature.elements[column * free + row] -= multiplier * product
            }
        }
        for column in 0..<free {
            for row in column..<free {
                matrix.elements[column * order + row] += curvature.elements[column * free + row]
            }
        }
    }

    private func addBend(of block: ConeBlock, multiplier: Double, order: Int, to matrix: inout DenseMatrix) {
        let point = Vector3(slack(of: block.rows), at: 0)
        guard let boundary = block.kind.nonsymmetricCone?.boundary(at: point) else { return }
        var bend = [Double](repeating: 0, count: problem.variableCount)
        for (offset, row) in block.rows.enumerated() {
            problem.rows.addRow(row, scaledBy: boundary.bend[offset], into: &bend)
        }
        for (column, j) in freeVariables.enumerated() where bend[j] != 0 {
            let scaled = multiplier * bend[j]
            for row in column..<freeVariables.count {
                matrix.elements[column * order + row] += scaled * bend[freeVariables[row]]
            }
        }
    }

    // MARK: Multipliers

    /// Gives every fixing row the multiplier that closes the dual equation of its variable, and the cones their z.
    private mutating func setFixingMultipliers() {
        let g = lagrangianGradient()
        for (j, row) in fixingRow.enumerated() {
            guard let row else { continue }
            z[row] = -g[j] / problem.rows.values[problem.rows.starts[row]]
        }
        for (k, index) in curvedBlocks.enumerated() {
            let rows = problem.blocks[index].rows
            let values = slack(of: rows)
            if let cone = problem.blocks[index].kind.nonsymmetricCone {
                guard let boundary = cone.boundary(at: Vector3(values, at: 0)) else { continue }
                (boundary.gradient * -nu[k]).store(in: &z, at: rows.lowerBound)
                continue
            }
            for (offset, row) in rows.enumerated() { z[row] = nu[k] * (offset == 0 ? values[0] : -values[offset]) }
        }
    }

    /// Rows whose slack is zero by construction.
    var equationRows: [Int] { linearRows + fixingRow.compactMap { $0 } }

    /// ν of each block on the boundary.
    var boundaryMultipliers: [(block: Int, value: Double)] {
        zip(curvedBlocks, nu).map { (block: $0, value: $1) }
    }
}
