internal import LinearAlgebra

/// Follows a solution path from one parameter to another: by walks, and past what stops a walk by single solves.
///
/// At a corner where many conditions fail at once a walk may turn in circles, and rounding may make it lose the path. The
/// follower then keeps what it can verify, solves the program by itself a step further on, mends the stretch between and lets
/// a new walk start from there. A mended stretch is straight between points that are solved, halved until the conditions
/// in its middle hold as closely as those of a solution; steps grow until a walk gets away, so that the path ends whatever
/// the corner looks like (docs/mathematics.md, "Corners that stop a walk").
struct PathFollower {
    let solver: ActiveSetSolver
    let start: Double
    /// The other end; infinite, or below `start`.
    let end: Double
    let unit: Double
    private var trail = PathTrail()
    private var steps = 0
    private var isRegularized = false
    /// Whether a direction was less exact than the conditions.
    private var isDoubtful = false

    /// A step past a corner, as a share of the parameter and of its unit.
    private static let firstStep = 1e-6
    private static let stepOfUnit = 1e-9
    /// In units of the parameter: a corner beyond would part slopes that differ by rounding.
    private static let lastCorner = 1e13
    /// By how much a step grows when no walk got away from its end.
    private static let growth = 8.0
    /// Lengths of one step tried at most.
    private static let maximumTries = 8
    /// Steps past corners at most.
    private static let maximumMends = 400
    /// A mended stretch shorter than this, relative to the parameter and its unit, is a corner.
    private static let shortest = 1e-15
    /// Solves that mend one stretch at most: where solutions are no more exact than the conditions ask for, no halving ends.
    private static let maximumSolves = 250

    init(_ solver: ActiveSetSolver, from start: Double, to end: Double) {
        self.solver = solver
        self.start = start
        self.end = end
        unit = Self.unit(of: solver.program)
    }

    var lastCorner: Double { start + Self.lastCorner * unit }
    var program: ParametricProgram { solver.program }
    private var side: Double { end < start ? -1 : 1 }

    /// Follows the path.
    mutating func follow(shouldStop: () -> Bool) throws(ActiveSetFailure) -> SolutionPath {
        guard program.direction != nil else { throw .invalid }
        if start == 0, end == .infinity, let path = try followFromAbove(shouldStop: shouldStop) { return path }
        try walkOn(shouldStop: shouldStop)
        if isRegularized || isDoubtful { try mendDoubtful(shouldStop: shouldStop) }
        try settleAtZero(shouldStop: shouldStop)
        return result()
    }

    /// Stands at the start; where active sets do not come there, the start is solved for by itself and is the first corner.
    private mutating func standAtStart(shouldStop: () -> Bool) throws(ActiveSetFailure) -> ActiveSetSearch? {
        var search = newSearch()
        do throws(ActiveSetFailure) {
            try search.stand(at: start, from: nil, shouldStop: shouldStop)
            return search
        } catch {
            if error == .stopped { throw error }
        }
        let solution = try solver.solve(at: start, shouldStop: shouldStop)
        _ = append(solution)
        return try stand(at: solution, shouldStop: shouldStop)
    }

    /// Stands at a solution, if active sets come there.
    private func stand(
        at solution: ActiveSetSolution,
        shouldStop: () -> Bool
    ) throws(ActiveSetFailure) -> ActiveSetSearch? {
        var search = newSearch()
        do throws(ActiveSetFailure) {
            try search.stand(at: solution.parameter, from: ActiveSetStart(solution), shouldStop: shouldStop)
            return search
        } catch {
            if error == .stopped { throw error }
            return nil
        }
    }

    func newSearch() -> ActiveSetSearch {
        var search = ActiveSetSearch(program, settings: solver.settings)
        if isRegularized { search.addProximalTerm() }
        return search
    }

    /// In units of the parameter: corners nearer to zero are the one at zero.
    private static let zeroCorner = 1e-13

    /// Over a singular P the path may start with a jump, which the addition to P makes a stretch too short for numbers:
    /// the corner after it is optimal at zero as well.
    private mutating func settleAtZero(shouldStop: () -> Bool) throws(ActiveSetFailure) {
        func isNearZero(_ corner: PathCorner) -> Bool { abs(corner.parameter) <= Self.zeroCorner * unit }
        let (corners, multipliers) = (trail.corners, trail.multipliers)
        if start == 0, corners.first?.parameter == 0 {
            guard let last = corners.prefix(while: isNearZero).indices.last, last > 0 else { return }
            var settled = PathTrail()
            settled.append(PathCorner(parameter: 0, point: corners[last].point), multipliers[last])
            guard isSolution(settled.corners[0], settled.multipliers[0]) else {
                return try spanNearZero(last, shouldStop: shouldStop)
            }
            for i in corners.indices.dropFirst(last + 1) { settled.append(corners[i], multipliers[i]) }
            trail = settled
        } else if end == 0, corners.last?.parameter == 0 {
            guard let first = corners.firstIndex(where: isNearZero), first > 0, first < corners.count - 1 else {
                return
            }
            let corner = PathCorner(parameter: 0, point: corners[first].point)
            // The stretch that ends here is that after the corner before.
            guard isSolution(corner, multipliers[first - 1]) else { return }
            trail.keep(first)
            trail.append(corner, multipliers[first])
        }
    }

    /// Joins the corner at zero with the first one that is far enough from it for numbers, if that can be done.
    private mutating func spanNearZero(_ last: Int, shouldStop: () -> Bool) throws(ActiveSetFailure) {
        let walked = trail
        guard last + 1 < walked.corners.count else { return }
        let first = ActiveSetStart.Corner(walked.corners[0], walked.multipliers[0], of: program)
        let next = ActiveSetStart.Corner(walked.corners[last + 1], walked.multipliers[last + 1], of: program)
        trail = PathTrail()
        do throws(ActiveSetFailure) {
            try mend(first, next, shouldStop: shouldStop)
        } catch {
            if error == .stopped { throw error }
            trail = walked
            return
        }
        for i in walked.corners.indices.dropFirst(last + 1) { trail.append(walked.corners[i], walked.multipliers[i]) }
    }

    private func result() -> SolutionPath {
        // After the last corner of a finite path there is no stretch.
        let stretches = end < .infinity ? Array(trail.multipliers.dropLast()) : trail.multipliers
        return SolutionPath(
            program,
            corners: side < 0 ? trail.corners.reversed() : trail.corners,
            multipliers: side < 0 ? stretches.reversed() : stretches,
            isRegularized: isRegularized,
            steps: steps
        )
    }

    // MARK: Walks

    /// Walks, and steps past what stops the walks, until the end.
    private mutating func walkOn(shouldStop: () -> Bool) throws(ActiveSetFailure) {
        var search = try standAtStart(shouldStop: shouldStop)
        var parameter = start
        var length = 0.0
        var mends = 0
        while true {
            guard !shouldStop() else { throw .stopped }
            let before = parameter
            if var standing = search {
                // What was singular at the start has been regularized there.
                if standing.set.proximal > 0 { isRegularized = true }
                let walked = standing.walk(
                    from: parameter,
                    to: end,
                    last: lastCorner,
                    trail: &trail,
                    shouldStop: shouldStop
                )
                steps += standing.effort.steps
                if standing.set.hasDoubtfulDirection { isDoubtful = true }
                switch walked.outcome {
                case .halted: throw .stopped
                case .reached:
                    if end < .infinity {
                        let corner = PathCorner(parameter: end, point: standing.currentPoint())
                        trail.append(corner, standing.standingMultipliers(at: end))
                    }
                    return
                case .singular where !isRegularized:
                    isRegularized = true
                    trail = PathTrail()
                    return try walkOn(shouldStop: shouldStop)
                case .singular, .infeasible, .stalled, .lost: break
                }
                keepVerified(standing, walked.parameter, walked.verified)
            }
            let corner = try standingSolution(shouldStop: shouldStop)
            if end == .infinity, try isEnd(corner, shouldStop: shouldStop) { return }
            // A walk that went further than the last step has got away from the corner before.
            let hasMoved = side * (corner.parameter - before) > length
            let least = max(abs(corner.parameter) * Self.firstStep, unit * Self.stepOfUnit)
            length = hasMoved || length == 0 ? least : max(least, length * Self.growth)
            (search, parameter) = try stepPast(corner, by: &length, shouldStop: shouldStop)
            mends += 1
            guard mends <= Self.maximumMends else { throw .unfinished(.stalled) }
            if parameter == end { return }
        }
    }

    /// The parameter at which risk and the moving term weigh alike.
    private static func unit(of program: ParametricProgram) -> Double {
        let rates = (program.direction ?? []).reduce(0) { max($0, abs($1)) }
        let moving = (program.kinks?.costDirection ?? []).reduce(rates) { max($0, $1) }
        return moving > 0 ? max(program.curvature.meanDiagonal / moving, .leastNormalMagnitude) : 1
    }

    // MARK: What is kept

    /// Whether the conditions of a corner hold, recomputed from the data.
    private func isSolution(_ corner: PathCorner, _ multipliers: PathMultipliers) -> Bool {
        program.check(
            corner.point,
            at: corner.parameter,
            multipliers: multipliers.rows(at: corner.parameter, of: program),
            limitMultiplier: multipliers.limit(at: corner.parameter)
        ).isWithin(solver.settings)
    }

    /// Drops the corners after the last good one; where the walk stands is one more if its conditions hold.
    private mutating func keepVerified(_ search: ActiveSetSearch, _ parameter: Double, _ verified: Double?) {
        var count = 0
        for (corner, multipliers) in zip(trail.corners, trail.multipliers) {
            let isVerified = verified.map { side * corner.parameter <= side * $0 } ?? false
            guard isVerified || isSolution(corner, multipliers) else { break }
            count += 1
        }
        let isWhole = count == trail.corners.count
        trail.keep(count)
        guard isWhole, end < .infinity || parameter <= lastCorner else { return }
        let corner = PathCorner(parameter: parameter, point: search.currentPoint())
        let multipliers = search.standingMultipliers(at: parameter)
        if isSolution(corner, multipliers) { trail.append(corner, multipliers) }
    }

    /// The last corner, or where there is none the start, as a solution: solved for by itself unless it is one already.
    private mutating func standingSolution(shouldStop: () -> Bool) throws(ActiveSetFailure) -> ActiveSetStart.Corner {
        while let corner = trail.corners.last, let multipliers = trail.multipliers.last {
            if isSolution(corner, multipliers) { return ActiveSetStart.Corner(corner, multipliers, of: program) }
            if let solution = try solutionIfAny(at: corner, shouldStop: shouldStop) { return append(solution) }
            trail.removeLast()
        }
        return append(try solver.solve(at: start, shouldStop: shouldStop))
    }

    private mutating func append(_ solution: ActiveSetSolution) -> ActiveSetStart.Corner {
        let corner = ActiveSetStart.Corner(solution)
        trail.append(corner.pathCorner, corner.multipliers(towards: corner))
        return corner
    }

    /// The solution at a corner's parameter, looked for near the corner first and from nothing then.
    private func solution(
        at parameter: Double,
        near point: [Double],
        shouldStop: () -> Bool
    ) throws(ActiveSetFailure) -> ActiveSetSolution {
        do throws(ActiveSetFailure) {
            return try solver.solve(at: parameter, near: point, shouldStop: shouldStop)
        } catch {
            if error == .stopped { throw error }
        }
        return try solver.solve(at: parameter, shouldStop: shouldStop)
    }

    private func solutionIfAny(
        at corner: PathCorner,
        shouldStop: () -> Bool
    ) throws(ActiveSetFailure) -> ActiveSetSolution? {
        do throws(ActiveSetFailure) {
            return try solution(at: corner.parameter, near: corner.point, shouldStop: shouldStop)
        } catch {
            if error == .stopped { throw error }
            return nil
        }
    }

    /// The share of the moving term by which the end of a path may be above the optimum.
    private static let endTolerance = 1e-9

    /// Whether nothing changes after a corner; then the trail ends there.
    ///
    /// Its point must be optimal for the moving term alone, with the rates at which the multipliers grow.
    private mutating func isEnd(
        _ corner: ActiveSetStart.Corner,
        shouldStop: () -> Bool
    ) throws(ActiveSetFailure) -> Bool {
        let far = max(2 * corner.parameter, corner.parameter + unit)
        do throws(ActiveSetFailure) {
            var next = ActiveSetStart.Corner(try solution(at: far, near: corner.point, shouldStop: shouldStop))
            next.parameter = far
            let stretch = corner.multipliers(towards: next)
            let moving = program.moving
            var check = moving.check(
                corner.point,
                multipliers: stretch.rowRates,
                limitMultiplier: stretch.limitRate
            )
            check.scale = max(check.scale, Self.endTolerance)
            guard check.infeasibility <= solver.settings.infeasibility,
                check.suboptimality <= Self.endTolerance * check.scale
            else { return false }
            trail.append(corner.pathCorner, stretch)
            return true
        } catch {
            if error == .stopped { throw error }
            return false
        }
    }

    // MARK: Steps past a corner

    /// Solves a step further on, mends the stretch up to there, and stands there if it can.
    private mutating func stepPast(
        _ corner: ActiveSetStart.Corner,
        by length: inout Double,
        shouldStop: () -> Bool
    ) throws(ActiveSetFailure) -> (ActiveSetSearch?, Double) {
        let whole = trail
        for _ in 0..<Self.maximumTries {
            do throws(ActiveSetFailure) {
                return try step(from: corner, by: length, shouldStop: shouldStop)
            } catch {
                if error == .stopped { throw error }
            }
            trail = whole
            length *= Self.growth
        }
        throw .unfinished(.stalled)
    }

    private mutating func step(
        from corner: ActiveSetStart.Corner,
        by length: Double,
        shouldStop: () -> Bool
    ) throws(ActiveSetFailure) -> (ActiveSetSearch?, Double) {
        var target = corner.parameter + side * length
        if side * target >= side * end { target = end }
        let solution = try solution(at: target, near: corner.point, shouldStop: shouldStop)
        let next = ActiveSetStart.Corner(solution)
        try mend(corner, next, shouldStop: shouldStop)
        trail.append(next.pathCorner, next.multipliers(towards: next))
        guard target != end else { return (nil, end) }
        return (try stand(at: solution, shouldStop: shouldStop), target)
    }

    /// Joins two solved corners: the first one is in the trail, or becomes its last corner; the second one is not added.
    private mutating func mend(
        _ first: ActiveSetStart.Corner,
        _ second: ActiveSetStart.Corner,
        shouldStop: () -> Bool
    ) throws(ActiveSetFailure) {
        var solves = Self.maximumSolves
        try halve(first, second, solves: &solves, shouldStop: shouldStop)
    }

    private mutating func halve(
        _ first: ActiveSetStart.Corner,
        _ second: ActiveSetStart.Corner,
        solves: inout Int,
        shouldStop: () -> Bool
    ) throws(ActiveSetFailure) {
        trail.append(first.pathCorner, first.multipliers(towards: second))
        let middle = first.parameter + (second.parameter - first.parameter) / 2
        guard abs(second.parameter - first.parameter) > Self.shortest * max(unit, abs(first.parameter)) else { return }
        let point = first.point.indices.map { (first.point[$0] + second.point[$0]) / 2 }
        let multipliers = first.multipliers(towards: second)
        let check = program.check(
            point,
            at: middle,
            multipliers: multipliers.rows(at: middle, of: program),
            limitMultiplier: multipliers.limit(at: middle)
        )
        if check.isWithin(solver.settings) { return }
        guard solves > 0 else { throw .unfinished(.inaccurate) }
        solves -= 1
        let between = ActiveSetStart.Corner(try solution(at: middle, near: point, shouldStop: shouldStop))
        try halve(first, between, solves: &solves, shouldStop: shouldStop)
        try halve(between, second, solves: &solves, shouldStop: shouldStop)
    }

    // MARK: Paths in doubt

    /// Whether the conditions hold in the middle of the stretch after a corner.
    private func isGoodStretch(_ corner: Int, of walked: PathTrail) -> Bool {
        let (first, second) = (walked.corners[corner], walked.corners[corner + 1])
        let middle = PathCorner(
            parameter: first.parameter + (second.parameter - first.parameter) / 2,
            point: first.point.indices.map { (first.point[$0] + second.point[$0]) / 2 }
        )
        return isSolution(middle, walked.multipliers[corner])
    }

    /// Replaces the corners at which the addition to P shows, or rounding, by solutions of the program itself, where they
    /// are found, and mends the stretches that are not straight.
    private mutating func mendDoubtful(shouldStop: () -> Bool) throws(ActiveSetFailure) {
        let walked = trail
        trail = PathTrail()
        var isMended = [Bool](repeating: false, count: walked.corners.count)
        var corners: [ActiveSetStart.Corner] = []
        for i in walked.corners.indices {
            let (corner, after) = (walked.corners[i], walked.multipliers[i])
            corners.append(ActiveSetStart.Corner(corner, after, of: program))
            guard !isSolution(corner, after) else { continue }
            guard let solution = try solutionIfAny(at: corner, shouldStop: shouldStop) else { continue }
            corners[i] = ActiveSetStart.Corner(solution)
            isMended[i] = true
        }
        for i in corners.indices {
            trail.append(corners[i].pathCorner, walked.multipliers[i])
            guard i + 1 < corners.count else { continue }
            guard isMended[i] || isMended[i + 1] || !isGoodStretch(i, of: walked) else { continue }
            let whole = trail
            do throws(ActiveSetFailure) {
                try mend(corners[i], corners[i + 1], shouldStop: shouldStop)
            } catch {
                if error == .stopped { throw error }
                // The path stays as it was walked, near enough to one that says it is regularized.
                trail = whole
            }
        }
    }
}

extension ActiveSetStart {
    /// A point of a path that is solved, with its multipliers.
    struct Corner {
        var parameter: Double
        var point: [Double]
        var multipliers: [Double]
        var limitMultiplier: Double

        var pathCorner: PathCorner { PathCorner(parameter: parameter, point: point) }

        /// The multipliers of a straight stretch to another corner; those at this one for itself.
        func multipliers(towards other: Corner) -> PathMultipliers {
            let length = other.parameter - parameter
            let isApart = length != 0
            return PathMultipliers(
                at: parameter,
                count: multipliers.count,
                limit: limitMultiplier,
                limitRate: isApart ? (other.limitMultiplier - limitMultiplier) / length : 0
            ) { rows, rates in
                for r in multipliers.indices {
                    rows[r] = multipliers[r]
                    if isApart { rates[r] = (other.multipliers[r] - multipliers[r]) / length }
                }
            }
        }
    }
}

extension ActiveSetStart.Corner {
    init(_ corner: PathCorner, _ after: PathMultipliers, of program: ParametricProgram) {
        parameter = corner.parameter
        point = corner.point
        multipliers = after.rows(at: corner.parameter, of: program)
        limitMultiplier = after.limit(at: corner.parameter)
    }

    init(_ solution: ActiveSetSolution) {
        parameter = solution.parameter
        point = solution.point
        multipliers = solution.multipliers
        limitMultiplier = solution.limitMultiplier
    }
}
