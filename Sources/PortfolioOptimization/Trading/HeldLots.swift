internal import PortfolioModel

extension Portfolio {
    /// The lots of all positions, by instrument; empty where a position has none.
    var lotsByInstrument: [String: [TaxLot]] {
        var lots: [String: [TaxLot]] = [:]
        for position in positions { lots[position.instrumentID, default: []] += position.taxLots }
        return lots
    }

    /// The recent trades, by instrument.
    var recentTradesByInstrument: [String: [RecentTrade]] { Dictionary(grouping: recentTrades, by: \.instrumentID) }
}
