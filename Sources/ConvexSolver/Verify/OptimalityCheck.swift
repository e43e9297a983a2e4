internal import LinearAlgebra

/// How far a point and its multipliers are from optimal, recomputed from the data alone.
///
/// Optimal means: Ax + s = b, s ∈ K; Px + q + Aᵀz = 0, z ∈ K*; sᵀz = 0. Every figure is relative to the size of the
/// numbers it is the difference of, so that rescaling the problem changes none of them.
public struct OptimalityCheck: Equatable, Sendable {
    /// ½xᵀPx + qᵀx.
    public let objective: Double
    /// −½xᵀPx − bᵀz, a lower bound when z ∈ K* and the dual residual is 0.
    public let dualObjective: Double
    /// ‖Ax + s − b‖∞, relative.
    public let primalResidual: Double
    /// ‖Px + q + Aᵀz‖∞, relative.
    public let dualResidual: Double
    /// |objective − dual objective|, relative.
    public let relativeGap: Double
    /// How far s is outside K and z outside K*, relative to the size of b and of q.
    public let coneViolation: Double

    /// Recomputes everything from the problem.
    ///
    /// - Complexity: O(n² + mn).
    public init(_ problem: ConicProblem, primal x: [Double], slack s: [Double], dual z: [Double]) {
        let prepared = PreparedProblem(problem)
        self.init(prepared, scale: ProblemScale(prepared), x: x, s: s, z: z)
    }

    init(_ problem: PreparedProblem, scale: ProblemScale, x: [Double], s: [Double], z: [Double]) {
        let px = problem.quadraticTimes(x)
        var residual = px
        problem.rows.addTransposedTimes(z, into: &residual)
        let pressure = zip(residual, px).map { $0 - $1 }
        axpy(1, problem.linear, into: &residual)
        let dualSize = max(scale.dual, normInfinity(px), normInfinity(pressure))
        dualResidual = normInfinity(residual) / dualSize

        let ax = problem.rows.times(x)
        var primalWorst = 0.0
        for i in 0..<problem.rowCount {
            let difference = (ax[i] + s[i] - problem.bounds[i]).magnitude
            if !(difference <= primalWorst) { primalWorst = difference }
        }
        let primalSize = max(scale.primal, normInfinity(ax))
        primalResidual = primalWorst / primalSize

        let curvature = dot(x, px)
        let cost = dot(problem.linear, x)
        let support = dot(problem.bounds, z)
        objective = curvature / 2 + cost
        dualObjective = -curvature / 2 - support
        let objectiveSize = max(
            curvature.magnitude,
            cost.magnitude,
            support.magnitude,
            scale.objectiveFloor
        )
        relativeGap = (curvature + cost + support).magnitude / objectiveSize
        coneViolation = max(
            Self.distanceOutside(s, problem.blocks, dual: false) / primalSize,
            Self.distanceOutside(z, problem.blocks, dual: true) / max(normInfinity(z), scale.multiplier)
        )
    }

    /// The largest of all residuals.
    public var worst: Double {
        let figures = [primalResidual, dualResidual, relativeGap, coneViolation]
        return figures.contains { $0.isNaN } ? .infinity : figures.reduce(0) { max($0, $1) }
    }

    /// How far v is outside K (or K*, in which zero blocks are free); 0 inside.
    static func distanceOutside(_ v: [Double], _ blocks: [ConeBlock], dual: Bool) -> Double {
        var worst = 0.0
        for block in blocks {
            switch block.kind {
            case .zero: if !dual { for i in block.rows { worst = max(worst, v[i].magnitude) } }
            case .nonnegative: for i in block.rows { worst = max(worst, -v[i]) }
            case .secondOrder: worst = max(worst, -SecondOrderCone.margin(v, block.rows))
            case .exponential, .power:
                guard let cone = block.kind.nonsymmetricCone else { continue }
                let point = Vector3(v, at: block.rows.lowerBound)
                let distance = dual ? cone.distanceOutsideDual(point) : cone.distanceOutside(point)
                // A NaN is outside.
                worst = distance.isNaN ? .infinity : max(worst, distance)
            }
        }
        return worst
    }
}
