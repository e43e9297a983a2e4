/// What a rebalance aims at.
public enum RebalanceTarget: String, CaseIterable, Sendable {
    /// The best allocation for an objective, or the one an earlier optimization found.
    case optimal
    /// The allocation that comes with the request.
    case custom
    /// The portfolio's benchmark.
    case benchmark
    /// The same weight for everything that may be held.
    case equalWeight = "equal_weight"
    /// The same share of the risk for everything that may be held.
    case riskParity = "risk_parity"
    /// The least volatile allocation.
    case minRisk = "min_risk"
}

/// Which lots of a holding a sale consumes first, as a caller names it.
public enum TaxLotSelection: String, CaseIterable, Sendable {
    /// The oldest first.
    case fifo
    /// The newest first.
    case lifo
    /// The dearest first.
    case hifo
    /// Those named in the request's `lot_order` first.
    case specific
    /// Those whose sale is taxed least first.
    case minTax = "min_tax"
}

/// A request for a rebalance plan, as the caller gave it: the portfolio's own limits are not merged in.
public struct RebalanceRequest: Equatable, Sendable {
    /// How many trades a caller may limit a plan to.
    public static let tradeCountRange = 0...10_000

    /// The portfolio to rebalance.
    public var portfolioID: String
    /// What to aim at.
    public var target: RebalanceTarget
    /// The weights to aim at, for `custom`; cash under `cash`.
    public var targetAllocation: [String: Double]?
    /// The optimization whose result to aim at, for `optimal`.
    public var optimizationID: String?
    /// What that optimization recommends; read when the request was accepted.
    public var referencedAllocation: [String: Double]?
    /// The kind of optimization, for `optimal`.
    public var type: OptimizationType
    /// The objective, for `optimal`.
    public var objective: Objective
    /// How risk is measured, for `optimal`.
    public var riskMeasure: RiskMeasure
    /// The request's own limits; `maxTurnover` limits the plan, not what it aims at.
    public var constraints: Constraints
    /// Money: a trade is at least this, unless it sells all of a smaller holding.
    public var minTradeSize: Double?
    /// How many trades the plan may have.
    public var maxTrades: Int?
    /// Weight by which a holding may differ from its aim before it is traded; nil trades every difference.
    public var driftBand: Double?
    /// The request's own preferences.
    public var preferences: Preferences
    /// Whether trades are whole lots; false trades any fraction.
    public var wholeLots: Bool
    /// Which lots are sold first; nil means `minTax` where taxes are considered, else `hifo`.
    public var taxLotMethod: TaxLotSelection?
    /// For `specific`: the days whose lots go first, in this order, by instrument.
    public var lotOrder: [String: [CalendarDate]]

    /// Makes a rebalance request from its parts.
    public init(
        portfolioID: String,
        target: RebalanceTarget,
        targetAllocation: [String: Double]? = nil,
        optimizationID: String? = nil,
        referencedAllocation: [String: Double]? = nil,
        type: OptimizationType = .meanVariance,
        objective: Objective = .maximizeSharpe,
        riskMeasure: RiskMeasure = .volatility,
        constraints: Constraints = Constraints(),
        minTradeSize: Double? = nil,
        maxTrades: Int? = nil,
        driftBand: Double? = nil,
        preferences: Preferences = Preferences(),
        wholeLots: Bool = true,
        taxLotMethod: TaxLotSelection? = nil,
        lotOrder: [String: [CalendarDate]] = [:]
    ) {
        self.portfolioID = portfolioID
        self.target = target
        self.targetAllocation = targetAllocation
        self.optimizationID = optimizationID
        self.referencedAllocation = referencedAllocation
        self.type = type
        self.objective = objective
        self.riskMeasure = riskMeasure
        self.constraints = constraints
        self.minTradeSize = minTradeSize
        self.maxTrades = maxTrades
        self.driftBand = driftBand
        self.preferences = preferences
        self.wholeLots = wholeLots
        self.taxLotMethod = taxLotMethod
        self.lotOrder = lotOrder
    }
}

/// A trade of a rebalance plan.
public struct PlannedTrade: Equatable, Sendable {
    /// What to trade.
    public var trade: Trade
    /// Money left after this trade and all before it, their costs paid.
    public var cashAfter: Double
    /// Whether it sells all of a holding.
    public var closesPosition: Bool
    /// Why it is in the plan.
    public var reasons: TradeReasons

    /// Makes a planned trade of its parts.
    public init(trade: Trade, cashAfter: Double, closesPosition: Bool, reasons: TradeReasons) {
        self.trade = trade
        self.cashAfter = cashAfter
        self.closesPosition = closesPosition
        self.reasons = reasons
    }
}

/// The figures of a rebalance plan.
public struct RebalanceMetrics: Equatable, Sendable {
    /// ½ Σ|target − current|, cash included.
    public var turnover: Double
    /// Σ|target − current|, cash included.
    public var turnoverTwoWay: Double
    /// Annual expected return after less before, gross; nil without expected returns.
    public var returnImprovement: Double?
    /// Annual volatility after less before; negative is better.
    public var riskImprovement: Double
    /// Sharpe ratio after less before; nil where either has none.
    public var sharpeImprovement: Double?
    /// Money that the trades cost.
    public var transactionCosts: Double
    /// Money of tax that the sales cause; negative for losses.
    public var tax: Double
    /// Annual volatility of the difference to the desired allocation, before trading.
    public var activeRiskBefore: Double
    /// The same after trading.
    public var activeRisk: Double
    /// What the plan minimizes: active risk plus costs and taxes, as fractions of value, over the cost horizon.
    public var objective: Double
    /// Annual expected return after trading, gross.
    public var expectedReturn: Double?
    /// Annual volatility after trading.
    public var expectedVolatility: Double
    /// Why a figure is nil, by the figure's JSON name.
    public var notes: [String: String]

    /// Makes rebalance metrics from their parts.
    public init(
        turnover: Double,
        turnoverTwoWay: Double,
        returnImprovement: Double?,
        riskImprovement: Double,
        sharpeImprovement: Double?,
        transactionCosts: Double,
        tax: Double,
        activeRiskBefore: Double,
        activeRisk: Double,
        objective: Double,
        expectedReturn: Double?,
        expectedVolatility: Double,
        notes: [String: String]
    ) {
        self.turnover = turnover
        self.turnoverTwoWay = turnoverTwoWay
        self.returnImprovement = returnImprovement
        self.riskImprovement = riskImprovement
        self.sharpeImprovement = sharpeImprovement
        self.transactionCosts = transactionCosts
        self.tax = tax
        self.activeRiskBefore = activeRiskBefore
        self.activeRisk = activeRisk
        self.objective = objective
        self.expectedReturn = expectedReturn
        self.expectedVolatility = expectedVolatility
        self.notes = notes
    }
}

/// A rebalance plan with everything a desk needs to send it and a caller to trust it.
public struct RebalanceResult: Equatable, Sendable {
    /// What was aimed at.
    public var target: RebalanceTarget
    /// Weights before trading: instruments by id, and `cash`; zeros left out.
    public var currentAllocation: [String: Double]
    /// Weights aimed at, likewise.
    public var desiredAllocation: [String: Double]
    /// Weights that the trades reach, as fractions of the value before trading; costs are missing from their sum.
    public var targetAllocation: [String: Double]
    /// The trades in priority order.
    public var trades: [PlannedTrade]
    /// The plan's figures.
    public var metrics: RebalanceMetrics
    /// How the plan was found and how near to the best it is proven to be.
    public var solution: SolutionReport
    /// The limits in force.
    public var constraints: Constraints
    /// The limits among them that the holdings break already, as they are in force; empty unless asked for.
    public var grandfatheredLimits: [GrandfatheredLimit] = []
    /// Money: the least trade in force.
    public var minTradeSize: Double?
    /// The most trades in force.
    public var maxTrades: Int?
    /// The drift band in force.
    public var driftBand: Double?
    /// The preferences in force.
    public var preferences: Preferences
    /// Whether trades are whole lots.
    public var wholeLots: Bool
    /// Which lots are sold first.
    public var taxLotMethod: TaxLotSelection
    /// What it was computed from.
    public var inputs: ResultInputs
    /// What the caller should know.
    public var warnings: [ResultWarning]

    /// Makes a rebalance result from its parts.
    public init(
        target: RebalanceTarget,
        currentAllocation: [String: Double],
        desiredAllocation: [String: Double],
        targetAllocation: [String: Double],
        trades: [PlannedTrade],
        metrics: RebalanceMetrics,
        solution: SolutionReport,
        constraints: Constraints,
        minTradeSize: Double?,
        maxTrades: Int?,
        driftBand: Double?,
        preferences: Preferences,
        wholeLots: Bool,
        taxLotMethod: TaxLotSelection,
        inputs: ResultInputs,
        warnings: [ResultWarning]
    ) {
        self.target = target
        self.currentAllocation = currentAllocation
        self.desiredAllocation = desiredAllocation
        self.targetAllocation = targetAllocation
        self.trades = trades
        self.metrics = metrics
        self.solution = solution
        self.constraints = constraints
        self.minTradeSize = minTradeSize
        self.maxTrades = maxTrades
        self.driftBand = driftBand
        self.preferences = preferences
        self.wholeLots = wholeLots
        self.taxLotMethod = taxLotMethod
        self.inputs = inputs
        self.warnings = warnings
    }
}
