/// What can be held: its price, its lot and what trading it costs.
public struct Instrument: Equatable, Sendable {
    /// The caller's identifier: 1–36 of letters, digits, `.`, `_`, `-`.
    public var id: String
    /// The name people know it by.
    public var name: String?
    /// The sector that `max_sector_exposure` groups by; nil is in no sector.
    public var sector: String?
    /// The asset class that `max_asset_class_exposure` groups by; nil is in no class.
    public var assetClass: String?
    /// ISO 4217 code; nil is the portfolio's base currency.
    public var currency: String?
    /// Price of one unit, in its currency; positive.
    public var price: Double
    /// Trades are whole multiples of this quantity; nil means any fraction.
    public var lotSize: Double?
    /// What trading it costs; nil means the request's `transaction_cost_model` applies.
    public var cost: TransactionCost?

    /// Makes an instrument from its parts.
    public init(
        id: String,
        name: String? = nil,
        sector: String? = nil,
        assetClass: String? = nil,
        currency: String? = nil,
        price: Double,
        lotSize: Double? = 1,
        cost: TransactionCost? = nil
    ) {
        self.id = id
        self.name = name
        self.sector = sector
        self.assetClass = assetClass
        self.currency = currency
        self.price = price
        self.lotSize = lotSize
        self.cost = cost
    }
}

/// The cost of trading value v (money): proportional·v + fixed·[v > 0] + impact·v·√(v / averageDailyValue).
public struct TransactionCost: Equatable, Sendable {
    /// Share of the traded value; 0.001 is 10 basis points.
    public var proportional: Double
    /// Money for each trade.
    public var fixed: Double
    /// Coefficient of the 3/2-power market impact.
    public var impact: Double
    /// Money traded in the instrument on an average day; needed when `impact` is not 0.
    public var averageDailyValue: Double?

    /// Makes a transaction cost from its parts.
    public init(proportional: Double = 0, fixed: Double = 0, impact: Double = 0, averageDailyValue: Double? = nil) {
        self.proportional = proportional
        self.fixed = fixed
        self.impact = impact
        self.averageDailyValue = averageDailyValue
    }

    /// The cost in money of trading a value, in money, in one order.
    public func cost(ofTrading value: Double) -> Double {
        guard value > 0 else { return 0 }
        var total = proportional * value + fixed
        if impact != 0, let averageDailyValue, averageDailyValue > 0 {
            total += impact * value * (value / averageDailyValue).squareRoot()
        }
        return total
    }
}
