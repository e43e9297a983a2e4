import PortfolioModel

/// How large the parts of a document may be.
package enum DocumentLimits {
    /// Instruments of a risk model whose covariance is dense: given, or estimated from a history.
    package static let denseInstruments = Capabilities.denseInstruments
    /// Instruments of a risk model whose covariance is a factor model.
    package static let factorModelInstruments = 10_000
    /// Instruments of one PUT.
    package static let instrumentsPerPut = 10_000
    /// Positions of a portfolio.
    package static let positions = 10_000
    /// Instruments of a universe, entries of a benchmark or of a map of weights.
    package static let universe = 10_000
    /// Tax lots of one position.
    package static let lotsPerPosition = 100
    /// Recent trades of a portfolio.
    package static let recentTrades = 10_000
    /// Groups of a set of constraints.
    package static let groups = 1_000
    /// Limits with a penalty.
    package static let softLimits = 1_000
    /// Limits on the sums of the largest positions.
    package static let largestPositions = 20
    /// Scenarios of a request.
    package static let scenarios = 10_000
    /// Views of a request.
    package static let views = 1_000
    /// Terms of an objective.
    package static let objectiveTerms = 20
    /// Factors of a factor model.
    package static let factors = 500
    /// Rows of a history.
    package static let periods = 100_000
    /// Characters of a name.
    package static let nameLength = 200
    /// Characters of an identifier.
    package static let identifierLength = 36
    /// Faults listed of one document.
    package static let faults = 200
}
