internal import PortfolioModel

/// Weights in fixed proportions, with as little cash as the limits allow.
///
/// Methods that know the proportions before the limits (risk budgets, clusters) only choose how much to invest. Along that
/// choice the worst violation of the limits is a convex function, so those that meet them form an interval.
struct FixedProportions {
    private let method: MeanVarianceMethod
    /// Weights that sum to 1.
    private let proportions: [Double]
    /// Volatility of the proportions.
    private let volatility: Double
    /// The limited measure of the proportions, and its limit.
    private let limited: (risk: Double, bound: Double)?

    /// A violation this small is rounding: the end of an interval is found with room for what cleaning adds.
    private static let rounding = 1e-12

    init(_ method: MeanVarianceMethod, _ proportions: [Double]) {
        self.method = method
        self.proportions = proportions
        volatility = method.annualizedVolatility(of: proportions[...])
        limited = method.limits.riskLimit.flatMap { limit in
            method.risk.map { ($0.measured.value(of: proportions), limit.bound) }
        }
    }

    /// The decision variables with least cash that meet the limits; nil where no cash makes them.
    func withLeastCash() -> [Double]? {
        let least = method.limits.cashLimits.lower?.bound ?? 0
        let most = min(1, method.limits.cashLimits.upper?.bound ?? 1)
        if violation(least) <= AllocationLimits.tolerance / 2 { return decision(cash: least) }
        guard most > least, let met = cashThatMeetsLimits(least, most) else { return nil }
        var (refused, allowed) = (least, met)
        for _ in 0..<60 {
            let middle = (refused + allowed) / 2
            if meetsLimits(middle) { allowed = middle } else { refused = middle }
        }
        return decision(cash: allowed)
    }

    /// Some cash at which the limits are met: where the worst violation is least, or on the way there.
    private func cashThatMeetsLimits(_ least: Double, _ most: Double) -> Double? {
        var (low, high) = (least, most)
        for _ in 0..<100 {
            let (left, right) = (low + (high - low) / 3, high - (high - low) / 3)
            let (atLeft, atRight) = (violation(left), violation(right))
            if atLeft <= Self.rounding { return left }
            if atRight <= Self.rounding { return right }
            if atLeft < atRight { high = right } else { low = left }
        }
        return meetsLimits(most) ? most : nil
    }

    private func meetsLimits(_ cash: Double) -> Bool { violation(cash) <= Self.rounding }

    private func violation(_ cash: Double) -> Double {
        let others = method.limits.worstViolation(at: decision(cash: cash), volatility: (1 - cash) * volatility).amount
        guard let limited else { return others }
        return max(others, ((1 - cash) * limited.risk - limited.bound) / powerOfTwo(near: limited.bound))
    }

    private func decision(cash: Double) -> [Double] {
        method.limits.point(weights: proportions.map { $0 * (1 - cash) }, cash: cash)
    }
}
