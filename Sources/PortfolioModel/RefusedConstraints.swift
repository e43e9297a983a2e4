extension Capabilities {
    /// The limits that a combination does not take, by their names in `constraints`; it takes all others.
    ///
    /// Risk parity and its kin hold everything that has a budget, and other measures of risk than volatility are not
    /// searched over who is held; nor are several periods at once.
    public static func refusedConstraints(
        of type: OptimizationType,
        _ objective: Objective,
        _ riskMeasure: RiskMeasure
    ) -> [String] {
        if type == .multiPeriod { return ["min_position_size", "max_positions"] }
        let isSearched = objective != .riskBudgeting && riskMeasure == .volatility
        return isSearched ? [] : ["max_positions", "max_tracking_error"]
    }
}

extension Capabilities {
    /// The limits that rebalancing plans do not take: their search is over lots, and knows sums of weights only.
    public static let refusedInPlans = ["max_positions", "max_tracking_error"]
}

extension Constraints {
    /// Those of the given names that are set; only limits that some combination refuses are looked at.
    public func set(among names: [String]) -> [String] {
        let isSet = [
            "max_positions": maxPositions != nil, "max_tracking_error": maxTrackingError != nil,
            "min_position_size": (minPositionSize ?? 0) > 0,
        ]
        return names.filter { isSet[$0] == true }
    }
}
