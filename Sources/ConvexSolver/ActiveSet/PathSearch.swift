internal import LinearAlgebra

/// A corner of a solution path: between two neighbours the point is linear in the parameter.
public struct PathCorner: Sendable {
    /// λ.
    public var parameter: Double
    /// x, n.
    public var point: [Double]

    /// Makes a corner of its parts.
    public init(parameter: Double, point: [Double]) {
        self.parameter = parameter
        self.point = point
    }
}

extension ActiveSetSearch {
    /// The corners of the path from one parameter to another, which may be infinite.
    ///
    /// A path over a singular P is followed with a small multiple of the identity added.
    mutating func path(from start: Double, to end: Double) throws(ActiveSetFailure) -> [PathCorner] {
        do throws(ActiveSetFailure) {
            return try followPath(from: start, to: end)
        } catch {
            guard error == .unfinished(.singular), set.proximal == 0 else { throw error }
        }
        var regularized = ActiveSetSearch(program, settings: settings)
        regularized.addProximalTerm()
        return try regularized.followPath(from: start, to: end)
    }

    private mutating func followPath(from start: Double, to end: Double) throws(ActiveSetFailure) -> [PathCorner] {
        guard let direction = program.direction else { throw .invalid }
        setParameter(start)
        begin()
        try solveRounds(shouldStop: { false })
        let outside = (0..<program.variableCount).filter { !isInSet[$0] }
        if !outside.isEmpty {
            enter(outside)
            set.evaluate()
        }
        var corners = [PathCorner(parameter: start, point: currentPoint())]
        for j in 0..<set.count { set.linearRate[j] = direction[Int(set.names[j])] }
        let limit = settings.stepsPerVariable * (set.count + set.totalRows) + 50
        var walk = ParametricWalk(set, from: start, maximumSteps: limit)
        walk.refreshInterval = set.proximal > 0 ? 4 : settings.refreshInterval
        let search = self
        let outcome = walk.run(to: end) { segment in
            if segment.length > 0, segment.start > start {
                corners.append(PathCorner(parameter: segment.start, point: search.currentPoint()))
            }
            return nil
        }
        countSteps(walk.steps)
        guard case .reached = outcome else { throw .unfinished(outcome == .singular ? .singular : .stalled) }
        if end < .infinity { corners.append(PathCorner(parameter: end, point: currentPoint())) }
        return corners
    }

    /// The point over all variables.
    func currentPoint() -> [Double] {
        var point = basePoint.point
        for j in 0..<set.count { point[Int(set.names[j])] = set.x[j] }
        return point
    }
}
