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
    /// - Throws: ``OptimizationFailure`` where the moments do not have what the measure needs.
    public init(
        _ measure: RiskMeasure,
        weights: [Double],
        moments: Moments,
        preferences: Preferences
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
        let size = weights.reduce(0) { $0 + $1.magnitude } * risk.scale
        guard value.magnitude > Self.noise * size else {
            self.value = 0
            contributions = []
            return
        }
        self.value = value
        let parts = zip(weights, risk.gradient(atProfile: profile)).map { $0 * $1 }
        let total = parts.reduce(0, +)
        contributions = parts.map { total == 0 ? 0 : $0 / total }
    }
}
