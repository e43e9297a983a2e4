import PortfolioModel
import Testing

extension Constraints {
    /// Replaces the limit that a JSON pointer names, as a caller would who takes the advice of a failure.
    mutating func set(_ pointer: String, _ value: Double) {
        let parts = pointer.split(separator: "/").map(String.init)
        switch parts[0] {
        case "max_position_size": maxPositionSize = value
        case "min_position_size": minPositionSize = value
        case "max_sector_exposure": maxSectorExposure = value
        case "max_asset_class_exposure": maxAssetClassExposure = value
        case "max_turnover": maxTurnover = value
        case "max_weight_change": maxWeightChange = value
        case "max_weight_changes": maxWeightChanges?[parts[1]] = value
        case "target_volatility": targetVolatility = value
        case "max_risk": maxRisk = value
        case "min_return": minReturn = value
        case "min_cash": minCash = value
        case "max_cash": maxCash = value
        case "max_positions": maxPositions = Int(value)
        case "max_tracking_error": maxTrackingError = value
        case "min_weights": minWeights?[parts[1]] = value
        case "max_weights": maxWeights?[parts[1]] = value
        case "largest_positions":
            guard let index = Int(parts[1]) else { return }
            largestPositions?[index].max = value
        case "groups":
            guard let index = Int(parts[1]) else { return }
            if parts[2] == "min" { groups?[index].min = value } else { groups?[index].max = value }
        case "factor_exposures":
            switch parts[2] {
            case "min": factorExposures?[parts[1]]?.min = value
            case "max": factorExposures?[parts[1]]?.max = value
            default: factorExposures?[parts[1]]?.maxRisk = value
            }
        default: Issue.record("an unknown limit: \(pointer)")
        }
    }
}
