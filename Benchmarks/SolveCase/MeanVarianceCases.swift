import ConvexSolver
import Matrices

/// The limits that the portfolio classes share: a budget, a cap for each name, caps for sectors.
struct CaseLimits {
    let upper: [Double]
    let rows: [ParametricProgram.Row]

    init(_ file: CaseFile) throws {
        upper = file.optionalVector("ub") ?? [Double](repeating: 1, count: file.n)
        var rows = [
            ParametricProgram.Row(coefficients: [Double](repeating: 1, count: file.n), lower: 1, upper: 1)
        ]
        if let sectors = file.optionalVector("sector") {
            for (sector, cap) in try file.vector("scap").enumerated() {
                let members = sectors.map { Int($0) == sector ? 1.0 : 0.0 }
                rows.append(ParametricProgram.Row(coefficients: members, lower: -.infinity, upper: cap))
            }
        }
        self.rows = rows
    }

    /// The rows and bounds as those of a conic program.
    func conic(quadratic: DenseMatrix, linear: [Double]) -> ConicProblem {
        let n = upper.count
        let caps = rows.filter { $0.lower != $0.upper }
        let equations = rows.filter { $0.lower == $0.upper }
        let m = equations.count + caps.count + 2 * n
        var matrix = DenseMatrix(rows: m, columns: n)
        var bounds: [Double] = []
        for row in equations + caps {
            for j in 0..<n { matrix[bounds.count, j] = row.coefficients[j] }
            bounds.append(row.upper)
        }
        for j in 0..<n {
            matrix[bounds.count, j] = 1
            bounds.append(upper[j])
            matrix[bounds.count, j] = -1
            bounds.append(0)
        }
        return ConicProblem(
            quadratic: quadratic,
            linear: linear,
            constraints: matrix,
            bounds: bounds,
            cones: [.zero(equations.count), .nonnegative(m - equations.count)]
        )
    }
}

/// min γ/2 wᵀΣw − μᵀw under the shared limits.
func solveMeanVariance(_ file: CaseFile, method: String) throws -> () throws -> CaseAnswer {
    let covariance = try file.transposedMatrix("Sigma")
    let expectedReturns = try file.vector("mu")
    let aversion = try file.scalar("gamma")
    guard method == "interior-point" else {
        return {
            let limits = try CaseLimits(file)
            let program = ParametricProgram(
                curvature: .dense(covariance),
                linear: expectedReturns.map { -$0 / aversion },
                lower: [Double](repeating: 0, count: file.n),
                upper: limits.upper,
                rows: limits.rows
            )
            let solution = try ActiveSetSolver(program).solve()
            return answer(solution, objective: solution.check.objective * aversion)
        }
    }
    return {
        let limits = try CaseLimits(file)
        var quadratic = covariance
        for index in quadratic.elements.indices { quadratic.elements[index] *= aversion }
        let problem = limits.conic(quadratic: quadratic, linear: expectedReturns.map { -$0 })
        let solution = try InteriorPointSolver(problem).solve()
        return CaseAnswer(
            weights: [solution.primal],
            objective: solution.objective,
            primalResidual: solution.primalResidual,
            suboptimality: solution.relativeGap,
            method: "interior-point (\(solution.status))",
            iterations: solution.iterations
        )
    }
}

/// An active-set solution as an answer.
func answer(_ solution: ActiveSetSolution, objective: Double) -> CaseAnswer {
    CaseAnswer(
        weights: [solution.point],
        objective: objective,
        primalResidual: solution.check.infeasibility,
        suboptimality: solution.check.suboptimality,
        method: "active-set",
        iterations: solution.effort.guesses + solution.effort.steps,
        details: [
            ("pricings", solution.effort.pricings), ("guesses", solution.effort.guesses),
            ("steps", solution.effort.steps), ("considered", solution.effort.considered),
            ("free", solution.effort.free),
        ]
    )
}
