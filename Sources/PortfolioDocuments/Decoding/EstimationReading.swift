import JSON
import PortfolioModel

private let estimationFields = FieldNames(known: ["expected_returns", "covariance", "half_life"])

/// Reads how moments are to be estimated.
func readEstimation(_ value: JSONValue, at pointer: String, _ faults: FaultCollector) -> Estimation? {
    guard let reader = ObjectReader(value, at: pointer, estimationFields, faults) else { return nil }
    var estimation = Estimation()
    if reader.optional("expected_returns") != nil {
        estimation.expectedReturns = reader.choice(
            "expected_returns",
            Estimation.ExpectedReturns.self
        )
    }
    if reader.optional("covariance") != nil {
        estimation.covariance = reader.choice("covariance", Estimation.Covariance.self)
    }
    estimation.halfLife = reader.number("half_life", NumberRange(0, 1e6, includesLower: false))
    return estimation
}
