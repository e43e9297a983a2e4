/// One linear row over the variables of a problem: Σ coefficient · x ≤ upperBound, or = upperBound.
public struct LinearRow: Equatable, Sendable {
    /// The variables it speaks of.
    public var columns: [Int]
    /// Their coefficients, one each.
    public var coefficients: [Double]
    /// The right-hand side.
    public var upperBound: Double
    /// Whether the row is an equation.
    public var isEquality: Bool

    /// Makes a row of its parts; the solver checks that they fit the problem.
    public init(columns: [Int], coefficients: [Double], upperBound: Double, isEquality: Bool = false) {
        self.columns = columns
        self.coefficients = coefficients
        self.upperBound = upperBound
        self.isEquality = isEquality
    }
}

/// A choice between two sets of rows: at least one set must hold as a whole.
public struct Disjunction: Equatable, Sendable {
    /// The rows of one side, for example xᵢ ≤ 0.
    public var off: [LinearRow]
    /// The rows of the other, for example −xᵢ ≤ −ℓ.
    public var on: [LinearRow]

    /// Makes a disjunction of its two sides.
    public init(off: [LinearRow], on: [LinearRow]) {
        self.off = off
        self.on = on
    }

    /// The rows of one side.
    public subscript(side: DisjunctionSide) -> [LinearRow] {
        switch side {
        case .off: off
        case .on: on
        }
    }
}

/// One of the two sides of a disjunction.
public enum DisjunctionSide: Equatable, Sendable {
    case off
    case on

    /// The other side.
    public var opposite: DisjunctionSide { self == .off ? .on : .off }
}
