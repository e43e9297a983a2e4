internal import ConvexSolver
internal import LinearAlgebra
internal import Matrices
internal import PortfolioModel

/// The rounds of one continuous program: bound, improve, support.
struct RiskRounds {
    /// A point that meets every row and the limit on risk, with its objective.
    private struct Candidate {
        var point: [Double]
        var profile: [Double]
        var value: Double
    }

    private let solver: RiskProgramSolver
    private let program: AllocationProgram
    private let column: Int
    private let preferences: Preferences
    private let anchor: [Double]?
    private let anchorProfile: [Double]
    /// The weight of t in the objective.
    private let weight: Double

    private var best: Candidate?
    private var bound = -Double.infinity
    private var dual: [Double] = []
    private var residuals = (primal: 0.0, dual: 0.0)
    private var iterations = 0
    private var stalledRounds = 0

    init(
        solver: RiskProgramSolver,
        program: AllocationProgram,
        column: Int,
        preferences: Preferences,
        anchor: [Double]?
    ) {
        self.solver = solver
        self.program = program
        self.column = column
        self.preferences = preferences
        self.anchor = anchor
        anchorProfile = anchor.map { solver.risk.profile(of: Array($0[..<program.instrumentCount])) } ?? []
        weight = program.sparse.linear[column]
    }

    /// The optimum, or the best point with its gap where the search is stopped.
    mutating func run(shouldStop: () -> Bool) throws(OptimizationFailure) -> ProgramOutcome {
        do throws(OptimizationFailure) {
            return try rounds(shouldStop: shouldStop)
        } catch {
            guard error.code == "time_limit", best != nil, bound.isFinite else { throw error }
            return .solved(optimum(status: gap <= RiskProgramSolver.acceptable ? .optimal : .withinGap))
        }
    }

    private mutating func rounds(shouldStop: () -> Bool) throws(OptimizationFailure) -> ProgramOutcome {
        for _ in 0..<RiskProgramSolver.mostRounds {
            if shouldStop() { throw timeLimit() }
            let outcome: ProgramOutcome
            do throws(OptimizationFailure) {
                outcome = try solveProgram(
                    solver.master(program, column: column),
                    preferences: preferences,
                    shouldStop: shouldStop
                )
            } catch {
                guard error.code != "time_limit", best != nil, gap <= RiskProgramSolver.acceptable else { throw error }
                return .solved(optimum(status: .optimal))
            }
            switch outcome {
            case .infeasible(let certificate):
                return .infeasible(certificate: Array(certificate.prefix(program.sparse.rows.count)))
            case .unbounded: return .unbounded
            case .solved(let relaxed):
                if let answer = try advance(relaxed, shouldStop: shouldStop) { return .solved(answer) }
            }
        }
        guard best != nil, gap <= RiskProgramSolver.acceptable else {
            throw numericalDifficulty("the bounds of the risk did not meet in \(RiskProgramSolver.mostRounds) rounds")
        }
        return .solved(optimum(status: .optimal))
    }

    /// One round after its relaxation: the answer when the bounds meet.
    private mutating func advance(
        _ relaxed: ProgramOptimum,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> ProgramOptimum? {
        iterations += relaxed.report.iterations
        residuals = (relaxed.report.primalResidual, relaxed.report.dualResidual)
        let earlier = bound
        bound = max(bound, dot(program.sparse.linear, relaxed.primal))
        if !solvesSmooth || dual.isEmpty { dual = Array(relaxed.dual.prefix(program.sparse.rows.count)) }
        let profile = solver.risk.profile(of: weights(of: relaxed.primal))
        let excess = solver.risk.value(ofProfile: profile) / solver.unit - relaxed.primal[column]
        if program.riskLimitRow != nil, anchor == nil, excess <= 1e-11 * max(1, relaxed.primal[column].magnitude) {
            best = Candidate(point: relaxed.primal, profile: profile, value: bound)
            return optimum(status: .optimal)
        }
        let isNew = solver.addSupport(atProfile: profile)
        consider(relaxed.primal, profile)
        if gap <= RiskProgramSolver.tolerance { return optimum(status: .optimal) }
        try refine(from: relaxed, shouldStop: shouldStop)
        if gap <= RiskProgramSolver.tolerance { return optimum(status: .optimal) }
        // Without a new support, or with bounds that stay where they are, roundings are what is left.
        stalledRounds = !isNew || bound - earlier <= 1e-14 * scale ? stalledRounds + 1 : 0
        if stalledRounds >= 12, gap <= RiskProgramSolver.acceptable { return optimum(status: .optimal) }
        solver.prune(at: relaxed.primal, column: column)
        return nil
    }

    // MARK: Points

    private func weights(of point: [Double]) -> [Double] { Array(point[..<program.instrumentCount]) }

    /// What the risk may be at a point, in units of t; +∞ without a limit.
    private func limit(at point: [Double]) -> Double {
        guard let row = program.riskLimitRow else { return .infinity }
        var limit = program.sparse.bounds[row]
        let entries = program.sparse.rows[row]
        for (j, value) in zip(entries.columns, entries.coefficients) where j != column { limit -= value * point[j] }
        return limit
    }

    /// Takes a point that meets the rows as a candidate, pulled back to the limit on risk where it is beyond it.
    private mutating func consider(_ point: [Double], _ profile: [Double]) {
        var (point, profile) = (point, profile)
        var value = solver.risk.value(ofProfile: profile) / solver.unit
        let most = limit(at: point)
        if value > most {
            guard let anchor else {
                if value - most <= 1e-12 * max(1, most.magnitude) { settle(point, profile, value: value) }
                return
            }
            let share = shareWithin(point, profile, anchor)
            point = mix(anchor, point, share)
            profile = mix(anchorProfile, profile, share)
            value = solver.risk.value(ofProfile: profile) / solver.unit
            solver.addSupport(atProfile: profile)
        }
        settle(point, profile, value: value)
    }

    private mutating func settle(_ point: [Double], _ profile: [Double], value: Double) {
        var point = point
        point[column] = value
        let objective = dot(program.sparse.linear, point)
        // Of equal points the newer one: it is a vertex where the older one is a mixture.
        if best.map({ objective <= $0.value + 1e-14 * scale }) ?? true {
            best = Candidate(point: point, profile: profile, value: objective)
        }
    }

    private func mix(_ a: [Double], _ b: [Double], _ share: Double) -> [Double] {
        zip(a, b).map { $0 + share * ($1 - $0) }
    }

    /// How far from the anchor to a point beyond the limit the risk stays within it.
    private func shareWithin(_ point: [Double], _ profile: [Double], _ anchor: [Double]) -> Double {
        var (low, high) = (0.0, 1.0)
        for _ in 0..<60 {
            let middle = (low + high) / 2
            let value = solver.risk.value(ofProfile: mix(anchorProfile, profile, middle)) / solver.unit
            if value <= limit(at: mix(anchor, point, middle)) { low = middle } else { high = middle }
        }
        return low
    }

    // MARK: Progress

    /// The size that gaps are compared with.
    private var scale: Double { max(best.map { $0.value.magnitude } ?? 0, bound.isFinite ? bound.magnitude : 0, 1e-3) }

    private var gap: Double { best.map { max(0, $0.value - bound) / scale } ?? .infinity }

    private var solvesSmooth: Bool { best.flatMap { solver.risk.curvature(atProfile: $0.profile) } != nil }

    /// Better points, with their supports: by Newton's steps on a curved measure, else on the line to the relaxed point.
    private mutating func refine(
        from relaxed: ProgramOptimum,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) {
        if try newton(from: relaxed, shouldStop: shouldStop) { return }
        guard let best else { return }
        let profile = solver.risk.profile(of: weights(of: relaxed.primal))
        if program.riskLimitRow == nil {
            searchLine(best, relaxed.primal, profile)
        } else {
            // Halfway to the best point the supports are those of the part of the boundary that matters.
            let middle = mix(best.point, relaxed.primal, 0.5)
            let halfway = mix(best.profile, profile, 0.5)
            solver.addSupport(atProfile: halfway)
            consider(middle, halfway)
        }
    }

    /// Finds the best point between two, and supports on both sides of it.
    private mutating func searchLine(_ from: Candidate, _ to: [Double], _ profile: [Double]) {
        var (low, high) = (0.0, 1.0)
        for _ in 0..<30 {
            let (left, right) = (low + (high - low) * 0.45, low + (high - low) * 0.55)
            if objective(from, to, profile, left) <= objective(from, to, profile, right) {
                high = right
            } else {
                low = left
            }
        }
        for share in [low, high, high + 0.3 * (1 - high)] {
            solver.addSupport(atProfile: mix(from.profile, profile, share))
        }
        let share = (low + high) / 2
        let middle = mix(from.profile, profile, share)
        settle(mix(from.point, to, share), middle, value: solver.risk.value(ofProfile: middle) / solver.unit)
    }

    private func objective(_ from: Candidate, _ to: [Double], _ profile: [Double], _ share: Double) -> Double {
        var point = mix(from.point, to, share)
        point[column] = solver.risk.value(ofProfile: mix(from.profile, profile, share)) / solver.unit
        return dot(program.sparse.linear, point)
    }

    /// Newton's steps from the best point; false where the measure is not curved.
    ///
    /// The Lagrangian's second derivative is that of the measure times the sum of the supports' multipliers.
    private mutating func newton(
        from relaxed: ProgramOptimum,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> Bool {
        var multipliers = dual
        var center: [Double] = best?.point ?? relaxed.primal
        for step in 0..<RiskProgramSolver.mostNewtonSteps {
            let profile = solver.risk.profile(of: weights(of: center))
            guard let curvature = solver.risk.curvature(atProfile: profile) else { return step > 0 }
            let priced = program.riskLimitRow.map { max(0, multipliers[$0]) } ?? 0
            guard weight + priced > 0 else { return step > 0 }
            let before = best?.value ?? .infinity
            guard
                let optimum = try newtonPoint(
                    center,
                    curvature: curvature.multiplied(by: (weight + priced) / solver.unit),
                    shouldStop: shouldStop
                )
            else { return true }
            iterations += optimum.report.iterations
            let next = solver.risk.profile(of: weights(of: optimum.primal))
            let isNew = solver.addSupport(atProfile: next)
            let previous = best
            consider(optimum.primal, next)
            multipliers = Array(optimum.dual.prefix(program.sparse.rows.count))
            if let previous, program.riskLimitRow == nil, best?.value ?? .infinity >= previous.value {
                searchLine(previous, optimum.primal, next)
            }
            let gained = before - (best?.value ?? .infinity)
            if gained.isFinite, gained <= 1e-13 * scale {
                dual = multipliers
                return true
            }
            dual = multipliers
            if best == nil, !isNew { return true }
            center = best?.point ?? optimum.primal
        }
        return true
    }

    /// The optimum of the supports with the curvature about a center; nil when the solver finds none.
    private func newtonPoint(
        _ center: [Double],
        curvature: DenseMatrix,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> ProgramOptimum? {
        var master = solver.master(program, column: column)
        let n = program.instrumentCount
        let more = program.sparse.variableCount - n
        master.sparse.curvature = .padded(.dense(curvature), more: more, constant: 0)
        let pull = curvature.times(weights(of: center))
        for j in 0..<n { master.sparse.linear[j] -= pull[j] }
        do throws(OptimizationFailure) {
            guard
                case .solved(let optimum) = try solveProgram(master, preferences: preferences, shouldStop: shouldStop)
            else { return nil }
            return optimum
        } catch {
            if error.code == "time_limit" { throw error }
            return nil
        }
    }

    private func optimum(status: SolutionReport.Status) -> ProgramOptimum {
        ProgramOptimum(
            primal: best?.point ?? [],
            dual: dual,
            report: SolutionReport(
                status: status,
                solver: "outer_approximation",
                iterations: iterations,
                solveMilliseconds: 0,
                primalResidual: residuals.primal,
                dualResidual: residuals.dual,
                relativeGap: gap
            )
        )
    }
}
