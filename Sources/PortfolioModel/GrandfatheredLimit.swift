/// A limit that the holdings break already, as it is in force instead: the breach may shrink but must not grow.
public struct GrandfatheredLimit: Equatable, Sendable {
    /// JSON pointer below `/constraints`.
    public var constraint: String
    /// The instrument, sector or class that a general limit is applied to.
    public var subject: String?
    /// The limit in force: what the holdings come to.
    public var bound: Double
    /// The mandate's own limit, which holds again once it is met.
    public var grandfatheredFrom: Double

    /// Makes a grandfathered limit from its parts.
    public init(constraint: String, subject: String?, bound: Double, grandfatheredFrom: Double) {
        self.constraint = constraint
        self.subject = subject
        self.bound = bound
        self.grandfatheredFrom = grandfatheredFrom
    }
}
