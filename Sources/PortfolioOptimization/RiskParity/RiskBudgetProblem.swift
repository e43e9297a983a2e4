internal import LinearAlgebra
internal import Matrices

/// A checked risk budgeting problem, restricted to the instruments with a budget.
struct RiskBudgetProblem {
    /// Σ of the instruments with a budget.
    let covariance: DenseMatrix
    /// b, summing to 1, all positive.
    let budgets: [Double]
    /// σ, all positive.
    let volatilities: [Double]
    /// Where they stand among all instruments.
    private let instruments: [Int]
    private let instrumentCount: Int

    init(covariance: DenseMatrix, budgets: [Double]?) throws(RiskBudgetingError) {
        let n = covariance.rows
        guard covariance.columns == n else {
            throw RiskBudgetingError.dimensionMismatch(what: "columns of Σ", expected: n, actual: covariance.columns)
        }
        let all = budgets ?? [Double](repeating: 1, count: n)
        guard all.count == n else {
            throw RiskBudgetingError.dimensionMismatch(what: "budgets", expected: n, actual: all.count)
        }
        for (index, budget) in all.enumerated() {
            guard budget.isFinite else { throw RiskBudgetingError.notFinite(what: "budgets", index: index) }
            guard budget >= 0 else { throw RiskBudgetingError.negativeBudget(instrument: index) }
        }
        instruments = all.indices.filter { all[$0] > 0 }
        let total = all.reduce(0, +)
        guard total > 0, total.isFinite else { throw RiskBudgetingError.noBudget }
        let restricted =
            instruments.count == n
            ? covariance : covariance.selecting(rows: instruments, columns: instruments)
        // A NaN or an infinity anywhere makes the sum of squares one; only then is it looked for.
        if !dot(restricted.elements, restricted.elements).isFinite {
            for (index, value) in restricted.elements.enumerated() where !value.isFinite {
                throw RiskBudgetingError.notFinite(what: "Σ", index: index)
            }
        }
        for (position, variance) in restricted.diagonal.enumerated() {
            guard variance >= 0 else { throw RiskBudgetingError.notPositiveSemidefinite }
            guard variance > 0 else { throw RiskBudgetingError.noVariance(instrument: instruments[position]) }
        }
        self.covariance = restricted
        self.budgets = instruments.map { all[$0] / total }
        volatilities = restricted.diagonal.map { $0.squareRoot() }
        instrumentCount = n
    }

    /// The answer at a point whose marginal risks are fresh.
    func portfolio(
        _ point: RiskBudgetIterate,
        method: RiskBudgetPortfolio.Method,
        _ cost: RiskBudgetCost
    ) -> RiskBudgetPortfolio {
        let size = point.x.reduce(0, +)
        let risk = dot(point.x, point.marginal)
        var weights = [Double](repeating: 0, count: instrumentCount)
        var contributions = weights
        for (position, instrument) in instruments.enumerated() {
            weights[instrument] = point.x[position] / size
            contributions[instrument] = point.x[position] * point.marginal[position] / risk
        }
        return RiskBudgetPortfolio(
            weights: weights,
            riskContributions: contributions,
            budgetError: point.error,
            method: method,
            cost: cost
        )
    }
}

/// A direction x with its marginal risks Σx, scaled so that xᵀΣx = Σb = 1.
struct RiskBudgetIterate {
    private(set) var x: [Double]
    /// Σx.
    private(set) var marginal: [Double]
    /// max |xᵢ (Σx)ᵢ / bᵢ − 1|.
    private(set) var error: Double

    /// The point of budgets over volatilities, exact for uncorrelated instruments of equal budgets; nil when Σ gives it
    /// no risk.
    init?(startFor problem: RiskBudgetProblem) {
        self.init(zip(problem.budgets, problem.volatilities).map { $0 / $1 }, problem)
    }

    /// A point whose marginal risks are computed from Σ; nil when it has no risk.
    init?(_ x: [Double], _ problem: RiskBudgetProblem) {
        self.init(x, marginal: problem.covariance.symmetricTimes(x), problem)
    }

    /// A point whose marginal risks are known; nil when it has no risk.
    init?(_ x: [Double], marginal: [Double], _ problem: RiskBudgetProblem) {
        let variance = dot(x, marginal)
        guard variance > 0, variance.isFinite else { return nil }
        let scale = 1 / variance.squareRoot()
        guard scale.isFinite else { return nil }
        self.x = x
        self.marginal = marginal
        error = 0
        for i in x.indices {
            self.x[i] *= scale
            self.marginal[i] *= scale
            error = max(error, (self.x[i] * self.marginal[i] / problem.budgets[i] - 1).magnitude)
        }
    }

    /// Σ xᵢσᵢ over the volatility of x, which is 1.
    func diversification(_ problem: RiskBudgetProblem) -> Double { dot(x, problem.volatilities) }
}
