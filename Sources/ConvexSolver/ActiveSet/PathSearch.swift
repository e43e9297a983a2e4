internal import LinearAlgebra

extension ActiveSetSearch {
    /// The path from one parameter to another, which may be infinite or the smaller one.
    ///
    /// A path over a singular P is followed with a small multiple of the identity added.
    mutating func path(
        from start: Double,
        to end: Double,
        shouldStop: () -> Bool
    ) throws(ActiveSetFailure) -> SolutionPath {
        do throws(ActiveSetFailure) {
            return try followPath(from: start, to: end, shouldStop: shouldStop)
        } catch {
            guard error == .unfinished(.singular), set.proximal == 0 else { throw error }
        }
        var regularized = ActiveSetSearch(program, settings: settings)
        regularized.addProximalTerm()
        return try regularized.followPath(from: start, to: end, shouldStop: shouldStop)
    }

    private mutating func followPath(
        from start: Double,
        to end: Double,
        shouldStop: () -> Bool
    ) throws(ActiveSetFailure) -> SolutionPath {
        guard program.direction != nil else { throw .invalid }
        setParameter(start)
        begin()
        try solveRounds(shouldStop: shouldStop)
        let outside = (0..<program.variableCount).filter { !isInSet[$0] }
        if !outside.isEmpty {
            enter(outside)
            set.evaluate()
        }
        let side: Double = end < start ? -1 : 1
        setRates(side)
        let limit = settings.stepsPerVariable * (set.count + set.totalRows) + 50
        var walk = ParametricWalk(set, from: 0, maximumSteps: limit)
        walk.refreshInterval = set.proximal > 0 ? 4 : settings.refreshInterval
        var corners: [PathCorner] = []
        var multipliers: [PathMultipliers] = []
        let search = self
        let outcome = walk.run(to: abs(end - start)) { segment in
            if shouldStop() { return 0 }
            guard segment.length > 0 else { return nil }
            let parameter = start + side * segment.start
            corners.append(PathCorner(parameter: parameter, point: search.currentPoint()))
            multipliers.append(search.multipliersAlong(side, at: parameter))
            return nil
        }
        countSteps(walk.steps)
        if case .halted = outcome { throw .stopped }
        guard case .reached = outcome else { throw .unfinished(outcome == .singular ? .singular : .stalled) }
        if end < .infinity { corners.append(PathCorner(parameter: end, point: currentPoint())) }
        if side < 0 {
            corners.reverse()
            multipliers.reverse()
        }
        return SolutionPath(
            program,
            corners: corners,
            multipliers: multipliers,
            isRegularized: set.proximal > 0,
            steps: walk.steps
        )
    }

    /// The multipliers of the stretch whose direction the walk has just computed.
    private func multipliersAlong(_ side: Double, at parameter: Double) -> PathMultipliers {
        var rates = [Double](repeating: 0, count: set.totalRows)
        for (k, r) in set.activeRows.enumerated() { rates[r] = side * set.stepY[k] }
        let count = program.rows.count
        return PathMultipliers(
            parameter: parameter,
            rows: Array(set.multiplier.prefix(count)),
            rowRates: Array(rates.prefix(count)),
            limit: set.limitRow.map { set.multiplier[$0] } ?? 0,
            limitRate: set.limitRow.map { rates[$0] } ?? 0
        )
    }

    /// The point over all variables.
    func currentPoint() -> [Double] {
        var point = basePoint.point
        for j in 0..<set.count { point[Int(set.names[j])] = set.x[j] }
        return point
    }
}
