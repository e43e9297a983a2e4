/// The path without end, walked downwards.
///
/// Where the moving term decides hardly anything is free, so that a solve is found in a round or two; at the start of the
/// path most of what is held is. So the walk begins high up, ends the path above, and comes down to the start.
extension PathFollower {
    /// Where the walk begins, in units of the parameter.
    private static let height = 64.0

    /// The path from where its last corner is down to the start; nil where a walk is stopped, the curvature is singular, or the
    /// end is not proved.
    ///
    /// - Throws: ``ActiveSetFailure/stopped`` only.
    func followFromAbove(shouldStop: () -> Bool) throws(ActiveSetFailure) -> SolutionPath? {
        let top = start + Self.height * unit
        var above = newSearch()
        do throws(ActiveSetFailure) {
            try above.stand(at: top, from: nil, shouldStop: shouldStop)
        } catch {
            if error == .stopped { throw error }
            return nil
        }
        let rise = walk(&above, from: top, to: .infinity, shouldStop: shouldStop)
        if rise.outcome == .halted { throw .stopped }
        guard rise.isClean, let last = rise.trail.corners.last, let stretch = rise.trail.multipliers.last else {
            return nil
        }
        // The walk stands at its last corner still: no step was taken along the stretch without end.
        let fall = walk(&above, from: last.parameter, to: start, shouldStop: shouldStop)
        if fall.outcome == .halted { throw .stopped }
        guard fall.isClean else { return nil }
        var trail = fall.trail
        trail.append(
            PathCorner(parameter: start, point: above.currentPoint()),
            above.standingMultipliers(at: start)
        )
        var path = trail.takeReversed()
        path.multipliers.removeFirst()
        let lastTwo = path.corners.suffix(2)
        if lastTwo.count == 2, lastTwo.allSatisfy({ $0.point == last.point }) {
            // Nothing bends where the walk began: the stretch that ends there goes on.
            path.corners.removeLast()
        } else {
            path.multipliers.append(stretch)
        }
        let whole = SolutionPath(
            program,
            corners: path.corners,
            multipliers: path.multipliers,
            isRegularized: false,
            steps: above.effort.steps
        )
        // The corners were verified from the data on the way down; what comes after the last one is proved here.
        let end = whole.checkEnd()
        guard end.infeasibility <= solver.settings.infeasibility,
            end.suboptimality <= solver.settings.suboptimality * end.scale
        else { return nil }
        return whole
    }

    /// One walk and its corners; it is clean when it reached its end without doubts.
    private func walk(
        _ search: inout ActiveSetSearch,
        from parameter: Double,
        to end: Double,
        shouldStop: () -> Bool
    ) -> (trail: PathTrail, outcome: WalkEnd, isClean: Bool) {
        var trail = PathTrail()
        let walked = search.walk(from: parameter, to: end, last: lastCorner, trail: &trail, shouldStop: shouldStop)
        let isClean = walked.outcome == .reached && !search.set.hasDoubtfulDirection && search.set.proximal == 0
        return (trail, walked.outcome, isClean)
    }
}
