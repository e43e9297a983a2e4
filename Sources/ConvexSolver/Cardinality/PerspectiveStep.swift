internal import LinearAlgebra
internal import Matrices

/// A Newton step on the conditions of the saddle, all products aimed at one value.
///
/// z goes first: its block is diagonal but for the row Σz. Then d, whose block is the entrywise product of S⁻¹ and the
/// multiplier of S; what is left is a positive definite system in x, bordered by the rows.
/// - SeeAlso: Helmberg, Rendl, Vanderbei & Wolkowicz, SIAM J. Optimization 6 (1996), for the direction of the matrices.
struct PerspectiveStep {
    private(set) var x: [Double]
    private(set) var z: [Double]
    private(set) var d: [Double]
    private(set) var low: [Double]
    private(set) var high: [Double]
    private(set) var one: [Double]
    private(set) var positive: [Double]
    private(set) var count = 0.0
    private(set) var matrix: DenseMatrix
    private(set) var t: [Double]
    private(set) var rows: [Double]
    private(set) var rowLow: [Double]
    private(set) var rowHigh: [Double]

    /// Second derivatives of a variable's own terms.
    private struct Own {
        var xx = 0.0
        var xz = 0.0
        var zz = 1.0
        var xd = 0.0
        var zd = 0.0
        var dd = 0.0
    }

    /// The border of the system in x: a column for Σz ≤ K and one for each row.
    private struct Border {
        var columns: [[Double]]
        var corner: [Double]
        var right: [Double]
    }

    /// Finds the step that aims every product at `target`; nil when a block is not positive definite.
    init?(
        _ program: PerspectiveProgram,
        from point: PerspectiveIterate,
        product: [Double],
        inverse: DenseMatrix,
        target: Double
    ) {
        let n = program.count
        let zeros = [Double](repeating: 0, count: n)
        (x, z, d, low, high, one, positive) = (zeros, zeros, zeros, zeros, zeros, zeros, zeros)
        matrix = inverse
        let empty = [Double](repeating: 0, count: program.rows.count)
        (t, rows, rowLow, rowHigh) = (empty, empty, empty, empty)
        let own = Self.ownTerms(program, point)
        let right = Self.rightHandSides(program, point, product: product, inverse: inverse, target: target)
        guard
            let block = Self.diagonalBlock(program, point, own: own, inverse: inverse),
            let solved = Self.solve(program, point, own: own, right: right, block: block, target: target)
        else { return nil }
        (x, rows, count) = (solved.x, solved.rows, solved.count)
        // Back to d and z.
        let f = program.free
        var weighted = [Double](repeating: 0, count: f.count)
        for (place, i) in f.enumerated() {
            let cross = own[i].xd - own[i].xz * own[i].zd / own[i].zz
            let rest = right.d[i] - own[i].zd * right.z[i] / own[i].zz
            weighted[place] = cross * x[i] - own[i].zd / own[i].zz * count - rest
        }
        weighted = block.times(weighted)
        for (place, i) in f.enumerated() {
            d[i] = weighted[place]
            z[i] = (right.z[i] - own[i].xz * x[i] - own[i].zd * d[i] - count) / own[i].zz
        }
        finish(program, point, inverse: inverse, target: target)
    }

    // MARK: Parts of the system

    private static func ownTerms(_ program: PerspectiveProgram, _ point: PerspectiveIterate) -> [Own] {
        (0..<program.count).map { i in
            let (x, z, d) = (point.x[i], point.z[i], point.d[i])
            let (l, u) = (program.lower[i], program.upper[i])
            let a = point.low[i] / (x - l * z)
            let b = point.high[i] / (u * z - x)
            if program.isIn[i] { return Own(xx: a + b) }
            let ratio = x / z
            return Own(
                xx: d / z + a + b,
                xz: -d * ratio / z - a * l - b * u,
                zz: d * ratio * ratio / z + a * l * l + b * u * u + point.one[i] / (1 - z),
                xd: ratio - x,
                zd: -0.5 * ratio * ratio,
                dd: point.positive[i] / d
            )
        }
    }

    private static func rightHandSides(
        _ program: PerspectiveProgram,
        _ point: PerspectiveIterate,
        product: [Double],
        inverse: DenseMatrix,
        target: Double
    ) -> (x: [Double], z: [Double], d: [Double]) {
        let n = program.count
        var (rx, rz, rd) = (product, product, product)
        for i in 0..<n {
            let (x, z, d) = (point.x[i], point.z[i], point.d[i])
            let (l, u) = (program.lower[i], program.upper[i])
            let (a, b) = (target / (x - l * z), target / (u * z - x))
            rx[i] = a - b - product[i] - program.linear[i]
            (rz[i], rd[i]) = (0, 0)
            guard !program.isIn[i] else { continue }
            let ratio = x / z
            rx[i] -= d * ratio
            rz[i] = 0.5 * d * ratio * ratio - l * a + u * b - target / (1 - z) - point.count
            rd[i] = 0.5 * x * (x - ratio) + target * inverse[i, i] - target / d
        }
        for (row, multiplier) in zip(program.rows, point.rows) where multiplier != 0 {
            for i in 0..<n { rx[i] += multiplier * row.coefficients[i] }
        }
        return (rx, rz, rd)
    }

    /// The inverse of d's block after z is eliminated.
    private static func diagonalBlock(
        _ program: PerspectiveProgram,
        _ point: PerspectiveIterate,
        own: [Own],
        inverse: DenseMatrix
    ) -> DenseMatrix? {
        let f = program.free
        guard !f.isEmpty else { return DenseMatrix(rows: 0, columns: 0) }
        let n = program.count
        var block = DenseMatrix(rows: f.count, columns: f.count)
        block.elements.withUnsafeMutableBufferPointer { target in
            for (b, j) in f.enumerated() {
                for (a, i) in f.enumerated() {
                    target[b * f.count + a] = point.matrix.elements[j * n + i] * inverse.elements[j * n + i]
                }
            }
        }
        for (place, i) in f.enumerated() { block[place, place] += own[i].dd + own[i].zd * own[i].zd / own[i].zz }
        return (try? CholeskyFactorization(block))?.inverse
    }

    private static func solve(
        _ program: PerspectiveProgram,
        _ point: PerspectiveIterate,
        own: [Own],
        right: (x: [Double], z: [Double], d: [Double]),
        block: DenseMatrix,
        target: Double
    ) -> (x: [Double], rows: [Double], count: Double)? {
        let n = program.count
        let f = program.free
        var system = point.curvature(program)
        var first = right.x
        for i in 0..<n { system[i, i] += own[i].xx }
        let cross = f.map { own[$0].xd - own[$0].xz * own[$0].zd / own[$0].zz }
        let slope = f.map { own[$0].zd / own[$0].zz }
        let rest = f.map { right.d[$0] - own[$0].zd * right.z[$0] / own[$0].zz }
        system.elements.withUnsafeMutableBufferPointer { target in
            for (b, j) in f.enumerated() {
                for (a, i) in f.enumerated() {
                    target[j * n + i] += cross[a] * block.elements[b * f.count + a] * cross[b]
                }
            }
        }
        let (onRest, onSlope) = (block.times(rest), block.times(slope))
        var border = Border(columns: [[Double](repeating: 0, count: n)], corner: [0], right: [0])
        var (corner, value) = (0.0, 0.0)
        for (place, i) in f.enumerated() {
            system[i, i] -= own[i].xz * own[i].xz / own[i].zz
            first[i] += cross[place] * onRest[place] - own[i].xz * right.z[i] / own[i].zz
            border.columns[0][i] = -own[i].xz / own[i].zz - cross[place] * onSlope[place]
            corner -= 1 / own[i].zz
            value -= right.z[i] / own[i].zz
        }
        if !f.isEmpty {
            let room = point.room(program)
            border.corner[0] = dot(slope, onSlope) + corner - room / point.count
            border.right[0] = value - dot(slope, onRest) + room - target / point.count
        } else {
            border.corner[0] = -1
        }
        addRows(program, point, target: target, to: &border)
        return solve(system, border, first: first)
    }

    private static func addRows(
        _ program: PerspectiveProgram,
        _ point: PerspectiveIterate,
        target: Double,
        to border: inout Border
    ) {
        for (r, row) in program.rows.enumerated() {
            border.columns.append(row.coefficients.map { -$0 })
            let residual = dot(row.coefficients, point.x) - point.t[r]
            let stiffness = rowStiffness(row, point, r)
            guard stiffness > 0 else {
                border.corner.append(0)
                border.right.append(residual)
                continue
            }
            border.corner.append(-1 / stiffness)
            border.right.append(residual - rowGradient(row, point, r, target: target) / stiffness)
        }
    }

    /// The second derivative of the bounds of a row's value; 0 for an equation.
    private static func rowStiffness(_ row: ParametricProgram.Row, _ point: PerspectiveIterate, _ r: Int) -> Double {
        guard row.lower != row.upper else { return 0 }
        let low = row.lower > -.infinity ? point.rowLow[r] / (point.t[r] - row.lower) : 0
        let high = row.upper < .infinity ? point.rowHigh[r] / (row.upper - point.t[r]) : 0
        return low + high
    }

    private static func rowGradient(
        _ row: ParametricProgram.Row,
        _ point: PerspectiveIterate,
        _ r: Int,
        target: Double
    ) -> Double {
        let low = row.lower > -.infinity ? target / (point.t[r] - row.lower) : 0
        let high = row.upper < .infinity ? target / (row.upper - point.t[r]) : 0
        return low - high - point.rows[r]
    }

    /// Solves W x + B y = first, Bᵀx + diag(corner) y = right.
    private static func solve(
        _ system: DenseMatrix,
        _ border: Border,
        first: [Double]
    ) -> (x: [Double], rows: [Double], count: Double)? {
        guard let factor = try? CholeskyFactorization(system) else { return nil }
        let m = border.columns.count
        let columns = border.columns.map { factor.solve($0) }
        let alone = factor.solve(first)
        var schur = DenseMatrix(rows: m, columns: m)
        var reduced = [Double](repeating: 0, count: m)
        for b in 0..<m {
            for a in 0..<m { schur[a, b] = dot(border.columns[a], columns[b]) }
            reduced[b] = dot(border.columns[b], alone) - border.right[b]
        }
        for a in 0..<m {
            // A row that the others imply leaves nothing; a little is added.
            schur[a, a] = schur[a, a] * (1 + dependentRow) - border.corner[a]
        }
        guard let small = try? CholeskyFactorization(schur) else { return nil }
        let y = small.solve(reduced)
        var x = alone
        for a in 0..<m { axpy(-y[a], columns[a], into: &x) }
        return (x, Array(y.dropFirst()), y[0])
    }

    private static let dependentRow = 1e-13

    // MARK: What follows from x, z, d and the rows

    private mutating func finish(
        _ program: PerspectiveProgram,
        _ point: PerspectiveIterate,
        inverse: DenseMatrix,
        target: Double
    ) {
        for i in 0..<program.count {
            let (l, u) = (program.lower[i], program.upper[i])
            let (below, above) = (point.x[i] - l * point.z[i], u * point.z[i] - point.x[i])
            low[i] = (target - point.low[i] * (x[i] - l * z[i])) / below - point.low[i]
            high[i] = (target - point.high[i] * (u * z[i] - x[i])) / above - point.high[i]
            guard !program.isIn[i] else { continue }
            one[i] = (target + point.one[i] * z[i]) / (1 - point.z[i]) - point.one[i]
            positive[i] = (target - point.positive[i] * d[i]) / point.d[i] - point.positive[i]
        }
        for (r, row) in program.rows.enumerated() where row.lower != row.upper {
            let stiffness = Self.rowStiffness(row, point, r)
            t[r] = (Self.rowGradient(row, point, r, target: target) - rows[r]) / stiffness
            if row.lower > -.infinity {
                rowLow[r] = (target - point.rowLow[r] * t[r]) / (point.t[r] - row.lower) - point.rowLow[r]
            }
            if row.upper < .infinity {
                rowHigh[r] = (target + point.rowHigh[r] * t[r]) / (row.upper - point.t[r]) - point.rowHigh[r]
            }
        }
        finishMatrix(program, point, inverse: inverse, target: target)
    }

    /// target S⁻¹ − U + the symmetric part of U diag(dd) S⁻¹.
    private mutating func finishMatrix(
        _ program: PerspectiveProgram,
        _ point: PerspectiveIterate,
        inverse: DenseMatrix,
        target: Double
    ) {
        let n = program.count
        var scaled = point.matrix
        let change = d
        scaled.elements.withUnsafeMutableBufferPointer { entries in
            for j in 0..<n {
                for i in 0..<n { entries[j * n + i] *= change[j] }
            }
        }
        let product = scaled.times(inverse)
        matrix.elements.withUnsafeMutableBufferPointer { entries in
            for j in 0..<n {
                for i in 0...j {
                    let (a, b) = (j * n + i, i * n + j)
                    let mixed = 0.5 * (product.elements[a] + product.elements[b])
                    let value = target * inverse.elements[a] - point.matrix.elements[a] + mixed
                    entries[a] = value
                    entries[b] = value
                }
            }
        }
    }
}
