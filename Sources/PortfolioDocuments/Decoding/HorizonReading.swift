import JSON
import Matrices
import PortfolioModel

private let horizonFields = FieldNames(known: ["periods", "expected_returns", "terminal_target"])

/// How far a terminal target may be from summing to 1.
private let targetSumTolerance = 1e-6

/// Reads the horizon of a multi-period request, which must be there for that type.
func readHorizon(_ reader: ObjectReader, isRequired: Bool) -> Horizon? {
    guard let value = isRequired ? reader.required("horizon") : reader.optional("horizon"),
        let horizon = ObjectReader(value, at: reader.path("horizon"), horizonFields, reader.faults)
    else { return nil }
    _ = horizon.required("periods")
    let range = 1...Capabilities.horizonPeriods
    let periods = readPointCount("periods", range, horizon)
    let expectedReturns = readForecasts(horizon, periods: periods)
    let target = readTerminalTarget(horizon)
    guard let periods else { return nil }
    return Horizon(periodCount: periods, expectedReturns: expectedReturns, terminalTarget: target)
}

/// Reads a row of returns for each period, all of the first one's length: how many instruments there are, the body alone
/// does not say.
private func readForecasts(_ reader: ObjectReader, periods: Int?) -> [[Double]]? {
    let first = reader.optional("expected_returns").flatMap { $0.kind == .array ? $0.elements.first : nil }
    let width = first?.count ?? 0
    if first?.kind == .array, width == 0 {
        let message = "expected_returns must have a number for each instrument of the risk model"
        reader.faults.report(.wrongLength, at: reader.path("expected_returns"), message)
        return nil
    }
    guard let matrix = reader.matrix("expected_returns", rows: periods, columns: width, .finite) else { return nil }
    return (0..<matrix.rows).map { row in (0..<width).map { matrix[row, $0] } }
}

/// Reads an allocation that sums to 1; `cash` is one of its names.
private func readTerminalTarget(_ reader: ObjectReader) -> [String: Double]? {
    guard let member = reader.optional("terminal_target") else { return nil }
    guard member.kind == .object else {
        let message = "terminal_target must be an object of instrument to weight, not \(member.described)"
        reader.faults.report(.wrongType, at: reader.path("terminal_target"), message)
        return nil
    }
    guard member.count <= DocumentLimits.universe else {
        let message = "terminal_target may have at most \(DocumentLimits.universe) entries, not \(member.count)"
        reader.faults.report(.tooMany, at: reader.path("terminal_target"), message)
        return nil
    }
    var target: [String: Double] = [:]
    for entry in member.members {
        let place = reader.path("terminal_target") + "/" + pointerToken(entry.name)
        if entry.name != "cash" {
            checkIdentifier(entry.name, .instrument, "an instrument in terminal_target", at: place, reader.faults)
        }
        let label = "terminal_target.\(shortened(entry.name))"
        target[entry.name] = readNumber(entry.value, .fraction, label, at: place, reader.faults)
    }
    // A refused weight has its own fault; the sum of the rest would only confuse.
    guard target.count == member.count else { return target }
    let sum = target.sorted { $0.key < $1.key }.reduce(0) { $0 + $1.value }
    if abs(sum - 1) > targetSumTolerance {
        let message = "the terminal target sums to \(decimal(sum)), not to 1"
        reader.faults.report(.wrongSum, at: reader.path("terminal_target"), message)
    }
    return target
}
