public import PortfolioModel

/// The chosen measure of an allocation's risk, with each instrument's part in it.
public struct MeasuredRisk: Equatable, Sendable {
    /// The measure in its own unit; exactly 0 where it is within rounding of 0.
    public let value: Double
    /// wᵢ gᵢ / ρ, g the gradient of the measure (Euler); they sum to 1.
    ///
    /// Empty where the risk is 0.
    public let contributions: [Double]

    /// A risk below this share of what the instruments' risks add up to is rounding.
    private static let noise = 1e-14

    /// Measures weights over the moments they were chosen by.
    ///
    /// - Parameters:
    ///   - measure: how risk is measured.
    ///   - weights: n weights.
    ///   - moments: the moments, with their scenarios.
    ///   - preferences: for the confidence level.
    ///   - gradient: that of the measure at the weights by which contributions are told, where it has several and a method
    ///     rests on one.
    /// - Throws: ``OptimizationFailure`` where the moments do not have what the measure needs.
    public init(
        _ measure: RiskMeasure,
        weights: [Double],
        moments: Moments,
        preferences: Preferences,
        gradient: [Double]? = nil
    ) throws(OptimizationFailure) {
        guard measure != .volatility else {
            let figures = RiskFigures(weights: weights, covariance: moments.covariance)
            value = figures.volatility
            contributions = figures.contributions
            return
        }
        let risk = try portfolioRisk(of: moments, measure, preferences)
        let profile = risk.profile(of: weights)
        let value = risk.value(ofProfile: profile)
        contributions = Self.shares(
            weights: weights,
            gradient: gradient ?? risk.gradient(atProfile: profile),
            value: value,
            scale: risk.scale
        )
        self.value = contributions.isEmpty ? 0 : value
    }

    /// wᵢ gᵢ over their sum; empty where the value is within rounding of 0.
    static func shares(weights: [Double], gradient: [Double], value: Double, scale: Double) -> [Double] {
        let size = weights.reduce(0) { $0 + $1.magnitude } * scale
        guard value.magnitude > noise * size else { return [] }
        let parts = zip(weights, gradient).map { $0 * $1 }
        let total = parts.reduce(0, +)
        return parts.map { total == 0 ? 0 : $0 / total }
    }
}
