internal import ConvexSolver
package import PortfolioModel

/// Plans several periods at once: the objectives of mean-variance over a path of weights, every limit in every period.
///
/// Trades are counted from one period's weights to the next's; how returns move weights in between is left out, as are
/// costs from the budget (docs/mathematics.md, "Several periods"). Only the first period's trades are recommended.
///
/// - SeeAlso: Boyd et al., Multi-Period Trading via Convex Optimization, Foundations and Trends in Optimization 3 (2017).
struct MultiPeriodMethod {
    let problem: AllocationProblem
    let stages: [PathStage]
    /// What is to be held at the end, cash last; nil for no target.
    let target: [Double]?
    /// Columns up to which a program is solved with dense systems, which polish their answers.
    var largestDenseProgram = 600

    /// How far a settled path may be from a limit, in the limit's unit.
    private static let tolerance = 1e-8
    /// Below this scaled volatility a path is without risk.
    private static let riskless = 1e-7
    /// Below this share of the largest gain there is none.
    private static let negligibleGain = 1e-9
    /// Columns of the largest program that cannot be solved stage by stage.
    private static let largestInOnePiece = 1_500

    /// Compiles the limits of every period.
    ///
    /// - Throws: ``OptimizationFailure`` with the code `invalid_inputs` without a horizon.
    init(_ problem: AllocationProblem) throws(OptimizationFailure) {
        guard let horizon = problem.parameters.horizon, horizon.periodCount >= 1 else {
            throw OptimizationFailure(code: "invalid_inputs", message: "multi_period needs a horizon.")
        }
        if problem.objective.isOfTerms, let failure = refusalOfTerms(of: problem) { throw failure }
        self.problem = problem
        try Self.requireSize(problem, periods: horizon.periodCount)
        let first = PathStage(first: problem)
        var stages = [first]
        for period in 1..<max(1, horizon.periodCount) {
            stages.append(PathStage(problem, period: period, sharing: first))
        }
        target = try horizon.terminalTarget.map { target throws(OptimizationFailure) in
            try Self.weights(of: target, problem)
        }
        if let target, let last = stages.popLast() { stages.append(last.reaching(target)) }
        self.stages = stages
    }

    /// Refuses what would take more memory than a computation may: the small matrix that eliminating the instruments leaves
    /// has an order of periods times factors, of which a dense covariance has as many as instruments.
    private static func requireSize(_ problem: AllocationProblem, periods: Int) throws(OptimizationFailure) {
        let count = problem.instruments.count
        let largest = Capabilities.horizonWeights
        guard periods * count > largest.inParts || periods * problem.covariance.rank > largest.dense else { return }
        let isDense = problem.covariance.rank == count
        throw OptimizationFailure(
            code: "too_large",
            message:
                "\(periods) periods of \(count) instruments are more than \(isDense ? largest.dense : largest.inParts)"
                + " weights\(isDense ? "; with a factor model, up to \(largest.inParts) can be planned" : "")."
        )
    }

    /// A target in the order of the problem's instruments, cash last, summing to 1.
    private static func weights(
        of target: [String: Double],
        _ problem: AllocationProblem
    ) throws(OptimizationFailure) -> [Double] {
        var rest = target.filter { $0.value != 0 }
        var weights = problem.instruments.map { rest.removeValue(forKey: $0.id) ?? 0 }
        weights.append(rest.removeValue(forKey: "cash") ?? 0)
        if let outside = rest.keys.min() {
            throw OptimizationFailure(
                code: "infeasible",
                message: "The terminal target holds \(outside), which is outside the universe.",
                conflicts: [
                    ConstraintConflict(
                        constraint: "/horizon/terminal_target",
                        subject: outside,
                        bound: rest[outside] ?? 0,
                        nearestFeasible: 0
                    )
                ]
            )
        }
        let total = weights.reduce(0, +)
        return weights.map { $0 / total }
    }

    var objective: PathObjective { PathObjective(problem: problem, stages: stages) }
    private var scaling: MomentScaling { stages[0].method.scaling }

    /// The best path; by its own program alone where another answer is wanted for comparison.
    func solve(byProgramAlone: Bool = false, shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        if problem.objective.needsBenchmark { _ = try stages[0].method.requiredBenchmark() }
        if problem.objective == .minimizeTransactionCosts { try requireCosts() }
        if stages.count == 1, target == nil, !byProgramAlone { return try singlePeriod(shouldStop: shouldStop) }
        if let clash = ArithmeticCheck(problem: stages[0].method.problem, limits: stages[0].limits).clash() {
            throw try infeasible(because: clash, shouldStop: shouldStop)
        }
        if stages[0].limits.forbidsTrading { return try standingPath(shouldStop: shouldStop) }
        if let ratio = try objective.ratioGains() { return try ratioOptimum(ratio, shouldStop: shouldStop) }
        return try quadraticOptimum(shouldStop: shouldStop)
    }

    /// One period is the single-period problem, and answered as that.
    private func singlePeriod(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        let own = stages[0].method.problem
        var solution =
            problem.objective.isOfTerms
            ? try ComposedMethod(own).solve(shouldStop: shouldStop).tidied(own)
            : try stages[0].method.solve(shouldStop: shouldStop)
        let step = AllocationPath.Step(
            weights: solution.weights,
            cash: solution.cash,
            bindingConstraints: solution.bindingConstraints
        )
        let value = try objective.value(of: [solution.weights + [solution.cash]])
        solution.path = AllocationPath(steps: [step], objective: value)
        return solution
    }

    /// Without trading what is held stays, if it meets the limits of every period.
    private func standingPath(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        let point = problem.currentWeights + [problem.currentCash]
        if let target, zip(point, target).contains(where: { abs($0 - $1) > Self.tolerance }) {
            throw try infeasible(because: nil, shouldStop: shouldStop)
        }
        for stage in stages where violation(of: point, stage.settled(after: point)) > Self.tolerance {
            throw try infeasible(
                because: "max_turnover allows no trading, and what is held breaks other limits.",
                shouldStop: shouldStop
            )
        }
        let path = [[Double]](repeating: point, count: stages.count)
        if let ratio = try objective.ratioGains() {
            let gain = gain(of: ratio, along: path)
            guard gain > 0 else { throw stages[0].method.noGain(forRatioWithBest: gain) }
        }
        return try dressed(path, report: .withoutProgram(solver: "no_trading"), prices: nil)
    }

    private func requireCosts() throws(OptimizationFailure) {
        guard !problem.objectiveCostRates.contains(where: { $0 > 0 }) else { return }
        throw OptimizationFailure(
            code: "missing_transaction_costs",
            message: "No instrument has a proportional cost and transaction_cost_model is not given: there is"
                + " nothing to minimize."
        )
    }

    // MARK: Risks, returns, costs

    /// The objective as a program: P over each period's weights, q over its columns, both scaled.
    ///
    /// `unit` is what one unit of the program's objective is worth in the caller's; nil where that is a risk.
    private func quadraticForm() throws(OptimizationFailure) -> (
        quadratic: CovarianceModel?, linear: [[Double]]?, unit: Double?
    ) {
        let squaredUnit = scaling.volatilityUnit * scaling.volatilityUnit
        switch problem.objective {
        case .minimizeRisk: return (scaling.covariance, nil, nil)
        case .minimizeTrackingError:
            let covariances = try stages[0].method.requiredBenchmark().covariances.map { -$0 / squaredUnit }
            return (scaling.covariance, stages.map { _ in covariances }, nil)
        case .minimizeTransactionCosts:
            let costs = objective.tradingCosts()
            let unit = powerOfTwo(near: largest(costs))
            return (nil, divided(costs, by: unit), unit)
        case .maximizeReturn:
            let gains = objective.netExcessReturns()
            let unit = powerOfTwo(near: largest(gains))
            return (nil, divided(gains, by: -unit), unit / Double(stages.count))
        case .maximizeUtility, .maximizeSharpe, .maximizeInformationRatio, .maximizeDiversification, .riskBudgeting,
            .multiObjective, .custom:
            let gains = objective.netExcessReturns()
            let aversion = problem.preferences.effectiveRiskAversion
            let unit = powerOfTwo(near: max(aversion * squaredUnit, largest(gains)))
            let quadratic = scaling.covariance.scaled(by: aversion * squaredUnit / unit)
            return (quadratic, divided(gains, by: -unit), unit / Double(stages.count))
        }
    }

    private func largest(_ rows: [[Double]]) -> Double {
        rows.reduce(0) { $1.reduce($0) { max($0, abs($1)) } }
    }

    private func divided(_ rows: [[Double]], by unit: Double) -> [[Double]] { rows.map { $0.map { $0 / unit } } }

    private func quadraticOptimum(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        let terms = problem.objective.isOfTerms ? try ComposedPath(problem, stages: stages) : nil
        let form: (quadratic: CovarianceModel?, linear: [[Double]]?, unit: Double?)
        if let terms { form = (terms.quadratic, terms.linear, terms.unit) } else { form = try quadraticForm() }
        var builder = PathProgramBuilder(stages: stages, largestDenseProgram: largestDenseProgram)
        if terms?.hasCones == true {
            builder.largestDenseProgram = try columnsInOnePiece("risk, tracking_error and market impact are no terms.")
        }
        guard var program = builder.program(quadratic: form.quadratic, linear: form.linear) else {
            throw try infeasible(because: nil, shouldStop: shouldStop)
        }
        terms?.addCones(to: &program)
        switch try solveProgram(program.whole, preferences: problem.preferences, shouldStop: shouldStop) {
        case .infeasible: throw try infeasible(because: nil, shouldStop: shouldStop)
        case .unbounded: throw numericalDifficulty("the solver found no bound of a bounded program")
        case .solved(let optimum):
            let path = try settled(optimum, program)
            let gain = form.unit ?? gainPerDualOfRisk(path)
            return try dressed(path, report: optimum.report, prices: gain.map { prices(program, optimum, $0) })
        }
    }

    /// What a unit of the scaled objective is worth where that is half the sum of squared risks:
    /// d(−√(Σσ²/H)) = −dΣσ² / (2H√(Σσ²/H)).
    private func gainPerDualOfRisk(_ path: [[Double]]) -> Double? {
        let isActive = problem.objective == .minimizeTrackingError
        let risk = objective.rootMeanVariance(of: path, againstBenchmark: isActive)
        let unit = scaling.volatilityUnit
        return risk > unit * (isActive ? 1e-7 : 1e-9) ? unit * unit / (risk * Double(stages.count)) : nil
    }

    // MARK: Ratios

    private func ratioOptimum(
        _ ratio: (gains: [[Double]], constant: Double),
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> AllocationSolution {
        let unit = powerOfTwo(near: largest(ratio.gains))
        var builder = PathProgramBuilder(stages: stages, isHomogeneous: true, largestDenseProgram: largestDenseProgram)
        builder.normalization = (divided(ratio.gains, by: unit), ratio.constant / unit)
        let isActive = problem.objective == .maximizeInformationRatio
        let inverse = 1 / (scaling.volatilityUnit * scaling.volatilityUnit)
        let benchmark = isActive ? try stages[0].method.requiredBenchmark() : nil
        if let benchmark, !benchmark.isWithinInstruments {
            // A benchmark that holds what cannot be held is no shift of the weights.
            builder.largestDenseProgram = try columnsInOnePiece(
                "the information ratio needs a benchmark that holds nothing outside the universe."
            )
        }
        let program = builder.program(
            quadratic: scaling.covariance,
            linear: nil,
            benchmark: benchmark.map {
                PathBenchmark(
                    weights: $0.weights,
                    covariances: $0.covariances.map { $0 * inverse },
                    variance: $0.variance * inverse
                )
            }
        )
        guard let program else { throw try infeasible(because: nil, shouldStop: shouldStop) }
        let outcome: ProgramOutcome
        do throws(OptimizationFailure) {
            outcome = try solveProgram(program.whole, preferences: problem.preferences, shouldStop: shouldStop)
        } catch {
            guard error.code == "numerical_difficulty" else { throw error }
            // Homogenised, limits that are infeasible by little are hard to recognise; as they stand they are not.
            throw try failure(of: ratio, unit: unit, shouldStop: shouldStop)
        }
        switch outcome {
        case .infeasible: throw try failure(of: ratio, unit: unit, shouldStop: shouldStop)
        case .unbounded: throw numericalDifficulty("the solver found no bound of a bounded program")
        case .solved(let optimum):
            guard let column = program.whole.scaleColumn, optimum.primal[column] > 0 else {
                throw numericalDifficulty("the homogenising variable vanished")
            }
            let scale = optimum.primal[column]
            let path = try settled(optimum, program)
            let risk = objective.rootMeanVariance(of: path, againstBenchmark: isActive)
            guard risk > Self.riskless * scaling.volatilityUnit else { throw stages[0].method.gainWithoutRisk() }
            // f* = ½/S² with S in units, the ratio of sums: √H times that of means.
            let root = Double(stages.count).squareRoot()
            let value = gain(of: ratio, along: path) / unit / (risk * root / scaling.volatilityUnit)
            let gain = scale * value * value * value * unit / scaling.volatilityUnit / root
            return try dressed(path, report: optimum.report, prices: prices(program, optimum, gain))
        }
    }

    /// The columns of a program that has no stages; refused, by saying what it would need, where they are too many.
    private func columnsInOnePiece(_ need: String) throws(OptimizationFailure) -> Int {
        let columns = stages.reduce(1) { $0 + $1.limits.layout.count }
        guard columns > Self.largestInOnePiece else { return columns }
        throw OptimizationFailure(
            code: "too_large",
            message: "Over this many periods and instruments \(need)"
        )
    }

    /// The gain of a ratio, summed over a path of weights with cash last.
    private func gain(of ratio: (gains: [[Double]], constant: Double), along path: [[Double]]) -> Double {
        var sum = ratio.constant
        var previous = problem.currentWeights + [problem.currentCash]
        for (index, point) in path.enumerated() {
            let limits = stages[index].settled(after: previous).limits
            let decision = limits.point(weights: Array(point.dropLast()), cash: point.last ?? 0)
            sum += zip(ratio.gains[index], decision).reduce(0) { $0 + $1.0 * $1.1 }
            previous = point
        }
        return sum
    }

    /// Tells apart limits without a path from those without a positive gain.
    private func failure(
        of ratio: (gains: [[Double]], constant: Double),
        unit: Double,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> OptimizationFailure {
        let builder = PathProgramBuilder(stages: stages, largestDenseProgram: largestDenseProgram)
        guard let program = builder.program(quadratic: nil, linear: divided(ratio.gains, by: -unit)) else {
            return try infeasible(because: nil, shouldStop: shouldStop)
        }
        switch try solveProgram(program.whole, preferences: problem.preferences, shouldStop: shouldStop) {
        case .infeasible: return try infeasible(because: nil, shouldStop: shouldStop)
        case .unbounded: return numericalDifficulty("the solver found no bound of a bounded program")
        case .solved(let optimum):
            let best = gain(of: ratio, along: try settled(optimum, program)) / Double(stages.count)
            guard best <= Self.negligibleGain * unit else {
                return numericalDifficulty("the best gain, \(best), was lost on the way")
            }
            return stages[0].method.noGain(forRatioWithBest: best)
        }
    }

    // MARK: Settling

    /// The path of an optimum, rid of the roundings of its solve period by period: exact zeros and caps, no trade where
    /// none pays.
    private func settled(
        _ optimum: ProgramOptimum,
        _ program: PathProgram
    ) throws(OptimizationFailure) -> [[Double]] {
        var previous = problem.currentWeights + [problem.currentCash]
        var path: [[Double]] = []
        for (index, stage) in stages.enumerated() {
            let period = stage.settled(after: previous)
            let count = stage.limits.layout.cash + 1
            let decision = program.decision(optimum.primal, of: index, count: count)
            let isLast = index == stages.count - 1
            let cleaned = try period.clean(isLast ? target ?? decision : decision)
            let point = Array(cleaned.point.prefix(count))
            let worst = violation(of: point, period)
            guard worst <= Self.tolerance else {
                throw numericalDifficulty("a limit of period \(index + 1) is missed by \(worst)")
            }
            path.append(point)
            previous = point
        }
        return path
    }

    /// The largest distance by which weights with cash last miss a limit of a period.
    private func violation(of point: [Double], _ period: MeanVarianceMethod) -> Double {
        let weights = Array(point.dropLast())
        let decision = period.limits.point(weights: weights, cash: point.last ?? 0)
        let volatility = period.annualizedVolatility(of: weights[...])
        return period.limits.worstViolation(at: decision, volatility: volatility).amount
    }

    private func prices(_ program: PathProgram, _ optimum: ProgramOptimum, _ gain: Double) -> [ShadowPrices] {
        program.stages.indices.map { index in
            let dual = program.multipliers(optimum.dual, of: index)
            return ShadowPrices(program: program.stages[index], dual: dual, gainPerDual: gain)
        }
    }

    /// A path as a solution: its first step is what is recommended.
    private func dressed(
        _ path: [[Double]],
        report: SolutionReport,
        prices: [ShadowPrices]?
    ) throws(OptimizationFailure) -> AllocationSolution {
        var previous = problem.currentWeights + [problem.currentCash]
        var steps: [AllocationPath.Step] = []
        for (index, point) in path.enumerated() {
            let period = stages[index].settled(after: previous)
            let weights = Array(point.dropLast())
            let cash = point.last ?? 0
            let decision = period.limits.point(weights: weights, cash: cash)
            let binding = period.bindingLimits(
                at: decision,
                volatility: period.annualizedVolatility(of: weights[...]),
                prices: prices?[index],
                byPrice: true
            )
            let listed = binding.filter { $0.constraint != "/horizon/terminal_target" }
            steps.append(AllocationPath.Step(weights: weights, cash: cash, bindingConstraints: listed))
            previous = point
        }
        return AllocationSolution(
            weights: steps[0].weights,
            cash: steps[0].cash,
            report: report,
            bindingConstraints: pricedInAllPeriods(steps),
            warnings: problem.warnings,
            reducedCosts: prices?[0].reducedCosts(stages[0].limits),
            path: AllocationPath(
                steps: steps,
                objective: try objective.value(of: path),
                budgetPrices: prices.map { budgetPrices($0, steps) } ?? []
            )
        )
    }

    /// The limits that bind in the first period, each with what one more unit of it would gain in all periods together:
    /// it is one number of the caller's.
    private func pricedInAllPeriods(_ steps: [AllocationPath.Step]) -> [BindingConstraint] {
        steps[0].bindingConstraints.map { binding in
            var whole = binding
            for step in steps.dropFirst() {
                for other in step.bindingConstraints
                where other.constraint == binding.constraint && other.subject == binding.subject {
                    whole.shadowPrice = whole.shadowPrice.flatMap { own in other.shadowPrice.map { own + $0 } }
                }
            }
            return whole
        }
    }

    /// The failure of limits that no path meets, with those that clash.
    private func infeasible(because clash: String?, shouldStop: () -> Bool) throws(OptimizationFailure)
        -> OptimizationFailure
    {
        try PathConflicts(stages: stages, preferences: problem.preferences).failure(
            because: clash,
            shouldStop: shouldStop
        )
    }
}

/// The best path by its own program, however few periods it has: what the single-period answer is compared with.
///
/// - Parameters:
///   - problem: what is to be decided.
///   - inStages: whether it is solved stage by stage, however small it is.
///   - shouldStop: asked once an iteration.
/// - Returns: weights, cash and the path.
/// - Throws: ``OptimizationFailure``.
package func optimizePathByProgram(
    _ problem: AllocationProblem,
    inStages: Bool = false,
    shouldStop: () -> Bool
) throws(OptimizationFailure) -> AllocationSolution {
    var method = try MultiPeriodMethod(problem)
    if inStages { method.largestDenseProgram = 0 }
    return try method.solve(byProgramAlone: true, shouldStop: shouldStop)
}
