public import PortfolioModel

/// The weights that answer an allocation problem, with how they were found and what they rest on.
public struct AllocationSolution: Sendable {
    /// Weights in the order of the problem's instruments; with `cash` they sum to 1.
    public var weights: [Double]
    /// Weight of cash.
    public var cash: Double
    /// How the optimum was found; `solveMilliseconds` is 0, for the mathematics has no clock.
    public var report: SolutionReport
    /// The limits met with equality, with their shadow prices.
    public var bindingConstraints: [BindingConstraint]
    /// What the caller should know.
    public var warnings: [ResultWarning]
    /// The path planned over several periods, of which these are the first one's weights; nil for the other types.
    public var path: AllocationPath?
    /// d(objective)/d(weight) with the limits' prices taken off, one an instrument; nil where a derivative has no meaning.
    public var reducedCosts: [Double]?

    /// The limits met with equality, with what one more unit of each is worth to who chooses the same; nil where nothing was
    /// chosen.
    public var constraintsAsChosen: [BindingConstraint]?

    /// The bound that a search over who is held began with, as an allocation with prices and a diagonal of the covariance;
    /// nil where there was none.
    public var searchRoot: SearchRoot?

    /// The gradient of the measure that the risk contributions are computed with, where the measure may have several: one an
    /// instrument.
    public var riskGradient: [Double]?

    /// Makes a solution of its parts.
    public init(
        weights: [Double],
        cash: Double,
        report: SolutionReport,
        bindingConstraints: [BindingConstraint],
        warnings: [ResultWarning],
        reducedCosts: [Double]? = nil,
        path: AllocationPath? = nil
    ) {
        self.weights = weights
        self.cash = cash
        self.report = report
        self.bindingConstraints = bindingConstraints
        self.warnings = warnings
        self.path = path
        self.reducedCosts = reducedCosts
    }
}

/// What proves a bound on every choice of who is held (docs/mathematics.md, "Few of many").
public struct SearchRoot: Sendable {
    /// Weights in the order of the problem's instruments.
    public var weights: [Double]
    /// Weight of cash, what the weights leave of 1.
    public var cash: Double
    /// The limits with a price.
    public var bindingConstraints: [BindingConstraint]
    /// d with Σ − diag(d) positive semidefinite, annual, one an instrument.
    public var diagonal: [Double]
}

extension AllocationSolution {
    /// The solution without shadow prices and reduced costs, where a choice was made that they know nothing of.
    var withoutPrices: AllocationSolution {
        var solution = self
        for index in solution.bindingConstraints.indices { solution.bindingConstraints[index].shadowPrice = nil }
        solution.reducedCosts = nil
        return solution
    }
}
