internal import PortfolioModel

/// Limits on sizes where weights may be negative, and what trades cost in columns of their own.
extension ConstraintCompiler {
    /// −max ≤ w ≤ max unless an instrument's own limits say otherwise.
    mutating func addSignedWeightLimits() {
        let constraints = problem.constraints
        let general = constraints.maxPositionSize.map { ($0, parameter("/max_position_size", $0, .up)) }
        let most = Self.beyondReach(problem)
        for (index, instrument) in problem.instruments.enumerated() {
            var lower = LimitSide(bound: -most)
            var upper = LimitSide(bound: most)
            if let (size, source) = general {
                lower = LimitSide(bound: -size, parameter: source, subject: instrument.id, slope: -1)
                upper = LimitSide(bound: size, parameter: source, subject: instrument.id)
            }
            let token = pointerToken(instrument.id)
            if let floor = constraints.minWeights?[instrument.id] {
                let source = parameter("/min_weights/\(token)", floor, .down, isNonnegative: false)
                lower = LimitSide(bound: floor, parameter: source)
            }
            if let cap = constraints.maxWeights?[instrument.id] {
                let source = parameter("/max_weights/\(token)", cap, .up, isNonnegative: false)
                upper = LimitSide(bound: cap, parameter: source)
            }
            if !problem.isTradable[index] {
                // A floor for what must be sold stays, for the contradiction to be told.
                if lower.bound <= 0 { lower = LimitSide(bound: 0) }
                upper = LimitSide(bound: 0)
            }
            expressions.append(LimitedExpression(terms: [(index, 1)], lower: lower, upper: upper))
        }
    }

    /// Adds what is short of each instrument, h ≥ 0 and h ≥ −w: where it matters |w| = w + 2h.
    mutating func addShortSides() {
        for (index, column) in layout.shortColumns.enumerated() {
            guard let column else { continue }
            shortExpressions[index] = expressions.count
            expressions.append(LimitedExpression(terms: [(column, 1)], lower: LimitSide(bound: 0), upper: nil))
            expressions.append(
                LimitedExpression(terms: [(column, 1), (index, 1)], lower: LimitSide(bound: 0), upper: nil)
            )
        }
    }

    /// What trades cost the objective, with the rows of the lots: 0 ≤ s ≤ width and Σs ≥ c − w.
    mutating func addCharges() -> TradingCharges {
        var charges = TradingCharges()
        for (index, price) in problem.objectiveImpacts.enumerated() {
            guard let column = layout.impactColumns[index] else { continue }
            charges.impacts.append(TradingCharges.Impact(instrument: index, column: column, price: price))
        }
        for (index, lots) in problem.objectiveLots.enumerated() where !lots.isEmpty {
            let columns = layout.lotColumns[index]
            for (place, column) in columns.enumerated() {
                // The last lot has no end: what rounding leaves of the holding is taxed as it is.
                let width = place + 1 == columns.count ? nil : LimitSide(bound: lots[place].width)
                expressions.append(
                    LimitedExpression(terms: [(column, 1)], lower: LimitSide(bound: 0), upper: width)
                )
            }
            expressions.append(
                LimitedExpression(
                    terms: columns.map { ($0, 1) } + [(index, 1)],
                    lower: LimitSide(bound: problem.currentWeights[index]),
                    upper: nil
                )
            )
            charges.sales.append(
                TradingCharges.Sale(
                    instrument: index,
                    columns: columns,
                    widths: lots.map(\.width),
                    prices: lots.map(\.rate)
                )
            )
        }
        charges.fixed = addFixedCharges()
        return charges
    }

    /// Σ|w| of some instruments as a linear expression.
    func sizes(of members: [Int]) -> [(variable: Int, coefficient: Double)] {
        members.map { ($0, 1) } + members.compactMap { layout.shortColumns[$0] }.map { ($0, 2) }
    }

    mutating func addGrossExposure() -> Int? {
        guard let bound = problem.constraints.maxGrossExposure,
            problem.constraints.permitsShorts || bound < Self.everything
        else { return nil }
        expressions.append(
            LimitedExpression(
                terms: sizes(of: Array(problem.instruments.indices)),
                lower: nil,
                upper: LimitSide(bound: bound, parameter: parameter("/max_gross_exposure", bound, .up))
            )
        )
        return expressions.count - 1
    }
}
