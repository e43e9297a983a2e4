/// A limit on what the largest positions come to together; with shorts their sizes count.
public struct LargestPositionsLimit: Equatable, Sendable {
    /// How many of the largest.
    public var count: Int
    /// Their upper total weight.
    public var max: Double

    /// Makes a limit on the largest positions from its parts.
    public init(count: Int, max: Double) {
        self.count = count
        self.max = max
    }
}
