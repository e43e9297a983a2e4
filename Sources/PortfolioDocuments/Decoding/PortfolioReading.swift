import JSON
import PortfolioModel

private let portfolioFields = FieldNames(
    known: [
        "name", "base_currency", "as_of", "risk_model_id", "cash", "constraints", "preferences", "positions",
        "universe", "benchmark", "recent_trades",
    ],
    readOnly: ["portfolio_id", "version", "stored_at"]
)
private let positionFields = FieldNames(known: ["instrument_id", "quantity", "tax_lots"])
private let lotFields = FieldNames(known: ["quantity", "cost_basis", "acquired_at"])
private let tradeFields = FieldNames(known: ["instrument_id", "quantity", "price", "date"])

/// How far a benchmark's weights may be from summing to 1.
private let weightSumTolerance = 1e-6
/// How far, relative to its quantity, a position's lots may be from summing to it: decimal quantities do not add up
/// exactly in binary.
private let lotSumTolerance = 1e-9

/// Reads the body of `PUT /api/v1/portfolios/{id}`.
func readPortfolio(_ value: JSONValue, _ faults: FaultCollector) -> Portfolio? {
    guard let reader = ObjectReader(value, at: "", portfolioFields, faults) else { return nil }
    let name = reader.text("name")
    let baseCurrency = reader.currency("base_currency", isRequired: true)
    let asOf = reader.requiredTimestamp("as_of")
    let riskModelID = reader.requiredIdentifier("risk_model_id", .general)
    let cash = reader.number("cash", .nonNegative) ?? 0
    let constraints = readSection("constraints", reader) { readConstraints($0, at: $1, faults) }
    let preferences = readSection("preferences", reader) { readPreferences($0, at: $1, faults) }
    let positions = readPositions(reader, mayBeShort: constraints?.permitsShorts ?? false)
    let universe = readUniverse(reader)
    let benchmark = readBenchmark(reader)
    let recentTrades = readRecentTrades(reader)
    guard let baseCurrency, let asOf, let riskModelID, let positions else { return nil }
    return Portfolio(
        name: name,
        baseCurrency: baseCurrency,
        asOf: asOf,
        riskModelID: riskModelID,
        cash: cash,
        constraints: constraints ?? Constraints(),
        preferences: preferences ?? Preferences(),
        positions: positions,
        universe: universe,
        benchmark: benchmark,
        recentTrades: recentTrades ?? []
    )
}

/// A holding below 0 is one of a portfolio that may be short: elsewhere it is a mistake.
private func readPositions(_ reader: ObjectReader, mayBeShort: Bool) -> [Position]? {
    guard let values = reader.requiredArray("positions", limit: DocumentLimits.positions) else { return nil }
    var positions: [Position] = []
    var seen: [String: Int] = [:]
    for (index, value) in values.enumerated() {
        let pointer = "/positions/\(index)"
        guard let position = readPosition(value, mayBeShort ? .finite : .nonNegative, at: pointer, reader.faults)
        else { continue }
        if let first = seen.updateValue(index, forKey: position.instrumentID) {
            let message = "instrument_id \(position.instrumentID) is that of positions[\(first)] already"
            reader.faults.report(.duplicate, at: pointer + "/instrument_id", message)
        }
        positions.append(position)
    }
    return positions
}

private func readPosition(
    _ value: JSONValue,
    _ range: NumberRange,
    at pointer: String,
    _ faults: FaultCollector
) -> Position? {
    guard let reader = ObjectReader(value, at: pointer, positionFields, faults) else { return nil }
    let instrumentID = reader.requiredIdentifier("instrument_id", .instrument)
    let quantity = reader.requiredNumber("quantity", range)
    let given = reader.array("tax_lots", limit: DocumentLimits.lotsPerPosition)
    let lots = (given ?? []).enumerated().compactMap { index, value in
        readLot(value, at: "\(reader.path("tax_lots"))/\(index)", faults)
    }
    guard let instrumentID, let quantity else { return nil }
    if quantity < 0, let given, !given.isEmpty {
        let message = "\(instrumentID) is held short: tax lots are of what is owned"
        faults.report(.contradiction, at: reader.path("tax_lots"), message)
    } else if let given, !given.isEmpty, lots.count == given.count {
        let sum = lots.reduce(0) { $0 + $1.quantity }
        if abs(sum - quantity) > lotSumTolerance * max(1, quantity) {
            let message =
                "the tax lots of \(instrumentID) sum to \(decimal(sum)), not to quantity \(decimal(quantity))"
            faults.report(.wrongSum, at: reader.path("tax_lots"), message)
        }
    }
    return Position(instrumentID: instrumentID, quantity: quantity, taxLots: lots)
}

private func readLot(_ value: JSONValue, at pointer: String, _ faults: FaultCollector) -> TaxLot? {
    guard let reader = ObjectReader(value, at: pointer, lotFields, faults) else { return nil }
    let quantity = reader.requiredNumber("quantity", .positive)
    let costBasis = reader.requiredNumber("cost_basis", .nonNegative)
    let acquiredAt = reader.requiredDate("acquired_at")
    guard let quantity, let costBasis, let acquiredAt else { return nil }
    return TaxLot(quantity: quantity, costBasis: costBasis, acquiredAt: acquiredAt)
}

private func readUniverse(_ reader: ObjectReader) -> [String]? {
    guard let values = reader.array("universe", limit: DocumentLimits.universe) else { return nil }
    guard !values.isEmpty else {
        reader.faults.report(.wrongLength, at: "/universe", "universe must name at least one instrument")
        return nil
    }
    return readDistinctIdentifiers(values, .instrument, "universe", at: "/universe", reader.faults)
}

private func readBenchmark(_ reader: ObjectReader) -> [String: Double]? {
    guard let benchmark = reader.instrumentMap("benchmark", .fraction) else { return nil }
    // A refused weight has its own fault; the sum of the rest would only confuse.
    guard reader.optional("benchmark")?.count == benchmark.count else { return benchmark }
    let sum = benchmark.sorted { $0.key < $1.key }.reduce(0) { $0 + $1.value }
    if abs(sum - 1) > weightSumTolerance {
        reader.faults.report(.wrongSum, at: "/benchmark", "the benchmark weights sum to \(decimal(sum)), not to 1")
    }
    return benchmark
}

private func readRecentTrades(_ reader: ObjectReader) -> [RecentTrade]? {
    reader.array("recent_trades", limit: DocumentLimits.recentTrades)?.enumerated().compactMap { index, value in
        readRecentTrade(value, at: "/recent_trades/\(index)", reader.faults)
    }
}

private func readRecentTrade(_ value: JSONValue, at pointer: String, _ faults: FaultCollector) -> RecentTrade? {
    guard let reader = ObjectReader(value, at: pointer, tradeFields, faults) else { return nil }
    let instrumentID = reader.requiredIdentifier("instrument_id", .instrument)
    let quantity = reader.requiredNumber("quantity", .finite)
    let price = reader.requiredNumber("price", .positive)
    let date = reader.requiredDate("date")
    if quantity == 0 {
        faults.report(.outOfRange, at: reader.path("quantity"), "quantity must not be 0")
    }
    guard let instrumentID, let quantity, let price, let date else { return nil }
    return RecentTrade(instrumentID: instrumentID, quantity: quantity, price: price, date: date)
}
