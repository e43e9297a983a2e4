/// The changes that a plan may make to one holding, in units: none, a sale or purchase within limits, all of it sold.
///
/// With a lot size partial sales and purchases are whole lots; selling everything may leave no odd lot behind.
struct TradeDomain: Equatable, Sendable {
    /// Units held.
    let held: Double
    /// Units of a lot; nil trades any fraction.
    let lotSize: Double?
    /// Whether not trading meets the limits of the instrument.
    let allowsNone: Bool
    /// Whether selling everything does.
    let allowsLiquidation: Bool
    /// Lots (units without a lot size) of partial sales; nil where none is allowed.
    let sales: ClosedRange<Double>?
    /// Lots (units without a lot size) of purchases; nil where none is allowed.
    let purchases: ClosedRange<Double>?

    /// Slack for reading a number of lots from a change that was computed.
    private static let rounding = 1e-9

    private var unit: Double { lotSize ?? 1 }

    /// Whether anything but not trading is allowed.
    var canTrade: Bool { allowsLiquidation || sales != nil || purchases != nil }

    /// The least change allowed, nil when nothing is.
    var least: Double? {
        if allowsLiquidation { return -held }
        if let sales { return -sales.upperBound * unit }
        if allowsNone { return 0 }
        return purchases.map { $0.lowerBound * unit }
    }

    /// The largest change allowed, nil when nothing is.
    var most: Double? {
        if let purchases { return purchases.upperBound * unit }
        if allowsNone { return 0 }
        if let sales { return -sales.lowerBound * unit }
        return allowsLiquidation ? -held : nil
    }

    /// The largest change allowed that is not above another, nil when all are above it.
    func floor(_ change: Double) -> Double? {
        if let purchases {
            let lots = wholeDown(change / unit)
            if lots >= purchases.lowerBound { return min(lots, purchases.upperBound) * unit }
        }
        if allowsNone, change >= 0 { return 0 }
        if let sales {
            let lots = wholeUp(-change / unit)
            if lots <= sales.upperBound { return -max(lots, sales.lowerBound) * unit }
        }
        let slack = Self.rounding * held
        return allowsLiquidation && change >= -held - slack ? -held : nil
    }

    /// The least change allowed that is not below another, nil when all are below it.
    func ceil(_ change: Double) -> Double? {
        if allowsLiquidation, change <= -held + Self.rounding * held { return -held }
        if let sales {
            let lots = wholeDown(-change / unit)
            if lots >= sales.lowerBound { return -min(lots, sales.upperBound) * unit }
        }
        if allowsNone, change <= 0 { return 0 }
        if let purchases {
            let lots = wholeUp(change / unit)
            if lots <= purchases.upperBound { return max(lots, purchases.lowerBound) * unit }
        }
        return nil
    }

    /// A move this small, in lots, finds the next change allowed.
    private static let hair = 1e-6

    /// The next larger change allowed; without lots, one larger by a step.
    func next(after change: Double, step: Double) -> Double? {
        ceil(change + (lotSize.map { Self.hair * $0 } ?? step))
    }

    /// The next smaller change allowed; without lots, one smaller by a step.
    func previous(before change: Double, step: Double) -> Double? {
        floor(change - (lotSize.map { Self.hair * $0 } ?? step))
    }

    /// The change allowed that is nearest to another, nil when none is allowed.
    func nearest(_ change: Double) -> Double? {
        switch (floor(change), ceil(change)) {
        case (let below?, let above?): change - below <= above - change ? below : above
        case (let below?, nil): below
        case (nil, let above?): above
        case (nil, nil): nil
        }
    }

    private func wholeDown(_ lots: Double) -> Double {
        lotSize == nil ? lots : (lots + Self.rounding * max(1, abs(lots))).rounded(.down)
    }

    private func wholeUp(_ lots: Double) -> Double {
        lotSize == nil ? lots : (lots - Self.rounding * max(1, abs(lots))).rounded(.up)
    }
}

/// What the changes of a holding are limited by.
struct TradeDomainLimits: Equatable, Sendable {
    /// Value of one unit as a share of the portfolio's value.
    var unitWeight: Double
    /// Least weight after trading.
    var lowerWeight: Double
    /// Largest weight after trading.
    var upperWeight: Double
    /// A weight after trading is 0 or at least this.
    var threshold: Double
    /// Share of the portfolio's value that a trade is at least, unless it sells everything.
    var minimumTrade: Double
    /// Whether it stays as it is unless that breaks a limit.
    var isFrozen: Bool

    /// Distance by which a weight may miss a limit: rounding.
    static let slack = 1e-10
    /// A change of weight below this is no trade.
    static let dust = 1e-8
}

extension TradeDomain {
    /// The changes that the limits leave of a holding.
    init(held: Double, lotSize: Double?, limits: TradeDomainLimits) {
        self.held = held
        self.lotSize = lotSize
        let weight = held * limits.unitWeight
        let slack = TradeDomainLimits.slack
        let lower = limits.lowerWeight - slack
        let upper = limits.upperWeight + slack
        let isSmall = weight > 0 && weight < limits.threshold - slack
        allowsNone = weight >= lower && weight <= upper && !isSmall
        // A holding that breaks a limit is traded whatever its band says.
        let isFrozen = limits.isFrozen && allowsNone
        allowsLiquidation = held > 0 && lower <= 0 && !isFrozen
        guard !isFrozen else {
            sales = nil
            purchases = nil
            return
        }
        let step = (lotSize ?? 1) * limits.unitWeight
        let floorWeight = max(lower, limits.threshold - slack)
        let least = max(limits.minimumTrade, TradeDomainLimits.dust)
        // A partial sale leaves at least the floor, and something.
        let kept = max(floorWeight, lotSize == nil ? min(TradeDomainLimits.dust, weight / 2) : 0)
        var mostSold = (weight - kept) / step
        // As many whole lots as are held are a liquidation.
        if lotSize != nil, mostSold.rounded() * step >= weight * (1 - Self.rounding) { mostSold -= 0.5 }
        sales = Self.range(
            from: max(least, weight - upper) / step,
            to: mostSold,
            isWhole: lotSize != nil
        )
        purchases = Self.range(
            from: max(least, floorWeight - weight) / step,
            to: (upper - weight) / step,
            isWhole: lotSize != nil
        )
    }

    private static func range(from least: Double, to most: Double, isWhole: Bool) -> ClosedRange<Double>? {
        guard isWhole else { return least <= most ? least...most : nil }
        let first = max(1, (least - rounding * max(1, least)).rounded(.up))
        let last = (most + rounding * max(1, abs(most))).rounded(.down)
        return first <= last ? first...last : nil
    }
}
