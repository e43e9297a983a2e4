internal import ConvexSolver
internal import Matrices
internal import PortfolioModel

/// The Newton steps of constrained risk budgeting for some measure of risk.
protocol RiskBarrierSteps {
    /// What the logarithms are weighed against, at weights.
    func risk(of weights: [Double]) -> Double
    /// The λ for which weights whose contributions are the budgets are optimal without limits.
    func startingLambda(_ weights: [Double]) -> Double
    /// Minimises the risk + ½ wᵀdiag(d)w + qᵀw under the limits; nil when nothing meets them.
    func minimum(
        barrier: [Double],
        linear: [Double],
        around point: [Double],
        from previous: ActiveSetSolution?,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> BarrierSteps.Minimum?
}

/// The Newton steps of constrained risk budgeting: quadratic programs whose curvature is Σ plus a diagonal.
///
/// Where all limits are bounds, rows and kinks an active set solves them, each from where the last one ended; a limit on
/// volatility, or an active set that does not finish, takes the interior point.
struct BarrierSteps: RiskBarrierSteps {
    /// The minimum of one quadratic program.
    struct Minimum {
        /// The decision variables.
        var point: [Double]
        /// The multiplier of Σw + cash = 1, where what is sold is limited and what is bought is not.
        var budgetMultiplier: Double
        /// How it was found.
        var report: SolutionReport
        /// To start the next one from.
        var activeSet: ActiveSetSolution?
        /// A gradient of the measure at the point, where it is another than the variance.
        var gradient: [Double]?
    }

    private let method: MeanVarianceMethod
    private let linearLimits: LinearLimits?

    init(_ method: MeanVarianceMethod) {
        self.method = method
        linearLimits = method.limits.volatilityLimits.isEmpty ? LinearLimits(method.limits) : nil
    }

    func risk(of weights: [Double]) -> Double { method.scaling.covariance.quadraticForm(weights) / 2 }

    func startingLambda(_ weights: [Double]) -> Double {
        let variance = method.scaling.covariance.quadraticForm(weights)
        return variance > 0 ? variance : 1
    }

    /// Minimises ½ wᵀ(Σ + diag(d))w + qᵀw under the limits; nil when nothing meets them.
    func minimum(
        barrier: [Double],
        linear: [Double],
        around point: [Double],
        from previous: ActiveSetSolution?,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> Minimum? {
        let covariance = method.scaling.covariance.addingVariances(barrier)
        if let linearLimits,
            let found = try byActiveSet(linearLimits, covariance, linear, previous, shouldStop: shouldStop)
        {
            return found
        }
        return try byInteriorPoint(covariance, linear, shouldStop: shouldStop)
    }

    /// Nil where the active set does not finish.
    private func byActiveSet(
        _ limits: LinearLimits,
        _ covariance: CovarianceModel,
        _ linear: [Double],
        _ previous: ActiveSetSolution?,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> Minimum? {
        let program = limits.program(
            curvature: covariance.curvature,
            linear: linear,
            direction: nil,
            costs: [Double](repeating: 0, count: linear.count)
        )
        let solution: ActiveSetSolution
        do throws(ActiveSetFailure) {
            solution = try ActiveSetSolver(program).solve(from: previous, shouldStop: shouldStop)
        } catch {
            if error == .stopped { throw timeLimit() }
            return nil
        }
        // |x − a| counts purchases and sales alike: as a limit on sales alone it is the same but for a constant on all.
        let multiplier = (solution.multipliers.first ?? 0) + solution.limitMultiplier
        var report = SolutionReport.withoutProgram(solver: "newton_active_set")
        report.iterations = solution.effort.guesses + solution.effort.steps
        return Minimum(
            point: limits.decision(at: solution.point),
            budgetMultiplier: multiplier,
            report: report,
            activeSet: solution
        )
    }

    private func byInteriorPoint(
        _ covariance: CovarianceModel,
        _ linear: [Double],
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> Minimum? {
        var builder = ProgramBuilder(limits: method.limits)
        if !method.limits.volatilityLimits.isEmpty {
            builder.volatility = (method.scaling.factor, method.scaling.volatilityUnit)
        }
        let others = [Double](repeating: 0, count: builder.columnCount - linear.count)
        guard let program = builder.program(quadratic: covariance, linear: linear + others) else { return nil }
        switch try solveProgram(program, preferences: method.problem.preferences, shouldStop: shouldStop) {
        case .infeasible: return nil
        case .unbounded: throw numericalDifficulty("the solver found no bound of a bounded program")
        case .solved(let optimum):
            var report = optimum.report
            report.solver = "newton_interior_point"
            let budget = method.limits.layout.cash + 1
            let row = program.origins.firstIndex { $0.expression == budget }
            let multiplier = row.map { optimum.dual[$0] / program.origins[$0].scale } ?? 0
            return Minimum(point: optimum.primal, budgetMultiplier: multiplier, report: report, activeSet: nil)
        }
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
