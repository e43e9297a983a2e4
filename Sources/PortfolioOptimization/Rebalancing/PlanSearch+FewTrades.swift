internal import Matrices

/// Plans of a few trades out of many.
extension PlanSearch {
    /// Plans with few trades: the relaxed ones that matter most, solved again with the rest at rest.
    mutating func considerFewTrades(
        _ relaxed: RelaxedPlan,
        _ box: PlanBox,
        _ movable: [Int],
        _ shouldStop: () -> Bool
    ) {
        guard let limit = problem.tradeLimit, limit < movable.count else { return }
        func weight(_ index: Int) -> Double {
            let moved = abs(relaxed.weights[index] - problem.currentWeights[index])
            return moved * problem.covariance[index, index].squareRoot()
        }
        let forced = movable.filter { !problem.domains[$0].allowsNone }
        let others = movable.filter { problem.domains[$0].allowsNone }.sorted { weight($0) > weight($1) }
        let support = forced + others.prefix(max(0, limit - forced.count))
        considerSupport(support, box, movable: movable, shouldStop)
    }

    /// Solves with trades in the given holdings only, rounds, and moves lots.
    private mutating func considerSupport(
        _ support: [Int],
        _ box: PlanBox,
        movable: [Int],
        _ shouldStop: () -> Bool
    ) {
        var narrow = box
        let kept = Set(support)
        for index in 0..<problem.count where !kept.contains(index) && problem.domains[index].allowsNone {
            narrow.lower[index] = 0
            narrow.upper[index] = 0
        }
        var relaxation = PlanRelaxation(problem, box: narrow)
        relaxation.accuracy = 1e-3
        relaxation.maximumRounds = 5
        relaxation.provesBound = false
        let start = RelaxationStart(scale: best?.score.isFeasible == true ? best?.score.objective ?? 0 : 0)
        guard let relaxed = relaxation.solve(from: start, shouldStop: shouldStop) else { return }
        solves += relaxed.solves
        local.looksLeft -= relaxed.solves * settings.looksPerSolve
        var state = PlanState(problem, changes: rounded(relaxed.weights))
        local.improve(&state, movable: support, shouldStop: shouldStop)
        if let best, best.score.isFeasible, state.score.isFeasible,
            state.score.objective > best.score.objective * Self.hopeless
        {
            return
        }
        local.improve(&state, movable: movable, shouldStop: shouldStop)
        keep(state)
    }

    /// A plan worse than the best by this factor before the last moves is not worth them.
    private static let hopeless = 1.2

    /// Takes one or two trades out of a plan and as many others in, mostly those that would help most.
    mutating func exchange(
        _ state: PlanState,
        _ traded: [Int],
        _ box: PlanBox,
        _ wish: [Int],
        _ shouldStop: () -> Bool
    ) {
        guard let limit = problem.tradeLimit else { return }
        var kept = traded
        let leaving = min(random.next(below: 4) == 0 ? 2 : 1, kept.count)
        var without = state
        for _ in 0..<leaving {
            let index = kept.remove(at: random.next(below: kept.count))
            if let change = problem.domains[index].nearest(0) { without.make(PlanMove(index: index, change: change)) }
        }
        let tradedBefore = Set(traded)
        let ranked = wish.filter { !tradedBefore.contains($0) }
            .map { (index: $0, gain: promise(of: $0, without)) }
            .sorted { ($1.gain, $0.index) < ($0.gain, $1.index) }
            .prefix(settings.roundCandidates).map(\.index)
        var support = kept
        while support.count < min(limit, kept.count + leaving + (limit > traded.count ? 1 : 0)), !ranked.isEmpty {
            // The first of them more often than the last.
            let drawn = random.next(below: ranked.count * ranked.count)
            let index = ranked[ranked.count - 1 - Int(Double(drawn).squareRoot())]
            guard !support.contains(index) else { break }
            support.append(index)
        }
        considerSupport(support.sorted(), box, movable: Array(Set(traded + support)).sorted(), shouldStop)
    }

    /// By how much a trade of a holding alone would lower the objective: to the least risk, of all that is held, or of the
    /// lots that are sold first.
    private func promise(of index: Int, _ state: PlanState) -> Double {
        let domain = problem.domains[index]
        let curvature = problem.covariance[index, index]
        var changes: [Double] = []
        if curvature > 0 {
            changes.append(state.changes[index] - state.product[index] / (curvature * problem.unitWeights[index]))
        }
        if domain.allowsLiquidation { changes.append(-domain.held) }
        if problem.charges[index].hasLotTaxes { changes += problem.charges[index].lotEnds.map { -$0 } }
        var best = state.score.objective
        for change in changes {
            guard let allowed = domain.nearest(change) else { continue }
            best = min(best, state.score(after: PlanMove(index: index, change: allowed)).objective)
        }
        return state.score.objective - best
    }
}
