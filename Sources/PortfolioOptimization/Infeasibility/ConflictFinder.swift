internal import ConvexSolver
internal import PortfolioModel

/// Finds which limits clash, and for each the value that alone would make the mandate feasible.
///
/// The certificate of infeasibility (Farkas) names the limits that take part: one that it gives no weight to cannot
/// repair the mandate alone. For each that takes part one program finds its smallest move with all others held.
struct ConflictFinder {
    let problem: AllocationProblem
    private(set) var limits: AllocationLimits
    private let scaling: MomentScaling
    private let risk: (any RiskSolving)?

    /// A multiplier below this share of the largest one is rounding.
    private static let participates = 1e-6
    /// The most programs solved for one explanation.
    private static let mostPrograms = 64

    init(method: MeanVarianceMethod) {
        // What trades cost plays no part in whether limits can be met; its columns would only be in the way.
        var problem = method.problem
        var limits = method.limits
        // Limits on changes get rows of their own: a bound that gives way uncovers the one behind it.
        if !limits.charges.isEmpty || limits.hasFoldedChanges {
            problem.preferences.includeTransactionCosts = false
            problem.preferences.considerTaxImplications = false
            if problem.objective == .minimizeTransactionCosts { problem.objective = .minimizeRisk }
            let given = limits.parameters
            limits = ConstraintCompiler.compile(problem, foldsChanges: false)
            let moved = given.indices.filter { given[$0].bound != limits.parameters[$0].bound }
            limits = limits.moving(Dictionary(moved.map { ($0, given[$0].bound) }) { first, _ in first })
        }
        self.problem = problem
        // What may be exceeded never clashes.
        self.limits = limits.without(limits.softParameters).reachingFurther().countingFloors()
        scaling = method.scaling
        risk = method.risk
    }

    /// The failure to report: what clashes, in words and with the nearest feasible values.
    ///
    /// - Parameters:
    ///   - clash: a sentence that already explains it; nil when sums alone do not.
    ///   - shouldStop: when it says stop, values not yet found are left out.
    /// - Returns: the failure, with the code `infeasible`.
    /// - Throws: ``OptimizationFailure`` when the solver cannot tell what clashes.
    func failure(because clash: String?, shouldStop: () -> Bool) throws(OptimizationFailure) -> OptimizationFailure {
        let certificate: [Double]?
        do throws(OptimizationFailure) {
            certificate = try self.certificate(isExplained: clash != nil, shouldStop: shouldStop)
        } catch {
            // Missed by a hair: the prices of the cheapest repair are a certificate, too.
            let nearest = nearestPoint(to: limits, withIntegers: false, shouldStop: shouldStop)
            guard let nearest, nearest.cost > MeanVarianceMethod.certainMiss else { throw error }
            certificate = nearest.weights
        }
        let byIntegers = certificate == nil && clash == nil
        // Of several clashes the one that the sentence tells.
        let candidates = clash == nil ? participants(certificate) : Array(limits.parameters.indices)
        let participants = smallest(candidates, certificate, toldBy: clash, shouldStop: shouldStop)
        var conflicts: [ConstraintConflict] = []
        for parameter in participants.prefix(Self.mostPrograms) {
            let limit = limits.parameters[parameter]
            let nearest = shouldStop() ? nil : try nearestFeasible(parameter, shouldStop: shouldStop)
            conflicts.append(
                ConstraintConflict(
                    constraint: limit.pointer,
                    subject: nil,
                    bound: limit.bound,
                    nearestFeasible: nearest
                )
            )
        }
        var failure = OptimizationFailure(
            code: "infeasible",
            message: message(clash, conflicts, byIntegers: byIntegers),
            conflicts: conflicts
        )
        failure.combinedRepair = combinedRepair(shouldStop: shouldStop)
        return failure
    }

    /// The weight of each of the caller's numbers in a certificate; nil when integers or a row alone decide.
    ///
    /// - Throws: ``OptimizationFailure`` when the limits can be met after all, or the solver cannot tell, and nothing
    ///   else explains the failure.
    private func certificate(
        isExplained: Bool,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> [Double]? {
        guard let program = builder().program(quadratic: nil, linear: zeros(builder())) else { return nil }
        let outcome: ProgramOutcome
        do throws(OptimizationFailure) {
            outcome = try solve(withoutIntegers(program), shouldStop: shouldStop)
        } catch {
            if isExplained { return nil }
            throw error
        }
        switch outcome {
        case .infeasible(let multipliers): return weights(of: multipliers, program)
        case .solved where !isExplained && !limits.hasChoices:
            throw numericalDifficulty("the limits are met by so little that it is not certain they can be")
        case .solved, .unbounded: return nil
        }
    }

    private func message(_ clash: String?, _ conflicts: [ConstraintConflict], byIntegers: Bool) -> String {
        if let clash { return "No allocation meets all limits: \(clash)" }
        let names = conflicts.map { "\($0.constraint.dropFirst()) \(readable($0.bound))" }.joined(separator: ", ")
        var text =
            conflicts.count == 1
            ? "No allocation meets \(names), whatever the other limits are."
            : "No allocation meets all limits together: \(names) clash."
        if byIntegers, let positions = limits.positionLimit {
            text =
                "Weights spread over any number of instruments would meet the limits, but not those of at most"
                + " max_positions \(readable(positions.side.bound))."
        } else if byIntegers {
            text =
                "Weights that may lie anywhere between 0 and their caps would meet the limits, but not weights that are"
                + " 0 or at least min_position_size \(readable(limits.threshold?.bound ?? 0))."
        }
        for conflict in conflicts {
            guard let nearest = conflict.nearestFeasible else { continue }
            text += " With the others held, \(conflict.constraint.dropFirst()) would have to be \(readable(nearest))."
        }
        return text
    }

    func builder(
        of limits: AllocationLimits? = nil,
        relaxing relaxations: [ProgramBuilder.Relaxation] = []
    ) -> ProgramBuilder {
        let limits = limits ?? self.limits
        var builder = ProgramBuilder(limits: limits)
        builder.relaxations = relaxations
        if !limits.volatilityLimits.isEmpty { builder.volatility = (scaling.factor, scaling.volatilityUnit) }
        if let risk, let limit = limits.riskLimit { builder.risk = RiskColumn(unit: risk.unit, limit: limit) }
        return builder
    }

    func solve(
        _ program: AllocationProgram,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> ProgramOutcome {
        guard let risk else {
            return try solveProgram(program, preferences: problem.preferences, shouldStop: shouldStop)
        }
        return try risk.solve(program, preferences: problem.preferences, anchor: nil, shouldStop: shouldStop)
    }

    func zeros(_ builder: ProgramBuilder) -> [Double] { [Double](repeating: 0, count: builder.columnCount) }

    func withoutIntegers(_ program: AllocationProgram) -> AllocationProgram {
        var continuous = program
        continuous.disjunctions = []
        continuous.positions = nil
        return continuous
    }

    /// The weight of each of the caller's numbers in a certificate.
    func weights(of certificate: [Double], _ program: AllocationProgram, of posed: AllocationLimits? = nil) -> [Double]
    {
        let limits = posed ?? self.limits
        var weights = [Double](repeating: 0, count: limits.parameters.count)
        func add(_ side: LimitSide?, _ amount: Double) {
            if let parameter = side?.parameter { weights[parameter] = max(weights[parameter], amount) }
        }
        for (row, origin) in program.origins.enumerated() where row < certificate.count {
            guard let expression = origin.expression.map({ limits.expressions[$0] }) else { continue }
            let multiplier = certificate[row]
            switch origin.side {
            case .lower: add(expression.lower, multiplier)
            case .upper: add(expression.upper, multiplier)
            case .both:
                add(expression.upper, multiplier)
                add(expression.lower, -multiplier)
                // Cash without max_cash is min_cash: its one number takes part whichever way it pulls.
                if expression.upper?.parameter == nil { add(expression.lower, abs(multiplier)) }
            }
        }
        if let row = program.trackingRow, row < certificate.count {
            add(limits.trackingLimit?.side, certificate[row])
        }
        for (row, limit) in program.volatilityRows where row < certificate.count {
            add(limits.volatilityLimits[limit], certificate[row])
        }
        if let row = program.riskLimitRow, row < certificate.count { add(limits.riskLimit, certificate[row]) }
        return weights
    }

    /// The numbers that take part; all when there is no certificate.
    private func participants(_ certificate: [Double]?) -> [Int] {
        guard let certificate, let largest = certificate.max(), largest > 0 else {
            return Array(limits.parameters.indices)
        }
        let threshold = limits.threshold?.parameter
        return limits.parameters.indices.filter { $0 != threshold && certificate[$0] > Self.participates * largest }
    }

    /// Those of the numbers that take part of which every one is needed for the clash, in the order of the parameters.
    ///
    /// A number that alone can repair the mandate is needed in every clash, so none of these is lost.
    private func smallest(
        _ participants: [Int],
        _ certificate: [Double]?,
        toldBy clash: String?,
        shouldStop: () -> Bool
    ) -> [Int] {
        // A sentence is about the limits that it names and the sizes that they are compared with.
        func rank(_ parameter: Int) -> Double {
            let (weight, limit) = (certificate?[parameter] ?? 0, limits.parameters[parameter])
            guard let clash, let name = limit.pointer.split(separator: "/").first else { return weight }
            let isSize = [
                "max_position_size", "max_weights", "min_weights", "max_weight_change", "max_weight_changes",
            ].contains(name)
            return clash.contains(name) ? .infinity : isSize ? .greatestFiniteMagnitude : weight
        }
        let byWeight = participants.sorted { (rank($0), $1) < (rank($1), $0) }
        // With a certificate integers play no part; without one the thresholds and positions are what may clash.
        let keepsIntegers = certificate == nil
        let found = minimalConflict(among: byWeight, questions: Self.mostPrograms) { dropped in
            if shouldStop() { return false }
            let rest = limits.without(dropped.union(certificate == nil ? [] : others(than: participants)))
            return cannotBeMet(rest, withIntegers: keepsIntegers, shouldStop: shouldStop)
        }
        return found.sorted()
    }

    private func others(than participants: [Int]) -> Set<Int> {
        Set(limits.parameters.indices).subtracting(participants)
    }

    /// Whether limits certainly leave no allocation; what the solver cannot tell counts as met.
    private func cannotBeMet(_ rest: AllocationLimits, withIntegers: Bool, shouldStop: () -> Bool) -> Bool {
        let builder = builder(of: rest)
        guard let program = builder.program(quadratic: nil, linear: zeros(builder)) else { return true }
        let asked = withIntegers ? program : withoutIntegers(program)
        guard case .infeasible = try? solve(asked, shouldStop: shouldStop)
        else { return false }
        return true
    }

    /// The value of one number, nearest to its own, that makes the mandate feasible; nil when none does.
    ///
    /// Where it is applied to holdings that break it, it moves what is in force for them from where they are on: the
    /// search begins anew at each of these places.
    private func nearestFeasible(_ parameter: Int, shouldStop: () -> Bool) throws(OptimizationFailure) -> Double? {
        var finder = self
        for _ in 0..<Self.mostPrograms {
            let value = try finder.nearestMoved(parameter, shouldStop: shouldStop)
            guard let next = finder.limits.nearestGrandfathered(parameter) else { return value }
            let number = limits.parameters[parameter].bound
            if let value, abs(value - number) <= abs(next - number) { return value }
            finder.limits = finder.limits.moving([parameter: next])
        }
        return nil
    }

    /// The same while what is in force for the holdings that break it stays where it is.
    private func nearestMoved(_ parameter: Int, shouldStop: () -> Bool) throws(OptimizationFailure) -> Double? {
        if parameter == limits.positionLimit?.side.parameter { return try fewestPositions(shouldStop: shouldStop) }
        if risk == nil, limits.isRiskLimit(parameter) { return leastRisk(parameter, shouldStop: shouldStop) }
        let limit = limits.parameters[parameter]
        var values: [Double] = []
        for relaxation in limit.relaxations(at: parameter) {
            guard let move = try smallestMove(relaxation, shouldStop: shouldStop) else { continue }
            let value = reached(parameter, sign: relaxation.sign, move: move, shouldStop: shouldStop)
            if let value { values.append(value) }
        }
        return limit.nearest(of: values)
    }

    /// The fewest positions with which the other limits can be met; nil when no number of them suffices.
    private func fewestPositions(shouldStop: () -> Bool) throws(OptimizationFailure) -> Double? {
        guard let limit = limits.positionLimit else { return nil }
        var impossible = max(limit.room, -1)
        var possible = limit.counted.count
        guard try isFeasible(room: possible, limit, shouldStop: shouldStop) else { return nil }
        while possible - impossible > 1 {
            if shouldStop() { return nil }
            let middle = (possible + impossible) / 2
            if try isFeasible(room: middle, limit, shouldStop: shouldStop) {
                possible = middle
            } else {
                impossible = middle
            }
        }
        return Double(possible + limit.alwaysHeld)
    }

    private func isFeasible(
        room: Int,
        _ limit: PositionLimit,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> Bool {
        var moved = limits
        moved.positionLimit?.side.bound = Double(room + limit.alwaysHeld)
        var builder = ProgramBuilder(limits: moved)
        if !limits.volatilityLimits.isEmpty { builder.volatility = (scaling.factor, scaling.volatilityUnit) }
        guard let program = builder.program(quadratic: nil, linear: zeros(builder)) else { return false }
        guard case .solved = try solveProgram(program, preferences: problem.preferences, shouldStop: shouldStop) else {
            return false
        }
        return true
    }

    private func smallestMove(
        _ relaxation: ProgramBuilder.Relaxation,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> Double? {
        let builder = builder(relaxing: [relaxation])
        var objective = zeros(builder)
        objective[builder.columnCount - 1] = 1
        guard let program = builder.program(quadratic: nil, linear: objective) else { return nil }
        do {
            let outcome = try solve(program, shouldStop: shouldStop)
            guard case .solved(let optimum) = outcome, let column = program.relaxationColumns.first else { return nil }
            return max(0, optimum.primal[column])
        } catch {
            // An explanation is not worth a failure of its own: the value stays unknown.
            return nil
        }
    }

    /// A value that certainly makes the mandate feasible: where cones just touch, the solver's own is short by a hair.
    private func reached(_ parameter: Int, sign: Double, move: Double, shouldStop: () -> Bool) -> Double? {
        let bound = limits.parameters[parameter].bound
        for more in limits.hasCones && risk == nil ? Self.hairs : [0] {
            let value = roundedOutward(
                bound + sign * (move + more * max(move, abs(bound))),
                sign: sign,
                steps: Self.steps
            )
            guard limits.hasCones, risk == nil else { return value }
            if isMet(limits.moving([parameter: value]), shouldStop: shouldStop) { return value }
        }
        return nil
    }

    /// The least value of a limit on volatility or on the tracking error that the other limits allow.
    ///
    /// It is the risk of one point, and that point meets the limit: no cone is needed to find it.
    private func leastRisk(_ parameter: Int, shouldStop: () -> Bool) -> Double? {
        let isTracking = limits.trackingLimit?.side.parameter == parameter
        let method = MeanVarianceMethod(problem, limits: limits.without([parameter]))
        guard
            let point = MeanVarianceMethod(problem, limits: limits)
                .calmest(byTracking: isTracking, shouldStop: shouldStop)
        else { return nil }
        let weights = point[..<limits.layout.cash]
        let volatility = method.annualizedVolatility(of: weights)
        guard method.limits.worstViolation(at: point, volatility: volatility).amount <= AllocationLimits.tolerance
        else { return nil }
        let least = isTracking ? limits.trackingLimit?.error(at: weights) ?? 0 : volatility
        return roundedOutward(max(least, limits.parameters[parameter].bound), sign: 1, steps: Self.steps)
    }

    /// Whether limits certainly can be met.
    func isMet(_ moved: AllocationLimits, shouldStop: () -> Bool) -> Bool {
        if moved.hasCones, risk == nil {
            return MeanVarianceMethod(problem, limits: moved).calmest(shouldStop: shouldStop) != nil
        }
        let builder = builder(of: moved)
        guard let program = builder.program(quadratic: nil, linear: zeros(builder)),
            case .solved? = try? solve(program, shouldStop: shouldStop)
        else { return false }
        return true
    }

    /// By what shares of a move, or of its limit, a value is pushed outward until it certainly is enough.
    static let hairs = [0, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6]
    /// Values are told to so many steps a unit.
    static let steps = 1e10
}
