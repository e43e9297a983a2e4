/// What proves that no allocation within the limits is better than the target by more than a gap.
///
/// Together with the shadow prices of the limits that bind it is checked from the inputs alone, by sums
/// (docs/mathematics.md, "A certificate").
public struct OptimalityCertificate: Equatable, Sendable {
    /// The objective's value at the target, oriented so that larger is better: −risk, a ratio, a return, a utility, −cost.
    public var objective: Double
    /// What no allocation within the limits exceeds.
    public var bound: Double
    /// ν: what one more unit of the budget, Σw + cash = 1, would gain.
    ///
    /// Of a path it is that of all periods' budgets together.
    public var budgetPrice: Double
    /// Of a path, what one more unit of each period's budget would gain; empty for the other results.
    public var budgetPrices: [Double] = []
    /// What the scenarios at a kink of the risk measure weigh in its support; empty without a measure over scenarios.
    public var scenarioWeights: [ScenarioWeight] = []
    /// Where the prices come from, where those of the target prove nothing: another allocation, or the same with what was
    /// chosen taken as given.
    public var relaxation: PricedAllocation?

    /// How far the target may be from the best.
    public var gap: Double { bound - objective }

    /// Makes a certificate from its parts.
    public init(objective: Double, bound: Double, budgetPrice: Double) {
        self.objective = objective
        self.bound = bound
        self.budgetPrice = budgetPrice
    }

    /// Makes the certificate of a path from its parts.
    public init(objective: Double, bound: Double, budgetPrices: [Double]) {
        self.init(objective: objective, bound: bound, budgetPrice: budgetPrices.reduce(0, +))
        self.budgetPrices = budgetPrices
    }
}

/// An allocation with the prices of the limits that bind there, as a certificate adds them up.
public struct PricedAllocation: Equatable, Sendable {
    /// Weights: instruments by id, and `cash`; zeros left out.
    public var allocation: [String: Double]
    /// The limits met with equality, with their prices.
    public var bindingConstraints: [BindingConstraint]
    /// What is taken from the variances, Σ − diag(d) staying positive semidefinite, and charged on single weights instead;
    /// zeros left out, empty where nothing is.
    public var diagonal: [String: Double] = [:]

    /// Makes a priced allocation from its parts.
    public init(allocation: [String: Double], bindingConstraints: [BindingConstraint]) {
        self.allocation = allocation
        self.bindingConstraints = bindingConstraints
    }
}

/// The weight of one scenario's loss in a support of a risk measure.
public struct ScenarioWeight: Equatable, Sendable {
    /// Which of the risk model's returns, or of the request's scenarios, counted from 0.
    public var scenario: Int
    /// Its weight.
    public var weight: Double

    /// Makes a scenario weight from its parts.
    public init(scenario: Int, weight: Double) {
        self.scenario = scenario
        self.weight = weight
    }
}
