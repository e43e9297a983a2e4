/// A limit that may be exceeded: each unit beyond it costs the objective its penalty.
public struct SoftLimit: Equatable, Sendable {
    /// JSON pointer below `/constraints`.
    public var limit: String
    /// What a unit of excess takes from the objective, which is oriented so that larger is better.
    public var penalty: Double

    /// Makes a soft limit from its parts.
    public init(limit: String, penalty: Double) {
        self.limit = limit
        self.penalty = penalty
    }
}

/// What an allocation has for a soft limit.
public struct SoftLimitValue: Equatable, Sendable {
    /// JSON pointer below `/constraints`.
    public var constraint: String
    /// The instrument, sector or class that a general limit is applied to.
    public var subject: String?
    /// The limit.
    public var bound: Double
    /// The value it has.
    public var value: Double
    /// By how much the value is beyond the limit; 0 where it is met.
    public var excess: Double
    /// What a unit of excess costs.
    public var penalty: Double

    /// What the excess takes from the objective.
    public var cost: Double { penalty * excess }

    /// Makes the value of a soft limit from its parts.
    public init(constraint: String, subject: String?, bound: Double, value: Double, excess: Double, penalty: Double) {
        self.constraint = constraint
        self.subject = subject
        self.bound = bound
        self.value = value
        self.excess = excess
        self.penalty = penalty
    }
}

extension Constraints {
    /// The limits that may be soft, by their names; whom to hold at all, and how many, is no matter of degree.
    public static let softenable = [
        "max_weight_change", "max_weight_changes", "max_position_size", "max_weights", "min_weights",
        "max_sector_exposure", "max_asset_class_exposure", "groups",
        "factor_exposures", "largest_positions", "max_scenario_losses", "max_gross_exposure", "min_cash", "max_cash",
        "max_turnover", "min_return", "target_volatility", "max_risk", "max_tracking_error",
    ]

    /// The number that a JSON pointer below `/constraints` names, where it is set and may be soft.
    public func softenable(at pointer: String) -> Double? {
        let path = pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { token in
            String(token.replacing("~1", with: "/").replacing("~0", with: "~"))
        }
        switch (path.first, path.count) {
        case ("max_position_size", 1): return maxPositionSize
        case ("max_sector_exposure", 1): return maxSectorExposure
        case ("max_asset_class_exposure", 1): return maxAssetClassExposure
        case ("max_gross_exposure", 1): return maxGrossExposure
        case ("min_cash", 1): return minCash
        case ("max_cash", 1): return maxCash
        case ("max_turnover", 1): return maxTurnover
        case ("min_return", 1): return minReturn
        case ("target_volatility", 1): return targetVolatility
        case ("max_risk", 1): return maxRisk
        case ("max_tracking_error", 1): return maxTrackingError
        case ("max_weight_change", 1): return maxWeightChange
        case ("max_weight_changes", 2): return maxWeightChanges?[path[1]]
        case ("max_weights", 2): return maxWeights?[path[1]]
        case ("min_weights", 2): return minWeights?[path[1]]
        case ("max_scenario_losses", 2): return maxScenarioLosses?[path[1]]
        case ("factor_exposures", 3):
            let limit = factorExposures?[path[1]]
            switch path[2] {
            case "min": return limit?.min
            case "max": return limit?.max
            case "max_risk": return limit?.maxRisk
            case _: return nil
            }
        case ("groups", 3):
            guard let index = Int(path[1]), let groups, groups.indices.contains(index) else { return nil }
            return path[2] == "min" ? groups[index].min : path[2] == "max" ? groups[index].max : nil
        case ("largest_positions", 3):
            guard let index = Int(path[1]), let sums = largestPositions, sums.indices.contains(index), path[2] == "max"
            else { return nil }
            return sums[index].max
        case (_, _): return nil
        }
    }
}
