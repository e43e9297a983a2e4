/// How risk is measured.
///
/// Volatility is annual; every other measure is per period and taken over the scenarios of the risk model.
public enum RiskMeasure: String, CaseIterable, Sendable {
    /// √(wᵀΣw), annual.
    case volatility
    /// The least loss that is not exceeded with the probability of the confidence level.
    case valueAtRisk = "var"
    /// The mean loss of the worst scenarios, those of the last 1 − confidence of the probability.
    case conditionalValueAtRisk = "cvar"
    /// The root of the mean squared shortfall below the mean.
    case semiDeviation = "semi_deviation"
    /// The mean distance from the mean.
    case meanAbsoluteDeviation = "mad"
    /// The largest mean loss under probabilities within an entropy of −ln(1 − confidence) of the given ones.
    case entropicValueAtRisk = "evar"
    /// The mean of the deepest drawdowns of the uncompounded path.
    case conditionalDrawdown = "cdar"
    /// The deepest drawdown of the uncompounded path.
    case maximumDrawdown = "max_drawdown"
    /// The largest loss of any scenario.
    case worstRealization = "worst_realization"

    /// Whether the order of the scenarios matters, so that they must be equally likely.
    public var isOfPath: Bool { self == .conditionalDrawdown || self == .maximumDrawdown }

    /// Whether it has a closed form for normal returns, which serves where there are no scenarios.
    public var hasGaussianForm: Bool { self == .valueAtRisk || self == .conditionalValueAtRisk }
}
