internal import LinearAlgebra
internal import Matrices

/// Newton's method on ½ xᵀΣx − Σ bᵢ ln xᵢ, a Cholesky factorization a step, with an exact line search.
///
/// (XΣX + B) δ = b − x Σx for the relative step δ, scaled to unit diagonal. The function is self-concordant up to a
/// factor, so damped steps converge from every start and the last ones quadratically.
struct CholeskyNewton {
    private let problem: RiskBudgetProblem
    private let settings: RiskBudgetingSettings

    init(_ problem: RiskBudgetProblem, settings: RiskBudgetingSettings) {
        self.problem = problem
        self.settings = settings
    }

    /// Improves the point until it is exact, or as near as rounding allows.
    func run(
        _ point: inout RiskBudgetIterate,
        _ cost: inout RiskBudgetCost,
        _ shouldStop: () -> Bool
    ) throws(RiskBudgetingError) {
        var best = point
        var stepsSinceBest = 0
        for _ in 0..<settings.maximumSteps where best.error > settings.tolerance {
            if shouldStop() { throw RiskBudgetingError.stopped }
            guard point.diversification(problem) < settings.largestDiversification else {
                throw RiskBudgetingError.riskless
            }
            let step = try direction(at: point)
            cost.factorizations += 1
            cost.newtonSteps += 1
            let length = stepLength(point, step)
            var x = point.x
            for i in x.indices { x[i] *= 1 + length * step[i] }
            guard let next = RiskBudgetIterate(x, problem) else { throw RiskBudgetingError.riskless }
            cost.products += 2
            point = next
            stepsSinceBest += 1
            if point.error < best.error { (best, stepsSinceBest) = (point, 0) }
            if best.error <= settings.reducedTolerance, stepsSinceBest >= settings.patience { break }
        }
        point = best
        guard point.diversification(problem) < settings.largestDiversification else {
            throw RiskBudgetingError.riskless
        }
        guard best.error <= settings.reducedTolerance else {
            throw RiskBudgetingError.notConverged(budgetError: best.error)
        }
    }

    /// δ.
    private func direction(at point: RiskBudgetIterate) throws(RiskBudgetingError) -> [Double] {
        let n = point.x.count
        var scales = point.x
        var right = point.x
        for i in 0..<n {
            let size = point.x[i] * problem.volatilities[i]
            scales[i] = 1 / (size * size + problem.budgets[i]).squareRoot()
            right[i] = scales[i] * (problem.budgets[i] - point.x[i] * point.marginal[i])
        }
        var matrix = problem.covariance
        for j in 0..<n {
            let column = scales[j] * point.x[j]
            for i in j..<n { matrix.elements[j * n + i] *= column * scales[i] * point.x[i] }
            matrix.elements[j * n + j] = 1
        }
        do {
            var step = try CholeskyFactorization(matrix).solve(right)
            for i in 0..<n { step[i] *= scales[i] }
            return step
        } catch {
            throw RiskBudgetingError.notPositiveSemidefinite
        }
    }

    /// The minimum along a step: where the derivative of a convex function changes its sign.
    private func stepLength(_ point: RiskBudgetIterate, _ step: [Double]) -> Double {
        guard normInfinity(step) > settings.fullStepSize else { return 1 }
        var scaled = step
        for i in step.indices { scaled[i] *= point.x[i] }
        let slope = dot(scaled, point.marginal)
        let curvature = problem.covariance.quadraticForm(scaled)
        let deepest = -(step.min() ?? 0)
        var low = 0.0
        var high = deepest > 0 ? 1 / deepest : 1  // the pole, where the derivative is +∞
        if deepest <= 0 {
            for _ in 0..<settings.lineSearchRounds
            where derivative(at: high, step, slope: slope, curvature: curvature) < 0 { high *= 2 }
        }
        for _ in 0..<settings.lineSearchRounds {
            let middle = (low + high) / 2
            if derivative(at: middle, step, slope: slope, curvature: curvature) < 0 {
                low = middle
            } else {
                high = middle
            }
        }
        return low
    }

    /// d/dα of ½ (x + αxδ)ᵀΣ(x + αxδ) − Σ bᵢ ln(1 + αδᵢ).
    private func derivative(at alpha: Double, _ step: [Double], slope: Double, curvature: Double) -> Double {
        var value = slope + alpha * curvature
        for i in step.indices { value -= problem.budgets[i] * step[i] / (1 + alpha * step[i]) }
        return value
    }
}
