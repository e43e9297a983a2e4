/// A request for the factor exposures of what a portfolio holds.
public struct FactorAnalysisRequest: Equatable, Sendable {
    /// The portfolio.
    public var portfolioID: String
    /// The factors to name, each once; the others are summed in `other`.
    ///
    /// Empty for all.
    public var factors: [String]

    /// Makes a factor analysis request from its parts.
    public init(portfolioID: String, factors: [String] = []) {
        self.portfolioID = portfolioID
        self.factors = factors
    }
}

/// A portfolio's exposure to a factor, (Bᵀw)_f, beside its benchmark's.
public struct FactorExposure: Equatable, Sendable {
    /// The factor.
    public var factor: String
    /// The portfolio's exposure.
    public var exposure: Double
    /// The benchmark's exposure; nil without a benchmark, or with one the risk model does not cover.
    public var benchmarkExposure: Double?
    /// Exposure less benchmark exposure.
    public var activeExposure: Double? { benchmarkExposure.map { exposure - $0 } }

    /// Makes a factor exposure from its parts.
    public init(factor: String, exposure: Double, benchmarkExposure: Double?) {
        self.factor = factor
        self.exposure = exposure
        self.benchmarkExposure = benchmarkExposure
    }
}

/// What a factor, all unnamed ones (`other`) or everything that is no factor (`specific`) contributes to a total.
public struct FactorAttribution: Equatable, Sendable {
    /// The row for the factors that were not named.
    public static let other = "other"
    /// The row for what factors do not explain.
    public static let specific = "specific"

    /// The factor, `other` or `specific`.
    public var factor: String
    /// Its part of the total, in the total's unit.
    public var contribution: Double
    /// Its share of the total; nil for a total of 0.
    public var percentContribution: Double?

    /// Makes a factor attribution from its parts.
    public init(factor: String, contribution: Double, percentContribution: Double?) {
        self.factor = factor
        self.contribution = contribution
        self.percentContribution = percentContribution
    }
}

/// A total and the parts it is the sum of.
public struct AttributedTotal: Equatable, Sendable {
    /// The total, annual.
    public var total: Double
    /// Its parts: factors in the risk model's order, then `other` when not all are named, then `specific`.
    public var parts: [FactorAttribution]

    /// Makes an attributed total from its parts.
    public init(total: Double, parts: [FactorAttribution]) {
        self.total = total
        self.parts = parts
    }
}

/// What choosing the weight of a segment and choosing within it added to the benchmark's return.
///
/// - SeeAlso: Brinson & Fachler, Journal of Portfolio Management 11 (1985).
public struct SegmentAttribution: Equatable, Sendable {
    /// The segment: a sector.
    public var segment: String
    /// Weight in the portfolio.
    public var weight: Double
    /// Weight in the benchmark.
    public var benchmarkWeight: Double
    /// (w − b)(R_b,segment − R_b), annual.
    public var allocation: Double
    /// w (R_segment − R_b,segment), the interaction included, annual.
    public var selection: Double

    /// Makes a segment attribution from its parts.
    public init(segment: String, weight: Double, benchmarkWeight: Double, allocation: Double, selection: Double) {
        self.segment = segment
        self.weight = weight
        self.benchmarkWeight = benchmarkWeight
        self.allocation = allocation
        self.selection = selection
    }
}

/// A regression of a held instrument's, or the whole portfolio's, returns on the factors' returns.
public struct NamedRegression: Equatable, Sendable {
    /// The instrument; nil for the portfolio at today's weights.
    public var instrumentID: String?
    /// The regression, per period.
    public var regression: FactorRegression

    /// Makes a named regression from its parts.
    public init(instrumentID: String?, regression: FactorRegression) {
        self.instrumentID = instrumentID
        self.regression = regression
    }
}

/// What factors say of a portfolio as it is held.
public struct FactorAnalysisResult: Equatable, Sendable {
    /// The moment of the holdings.
    public var asOf: Timestamp
    /// The risk model's factors, in its order.
    public var factors: [String]
    /// The factors named, in the risk model's order, with the exposures to them.
    public var exposures: [FactorExposure]
    /// Annual volatility and the Euler contributions to it.
    public var risk: AttributedTotal
    /// Annual tracking error and the Euler contributions to it; nil without a benchmark.
    public var activeRisk: AttributedTotal?
    /// Annual mean return over the history and what earned it; nil without a history of factor returns.
    public var returns: AttributedTotal?
    /// What the portfolio's sectors added to the benchmark's return over the history; nil without either.
    public var segments: [SegmentAttribution]?
    /// Where the exposures come from: `provided`, `regressed` or `principal_components`.
    public var loadingsEstimator: String
    /// Regressions on the factors: the portfolio's first, then the largest holdings' where loadings were regressed.
    public var regressions: [NamedRegression]
    /// Why a part is missing, by its name in the answer.
    public var notes: [String: String]
    /// What it was computed from.
    public var inputs: ResultInputs
    /// What the caller should know.
    public var warnings: [ResultWarning]

    /// Makes a factor analysis result from its parts.
    public init(
        asOf: Timestamp,
        factors: [String],
        exposures: [FactorExposure],
        risk: AttributedTotal,
        activeRisk: AttributedTotal? = nil,
        returns: AttributedTotal? = nil,
        segments: [SegmentAttribution]? = nil,
        loadingsEstimator: String,
        regressions: [NamedRegression] = [],
        notes: [String: String] = [:],
        inputs: ResultInputs,
        warnings: [ResultWarning] = []
    ) {
        self.asOf = asOf
        self.factors = factors
        self.exposures = exposures
        self.risk = risk
        self.activeRisk = activeRisk
        self.returns = returns
        self.segments = segments
        self.loadingsEstimator = loadingsEstimator
        self.regressions = regressions
        self.notes = notes
        self.inputs = inputs
        self.warnings = warnings
    }
}
