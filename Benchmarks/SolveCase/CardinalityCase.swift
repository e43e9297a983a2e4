import ConvexSolver
import Glibc
import Matrices

/// min γ/2 wᵀΣw − μᵀw, Σw = 1, each weight 0 or at least `wmin`, at most `K` of them held.
func solveCardinality(_ file: CaseFile) throws -> () throws -> CaseAnswer {
    let covariance = try file.transposedMatrix("Sigma")
    let expectedReturns = try file.vector("mu")
    let aversion = try file.scalar("gamma")
    let least = try file.scalar("wmin")
    let most = Int(try file.scalar("K"))
    return {
        var quadratic = covariance
        for index in quadratic.elements.indices { quadratic.elements[index] *= aversion }
        let limits = try CaseLimits(file)
        let program = CardinalityProgram(
            quadratic: quadratic,
            linear: expectedReturns.map { -$0 },
            lower: [Double](repeating: least, count: file.n),
            upper: limits.upper,
            rows: limits.rows,
            mostIn: most
        )
        let start = milliseconds(CLOCK_MONOTONIC)
        let result = try CardinalitySolver(program).solve { milliseconds(CLOCK_MONOTONIC) - start > 60_000 }
        guard !result.point.isEmpty else { throw CaseError(description: "no point was found: \(result.status)") }
        return CaseAnswer(
            weights: [result.point],
            objective: result.objective,
            primalResidual: result.infeasibility,
            suboptimality: result.relativeGap,
            method: "perspective-branch-and-bound (\(result.status))",
            iterations: result.iterations,
            details: [("nodes", result.nodes), ("supports", result.supports)]
        )
    }
}
