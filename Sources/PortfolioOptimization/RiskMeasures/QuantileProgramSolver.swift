internal import ConvexSolver
internal import LinearAlgebra
internal import Matrices
internal import PortfolioModel

/// What solves programs in which a risk measure has a column.
protocol RiskSolving: AnyObject {
    /// The measure.
    var measured: any PortfolioRisk { get }
    /// What one unit of the column is worth.
    var unit: Double { get }
    /// The best point of a program, or the proof that there is none.
    func solve(
        _ program: AllocationProgram,
        preferences: Preferences,
        anchor: [Double]?,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> ProgramOutcome
}

/// Solves programs with value-at-risk over scenarios, which is not convex.
///
/// A choice for each scenario: it is dropped, all of these together with at most 1 − β of the probability, or its loss is at
/// most t. A search over the choices is exact and knows its gap. Where there are too many scenarios for a search, the
/// allocation is improved by turns (drop the largest losses of the last allocation, solve for the largest of the rest)
/// and is reported with the gap to a bound that may be far.
///
/// - SeeAlso: Larsen, Mausser & Uryasev (2002), for the improvement by turns; Feng, Wächter & Staum, Quantitative Finance
///   15 (2015), for the search.
final class QuantileProgramSolver: RiskSolving {
    let risk: QuantileRisk
    let unit: Double

    var measured: any PortfolioRisk { risk }

    /// Choices up to which a search is tried.
    static let mostChoices = 400
    /// Nodes of the search at most: the answer must not depend on how fast the machine is.
    static let mostNodes = 20_000
    /// Turns at most.
    static let mostTurns = 30
    /// Exchanges tried at most, and the numbers of all scenarios they may look at together.
    static let mostExchanges = 200
    static let mostExchangeWork = 1_000_000
    private static let defaultGap = 1e-6
    private static let optimalityGap = 1e-6

    init(_ risk: QuantileRisk) {
        self.risk = risk
        unit = risk.scale
    }

    func solve(
        _ program: AllocationProgram,
        preferences: Preferences,
        anchor: [Double]? = nil,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> ProgramOutcome {
        guard let column = program.riskColumn else {
            return try solveProgram(program, preferences: preferences, shouldStop: shouldStop)
        }
        let choices = QuantileChoices(risk, program, column: column, unit: unit)
        let improved = try improvedByTurns(program, column: column, preferences: preferences, shouldStop: shouldStop)
        guard choices.open.count <= Self.mostChoices else {
            return try reported(improved, choices, program, column: column, preferences, shouldStop: shouldStop)
        }
        var settings = SolverSettings()
        settings.relativeGap = preferences.relativeGap ?? Self.defaultGap
        settings.optimalityGap = Self.optimalityGap
        settings.maximumNodes = Self.mostNodes
        let result: BranchAndBoundResult
        do throws(SolverError) {
            result = try BranchAndBoundSolver(
                choices.conic,
                disjunctions: choices.disjunctions,
                implied: program.implied,
                settings: settings
            ).solve(shouldStop: shouldStop)
        } catch {
            throw numericalDifficulty("the solver refused the program (\(error))")
        }
        switch result.status {
        case .infeasible: return .infeasible(certificate: [])
        case .unbounded: return .unbounded
        case .stoppedWithoutIncumbent:
            return try reported(improved, choices, program, column: column, preferences, shouldStop: { false })
        case .optimal, .withinGap, .stoppedWithIncumbent:
            guard let solution = result.solution else { throw timeLimit() }
            return .solved(best(solution, result, improved, program, column: column))
        }
    }

    /// The search's answer, or the one improved by turns where that is better.
    private func best(
        _ solution: ConicSolution,
        _ result: BranchAndBoundResult,
        _ improved: ProgramOptimum?,
        _ program: AllocationProgram,
        column: Int
    ) -> ProgramOptimum {
        var primal = Array(solution.primal.prefix(program.sparse.variableCount))
        primal[column] = risk.value(of: Array(primal[..<program.instrumentCount])) / unit
        var value = dot(program.sparse.linear, primal)
        // The search's gap is relative to its own objective; the bound it proves stands for the better of the two.
        let bound = value - result.relativeGap * max(value.magnitude, 1e-3)
        if let improved {
            let other = dot(program.sparse.linear, improved.primal)
            if other < value { (primal, value) = (improved.primal, other) }
        }
        let gap = max(0, value - bound) / max(value.magnitude, 1e-3)
        return ProgramOptimum(
            primal: primal,
            dual: [],
            report: SolutionReport(
                status: gap <= Self.optimalityGap ? .optimal : .withinGap,
                solver: "branch_and_bound",
                iterations: result.iterations,
                solveMilliseconds: 0,
                primalResidual: solution.primalResidual,
                dualResidual: 0,
                relativeGap: gap
            )
        )
    }

    /// The answer of the turns with the gap to what the scenarios' least losses prove.
    private func reported(
        _ improved: ProgramOptimum?,
        _ choices: QuantileChoices,
        _ program: AllocationProgram,
        column: Int,
        _ preferences: Preferences,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> ProgramOutcome {
        guard var improved else { throw timeLimit() }
        var relaxed = program
        relaxed.sparse.append([LinearRow(columns: [column], coefficients: [-1], upperBound: -choices.leastRisk)])
        let value = dot(program.sparse.linear, improved.primal)
        var bound = -Double.infinity
        if case .solved(let lowest) = try solveProgram(relaxed, preferences: preferences, shouldStop: shouldStop) {
            bound = dot(program.sparse.linear, lowest.primal)
        }
        let gap = max(0, value - bound) / max(value.magnitude, 1e-3)
        improved.report.relativeGap = gap.isFinite ? gap : 1e9
        improved.report.status = gap <= Self.optimalityGap ? .optimal : .withinGap
        improved.report.solver = "tail_turns"
        improved.dual = []
        return .solved(improved)
    }

    // MARK: Turns

    /// From the least CVaR on: the largest losses are dropped, the largest of the rest takes their place.
    ///
    /// Each turn's value-at-risk is not above the last one's.
    private func improvedByTurns(
        _ program: AllocationProgram,
        column: Int,
        preferences: Preferences,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> ProgramOptimum? {
        let tail = TailRisk(scenarios: risk.scenarios, confidence: risk.confidence)
        var best = try? optimum(program, tail, column: column, preferences: preferences, shouldStop: shouldStop)
        if best == nil, program.riskLimitRow != nil {
            // No allocation's tail is within the limit; the start is then the least tail of all.
            var calm = program
            if let row = program.riskLimitRow { calm.dropRiskLimit(row, column: column) }
            best = try? optimum(calm, tail, column: column, preferences: preferences, shouldStop: shouldStop)
        }
        guard let start = best?.primal else { return nil }
        var found = try turns(program, from: start, column: column, preferences, shouldStop: shouldStop)
        // Past a point of rest: one of the scenarios that hold it there is dropped too, and the turns go on from there.
        let most = min(Self.mostExchanges, Self.mostExchangeWork / max(1, risk.scenarios.returns.elements.count))
        var exchanges = 0
        var improves = true
        while improves, let current = found, exchanges < most, !shouldStop() {
            improves = false
            let weights = Array(current.primal[..<program.instrumentCount])
            for tied in risk.tiedScenarios(at: weights) where exchanges < most && !shouldStop() {
                exchanges += 1
                let relaxed = try? optimum(
                    program,
                    WorstRisk(scenarios: risk.keptScenarios(at: weights, dropping: tied)),
                    column: column,
                    preferences: preferences,
                    shouldStop: shouldStop
                )
                guard let relaxed,
                    let next = try turns(
                        program,
                        from: relaxed.primal,
                        column: column,
                        preferences,
                        shouldStop: shouldStop
                    )
                else { continue }
                let gain = dot(program.sparse.linear, current.primal) - dot(program.sparse.linear, next.primal)
                if gain > 1e-9 * max(dot(program.sparse.linear, current.primal).magnitude, 1e-3) {
                    (found, improves) = (next, true)
                    break
                }
            }
        }
        return found
    }

    /// Turns from a point until none improves.
    private func turns(
        _ program: AllocationProgram,
        from start: [Double],
        column: Int,
        _ preferences: Preferences,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> ProgramOptimum? {
        var point = start
        var found: ProgramOptimum?
        for _ in 0..<Self.mostTurns {
            if shouldStop() { break }
            let kept = risk.keptScenarios(at: Array(point[..<program.instrumentCount]))
            guard
                var next = try? optimum(
                    program,
                    WorstRisk(scenarios: kept),
                    column: column,
                    preferences: preferences,
                    shouldStop: shouldStop
                )
            else { break }
            next.primal[column] = risk.value(of: Array(next.primal[..<program.instrumentCount])) / unit
            let value = dot(program.sparse.linear, next.primal)
            let last = found.map { dot(program.sparse.linear, $0.primal) } ?? .infinity
            point = next.primal
            if value < last { found = next }
            if last - value <= 1e-12 * max(value.magnitude, 1e-3) { break }
        }
        return found
    }

    private func optimum(
        _ program: AllocationProgram,
        _ convex: some ScenarioRisk,
        column: Int,
        preferences: Preferences,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> ProgramOptimum? {
        let solver = RiskProgramSolver(convex, unit: unit)
        var anchor: [Double]?
        if let row = program.riskLimitRow {
            var calm = program
            calm.sparse.linear = [Double](repeating: 0, count: calm.sparse.variableCount)
            calm.sparse.linear[column] = 1
            calm.dropRiskLimit(row, column: column)
            guard
                case .solved(let least) = try solver.solve(calm, preferences: preferences, shouldStop: shouldStop),
                program.meetsRiskLimit(least.primal)
            else { return nil }
            anchor = least.primal
        }
        guard
            case .solved(let optimum) = try solver.solve(
                program,
                preferences: preferences,
                anchor: anchor,
                shouldStop: shouldStop
            )
        else { return nil }
        return optimum
    }
}

extension QuantileRisk {
    /// The scenarios whose losses are the value-at-risk, to rounding.
    func tiedScenarios(at weights: [Double]) -> [Int] {
        let profile = profile(of: weights)
        let level = value(ofProfile: profile)
        let size = profile.reduce(0) { max($0, $1.magnitude) }
        return profile.indices.filter {
            scenarios.probabilities[$0] > 0 && (-profile[$0] - level).magnitude <= 1e-9 * size
        }
    }

    /// The scenarios but for the largest losses that value-at-risk does not see, as probabilities that are 0 there.
    ///
    /// - Parameters:
    ///   - weights: whose losses are meant.
    ///   - dropped: a scenario that is left out as well.
    /// - Returns: the scenarios, those left out with a probability of 0.
    func keptScenarios(at weights: [Double], dropping dropped: Int? = nil) -> Scenarios {
        let profile = profile(of: weights)
        var probabilities = scenarios.probabilities
        if let dropped { probabilities[dropped] = 0 }
        var left = 1 - confidence + Self.rounding
        for t in profile.indices.sorted(by: { (profile[$0], $0) < (profile[$1], $1) }) where probabilities[t] > 0 {
            guard probabilities[t] <= left else { break }
            left -= probabilities[t]
            probabilities[t] = 0
        }
        return Scenarios(returns: scenarios.returns, probabilities: probabilities)
    }
}
