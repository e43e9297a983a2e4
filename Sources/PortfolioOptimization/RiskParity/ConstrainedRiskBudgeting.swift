internal import ConvexSolver
internal import Glibc
internal import PortfolioModel

/// Risk budgeting under limits that the exact portfolio breaks.
///
/// For a λ > 0 the strictly convex program
///
///     minimise ρ(w) − λ Σ bᵢ ln wᵢ   under all limits,   ρ = ½ wᵀΣw or CVaR
///
/// is solved by Newton steps, each a quadratic program. λ is the one for which the equation Σw = 1 has no multiplier: then
/// every instrument away from the limits has wᵢgᵢ = λbᵢ with g in ∂ρ(w), a contribution in proportion to its budget, and only limits
/// that bind move any contribution away from that. Without limits λ is the variance, or the CVaR, of the exact portfolio.
///
/// - SeeAlso: Richard & Roncalli, Constrained Risk Budgeting Portfolios (2019), whose definition this is; they find it by
///   coordinate descent. `docs/mathematics.md`, Risk budgeting.
struct ConstrainedRiskBudgeting {
    /// With limits that fix cash.
    private let method: MeanVarianceMethod
    private let steps: any RiskBarrierSteps
    private let budgets: [Double]
    private let start: [Double]

    /// A Newton step that changes no weight by more than this share of it ends the iteration.
    private static let smallestStep = 1e-10
    /// Steps this small that no longer shrink are as exact as the quadratic programs.
    private static let smallestUsefulStep = 1e-6
    /// So near Newton's steps converge by themselves, and whether the objective falls is a question of roundings.
    private static let certainStep = 1e-5
    /// Newton steps at most for one λ.
    private static let mostSteps = 60
    /// Halvings of a step at most.
    private static let mostHalvings = 40
    /// A weight shrinks to no less than this share of itself in a step.
    private static let leastShrinkage = 0.1

    init(method: MeanVarianceMethod, steps: any RiskBarrierSteps, budgets: [Double], start: [Double]) {
        self.method = method
        self.steps = steps
        self.budgets = budgets
        self.start = start
    }

    /// The optimum for one λ.
    struct Trial {
        var lambda: Double
        var minimum: BarrierSteps.Minimum
        /// That of Σw = 1, relative to λ.
        var multiplier: Double
    }

    /// The constrained portfolio, or nil when nothing meets the limits.
    func solve(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution? {
        guard let first = try trial(steps.startingLambda(start), from: start, nil, shouldStop: shouldStop) else {
            return nil
        }
        var search = MultiplierSearch(from: first)
        while let lambda = search.next {
            let best = search.best.minimum
            let weights = Array(best.point[..<budgets.count])
            guard let trial = try trial(lambda, from: weights, best.activeSet, shouldStop: shouldStop) else { break }
            search.add(trial)
        }
        var report = search.best.minimum.report
        report.iterations = search.iterations
        var solution = try method.solution(
            at: search.best.minimum.point,
            report: report,
            shouldStop: shouldStop
        )
        solution.riskGradient = search.best.minimum.gradient
        if !search.isBracketed {
            solution.warnings.append(
                ResultWarning(
                    code: "risk_budgets_not_proportional",
                    message: "No allocation within the limits keeps the contributions of what is at no limit in"
                        + " proportion to their budgets."
                )
            )
        }
        return solution
    }

    /// Minimises ρ(w) − λ Σ b ln w under the limits; nil when nothing meets them.
    private func trial(
        _ lambda: Double,
        from weights: [Double],
        _ activeSet: ActiveSetSolution?,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> Trial? {
        var point = startingPoint(weights)
        var previous = activeSet
        var iterations = 0
        var lastStep = Double.infinity
        var isWithinLimits = false
        for _ in 0..<Self.mostSteps {
            // The second-order model of the objective: Σ + λ diag(b/w²), and −2λb/w as linear term.
            var barrier = [Double](repeating: 0, count: budgets.count)
            var linear = barrier
            for index in budgets.indices where budgets[index] > 0 {
                barrier[index] = lambda * budgets[index] / (point[index] * point[index])
                linear[index] = -2 * lambda * budgets[index] / point[index]
            }
            guard
                var minimum = try steps.minimum(
                    barrier: barrier,
                    linear: linear,
                    around: Array(point[..<budgets.count]),
                    from: previous,
                    shouldStop: shouldStop
                )
            else { return nil }
            iterations += minimum.report.iterations
            previous = minimum.activeSet
            let step = largestStep(from: point, to: minimum.point)
            if step <= Self.smallestStep || (step <= Self.smallestUsefulStep && step >= lastStep) {
                minimum.report.iterations = iterations
                return Trial(lambda: lambda, minimum: minimum, multiplier: minimum.budgetMultiplier / lambda)
            }
            advance(&point, to: minimum.point, lambda, isLast: step <= Self.certainStep, &isWithinLimits)
            lastStep = step
        }
        throw numericalDifficulty("risk budgeting under these limits did not converge")
    }

    /// A point where every logarithm is finite.
    private func startingPoint(_ weights: [Double]) -> [Double] {
        var point = weights
        let least = 1e-4 / Double(max(1, budgets.count))
        for index in point.indices where budgets[index] > 0 { point[index] = max(point[index], least * budgets[index]) }
        return point
    }

    /// The largest change of a weight that has a budget, relative to the weight.
    private func largestStep(from point: [Double], to target: [Double]) -> Double {
        var largest = 0.0
        for index in budgets.indices where budgets[index] > 0 {
            largest = max(largest, abs(target[index] / point[index] - 1))
        }
        return largest
    }

    /// Goes towards a Newton point as far as weights stay positive and, within the limits, the objective falls.
    ///
    /// A start that breaks the limits may have to climb; a full step is always within them, and all steps after it.
    private func advance(
        _ point: inout [Double],
        to target: [Double],
        _ lambda: Double,
        isLast: Bool,
        _ isWithinLimits: inout Bool
    ) {
        var length = 1.0
        for index in budgets.indices where budgets[index] > 0 && target[index] < Self.leastShrinkage * point[index] {
            length = min(length, (1 - Self.leastShrinkage) * point[index] / (point[index] - target[index]))
        }
        let before = objective(point, lambda)
        var next = point
        for _ in 0..<Self.mostHalvings {
            for index in point.indices { next[index] = point[index] + length * (target[index] - point[index]) }
            if !isWithinLimits || isLast || objective(next, lambda) <= before { break }
            length /= 2
        }
        isWithinLimits = isWithinLimits || length == 1
        point = next
    }

    private func objective(_ weights: [Double], _ lambda: Double) -> Double {
        var value = steps.risk(of: Array(weights[..<budgets.count]))
        for index in budgets.indices where budgets[index] > 0 { value -= lambda * budgets[index] * log(weights[index]) }
        return value
    }
}
