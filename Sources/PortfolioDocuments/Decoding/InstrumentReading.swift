import JSON
import PortfolioModel

private let bodyFields = FieldNames(known: ["instruments"])
private let instrumentFields = FieldNames(
    known: ["instrument_id", "name", "sector", "asset_class", "currency", "price", "lot_size", "cost"]
)
private let costFields = FieldNames(known: ["proportional", "fixed", "impact", "average_daily_value"])

/// Reads the body of `PUT /api/v1/instruments`; an instrument appears in it once.
func readInstruments(_ value: JSONValue, _ faults: FaultCollector) -> [Instrument]? {
    guard let reader = ObjectReader(value, at: "", bodyFields, faults),
        let values = reader.requiredArray("instruments", limit: DocumentLimits.instrumentsPerPut)
    else { return nil }
    var instruments: [Instrument] = []
    instruments.reserveCapacity(values.count)
    var seen: [String: Int] = [:]
    for (index, value) in values.enumerated() {
        let pointer = "/instruments/\(index)"
        guard let instrument = readInstrument(value, at: pointer, faults) else { continue }
        if let first = seen.updateValue(index, forKey: instrument.id) {
            let message = "instrument_id \(instrument.id) is that of instruments[\(first)] already"
            faults.report(.duplicate, at: pointer + "/instrument_id", message)
        }
        instruments.append(instrument)
    }
    return instruments
}

/// Reads one instrument.
func readInstrument(_ value: JSONValue, at pointer: String, _ faults: FaultCollector) -> Instrument? {
    guard let reader = ObjectReader(value, at: pointer, instrumentFields, faults) else { return nil }
    let id = reader.requiredIdentifier("instrument_id", .instrument)
    let name = reader.text("name")
    let sector = reader.text("sector")
    let assetClass = reader.text("asset_class")
    let currency = reader.currency("currency", isRequired: false)
    let price = reader.requiredNumber("price", .positive)
    // Absent is one unit, null is any fraction.
    let lotSize = reader.asGiven("lot_size") == nil ? 1 : reader.number("lot_size", .positive)
    let cost = readSection("cost", reader) { readCost($0, at: $1, faults) }
    guard let id, let price else { return nil }
    return Instrument(
        id: id,
        name: name,
        sector: sector,
        assetClass: assetClass,
        currency: currency,
        price: price,
        lotSize: lotSize,
        cost: cost
    )
}

private func readCost(_ value: JSONValue, at pointer: String, _ faults: FaultCollector) -> TransactionCost? {
    guard let reader = ObjectReader(value, at: pointer, costFields, faults) else { return nil }
    let cost = TransactionCost(
        proportional: reader.number("proportional", NumberRange(0, 0.5)) ?? 0,
        fixed: reader.number("fixed", .nonNegative) ?? 0,
        impact: reader.number("impact", .nonNegative) ?? 0,
        averageDailyValue: reader.number("average_daily_value", .positive)
    )
    if cost.impact > 0, reader.optional("average_daily_value") == nil {
        let message = "average_daily_value is required when impact is not 0"
        faults.report(.missingField, at: reader.path("average_daily_value"), message)
    }
    return cost
}
