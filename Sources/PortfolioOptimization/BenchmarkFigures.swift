internal import PortfolioModel

/// The benchmark as objectives on active weights need it: b may hold what the target may not.
public struct BenchmarkFigures: Equatable, Sendable {
    /// b of the problem's instruments.
    public let weights: [Double]
    /// (Σb)ᵢ of the problem's instruments, annual.
    public let covariances: [Double]
    /// bᵀΣb, annual.
    public let variance: Double
    /// μᵀb, annual.
    public internal(set) var expectedReturn: Double
    /// Whether the benchmark holds nothing but the problem's instruments.
    public let isWithinInstruments: Bool

    /// Computes the figures of a benchmark.
    ///
    /// - Parameters:
    ///   - benchmark: weights by instrument, all of them in the moments.
    ///   - moments: of all instruments of the risk model.
    ///   - chosen: where the problem's instruments stand in them.
    /// - Throws: ``OptimizationFailure`` with the code `invalid_inputs` for an instrument without moments.
    init(_ benchmark: [String: Double], moments: Moments, chosen: [Int]) throws(OptimizationFailure) {
        let count = moments.instruments.count
        var all = [Double](repeating: 0, count: count)
        var remaining = benchmark.filter { $0.value != 0 }
        for (index, id) in moments.instruments.enumerated() {
            if let weight = remaining.removeValue(forKey: id) { all[index] = weight }
        }
        if let missing = remaining.keys.min() {
            throw OptimizationFailure(
                code: "invalid_inputs",
                message: "\(missing) is in the benchmark but not in the risk model."
            )
        }
        let products = moments.covariance.times(all)
        weights = chosen.map { all[$0] }
        covariances = chosen.map { products[$0] }
        variance = zip(all, products).reduce(0) { $0 + $1.0 * $1.1 }
        expectedReturn = zip(all, moments.expectedReturns).reduce(0) { $0 + $1.0 * $1.1 }
        let isChosen = Set(chosen)
        isWithinInstruments = all.indices.allSatisfy { all[$0] == 0 || isChosen.contains($0) }
    }
}
