internal import Matrices
internal import PortfolioModel

extension TradingBook {
    /// Two instruments without correlation, volatilities 20 % and 10 %, at a price of 100, in lots of 1.
    ///
    /// - Parameters:
    ///   - first: units of `A` held.
    ///   - second: units of `B` held.
    ///   - cash: money held.
    ///   - target: the weights to aim at.
    /// - Returns: the book.
    package static func pair(
        first: Double,
        second: Double,
        cash: Double = 0,
        target: [String: Double]
    ) -> TradingBook {
        var book = TradingBook(seed: 0, shape: Shape(count: 2))
        let ids = ["A", "B"]
        book.moments.instruments = ids
        book.moments.expectedReturns = [0.08, 0.03]
        book.moments.covariance = .dense(DenseMatrix(rows: 2, columns: 2, columnMajor: [0.04, 0, 0, 0.01]))
        book.snapshot.riskModel.instruments = ids
        book.snapshot.instruments = ids.map { Instrument(id: $0, price: 100) }
        book.snapshot.portfolio.positions = zip(ids, [first, second]).filter { $0.1 > 0 }.map {
            Position(instrumentID: $0, quantity: $1)
        }
        book.snapshot.portfolio.cash = cash
        book.snapshot.portfolio.preferences = Preferences()
        book.snapshot.portfolio.constraints = Constraints()
        book.snapshot.portfolio.universe = nil
        book.snapshot.portfolio.recentTrades = []
        book.request = RebalanceRequest(portfolioID: "pair", target: .custom, targetAllocation: target)
        return book
    }

    /// The instruments' costs and the request's, times a factor.
    package func costing(_ factor: Double) -> TradingBook {
        var book = self
        for index in book.snapshot.instruments.indices { book.snapshot.instruments[index].cost = nil }
        book.snapshot.portfolio.preferences.transactionCostModel = 0.001 * factor
        return book
    }
}
