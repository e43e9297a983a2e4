public import PortfolioModel

extension Instrument {
    /// What one order for a value of this instrument costs, in money.
    ///
    /// The instrument's own cost schedule holds; without one, the request's `transaction_cost_model` is a proportional
    /// rate; without either, trading is free.
    ///
    /// - Parameters:
    ///   - value: money traded, not negative.
    ///   - preferences: the preferences in force.
    /// - Returns: money.
    public func tradingCost(ofTrading value: Double, preferences: Preferences) -> Double {
        if let cost { return cost.cost(ofTrading: value) }
        return (preferences.transactionCostModel ?? 0) * value
    }

    /// What |w − c|^{3/2} = 1 costs by market impact, as a fraction of a portfolio's value; 0 without any.
    func impactRate(ofPortfolioWorth value: Double) -> Double {
        guard let cost, let daily = cost.averageDailyValue, daily > 0 else { return 0 }
        return cost.impact * (value / daily).squareRoot()
    }
}
