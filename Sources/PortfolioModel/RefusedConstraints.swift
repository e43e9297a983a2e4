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

    /// Whether a penalty can be taken from the objective: a return, a risk, a cost or a sum of terms.
    ///
    /// A ratio has no unit that a penalty could have, budgets are no figure at all, and value-at-risk, which is not convex,
    /// is weighed by turns that a penalty would have no place in.
    private static func takesPenalties(
        _ type: OptimizationType,
        _ objective: Objective,
        _ riskMeasure: RiskMeasure
    ) -> Bool {
        switch objective {
        case .maximizeSharpe, .maximizeInformationRatio, .maximizeDiversification, .riskBudgeting: false
        case .minimizeRisk, .maximizeReturn, .maximizeUtility, .minimizeTrackingError, .minimizeTransactionCosts,
            .multiObjective, .custom:
            type != .multiPeriod && riskMeasure != .valueAtRisk
        }
    }

    /// Why a combination does not take a limit, as a sentence; nil where its name says enough.
    public static func reason(
        ofRefusing name: String,
        _ type: OptimizationType,
        _ objective: Objective,
        _ riskMeasure: RiskMeasure
    ) -> String? {
        guard name == "soft_limits" else { return nil }
        switch objective {
        case .maximizeSharpe, .maximizeInformationRatio, .maximizeDiversification:
            return "\(objective.rawValue) is a ratio: a penalty has no unit there"
        case .riskBudgeting: return "risk budgets are met, not weighed against a penalty"
        case .minimizeRisk, .maximizeReturn, .maximizeUtility, .minimizeTrackingError, .minimizeTransactionCosts,
            .multiObjective, .custom:
            return riskMeasure == .valueAtRisk ? "var is not convex, and cvar takes penalties" : nil
        }
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
