internal import Matrices
public import PortfolioModel

/// An allocation on an efficient frontier.
public struct FrontierAllocation: Equatable, Sendable {
    /// Weights in the order of the problem's instruments; with `cash` they sum to 1.
    public var weights: [Double]
    /// Weight of cash.
    public var cash: Double
    /// Annual expected return, cash included, before costs.
    public var expectedReturn: Double
    /// Risk in the frontier's own measure and unit.
    public var risk: Double

    /// Makes an allocation of its parts.
    public init(weights: [Double], cash: Double, expectedReturn: Double, risk: Double) {
        self.weights = weights
        self.cash = cash
        self.expectedReturn = expectedReturn
        self.risk = risk
    }
}

/// An efficient frontier as it was computed, before it is dressed for a caller.
public struct TracedFrontier: Sendable {
    /// The points by ascending risk, evenly spaced on the axis of return; one where least risk and most return meet.
    public var points: [FrontierAllocation]
    /// The largest ratio of excess return to risk, with least cash among equals; nil without a positive excess return.
    public var optimal: FrontierAllocation?
    /// The least risk, and of equal risk the most return.
    public var minimumRisk: FrontierAllocation
    /// The most return, and of equal return the least risk.
    public var maximumReturn: FrontierAllocation
    /// The portfolios at which the weights' course bends, by ascending risk; nil unless asked for, and where
    /// the method has none.
    public var corners: [FrontierAllocation]?
    /// How the points were found, and how far the worst of them is from optimal.
    public var report: SolutionReport
    /// What the caller should know.
    public var warnings: [ResultWarning]

    /// Makes a frontier of its parts.
    public init(
        points: [FrontierAllocation],
        optimal: FrontierAllocation?,
        minimumRisk: FrontierAllocation,
        maximumReturn: FrontierAllocation,
        corners: [FrontierAllocation]?,
        report: SolutionReport,
        warnings: [ResultWarning]
    ) {
        self.points = points
        self.optimal = optimal
        self.minimumRisk = minimumRisk
        self.maximumReturn = maximumReturn
        self.corners = corners
        self.report = report
        self.warnings = warnings
    }
}

extension FrontierPoint {
    /// Dresses an allocation for a caller: weights by name without zeros, cash under `cash`, and the ratio.
    ///
    /// - Parameters:
    ///   - allocation: what was computed.
    ///   - problem: whose instruments the weights are of.
    public init(_ allocation: FrontierAllocation, of problem: AllocationProblem) {
        var weights: [String: Double] = [:]
        for (instrument, weight) in zip(problem.instruments, allocation.weights) where weight != 0 {
            weights[instrument.id] = weight
        }
        if allocation.cash != 0 { weights["cash"] = allocation.cash }
        let excess = allocation.expectedReturn - problem.preferences.effectiveRiskFreeRate
        self.init(
            expectedReturn: allocation.expectedReturn,
            risk: allocation.risk,
            sharpe: allocation.risk > 0 ? excess / allocation.risk : nil,
            weights: weights
        )
    }
}

extension AllocationProblem {
    /// What is held now, in the plane of return and risk; it need not meet the limits.
    public var currentFrontierAllocation: FrontierAllocation {
        var allocation = figures(ofWeights: currentWeights, cash: currentCash)
        if let measured { allocation.risk = measured.value(of: currentWeights) }
        return allocation
    }

    /// The measure of risk where it is another than volatility.
    private var measured: (any PortfolioRisk)? {
        riskMeasure == .volatility ? nil : try? portfolioRisk(of: self)
    }

    /// Each instrument alone, in the plane of return and risk.
    public var singleInstrumentAllocations: [FrontierAllocation] {
        let measured = measured
        return instruments.indices.map { index in
            var weights = [Double](repeating: 0, count: instruments.count)
            weights[index] = 1
            return FrontierAllocation(
                weights: weights,
                cash: 0,
                expectedReturn: expectedReturns[index],
                risk: measured.map { $0.value(ofProfile: $0.profile(ofInstrument: index)) }
                    ?? covariance[index, index].squareRoot()
            )
        }
    }

    /// Weights, rid of dust, with their annual return, cash included, and their volatility.
    func frontierAllocation(weights: [Double], cash: Double) -> FrontierAllocation {
        let tidy = TidyWeights(weights, cash: cash, self)
        return figures(ofWeights: tidy.weights, cash: tidy.cash)
    }

    private func figures(ofWeights weights: [Double], cash: Double) -> FrontierAllocation {
        FrontierAllocation(
            weights: weights,
            cash: cash,
            expectedReturn: expectedReturn(of: weights, cash: cash),
            risk: covariance.quadraticForm(weights).squareRoot()
        )
    }

    /// μᵀw + risk-free rate · cash.
    func expectedReturn(of weights: [Double], cash: Double) -> Double {
        zip(expectedReturns, weights).reduce(preferences.effectiveRiskFreeRate * cash) { $0 + $1.0 * $1.1 }
    }
}
