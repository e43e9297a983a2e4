internal import Glibc
internal import LinearAlgebra
internal import Matrices

/// Budgets of the conditional value-at-risk of normal returns: Newton's method on k‖Fx‖ − mᵀx − Σ bᵢ ln xᵢ.
///
/// The function is strictly convex; where a combination has a CVaR of 0 or less it has no minimum.
struct GaussianBudgeting {
    private let risk: GaussianRisk
    private let budgets: [Double]

    /// Steps at most.
    private static let mostSteps = 200
    /// A budget met to this, relative, is met.
    private static let tolerance = 1e-12
    /// The same where rounding allows no more.
    private static let reducedTolerance = 1e-8
    /// The largest that a weight's measure of its own may become against the start before there is no minimum.
    private static let unbounded = 1e9

    init(_ risk: GaussianRisk, budgets: [Double]) {
        self.risk = risk
        self.budgets = budgets
    }

    /// The portfolio that meets the budgets, weights summing to 1.
    func solve(
        shouldStop: () -> Bool
    ) throws(RiskBudgetingError) -> (weights: [Double], budgetError: Double, iterations: Int) {
        var x = budgets
        for i in x.indices where budgets[i] > 0 {
            let alone = risk.value(ofProfile: risk.profile(ofInstrument: i))
            guard alone > 0 else { throw RiskBudgetingError.riskless }
            x[i] = budgets[i] / alone
        }
        let start = x
        var (best, bestError) = (x, Double.infinity)
        var sinceBest = 0
        for step in 0..<Self.mostSteps {
            if shouldStop() { throw RiskBudgetingError.stopped }
            let gradient = risk.gradient(atProfile: x)
            let error = x.indices.reduce(0) { worst, i in
                budgets[i] > 0 ? max(worst, (x[i] * gradient[i] / budgets[i] - 1).magnitude) : worst
            }
            sinceBest = error < bestError ? 0 : sinceBest + 1
            if error < bestError { (best, bestError) = (x, error) }
            let isDone = bestError <= Self.tolerance || (bestError <= Self.reducedTolerance && sinceBest > 4)
            if isDone {
                let total = best.reduce(0, +)
                return (best.map { $0 / total }, bestError, step)
            }
            let grown = x.indices.contains { start[$0] > 0 && x[$0] > Self.unbounded * start[$0] }
            guard error.isFinite, !grown else { throw RiskBudgetingError.riskless }
            let direction = try direction(x, gradient)
            x = advanced(x, direction)
        }
        throw RiskBudgetingError.notConverged(budgetError: bestError)
    }

    /// The relative Newton step: (XHX + B) δ = b − x∘g.
    private func direction(_ x: [Double], _ gradient: [Double]) throws(RiskBudgetingError) -> [Double] {
        let n = x.count
        var matrix = risk.curvature(atProfile: x) ?? DenseMatrix(rows: n, columns: n)
        var scales = x
        for i in 0..<n {
            let diagonal = x[i] * x[i] * max(0, matrix[i, i]) + budgets[i]
            scales[i] = diagonal > 0 ? 1 / diagonal.squareRoot() : 0
        }
        for j in 0..<n {
            for i in j..<n { matrix[i, j] *= x[i] * x[j] * scales[i] * scales[j] }
            matrix[j, j] = 1
        }
        let right = (0..<n).map { scales[$0] * (budgets[$0] - x[$0] * gradient[$0]) }
        guard let factor = try? CholeskyFactorization(matrix) else { throw RiskBudgetingError.notPositiveSemidefinite }
        let step = factor.solve(right)
        return (0..<n).map { step[$0] * scales[$0] }
    }

    /// Goes along a step as far as the weights stay positive and the function falls.
    private func advanced(_ x: [Double], _ step: [Double]) -> [Double] {
        let deepest = -(step.min() ?? 0)
        var length = deepest > 0.9 ? 0.9 / deepest : 1
        let before = objective(x)
        var next = x
        for _ in 0..<60 {
            for i in x.indices { next[i] = x[i] * (1 + length * step[i]) }
            // Near the end the function no longer tells, and whole steps are right.
            if objective(next) <= before + 1e-13 * max(1, before.magnitude) { break }
            length /= 2
        }
        return next
    }

    private func objective(_ x: [Double]) -> Double {
        var value = risk.value(ofProfile: x)
        for i in x.indices where budgets[i] > 0 { value -= budgets[i] * log(x[i]) }
        return value
    }
}
