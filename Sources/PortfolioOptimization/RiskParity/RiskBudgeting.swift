internal import LinearAlgebra
public import Matrices

/// The long-only portfolio whose risk contributions are in proportion to given budgets.
///
/// wᵢ (Σw)ᵢ / wᵀΣw = bᵢ,  Σw = 1,  w ≥ 0. Its direction x is the minimiser of ½ xᵀΣx − Σ bᵢ ln xᵢ, which is unique, and
/// w = x / Σx. An instrument without a budget is left out: its weight is exactly 0.
///
/// - Parameters:
///   - covariance: Σ, n × n, positive semidefinite; the lower triangle is read. Its unit does not matter.
///   - budgets: b, n, not negative, in any unit: only their proportions count. Nil for equal ones.
///   - settings: the constants of the iteration.
///   - shouldStop: asked once a Newton step; true ends the solve with ``RiskBudgetingError/stopped``.
/// - Returns: the weights, the contributions recomputed from Σ, how far they are from the budgets, and what it cost.
/// - Throws: ``RiskBudgetingError``.
/// - Complexity: about 12 products Σv, O(n²) each; where correlations are extreme, 10 to 40 Cholesky factorizations.
/// - SeeAlso: Spinu, An algorithm for computing risk parity weights (2013); Bruder & Roncalli, Managing risk exposures
///   using the risk budgeting approach (2012), for zero budgets. `docs/mathematics.md`, Risk budgeting.
public func riskBudgetPortfolio(
    covariance: DenseMatrix,
    budgets: [Double]? = nil,
    settings: RiskBudgetingSettings = RiskBudgetingSettings(),
    shouldStop: () -> Bool = { false }
) throws(RiskBudgetingError) -> RiskBudgetPortfolio {
    let problem = try RiskBudgetProblem(covariance: covariance, budgets: budgets)
    guard var point = RiskBudgetIterate(startFor: problem) else { throw RiskBudgetingError.riskless }
    let fast = KrylovNewton(problem, settings: settings)
    var cost = RiskBudgetCost(products: 1)
    if try fast.run(&point, &cost, shouldStop) { return problem.portfolio(point, method: .krylovNewton, cost) }
    let safe = CholeskyNewton(problem, settings: settings)
    try safe.run(&point, &cost, shouldStop)
    return problem.portfolio(point, method: .choleskyNewton, cost)
}

/// A risk budgeting portfolio and how exactly it keeps its budgets.
public struct RiskBudgetPortfolio: Equatable, Sendable {
    /// Which of the two iterations ended the solve.
    public enum Method: Equatable, Sendable {
        /// Newton steps solved by conjugate gradients.
        case krylovNewton
        /// Newton steps solved by a Cholesky factorization each, with a line search.
        case choleskyNewton
    }

    /// w, n, not negative, summing to 1.
    public let weights: [Double]
    /// wᵢ (Σw)ᵢ / wᵀΣw, n, summing to 1.
    public let riskContributions: [Double]
    /// The largest |contribution / budget − 1| over the instruments with a budget.
    public let budgetError: Double
    /// The iteration that ended the solve.
    public let method: Method
    /// What the solve cost.
    public let cost: RiskBudgetCost
}

/// The work a risk budgeting solve took.
public struct RiskBudgetCost: Equatable, Sendable {
    /// Newton steps.
    public var newtonSteps = 0
    /// Products of Σ and a vector.
    public var products = 0
    /// Cholesky factorizations.
    public var factorizations = 0

    init(products: Int) { self.products = products }
}

/// Every constant that steers risk budgeting.
public struct RiskBudgetingSettings: Equatable, Sendable {
    /// Largest relative error of a contribution at which a portfolio counts as exact.
    public var tolerance = 1e-10
    /// The same up to which a portfolio is returned when rounding lets the iteration get no further.
    public var reducedTolerance = 1e-6
    /// Conjugate gradients reduce the residual at least this much in a Newton step.
    public var loosestForcing = 0.1
    /// Conjugate gradients aim this far below the tolerance.
    public var safetyFactor = 0.03
    /// A Krylov step must reduce the error to this fraction, or Cholesky takes over.
    public var requiredDecrease = 0.9
    /// Products Σv after which Cholesky is the cheaper way.
    public var maximumProducts = 80
    /// A step may shrink no weight to less than this fraction.
    public var leastShrinkage = 0.1
    /// Newton steps at most, of either kind.
    public var maximumSteps = 200
    /// Newton steps without a smaller error after which rounding is taken to forbid one.
    public var patience = 6
    /// A step that changes every weight by less than this fraction is taken whole.
    public var fullStepSize = 0.25
    /// Bisections of the line search.
    public var lineSearchRounds = 60
    /// Weighted volatilities over portfolio volatility beyond which the portfolio has no risk but rounding.
    public var largestDiversification = 1e7

    /// The settings the tests hold.
    public init() {}
}

/// Why there is no risk budgeting portfolio.
public enum RiskBudgetingError: Error, Equatable, Sendable {
    /// A part has another size than Σ.
    case dimensionMismatch(what: String, expected: Int, actual: Int)
    /// A part holds a NaN or an infinity.
    case notFinite(what: String, index: Int)
    /// A budget is below zero.
    case negativeBudget(instrument: Int)
    /// No budget is above zero.
    case noBudget
    /// An instrument with a budget has no variance, so it can contribute no risk.
    case noVariance(instrument: Int)
    /// Some combination of the instruments has no risk to divide.
    case riskless
    /// Σ is not positive semidefinite.
    case notPositiveSemidefinite
    /// Rounding or the iteration limit left contributions this far from their budgets.
    case notConverged(budgetError: Double)
    /// `shouldStop` answered true.
    case stopped
}
