internal import Matrices

/// Scales of rows, columns and the objective that bring the numbers of a problem near one.
///
/// x = D x̂, s = E⁻¹ ŝ, z = E ẑ / c with P̂ = c D P D, q̂ = c D q, Â = E A D, b̂ = E b. All scales are powers of two, so
/// scaling rounds nothing and zeros stay zeros. A curved cone has one scale for all its rows, which keeps it what it is.
/// - SeeAlso: Ruiz, A scaling algorithm to equilibrate both rows and columns norms in matrices, RAL-TR-2001-034.
struct Equilibration: Sendable {
    /// D, n.
    private(set) var columnScales: [Double]
    /// E, m.
    private(set) var rowScales: [Double]
    /// c.
    private(set) var objectiveScale: Double

    /// Computes the scales and returns them with the scaled problem.
    static func equilibrate(
        _ problem: PreparedProblem,
        settings: SolverSettings
    ) -> (scales: Equilibration, problem: PreparedProblem) {
        var scales = Equilibration(
            columnScales: [Double](repeating: 1, count: problem.variableCount),
            rowScales: [Double](repeating: 1, count: problem.rowCount),
            objectiveScale: 1
        )
        var scaled = problem
        // The curvature first, so that its unit does not decide how the columns are balanced against the rows.
        let curvature = scaled.largestCurvature
        scales.scaleObjective(by: reciprocalPowerOfTwo(curvature, settings), &scaled)
        let ones = [Double](repeating: 1, count: problem.variableCount)
        for pass in 0..<settings.equilibrationPasses {
            let rowFactors = Self.rowFactors(scaled, squareRoot: pass > 0, settings)
            let columnFactors = pass == 0 ? ones : Self.columnFactors(scaled, settings)
            scales.scale(rows: rowFactors, columns: columnFactors, &scaled)
            if pass > 0, rowFactors.allSatisfy({ $0 == 1 }), columnFactors.allSatisfy({ $0 == 1 }) { break }
        }
        scales.scalePrimal(&scaled, settings)
        let largest = scaled.linear.reduce(scaled.largestCurvature) {
            max($0, $1.magnitude)
        }
        scales.scaleObjective(by: reciprocalPowerOfTwo(largest, settings), &scaled)
        return (scales, scaled)
    }

    /// Scaled point from a point of the original problem.
    func scaled(x: [Double], s: [Double], z: [Double]) -> (x: [Double], s: [Double], z: [Double]) {
        (
            zip(x, columnScales).map { $0 / $1 },
            zip(s, rowScales).map { $0 * $1 },
            zip(z, rowScales).map { $0 / $1 * objectiveScale }
        )
    }

    /// Point of the original problem from a scaled point; rounds nothing.
    func unscaled(x: [Double], s: [Double], z: [Double]) -> (x: [Double], s: [Double], z: [Double]) {
        (
            zip(x, columnScales).map { $0 * $1 },
            zip(s, rowScales).map { $0 / $1 },
            zip(z, rowScales).map { $0 * $1 / objectiveScale }
        )
    }

    // MARK: Factors

    /// For each row, the power of two nearest to 1 / √norm (or 1 / norm); one factor for all rows of a curved cone.
    private static func rowFactors(_ p: PreparedProblem, squareRoot: Bool, _ settings: SolverSettings) -> [Double] {
        var factors = [Double](repeating: 1, count: p.rowCount)
        for block in p.blocks {
            if block.kind.isCurved {
                let norm = block.rows.reduce(0) { max($0, p.rows.largestMagnitude(row: $1)) }
                let factor = reciprocalPowerOfTwo(squareRoot ? norm.squareRoot() : norm, settings)
                for row in block.rows { factors[row] = factor }
            } else {
                for row in block.rows {
                    let norm = p.rows.largestMagnitude(row: row)
                    factors[row] = reciprocalPowerOfTwo(squareRoot ? norm.squareRoot() : norm, settings)
                }
            }
        }
        return factors
    }

    private static func columnFactors(_ p: PreparedProblem, _ settings: SolverSettings) -> [Double] {
        var norms = [Double](repeating: 0, count: p.variableCount)
        for (j, _) in norms.enumerated() {
            norms[j] = p.largestCurvature(ofColumn: j)
        }
        for k in 0..<p.rows.values.count {
            let j = p.rows.columns[k]
            norms[j] = max(norms[j], p.rows.values[k].magnitude)
        }
        return norms.map { reciprocalPowerOfTwo($0.squareRoot(), settings) }
    }

    /// The power of two nearest to 1 / value in ratio, within the limits; 1 for 0.
    private static func reciprocalPowerOfTwo(_ value: Double, _ settings: SolverSettings) -> Double {
        guard value > 0, value.isFinite else { return 1 }
        let exponent = -Int((value * 2.0.squareRoot()).exponent)
        let limit = settings.largestScaleExponent
        return Double(sign: .plus, exponent: min(max(exponent, -limit), limit), significand: 1)
    }

    // MARK: Scaling

    private mutating func scale(rows rowFactors: [Double], columns columnFactors: [Double], _ p: inout PreparedProblem)
    {
        let n = p.variableCount
        for i in 0..<p.rowCount {
            for k in p.rows.entries(of: i) { p.rows.values[k] *= rowFactors[i] * columnFactors[p.rows.columns[k]] }
            p.bounds[i] *= rowFactors[i]
            rowScales[i] *= rowFactors[i]
        }
        p.scaleCurvature(columns: columnFactors)
        for j in 0..<n {
            p.linear[j] *= columnFactors[j]
            columnScales[j] *= columnFactors[j]
        }
    }

    private mutating func scaleObjective(by factor: Double, _ p: inout PreparedProblem) {
        guard factor != 1 else { return }
        p.scaleCurvature(by: factor)
        for j in 0..<p.variableCount { p.linear[j] *= factor }
        objectiveScale *= factor
    }

    /// Chooses the unit of x so that a typical right-hand side is near one; A keeps its size.
    private mutating func scalePrimal(_ p: inout PreparedProblem, _ settings: SolverSettings) {
        let largest = p.bounds.reduce(0) { max($0, $1.magnitude) }
        // The median, because single huge bounds ("no limit") say nothing about the size of x, and neither does dust.
        let sizes = p.bounds.lazy.map(\.magnitude).filter { $0 > largest * settings.boundDust }.sorted()
        guard !sizes.isEmpty else { return }
        let factor = 1 / Self.reciprocalPowerOfTwo(sizes[sizes.count / 2], settings)
        guard factor != 1 else { return }
        scale(
            rows: [Double](repeating: 1 / factor, count: p.rowCount),
            columns: [Double](repeating: factor, count: p.variableCount),
            &p
        )
    }
}
