internal import LinearAlgebra

/// A proof that a problem has no solution, judged from the data alone.
///
/// A proof computed in floating point never holds exactly. What it proves is a radius: no point smaller than that is
/// feasible (or no multipliers are). It counts when the radius is beyond any size the data speak of.
public enum InfeasibilityCertificate {
    /// How far z is from proving that Ax + s = b, s ∈ K has no solution; 0 is a perfect proof.
    ///
    /// Aᵀz = 0, z ∈ K*, bᵀz < 0: then 0 > bᵀz = zᵀ(Ax + s) ≥ 0 for any feasible x. With a remainder Aᵀz = r the same
    /// line shows ‖x‖∞ ≥ |bᵀz| / ‖r‖₁; returned is the natural size of x over that radius. Infinite when bᵀz ≥ 0 or z
    /// is outside K*.
    public static func primalDefect(_ problem: ConicProblem, dual z: [Double]) -> Double {
        let prepared = PreparedProblem(problem)
        return primalDefect(prepared, scale: ProblemScale(prepared), z: z)
    }

    /// How far x is from proving that the objective falls without end; 0 is a perfect proof.
    ///
    /// Px = 0, Ax + s = 0, s ∈ K, qᵀx < 0. Returned is the natural size of the multipliers (and of x) over the size
    /// they would need for the problem to be bounded. Infinite when qᵀx ≥ 0 or s is outside K.
    public static func dualDefect(_ problem: ConicProblem, primal x: [Double], slack s: [Double]) -> Double {
        let prepared = PreparedProblem(problem)
        return dualDefect(prepared, scale: ProblemScale(prepared), x: x, s: s)
    }

    static func primalDefect(_ problem: PreparedProblem, scale: ProblemScale, z: [Double]) -> Double {
        let support = dot(problem.bounds, z)
        guard support < 0 else { return .infinity }
        guard OptimalityCheck.distanceOutside(z, problem.blocks, dual: true) <= 0 else { return .infinity }
        var remainder = [Double](repeating: 0, count: problem.variableCount)
        problem.rows.addTransposedTimes(z, into: &remainder)
        return finite(norm1(remainder) * scale.variable / -support)
    }

    static func dualDefect(_ problem: PreparedProblem, scale: ProblemScale, x: [Double], s: [Double]) -> Double {
        let cost = dot(problem.linear, x)
        guard cost < 0 else { return .infinity }
        guard OptimalityCheck.distanceOutside(s, problem.blocks, dual: false) <= 0 else { return .infinity }
        var remainder = problem.rows.times(x)
        axpy(1, s, into: &remainder)
        let curvature = norm1(problem.quadraticTimes(x))
        return finite((norm1(remainder) * scale.multiplier + curvature * scale.variable) / -cost)
    }

    private static func finite(_ value: Double) -> Double { value.isNaN ? .infinity : value }
}
