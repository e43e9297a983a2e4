import Matrices
import PortfolioModel

/// Reads a risk model that is one NumPy matrix: an annual covariance, or a history with one row a period, oldest first.
///
/// The checks are those of the same matrix in a JSON document.
func readRiskModelNPY(
    _ bytes: UnsafeRawBufferPointer,
    _ kind: DocumentDecoder.ArrayKind,
    _ head: RiskModel,
    _ faults: FaultCollector
) throws(NPYSyntaxFault) -> RiskModel? {
    let array = try NPYArray(parsing: bytes)
    checkInstruments(head.instruments, faults)
    guard let elementSize = array.elementSize else {
        let hint = array.elementType.hasPrefix(">") ? "; it is big-endian" : ""
        let message = "the numbers must be <f8 or <f4, little-endian floats, not \(shortened(array.elementType))\(hint)"
        faults.report(.invalidArray, at: "", message)
        return nil
    }
    guard array.shape.count == 2, let rows = array.shape.first, let columns = array.shape.last else {
        let message = "the array must have 2 dimensions, not \(array.shape.count)"
        faults.report(.invalidArray, at: "", message)
        return nil
    }
    checkShape(rows: rows, columns: columns, kind, head.instruments.count, faults)
    guard faults.faults.isEmpty else { return nil }
    try array.checkLength(rows: rows, columns: columns, elementSize: elementSize)
    let matrix = array.matrix(rows: rows, columns: columns, elementSize: elementSize)
    var model = head
    switch kind {
    case .covariance:
        checkEntries(of: matrix, kind.rawValue, at: "/covariance", .finite, faults)
        checkSymmetry(of: matrix, kind.rawValue, at: "/covariance", diagonal: varianceRange, faults)
        model.covariance = matrix
    case .returns:
        checkEntries(of: matrix, kind.rawValue, at: "/returns", periodReturnRange, faults)
        model.returns = matrix
    case .prices:
        checkEntries(of: matrix, kind.rawValue, at: "/prices", .positive, faults)
        model.prices = matrix
    }
    return model
}

private func checkInstruments(_ instruments: [String], _ faults: FaultCollector) {
    var seen: [String: Int] = [:]
    for (index, id) in instruments.enumerated() {
        let label = "instrument \(index + 1) of X-Instruments"
        checkIdentifier(id, .instrument, label, at: "", faults)
        if let first = seen.updateValue(index, forKey: id) {
            faults.report(.duplicate, at: "", "\(label) repeats \(shortened(id)), which is instrument \(first + 1)")
        }
    }
}

/// Reports a shape that does not fit the instruments, or is beyond the limits; before anything of that size is made.
private func checkShape(
    rows: Int,
    columns: Int,
    _ kind: DocumentDecoder.ArrayKind,
    _ instruments: Int,
    _ faults: FaultCollector
) {
    if columns != instruments {
        let message = "the array has \(columns) columns, X-Instruments names \(instruments)"
        faults.report(.wrongLength, at: "", message)
    }
    if columns > DocumentLimits.denseInstruments {
        let message = "the array may have at most \(DocumentLimits.denseInstruments) columns, not \(columns)"
        faults.report(.tooMany, at: "", message)
    }
    switch kind {
    case .covariance:
        guard rows != columns else { return }
        faults.report(.wrongLength, at: "", "a covariance must be square, not \(rows) × \(columns)")
    case .returns, .prices:
        // Estimating a covariance takes two returns, and so three prices.
        let least = kind == .prices ? 3 : 2
        if rows < least {
            faults.report(.wrongLength, at: "", "\(kind.rawValue) must have at least \(least) rows, not \(rows)")
        } else if rows > DocumentLimits.periods {
            let message = "the array may have at most \(DocumentLimits.periods) rows, not \(rows)"
            faults.report(.tooMany, at: "", message)
        }
    }
}
