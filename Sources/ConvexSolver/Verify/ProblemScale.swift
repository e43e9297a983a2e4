internal import LinearAlgebra
internal import Matrices

/// The natural sizes of a problem, by which residuals are judged; all follow any rescaling of its data.
struct ProblemScale: Sendable {
    /// A size that x must have for b to matter: max ‖bᵢ‖/‖aᵢ‖; ‖q‖/‖P‖ when b is 0.
    let variable: Double
    /// A size that z must have for q to matter: max |qⱼ|/‖Aⱼ‖.
    let multiplier: Double
    /// The least size of the numbers in Ax + s = b.
    let primal: Double
    /// The least size of the numbers in Px + q + Aᵀz = 0.
    let dual: Double
    /// The size of the objective below which it counts as zero: a small part of its natural size.
    var objectiveFloor: Double { Self.objectiveFraction * dual * variable }

    /// Small enough for an optimum far below the natural size, large enough that rounding stays below a gap of it.
    private static let objectiveFraction = 1e-3

    init(_ problem: PreparedProblem) {
        let curvature = problem.largestCurvature
        let linear = normInfinity(problem.linear)
        let bound = normInfinity(problem.bounds)
        var entry = 0.0
        var ratio = 0.0
        for block in problem.blocks {
            // A curved cone is one constraint: its rows share a unit.
            let groups = block.kind.isCurved ? [block.rows] : block.rows.map { $0..<($0 + 1) }
            for rows in groups {
                let norm = rows.reduce(0) { max($0, problem.rows.largestMagnitude(row: $1)) }
                entry = max(entry, norm)
                guard norm > 0 else { continue }
                ratio = max(ratio, rows.reduce(0) { max($0, problem.bounds[$1].magnitude) } / norm)
            }
        }
        var columnNorms = [Double](repeating: 0, count: problem.variableCount)
        for k in 0..<problem.rows.values.count {
            let j = problem.rows.columns[k]
            columnNorms[j] = max(columnNorms[j], problem.rows.values[k].magnitude)
        }
        var multiplierRatio = 0.0
        for j in 0..<problem.variableCount where columnNorms[j] > 0 {
            multiplierRatio = max(multiplierRatio, problem.linear[j].magnitude / columnNorms[j])
        }
        variable = ratio > 0 ? ratio : (linear > 0 && curvature > 0 ? linear / curvature : 1)
        multiplier = multiplierRatio > 0 ? multiplierRatio : 1
        primal = bound > 0 ? bound : (entry > 0 ? entry * variable : 1)
        dual = linear > 0 ? linear : (curvature > 0 ? curvature * variable : 1)
    }
}
