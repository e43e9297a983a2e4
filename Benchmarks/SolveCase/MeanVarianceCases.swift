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

/// The limit on trading of the turnover variants, and the costs of the cost variants.
private func kinks(of file: CaseFile) throws -> ParametricProgram.Kinks? {
    let limit = file.optionalScalar("tau") ?? .infinity
    let costs = file.optionalVector("cost")
    guard limit < .infinity || costs != nil else { return nil }
    return ParametricProgram.Kinks(
        positions: try file.vector("w0"),
        costs: costs ?? [Double](repeating: 0, count: file.n),
        limit: limit
    )
}

/// min γ/2 wᵀ(BFBᵀ + D)w − μᵀw + Σc|w − w₀| under the shared limits and a limit on Σ|w − w₀|.
func solveFactorModel(_ file: CaseFile) throws -> () throws -> CaseAnswer {
    let exposures = try file.transposedMatrix("B")
    let factorCovariance = try file.transposedMatrix("F")
    let residual = try file.vector("D")
    let expectedReturns = try file.vector("mu")
    let aversion = try file.scalar("gamma")
    return {
        let limits = try CaseLimits(file)
        var trades = try kinks(of: file)
        if let costs = trades?.costs { trades?.costs = costs.map { $0 / aversion } }
        let program = ParametricProgram(
            curvature: .factors(
                FactorCurvature(
                    exposuresTransposed: exposures,
                    factorCovariance: factorCovariance,
                    residual: residual
                )
            ),
            linear: expectedReturns.map { -$0 / aversion },
            lower: [Double](repeating: 0, count: file.n),
            upper: limits.upper,
            rows: limits.rows,
            kinks: trades
        )
        let solution = try ActiveSetSolver(program).solve()
        return answer(solution, objective: solution.check.objective * aversion)
    }
}

/// max (μ − r)ᵀw / √(wᵀΣw) under the shared limits.
func solveSharpe(_ file: CaseFile) throws -> () throws -> CaseAnswer {
    let covariance = try file.transposedMatrix("Sigma")
    let expectedReturns = try file.vector("mu")
    let riskFree = try file.scalar("rf")
    return {
        let limits = try CaseLimits(file)
        let program = ParametricProgram(
            curvature: .dense(covariance),
            linear: [Double](repeating: 0, count: file.n),
            direction: expectedReturns.map { riskFree - $0 },
            lower: [Double](repeating: 0, count: file.n),
            upper: limits.upper,
            rows: limits.rows,
            kinks: try kinks(of: file)
        )
        let solution = try ActiveSetSolver(program).solveLargestRatio()
        return answer(solution, objective: solution.check.objective)
    }
}

/// min wᵀΣw, μᵀw ≥ r, under the shared limits.
func solveTarget(_ file: CaseFile) throws -> () throws -> CaseAnswer {
    let covariance = try file.transposedMatrix("Sigma")
    let expectedReturns = try file.vector("mu")
    let target = try file.scalar("rmin")
    return {
        let limits = try CaseLimits(file)
        let floor = ParametricProgram.Row(coefficients: expectedReturns, lower: target, upper: .infinity)
        let program = ParametricProgram(
            curvature: .dense(covariance),
            linear: [Double](repeating: 0, count: file.n),
            lower: [Double](repeating: 0, count: file.n),
            upper: limits.upper,
            rows: limits.rows + [floor],
            kinks: try kinks(of: file)
        )
        let solution = try ActiveSetSolver(program).solve()
        return answer(solution, objective: solution.check.objective * 2)
    }
}

/// The whole frontier, read off at the returns asked for.
func solveFrontier(_ file: CaseFile) throws -> () throws -> CaseAnswer {
    let covariance = try file.transposedMatrix("Sigma")
    let expectedReturns = try file.vector("mu")
    let targets = try file.vector("targets")
    return {
        let limits = try CaseLimits(file)
        let program = ParametricProgram(
            curvature: .dense(covariance),
            linear: [Double](repeating: 0, count: file.n),
            direction: expectedReturns.map { -$0 },
            lower: [Double](repeating: 0, count: file.n),
            upper: limits.upper,
            rows: limits.rows
        )
        let corners = try ActiveSetSolver(program).path().corners
        return CaseAnswer(
            weights: points(on: corners, at: targets, expectedReturns: expectedReturns),
            isPath: true,
            objective: 0,
            method: "critical-line",
            iterations: corners.count,
            details: [("corners", corners.count)]
        )
    }
}

/// The points of a frontier at given returns, ascending.
private func points(on corners: [PathCorner], at targets: [Double], expectedReturns: [Double]) -> [[Double]] {
    let returns = corners.map { corner in
        corner.point.indices.reduce(0) { $0 + corner.point[$1] * expectedReturns[$1] }
    }
    var next = 0
    return targets.map { target in
        while next < corners.count, returns[next] < target { next += 1 }
        guard next > 0, next < corners.count else { return corners[min(next, corners.count - 1)].point }
        let (low, high) = (corners[next - 1].point, corners[next].point)
        let share = (target - returns[next - 1]) / (returns[next] - returns[next - 1])
        return low.indices.map { low[$0] + share * (high[$0] - low[$0]) }
    }
}
