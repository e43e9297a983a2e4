internal import Matrices
internal import PortfolioModel

/// Risk parity and risk budgeting within the limits of a mandate.
///
/// Risk is volatility, or conditional value-at-risk over scenarios or of normal returns. The portfolio whose risk
/// contributions are exactly the budgets is unique. Where it meets the limits, with as little
/// cash as they allow, it is the answer; where it does not, the constrained one of ``ConstrainedRiskBudgeting`` is, and a
/// warning says how far it is from the budgets.
struct RiskParityMethod {
    private let problem: AllocationProblem
    private let method: MeanVarianceMethod
    /// What measures risk where that is not volatility.
    private let solver: RiskProgramSolver?
    /// b of the problem's instruments, summing to 1.
    private let budgets: [Double]

    /// How far a contribution may be from its budget without a warning.
    private static let exactness = 5e-9
    /// How much more cash than the least there may be.
    private static let hair = 1e-7

    init(_ problem: AllocationProblem) throws(OptimizationFailure) {
        self.problem = problem
        let limits = ConstraintCompiler.compile(problem)
        let budgets = try riskBudgets(of: problem, limits)
        self.budgets = budgets
        solver = problem.riskMeasure == .volatility ? nil : try riskSolver(of: problem) as? RiskProgramSolver
        var method = MeanVarianceMethod(problem, limits: limits.forRiskBudgets(budgets, problem))
        method.risk = solver
        self.method = method
    }

    func solve(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        if let clash = ArithmeticCheck(problem: problem, limits: method.limits).clash() {
            throw try method.infeasible(because: clash, shouldStop: shouldStop)
        }
        if method.limits.forbidsTrading { return warned(try method.currentAllocation(shouldStop: shouldStop)) }
        let exact = try exactPortfolio(shouldStop: shouldStop)
        if let point = FixedProportions(method, exact.weights).withLeastCash() {
            let report = SolutionReport(
                status: .optimal,
                solver: "newton",
                iterations: exact.iterations,
                solveMilliseconds: 0,
                primalResidual: 0,
                dualResidual: exact.budgetError,
                relativeGap: 0
            )
            var solution = try method.solution(at: point, report: report, shouldStop: shouldStop)
            solution.riskGradient = exact.gradient
            return warned(solution)
        }
        let limited = try withLeastCash(shouldStop: shouldStop)
        let constrained = ConstrainedRiskBudgeting(
            method: limited,
            steps: solver.map { MeasuredBarrierSteps(limited, $0) } ?? BarrierSteps(limited),
            budgets: budgets,
            start: exact.weights
        )
        do throws(OptimizationFailure) {
            if let solution = try constrained.solve(shouldStop: shouldStop) { return warned(solution) }
        } catch {
            // Rows with next to no room stop an interior point; the least risk tells whether there is any.
            guard error.code == "numerical_difficulty", try isBeyondLeastRisk(shouldStop: shouldStop) else {
                throw error
            }
        }
        throw try method.infeasible(because: nil, shouldStop: shouldStop)
    }

    /// Whether the limit on the measure is below the least that the other limits allow.
    private func isBeyondLeastRisk(shouldStop: () -> Bool) throws(OptimizationFailure) -> Bool {
        guard let solver, let limit = method.limits.riskLimit else { return false }
        var builder = ProgramBuilder(limits: method.limits)
        if !method.limits.volatilityLimits.isEmpty {
            builder.volatility = (method.scaling.factor, method.scaling.volatilityUnit)
        }
        builder.risk = RiskColumn(unit: solver.unit, limit: nil)
        var linear = [Double](repeating: 0, count: builder.columnCount)
        if let column = builder.riskColumn { linear[column] = 1 }
        guard let program = builder.program(quadratic: nil, linear: linear) else { return true }
        let outcome = try solver.solve(
            program,
            preferences: problem.preferences,
            anchor: nil,
            shouldStop: shouldStop
        )
        switch outcome {
        case .infeasible: return true
        case .unbounded: return false
        case .solved(let optimum):
            let risk = solver.risk.value(of: Array(optimum.primal[..<method.limits.layout.cash]))
            return risk - limit.bound > AllocationLimits.tolerance * powerOfTwo(near: limit.bound)
        }
    }

    /// The method with cash held at the least that the limits allow: it is no part of the risk, and nothing else says how
    /// much there should be.
    private func withLeastCash(shouldStop: () -> Bool) throws(OptimizationFailure) -> MeanVarianceMethod {
        let column = method.limits.layout.cash
        let least = method.limits.cashLimits.lower?.bound ?? 0
        let most = method.limits.cashLimits.upper?.bound ?? 1
        guard most > least else { return method }
        var builder = ProgramBuilder(limits: method.limits)
        if !method.limits.volatilityLimits.isEmpty {
            builder.volatility = (method.scaling.factor, method.scaling.volatilityUnit)
        }
        var linear = [Double](repeating: 0, count: builder.columnCount)
        linear[column] = 1
        if let solver, let limit = method.limits.riskLimit {
            builder.risk = RiskColumn(unit: solver.unit, limit: limit)
            linear.append(0)
        }
        guard let program = builder.program(quadratic: nil, linear: linear),
            case .solved(let optimum) = try leastCash(
                program,
                shouldStop: shouldStop
            )
        else { throw try method.infeasible(because: nil, shouldStop: shouldStop) }
        let attainable = max(least, optimum.primal[column])
        var limits = method.limits
        if attainable - least <= AllocationLimits.tolerance {
            limits.expressions[column].upper = LimitSide(bound: least)
        } else {
            // Where nothing is left to choose an interior point has no room: a hair of cash gives it some.
            limits.expressions[column].upper = LimitSide(bound: min(most, attainable + Self.hair))
        }
        var result = MeanVarianceMethod(problem, limits: limits)
        result.risk = solver
        return result
    }

    private func leastCash(
        _ program: AllocationProgram,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> ProgramOutcome {
        let preferences = problem.preferences
        guard let solver, program.riskColumn != nil else {
            return try solveProgram(program, preferences: preferences, shouldStop: shouldStop)
        }
        return try solver.solve(program, preferences: preferences, anchor: nil, shouldStop: shouldStop)
    }

    /// A portfolio that meets the budgets, and how it was found.
    private struct Exact {
        var weights: [Double]
        var budgetError: Double
        var iterations: Int
        /// The gradient of the measure, where it is another than volatility.
        var gradient: [Double]?
    }

    /// The portfolio that meets the budgets, whatever the limits.
    private func exactPortfolio(shouldStop: () -> Bool) throws(OptimizationFailure) -> Exact {
        do {
            if let solver { return try exactPortfolio(of: solver.risk, shouldStop: shouldStop) }
            let covariance = try problem.covariance.matrix(for: "risk_parity")
            let found = try riskBudgetPortfolio(covariance: covariance, budgets: budgets, shouldStop: shouldStop)
            return Exact(weights: found.weights, budgetError: found.budgetError, iterations: found.cost.newtonSteps)
        } catch let error as RiskBudgetingError {
            throw failure(of: error)
        } catch let error as OptimizationFailure {
            throw error
        } catch {
            throw numericalDifficulty("\(error)")
        }
    }

    private func exactPortfolio(
        of risk: any ConvexRisk,
        shouldStop: () -> Bool
    ) throws(RiskBudgetingError) -> Exact {
        if let risk = risk as? GaussianRisk {
            let found = try GaussianBudgeting(risk, budgets: budgets).solve(shouldStop: shouldStop)
            let gradient = risk.gradient(atProfile: found.weights)
            return Exact(
                weights: found.weights,
                budgetError: found.budgetError,
                iterations: found.iterations,
                gradient: gradient
            )
        }
        guard let tail = risk as? TailRisk else { throw RiskBudgetingError.notPositiveSemidefinite }
        let found = try tailBudgetPortfolio(
            returns: tail.scenarios.returns,
            probabilities: tail.scenarios.probabilities,
            budgets: budgets,
            confidence: tail.confidence,
            shouldStop: shouldStop
        )
        return Exact(
            weights: found.weights,
            budgetError: found.budgetError,
            iterations: found.iterations,
            gradient: found.gradient
        )
    }

    private func failure(of error: RiskBudgetingError) -> OptimizationFailure {
        switch error {
        case .noVariance(let instrument): return risklessInstrument(problem.instruments[instrument].id)
        case .riskless:
            return OptimizationFailure(
                code: "riskless",
                message: solver == nil
                    ? "Some combination of the instruments has no risk at all: there is none to divide."
                    : "Some combination of the instruments has a \(problem.riskMeasure.rawValue) of 0 or less: there is no"
                        + " risk to divide."
            )
        case .stopped: return timeLimit()
        case .noBudget: return missingBudgets()
        case .notConverged(let budgetError):
            return numericalDifficulty("the budgets are missed by \(budgetError), relative to the budgets")
        case .dimensionMismatch, .notFinite, .negativeBudget, .notPositiveSemidefinite:
            return numericalDifficulty("the covariance does not allow risk contributions (\(error))")
        }
    }

    /// The risk contributions of a solution, empty without risk; adds a limit on the measure that binds.
    private func contributions(of solution: inout AllocationSolution) -> [Double] {
        guard let solver else {
            return RiskFigures(weights: solution.weights, covariance: problem.covariance).contributions
        }
        let risk = solver.risk.value(of: solution.weights)
        if let limit = method.limits.riskLimit, risk - limit.bound >= -1e-7 * powerOfTwo(near: limit.bound) {
            solution.bindingConstraints += method.entry(limit, risk, nil)
        }
        let gradient =
            solution.riskGradient ?? solver.risk.gradient(atProfile: solver.risk.profile(of: solution.weights))
        return MeasuredRisk.shares(weights: solution.weights, gradient: gradient, value: risk, scale: solver.risk.scale)
    }

    /// The solution with a warning where its contributions are not the budgets.
    private func warned(_ solution: AllocationSolution) -> AllocationSolution {
        var solution = solution
        let contributions = contributions(of: &solution)
        var worst = (instrument: 0, miss: 0.0)
        for index in contributions.indices {
            let miss = abs(contributions[index] - budgets[index])
            if miss > worst.miss { worst = (index, miss) }
        }
        guard worst.miss > Self.exactness || contributions.isEmpty else { return solution }
        var result = solution
        let id = problem.instruments[worst.instrument].id
        let what =
            contributions.isEmpty
            ? "the allocation has no risk"
            : "\(id) has \(readable(contributions[worst.instrument])) of the risk instead of"
                + " \(readable(budgets[worst.instrument]))"
        result.warnings.append(
            ResultWarning(
                code: "risk_budgets_not_met",
                message: "The limits do not allow risk contributions equal to the budgets: \(what)."
            )
        )
        return result
    }
}

/// The failure of a method that divides risk where an instrument has none.
func risklessInstrument(_ id: String) -> OptimizationFailure {
    OptimizationFailure(
        code: "riskless_instrument",
        message: "\(id) has no variance: it can take no share of the risk. Leave it out of the universe."
    )
}

extension AllocationLimits {
    /// The limits as they act on an allocation in which every budget above 0 is held.
    ///
    /// A buy-in threshold is then a floor, and what has no budget is at its own floor.
    fileprivate func forRiskBudgets(_ budgets: [Double], _ problem: AllocationProblem) -> AllocationLimits {
        var result = self
        if let threshold {
            for index in thresholdInstruments where budgets[index] > 0 {
                let own = result.expressions[index].lower?.bound ?? 0
                guard threshold.bound > own else { continue }
                let subject = problem.instruments[index].id
                result.expressions[index].lower = LimitSide(
                    bound: threshold.bound,
                    parameter: threshold.parameter,
                    subject: subject
                )
            }
        }
        result.threshold = nil
        result.thresholdInstruments = []
        for index in budgets.indices where budgets[index] == 0 {
            let kept = changeRows.first { $0.value == index }.flatMap { expressions[$0.key].lower?.bound } ?? 0
            result.expressions[index].upper = LimitSide(bound: max(result.expressions[index].lower?.bound ?? 0, kept))
        }
        return result
    }
}
