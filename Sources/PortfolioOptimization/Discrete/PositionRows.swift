internal import ConvexSolver

/// The choice of an instrument without a threshold: a weight of 0, or any that its limits allow.
func freeChoice(instrument: Int) -> Disjunction {
    let notHeld = LinearRow(columns: [instrument], coefficients: [1], upperBound: 0, isEquality: true)
    return Disjunction(off: [notHeld], on: [])
}

extension ProgramBuilder {
    /// How many may be held of whom; nil without a limit on positions.
    func positionChoice() -> PositionChoice? {
        guard let limit = limits.positionLimit else { return nil }
        let under = Set(limits.threshold == nil ? [] : limits.thresholdInstruments)
        return PositionChoice(
            most: max(0, limit.room),
            columns: limit.counted,
            least: limit.counted.map { under.contains($0) ? limits.threshold?.bound ?? 0 : 0 },
            mayBeShort: limits.permitsShorts
        )
    }

    /// Σ |w|/u ≤ K with the largest sizes u: met by every allocation of at most K, and not by its relaxations.
    ///
    /// A relaxation may move the upper weights, and then the row says nothing.
    func impliedPositions() -> [LinearRow] {
        guard let limit = limits.positionLimit, relaxations.isEmpty else { return [] }
        let caps = limit.counted.map { index in
            let (own, most) = (limits.weightLimits(of: index), limits.permitsShorts ? Double.infinity : 1)
            return max(min(most, own.upper?.bound ?? 1), -(own.lower?.bound ?? 0))
        }
        var row = LinearRow(
            columns: limit.counted,
            coefficients: caps.map { 1 / $0 },
            upperBound: Double(max(0, limit.room))
        )
        for (index, cap) in zip(limit.counted, caps) {
            guard let short = limits.layout.shortColumns[index] else { continue }
            row.columns.append(short)
            row.coefficients.append(2 / cap)
        }
        if let scaleColumn {
            row.columns.append(scaleColumn)
            row.coefficients.append(-row.upperBound)
            row.upperBound = 0
        }
        return [row]
    }

    /// ‖F(w − b)‖ ≤ τ: slack (τ, F(w − b)) in the cone, so A holds 0 and −F and b holds τ and −Fb.
    func addTrackingCone(_ limit: TrackingLimit, _ rows: inout [SparseProgram.Row], _ bounds: inout [Double]) {
        var head = SparseProgram.Row(columns: [], coefficients: [])
        let bound = limit.side.bound / limit.unit
        if let scaleColumn {
            head.columns.append(scaleColumn)
            head.coefficients.append(-bound)
        }
        for move in moves(of: limit.side) {
            head.columns.append(move.column)
            head.coefficients.append(-move.sign / limit.unit)
        }
        if let excess = limit.side.excess {
            head.columns.append(excess)
            head.coefficients.append(-1 / limit.unit)
        }
        rows.append(head)
        bounds.append(isHomogeneous ? 0 : bound)
        for (row, constant) in zip(limit.rows, limit.benchmarkRows) {
            // What only the benchmark holds is in the constant, and has no column.
            let own = row.columns.indices.filter { row.columns[$0] < limits.layout.instrumentCount }
            var entry = SparseProgram.Row(
                columns: own.map { row.columns[$0] },
                coefficients: own.map { -row.values[$0] }
            )
            if let scaleColumn, constant != 0 {
                entry.columns.append(scaleColumn)
                entry.coefficients.append(constant)
            }
            rows.append(entry)
            bounds.append(isHomogeneous ? 0 : -constant)
        }
    }
}
