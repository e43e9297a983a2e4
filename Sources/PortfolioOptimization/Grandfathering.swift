public import PortfolioModel

/// The limits of a mandate that the holdings break already, with what the holdings come to.
///
/// That is in force in place of the limit: a breach may shrink but must not grow. Limits on a state take part (weights,
/// their sums, exposures, cash, numbers of positions, risks), those on what is done or expected do not: turnover, the
/// buy-in threshold and the least return (docs/mathematics.md, "Existing breaches").
struct Grandfathering: Equatable, Sendable {
    /// A side of a limit, as it is found again however the problem is compiled.
    struct Key: Hashable, Sendable {
        var pointer: String
        var subject: String?
        var isLower: Bool
    }

    /// The bounds in force.
    private(set) var bounds: [Key: Double] = [:]
    /// The same for the caller, in the order of the limits.
    private(set) var listed: [GrandfatheredLimit] = []

    /// Limits on trades and on what is expected of them, which holdings neither keep nor break.
    private static let others: Set = ["/max_turnover", "/min_return", "/min_position_size"]

    init() {}

    /// Finds what the holdings break of compiled limits.
    ///
    /// - Throws: ``OptimizationFailure`` where the limited measure of risk needs what the moments do not have.
    init(_ limits: AllocationLimits, _ problem: AllocationProblem) throws(OptimizationFailure) {
        let point = limits.point(weights: problem.currentWeights, cash: problem.currentCash)
        for (index, expression) in limits.expressions.enumerated() {
            // A floor for what must be sold stays, for the contradiction to be told.
            let isOfInstrument = index < limits.layout.instrumentCount
            if isOfInstrument, !problem.isTradable[index] { continue }
            let isFloorOfNobody = !isOfInstrument && expression.terms.isEmpty && Self.isFloor(expression.lower, limits)
            if isFloorOfNobody { continue }
            let value = expression.value(at: point)
            let allowed = AllocationLimits.tolerance * expression.scale
            if let lower = expression.lower, lower.bound - value > allowed { add(lower, value, limits, isLower: true) }
            if let upper = expression.upper, value - upper.bound > allowed { add(upper, value, limits, isLower: false) }
        }
        func addRisk(_ side: LimitSide, _ value: Double) {
            if limits.excess(of: value, over: side) > AllocationLimits.tolerance {
                add(side, value, limits, isLower: false)
            }
        }
        let volatility = problem.annualizedVolatility(of: problem.currentWeights)
        for side in limits.volatilityLimits { addRisk(side, volatility) }
        if let limit = limits.trackingLimit { addRisk(limit.side, limit.error(at: problem.currentWeights[...])) }
        if let side = limits.riskLimit {
            addRisk(side, try portfolioRisk(of: problem).value(of: problem.currentWeights))
        }
        if let side = limits.positionLimit?.side {
            let held = problem.currentWeights.count { $0 != 0 }
            if Double(held) > side.bound { add(side, Double(held), limits, isLower: false) }
        }
    }

    private static func isFloor(_ side: LimitSide?, _ limits: AllocationLimits) -> Bool {
        side?.parameter.map { limits.parameters[$0].pointer.hasPrefix("/min_weights/") } ?? false
    }

    private mutating func add(_ side: LimitSide, _ value: Double, _ limits: AllocationLimits, isLower: Bool) {
        guard let limit = side.parameter.map({ limits.parameters[$0] }), !Self.others.contains(limit.pointer) else {
            return
        }
        let key = Key(pointer: limit.pointer, subject: side.subject, isLower: isLower)
        guard bounds.updateValue(value, forKey: key) == nil else { return }
        listed.append(
            GrandfatheredLimit(
                constraint: limit.pointer,
                subject: side.subject,
                bound: side.slope * value,
                grandfatheredFrom: limit.bound
            )
        )
    }

    /// An upper limit of all, as it is in force.
    func most(_ pointer: String, subject: String? = nil, _ bound: Double) -> Double {
        bounds[Key(pointer: pointer, subject: subject, isLower: false)] ?? bound
    }

    /// Without limits that are taken out of a mandate, and may come back with other numbers.
    func without(_ pointers: Set<String>) -> Grandfathering {
        var rest = self
        rest.bounds = bounds.filter { !pointers.contains($0.key.pointer) }
        rest.listed.removeAll { pointers.contains($0.constraint) }
        return rest
    }

    /// A side as it is in force.
    func inForce(_ side: LimitSide, _ parameters: [LimitParameter], isLower: Bool) -> LimitSide {
        guard let source = side.parameter,
            let bound = bounds[Key(pointer: parameters[source].pointer, subject: side.subject, isLower: isLower)]
        else { return side }
        var side = side
        side.bound = bound
        side.isGrandfathered = true
        return side
    }
}

extension AllocationProblem {
    /// Finds the limits that the holdings break already, where the mandate lets them be.
    mutating func grandfatherBreaches() throws(OptimizationFailure) {
        guard constraints.grandfatherBreaches == true else { return }
        grandfathering = try Grandfathering(ConstraintCompiler.compile(self), self)
    }

    /// The limits that the holdings break already, as they are in force.
    public var grandfatheredLimits: [GrandfatheredLimit] { grandfathering.listed }
}

extension ConstraintCompiler {
    /// Puts the bounds in force into the expressions from one on.
    mutating func letBreachesBe(from first: Int) {
        guard !problem.grandfathering.bounds.isEmpty else { return }
        for index in first..<expressions.count {
            let (lower, upper) = (expressions[index].lower, expressions[index].upper)
            expressions[index].lower = lower.map { inForce($0, isLower: true) }
            expressions[index].upper = upper.map { inForce($0) }
        }
    }

    /// A side as it is in force.
    func inForce(_ side: LimitSide, isLower: Bool = false) -> LimitSide {
        problem.grandfathering.inForce(side, parameters, isLower: isLower)
    }
}

extension AllocationLimits {
    /// Of the bounds that the holdings put in place of one of the caller's numbers, the one nearest to that number.
    func nearestGrandfathered(_ parameter: Int) -> Double? {
        let sides = expressions.flatMap { [$0.lower, $0.upper] } + volatilityLimits + [trackingLimit?.side, riskLimit]
        let number = parameters[parameter].bound
        return sides.compactMap { $0 }.filter { $0.isGrandfathered && $0.parameter == parameter }
            .map { $0.slope * $0.bound }.min { abs($0 - number) < abs($1 - number) }
    }
}
