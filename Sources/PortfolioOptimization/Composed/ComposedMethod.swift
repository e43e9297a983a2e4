internal import ConvexSolver
internal import Glibc
internal import PortfolioModel

/// Objectives that the caller puts together of terms, under every limit of a mandate.
///
/// One convex program: the rows of the limits, and for each term a linear part, a quadratic one, or a column with its
/// cone. Measures over scenarios are bounded from below by their supports, as in ``RiskMeasureMethod``.
struct ComposedMethod: RiskTradeOff {
    let problem: AllocationProblem
    private let limits: AllocationLimits
    private let base: MeanVarianceMethod
    private let objective: ComposedObjective
    /// Where a measure over scenarios is added up or limited.
    private let measured: RiskMeasureMethod?
    /// What a unit of the measure is worth in the objective; 0 where it is only limited.
    private let aversion: Double

    init(_ problem: AllocationProblem, solver known: (any RiskSolving)? = nil) throws(OptimizationFailure) {
        if let failure = refusalOfTerms(of: problem) { throw failure }
        self.problem = problem
        let solver: (any RiskSolving)?
        if let known { solver = known } else { solver = try composedRiskSolver(of: problem) }
        if let solver {
            let method = try RiskMeasureMethod(problem, solver: solver)
            measured = method
            base = method.base
        } else {
            measured = nil
            base = MeanVarianceMethod(problem)
        }
        limits = base.limits
        guard let charges = problem.charges else { throw numericalDifficulty("the terms have no charges") }
        objective = ComposedObjective(problem, limits: base.limits, charges: charges)
        aversion = riskAversion(of: problem)
    }

    /// The best allocation.
    func solve(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        if let clash = ArithmeticCheck(problem: problem, limits: limits).clash() {
            throw try base.infeasible(because: clash, shouldStop: shouldStop)
        }
        if let failure = refusalOfLimits { throw failure }
        if limits.forbidsTrading {
            guard let measured else { return try base.currentAllocation(shouldStop: shouldStop) }
            return try measured.currentAllocation(shouldStop: shouldStop)
        }
        guard let measured else { return try withoutScenarios(shouldStop: shouldStop) }
        return try overScenarios(measured, shouldStop: shouldStop)
    }

    /// What the terms come to at a solution.
    func values(of solution: AllocationSolution) throws(OptimizationFailure) -> [TermValue] {
        try values(weights: solution.weights, cash: solution.cash)
    }

    /// What the terms come to at weights.
    func values(weights: [Double], cash: Double) throws(OptimizationFailure) -> [TermValue] {
        try objective.values(weights: weights, cash: cash)
    }

    // MARK: Solves

    private func withoutScenarios(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        var builder = ProgramBuilder(limits: limits)
        if !limits.volatilityLimits.isEmpty { builder.volatility = (base.scaling.factor, base.scaling.volatilityUnit) }
        guard
            let rows = builder.program(quadratic: nil, linear: objective.linear(count: builder.columnCount))
        else { throw try base.infeasible(because: nil, shouldStop: shouldStop) }
        var program = objective.compose(rows, asCones: false)
        try requireCountable(program)
        let outcome: ProgramOutcome
        do throws(OptimizationFailure) {
            outcome = try solveProgram(program, preferences: problem.preferences, shouldStop: shouldStop)
        } catch {
            // At the tip of a cone, where the benchmark is the answer, a quadratic part beside it keeps steps short.
            guard error.code == "numerical_difficulty" else { throw error }
            program = objective.compose(rows, asCones: true)
            outcome = try solveProgram(program, preferences: problem.preferences, shouldStop: shouldStop)
        }
        switch outcome {
        case .infeasible: throw try base.infeasible(because: nil, shouldStop: shouldStop)
        case .unbounded: throw numericalDifficulty("the solver found no bound of a bounded program")
        case .solved(let optimum):
            let isDiscrete = !program.disjunctions.isEmpty
            let prices = ShadowPrices(program: program, dual: optimum.dual, gainPerDual: objective.unit)
            return try base.finish(
                try base.clean(optimum, scale: 1),
                report: optimum.report,
                isDiscrete: isDiscrete,
                prices: prices,
                shouldStop: shouldStop
            )
        }
    }

    /// The limit on the measure is left out until the answer breaks it: then a point of the least risk shows the way in.
    private func overScenarios(
        _ method: RiskMeasureMethod,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> AllocationSolution {
        try method.softened(self, aversion: aversion, shouldStop: shouldStop)
    }

    /// The best point with another weight of the measure.
    func optimum(
        _ method: RiskMeasureMethod,
        aversion: Double,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> RiskMeasureMethod.Optimum {
        let free = try optimum(method, aversion: aversion, limitsRisk: false, shouldStop: shouldStop)
        guard let limit = method.limits.riskLimit, method.risk(at: free.optimum.primal) > limit.bound else {
            return free
        }
        let least = try method.leastRiskOptimum(shouldStop: shouldStop)
        let excess = (method.risk(at: least.optimum.primal) - limit.bound) / powerOfTwo(near: limit.bound)
        guard excess <= AllocationLimits.tolerance else {
            throw try base.infeasible(because: nil, shouldStop: shouldStop)
        }
        return try optimum(method, aversion: aversion, limitsRisk: true, shouldStop: shouldStop)
    }

    private func optimum(
        _ method: RiskMeasureMethod,
        aversion: Double,
        limitsRisk: Bool,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> RiskMeasureMethod.Optimum {
        let program = try program(method, aversion: aversion, limitsRisk: limitsRisk, shouldStop: shouldStop)
        try requireCountable(program)
        return try method.solved(program, gain: objective.unit, anchor: nil, shouldStop: shouldStop)
    }

    private func program(
        _ method: RiskMeasureMethod,
        aversion: Double,
        limitsRisk: Bool,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> AllocationProgram {
        var builder = method.builder(limitsRisk: limitsRisk)
        if aversion == 0, !limitsRisk, method.limits.softRisk == nil { builder.risk = nil }
        var linear = objective.linear(count: builder.columnCount)
        if let column = builder.riskColumn { linear[column] = aversion * method.solver.unit / objective.unit }
        guard let rows = builder.program(quadratic: nil, linear: linear) else {
            throw try base.infeasible(because: nil, shouldStop: shouldStop)
        }
        return objective.compose(rows, asCones: true)
    }

    // MARK: Refusals

    /// Entropy has no slope at 0, and who must be 0 there has no inside.
    private var refusalOfLimits: OptimizationFailure? {
        guard limits.hasChoices, problem.terms.contains(where: { $0.kind == .entropy }) else { return nil }
        return unsupported(
            "entropy holds a little of everything: it does not go with min_position_size or max_positions"
        )
    }

    /// The search over who is held counts every choice, and whether something is sold is one.
    private func requireCountable(_ program: AllocationProgram) throws(OptimizationFailure) {
        guard limits.positionLimit != nil, program.disjunctions.contains(where: { $0.on.first?.columns.count ?? 0 > 1 })
        else { return }
        throw unsupported("max_positions does not go with the tax of holdings that have lots at a loss")
    }
}

/// −x ln x, and 0 at 0.
func entropyTerm(_ weight: Double) -> Double { weight > 0 ? -weight * log(weight) : 0 }

private func unsupported(_ message: String) -> OptimizationFailure {
    OptimizationFailure(code: "unsupported_constraint", message: message)
}

/// Why a problem's terms cannot be added up; nil when they can.
func refusalOfTerms(of problem: AllocationProblem) -> OptimizationFailure? {
    guard !problem.terms.isEmpty else {
        return OptimizationFailure(code: "invalid_inputs", message: "There are no terms to add up.")
    }
    if let term = problem.terms.nonconvex(under: problem.preferences).first {
        let list = problem.objective == .custom ? "custom_objective" : "objectives"
        return OptimizationFailure(code: "not_convex", message: "/\(list)/\(term.index): \(term.reason).")
    }
    if problem.type == .multiPeriod {
        if let term = problem.terms.withoutPath(under: problem.preferences).first {
            return OptimizationFailure(code: "invalid_inputs", message: "/objectives/\(term.index): \(term.reason).")
        }
        if problem.parameters.paretoPoints != nil {
            return OptimizationFailure(
                code: "invalid_inputs",
                message: "multi_period has no pareto_points: it maximizes the sum of the weighted terms."
            )
        }
    }
    if problem.type == .robust, let uncertainty = problem.parameters.uncertainty,
        let term = problem.terms.withoutWorstCase(under: uncertainty).first
    {
        let code = uncertainty.kind.isOfReturns ? "not_convex" : "invalid_inputs"
        return OptimizationFailure(code: code, message: "/objectives/\(term.index): \(term.reason).")
    }
    if problem.parameters.paretoPoints != nil, problem.constraints.softLimits?.isEmpty == false {
        return unsupported(
            "soft_limits does not go with pareto_points, of which each weighs the objectives anew, and with them what a"
                + " penalty is worth"
        )
    }
    for term in problem.terms where term.kind == .factorExposure {
        guard let factors = problem.factors else { return missingFactors }
        guard let name = term.factor, factors.factors.contains(name) else {
            return unknownFactor(term.factor ?? "", in: factors.factors)
        }
    }
    guard let limited = problem.limitedMeasure, !problem.terms.scenarioMeasures.isEmpty,
        problem.terms.scenarioMeasures != [limited]
    else { return nil }
    return unsupported(
        "max_risk limits \(limited.rawValue), and the terms measure risk otherwise, too: limit the measure that is added"
            + " up, or only that"
    )
}

extension AllocationProblem {
    /// The measure over scenarios that is limited.
    var limitedMeasure: RiskMeasure? {
        riskMeasure != .volatility && constraints.maxRisk != nil ? riskMeasure : nil
    }
}

/// What the single measure over scenarios weighs; 1 where several are one, 0 where none is added up.
private func riskAversion(of problem: AllocationProblem) -> Double {
    let terms = problem.terms.filter { $0.kind == .risk && $0.riskMeasure != .volatility }
    return terms.count == 1 ? -terms[0].weight : terms.isEmpty ? 0 : 1
}

/// What solves programs with the measures over scenarios that are added up or limited; nil where there are none.
func composedRiskSolver(of problem: AllocationProblem) throws(OptimizationFailure) -> (any RiskSolving)? {
    let terms = problem.terms.filter { $0.kind == .risk && $0.riskMeasure != .volatility }
    var risks: [(risk: any ConvexRisk, weight: Double)] = []
    for term in terms {
        guard let measure = term.riskMeasure else { continue }
        risks.append((try convexRisk(of: problem, measure), -term.weight))
    }
    if risks.count > 1 { return RiskProgramSolver(WeightedRisks(risks)) }
    if let only = risks.first { return RiskProgramSolver(only.risk) }
    guard let limited = problem.limitedMeasure else { return nil }
    return RiskProgramSolver(try convexRisk(of: problem, limited))
}

private func convexRisk(
    of problem: AllocationProblem,
    _ measure: RiskMeasure
) throws(OptimizationFailure) -> any ConvexRisk {
    let risk = try portfolioRisk(of: problem, measure)
    guard let convex = risk as? any ConvexRisk else { throw numericalDifficulty("\(measure.rawValue) is not convex") }
    return convex
}
