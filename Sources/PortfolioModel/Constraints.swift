/// The limits of a mandate.
///
/// A limit that is nil does not hold; 0 is a limit.
///
/// Weights are fractions of the portfolio's value before trading, cash included.
public struct Constraints: Equatable, Sendable {
    /// Upper weight of every instrument without a `maxWeights` entry; with shorts minus it is the lower weight of every one
    /// without a `minWeights` entry.
    public var maxPositionSize: Double?
    /// Buy-in threshold: the size of a weight is 0 or at least this, unless the instrument has a `minWeights` entry.
    public var minPositionSize: Double?
    /// Upper total of each sector's weights, sizes where there are shorts.
    public var maxSectorExposure: Double?
    /// Upper total of each asset class's weights, sizes where there are shorts.
    public var maxAssetClassExposure: Double?
    /// Upper limit of ½ Σ|target − current|, cash included.
    public var maxTurnover: Double?
    /// Upper limit of |target − current| of every instrument without a `maxWeightChanges` entry.
    public var maxWeightChange: Double?
    /// Upper limit of |target − current| of single instruments; replaces `maxWeightChange` for them.
    public var maxWeightChanges: [String: Double]?
    /// Upper limit of annual volatility.
    public var targetVolatility: Double?
    /// Hard lower weight of single instruments.
    public var minWeights: [String: Double]?
    /// Upper weight of single instruments; replaces `maxPositionSize` for them.
    public var maxWeights: [String: Double]?
    /// Lower limit of annual expected return.
    public var minReturn: Double?
    /// Upper limit of the risk measure, in its own unit.
    public var maxRisk: Double?
    /// Lower weight of cash; not negative.
    public var minCash: Double?
    /// Upper weight of cash; nil means `minCash`, or 0: fully invested.
    public var maxCash: Double?
    /// The most instruments that may be held.
    public var maxPositions: Int?
    /// Upper limit of the tracking error against the portfolio's benchmark, annual.
    public var maxTrackingError: Double?
    /// Limits on the total weight of named groups.
    public var groups: [GroupLimit]?
    /// Limits on the exposure to single factors.
    public var factorExposures: [String: FactorLimit]?
    /// Upper limits of the loss in single scenarios of the request, per period, by the scenario's name.
    public var maxScenarioLosses: [String: Double]?
    /// The largest size, or sum of sizes, that a number of the caller's names: what is held short pays for more than 1.
    public static let largestSize = 20.0

    /// Whether weights may be negative; `maxGrossExposure` is then required.
    public var allowShort: Bool?
    /// Upper limit of Σ|w| over instruments.
    public var maxGrossExposure: Double?
    /// Limits on the sums of the largest positions.
    public var largestPositions: [LargestPositionsLimit]?
    /// Limits that may be exceeded, each at a price.
    public var softLimits: [SoftLimit]?
    /// Whether a limit that the holdings break already is in force at what they come to.
    public var grandfatherBreaches: Bool?

    /// Whether weights may be negative.
    public var permitsShorts: Bool { allowShort == true }

    /// Makes constraints in which nothing is set.
    public init() {}

    /// These limits with another set's laid over them: field by field, maps entry by entry.
    public func overridden(by other: Constraints) -> Constraints {
        var result = self
        result.maxPositionSize = other.maxPositionSize ?? maxPositionSize
        result.minPositionSize = other.minPositionSize ?? minPositionSize
        result.maxSectorExposure = other.maxSectorExposure ?? maxSectorExposure
        result.maxAssetClassExposure = other.maxAssetClassExposure ?? maxAssetClassExposure
        result.maxTurnover = other.maxTurnover ?? maxTurnover
        result.maxWeightChange = other.maxWeightChange ?? maxWeightChange
        result.maxWeightChanges = merged(maxWeightChanges, other.maxWeightChanges)
        result.targetVolatility = other.targetVolatility ?? targetVolatility
        result.minWeights = merged(minWeights, other.minWeights)
        result.maxWeights = merged(maxWeights, other.maxWeights)
        result.minReturn = other.minReturn ?? minReturn
        result.maxRisk = other.maxRisk ?? maxRisk
        result.minCash = other.minCash ?? minCash
        result.maxCash = other.maxCash ?? maxCash
        result.maxPositions = other.maxPositions ?? maxPositions
        result.maxTrackingError = other.maxTrackingError ?? maxTrackingError
        result.groups = other.groups ?? groups
        result.factorExposures = merged(factorExposures, other.factorExposures)
        result.maxScenarioLosses = merged(maxScenarioLosses, other.maxScenarioLosses)
        result.allowShort = other.allowShort ?? allowShort
        result.maxGrossExposure = other.maxGrossExposure ?? maxGrossExposure
        result.largestPositions = other.largestPositions ?? largestPositions
        result.softLimits = other.softLimits ?? softLimits
        result.grandfatherBreaches = other.grandfatherBreaches ?? grandfatherBreaches
        return result
    }
}

/// Limits on the total weight of a group of instruments, Σ mᵢwᵢ with mᵢ the part of an instrument that belongs to it.
public struct GroupLimit: Equatable, Sendable {
    /// Who is in a group.
    public enum Members: Equatable, Sendable {
        /// The instruments named.
        case instruments([String])
        /// The instruments named, each with the part of it that belongs to the group, in (0, 1].
        case memberships([String: Double])
        /// Every instrument of a sector.
        case sector(String)
        /// Every instrument of an asset class.
        case assetClass(String)

        /// The part of an instrument that belongs to the group: 1 or 0 unless memberships are given.
        public func membership(of instrument: Instrument) -> Double {
            switch self {
            case .instruments(let ids): ids.contains(instrument.id) ? 1 : 0
            case .memberships(let parts): parts[instrument.id] ?? 0
            case .sector(let name): instrument.sector == name ? 1 : 0
            case .assetClass(let name): instrument.assetClass == name ? 1 : 0
            }
        }
    }

    /// The caller's name for the group.
    public var name: String
    /// Who is in it.
    public var members: Members
    /// Lower total weight.
    public var min: Double?
    /// Upper total weight.
    public var max: Double?

    /// Makes a group limit from its parts.
    public init(name: String, members: Members, min: Double? = nil, max: Double? = nil) {
        self.name = name
        self.members = members
        self.min = min
        self.max = max
    }
}

/// How a result is to be judged: risk aversion, costs, taxes, time.
public struct Preferences: Equatable, Sendable {
    /// λ of `maximize_utility`; default 2.5.
    public var riskAversion: Double?
    /// Whether trading costs enter the objective.
    public var includeTransactionCosts: Bool?
    /// Whether taxes enter the objective.
    public var considerTaxImplications: Bool?
    /// Proportional cost rate for instruments without a cost of their own; 0.001 is 10 bp.
    public var transactionCostModel: Double?
    /// Annual risk-free rate; default 0.
    public var riskFreeRate: Double?
    /// Confidence of var and cvar; default 0.95.
    public var confidenceLevel: Double?
    /// Years over which a trade's cost is spread against annual return; default 1.
    public var costHorizonYears: Double?
    /// Tax rate on gains of lots held up to a year.
    public var shortTermTaxRate: Double?
    /// Tax rate on gains of lots held longer.
    public var longTermTaxRate: Double?
    /// Seconds the solver may take.
    public var timeLimitSeconds: Double?
    /// Relative gap at which a search with integers may stop.
    public var relativeGap: Double?

    /// Makes preferences in which nothing is set.
    public init() {}

    /// These preferences with another set's laid over them, field by field.
    public func overridden(by other: Preferences) -> Preferences {
        var result = self
        result.riskAversion = other.riskAversion ?? riskAversion
        result.includeTransactionCosts = other.includeTransactionCosts ?? includeTransactionCosts
        result.considerTaxImplications = other.considerTaxImplications ?? considerTaxImplications
        result.transactionCostModel = other.transactionCostModel ?? transactionCostModel
        result.riskFreeRate = other.riskFreeRate ?? riskFreeRate
        result.confidenceLevel = other.confidenceLevel ?? confidenceLevel
        result.costHorizonYears = other.costHorizonYears ?? costHorizonYears
        result.shortTermTaxRate = other.shortTermTaxRate ?? shortTermTaxRate
        result.longTermTaxRate = other.longTermTaxRate ?? longTermTaxRate
        result.timeLimitSeconds = other.timeLimitSeconds ?? timeLimitSeconds
        result.relativeGap = other.relativeGap ?? relativeGap
        return result
    }

    /// The risk aversion in force.
    public var effectiveRiskAversion: Double { riskAversion ?? 2.5 }
    /// The annual risk-free rate in force.
    public var effectiveRiskFreeRate: Double { riskFreeRate ?? 0 }
    /// The confidence level in force.
    public var effectiveConfidenceLevel: Double { confidenceLevel ?? 0.95 }
    /// The cost horizon in force, in years.
    public var effectiveCostHorizonYears: Double { costHorizonYears ?? 1 }
}

private func merged<Value>(_ base: [String: Value]?, _ other: [String: Value]?) -> [String: Value]? {
    guard let base else { return other }
    return base.merging(other ?? [:]) { _, new in new }
}
