public import PortfolioModel

/// A part of a portfolio and the same part of its benchmark: their weights and what they returned.
public struct Segment: Equatable, Sendable {
    /// The segment of instruments that belong to none.
    public static let unclassified = "unclassified"

    /// Weight in the portfolio.
    public var weight = 0.0
    /// Weight in the benchmark.
    public var benchmarkWeight = 0.0
    /// Σ weight · return in the portfolio.
    public var earned = 0.0
    /// Σ weight · return in the benchmark.
    public var benchmarkEarned = 0.0

    /// Makes an empty segment.
    public init() {}

    /// Makes a segment of weights and returns.
    public init(weight: Double, benchmarkWeight: Double, return earning: Double, benchmarkReturn: Double) {
        self.weight = weight
        self.benchmarkWeight = benchmarkWeight
        earned = weight * earning
        benchmarkEarned = benchmarkWeight * benchmarkReturn
    }

    mutating func add(weight: Double, benchmarkWeight: Double, mean: Double) {
        self.weight += weight
        self.benchmarkWeight += benchmarkWeight
        earned += weight * mean
        benchmarkEarned += benchmarkWeight * mean
    }
}

/// Splits an active return into what the choice of segments and the choice within them added.
///
/// Allocation is (w_s − b_s)(R_b,s − R_b), selection with interaction w_s (R_s − R_b,s). A segment that the benchmark
/// does not hold has R_b,s = R_b there: all it adds is selection. With weights that sum to the same in portfolio and
/// benchmark the effects sum to the active return Σ w_s R_s − Σ b_s R_b,s.
///
/// - Parameter segments: each segment's name and numbers.
/// - Returns: the effects, in the same order.
/// - SeeAlso: Brinson & Fachler, Journal of Portfolio Management 11 (1985); Bacon, Practical Portfolio Performance
///   Measurement and Attribution (2008), chapter 5.
public func segmentAttribution(_ segments: [(name: String, segment: Segment)]) -> [SegmentAttribution] {
    let held = segments.reduce(0) { $0 + $1.segment.benchmarkWeight }
    let earned = segments.reduce(0) { $0 + $1.segment.benchmarkEarned }
    let benchmarkReturn = held == 0 ? 0 : earned / held
    return segments.map { name, segment in
        let own =
            segment.benchmarkWeight == 0 ? benchmarkReturn : segment.benchmarkEarned / segment.benchmarkWeight
        return SegmentAttribution(
            segment: name,
            weight: segment.weight,
            benchmarkWeight: segment.benchmarkWeight,
            allocation: (segment.weight - segment.benchmarkWeight) * (own - benchmarkReturn),
            selection: segment.earned - segment.weight * own
        )
    }
}
