internal import LinearAlgebra
internal import Matrices
internal import PortfolioModel

/// The weights a plan aims at.
struct DesiredAllocation: Sendable {
    /// One an instrument of the problem.
    var weights: [Double]
    /// The weight of cash.
    var cash: Double
    /// What the caller should know.
    var warnings: [ResultWarning] = []

    /// Weights that come with a sum this far from 1 are refused.
    private static let sumTolerance = 1e-6

    /// The allocation by id: cash under `cash`, zeros left out.
    func allocation(_ instruments: [Instrument]) -> [String: Double] {
        var allocation: [String: Double] = [:]
        for (index, weight) in weights.enumerated() where weight != 0 { allocation[instruments[index].id] = weight }
        if cash != 0 { allocation["cash"] = cash }
        return allocation
    }

    /// Finds what a request aims at.
    ///
    /// - Parameters:
    ///   - request: with the target type and what belongs to it.
    ///   - named: the weights that the request, the benchmark or an earlier optimization names; nil for the rest.
    ///   - problem: the mandate; limits on turnover and changes hold for the plan, not for what it aims at.
    ///   - shouldStop: true ends the search.
    /// - Throws: ``OptimizationFailure`` when there is no such allocation.
    init(
        _ request: RebalanceRequest,
        named: [String: Double]?,
        problem: AllocationProblem,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) {
        if let named {
            self = try Self.named(named, problem)
            return
        }
        switch request.target {
        case .equalWeight:
            let count = problem.isTradable.count { $0 }
            self = Self.invested(problem.isTradable.map { $0 ? 1 / Double(count) : 0 }, problem)
        case .riskParity: self = try Self.riskParity(problem, shouldStop: shouldStop)
        case .optimal, .custom, .benchmark, .minRisk:
            let solution = try optimizeAllocation(problem.withoutTradeLimits, shouldStop: shouldStop)
            self.init(weights: solution.weights, cash: solution.cash)
        }
    }

    private init(weights: [Double], cash: Double) {
        self.weights = weights
        self.cash = cash
    }

    private static func named(
        _ named: [String: Double],
        _ problem: AllocationProblem
    ) throws(OptimizationFailure) -> DesiredAllocation {
        let total = named.values.sorted().reduce(0, +)
        guard abs(total - 1) <= sumTolerance, named.values.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
            throw OptimizationFailure(
                code: "invalid_inputs",
                message: "The weights aimed at must not be negative and must sum to 1; they sum to \(readable(total))."
            )
        }
        let weights = problem.instruments.map { named[$0.id] ?? 0 }
        return DesiredAllocation(weights: weights, cash: named["cash"] ?? 0)
    }

    /// Weights of what is invested, scaled to leave the least cash.
    private static func invested(_ weights: [Double], _ problem: AllocationProblem) -> DesiredAllocation {
        let cash = problem.constraints.minCash ?? 0
        return DesiredAllocation(weights: weights.map { $0 * (1 - cash) }, cash: cash)
    }

    private static func riskParity(
        _ problem: AllocationProblem,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> DesiredAllocation {
        let held = problem.instruments.indices.filter { problem.isTradable[$0] }
        let portfolio: RiskBudgetPortfolio
        do throws(RiskBudgetingError) {
            portfolio = try riskBudgetPortfolio(
                covariance: problem.covariance.selecting(held).multipliedOut(),
                shouldStop: shouldStop
            )
        } catch {
            if case .stopped = error { throw timeLimit() }
            throw OptimizationFailure(
                code: "numerical_difficulty",
                message: "There is no allocation with equal risk contributions to aim at (\(error))."
            )
        }
        var weights = [Double](repeating: 0, count: problem.instruments.count)
        for (position, index) in held.enumerated() { weights[index] = portfolio.weights[position] }
        return invested(weights, problem)
    }
}
