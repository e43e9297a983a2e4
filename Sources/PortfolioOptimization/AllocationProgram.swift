internal import ConvexSolver
internal import PortfolioModel

/// Where a row of a program comes from.
struct RowOrigin: Equatable, Sendable {
    enum Side: Equatable, Sendable { case lower, upper, both }

    /// The expression, an index into the limits' expressions; nil for a row that belongs to the objective.
    var expression: Int?
    var side: Side
    /// What the row was divided by.
    var scale: Double
}

/// A conic program over the decision variables, with the way back from its rows to the limits.
struct AllocationProgram: Sendable {
    var sparse: SparseProgram
    var disjunctions: [Disjunction]
    /// Rows that hold wherever every disjunction does, to tighten a search's bounds.
    var implied: [LinearRow]
    /// One for each row of the zero and nonnegative cones, in their order.
    var origins: [RowOrigin]
    /// The first row of each second-order cone with the volatility limit it holds.
    var volatilityRows: [(row: Int, limit: Int)]
    /// The first row of the cone that limits the tracking error.
    var trackingRow: Int?
    /// How many may be held of whom, where that is limited.
    var positions: PositionChoice?
    /// How many columns, from the first, are weights of instruments.
    var instrumentCount = 0
    /// The column of a risk measure.
    var riskColumn: Int?
    /// The row that limits it.
    var riskLimitRow: Int?
    /// What exceeding a limit on it costs, where a search over choices has to weigh that.
    var softRisk: SoftRiskColumn?
    /// The column of κ when the program is homogenised.
    var scaleColumn: Int?
    /// The columns of the relaxations of limits, in their order.
    var relaxationColumns: Range<Int> = 0..<0
}

/// A column t that stands for a risk measure, and its limit.
struct RiskColumn: Sendable {
    /// What one unit of the column is worth.
    var unit: Double
    /// The upper limit of the measure.
    var limit: LimitSide?
}

/// Assembles programs: the limits' rows, an objective, and what a method adds to them.
///
/// Homogenised, a row aᵀx ≤ b becomes aᵀy − bκ ≤ 0 with a further variable κ. With a relaxation δ ≥ 0 of some of the
/// caller's numbers, their rows read aᵀx − δ ≤ b. All rows are divided by powers of two, which rounds nothing.
struct ProgramBuilder {
    /// A move of one of the caller's numbers, whose size is to be found.
    struct Relaxation: Equatable {
        var parameter: Int
        /// +1 raises the number, −1 lowers it.
        var sign: Double
        /// The largest move that has a meaning.
        var most: Double?
    }

    let limits: AllocationLimits
    /// The scaled factor F with Σ̂ = FᵀF, and the unit of volatility; nil leaves volatility limits out.
    var volatility: (factor: VolatilityFactor, unit: Double)?
    var isHomogeneous = false
    /// What may move, each by an amount of its own.
    var relaxations: [Relaxation] = []
    /// Whether buy-in thresholds hold.
    var withThresholds = true
    /// Over the columns: the row of the objective's that must be 1 (net excess return, homogenised programs).
    var normalization: [Double]?

    /// A risk measure, which gets a column and, where it is limited, a row.
    var risk: RiskColumn?

    /// The columns: decision variables, then κ, then t, then δ.
    var scaleColumn: Int? { isHomogeneous ? limits.layout.count : nil }
    var relaxationColumns: Range<Int> {
        let first = limits.layout.count + (isHomogeneous ? 1 : 0) + (risk == nil ? 0 : 1)
        return first..<(first + relaxations.count)
    }
    /// The column of the risk measure.
    var riskColumn: Int? { risk == nil ? nil : limits.layout.count + (isHomogeneous ? 1 : 0) }
    /// How many columns the program has.
    var columnCount: Int { relaxationColumns.upperBound }

    /// Whether one of the caller's numbers may move.
    func isRelaxed(_ parameter: Int?) -> Bool {
        parameter != nil && relaxations.contains { $0.parameter == parameter }
    }

    /// The moves of one of the caller's numbers: each with its column, and +1 where it raises the number.
    func moves(of parameter: Int?) -> [(column: Int, sign: Double)] {
        guard let parameter else { return [] }
        return zip(relaxationColumns, relaxations).filter { $0.1.parameter == parameter }
            .map { (column: $0.0, sign: $0.1.sign) }
    }

    /// The moves of the number behind a limit, as far as they move the limit itself.
    func moves(of side: LimitSide) -> [(column: Int, sign: Double)] {
        side.isGrandfathered ? [] : moves(of: side.parameter)
    }

    /// A row before it is put into a matrix: terms · x (= or ≤) bound.
    private struct Row {
        var terms: [(variable: Int, coefficient: Double)]
        var bound: Double
        var origin: RowOrigin
    }

    /// Assembles the program that minimises ½ xᵀ P x + qᵀx, or returns nil when a row without variables cannot hold.
    ///
    /// - Parameters:
    ///   - quadratic: P over the weights, scaled; nil for a linear objective.
    ///   - linear: q over all columns.
    /// - Returns: the program with the origin of its rows; nil when a row without variables cannot hold.
    func program(quadratic: CovarianceModel?, linear: [Double]) -> AllocationProgram? {
        var equalities: [Row] = []
        var inequalities: [Row] = []
        for index in limits.expressions.indices where !collectRows(index, &equalities, &inequalities) { return nil }
        if let normalization {
            let terms = normalization.enumerated().filter { $0.element != 0 }
            equalities.append(
                Row(
                    terms: terms.map { ($0.offset, $0.element) },
                    bound: 1,
                    origin: RowOrigin(expression: nil, side: .both, scale: 1)
                )
            )
        }
        if let row = riskRow() { inequalities.append(row) }
        for (column, relaxation) in zip(relaxationColumns, relaxations) {
            let origin = RowOrigin(expression: nil, side: .lower, scale: 1)
            inequalities.append(Row(terms: [(column, -1)], bound: 0, origin: origin))
            if let most = relaxation.most {
                inequalities.append(Row(terms: [(column, 1)], bound: most, origin: origin))
            }
        }
        let disjunctions = (withThresholds ? choices(adding: &equalities) : []) + saleChoices() + fixedChoices()
        var program = assemble(equalities, inequalities, disjunctions, quadratic: quadratic, linear: linear)
        if withThresholds { program.positions = positionChoice() }
        return program
    }

    /// t ≤ bound, in the unit of t; homogenised and relaxed as every other row.
    private func riskRow() -> Row? {
        guard let risk, let riskColumn, let limit = risk.limit else { return nil }
        var row = Row(
            terms: [(riskColumn, 1)],
            bound: limit.bound / risk.unit,
            origin: RowOrigin(expression: nil, side: .upper, scale: risk.unit)
        )
        if let scaleColumn {
            row.terms.append((scaleColumn, -row.bound))
            row.bound = 0
        }
        for move in moves(of: limit) { row.terms.append((move.column, -move.sign / risk.unit)) }
        return row
    }

    /// Appends the rows of an expression; false when it has no variables and cannot hold.
    private func collectRows(_ index: Int, _ equalities: inout [Row], _ inequalities: inout [Row]) -> Bool {
        let expression = limits.expressions[index]
        let scale = expression.scale
        let isMoved = isRelaxed(expression.lower?.parameter) || isRelaxed(expression.upper?.parameter)
        if let lower = expression.lower, let upper = expression.upper, lower.bound == upper.bound, !isMoved,
            lower.excess == nil, upper.excess == nil
        {
            let origin = RowOrigin(expression: index, side: .both, scale: scale)
            equalities.append(row(expression, upper, sign: 1, origin: origin))
            return true
        }
        for (side, sign, kind) in [
            (expression.lower, -1.0, RowOrigin.Side.lower), (expression.upper, 1.0, RowOrigin.Side.upper),
        ] {
            guard let side else { continue }
            let row = row(expression, side, sign: sign, origin: RowOrigin(expression: index, side: kind, scale: scale))
            if row.terms.isEmpty {
                if row.bound < -AllocationLimits.tolerance { return false }
            } else {
                inequalities.append(row)
            }
        }
        return true
    }

    /// One side of an expression as a row: sign · expression ≤ sign · bound, divided by its scale.
    private func row(_ expression: LimitedExpression, _ side: LimitSide, sign: Double, origin: RowOrigin) -> Row {
        var terms = expression.terms.map { (variable: $0.variable, coefficient: sign * $0.coefficient / origin.scale) }
        var bound = sign * side.bound / origin.scale
        if let scaleColumn, bound != 0 {
            terms.append((scaleColumn, -bound))
            bound = 0
        }
        // The bound becomes bound + δ·slope·sign of the move; it stands on the right, so δ comes to the left negated.
        for move in side.isGrandfathered ? [] : moves(of: side.parameter ?? implicitTwin(expression)) {
            terms.append((move.column, -sign * side.slope * move.sign / origin.scale))
        }
        if let excess = side.excess { terms.append((excess, -1 / origin.scale)) }
        return Row(terms: terms, bound: bound, origin: origin)
    }

    /// The number that a side without one of its own moves with: cash without `max_cash` equals `min_cash`.
    private func implicitTwin(_ expression: LimitedExpression) -> Int? {
        guard let source = expression.lower?.parameter, limits.parameters[source].direction == .either else {
            return nil
        }
        return source
    }

    /// The choice of each instrument under the threshold: 0, or at least the threshold.
    ///
    /// Who cannot reach the threshold is held at 0 by an equality instead.
    private func thresholdDisjunctions(adding equalities: inout [Row]) -> [Disjunction] {
        guard let threshold = limits.threshold else { return [] }
        let isMoved = isRelaxed(threshold.parameter)
        var disjunctions: [Disjunction] = []
        for instrument in limits.thresholdInstruments {
            if limits.layout.shortColumns[instrument] != nil {
                disjunctions += signedThreshold(instrument, threshold.bound, isMoved: isMoved)
                continue
            }
            let cap = limits.weightLimits(of: instrument).upper
            if let cap, cap.bound < threshold.bound, !isMoved, !isRelaxed(cap.parameter) {
                guard cap.bound > 0 else { continue }
                let origin = RowOrigin(expression: nil, side: .both, scale: 1)
                equalities.append(Row(terms: [(instrument, 1)], bound: 0, origin: origin))
                continue
            }
            var reaching = LinearRow(columns: [instrument], coefficients: [-1], upperBound: -threshold.bound)
            if let scaleColumn {
                reaching.columns.append(scaleColumn)
                reaching.coefficients.append(threshold.bound)
                reaching.upperBound = 0
            }
            for move in moves(of: threshold.parameter) {
                reaching.columns.append(move.column)
                reaching.coefficients.append(-1)
            }
            disjunctions.append(thresholdDisjunction(instrument: instrument, reaching: reaching))
        }
        return disjunctions
    }

    /// The choices of an instrument that may be short: not long or at least the threshold, not short or at most minus it.
    ///
    /// Of the four combinations one contradicts itself; the others are 0, long and short.
    private func signedThreshold(_ instrument: Int, _ bound: Double, isMoved: Bool) -> [Disjunction] {
        [1.0, -1.0].map { side in
            var reaching = LinearRow(columns: [instrument], coefficients: [-side], upperBound: -bound)
            if let scaleColumn {
                reaching.columns.append(scaleColumn)
                reaching.coefficients.append(bound)
                reaching.upperBound = 0
            }
            if isMoved {
                for move in moves(of: limits.threshold?.parameter) {
                    reaching.columns.append(move.column)
                    reaching.coefficients.append(-1)
                }
            }
            let notHeld = LinearRow(columns: [instrument], coefficients: [side], upperBound: 0)
            return Disjunction(off: [notHeld], on: [reaching])
        }
    }

    /// The choices of who is held: thresholds, and whom else a limit on positions counts.
    private func choices(adding equalities: inout [Row]) -> [Disjunction] {
        let thresholds = thresholdDisjunctions(adding: &equalities)
        guard let positions = limits.positionLimit else { return thresholds }
        let under = Set(limits.threshold == nil ? [] : limits.thresholdInstruments)
        return thresholds + positions.counted.filter { !under.contains($0) }.map { freeChoice(instrument: $0) }
    }

    /// What is sold of a holding below the threshold ℓ that may only be 0 or at least ℓ: s ≥ c (1 − w/ℓ).
    ///
    /// The line through (w, s) = (0, c) and (ℓ, 0) lies above s = c − w in between, where no weight may be.
    private func impliedSales() -> [LinearRow] {
        guard let threshold = limits.threshold, !isRelaxed(threshold.parameter) else { return [] }
        return limits.thresholdInstruments.compactMap { instrument in
            let current = limits.currentWeights[instrument]
            guard let sold = limits.layout.soldColumns[instrument], current > 0, current < threshold.bound else {
                return nil
            }
            var row = LinearRow(
                columns: [sold, instrument],
                coefficients: [-1, -current / threshold.bound],
                upperBound: -current
            )
            if let scaleColumn {
                row.columns.append(scaleColumn)
                row.coefficients.append(current)
                row.upperBound = 0
            }
            return row
        }
    }

    private func assemble(
        _ equalities: [Row],
        _ inequalities: [Row],
        _ disjunctions: [Disjunction],
        quadratic: CovarianceModel?,
        linear: [Double]
    ) -> AllocationProgram {
        let rows = equalities + inequalities
        let cones = volatilityCones()
        let coneDimension = (volatility?.factor.rows.count ?? 0) + 1
        var trackingCone: [Cone] = []
        var trackingRow: Int?
        var entries = rows.map { Self.entries(of: $0) }
        var bounds = rows.map(\.bound)
        var volatilityRows: [(row: Int, limit: Int)] = []
        for limit in cones {
            volatilityRows.append((entries.count, limit))
            addCone(limit, &entries, &bounds)
        }
        if let limit = limits.trackingLimit {
            trackingRow = entries.count
            trackingCone = [.secondOrder(limit.rows.count + 1)]
            addTrackingCone(limit, &entries, &bounds)
        }
        let impactCones = addImpactCones(&entries, &bounds)
        let penaltyCones = addPenaltyCones(&entries, &bounds)
        let riskLimitRow = rows.firstIndex { row in
            row.origin.expression == nil && risk?.limit != nil && row.terms.first?.variable == riskColumn
        }
        return AllocationProgram(
            sparse: SparseProgram(
                curvature: quadratic?.curvature(over: columnCount),
                linear: linear,
                rows: entries,
                bounds: bounds,
                cones: [.zero(equalities.count), .nonnegative(inequalities.count)]
                    + cones.map { _ in .secondOrder(coneDimension) } + trackingCone + impactCones + penaltyCones
            ),
            disjunctions: disjunctions,
            implied: disjunctions.isEmpty ? [] : impliedSales() + impliedPositions() + impliedSaleChoices(),
            origins: rows.map(\.origin),
            volatilityRows: volatilityRows,
            trackingRow: trackingRow,
            instrumentCount: limits.layout.instrumentCount,
            riskColumn: riskColumn,
            riskLimitRow: riskLimitRow,
            scaleColumn: scaleColumn,
            relaxationColumns: relaxationColumns
        )
    }

    /// The volatility limits that get a cone: the lowest of those that stay, and the one that is relaxed.
    private func volatilityCones() -> [Int] {
        guard volatility != nil else { return [] }
        let all = limits.volatilityLimits.indices
        let relaxed = all.filter { isRelaxed(limits.volatilityLimits[$0].parameter) }
        let soft = all.filter { limits.volatilityLimits[$0].excess != nil && !relaxed.contains($0) }
        let kept = all.filter { !relaxed.contains($0) && !soft.contains($0) }
            .min { limits.volatilityLimits[$0].bound < limits.volatilityLimits[$1].bound }
        return relaxed + soft + (kept.map { [$0] } ?? [])
    }

    /// A row with each column once.
    private static func entries(of row: Row) -> SparseProgram.Row {
        var columns: [Int] = []
        var coefficients: [Double] = []
        var place: [Int: Int] = [:]
        for term in row.terms {
            if let known = place[term.variable] {
                coefficients[known] += term.coefficient
            } else {
                place[term.variable] = columns.count
                columns.append(term.variable)
                coefficients.append(term.coefficient)
            }
        }
        return SparseProgram.Row(columns: columns, coefficients: coefficients)
    }

    /// ‖Fw‖ ≤ σ: slack (σ, Fw) in the cone, so A holds 0 and −F and b holds σ.
    private func addCone(_ limit: Int, _ rows: inout [SparseProgram.Row], _ bounds: inout [Double]) {
        guard let (factor, unit) = volatility else { return }
        let side = limits.volatilityLimits[limit]
        var head = SparseProgram.Row(columns: [], coefficients: [])
        if let scaleColumn {
            head.columns.append(scaleColumn)
            head.coefficients.append(-side.bound / unit)
        }
        for move in moves(of: side) {
            head.columns.append(move.column)
            head.coefficients.append(-move.sign / unit)
        }
        if let excess = side.excess {
            head.columns.append(excess)
            head.coefficients.append(-1 / unit)
        }
        rows.append(head)
        bounds.append(isHomogeneous ? 0 : side.bound / unit)
        for row in factor.rows {
            rows.append(SparseProgram.Row(columns: row.columns, coefficients: row.values.map { -$0 }))
            bounds.append(0)
        }
    }
}

extension AllocationProgram {
    /// A program of nothing, for an answer that no program gave.
    static let empty = AllocationProgram(
        sparse: SparseProgram(curvature: nil, linear: [], rows: [], bounds: [], cones: []),
        disjunctions: [],
        implied: [],
        origins: [],
        volatilityRows: [],
        scaleColumn: nil
    )
}
