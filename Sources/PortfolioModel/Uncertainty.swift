public import Matrices

/// What a robust optimization does not take for certain, and how far it may be off (`uncertainty`).
///
/// Matrices are annual and stand in the order of the risk model's instruments.
public struct Uncertainty: Equatable, Sendable {
    /// What is uncertain, and the shape of the set it lies in.
    public enum Kind: String, CaseIterable, Sendable {
        /// Expected returns: all within an ellipsoid around those of the risk model.
        case ellipsoidal
        /// Expected returns: each within an interval of its own.
        case box
        /// The covariance: each entry within an interval of its own.
        case covarianceBox = "covariance_box"
        /// The loadings of a factor model: those of each instrument within an ellipsoid of their own.
        case factorLoadings = "factor_loadings"
        /// The scenarios: all distributions within a Wasserstein ball around theirs.
        case wasserstein

        /// Whether it is expected returns that are uncertain.
        public var isOfReturns: Bool { self == .ellipsoidal || self == .box }
    }

    /// How far apart two scenarios of a Wasserstein ball are.
    public enum Norm: String, CaseIterable, Sendable {
        /// The sum of the differences of all returns.
        case sum = "l1"
        /// The root of the sum of their squares.
        case euclidean = "l2"
        /// The largest of them.
        case largest = "linf"
    }

    /// What is uncertain.
    public var kind: Kind
    /// How far: standard errors of returns, covariances or loadings, or the radius of a ball as a return per period; not
    /// negative.
    ///
    /// 0 takes everything for certain.
    public var size: Double
    /// Ω, the covariance of the estimates of expected returns; nil is Σ divided by the years of history.
    public var covariance: DenseMatrix?
    /// The least each covariance may be; it never matters for weights that are not negative.
    public var lower: DenseMatrix?
    /// The most each covariance may be; nil is `size` standard errors above the estimate.
    public var upper: DenseMatrix?
    /// What a Wasserstein ball is measured by.
    public var norm: Norm?
    /// How far the loadings of instruments may be off, as an annual volatility that the factors bring; 0 for the others.
    ///
    /// Nil is `size` standard errors of a regression on the factors, √(specific variance / periods).
    public var radii: [String: Double]?

    /// Makes an uncertainty of its parts.
    public init(
        kind: Kind,
        size: Double,
        covariance: DenseMatrix? = nil,
        lower: DenseMatrix? = nil,
        upper: DenseMatrix? = nil,
        norm: Norm? = nil,
        radii: [String: Double]? = nil
    ) {
        self.kind = kind
        self.size = size
        self.covariance = covariance
        self.lower = lower
        self.upper = upper
        self.norm = norm
        self.radii = radii
    }

    /// The norm in force.
    public var effectiveNorm: Norm { norm ?? .euclidean }
}

/// The worst that can happen to an allocation within the uncertainty it was guarded against.
public struct RobustReport: Equatable, Sendable {
    /// What was uncertain.
    public var kind: Uncertainty.Kind
    /// How far.
    public var size: Double
    /// The least annual expected return, cash included.
    public var worstCaseReturn: Double
    /// The largest annual volatility.
    public var worstCaseVolatility: Double
    /// The largest risk by the chosen measure, in its own unit.
    public var worstCaseRisk: Double
    /// The expected returns at which the return is the least, by instrument; nil where they are certain.
    public var worstCaseExpectedReturns: [String: Double]?

    /// Makes a report of its parts.
    public init(
        kind: Uncertainty.Kind,
        size: Double,
        worstCaseReturn: Double,
        worstCaseVolatility: Double,
        worstCaseRisk: Double,
        worstCaseExpectedReturns: [String: Double]? = nil
    ) {
        self.kind = kind
        self.size = size
        self.worstCaseReturn = worstCaseReturn
        self.worstCaseVolatility = worstCaseVolatility
        self.worstCaseRisk = worstCaseRisk
        self.worstCaseExpectedReturns = worstCaseExpectedReturns
    }
}

extension Capabilities {
    /// What may be uncertain for an objective and a measure of risk.
    ///
    /// The worst covariance of a box is known for weights that are not negative; active weights are, and so is what a
    /// diversification ratio compares. That of uncertain loadings is a measure of its own, which sums of terms do not have.
    public static func uncertainties(of objective: Objective, _ riskMeasure: RiskMeasure) -> [Uncertainty.Kind] {
        var kinds: [Uncertainty.Kind] = [.ellipsoidal, .box]
        switch objective {
        case .minimizeTrackingError, .maximizeInformationRatio, .maximizeDiversification, .riskBudgeting, .custom:
            break
        case .minimizeRisk, .maximizeReturn, .maximizeUtility, .maximizeSharpe, .minimizeTransactionCosts,
            .multiObjective:
            if riskMeasure == .volatility { kinds.append(.covarianceBox) }
            if riskMeasure == .volatility, objective != .multiObjective { kinds.append(.factorLoadings) }
            if riskMeasure == .conditionalValueAtRisk { kinds.append(.wasserstein) }
        }
        return kinds
    }
}
