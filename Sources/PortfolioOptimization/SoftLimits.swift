internal import ConvexSolver
public import PortfolioModel

/// A side of a limit that may be exceeded: its row gets a column e ≥ 0 of what is beyond it, which the objective pays for
/// (docs/mathematics.md, "Soft limits").
struct SoftSide: Equatable, Sendable {
    /// What is limited.
    enum Measured: Equatable, Sendable {
        case expression(Int)
        case volatility(Int)
        case trackingError
        /// A measure over scenarios.
        case risk
    }

    var measured: Measured
    var isLower: Bool
    /// The column of e; none for a measure over scenarios, which the methods price themselves.
    var column: Int?
    /// What a unit of e costs the objective.
    var penalty: Double
    /// Where the bound comes from, an index into the parameters.
    var parameter: Int
}

/// A limit on a measure over scenarios that may be exceeded (docs/mathematics.md, "Soft limits").
struct SoftRisk: Equatable, Sendable {
    var side: LimitSide
    /// What a unit beyond the limit costs the objective.
    var penalty: Double
}

extension AllocationLimits {
    /// Lets limits be exceeded.
    ///
    /// - Parameters:
    ///   - soft: which ones; one that cannot bind has no row and is passed over.
    ///   - reach: a weight that no instrument reaches.
    mutating func soften(_ soft: [SoftLimit], reach: Double) {
        for limit in soft {
            guard let parameter = parameters.firstIndex(where: { $0.pointer == limit.limit }) else { continue }
            for index in expressions.indices {
                for isLower in [true, false] {
                    let side = isLower ? expressions[index].lower : expressions[index].upper
                    guard let side, side.parameter == parameter else { continue }
                    soften(index, side, isLower: isLower, limit.penalty, reach: reach)
                }
            }
            for index in volatilityLimits.indices where volatilityLimits[index].parameter == parameter {
                let column = excess(.volatility(index), limit.penalty, parameter)
                volatilityLimits[index].excess = column
            }
            if trackingLimit?.side.parameter == parameter {
                let column = excess(.trackingError, limit.penalty, parameter)
                trackingLimit?.side.excess = column
            }
            if let side = riskLimit, side.parameter == parameter {
                softRisk = SoftRisk(side: side, penalty: limit.penalty)
                riskLimit = nil
                softSides.append(
                    SoftSide(measured: .risk, isLower: false, column: nil, penalty: limit.penalty, parameter: parameter)
                )
            }
            if turnoverLimit?.parameter == parameter { turnoverLimit = nil }
            if let gross = grossExpression, expressions[gross].upper?.excess != nil { grossExpression = nil }
        }
    }

    private mutating func soften(
        _ index: Int,
        _ side: LimitSide,
        isLower: Bool,
        _ penalty: Double,
        reach: Double
    ) {
        guard let parameter = side.parameter else { return }
        var place = index
        if index <= layout.cash {
            // Bounds of weights are read as such everywhere: what may be exceeded becomes a row.
            let isSigned = index < layout.cash && layout.shortColumns[index] != nil
            place = expressions.count
            expressions.append(LimitedExpression(terms: [(index, 1)], lower: nil, upper: nil))
            if isLower {
                expressions[index].lower = LimitSide(bound: isSigned ? -reach : 0)
            } else {
                expressions[index].upper = permitsShorts && index < layout.cash ? LimitSide(bound: reach) : nil
            }
        }
        var softened = side
        softened.excess = excess(.expression(place), isLower: isLower, penalty, parameter)
        if isLower { expressions[place].lower = softened } else { expressions[place].upper = softened }
    }

    private mutating func excess(
        _ measured: SoftSide.Measured,
        isLower: Bool = false,
        _ penalty: Double,
        _ parameter: Int
    ) -> Int {
        let column = layout.addColumn()
        expressions.append(LimitedExpression(terms: [(column, 1)], lower: LimitSide(bound: 0), upper: nil))
        softSides.append(
            SoftSide(measured: measured, isLower: isLower, column: column, penalty: penalty, parameter: parameter)
        )
        return column
    }

    /// The numbers that may be exceeded: none of them ever keeps a mandate from being met.
    var softParameters: Set<Int> { Set(softSides.map(\.parameter)) }

    /// What a unit of each column of excess costs.
    var softPrices: [(column: Int, price: Double)] {
        softSides.compactMap { side in side.column.map { ($0, side.penalty) } }
    }

    /// The limit itself.
    func side(of soft: SoftSide) -> LimitSide? {
        switch soft.measured {
        case .expression(let index): soft.isLower ? expressions[index].lower : expressions[index].upper
        case .volatility(let index): volatilityLimits[index]
        case .trackingError: trackingLimit?.side
        case .risk: softRisk?.side
        }
    }

    /// Sets the columns of what is beyond linear limits; nothing asks for those of cones.
    func settleSoft(_ point: inout [Double]) {
        for soft in softSides {
            guard case .expression(let index) = soft.measured, let side = side(of: soft), let column = soft.column
            else { continue }
            let beyond = expressions[index].value(at: point) - side.bound
            point[column] = max(0, soft.isLower ? -beyond : beyond)
        }
    }
}

extension AllocationProblem {
    /// What an allocation has for each soft limit: those applied once, and those applied to many where it exceeds them.
    ///
    /// - Parameters:
    ///   - weights: one an instrument of the problem.
    ///   - cash: the weight of cash.
    /// - Returns: them in the order of the request.
    public func softLimits(weights: [Double], cash: Double) -> [SoftLimitValue] {
        guard constraints.softLimits?.isEmpty == false else { return [] }
        return softLimits(weights: weights, cash: cash, under: ConstraintCompiler.compile(self))
    }

    /// The same under limits that are compiled.
    func softLimits(weights: [Double], cash: Double, under limits: AllocationLimits) -> [SoftLimitValue] {
        let point = limits.point(weights: weights, cash: cash)
        var found: [(value: SoftLimitValue, expression: Int?)] = []
        for soft in limits.softSides {
            guard let side = limits.side(of: soft) else { continue }
            var expression: Int?
            let value: Double
            switch soft.measured {
            case .expression(let index):
                expression = index
                value = limits.expressions[index].value(at: point)
            case .volatility: value = annualizedVolatility(of: weights)
            case .trackingError: value = limits.trackingLimit?.error(at: weights[...]) ?? 0
            case .risk: value = (try? portfolioRisk(of: self))?.value(of: weights) ?? .nan
            }
            let excess = max(0, soft.isLower ? side.bound - value : value - side.bound)
            let told = SoftLimitValue(
                constraint: limits.parameters[soft.parameter].pointer,
                subject: side.subject,
                bound: side.isGrandfathered
                    ? side.inOwnTerms(side.bound) : limits.parameters[soft.parameter].bound,
                value: side.inOwnTerms(value),
                excess: excess,
                penalty: soft.penalty
            )
            // A number that bounds an expression from both sides is told once, of the side that is nearer.
            if let expression, let last = found.last, last.expression == expression,
                last.value.constraint == told.constraint
            {
                if told.value > last.value.value { found[found.count - 1].value = told }
            } else {
                found.append((told, expression))
            }
        }
        return found.map(\.value).filter { $0.subject == nil || $0.excess > AllocationLimits.tolerance }
    }

    /// A penalty for a limit that is not in force would be one for nothing.
    static func requireSoftLimits(_ constraints: Constraints) throws(OptimizationFailure) {
        for soft in constraints.softLimits ?? [] where constraints.softenable(at: soft.limit) == nil {
            throw OptimizationFailure(
                code: "invalid_inputs",
                message: "soft_limits names \(soft.limit), which is no limit in force."
            )
        }
    }
}

extension MeanVarianceMethod {
    /// Least risk, or least tracking error, where limits may be exceeded: minimise ‖F(w − b)‖ + Σ pe, for a penalty is on a
    /// risk and not on its square.
    func softRiskOptimum(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        var builder = ProgramBuilder(limits: limits)
        if !limits.volatilityLimits.isEmpty { builder.volatility = (scaling.factor, scaling.volatilityUnit) }
        let unit = scaling.volatilityUnit
        var linear = [Double](repeating: 0, count: builder.columnCount)
        for (column, price) in limits.softPrices { linear[column] = price / unit }
        guard var program = builder.program(quadratic: nil, linear: linear) else {
            throw try infeasible(because: nil, shouldStop: shouldStop)
        }
        var sparse = SparseProgramBuilder(extending: program.sparse)
        let (rows, scale) = try activeRows()
        sparse.addCost(sparse.length(of: rows), times: scale / unit)
        program.sparse = sparse.program
        switch try solveProgram(program, preferences: problem.preferences, shouldStop: shouldStop) {
        case .infeasible: throw try infeasible(because: nil, shouldStop: shouldStop)
        case .unbounded: throw numericalDifficulty("the solver found no bound of a bounded program")
        case .solved(let optimum):
            return try finish(
                try clean(optimum, scale: 1),
                report: optimum.report,
                isDiscrete: !program.disjunctions.isEmpty,
                prices: ShadowPrices(program: program, dual: optimum.dual, gainPerDual: unit),
                shouldStop: shouldStop
            )
        }
    }

    /// F(w − b) and its unit; b is 0 where the objective has no benchmark.
    private func activeRows() throws(OptimizationFailure) -> (rows: [AffineExpression], unit: Double) {
        guard problem.objective == .minimizeTrackingError else {
            let rows = VolatilityFactor(scaling.covariance).rows.map { row in
                AffineExpression(
                    terms: zip(row.columns, row.values).map { AffineExpression.Term(column: $0.0, coefficient: $0.1) }
                )
            }
            return (rows, scaling.volatilityUnit)
        }
        guard let model = problem.tracking else { throw numericalDifficulty("the benchmark has no model") }
        let limit = TrackingLimit(LimitSide(bound: .infinity), model)
        let rows = zip(limit.rows, limit.benchmarkRows).map { row, constant in
            let own = zip(row.columns, row.values).filter { $0.0 < limits.layout.instrumentCount }
            return AffineExpression(
                terms: own.map { AffineExpression.Term(column: $0.0, coefficient: $0.1) },
                constant: -constant
            )
        }
        return (rows, limit.unit)
    }
}
