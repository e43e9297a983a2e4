internal import LinearAlgebra

/// How far an iterate is from solving the homogeneous embedding.
///
/// rx = Px + Aᵀz + qτ,  rz = Ax + s − bτ,  rτ = xᵀPx/τ + qᵀx + bᵀz + κ.
struct Residuals {
    let x: [Double]
    let z: [Double]
    let tau: Double
    /// P x, used again by the step.
    let quadraticTimesX: [Double]

    init(_ problem: PreparedProblem, _ point: Iterate) {
        quadraticTimesX = problem.quadraticTimes(point.x)
        var rx = quadraticTimesX
        problem.rows.addTransposedTimes(point.z, into: &rx)
        axpy(point.tau, problem.linear, into: &rx)
        var rz = problem.rows.times(point.x)
        axpy(1, point.s, into: &rz)
        axpy(-point.tau, problem.bounds, into: &rz)
        x = rx
        z = rz
        tau =
            dot(point.x, quadraticTimesX) / point.tau + dot(problem.linear, point.x) + dot(problem.bounds, point.z)
            + point.kappa
    }
}
