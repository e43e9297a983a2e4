internal import ConvexSolver
internal import Matrices
internal import PortfolioModel

/// Hierarchical risk parity within the limits of a mandate.
///
/// The tree knows no limits. Where its weights meet them, with as little cash as they allow, they are the answer; where
/// they do not, the nearest allocation within the limits is, and a warning says how much is moved.
struct HierarchicalMethod {
    private let problem: AllocationProblem
    private let method: MeanVarianceMethod

    init(_ problem: AllocationProblem) {
        self.problem = problem
        method = MeanVarianceMethod(problem)
    }

    func solve(shouldStop: () -> Bool) throws(OptimizationFailure) -> AllocationSolution {
        if let clash = ArithmeticCheck(problem: problem, limits: method.limits).clash() {
            throw try method.infeasible(because: clash, shouldStop: shouldStop)
        }
        let proportions = try proportions(shouldStop: shouldStop)
        if !method.limits.forbidsTrading, let point = FixedProportions(method, proportions).withLeastCash() {
            return try method.solution(
                at: point,
                report: .withoutProgram(solver: allocation.rawValue),
                shouldStop: shouldStop
            )
        }
        let least = method.limits.cashLimits.lower?.bound ?? 0
        let wanted = proportions.map { $0 * (1 - least) }
        let solution =
            method.limits.forbidsTrading
            ? try method.currentAllocation(shouldStop: shouldStop)
            : try projection(of: wanted, cash: least, shouldStop: shouldStop)
        return warned(solution, wanted, cash: least)
    }

    private var allocation: ClusterAllocation { problem.parameters.clusterAllocation ?? .recursiveBisection }

    /// The weights of the tree over what may be held, summing to 1.
    private func proportions(shouldStop: () -> Bool) throws(OptimizationFailure) -> [Double] {
        let tradable = problem.instruments.indices.filter { problem.isTradable[$0] }
        guard !tradable.isEmpty else {
            throw OptimizationFailure(code: "invalid_inputs", message: "Nothing of the universe may be held.")
        }
        let covariance = try problem.covariance.selecting(tradable).matrix(for: "hierarchical_risk_parity")
        var options = HierarchicalOptions()
        options.linkage = problem.parameters.linkage ?? options.linkage
        options.distanceOfDistance = problem.parameters.distanceOfDistance ?? options.distanceOfDistance
        let portfolio: ClusteredPortfolio
        do {
            portfolio = try clusteredPortfolio(
                covariance: covariance,
                allocation: allocation,
                clusterCount: problem.parameters.clusterCount,
                options: options,
                shouldStop: shouldStop
            )
        } catch {
            switch error {
            case .noVariance(let instrument): throw risklessInstrument(problem.instruments[tradable[instrument]].id)
            case .dimensionMismatch, .notFinite:
                throw numericalDifficulty("the covariance does not allow clusters (\(error))")
            case .notSolved: throw numericalDifficulty("the least variance within clusters was not found (\(error))")
            case .stopped: throw timeLimit()
            case .clusterCountOutOfRange(let count, let instruments):
                throw OptimizationFailure(
                    code: "invalid_inputs",
                    message: "cluster_count is \(count), but \(instruments) instruments may be held."
                )
            }
        }
        var weights = [Double](repeating: 0, count: problem.instruments.count)
        for (place, index) in tradable.enumerated() { weights[index] = portfolio.weights[place] }
        return weights
    }

    /// The allocation within the limits that is nearest to wanted weights: minimise ½‖w − h‖² + ½(w₀ − h₀)².
    private func projection(
        of wanted: [Double],
        cash: Double,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> AllocationSolution {
        var builder = ProgramBuilder(limits: method.limits)
        if !method.limits.volatilityLimits.isEmpty {
            builder.volatility = (method.scaling.factor, method.scaling.volatilityUnit)
        }
        let count = method.limits.layout.cash
        var linear = [Double](repeating: 0, count: builder.columnCount)
        for (index, weight) in (wanted + [cash]).enumerated() { linear[index] = -weight }
        let distance = FactorCovariance(
            exposuresTransposed: DenseMatrix(rows: 0, columns: count + 1),
            factorCovariance: DenseMatrix(rows: 0, columns: 0),
            specificVariance: [Double](repeating: 1, count: count + 1)
        )
        guard let program = builder.program(quadratic: .factors(distance), linear: linear) else {
            throw try method.infeasible(because: nil, shouldStop: shouldStop)
        }
        switch try solveProgram(program, preferences: problem.preferences, shouldStop: shouldStop) {
        case .infeasible: throw try method.infeasible(because: nil, shouldStop: shouldStop)
        case .unbounded: throw numericalDifficulty("the solver found no bound of a bounded program")
        case .solved(let optimum):
            return try method.finish(
                try method.clean(optimum, scale: 1),
                report: optimum.report,
                isDiscrete: !program.disjunctions.isEmpty,
                prices: nil,
                shouldStop: shouldStop
            )
        }
    }

    /// The solution with a warning of how far it is from the weights of the tree.
    private func warned(_ solution: AllocationSolution, _ wanted: [Double], cash: Double) -> AllocationSolution {
        let moved = zip(solution.weights, wanted).reduce(abs(solution.cash - cash)) { $0 + abs($1.0 - $1.1) } / 2
        var result = solution
        result.warnings.append(
            ResultWarning(
                code: "moved_into_limits",
                message: "The weights of the tree break the limits: the nearest allocation within them moves"
                    + " \(readable(moved)) of the value."
            )
        )
        return result
    }
}

extension SolutionReport {
    /// That of an answer which no program was solved for.
    static func withoutProgram(solver: String) -> SolutionReport {
        SolutionReport(
            status: .optimal,
            solver: solver,
            iterations: 0,
            solveMilliseconds: 0,
            primalResidual: 0,
            dualResidual: 0,
            relativeGap: 0
        )
    }
}
