/// A holdings snapshot: what is held at a moment, and the limits its owner gave with it.
public struct Portfolio: Equatable, Sendable {
    /// The name people know it by.
    public var name: String?
    /// ISO 4217 code of the currency that cash and totals are in.
    public var baseCurrency: String
    /// The moment the holdings are of.
    public var asOf: Timestamp
    /// The risk model its requests use.
    public var riskModelID: String
    /// Money held, in the base currency; not negative.
    public var cash: Double
    /// Limits that hold for every request, unless the request overrides them.
    public var constraints: Constraints
    /// Preferences that hold for every request, unless the request overrides them.
    public var preferences: Preferences
    /// What is held; an instrument appears once.
    public var positions: [Position]
    /// What may be held; nil means the risk model's instruments.
    public var universe: [String]?
    /// Benchmark weights; they sum to 1.
    public var benchmark: [String: Double]?
    /// Trades of the last weeks, for the wash-sale rule.
    public var recentTrades: [RecentTrade]

    /// Makes a portfolio from its parts.
    public init(
        name: String? = nil,
        baseCurrency: String,
        asOf: Timestamp,
        riskModelID: String,
        cash: Double = 0,
        constraints: Constraints = Constraints(),
        preferences: Preferences = Preferences(),
        positions: [Position],
        universe: [String]? = nil,
        benchmark: [String: Double]? = nil,
        recentTrades: [RecentTrade] = []
    ) {
        self.name = name
        self.baseCurrency = baseCurrency
        self.asOf = asOf
        self.riskModelID = riskModelID
        self.cash = cash
        self.constraints = constraints
        self.preferences = preferences
        self.positions = positions
        self.universe = universe
        self.benchmark = benchmark
        self.recentTrades = recentTrades
    }
}

/// A holding of one instrument.
public struct Position: Equatable, Sendable {
    /// The instrument held.
    public var instrumentID: String
    /// Units held; not negative.
    public var quantity: Double
    /// The lots the quantity was bought in; empty when unknown, else they sum to `quantity`.
    public var taxLots: [TaxLot]

    /// Makes a position from its parts.
    public init(instrumentID: String, quantity: Double, taxLots: [TaxLot] = []) {
        self.instrumentID = instrumentID
        self.quantity = quantity
        self.taxLots = taxLots
    }
}

/// A part of a holding that was bought on one day at one price.
public struct TaxLot: Equatable, Sendable {
    /// Units bought and still held; positive.
    public var quantity: Double
    /// What one unit cost.
    public var costBasis: Double
    /// The day it was bought.
    public var acquiredAt: CalendarDate

    /// Makes a tax lot from its parts.
    public init(quantity: Double, costBasis: Double, acquiredAt: CalendarDate) {
        self.quantity = quantity
        self.costBasis = costBasis
        self.acquiredAt = acquiredAt
    }
}

/// A trade already done, given for the wash-sale rule.
public struct RecentTrade: Equatable, Sendable {
    /// The instrument traded.
    public var instrumentID: String
    /// Units; negative for a sale.
    public var quantity: Double
    /// Price of one unit.
    public var price: Double
    /// The day of the trade.
    public var date: CalendarDate

    /// Makes a recent trade from its parts.
    public init(instrumentID: String, quantity: Double, price: Double, date: CalendarDate) {
        self.instrumentID = instrumentID
        self.quantity = quantity
        self.price = price
        self.date = date
    }
}
