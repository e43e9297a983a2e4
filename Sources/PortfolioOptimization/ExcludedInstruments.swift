public import PortfolioModel

extension AllocationProblem {
    /// The instruments that a solution does not hold: those nearest to being held first, those without a reduced cost last.
    ///
    /// - Parameter solution: a solution of this problem.
    /// - Returns: one entry for each instrument with a weight of exactly 0.
    public func excluded(from solution: AllocationSolution) -> [ExcludedInstrument] {
        let found = instruments.indices.filter { solution.weights[$0] == 0 }.map { index in
            let cost = solution.reducedCosts?[index]
            return ExcludedInstrument(instrumentID: instruments[index].id, reducedCost: cost == 0 ? 0 : cost)
        }
        return found.sorted { left, right in
            let costs = (left.reducedCost ?? -.infinity, right.reducedCost ?? -.infinity)
            return costs.0 == costs.1 ? left.instrumentID < right.instrumentID : costs.0 > costs.1
        }
    }
}
