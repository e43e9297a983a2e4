public import Matrices

/// The largest loss from a peak, as a fraction of the peak, of constant weights over a history, compounded.
///
/// Wealth starts at 1, which counts as a peak, and grows by 1 + Σ wᵢ rᵢ each period: the weights are restored after
/// each. Wealth that is lost entirely stays lost: the drawdown is then 1.
///
/// - Parameters:
///   - weights: n weights.
///   - returns: T × n simple returns per period, oldest first.
/// - Returns: a fraction in [0, 1], or nil without a period.
public func maximumDrawdown(weights: [Double], returns: DenseMatrix) -> Double? {
    guard returns.rows > 0, returns.columns == weights.count else { return nil }
    var growth = [Double](repeating: 1, count: returns.rows)
    for (j, weight) in weights.enumerated() where weight != 0 {
        for (t, value) in returns.column(j).enumerated() { growth[t] += weight * value }
    }
    var wealth = 1.0
    var peak = 1.0
    var deepest = 0.0
    for factor in growth {
        wealth *= max(0, factor)
        peak = max(peak, wealth)
        deepest = max(deepest, 1 - wealth / peak)
    }
    return deepest
}
