internal import LinearAlgebra
internal import Matrices

/// A point of the saddle problem of a node, with the multipliers of all that bounds it.
///
///     max over d ≥ 0, S = P + εI − diag(d) ⪰ 0   of   min over x, z of   ½xᵀSx + ½Σ dᵢxᵢ²/zᵢ + qᵀx
///     where Ax = t, rowLower ≤ t ≤ rowUpper, lower z ≤ x ≤ upper z, z ≤ 1, Σz ≤ K
struct PerspectiveIterate {
    var x: [Double]
    /// 1 where a variable is in already.
    var z: [Double]
    /// 0 where a variable is in already.
    var d: [Double]
    /// Multipliers of x ≥ lower z and x ≤ upper z.
    var low: [Double]
    var high: [Double]
    /// Multipliers of z ≤ 1 and of d ≥ 0; 0 where a variable is in already.
    var one: [Double]
    var positive: [Double]
    /// The multiplier of Σz ≤ K.
    var count: Double
    /// The multiplier of S ⪰ 0.
    var matrix: DenseMatrix
    /// Values and multipliers of the rows, and the multipliers of the bounds of t.
    var t: [Double]
    var rows: [Double]
    var rowLow: [Double]
    var rowHigh: [Double]

    /// S.
    func curvature(_ program: PerspectiveProgram) -> DenseMatrix {
        var result = program.quadratic
        for i in program.free { result[i, i] -= d[i] }
        return result
    }

    /// K − Σz.
    func room(_ program: PerspectiveProgram) -> Double {
        program.free.reduce(Double(program.mostIn)) { $0 - z[$1] }
    }

    /// The sum of all products that vanish at the saddle, and their number.
    func complementarity(_ program: PerspectiveProgram, _ curvature: DenseMatrix) -> (sum: Double, terms: Int) {
        var sum = dot(matrix.elements, curvature.elements) + count * room(program)
        for i in 0..<program.count {
            sum += low[i] * (x[i] - program.lower[i] * z[i]) + high[i] * (program.upper[i] * z[i] - x[i])
            if !program.isIn[i] { sum += one[i] * (1 - z[i]) + positive[i] * d[i] }
        }
        var terms = 3 * program.count + 2 * program.free.count + 1
        for (r, row) in program.rows.enumerated() where row.lower != row.upper {
            if row.lower > -.infinity { sum += rowLow[r] * (t[r] - row.lower) }
            if row.upper < .infinity { sum += rowHigh[r] * (row.upper - t[r]) }
            terms += 1
        }
        return (sum, terms)
    }

    /// The value of the saddle function.
    func value(_ program: PerspectiveProgram, product: [Double]) -> Double {
        var value = 0.0
        for i in 0..<program.count {
            value += x[i] * (0.5 * product[i] + program.linear[i])
            if !program.isIn[i] { value += 0.5 * d[i] * x[i] * x[i] / z[i] }
        }
        return value
    }

    /// How far Ax is from t, relative to the rows' numbers.
    func rowResidual(_ program: PerspectiveProgram) -> Double {
        program.rows.enumerated().reduce(0) { worst, entry in
            let (r, row) = entry
            let size = zip(row.coefficients, x).reduce(t[r].magnitude) { $0 + ($1.0 * $1.1).magnitude }
            return size > 0 ? max(worst, (dot(row.coefficients, x) - t[r]).magnitude / size) : worst
        }
    }
}

extension PerspectiveIterate {
    /// A point inside all bounds, near the middle; nil when no diagonal leaves S positive definite.
    init?(_ program: PerspectiveProgram, diagonal inherited: [Double]?, settings: CardinalitySettings) {
        let n = program.count
        let share = program.free.isEmpty ? 1 : Double(program.mostIn) / Double(program.free.count)
        z = program.isIn.map { $0 ? 1 : Self.startingShare * min(1, share) }
        let even = Self.evenPoint(program)
        var point = [Double](repeating: 0, count: n)
        for i in 0..<n {
            let (low, high) = (program.lower[i] * z[i], program.upper[i] * z[i])
            let margin = Self.startingMargin * (high - low)
            point[i] = min(max(even, low + margin), high - margin)
        }
        x = point
        guard let start = Self.diagonal(program, inherited: inherited, settings: settings) else { return nil }
        d = start.diagonal
        let product = program.quadratic.times(point)
        let energy = dot(point, product)
        let size = 0.5 * energy + dot(program.linear, point).magnitude
        let mu = Self.startingComplementarity * (size > 0 ? size : 1) / Double(max(1, n))
        matrix = start.inverse
        for index in matrix.elements.indices { matrix.elements[index] *= mu }
        (low, high, one, positive) = (point, point, point, point)
        for i in 0..<n {
            low[i] = mu / (point[i] - program.lower[i] * z[i])
            high[i] = mu / (program.upper[i] * z[i] - point[i])
            one[i] = program.isIn[i] ? 0 : mu / (1 - z[i])
            positive[i] = program.isIn[i] ? 0 : mu / d[i]
        }
        (t, rows) = ([], [])
        (rowLow, rowHigh) = ([], [])
        count = 0
        count = program.free.isEmpty ? 0 : mu / room(program)
        startRows(program, mu: mu, gradient: dot(program.linear, point) + energy)
    }

    /// Values inside the bounds of the rows, and the first equation's multiplier from the gradient.
    private mutating func startRows(_ program: PerspectiveProgram, mu: Double, gradient: Double) {
        var isFirst = true
        for row in program.rows {
            let reached = dot(row.coefficients, x)
            let width = row.upper - row.lower
            let size = max(reached.magnitude, row.lower.isFinite ? row.lower.magnitude : 0, 1e-3)
            let margin = Self.startingMargin * (width.isFinite ? width : size)
            let value = row.lower == row.upper ? row.lower : min(max(reached, row.lower + margin), row.upper - margin)
            t.append(value)
            let isEquation = row.lower == row.upper
            rowLow.append(isEquation || row.lower == -.infinity ? 0 : mu / (value - row.lower))
            rowHigh.append(isEquation || row.upper == .infinity ? 0 : mu / (row.upper - value))
            rows.append(isEquation && isFirst && value != 0 ? gradient / value : 0)
            if isEquation { isFirst = false }
        }
    }

    /// The value that meets the first equation with all variables alike.
    private static func evenPoint(_ program: PerspectiveProgram) -> Double {
        guard let row = program.rows.first(where: { $0.lower == $0.upper }) else { return 0 }
        let sum = row.coefficients.reduce(0, +)
        return sum == 0 ? 0 : row.upper / sum
    }

    /// The parent's diagonal, or a share of P's, small enough that S is positive definite; with S⁻¹.
    private static func diagonal(
        _ program: PerspectiveProgram,
        inherited: [Double]?,
        settings: CardinalitySettings
    ) -> (diagonal: [Double], inverse: DenseMatrix)? {
        var share = startingDiagonal
        while share > settings.diagonalShift {
            var result = [Double](repeating: 0, count: program.count)
            var curvature = program.quadratic
            for i in program.free {
                let own = share * program.quadratic[i, i]
                result[i] = share == startingDiagonal ? max(inherited?[i] ?? own, 1e-6 * own) : own
                curvature[i, i] -= result[i]
            }
            if let factor = try? CholeskyFactorization(curvature) { return (result, factor.inverse) }
            share *= 0.5
        }
        return nil
    }

    /// How much of the largest allowed z the variables begin with.
    private static let startingShare = 0.95
    /// How far inside their intervals variables and rows begin.
    private static let startingMargin = 0.1
    /// The mean product at the start, relative to the objective there.
    private static let startingComplementarity = 0.06
    /// The share of P's diagonal that is tried first.
    private static let startingDiagonal = 0.25
}
