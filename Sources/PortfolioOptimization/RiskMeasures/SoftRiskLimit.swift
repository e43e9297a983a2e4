internal import PortfolioModel

/// What weighs a measure of risk against everything else an objective holds.
protocol RiskTradeOff {
    /// The best point with an aversion to the measure, under the limits of a method.
    func optimum(
        _ method: RiskMeasureMethod,
        aversion: Double,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> RiskMeasureMethod.Optimum
}

/// A limit ρ ≤ b on the measure itself that may be exceeded at a penalty p.
///
/// The objective is the lesser of two: return − λρ, and return − (λ + p)ρ + pb. The best of the first is the answer if its
/// risk is within b, the best of the second if its risk is not below b; else the answer has ρ = b, and is the best of the
/// first within that limit (docs/mathematics.md, "Soft limits").
extension RiskMeasureMethod {
    /// Distance, relative to a limit, at which a risk counts as at it.
    private static let atLimit = 1e-12

    /// The best allocation of a trade-off, where the limit on the measure may be soft.
    func softened(
        _ tradeOff: some RiskTradeOff,
        aversion: Double,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> AllocationSolution {
        let free = try tradeOff.optimum(self, aversion: aversion, shouldStop: shouldStop)
        guard let soft = limits.softRisk, free.program.softRisk == nil else {
            return try dressed(free, shouldStop: shouldStop)
        }
        let bound = soft.side.bound
        let room = Self.atLimit * max(bound.magnitude, solver.unit)
        if risk(at: free.optimum.primal) <= bound + room { return try dressed(free, shouldStop: shouldStop) }
        let charged = try tradeOff.optimum(self, aversion: aversion + soft.penalty, shouldStop: shouldStop)
        if risk(at: charged.optimum.primal) >= bound - room { return try dressed(charged, shouldStop: shouldStop) }
        let held = holding(soft.side)
        let kept = try tradeOff.optimum(held, aversion: aversion, shouldStop: shouldStop)
        return try held.dressed(kept, shouldStop: shouldStop)
    }

    /// The price of exceeding the limit, for a program that is searched: there the answer may lie on either side.
    func priced(_ program: AllocationProgram, gain: Double?) -> AllocationProgram {
        guard let soft = limits.softRisk, let gain, program.riskColumn != nil, !program.disjunctions.isEmpty else {
            return program
        }
        var priced = program
        priced.softRisk = SoftRiskColumn(
            bound: soft.side.bound / solver.unit,
            price: soft.penalty * solver.unit / gain
        )
        return priced
    }
}

/// A limit on the column of a risk measure that may be exceeded, in the column's unit and the program's.
struct SoftRiskColumn: Equatable, Sendable {
    var bound: Double
    var price: Double
}

extension RiskMeasureMethod: RiskTradeOff {
    func optimum(
        _ method: RiskMeasureMethod,
        aversion: Double,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> Optimum {
        try method.tradeOff(aversion: aversion, shouldStop: shouldStop)
    }
}

extension AllocationLimits {
    /// Sets every column of what is beyond a limit, those of cones among them.
    func settleEverySoft(_ point: inout [Double], volatility: (ArraySlice<Double>) -> Double) {
        guard !softSides.isEmpty else { return }
        settleSoft(&point)
        let weights = point[..<layout.instrumentCount]
        for soft in softSides {
            guard let column = soft.column, let side = side(of: soft) else { continue }
            switch soft.measured {
            case .expression, .risk: continue
            case .volatility: point[column] = max(0, volatility(weights) - side.bound)
            case .trackingError: point[column] = max(0, (trackingLimit?.error(at: weights) ?? 0) - side.bound)
            }
        }
    }
}
