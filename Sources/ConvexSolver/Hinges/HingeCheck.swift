internal import LinearAlgebra

/// How far a point of a hinge program is from optimal, recomputed from the data alone.
///
/// For any y with 0 ≤ y ≤ q and λ with λ ≥ 0 on inequalities, d = c + Lᵀy + Aᵀλ gives the lower bound
/// −eᵀy − bᵀλ + Σⱼ min {dⱼ xⱼ : lⱼ ≤ xⱼ ≤ uⱼ}.
public struct HingeCheck: Equatable, Sendable {
    /// cᵀx + Σ qₜ max(ℓₜᵀx − eₜ, 0).
    public let objective: Double
    /// The lower bound that the multipliers prove, up to `dualResidual`.
    public let dualObjective: Double
    /// The largest violation of a row or a bound.
    public let primalResidual: Double
    /// The largest |dⱼ| that no finite bound answers, and the largest multiplier outside its interval.
    public let dualResidual: Double

    /// The gap relative to the objective.
    public var relativeGap: Double {
        let size = max(objective.magnitude, dualObjective.magnitude)
        return size > 0 ? (objective - dualObjective).magnitude / size : 0
    }

    /// Recomputes everything from the program.
    ///
    /// - Complexity: O(n (T + m)).
    public init(
        _ program: HingeProgram,
        primal x: [Double],
        hingeMultipliers y: [Double],
        rowMultipliers: [Double]
    ) {
        let losses = program.hinges.times(x)
        let products = program.rows.times(x)
        var value = dot(program.linear, x)
        var proof = 0.0
        var (primalWorst, dualWorst) = (0.0, 0.0)
        for t in 0..<program.hingeCount {
            value += program.weights[t] * max(losses[t] - program.offsets[t], 0)
            proof -= program.offsets[t] * y[t]
            dualWorst = max(dualWorst, -y[t], y[t] - program.weights[t])
        }
        for i in 0..<program.rowCount {
            let excess = products[i] - program.bounds[i]
            primalWorst = max(primalWorst, i < program.equationCount ? excess.magnitude : excess)
            proof -= program.bounds[i] * rowMultipliers[i]
            if i >= program.equationCount { dualWorst = max(dualWorst, -rowMultipliers[i]) }
        }
        var reduced = program.hinges.transposedTimes(y)
        axpy(1, program.linear, into: &reduced)
        axpy(1, program.rows.transposedTimes(rowMultipliers), into: &reduced)
        for j in 0..<program.variableCount {
            primalWorst = max(primalWorst, program.lower[j] - x[j], x[j] - program.upper[j])
            let bound = reduced[j] > 0 ? program.lower[j] : program.upper[j]
            if !bound.isFinite { dualWorst = max(dualWorst, reduced[j].magnitude) }
            proof += reduced[j] * (bound.isFinite ? bound : x[j])
        }
        objective = value
        dualObjective = proof
        primalResidual = primalWorst
        dualResidual = dualWorst
    }
}
