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
    /// The bound that the search over who is held began with.
    var root: PricedAllocation?
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
        if let root, let found = check.certificate(of: result, pricedBy: [root]) {
            // What the search itself began with is better than what knows nothing of choices.
            return found.bound < chosen?.bound ?? .infinity ? found : chosen
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
        return PricedAllocation(
            allocation: problem.allocation(solution.weights, cash: solution.cash),
            bindingConstraints: solution.bindingConstraints
        )
    }
}

extension PricedAllocation {
    /// The root of a search in the words of a result.
    init(_ root: SearchRoot, of problem: AllocationProblem) {
        self.init(
            allocation: problem.allocation(root.weights, cash: root.cash),
            bindingConstraints: root.bindingConstraints
        )
        for (instrument, part) in zip(problem.instruments, root.diagonal) where part != 0 {
            diagonal[instrument.id] = part
        }
    }
}

extension AllocationProblem {
    /// Weights by instrument, and cash; zeros left out.
    fileprivate func allocation(_ weights: [Double], cash: Double) -> [String: Double] {
        var allocation: [String: Double] = [:]
        for (instrument, weight) in zip(instruments, weights) where weight != 0 { allocation[instrument.id] = weight }
        if cash != 0 { allocation["cash"] = cash }
        return allocation
    }
}
