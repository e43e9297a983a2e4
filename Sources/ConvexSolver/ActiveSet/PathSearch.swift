internal import LinearAlgebra

/// The corners of a path in the order a walk meets them, with the multipliers of the stretch after each.
struct PathTrail {
    private(set) var corners: [PathCorner] = []
    private(set) var multipliers: [PathMultipliers] = []

    init() {
        corners.reserveCapacity(Self.usualCount)
        multipliers.reserveCapacity(Self.usualCount)
    }

    private static let usualCount = 64

    /// Adds a corner; one at the parameter of the last replaces it.
    mutating func append(_ corner: consuming PathCorner, _ after: consuming PathMultipliers) {
        if corners.last?.parameter == corner.parameter { removeLast() }
        corners.append(corner)
        multipliers.append(after)
    }

    /// The corners and multipliers from the last to the first; none are left here.
    mutating func takeReversed() -> (corners: [PathCorner], multipliers: [PathMultipliers]) {
        var taken = (corners: [PathCorner](), multipliers: [PathMultipliers]())
        swap(&taken.corners, &corners)
        swap(&taken.multipliers, &multipliers)
        taken.corners.reverse()
        taken.multipliers.reverse()
        return taken
    }

    mutating func removeLast() {
        corners.removeLast()
        multipliers.removeLast()
    }

    /// Keeps the first corners.
    mutating func keep(_ count: Int) {
        corners.removeLast(corners.count - count)
        multipliers.removeLast(multipliers.count - count)
    }
}

extension ActiveSetSearch {
    /// Stands at the optimum of a parameter with every variable in the working set, from where a walk may start.
    mutating func stand(
        at parameter: Double,
        from previous: ActiveSetStart?,
        shouldStop: () -> Bool
    ) throws(ActiveSetFailure) {
        setParameter(parameter)
        if let previous { begin(from: previous) } else { begin() }
        try solveRounds(shouldStop: shouldStop)
        let outside = (0..<program.variableCount).filter { !isInSet[$0] }
        if !outside.isEmpty { enter(outside) }
        set.evaluate()
        guard set.holds() else { throw .unfinished(.inaccurate) }
    }

    /// Walks from where it stands to the end of a path, or as far as it comes; on a path without end it is lost where it
    /// meets a corner beyond `last`.
    ///
    /// - Returns: how the walk ended, where, and up to which parameter its corners were verified.
    mutating func walk(
        from start: Double,
        to end: Double,
        last: Double,
        trail: inout PathTrail,
        shouldStop: () -> Bool
    ) -> (outcome: WalkEnd, parameter: Double, verified: Double?) {
        let side: Double = end < start ? -1 : 1
        setRates(side)
        let limit = settings.stepsPerVariable * (set.count + set.totalRows) + 50
        var walk = ParametricWalk(set, from: 0, maximumSteps: limit)
        walk.refreshInterval = set.proximal > 0 ? 4 : settings.refreshInterval
        let search = self
        var isAstray = false
        var outcome = walk.run(to: abs(end - start)) { segment in
            if shouldStop() { return 0 }
            guard segment.length > 0 else { return nil }
            let parameter = start + side * segment.start
            if end == .infinity, parameter > last {
                isAstray = true
                return 0
            }
            trail.append(
                PathCorner(parameter: parameter, point: search.currentPoint()),
                search.multipliersAlong(side, at: parameter)
            )
            return nil
        }
        countSteps(walk.steps)
        if isAstray { outcome = .lost }
        if case .reached = outcome, !walk.verify() { outcome = .lost }
        let parameter = outcome == .reached ? end : start + side * walk.parameter
        return (outcome, parameter, walk.verifiedParameter.map { start + side * $0 })
    }

    /// The multipliers of the stretch whose direction the walk has just computed.
    private func multipliersAlong(_ side: Double, at parameter: Double) -> PathMultipliers {
        var limitRate = 0.0
        for (k, r) in set.activeRows.enumerated() where r == set.limitRow { limitRate = side * set.stepY[k] }
        return multipliers(at: parameter, limitRate: limitRate) { rates in
            for (k, r) in set.activeRows.enumerated() where r < set.rowCount { rates[r] = side * set.stepY[k] }
        }
    }

    /// The multipliers as they stand, for a parameter after which nothing is known.
    func standingMultipliers(at parameter: Double) -> PathMultipliers {
        multipliers(at: parameter, limitRate: 0) { _ in }
    }

    private func multipliers(
        at parameter: Double,
        limitRate: Double,
        writeRates: (UnsafeMutablePointer<Double>) -> Void
    ) -> PathMultipliers {
        let limit = set.limitRow.map { set.multiplier[$0] } ?? 0
        return PathMultipliers(at: parameter, count: set.rowCount, limit: limit, limitRate: limitRate) { rows, rates in
            rows.update(from: set.multiplier, count: set.rowCount)
            writeRates(rates)
        }
    }

    /// The point over all variables.
    func currentPoint() -> [Double] {
        var point = basePoint.point
        for j in 0..<set.count { point[Int(set.names[j])] = set.x[j] }
        return point
    }
}
