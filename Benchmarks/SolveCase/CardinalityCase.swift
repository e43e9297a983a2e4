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
        let n = file.n
        var quadratic = covariance
        for index in quadratic.elements.indices { quadratic.elements[index] *= aversion }
        let problem = try CaseLimits(file).conic(quadratic: quadratic, linear: expectedReturns.map { -$0 })
        let choices = (0..<n).map { j in
            Disjunction(
                off: [LinearRow(columns: [j], coefficients: [1], upperBound: 0, isEquality: true)],
                on: [LinearRow(columns: [j], coefficients: [-1], upperBound: -least)]
            )
        }
        var settings = SolverSettings()
        settings.relativeGap = 1e-6
        settings.optimalityGap = 1e-6
        settings.maximumNodes = 1_000_000
        let solver = BranchAndBoundSolver(problem, disjunctions: choices, mostOn: most, settings: settings)
        let start = milliseconds(CLOCK_MONOTONIC)
        let result = try solver.solve { milliseconds(CLOCK_MONOTONIC) - start > 60_000 }
        guard let solution = result.solution else {
            throw CaseError(description: "no point was found: \(result.status)")
        }
        return CaseAnswer(
            weights: [solution.primal],
            objective: solution.objective,
            primalResidual: solution.primalResidual,
            suboptimality: result.relativeGap,
            method: "branch-and-bound (\(result.status))",
            iterations: result.iterations,
            details: [("nodes", result.nodes)]
        )
    }
}
