/// A claim of a result that does not hold when recomputed from the snapshot.
public struct Violation: Equatable, Sendable, CustomStringConvertible {
    /// What the result claims, by its JSON path or by the rule's name.
    public var claim: String
    /// What must hold.
    public var expected: String
    /// What the result says.
    public var actual: String

    /// Makes a violation of its parts.
    public init(claim: String, expected: String, actual: String) {
        self.claim = claim
        self.expected = expected
        self.actual = actual
    }

    /// The violation as one line for a log.
    public var description: String { "\(claim): expected \(expected), found \(actual)" }
}

/// How far a recomputed value may lie from a claimed one.
enum Tolerance {
    /// A limit on weights, volatility or return may be exceeded by this much.
    static let limit = 1e-7
    /// A limit on the exposure to a factor may be exceeded by this much.
    static let factorLimit = 1e-8
    /// A figure may differ by this share of its size.
    static let relative = 1e-9
    /// A figure near 0 may differ by this much.
    static let absolute = 1e-12
    /// Shares of (Σ|wᵢ|σᵢ)² between which a variance may be called 0 or not.
    static let varianceNoise = 1e-15...1e-13
    /// A weight below this is dust that should have been cleaned away.
    static let dust = 1e-9
    /// Weights may miss a sum of 1 by this much.
    static let sum = 1e-12
    /// A fractional trade may miss its target by this share of the portfolio's value.
    static let fractionalTrade = 2e-9
    /// Cash may lie this share of the portfolio's value below 0.
    static let cash = 1e-9
    /// A residual or a gap that still deserves the word optimal.
    static let optimal = 1e-6
    /// A risk contribution may differ from its budget by this much.
    static let budget = 1e-8
    /// A contribution at no limit may differ from its proportional part by this much.
    static let proportion = 1e-6
    /// A condition number may differ by this share of its size.
    static let condition = 1e-6
    /// A limit that is listed as binding is met to this.
    static let binding = 1e-5
}

/// Collects what does not hold.
///
/// Claims and values are made into text only where something is wrong: results are right by the thousand.
struct Findings {
    private(set) var violations: [Violation] = []

    mutating func require(
        _ holds: Bool,
        _ claim: @autoclosure () -> String,
        expected: @autoclosure () -> String,
        actual: @autoclosure () -> String
    ) {
        guard !holds else { return }
        violations.append(Violation(claim: claim(), expected: expected(), actual: actual()))
    }

    /// Requires two numbers to agree to the relative tolerance; a NaN agrees with nothing.
    mutating func equal(
        _ actual: Double,
        _ expected: Double,
        _ claim: @autoclosure () -> String,
        within slack: Double = 0
    ) {
        let allowed = Tolerance.absolute + slack + Tolerance.relative * abs(expected)
        require(abs(actual - expected) <= allowed, claim(), expected: "\(expected)", actual: "\(actual)")
    }

    /// Requires two figures to agree, or both to be without meaning.
    mutating func equal(_ actual: Double?, _ expected: Double?, _ claim: @autoclosure () -> String) {
        switch (actual, expected) {
        case (let actual?, let expected?): equal(actual, expected, claim())
        case (nil, nil): break
        case (_, _):
            let texts = [expected, actual].map { $0.map { "\($0)" } ?? "null" }
            require(false, claim(), expected: texts[0], actual: texts[1])
        }
    }

    mutating func atMost(_ actual: Double, _ limit: Double, _ claim: @autoclosure () -> String) {
        require(actual <= limit + Tolerance.limit, claim(), expected: "at most \(limit)", actual: "\(actual)")
    }

    mutating func atLeast(_ actual: Double, _ limit: Double, _ claim: @autoclosure () -> String) {
        require(actual >= limit - Tolerance.limit, claim(), expected: "at least \(limit)", actual: "\(actual)")
    }

    /// Says of the violations found since there were `count` of them where they were found.
    mutating func place(violationsFrom count: Int, below claim: String) {
        for index in violations.indices.dropFirst(count) {
            violations[index].claim = "\(claim): \(violations[index].claim)"
        }
    }
}
