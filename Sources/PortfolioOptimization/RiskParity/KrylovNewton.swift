internal import Glibc
internal import LinearAlgebra
internal import Matrices

/// Newton's method on ln(xᵢ (Σx)ᵢ / bᵢ) = 0 in the logarithms of x, each step solved by conjugate gradients.
///
/// With X = diag(x), V = diag(Σx) and the relative step δ: (XV + XΣX) δ = −XV ln(x Σx / b). Preconditioned by XV the
/// vector 1 is an exact eigenvector (of eigenvalue 2), so its part of the solution is known without a product, and the
/// other eigenvalues are 1 + λ with λ the second and later ones of V⁻¹ΣX: near 1 for the covariances of many
/// instruments. Σ(x + xδ) follows from the products of the conjugate gradients, so a step needs no further one.
///
/// Needs Σx > 0 throughout; where a step breaks that, or does not pay, ``CholeskyNewton`` goes on from the best point.
struct KrylovNewton {
    private let problem: RiskBudgetProblem
    private let settings: RiskBudgetingSettings

    init(_ problem: RiskBudgetProblem, settings: RiskBudgetingSettings) {
        self.problem = problem
        self.settings = settings
    }

    /// Improves the point; true when it is exact, with marginal risks computed from Σ.
    func run(
        _ point: inout RiskBudgetIterate,
        _ cost: inout RiskBudgetCost,
        _ shouldStop: () -> Bool
    ) throws(RiskBudgetingError) -> Bool {
        var isFresh = true
        for _ in 0..<settings.maximumSteps {
            if shouldStop() { throw RiskBudgetingError.stopped }
            if point.error <= settings.tolerance {
                if isFresh { return true }
                // What the updates say is checked against Σ itself.
                guard let fresh = RiskBudgetIterate(point.x, problem) else { return false }
                point = fresh
                cost.products += 1
                isFresh = true
                continue
            }
            guard
                point.marginal.allSatisfy({ $0 > 0 }),
                let step = solve(at: point, &cost),
                let next = advanced(point, along: step),
                next.error <= settings.requiredDecrease * point.error
            else { return false }
            point = next
            isFresh = false
            cost.newtonSteps += 1
        }
        return false
    }

    /// A relative step δ and what it does to the marginal risks, Σ(xδ).
    private struct Step {
        var relative: [Double]
        var marginal: [Double]
    }

    private func advanced(_ point: RiskBudgetIterate, along step: Step) -> RiskBudgetIterate? {
        let deepest = -(step.relative.min() ?? 0)
        let length = deepest > 0 ? min(1, (1 - settings.leastShrinkage) / deepest) : 1
        var (x, marginal) = (point.x, point.marginal)
        for i in x.indices { x[i] *= 1 + length * step.relative[i] }
        axpy(length, step.marginal, into: &marginal)
        return RiskBudgetIterate(x, marginal: marginal, problem)
    }

    /// Conjugate gradients on the complement of 1; nil when they take too many products.
    private func solve(at point: RiskBudgetIterate, _ cost: inout RiskBudgetCost) -> Step? {
        let (x, marginal) = (point.x, point.marginal)
        let n = x.count
        var weight = [Double](repeating: 0, count: n)  // XV
        var residual = weight
        var norm = 0.0
        var mean = 0.0
        for i in 0..<n {
            weight[i] = x[i] * marginal[i]
            let logarithm = log(weight[i] / problem.budgets[i])
            residual[i] = -weight[i] * logarithm
            norm += weight[i] * logarithm * logarithm
            mean += residual[i]
        }
        mean /= 2  // Σ XV = xᵀΣx = 1, eigenvalue 2
        var step = Step(relative: [Double](repeating: mean, count: n), marginal: marginal.map { $0 * mean })
        axpy(-2 * mean, weight, into: &residual)
        let forcing = max(
            min(settings.loosestForcing, point.error),
            min(settings.loosestForcing, settings.safetyFactor * settings.tolerance / point.error)
        )
        let target = forcing * forcing * norm
        var direction = [Double](repeating: 0, count: n)
        for i in 0..<n { direction[i] = residual[i] / weight[i] }
        var rho = dot(residual, direction)
        while rho > target {
            guard cost.products < settings.maximumProducts else { return nil }
            var scaled = direction
            for i in 0..<n { scaled[i] *= x[i] }
            let product = problem.covariance.symmetricTimes(scaled)
            cost.products += 1
            var image = product
            for i in 0..<n { image[i] = weight[i] * direction[i] + x[i] * product[i] }
            let curvature = dot(direction, image)
            guard curvature > 0 else { return nil }
            let alpha = rho / curvature
            axpy(alpha, direction, into: &step.relative)
            axpy(alpha, product, into: &step.marginal)
            axpy(-alpha, image, into: &residual)
            var newRho = 0.0
            for i in 0..<n { newRho += residual[i] * residual[i] / weight[i] }
            let beta = newRho / rho
            for i in 0..<n { direction[i] = residual[i] / weight[i] + beta * direction[i] }
            rho = newRho
        }
        return step
    }
}
