internal import PortfolioModel
internal import PortfolioOptimization
internal import Repository
internal import ResultChecker

/// Where the prices of a certificate come from when those of the answer say nothing, because something was chosen.
struct CertifyingPrices {
    var job: OptimizationJob
    var moments: Moments
    /// The limits that bind, priced as for who chooses the same; nil where nothing was chosen.
    var asChosen: [BindingConstraint]?
    /// When the time is up.
    var deadline: Duration

    /// A gap below this share of the objective needs no other prices.
    private static let tight = 1e-7

    /// The certificate with the least bound: by the prices of what was chosen, and by those of the mandate without choices.
    ///
    /// Where the time of the search is up there is none.
    func certificate(
        of result: OptimizationResult,
        _ check: AllocationCheck,
        shouldStop: () -> Bool
    ) -> OptimalityCertificate? {
        let limits = result.constraints
        let choosesPositions = limits.maxPositions != nil || (limits.minPositionSize ?? 0) > 0
        guard asChosen != nil || choosesPositions, job.request.type != .multiPeriod,
            job.request.objective != .riskBudgeting, !shouldStop()
        else { return nil }
        var chosen: OptimalityCertificate?
        if let asChosen {
            let own = PricedAllocation(allocation: result.targetAllocation, bindingConstraints: asChosen)
            chosen = check.certificate(of: result, pricedBy: [own])
            if let chosen, chosen.gap <= Self.tight * abs(chosen.objective) { return chosen }
        }
        guard let relaxed = relaxedAllocation(choosesPositions, shouldStop: shouldStop) else { return chosen }
        let other = check.certificate(of: result, pricedBy: [relaxed])
        guard let chosen, let other else { return chosen ?? other }
        return other.bound < chosen.bound ? other : chosen
    }

    /// The best allocation where who is held or traded, and what is lost on, is no matter: a convex mandate.
    private func relaxedAllocation(_ choosesPositions: Bool, shouldStop: () -> Bool) -> PricedAllocation? {
        var (request, snapshot) = (job.request, job.snapshot)
        request.constraints.maxPositions = nil
        request.constraints.minPositionSize = nil
        snapshot.portfolio.constraints.maxPositions = nil
        snapshot.portfolio.constraints.minPositionSize = nil
        for index in snapshot.instruments.indices {
            snapshot.instruments[index].cost?.fixed = 0
            // Beside choices of who is held impact is no part of the objective.
            if choosesPositions { snapshot.instruments[index].cost?.impact = 0 }
        }
        let prices = Dictionary(snapshot.instruments.map { ($0.id, $0.price) }) { first, _ in first }
        for place in snapshot.portfolio.positions.indices {
            guard let price = prices[snapshot.portfolio.positions[place].instrumentID] else { continue }
            for lot in snapshot.portfolio.positions[place].taxLots.indices {
                let basis = snapshot.portfolio.positions[place].taxLots[lot].costBasis
                snapshot.portfolio.positions[place].taxLots[lot].costBasis = min(basis, price)
            }
        }
        guard var problem = try? AllocationProblem(snapshot: snapshot, moments: moments, request: request) else {
            return nil
        }
        problem.explainsFailures = false
        guard let solution = try? optimizeAllocation(problem, shouldStop: shouldStop) else { return nil }
        var allocation: [String: Double] = [:]
        for (instrument, weight) in zip(problem.instruments, solution.weights) where weight != 0 {
            allocation[instrument.id] = weight
        }
        if solution.cash != 0 { allocation["cash"] = solution.cash }
        return PricedAllocation(allocation: allocation, bindingConstraints: solution.bindingConstraints)
    }
}
