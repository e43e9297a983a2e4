public import Matrices

/// Turns prices into simple returns per period, r_t = p_t / p_(t−1) − 1.
///
/// - Parameter prices: (T + 1) × n, oldest first, positive.
/// - Returns: T × n returns, as fractions.
/// - Throws: ``EstimationError/tooFewObservations(have:need:)`` below two rows;
///   ``EstimationError/notPositive(observation:instrument:)`` for a price that is not a positive number.
/// - Complexity: O(T n).
public func simpleReturns(ofPrices prices: DenseMatrix) throws(EstimationError) -> DenseMatrix {
    guard prices.rows >= 2 else { throw .tooFewObservations(have: max(0, prices.rows - 1), need: 1) }
    var returns = DenseMatrix(rows: prices.rows - 1, columns: prices.columns)
    for instrument in 0..<prices.columns {
        var previous = 0.0
        for (period, price) in prices.column(instrument).enumerated() {
            guard price > 0, price.isFinite else { throw .notPositive(observation: period, instrument: instrument) }
            if period > 0 { returns[period - 1, instrument] = price / previous - 1 }
            previous = price
        }
    }
    return returns
}

/// Refuses a history with a value that is no number.
func requireFinite(_ returns: DenseMatrix) throws(EstimationError) {
    if allFinite(returns.elements) { return }
    for instrument in 0..<returns.columns {
        for (period, value) in returns.column(instrument).enumerated() where !value.isFinite {
            throw .notFinite(observation: period, instrument: instrument)
        }
    }
}

/// Whether no value is a NaN or an infinity, without a branch a value.
private func allFinite(_ values: [Double]) -> Bool {
    let exponent = Double.infinity.bitPattern
    var found: UInt64 = 0
    for value in values { found |= value.bitPattern & exponent == exponent ? 1 : 0 }
    return found == 0
}

/// The probability of each period: those given, or 1/T.
func periodProbabilities(_ given: [Double]?, periods: Int) throws(EstimationError) -> [Double] {
    guard let given else { return [Double](repeating: 1 / Double(periods), count: periods) }
    guard given.count == periods else {
        throw .wrongSize(part: "probabilities", expected: periods, actual: given.count)
    }
    for (period, probability) in given.enumerated() where !(probability >= 0 && probability.isFinite) {
        throw .unusableEntry(part: "probabilities", row: period, column: 0)
    }
    return given
}
