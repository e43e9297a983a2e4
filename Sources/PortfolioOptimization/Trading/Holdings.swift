public import PortfolioModel

/// What a portfolio holds before trading, valued at the snapshot's prices.
///
/// Weights are fractions of the total value, positions at price plus cash.
public struct Holdings: Equatable, Sendable {
    /// Positions at price, plus cash; money.
    public let value: Double
    /// Cash, money.
    public let cash: Double
    /// Units held, by instrument, negative ones short; zeros left out.
    public let quantities: [String: Double]
    /// The instruments by id.
    public let instruments: [String: Instrument]

    /// Values the positions of a snapshot.
    ///
    /// - Parameter snapshot: the portfolio and the instruments it holds.
    /// - Throws: an ``OptimizationFailure`` with code `invalid_inputs` when an instrument held is unknown, a price or a
    ///   quantity is unusable, or nothing is worth anything.
    public init(_ snapshot: MandateSnapshot) throws(OptimizationFailure) {
        var instruments = [String: Instrument](minimumCapacity: snapshot.instruments.count)
        for instrument in snapshot.instruments { instruments[instrument.id] = instrument }
        var quantities = [String: Double](minimumCapacity: snapshot.portfolio.positions.count)
        var value = snapshot.portfolio.cash
        for position in snapshot.portfolio.positions where position.quantity != 0 {
            guard let instrument = instruments[position.instrumentID] else {
                throw Self.invalid("the position in \(position.instrumentID) is in no instrument of the snapshot")
            }
            guard instrument.price > 0, (instrument.price * position.quantity).isFinite else {
                throw Self.invalid("the position in \(position.instrumentID) has no value")
            }
            quantities[instrument.id, default: 0] += position.quantity
            value += position.quantity * instrument.price
        }
        guard value > 0, value.isFinite, snapshot.portfolio.cash >= 0 else {
            throw Self.invalid("the portfolio has no positive value")
        }
        self.value = value
        self.cash = snapshot.portfolio.cash
        self.quantities = quantities
        self.instruments = instruments
    }

    /// The weight of cash.
    public var cashWeight: Double { cash / value }

    /// The weight of an instrument, 0 when it is not held.
    public func weight(of id: String) -> Double {
        guard let quantity = quantities[id], let instrument = instruments[id] else { return 0 }
        return quantity * instrument.price / value
    }

    /// The weights as a result shows them: cash under `cash`, zeros left out.
    public var allocation: [String: Double] {
        var allocation = quantities.reduce(into: [String: Double]()) { $0[$1.key] = weight(of: $1.key) }
        if cash != 0 { allocation["cash"] = cashWeight }
        return allocation
    }

    static func invalid(_ message: String) -> OptimizationFailure {
        OptimizationFailure(code: "invalid_inputs", message: message)
    }
}
