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
        return refused
    }
}

extension Capabilities {
    /// The limits that rebalancing plans do not take: their search is over lots, and knows sums of weights only.
    public static let refusedInPlans = ["max_positions", "max_tracking_error", "allow_short", "max_scenario_losses"]
}

extension Constraints {
    /// Those of the given names that are set; only limits that some combination refuses are looked at.
    public func set(among names: [String]) -> [String] {
        let isSet = [
            "max_positions": maxPositions != nil, "max_tracking_error": maxTrackingError != nil,
            "max_scenario_losses": maxScenarioLosses?.isEmpty == false,
            "allow_short": permitsShorts,
            "min_position_size": (minPositionSize ?? 0) > 0,
        ]
        return names.filter { isSet[$0] == true }
    }
}
