internal import ConvexSolver
internal import Glibc
internal import Matrices
internal import PortfolioModel

/// Risk budgeting under limits that the exact portfolio breaks.
///
/// For a λ > 0 the strictly convex program
///
///     minimise ½ wᵀΣw − λ Σ bᵢ ln wᵢ   under all limits
///
/// is solved by Newton steps, each a quadratic program. λ is the one for which the equation Σw = 1 has no multiplier: then
/// every instrument away from the limits has wᵢ(Σw)ᵢ = λbᵢ, a contribution in proportion to its budget, and only limits
/// that bind move any contribution away from that. Without limits λ is the variance of the exact portfolio.
///
/// - SeeAlso: Richard & Roncalli, Constrained Risk Budgeting Portfolios (2019), whose definition this is; they find it by
///   coordinate descent. `docs/mathematics.md`, Risk budgeting.
struct ConstrainedRiskBudgeting {
    private let method: MeanVarianceMethod
    private let budgets: [Double]
    private let start: [Double]

    /// A Newton step that changes no weight by more than this share of it ends the iteration.
    private static let smallestStep = 1e-10
    /// Steps this small that no longer shrink are as exact as the quadratic programs.
    private static let smallestUsefulStep = 1e-6
    /// Newton steps at most for one λ.
    private static let mostSteps = 60
    /// Halvings of a step at most.
    private static let mostHalvings = 40
    /// A weight shrinks to no less than this share of itself in a step.
    private static let leastShrinkage = 0.1

    init(method: MeanVarianceMethod, budgets: [Double], start: [Double]) {
        self.method = method
        self.budgets = budgets
        self.start = start
    }

    /// The optimum for one λ.
    struct Trial {
        var lambda: Double
        var optimum: ProgramOptimum
        var program: AllocationProgram
        /// That of Σw = 1, relative to λ.
        var multiplier: Double
    }

    func solve(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        var search = MultiplierSearch(from: try trial(startingLambda, from: start, shouldStop: shouldStop))
        while let lambda = search.next {
            let weights = Array(search.best.optimum.primal[..<budgets.count])
            search.add(try trial(lambda, from: weights, shouldStop: shouldStop))
        }
        var optimum = search.best.optimum
        optimum.report.iterations = search.iterations
        optimum.report.solver = "newton_interior_point"
        let cleaned = try method.clean(optimum, scale: 1)
        var solution = try method.finish(
            cleaned,
            report: optimum.report,
            isDiscrete: !search.best.program.disjunctions.isEmpty,
            prices: nil,
            shouldStop: shouldStop
        )
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

    /// The variance of the exact portfolio, scaled.
    private var startingLambda: Double {
        let variance = method.scaling.covariance.quadraticForm(start)
        return variance > 0 ? variance : 1
    }

    /// Minimises ½ wᵀΣw − λ Σ b ln w under the limits.
    private func trial(
        _ lambda: Double,
        from weights: [Double],
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> Trial {
        var point = startingPoint(weights)
        var iterations = 0
        var lastStep = Double.infinity
        var isWithinLimits = false
        for _ in 0..<Self.mostSteps {
            let program = try quadraticProgram(lambda, at: point, shouldStop: shouldStop)
            switch try solveProgram(program, preferences: method.problem.preferences, shouldStop: shouldStop) {
            case .infeasible: throw try method.infeasible(because: nil, shouldStop: shouldStop)
            case .unbounded: throw numericalDifficulty("the solver found no bound of a bounded program")
            case .solved(var optimum):
                iterations += optimum.report.iterations
                let step = largestStep(from: point, to: optimum.primal)
                let isDone = step <= Self.smallestStep || (step <= Self.smallestUsefulStep && step >= lastStep)
                if isDone {
                    optimum.report.iterations = iterations
                    let multiplier = budgetMultiplier(optimum, program) / lambda
                    return Trial(lambda: lambda, optimum: optimum, program: program, multiplier: multiplier)
                }
                advance(&point, to: optimum.primal, lambda, &isWithinLimits)
                lastStep = step
            }
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

    /// The second-order model of the objective: Σ + λ diag(b/w²), and −2λ b/w as linear term.
    private func quadraticProgram(
        _ lambda: Double,
        at point: [Double],
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> AllocationProgram {
        var builder = ProgramBuilder(limits: method.limits)
        if !method.limits.volatilityLimits.isEmpty {
            builder.volatility = (method.scaling.factor, method.scaling.volatilityUnit)
        }
        var barrier = [Double](repeating: 0, count: budgets.count)
        var linear = [Double](repeating: 0, count: builder.columnCount)
        for index in budgets.indices where budgets[index] > 0 {
            barrier[index] = lambda * budgets[index] / (point[index] * point[index])
            linear[index] = -2 * lambda * budgets[index] / point[index]
        }
        let quadratic = method.scaling.covariance.addingVariances(barrier)
        guard let program = builder.program(quadratic: quadratic, linear: linear) else {
            throw try method.infeasible(because: nil, shouldStop: shouldStop)
        }
        return program
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
            if !isWithinLimits || objective(next, lambda) <= before { break }
            length /= 2
        }
        isWithinLimits = isWithinLimits || length == 1
        point = next
    }

    private func objective(_ weights: [Double], _ lambda: Double) -> Double {
        var value = method.scaling.covariance.quadraticForm(weights) / 2
        for index in budgets.indices where budgets[index] > 0 { value -= lambda * budgets[index] * log(weights[index]) }
        return value
    }

    /// The multiplier of the equation Σw + cash = 1.
    private func budgetMultiplier(_ optimum: ProgramOptimum, _ program: AllocationProgram) -> Double {
        let budget = method.limits.layout.cash + 1
        for (row, origin) in program.origins.enumerated() where origin.expression == budget {
            return optimum.dual[row] / origin.scale
        }
        return 0
    }
}

extension CovarianceModel {
    /// Σ + diag(d).
    fileprivate func addingVariances(_ variances: [Double]) -> CovarianceModel {
        switch self {
        case .dense(var matrix):
            for (index, variance) in variances.enumerated() { matrix[index, index] += variance }
            return .dense(matrix)
        case .factors(var model):
            for (index, variance) in variances.enumerated() { model.specificVariance[index] += variance }
            return .factors(model)
        }
    }
}
