internal import PortfolioModel

/// The numbers a field takes.
struct NumberRange {
    private let lower: Double
    private let upper: Double
    private let includesLower: Bool
    private let includesUpper: Bool

    /// From `lower` to `upper`, both included unless said otherwise.
    init(_ lower: Double, _ upper: Double, includesLower: Bool = true, includesUpper: Bool = true) {
        self.lower = lower
        self.upper = upper
        self.includesLower = includesLower
        self.includesUpper = includesUpper
    }

    /// 0…1.
    static let fraction = NumberRange(0, 1)
    /// 0…1 without 0.
    static let positiveFraction = NumberRange(0, 1, includesLower: false)
    /// 0…20: weights and their sums where what is held short pays for more.
    static let multiple = NumberRange(0, Constraints.largestSize)
    /// 0…20 without 0.
    static let positiveMultiple = NumberRange(0, Constraints.largestSize, includesLower: false)
    /// −20…20.
    static let signedMultiple = NumberRange(-Constraints.largestSize, Constraints.largestSize)
    /// Above 0.
    static let positive = NumberRange(0, .infinity, includesLower: false)
    /// 0 and above.
    static let nonNegative = NumberRange(0, .infinity)
    /// Every finite number.
    static let finite = NumberRange(-.infinity, .infinity)

    func contains(_ value: Double) -> Bool {
        guard value.isFinite else { return false }
        return (includesLower ? value >= lower : value > lower) && (includesUpper ? value <= upper : value < upper)
    }

    /// What is demanded, to follow "must be".
    var demand: String {
        let above = "\(includesLower ? "at least" : "greater than") \(decimal(lower))"
        let below = "\(includesUpper ? "at most" : "less than") \(decimal(upper))"
        switch (lower.isFinite, upper.isFinite) {
        case (true, true): return "\(above) and \(below)"
        case (true, false): return above
        case (false, true): return below
        case (false, false): return "a finite number"
        }
    }
}

/// A number as messages show it: shortest form, integral values without a fraction.
func decimal(_ number: Double) -> String {
    guard number != 0 else { return "0" }
    let description = number.description
    return description.hasSuffix(".0") ? String(description.dropLast(2)) : description
}
