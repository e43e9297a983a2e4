import PortfolioModel

/// The limits of a fixture that may be exceeded at a price, with those that only such fixtures have.
struct SoftenedLimits: Decodable, Sendable {
    struct Soft: Decodable, Sendable {
        var limit: String
        var penalty: Double
    }

    struct Largest: Decodable, Sendable {
        var count: Int
        var max: Double
    }

    var soft_limits: [Soft]?
    var max_weight_change: Double?
    var max_weight_changes: [String: Double]?
    var largest_positions: [Largest]?

    func add(to constraints: inout Constraints) {
        constraints.softLimits = soft_limits.map { $0.map { SoftLimit(limit: $0.limit, penalty: $0.penalty) } }
        constraints.maxWeightChange = max_weight_change
        constraints.maxWeightChanges = max_weight_changes
        constraints.largestPositions = largest_positions.map {
            $0.map { LargestPositionsLimit(count: $0.count, max: $0.max) }
        }
    }
}
