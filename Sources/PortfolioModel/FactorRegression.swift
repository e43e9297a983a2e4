/// A time-series regression r = α + Σ βf + e of one series on factors, with what tells how sure it is.
///
/// Entry 0 of every list is the intercept, the factors follow.
public struct FactorRegression: Equatable, Sendable {
    /// α and the loadings, per period.
    public var coefficients: [Double]
    /// Classical standard errors: equal, uncorrelated residuals.
    public var standardErrors: [Double]
    /// Standard errors that hold for residuals of unequal variance, correlated over `lags` periods.
    public var neweyWestStandardErrors: [Double]
    /// The periods over which residuals may be correlated.
    public var lags: Int
    /// The share of the variance that is explained; nil for a series that does not vary.
    public var rSquared: Double?
    /// The squares of the residuals over T − k − 1, per period.
    public var residualVariance: Double
    /// T.
    public var observationCount: Int

    /// Makes a factor regression from its parts.
    public init(
        coefficients: [Double],
        standardErrors: [Double],
        neweyWestStandardErrors: [Double],
        lags: Int,
        rSquared: Double?,
        residualVariance: Double,
        observationCount: Int
    ) {
        self.coefficients = coefficients
        self.standardErrors = standardErrors
        self.neweyWestStandardErrors = neweyWestStandardErrors
        self.lags = lags
        self.rSquared = rSquared
        self.residualVariance = residualVariance
        self.observationCount = observationCount
    }

    /// Coefficients over classical standard errors; nil where those are 0.
    public var tValues: [Double?] { ratios(coefficients, standardErrors) }
    /// Coefficients over Newey–West standard errors; nil where those are 0.
    public var neweyWestTValues: [Double?] { ratios(coefficients, neweyWestStandardErrors) }
}

private func ratios(_ numerators: [Double], _ denominators: [Double]) -> [Double?] {
    zip(numerators, denominators).map { $1 > 0 ? $0 / $1 : nil }
}
