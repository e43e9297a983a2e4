internal import LinearAlgebra
internal import Matrices

/// Where a hinge simplex stands: a point, which variables are free, which rows hold them.
struct HingeState {
    let program: HingeProgram
    /// ℓₜ one after the other: what a hinge adds to the gradient is read in one piece.
    let hingeRows: [Double]
    var x: [Double]
    /// ℓₜᵀx − eₜ, 0 on kinks.
    var activities: [Double]
    /// Whether hinge t counts with its weight.
    var above: [Bool]
    /// bᵢ − aᵢᵀx.
    var slacks: [Double]
    /// c + Σ over the hinges above of qₜ ℓₜ.
    var gradient: [Double]
    /// Free variables, the columns of M.
    var free: [Int] = []
    /// Active rows: t for hinge t on its kink, T + i for row i; the rows of M.
    var active: [Int] = []
    /// The active rows over all variables, one after the other, n numbers each.
    var activeRows: [Double] = []
    var isFree: [Bool]
    var isActive: [Bool]
    var inverse = WorkingInverse()

    let largestHinge: Double
    let largestGradient: Double

    private var n: Int { program.variableCount }

    init(_ program: HingeProgram, start: [Double]) {
        self.program = program
        let (n, count) = (program.variableCount, program.hingeCount)
        hingeRows = Self.transposed(program.hinges)
        x = start
        activities = [Double](repeating: 0, count: count)
        above = [Bool](repeating: false, count: count)
        slacks = []
        gradient = []
        isFree = [Bool](repeating: false, count: n)
        isActive = [Bool](repeating: false, count: count + program.rowCount)
        let largest = normInfinity(program.hinges.elements)
        largestHinge = largest
        largestGradient = max(normInfinity(program.linear), normInfinity(program.weights) * largest)
        recomputePoint()
    }

    /// A copy by rows, made in tiles that stay in the cache.
    private static func transposed(_ matrix: DenseMatrix) -> [Double] {
        let (rows, columns, tile) = (matrix.rows, matrix.columns, 16)
        return [Double](unsafeUninitializedCapacity: rows * columns) { target, count in
            matrix.elements.withUnsafeBufferPointer { source in
                for i0 in stride(from: 0, to: rows, by: tile) {
                    for j0 in stride(from: 0, to: columns, by: tile) {
                        for i in i0..<min(i0 + tile, rows) {
                            for j in j0..<min(j0 + tile, columns) { target[i * columns + j] = source[j * rows + i] }
                        }
                    }
                }
            }
            count = rows * columns
        }
    }

    /// An activity of this size is rounding.
    private var dust: Double { 1e-13 * largestHinge * max(1, normInfinity(x)) }

    /// Activities, slacks, sides and gradient from x alone.
    mutating func recomputePoint() {
        activities = program.hinges.times(x)
        let dust = dust
        gradient = program.linear
        for t in 0..<program.hingeCount {
            activities[t] -= program.offsets[t]
            if isActive[t] {
                activities[t] = 0
                above[t] = false
            } else if activities[t].magnitude > dust {
                above[t] = activities[t] > 0
            }
            if above[t] { addHinge(t, program.weights[t]) }
        }
        slacks = program.rows.times(x)
        for i in 0..<program.rowCount { slacks[i] = program.bounds[i] - slacks[i] }
    }

    private mutating func addHinge(_ t: Int, _ factor: Double) {
        let n = n
        hingeRows.withUnsafeBufferPointer { rows in
            gradient.withUnsafeMutableBufferPointer { g in
                for j in 0..<n { g[j] += factor * rows[t * n + j] }
            }
        }
    }

    /// Puts hinge t on a side, and its weight into the gradient or out of it.
    mutating func setSide(_ t: Int, above side: Bool) {
        guard above[t] != side else { return }
        above[t] = side
        addHinge(t, side ? program.weights[t] : -program.weights[t])
    }

    /// Row `code` over all variables.
    func row(_ code: Int) -> [Double] {
        guard code >= program.hingeCount else { return Array(hingeRows[(code * n)..<((code + 1) * n)]) }
        return program.rows.row(code - program.hingeCount)
    }

    /// Inverts M afresh and moves the free variables onto their rows; false when M is singular.
    mutating func refactor() -> Bool {
        let k = free.count
        var matrix = [Double](repeating: 0, count: k * k)
        for p in 0..<k {
            for i in 0..<k { matrix[p * k + i] = activeRows[i * n + free[p]] }
        }
        guard let fresh = WorkingInverse(matrix, order: k) else { return false }
        inverse = fresh
        for _ in 0..<2 {
            var miss = [Double](repeating: 0, count: k)
            for i in 0..<k {
                let code = active[i]
                var sum = code < program.hingeCount ? program.offsets[code] : program.bounds[code - program.hingeCount]
                for j in 0..<n where x[j] != 0 { sum -= activeRows[i * n + j] * x[j] }
                miss[i] = sum
            }
            let correction = inverse.times(miss)
            for p in 0..<k { x[free[p]] += correction[p] }
        }
        recomputePoint()
        return true
    }

    /// The multipliers of the active rows: Mᵀy = −g over the free variables.
    func multipliers() -> [Double] { inverse.transposedTimes(free.map { -gradient[$0] }) }

    /// g + Σ yᵢ (row i), the reduced costs; those of free variables are rounding.
    func reducedCosts(_ y: [Double]) -> [Double] {
        var result = gradient
        let rows = DenseMatrix(rows: n, columns: active.count, columnMajor: activeRows)
        axpy(1, rows.times(y), into: &result)
        return result
    }

    /// M⁻¹ times the active rows of every variable: n × k, row j the image of column j.
    func images() -> DenseMatrix {
        let k = active.count
        let rows = DenseMatrix(rows: n, columns: k, columnMajor: activeRows)
        return rows.times(DenseMatrix(rows: k, columns: k, columnMajor: inverse.elements), transposingOther: true)
    }
}
