internal import ConvexSolver
internal import PortfolioModel

/// Finds which limits leave no path, from which period on, and for each the value that alone would leave one.
///
/// The numbers are the caller's, the same in every period, so that moving one moves it in all.
struct PathConflicts {
    let stages: [PathStage]
    let preferences: Preferences

    /// A multiplier below this share of the largest one is rounding.
    private static let participates = 1e-6
    /// The most programs solved for one explanation.
    private static let mostPrograms = 48
    /// Values are told to so many steps a unit.
    private static let steps = 1e9

    private var parameters: [LimitParameter] { stages[stages.count - 1].limits.parameters }
    private var targetParameter: Int? { stages[stages.count - 1].targetParameter }

    /// The failure to report.
    ///
    /// - Parameters:
    ///   - clash: a sentence that already explains it; nil when sums alone do not.
    ///   - shouldStop: when it says stop, values not yet found are left out.
    /// - Returns: the failure, with the code `infeasible`.
    /// - Throws: ``OptimizationFailure`` when the solver cannot tell what clashes.
    func failure(because clash: String?, shouldStop: () -> Bool) throws(OptimizationFailure) -> OptimizationFailure {
        let proof = try certificate(isExplained: clash != nil, shouldStop: shouldStop)
        let largest = proof?.max() ?? 0
        var suspects = Array(parameters.indices)
        if let proof, largest > 0 {
            suspects = suspects.filter { proof[$0] > Self.participates * largest }
            let byWeight = suspects.sorted { (proof[$0], $1) < (proof[$1], $0) }
            let others = Set(parameters.indices).subtracting(suspects)
            suspects = minimalConflict(among: byWeight, questions: Self.mostPrograms) { dropped in
                !shouldStop() && cannotBeMet(without: dropped.union(others), shouldStop: shouldStop)
            }
            .sorted()
        }
        var conflicts: [ConstraintConflict] = []
        for parameter in suspects.prefix(Self.mostPrograms) {
            let limit = parameters[parameter]
            conflicts.append(
                ConstraintConflict(
                    constraint: limit.pointer,
                    subject: nil,
                    bound: limit.bound,
                    nearestFeasible: shouldStop() ? nil : nearestFeasible(parameter, shouldStop: shouldStop)
                )
            )
        }
        let period = clash == nil ? brokenPeriod(shouldStop: shouldStop) : nil
        return OptimizationFailure(
            code: "infeasible",
            message: message(clash, conflicts, period: period),
            conflicts: conflicts
        )
    }

    private func message(_ clash: String?, _ conflicts: [ConstraintConflict], period: Int?) -> String {
        var text = "No path of \(stages.count) periods meets all limits"
        if let clash {
            text += "; in period 1: \(clash)"
        } else {
            let names = conflicts.map { conflict in
                conflict.constraint == "/horizon/terminal_target"
                    ? "the terminal target" : "\(conflict.constraint.dropFirst()) \(readable(conflict.bound))"
            }
            let isAlone = names.count == 1
            text += isAlone ? ": \(names[0]) cannot be met" : " together: \(names.joined(separator: ", ")) clash"
            text += period.map { " in period \($0)." } ?? "."
        }
        for conflict in conflicts {
            guard let nearest = conflict.nearestFeasible else { continue }
            text += " With the others held, \(conflict.constraint.dropFirst()) would have to be \(readable(nearest))."
        }
        return text
    }

    /// The first period that cannot be added to those before it, counted from 1; nil when it is not certain.
    private func brokenPeriod(shouldStop: () -> Bool) -> Int? {
        var met = 0
        var broken = stages.count
        while broken - met > 1 {
            let middle = (met + broken) / 2
            let program = PathProgramBuilder(stages: Array(stages[..<middle])).program(quadratic: nil, linear: nil)
            guard let program else {
                broken = middle
                continue
            }
            let outcome = try? solveProgram(program.whole, preferences: preferences, shouldStop: shouldStop)
            switch outcome {
            case .infeasible: broken = middle
            case .solved: met = middle
            case .unbounded, nil: return nil
            }
        }
        return broken
    }

    /// The weight of each of the caller's numbers in a proof that there is no path.
    private func certificate(
        isExplained: Bool,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> [Double]? {
        guard let program = PathProgramBuilder(stages: stages).program(quadratic: nil, linear: nil) else { return nil }
        let outcome: ProgramOutcome
        do throws(OptimizationFailure) {
            outcome = try solveProgram(program.whole, preferences: preferences, shouldStop: shouldStop)
        } catch {
            if isExplained { return nil }
            throw error
        }
        guard case .infeasible(let multipliers) = outcome else {
            if isExplained { return nil }
            throw numericalDifficulty("the limits are met by so little that it is not certain they can be")
        }
        var weights = [Double](repeating: 0, count: parameters.count)
        for (index, stage) in stages.enumerated() {
            let own = program.multipliers(multipliers, of: index)
            for (parameter, weight) in Self.weights(of: own, program.stages[index], stage.limits).enumerated() {
                weights[parameter] = max(weights[parameter], weight)
            }
        }
        return weights
    }

    /// The weight of each of the caller's numbers in one period's part of a certificate.
    private static func weights(
        of certificate: [Double],
        _ program: AllocationProgram,
        _ limits: AllocationLimits
    ) -> [Double] {
        var weights = [Double](repeating: 0, count: limits.parameters.count)
        func add(_ side: LimitSide?, _ amount: Double) {
            if let parameter = side?.parameter { weights[parameter] = max(weights[parameter], amount) }
        }
        for (row, origin) in program.origins.enumerated() where row < certificate.count {
            guard let expression = origin.expression.map({ limits.expressions[$0] }) else { continue }
            switch origin.side {
            case .lower: add(expression.lower, certificate[row])
            case .upper: add(expression.upper, certificate[row])
            case .both:
                let isOneNumber = expression.upper?.parameter == expression.lower?.parameter
                // A number that holds an expression from both sides takes part whichever way it pulls.
                let hasOneSide = expression.upper?.parameter == nil || isOneNumber
                add(expression.upper, isOneNumber ? abs(certificate[row]) : certificate[row])
                add(expression.lower, hasOneSide ? abs(certificate[row]) : -certificate[row])
            }
        }
        if let row = program.trackingRow, row < certificate.count { add(limits.trackingLimit?.side, certificate[row]) }
        for (row, limit) in program.volatilityRows where row < certificate.count {
            add(limits.volatilityLimits[limit], certificate[row])
        }
        return weights
    }

    /// Whether there is certainly no path without some of the numbers; what the solver cannot tell counts as met.
    private func cannotBeMet(without dropped: Set<Int>, shouldStop: () -> Bool) -> Bool {
        let rest = stages.map { $0.with($0.limits.without(dropped)) }
        guard let program = PathProgramBuilder(stages: rest).program(quadratic: nil, linear: nil) else { return true }
        guard case .infeasible = try? solveProgram(program.whole, preferences: preferences, shouldStop: shouldStop)
        else { return false }
        return true
    }

    /// The value of one number, nearest to its own, that leaves a path; nil when none does.
    private func nearestFeasible(_ parameter: Int, shouldStop: () -> Bool) -> Double? {
        guard parameter != targetParameter else { return nil }
        let limit = parameters[parameter]
        var values: [Double] = []
        for relaxation in limit.relaxations(at: parameter) {
            let program = PathProgramBuilder(stages: stages, relaxation: relaxation)
                .program(quadratic: nil, linear: nil)
            // An explanation is not worth a failure of its own: the value stays unknown.
            guard let program, let column = program.whole.relaxationColumns.first,
                case .solved(let optimum) = try? solveProgram(
                    program.whole,
                    preferences: preferences,
                    shouldStop: shouldStop
                )
            else { continue }
            let value = limit.bound + relaxation.sign * max(0, optimum.primal[column])
            values.append(roundedOutward(value, sign: relaxation.sign, steps: Self.steps))
        }
        return limit.nearest(of: values)
    }
}
