import ConvexSolver
import Foundation
import Matrices
import Testing

/// How far residuals, recomputed here from the data, may be from zero, relative to the numbers they come from.
let residualTolerance = 1e-9

/// Checks the optimality conditions by themselves, in plain loops, without any part of the solver.
func expectOptimal(
    _ solution: ConicSolution,
    for problem: ConicProblem,
    tolerance: Double = residualTolerance,
    _ comment: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(solution.status == .solved, "\(comment)", sourceLocation: sourceLocation)
    let (x, s, z) = (solution.primal, solution.slack, solution.dual)
    var worstPrimal = 0.0
    var scalePrimal = 1e-300
    for i in 0..<problem.rowCount {
        let row = problem.constraints.row(i)
        let value = zip(row, x).reduce(0) { $0 + $1.0 * $1.1 }
        worstPrimal = max(worstPrimal, (value + s[i] - problem.bounds[i]).magnitude)
        scalePrimal = max(
            scalePrimal,
            problem.bounds[i].magnitude,
            zip(row, x).reduce(0) { $0 + ($1.0 * $1.1).magnitude }
        )
    }
    #expect(worstPrimal <= tolerance * scalePrimal, "primal \(comment)", sourceLocation: sourceLocation)

    var worstDual = 0.0
    var scaleDual = 1e-300
    for j in 0..<problem.variableCount {
        let curvature = zip(problem.quadratic.row(j), x).reduce(0) { $0 + $1.0 * $1.1 }
        let pressure = zip(problem.constraints.column(j), z).reduce(0) { $0 + $1.0 * $1.1 }
        worstDual = max(worstDual, (curvature + problem.linear[j] + pressure).magnitude)
        scaleDual = max(scaleDual, curvature.magnitude, problem.linear[j].magnitude, pressure.magnitude)
    }
    #expect(worstDual <= tolerance * scaleDual, "dual \(comment)", sourceLocation: sourceLocation)

    let sizes = zip(s, z).reduce(0) { $0 + ($1.0 * $1.1).magnitude }
    let products = zip(s, z).reduce(0) { $0 + $1.0 * $1.1 }
    let cost = zip(problem.linear, x).reduce(0) { $0 + ($1.0 * $1.1).magnitude }
    let scaleGap = max(sizes, cost, scaleDual * (x.map(\.magnitude).max() ?? 0), 1e-300)
    #expect(products.magnitude <= tolerance * scaleGap, "complementarity \(comment)", sourceLocation: sourceLocation)
    expectInCones(s, z, problem, tolerance, comment, sourceLocation)
}

private func expectInCones(
    _ s: [Double],
    _ z: [Double],
    _ problem: ConicProblem,
    _ tolerance: Double,
    _ comment: String,
    _ sourceLocation: SourceLocation
) {
    let sizeS = max(problem.bounds.map(\.magnitude).max() ?? 0, s.map(\.magnitude).max() ?? 0)
    let sizeZ = max(problem.linear.map(\.magnitude).max() ?? 0, z.map(\.magnitude).max() ?? 0)
    var first = 0
    for cone in problem.cones {
        let rows = first..<(first + cone.dimension)
        first += cone.dimension
        switch cone {
        case .zero:
            #expect(rows.allSatisfy { s[$0] == 0 }, "\(comment)", sourceLocation: sourceLocation)
        case .nonnegative:
            #expect(rows.allSatisfy { s[$0] >= 0 && z[$0] >= 0 }, "\(comment)", sourceLocation: sourceLocation)
        case .secondOrder:
            for (vector, size) in [(s, sizeS), (z, sizeZ)] {
                let tail = rows.dropFirst().reduce(0) { $0 + vector[$1] * vector[$1] }.squareRoot()
                let excess = tail - vector[rows.lowerBound]
                #expect(excess <= tolerance * size, "\(comment)", sourceLocation: sourceLocation)
            }
        case .exponential, .power:
            let (outsideS, outsideZ) = (excess(cone, s, rows, dual: false), excess(cone, z, rows, dual: true))
            #expect(outsideS <= tolerance * sizeS, "\(comment)", sourceLocation: sourceLocation)
            #expect(outsideZ <= tolerance * sizeZ, "\(comment)", sourceLocation: sourceLocation)
        }
    }
}

/// By how much one entry of a vector would have to move for it to be in a nonsymmetric cone, or its dual.
private func excess(_ cone: Cone, _ v: [Double], _ rows: Range<Int>, dual: Bool) -> Double {
    var (x, y, z) = (v[rows.lowerBound], v[rows.lowerBound + 1], v[rows.lowerBound + 2])
    if case .power(let exponent) = cone {
        if dual { (x, y) = (x / exponent, y / (1 - exponent)) }
        let mean = pow(max(0, x), exponent) * pow(max(0, y), 1 - exponent)
        return max(-x, -y, z.magnitude - mean)
    }
    // (u, v, w) is in the dual just when (u − v, −u, w) is in the cone.
    if dual { (x, y) = (x - y, -x) }
    let onFace = max(y.magnitude, x, -z)
    guard y > 0 else { return onFace }
    let upwards = y * exp(x / y) - z
    return min(onFace, upwards, z > 0 ? x - y * log(z / y) : .infinity)
}

/// Checks a proof of infeasibility from the data: Aᵀz = 0, bᵀz < 0, z ∈ K*.
func expectPrimalCertificate(
    _ solution: ConicSolution,
    for problem: ConicProblem,
    _ comment: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(solution.status == .primalInfeasible, "\(comment)", sourceLocation: sourceLocation)
    let z = solution.dual
    let support = zip(problem.bounds, z).reduce(0) { $0 + $1.0 * $1.1 }
    #expect((support + 1).magnitude < 1e-6, "scaled to −1 \(comment)", sourceLocation: sourceLocation)
    for j in 0..<problem.variableCount {
        let value = zip(problem.constraints.column(j), z).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(value.magnitude < 1e-6, "\(comment)", sourceLocation: sourceLocation)
    }
    var first = 0
    for cone in problem.cones {
        let rows = first..<(first + cone.dimension)
        first += cone.dimension
        switch cone {
        case .zero: continue
        case .nonnegative: #expect(rows.allSatisfy { z[$0] >= 0 }, "\(comment)", sourceLocation: sourceLocation)
        case .secondOrder:
            let tail = rows.dropFirst().reduce(0) { $0 + z[$1] * z[$1] }.squareRoot()
            #expect(tail <= z[rows.lowerBound] + 1e-9, "\(comment)", sourceLocation: sourceLocation)
        case .exponential, .power:
            #expect(excess(cone, z, rows, dual: true) <= 1e-9, "\(comment)", sourceLocation: sourceLocation)
        }
    }
}

/// Checks a proof of unboundedness from the data: Px = 0, Ax + s = 0, s ∈ K, qᵀx < 0.
func expectDualCertificate(
    _ solution: ConicSolution,
    for problem: ConicProblem,
    _ comment: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(solution.status == .dualInfeasible, "\(comment)", sourceLocation: sourceLocation)
    let (x, s) = (solution.primal, solution.slack)
    let cost = zip(problem.linear, x).reduce(0) { $0 + $1.0 * $1.1 }
    #expect((cost + 1).magnitude < 1e-6, "\(comment)", sourceLocation: sourceLocation)
    for j in 0..<problem.variableCount {
        let value = zip(problem.quadratic.row(j), x).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(value.magnitude < 1e-6, "\(comment)", sourceLocation: sourceLocation)
    }
    for i in 0..<problem.rowCount {
        let value = zip(problem.constraints.row(i), x).reduce(0) { $0 + $1.0 * $1.1 }
        #expect((value + s[i]).magnitude < 1e-6, "\(comment)", sourceLocation: sourceLocation)
    }
}
