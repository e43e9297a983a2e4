/// A recommended allocation with everything a caller needs to trust it.
public struct OptimizationResult: Equatable, Sendable {
    /// The figures of the target allocation.
    public var metrics: AllocationMetrics
    /// Weights before trading: instruments by id, and `cash`; zeros left out.
    public var currentAllocation: [String: Double]
    /// Weights recommended: instruments by id, and `cash`; zeros left out.
    public var targetAllocation: [String: Double]
    /// The trades that lead there, in priority order.
    public var trades: [Trade]
    /// How the optimum was found and how exact it is.
    public var solution: SolutionReport
    /// The limits the optimum rests on.
    public var bindingConstraints: [BindingConstraint]
    /// What proves the target optimal; nil where nothing but the search's own word does.
    public var certificate: OptimalityCertificate?
    /// Each instrument's share of the portfolio's risk; sums to 1.
    ///
    /// Empty when the risk is 0.
    public var riskContributions: [String: Double]
    /// The limits in force: the portfolio's with the request's laid over them.
    public var constraints: Constraints
    /// The limits among them that the holdings break already, as they are in force; empty unless asked for.
    public var grandfatheredLimits: [GrandfatheredLimit] = []
    /// What the target has for its soft limits: each that is applied once, and those applied to many where exceeded.
    public var softLimits: [SoftLimitValue] = []
    /// The preferences in force.
    public var preferences: Preferences
    /// The inputs it was computed from.
    public var inputs: ResultInputs
    /// What the caller should know.
    public var warnings: [ResultWarning]
    /// Prior and posterior of a Black–Litterman optimization; nil for the other types.
    public var blackLitterman: BlackLittermanReport?
    /// The worst case of a robust optimization; nil for the other types.
    public var robust: RobustReport?
    /// The outcome in each scenario of a scenario-based optimization; nil for the other types.
    public var scenarioOutcomes: ScenarioOutcomes?
    /// What each term of a `custom` or `multi_objective` objective came to; nil for the others.
    public var objectiveTerms: [TermValue]?
    /// Allocations of which none is better in all objectives, by ascending value of the first; nil unless asked for.
    public var paretoSet: [ParetoPoint]?
    /// The path that a multi-period optimization planned; nil for the other types.
    public var path: PlannedPath?
    /// The efficient frontier under the same limits, by ascending risk; nil unless asked for.
    public var efficientFrontier: [FrontierPoint]?
    /// What is not held, those nearest to being held first; told only to who asks.
    public var excluded: [ExcludedInstrument] = []

    /// Makes an optimization result from its parts.
    public init(
        metrics: AllocationMetrics,
        currentAllocation: [String: Double],
        targetAllocation: [String: Double],
        trades: [Trade],
        solution: SolutionReport,
        bindingConstraints: [BindingConstraint],
        riskContributions: [String: Double],
        constraints: Constraints,
        preferences: Preferences,
        inputs: ResultInputs,
        warnings: [ResultWarning]
    ) {
        self.metrics = metrics
        self.currentAllocation = currentAllocation
        self.targetAllocation = targetAllocation
        self.trades = trades
        self.solution = solution
        self.bindingConstraints = bindingConstraints
        self.riskContributions = riskContributions
        self.constraints = constraints
        self.preferences = preferences
        self.inputs = inputs
        self.warnings = warnings
    }
}

/// The figures of an allocation.
///
/// A figure that has no meaning is nil, with its reason in `notes`.
public struct AllocationMetrics: Equatable, Sendable {
    /// μᵀw + risk-free rate · cash, annual, gross of costs and taxes.
    public var expectedReturn: Double
    /// √(wᵀΣw), annual.
    public var expectedVolatility: Double
    /// (expectedReturn − riskFreeRate) / expectedVolatility.
    public var sharpeRatio: Double?
    /// Of the risk model's history at constant weights, compounded.
    public var maxDrawdown: Double?
    /// ½ Σ|target − current|, cash included.
    public var turnover: Double
    /// Σ|target − current|, cash included.
    public var turnoverTwoWay: Double
    /// Active return over tracking error, against the benchmark.
    public var informationRatio: Double?
    /// The chosen risk measure, in its own unit.
    public var risk: Double
    /// (expectedReturn − riskFreeRate) / risk.
    public var returnRiskRatio: Double?
    /// expectedReturn less costs and taxes of the listed trades, spread over the cost horizon.
    public var expectedReturnNet: Double
    /// Money that the listed trades cost.
    public var transactionCosts: Double
    /// Money of tax that the listed sales cause; negative for losses.
    public var tax: Double
    /// √((w−b)ᵀΣ(w−b)), annual.
    public var trackingError: Double?
    /// Σ wᵢσᵢ / volatility.
    public var diversificationRatio: Double?
    /// 1 / Σ w², over instruments and cash.
    public var effectivePositions: Double
    /// The annual risk-free rate in force.
    public var riskFreeRate: Double
    /// Why a figure is nil, by the figure's JSON name.
    public var notes: [String: String]

    /// Makes an allocation metrics from its parts.
    public init(
        expectedReturn: Double,
        expectedVolatility: Double,
        sharpeRatio: Double?,
        maxDrawdown: Double?,
        turnover: Double,
        turnoverTwoWay: Double,
        informationRatio: Double?,
        risk: Double,
        returnRiskRatio: Double?,
        expectedReturnNet: Double,
        transactionCosts: Double,
        tax: Double,
        trackingError: Double?,
        diversificationRatio: Double?,
        effectivePositions: Double,
        riskFreeRate: Double,
        notes: [String: String]
    ) {
        self.expectedReturn = expectedReturn
        self.expectedVolatility = expectedVolatility
        self.sharpeRatio = sharpeRatio
        self.maxDrawdown = maxDrawdown
        self.turnover = turnover
        self.turnoverTwoWay = turnoverTwoWay
        self.informationRatio = informationRatio
        self.risk = risk
        self.returnRiskRatio = returnRiskRatio
        self.expectedReturnNet = expectedReturnNet
        self.transactionCosts = transactionCosts
        self.tax = tax
        self.trackingError = trackingError
        self.diversificationRatio = diversificationRatio
        self.effectivePositions = effectivePositions
        self.riskFreeRate = riskFreeRate
        self.notes = notes
    }
}

/// A trade recommended.
public struct Trade: Equatable, Sendable {
    /// Whether to buy or to sell.
    public enum Action: String, Sendable { case buy, sell }

    /// What to trade.
    public var instrumentID: String
    /// Whether to buy or to sell.
    public var action: Action
    /// Units; positive, a whole multiple of the lot size.
    public var quantity: Double
    /// Price of one unit.
    public var price: Double
    /// quantity · price; positive.
    public var estimatedValue: Double
    /// ± estimatedValue / portfolio value; negative for a sale.
    public var weightChange: Double
    /// Money the trade costs.
    public var cost: Double
    /// 1…n: the order in which cash never turns negative.
    public var priority: Int
    /// The lots a sale consumes; empty for a purchase and for holdings without lots.
    public var taxLots: [SoldLot]
    /// Why it is recommended; nil where that is told elsewhere.
    public var reasons: TradeReasons?

    /// Makes a trade from its parts.
    public init(
        instrumentID: String,
        action: Action,
        quantity: Double,
        price: Double,
        estimatedValue: Double,
        weightChange: Double,
        cost: Double,
        priority: Int,
        taxLots: [SoldLot] = [],
        reasons: TradeReasons? = nil
    ) {
        self.instrumentID = instrumentID
        self.action = action
        self.quantity = quantity
        self.price = price
        self.estimatedValue = estimatedValue
        self.weightChange = weightChange
        self.cost = cost
        self.priority = priority
        self.taxLots = taxLots
        self.reasons = reasons
    }
}

/// A tax lot, or a part of one, that a sale consumes.
public struct SoldLot: Equatable, Sendable {
    /// Held for a year or less, or longer.
    public enum Term: String, Sendable { case short, long }

    /// The day it was bought.
    public var acquiredAt: CalendarDate
    /// Units sold of it.
    public var quantity: Double
    /// What one unit cost.
    public var costBasis: Double
    /// (price − costBasis) · quantity.
    public var gain: Double
    /// Whether the gain is short- or long-term.
    public var term: Term
    /// Part of a loss that the wash-sale rule does not let count; not negative.
    public var disallowedLoss: Double

    /// Makes a sold lot from its parts.
    public init(
        acquiredAt: CalendarDate,
        quantity: Double,
        costBasis: Double,
        gain: Double,
        term: Term,
        disallowedLoss: Double = 0
    ) {
        self.acquiredAt = acquiredAt
        self.quantity = quantity
        self.costBasis = costBasis
        self.gain = gain
        self.term = term
        self.disallowedLoss = disallowedLoss
    }
}

/// An instrument that could be in the target and is not.
public struct ExcludedInstrument: Equatable, Sendable {
    /// Which one.
    public var instrumentID: String
    /// d(objective)/d(weight) at the target with the limits' prices taken off, the objective oriented so that larger is
    /// better.
    ///
    /// Not positive, unless a limit of the instrument's own keeps it out; nil where a derivative has no meaning, such as
    /// with integers, and for methods that maximise nothing.
    public var reducedCost: Double?

    /// Makes an excluded instrument of its parts.
    public init(instrumentID: String, reducedCost: Double?) {
        self.instrumentID = instrumentID
        self.reducedCost = reducedCost
    }
}

/// How an optimum was found and how exact it is.
public struct SolutionReport: Equatable, Sendable {
    /// How the search ended.
    public enum Status: String, Sendable {
        case optimal
        case withinGap = "within_gap"
    }

    /// How the search ended.
    public var status: Status
    /// The algorithm's name.
    public var solver: String
    /// Iterations, summed over the nodes of a search.
    public var iterations: Int
    /// Milliseconds spent solving; not part of the result's hash.
    public var solveMilliseconds: Double
    /// Largest scaled violation of the constraints.
    public var primalResidual: Double
    /// Largest scaled violation of stationarity.
    public var dualResidual: Double
    /// (objective − bound) relative to the objective.
    public var relativeGap: Double

    /// Makes a solution report from its parts.
    public init(
        status: Status,
        solver: String,
        iterations: Int,
        solveMilliseconds: Double,
        primalResidual: Double,
        dualResidual: Double,
        relativeGap: Double
    ) {
        self.status = status
        self.solver = solver
        self.iterations = iterations
        self.solveMilliseconds = solveMilliseconds
        self.primalResidual = primalResidual
        self.dualResidual = dualResidual
        self.relativeGap = relativeGap
    }
}

/// A limit that the optimum rests on, and what relaxing it would gain.
public struct BindingConstraint: Equatable, Sendable {
    /// JSON pointer below `/constraints`: `/max_weights/AAPL`, `/max_sector_exposure`.
    public var constraint: String
    /// The instrument, sector or class a general limit binds for.
    public var subject: String?
    /// The limit.
    public var bound: Double
    /// The value it meets.
    public var value: Double
    /// d(objective)/d(bound) with the objective oriented so that larger is better; nil with integers.
    public var shadowPrice: Double?
    /// The mandate's own limit, where what the holdings come to is in force instead.
    public var grandfatheredFrom: Double?

    /// Makes a binding constraint from its parts.
    public init(constraint: String, subject: String?, bound: Double, value: Double, shadowPrice: Double?) {
        self.constraint = constraint
        self.subject = subject
        self.bound = bound
        self.value = value
        self.shadowPrice = shadowPrice
    }
}

/// What a result was computed from and on.
public struct ResultInputs: Equatable, Sendable {
    /// The versions of the inputs.
    public var versions: SnapshotVersions
    /// Where the expected returns come from.
    public var expectedReturnsEstimator: String
    /// Where the covariance comes from.
    public var covarianceEstimator: String
    /// Largest over smallest eigenvalue of an estimated covariance.
    public var covarianceConditionNumber: Double?
    /// The linear-algebra kernel: the same bits can be expected on the same kernel.
    public var kernel: String

    /// Makes a result inputs from its parts.
    public init(
        versions: SnapshotVersions,
        expectedReturnsEstimator: String,
        covarianceEstimator: String,
        covarianceConditionNumber: Double? = nil,
        kernel: String
    ) {
        self.versions = versions
        self.expectedReturnsEstimator = expectedReturnsEstimator
        self.covarianceEstimator = covarianceEstimator
        self.covarianceConditionNumber = covarianceConditionNumber
        self.kernel = kernel
    }
}

/// Something the caller should know about a result.
public struct ResultWarning: Equatable, Sendable {
    /// A stable code, such as `tax_not_in_objective`.
    public var code: String
    /// A sentence for people.
    public var message: String

    /// Makes a result warning from its parts.
    public init(code: String, message: String) {
        self.code = code
        self.message = message
    }
}

/// Why a request has no allocation.
public struct OptimizationFailure: Equatable, Sendable, Error {
    /// A stable code: `infeasible`, `no_excess_return`, `unbounded`, `time_limit`, `numerical_difficulty`,
    /// `check_failed`, `worker_lost`; docs/http.md lists them all.
    public var code: String
    /// A sentence for people.
    public var message: String
    /// The limits that clash, when the code is `infeasible`.
    public var conflicts: [ConstraintConflict]
    /// The cheapest way to move limits together so that the mandate becomes feasible; empty when it is not known.
    public var combinedRepair: [ConstraintRepair] = []
    /// What may be held instead where nothing beats the risk-free rate: the allocation of least risk within the limits.
    public var minimumRiskAllocation: [String: Double]?

    /// Makes an optimization failure from its parts.
    public init(code: String, message: String, conflicts: [ConstraintConflict] = []) {
        self.code = code
        self.message = message
        self.conflicts = conflicts
    }
}

/// A limit that takes part in a contradiction.
public struct ConstraintConflict: Equatable, Sendable {
    /// JSON pointer below `/constraints`.
    public var constraint: String
    /// The instrument, sector or class concerned; nil for a limit on all.
    public var subject: String?
    /// The limit as given.
    public var bound: Double
    /// The value that alone would make the mandate feasible; nil where no value of it alone can.
    public var nearestFeasible: Double?

    /// Makes a constraint conflict from its parts.
    public init(constraint: String, subject: String?, bound: Double, nearestFeasible: Double?) {
        self.constraint = constraint
        self.subject = subject
        self.bound = bound
        self.nearestFeasible = nearestFeasible
    }
}

/// A limit that a repair moves, with the value it would have.
public struct ConstraintRepair: Equatable, Sendable {
    /// JSON pointer below `/constraints`.
    public var constraint: String
    /// The instrument, sector or class concerned; nil for a limit on all.
    public var subject: String?
    /// The limit as given.
    public var bound: Double
    /// The limit that makes the mandate feasible together with the others of its repair.
    public var repaired: Double

    /// Makes a constraint repair from its parts.
    public init(constraint: String, subject: String?, bound: Double, repaired: Double) {
        self.constraint = constraint
        self.subject = subject
        self.bound = bound
        self.repaired = repaired
    }
}
