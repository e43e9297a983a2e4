extension Capabilities {
    /// The limits that a combination does not take, by their names in `constraints`; it takes all others.
    ///
    /// Risk parity and its kin hold everything that has a budget, and other measures of risk than volatility are not
    /// searched over who is held; nor are several periods at once. A diversification ratio of weights with signs is none.
    /// Only `scenario_based` has scenarios that losses could be limited in.
    public static func refusedConstraints(
        of type: OptimizationType,
        _ objective: Objective,
        _ riskMeasure: RiskMeasure
    ) -> [String] {
        var refused: [String] = []
        if type == .multiPeriod { refused += ["min_position_size", "max_positions"] }
        if type != .multiPeriod, objective == .riskBudgeting || riskMeasure != .volatility {
            refused += ["max_positions", "max_tracking_error"]
        }
        if type == .multiPeriod || objective == .riskBudgeting || objective == .maximizeDiversification
            || objective.isOfTerms
        {
            refused.append("allow_short")
        }
        if type != .scenarioBased { refused.append("max_scenario_losses") }
        if !takesPenalties(type, objective, riskMeasure) { refused.append("soft_limits") }
        return refused
    }

    /// Whether a penalty can be taken from the objective: it is a return, a risk or a cost, and of one period.
    ///
    /// A ratio has no unit that a penalty could have, budgets and terms are no single figure, and what is guarded against
    /// the worst case is no figure of the allocation alone.
    private static func takesPenalties(
        _ type: OptimizationType,
        _ objective: Objective,
        _ riskMeasure: RiskMeasure
    ) -> Bool {
        let types: [OptimizationType] = [.meanVariance, .blackLitterman, .factorBased, .scenarioBased]
        let objectives: [Objective] = [
            .minimizeRisk, .maximizeReturn, .maximizeUtility, .minimizeTrackingError, .minimizeTransactionCosts,
        ]
        return types.contains(type) && objectives.contains(objective) && riskMeasure == .volatility
    }
}

extension Capabilities {
    /// The limits that rebalancing plans do not take: their search is over lots, and knows sums of weights only.
    public static let refusedInPlans = [
        "max_positions", "max_tracking_error", "allow_short", "max_scenario_losses", "soft_limits",
    ]
}

extension Constraints {
    /// Those of the given names that are set; only limits that some combination refuses are looked at.
    public func set(among names: [String]) -> [String] {
        let isSet = [
            "max_positions": maxPositions != nil, "max_tracking_error": maxTrackingError != nil,
            "max_scenario_losses": maxScenarioLosses?.isEmpty == false,
            "allow_short": permitsShorts,
            "soft_limits": softLimits?.isEmpty == false,
            "min_position_size": (minPositionSize ?? 0) > 0,
        ]
        return names.filter { isSet[$0] == true }
    }
}
