/// A state of the world that a caller names: what each instrument returns in it, and how likely it is.
public struct ReturnScenario: Equatable, Sendable {
    /// The caller's name for it, each once.
    public var name: String
    /// Its probability; nil in all scenarios makes them equally likely, 0 keeps one as a stress case alone.
    public var probability: Double?
    /// Simple returns per period of the risk model, by instrument.
    public var returns: [String: Double]

    /// Makes a scenario of its parts.
    public init(name: String, probability: Double? = nil, returns: [String: Double]) {
        self.name = name
        self.probability = probability
        self.returns = returns
    }
}

extension [ReturnScenario] {
    /// The probability of each, summing to 1 but for rounding; 1/S each where none is given.
    public var probabilities: [Double] {
        guard contains(where: { $0.probability != nil }) else {
            return [Double](repeating: 1 / Double(Swift.max(1, count)), count: count)
        }
        let total = reduce(0) { $0 + ($1.probability ?? 0) }
        return map { ($0.probability ?? 0) / total }
    }
}

/// What an allocation returns in each of a caller's scenarios.
public struct ScenarioOutcomes: Equatable, Sendable {
    /// One scenario's outcome.
    public struct Outcome: Equatable, Sendable {
        /// The scenario's name.
        public var name: String
        /// Its probability.
        public var probability: Double
        /// Σ wᵢ xᵢ, per period, cash left out; a loss is negative.
        public var expectedReturn: Double

        /// Makes an outcome of its parts.
        public init(name: String, probability: Double, expectedReturn: Double) {
            self.name = name
            self.probability = probability
            self.expectedReturn = expectedReturn
        }
    }

    /// The outcomes in the order of the scenarios.
    public var outcomes: [Outcome]
    /// Their mean by probability.
    public var expected: Double
    /// The name of the scenario with the least return, the first of equals; those that are stress cases alone count.
    public var worst: String

    /// Makes outcomes of their parts.
    public init(outcomes: [Outcome], expected: Double, worst: String) {
        self.outcomes = outcomes
        self.expected = expected
        self.worst = worst
    }
}
