internal import Matrices
internal import PortfolioModel

/// Turns the limits in force into rows over the decision variables, once for all methods.
struct ConstraintCompiler {
    let problem: AllocationProblem
    var layout: VariableLayout
    var parameters: [LimitParameter] = []
    var expressions: [LimitedExpression] = []
    /// Where the two rows of what is short of an instrument begin.
    var shortExpressions: [Int: Int] = [:]
    /// Whether limits on changes become bounds of the weights, and those that did not.
    let foldsChanges: Bool
    var changes: [(instrument: Int, limit: LimitedExpression)] = []

    /// A cap of the whole portfolio or more limits nothing and gets no row.
    static let everything = 1.0

    /// Compiles the limits of a problem; limits on changes get rows of their own where they must not be bounds.
    static func compile(_ problem: AllocationProblem, foldsChanges: Bool? = nil) -> AllocationLimits {
        // Risk budgets know a floor by what it is the floor of.
        // A bound that may be exceeded must not hide one that may not.
        let hasSoftLimits = problem.constraints.softLimits?.isEmpty == false
        let folds = foldsChanges ?? (problem.objective != .riskBudgeting && !hasSoftLimits)
        var compiler = ConstraintCompiler(problem, folds)
        return compiler.limits()
    }

    private init(_ problem: AllocationProblem, _ foldsChanges: Bool) {
        self.problem = problem
        self.foldsChanges = foldsChanges
        // Turnover is the sum of what is sold, cash included, for the budget makes sales and purchases equal. Costs
        // need the sold part as well: |w − c| = (w − c) + 2 max(0, c − w). What its limits keep above c is not sold.
        let rates = problem.objectiveCostRates
        let limitsTurnover = Self.turnoverLimit(of: problem) != nil
        var sold = problem.currentWeights.indices.map { index in
            problem.currentWeights[index] > Self.lowestWeight(of: index, problem)
                && (limitsTurnover || rates[index] > 0 || problem.sales.ofInstruments)
        }
        sold.append((limitsTurnover || problem.sales.ofCash) && problem.currentCash > 0)
        let short = problem.instruments.indices.map { Self.lowestWeight(of: $0, problem) < 0 }
        layout = VariableLayout(
            instrumentCount: problem.instruments.count,
            sold: sold,
            short: short,
            impact: problem.objectiveImpacts.map { $0 > 0 },
            lots: problem.objectiveLots.map(\.count),
            fixed: problem.objectiveFixedCosts.map { $0 > 0 }
        )
    }

    /// `max_turnover` when it can bind: a full switch from one portfolio to another is 1, where neither is short.
    private static func turnoverLimit(of problem: AllocationProblem) -> Double? {
        guard let limit = problem.constraints.maxTurnover else { return nil }
        let isLong = !problem.constraints.permitsShorts && !problem.currentWeights.contains { $0 < 0 }
        return isLong && problem.currentCash >= 0 && limit >= everything ? nil : limit
    }

    /// The least weight that an instrument's own limits allow, or 0 where that is higher.
    static func lowestWeight(of index: Int, _ problem: AllocationProblem) -> Double {
        let constraints = problem.constraints
        guard constraints.permitsShorts, problem.isTradable[index] else { return 0 }
        if let floor = constraints.minWeights?[problem.instruments[index].id] { return min(0, floor) }
        return -(constraints.maxPositionSize ?? beyondReach(problem))
    }

    /// A weight that no instrument reaches, long or short, under the gross exposure in force.
    ///
    /// Where that is a price and not a limit, sizes end where a body's numbers do.
    static func beyondReach(_ problem: AllocationProblem) -> Double {
        let constraints = problem.constraints
        let pointer = "/max_gross_exposure"
        if constraints.softLimits?.contains(where: { $0.limit == pointer }) == true { return Constraints.largestSize }
        var most = constraints.maxGrossExposure ?? everything
        if constraints.grandfatherBreaches == true {
            most = max(most, problem.currentWeights.reduce(0) { $0 + abs($1) })
        }
        return everything + most
    }

    private mutating func limits() -> AllocationLimits {
        addWeightLimits()
        addWeightChanges()
        addCashLimits()
        letBreachesBe(from: 0)
        addBudget()
        let changeRows = addChangeRows()
        let first = expressions.count
        addFloorsOutsideTheProblem()
        addClassLimits(problem.constraints.maxSectorExposure, "/max_sector_exposure", \.sector)
        addClassLimits(problem.constraints.maxAssetClassExposure, "/max_asset_class_exposure", \.assetClass)
        addGroups()
        addFactorExposures()
        let (penalties, objectivePenalty) = addPenalties()
        addMinimumReturn(penalties.first)
        addScenarioLosses()
        addShortSides()
        let gross = addGrossExposure()
        let largest = addLargestPositions()
        letBreachesBe(from: first)
        let charges = addCharges()
        let loadings = addLoadings()
        let turnover = addTurnover()
        let volatility = addVolatility()
        let tracking = addTrackingError()
        let positions = addPositions()
        let risk = riskLimit()
        let (threshold, thresholdInstruments) = addThreshold()
        var limits = AllocationLimits(
            layout: layout,
            parameters: parameters,
            expressions: expressions,
            volatilityLimits: volatility,
            trackingLimit: tracking,
            positionLimit: positions,
            riskLimit: risk,
            threshold: threshold,
            thresholdInstruments: thresholdInstruments,
            currentWeights: problem.currentWeights + [problem.currentCash],
            turnoverLimit: turnover,
            grossExpression: gross,
            reach: problem.constraints.permitsShorts ? Self.beyondReach(problem) : nil,
            permitsShorts: layout.shortColumns.contains { $0 != nil },
            charges: charges,
            shortExpressions: shortExpressions
        )
        limits.penalties = penalties + (loadings.map { [$0] } ?? [])
        limits.loadingColumn = loadings?.cone?.column
        limits.changeRows = changeRows
        limits.hasFoldedChanges = foldsChanges && problem.constraints.limitsChanges
        limits.largestSums = largest
        limits.objectivePenalty = objectivePenalty
        if let soft = problem.constraints.softLimits {
            limits.soften(soft, reach: Self.beyondReach(problem))
        }
        return limits
    }

    mutating func parameter(
        _ pointer: String,
        _ bound: Double,
        _ direction: LimitParameter.Direction,
        isNonnegative: Bool = true
    ) -> Int {
        parameters.append(
            LimitParameter(pointer: pointer, bound: bound, direction: direction, isNonnegative: isNonnegative)
        )
        return parameters.count - 1
    }

    private mutating func addWeightLimits() {
        if problem.constraints.permitsShorts { return addSignedWeightLimits() }

        let constraints = problem.constraints
        let general = constraints.maxPositionSize.map { ($0, parameter("/max_position_size", $0, .up)) }
        for (index, instrument) in problem.instruments.enumerated() {
            var lower = LimitSide(bound: 0)
            if let floor = constraints.minWeights?[instrument.id], floor > 0 {
                let source = parameter("/min_weights/\(pointerToken(instrument.id))", floor, .down)
                lower = LimitSide(bound: floor, parameter: source)
            }
            var upper: LimitSide?
            if !problem.isTradable[index] {
                upper = LimitSide(bound: 0)
            } else if let cap = constraints.maxWeights?[instrument.id] {
                if cap < Self.everything {
                    let source = parameter("/max_weights/\(pointerToken(instrument.id))", cap, .up)
                    upper = LimitSide(bound: cap, parameter: source)
                }
            } else if let (cap, source) = general, cap < Self.everything {
                upper = LimitSide(bound: cap, parameter: source, subject: instrument.id)
            }
            expressions.append(LimitedExpression(terms: [(index, 1)], lower: lower, upper: upper))
        }
    }

    private mutating func addCashLimits() {
        let minimum = problem.constraints.minCash
        let maximum = problem.constraints.maxCash
        let lowerBound = minimum ?? 0
        var lower = LimitSide(bound: lowerBound)
        var upper = LimitSide(bound: maximum ?? lowerBound)
        if let minimum {
            // Without max_cash the target holds exactly min_cash, so the one number moves both sides.
            let source = parameter("/min_cash", minimum, maximum == nil ? .either : .down)
            lower.parameter = source
        }
        if let maximum { upper.parameter = parameter("/max_cash", maximum, .up) }
        expressions.append(LimitedExpression(terms: [(layout.cash, 1)], lower: lower, upper: upper))
    }

    private mutating func addBudget() {
        let all = (0...layout.cash).map { (variable: $0, coefficient: 1.0) }
        expressions.append(
            LimitedExpression(terms: all, lower: LimitSide(bound: 1), upper: LimitSide(bound: 1))
        )
    }

    /// A floor for an instrument that may not be held is a limit that nothing can meet.
    private mutating func addFloorsOutsideTheProblem() {
        let known = Set(problem.instruments.map(\.id))
        for (id, floor) in (problem.constraints.minWeights ?? [:]).sorted(by: { $0.key < $1.key })
        where floor > 0 && !known.contains(id) {
            let source = parameter("/min_weights/\(pointerToken(id))", floor, .down)
            expressions.append(
                LimitedExpression(terms: [], lower: LimitSide(bound: floor, parameter: source), upper: nil)
            )
        }
    }

    private mutating func addClassLimits(_ cap: Double?, _ pointer: String, _ key: KeyPath<Instrument, String?>) {
        guard let cap, cap < Self.everything || problem.constraints.permitsShorts else { return }
        let source = parameter(pointer, cap, .up)
        for (name, members) in classes(key) {
            expressions.append(
                LimitedExpression(
                    terms: sizes(of: members),
                    lower: nil,
                    upper: LimitSide(bound: cap, parameter: source, subject: name)
                )
            )
        }
    }

    /// The instruments of each sector or class, in the order in which the classes first appear.
    private func classes(_ key: KeyPath<Instrument, String?>) -> [(name: String, members: [Int])] {
        var order: [String: Int] = [:]
        var result: [(name: String, members: [Int])] = []
        for (index, instrument) in problem.instruments.enumerated() {
            guard let name = instrument[keyPath: key] else { continue }
            if let position = order[name] {
                result[position].members.append(index)
            } else {
                order[name] = result.count
                result.append((name, [index]))
            }
        }
        return result
    }

    private mutating func addGroups() {
        for (position, group) in (problem.constraints.groups ?? []).enumerated() {
            let parts = problem.instruments.enumerated().map { index, instrument in
                (variable: index, coefficient: group.members.membership(of: instrument))
            }
            let members = parts.filter { $0.coefficient != 0 }
            var expression = LimitedExpression(terms: members, lower: nil, upper: nil)
            let isSigned = problem.constraints.permitsShorts
            if let minimum = group.min, minimum > 0 || isSigned {
                expression.lower = LimitSide(
                    bound: minimum,
                    parameter: parameter("/groups/\(position)/min", minimum, .down, isNonnegative: !isSigned)
                )
            }
            if let maximum = group.max, maximum < Self.everything || isSigned {
                expression.upper = LimitSide(
                    bound: maximum,
                    parameter: parameter("/groups/\(position)/max", maximum, .up, isNonnegative: !isSigned)
                )
            }
            let asksOfNobody = members.isEmpty && (expression.upper?.bound ?? 0) < 0
            if expression.lower != nil || asksOfNobody || (expression.upper != nil && !members.isEmpty) {
                expressions.append(expression)
            }
        }
    }

    /// Exposures to factors, (Bᵀw)_f: cash has none.
    private mutating func addFactorExposures() {
        guard let structure = problem.factors else { return }
        let limits = problem.constraints.factorExposures ?? [:]
        for (factor, name) in structure.factors.enumerated() {
            guard let limit = limits[name] else { continue }
            var expression = LimitedExpression(
                terms: problem.instruments.indices
                    .map { (variable: $0, coefficient: structure.covariance.exposures[factor, $0]) }
                    .filter { $0.coefficient != 0 },
                lower: nil,
                upper: nil
            )
            let pointer = "/factor_exposures/\(pointerToken(name))"
            if let bound = limit.min {
                let source = parameter("\(pointer)/min", bound, .down, isNonnegative: false)
                expression.lower = LimitSide(bound: bound, parameter: source)
            }
            if let bound = limit.max {
                let source = parameter("\(pointer)/max", bound, .up, isNonnegative: false)
                expression.upper = LimitSide(bound: bound, parameter: source)
            }
            if expression.lower != nil || expression.upper != nil { expressions.append(expression) }
            if let most = limit.maxRisk {
                addFactorRisk(most, expression.terms, structure.volatility(of: factor), pointer)
            }
        }
    }

    /// |x_f| √F_ff ≤ most, one number that bounds the factor's part of the portfolio from both sides.
    private mutating func addFactorRisk(
        _ most: Double,
        _ exposures: [(variable: Int, coefficient: Double)],
        _ volatility: Double,
        _ pointer: String
    ) {
        let source = parameter("\(pointer)/max_risk", most, .up)
        expressions.append(
            LimitedExpression(
                terms: exposures.map { ($0.variable, $0.coefficient * volatility) },
                lower: LimitSide(bound: -most, parameter: source, slope: -1),
                upper: LimitSide(bound: most, parameter: source)
            )
        )
    }

    /// Adds what uncertain returns cost the limit on return, which stands first, and the objective.
    private mutating func addPenalties() -> (all: [UncertaintyPenalty], ofObjective: UncertaintyPenalty?) {
        guard let uncertainty = problem.returnUncertainty else { return ([], nil) }
        let isActive = problem.objective.needsBenchmark
        var penalties: [UncertaintyPenalty] = []
        if problem.constraints.minReturn != nil { penalties.append(penalty(uncertainty, anchor: nil)) }
        guard problem.objective.needsExpectedReturns || problem.terms.needExpectedReturns else {
            return (penalties, nil)
        }
        if isActive || penalties.isEmpty {
            penalties.append(penalty(uncertainty, anchor: isActive ? uncertainty.benchmark : nil))
        }
        return (penalties, penalties.last)
    }

    /// Adds the column of what factors bring to the worst volatility.
    private mutating func addLoadings() -> UncertaintyPenalty? {
        guard let loadings = problem.loadings else { return nil }
        return loadings.column(layout.addColumn(), unit: problem.volatilityUnit)
    }

    private mutating func penalty(_ uncertainty: ReturnUncertainty, anchor: [Double]?) -> UncertaintyPenalty {
        let floors = problem.instruments.indices.map { expressions[$0].lower?.bound ?? -.infinity }
        var columns = layout
        let penalty = UncertaintyPenalty(uncertainty, anchor: anchor, floors: floors) { columns.addColumn() }
        layout = columns
        for deviation in penalty.deviations {
            for sign in [1.0, -1.0] {
                // u ≥ ±(w − a).
                expressions.append(
                    LimitedExpression(
                        terms: [(deviation.column, 1), (deviation.instrument, -sign)],
                        lower: LimitSide(bound: -sign * deviation.anchor),
                        upper: nil
                    )
                )
            }
        }
        return penalty
    }

    /// The least return holds in the worst case of what is uncertain.
    private mutating func addMinimumReturn(_ penalty: UncertaintyPenalty?) {
        guard let minimum = problem.constraints.minReturn else { return }
        let source = parameter("/min_return", minimum, .down, isNonnegative: false)
        var terms = problem.expectedReturns.enumerated().map { (variable: $0.offset, coefficient: $0.element) }
        terms.append((layout.cash, problem.preferences.effectiveRiskFreeRate))
        if let penalty {
            for (index, haircut) in penalty.haircuts.enumerated() { terms[index].coefficient -= haircut }
            terms += penalty.prices.map { ($0.column, -$0.price) }
        }
        expressions.append(
            LimitedExpression(
                terms: terms.filter { $0.coefficient != 0 },
                lower: LimitSide(bound: minimum, parameter: source),
                upper: nil
            )
        )
    }

    /// Losses in single scenarios, −xᵀw.
    private mutating func addScenarioLosses() {
        let scenarios = problem.parameters.scenarios ?? []
        for (name, bound) in (problem.constraints.maxScenarioLosses ?? [:]).sorted(by: { $0.key < $1.key }) {
            guard let scenario = scenarios.first(where: { $0.name == name }) else { continue }
            let source = parameter("/max_scenario_losses/\(pointerToken(name))", bound, .up, isNonnegative: false)
            let terms = problem.instruments.enumerated().map { index, instrument in
                (variable: index, coefficient: -(scenario.returns[instrument.id] ?? .nan))
            }
            expressions.append(
                LimitedExpression(
                    terms: terms.filter { $0.coefficient != 0 },
                    lower: nil,
                    upper: LimitSide(bound: bound, parameter: source)
                )
            )
        }
    }

    /// Adds what is sold of each holding, s ≥ c − w and s ≥ 0, and the limit on its sum.
    private mutating func addTurnover() -> LimitSide? {
        let current = problem.currentWeights + [problem.currentCash]
        for (index, column) in layout.soldColumns.enumerated() {
            guard let column else { continue }
            expressions.append(
                LimitedExpression(terms: [(column, 1)], lower: LimitSide(bound: 0), upper: nil)
            )
            expressions.append(
                LimitedExpression(
                    terms: [(column, 1), (index, 1)],
                    lower: LimitSide(bound: current[index]),
                    upper: nil
                )
            )
        }
        guard let bound = Self.turnoverLimit(of: problem) else { return nil }
        let limit = LimitSide(bound: bound, parameter: parameter("/max_turnover", bound, .up))
        let terms = layout.soldColumns.compactMap { $0 }.map { (variable: $0, coefficient: 1.0) }
        expressions.append(LimitedExpression(terms: terms, lower: nil, upper: limit))
        return limit
    }

    private mutating func addVolatility() -> [LimitSide] {
        var limits: [LimitSide] = []
        if let bound = problem.constraints.targetVolatility {
            let side = LimitSide(bound: bound, parameter: parameter("/target_volatility", bound, .up))
            limits.append(inForce(side))
        }
        if let bound = problem.constraints.maxRisk, problem.riskMeasure == .volatility {
            let side = LimitSide(bound: bound, parameter: parameter("/max_risk", bound, .up))
            limits.append(inForce(side))
        }
        return limits
    }

    private mutating func addTrackingError() -> TrackingLimit? {
        guard let bound = problem.constraints.maxTrackingError, let model = problem.tracking else { return nil }
        let side = LimitSide(bound: bound, parameter: parameter("/max_tracking_error", bound, .up))
        return TrackingLimit(inForce(side), model)
    }

    /// Finds who is counted; a limit that all of them meet together limits nothing.
    private mutating func addPositions() -> PositionLimit? {
        guard let most = problem.constraints.maxPositions else { return nil }
        var counted: [Int] = []
        var alwaysHeld = 0
        for index in problem.instruments.indices {
            let (low, high) = (expressions[index].lower?.bound ?? 0, expressions[index].upper?.bound ?? 1)
            if low > 0 || high < 0 {
                alwaysHeld += 1
            } else if low < 0 || high > 0 {
                counted.append(index)
            }
        }
        guard counted.count + alwaysHeld > most else { return nil }
        let bound = Double(most)
        let side = LimitSide(bound: bound, parameter: parameter("/max_positions", bound, .up))
        return PositionLimit(side: inForce(side), counted: counted, alwaysHeld: alwaysHeld)
    }

    /// The limit on a measure other than volatility.
    private mutating func riskLimit() -> LimitSide? {
        guard problem.riskMeasure != .volatility, let bound = problem.constraints.maxRisk else { return nil }
        let side = LimitSide(bound: bound, parameter: parameter("/max_risk", bound, .up))
        return inForce(side)
    }

    /// Finds who is under the threshold; who cannot reach it may only be 0.
    private mutating func addThreshold() -> (LimitSide?, [Int]) {
        guard let bound = problem.constraints.minPositionSize, bound > 0 else { return (nil, []) }
        let floors = problem.constraints.minWeights ?? [:]
        let instruments = problem.instruments.indices.filter { index in
            problem.isTradable[index] && floors[problem.instruments[index].id] == nil
        }
        guard !instruments.isEmpty else { return (nil, []) }
        let source = parameter("/min_position_size", bound, .down)
        let free = keepHeld(instruments, aboveThreshold: bound, source)
        return free.isEmpty ? (nil, []) : (LimitSide(bound: bound, parameter: source), free)
    }
}

/// An identifier as a token of a JSON pointer (RFC 6901).
func pointerToken(_ text: String) -> String {
    var token = ""
    for character in text {
        switch character {
        case "~": token += "~0"
        case "/": token += "~1"
        default: token.append(character)
        }
    }
    return token
}
