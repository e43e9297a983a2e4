public import ConvexSolver
public import Matrices

/// Scenarios of returns, and the limits within which weights are looked for.
///
/// Every scenario measure is minimised over the same set: Aw ≤ b (the first rows with equality) and l ≤ w ≤ u.
public struct ScenarioProblem: Sendable {
    /// R, T × n: returns per period, as fractions.
    public var returns: DenseMatrix
    /// p, T, sum 1; nil is 1/T each.
    public var probabilities: [Double]?
    /// A, a row for each limit, equations first.
    public var rows: DenseMatrix
    /// b.
    public var bounds: [Double]
    /// How many rows are equations; the others are ≤.
    public var equationCount: Int
    /// l, least weights.
    public var lower: [Double]
    /// u, largest weights.
    public var upper: [Double]
    /// Added to the measure: a cost per period for each weight, negative for a reward.
    public var costs: [Double]

    /// Takes scenarios and limits; the measures check that they fit together.
    public init(
        returns: DenseMatrix,
        probabilities: [Double]? = nil,
        rows: DenseMatrix,
        bounds: [Double],
        equationCount: Int,
        lower: [Double],
        upper: [Double],
        costs: [Double]? = nil
    ) {
        self.returns = returns
        self.probabilities = probabilities
        self.rows = rows
        self.bounds = bounds
        self.equationCount = equationCount
        self.lower = lower
        self.upper = upper
        self.costs = costs ?? [Double](repeating: 0, count: returns.columns)
    }

    /// Fully invested, long only, each weight capped, and at least a target return where one is given.
    ///
    /// - Parameters:
    ///   - returns: T × n returns per period, as fractions.
    ///   - probabilities: T, sum 1; nil is 1/T each.
    ///   - largestWeights: n.
    ///   - target: n expected returns, and the least return of the portfolio in their unit.
    public init(
        returns: DenseMatrix,
        probabilities: [Double]? = nil,
        largestWeights: [Double],
        target: (expectedReturns: [Double], least: Double)? = nil
    ) {
        let n = returns.columns
        var rows = DenseMatrix(rows: target == nil ? 1 : 2, columns: n, repeating: 1)
        if let target {
            for (j, value) in target.expectedReturns.prefix(n).enumerated() { rows[1, j] = -value }
        }
        self.init(
            returns: returns,
            probabilities: probabilities,
            rows: rows,
            bounds: [1] + (target.map { [-$0.least] } ?? []),
            equationCount: 1,
            lower: [Double](repeating: 0, count: n),
            upper: largestWeights
        )
    }

    /// n, the number of instruments.
    public var instrumentCount: Int { returns.columns }
    /// T, the number of scenarios.
    public var scenarioCount: Int { returns.rows }

    /// p, T.
    func validProbabilities() throws -> [Double] {
        let count = scenarioCount
        guard count > 0 else { throw ScenarioError.noScenarios }
        guard costs.count == instrumentCount else {
            throw SolverError.dimensionMismatch(what: "costs", expected: instrumentCount, actual: costs.count)
        }
        guard rows.columns == instrumentCount else {
            throw SolverError.dimensionMismatch(
                what: "columns of rows",
                expected: instrumentCount,
                actual: rows.columns
            )
        }
        if let index = returns.elements.firstIndex(where: { !$0.isFinite }) {
            throw SolverError.notFinite(what: "returns", index: index)
        }
        guard let probabilities else { return [Double](repeating: 1 / Double(count), count: count) }
        guard probabilities.count == count else {
            throw SolverError.dimensionMismatch(what: "probabilities", expected: count, actual: probabilities.count)
        }
        if let index = probabilities.firstIndex(where: { !($0 >= 0) }) {
            throw ScenarioError.negativeProbability(scenario: index)
        }
        let sum = probabilities.reduce(0, +)
        guard (sum - 1).magnitude <= 1e-9 else { throw ScenarioError.probabilitiesSumTo(sum) }
        return probabilities
    }

    /// A power of two near the largest return: dividing by it makes the solve independent of the unit, to the bit.
    var unit: Double {
        let largest = returns.elements.reduce(0) { max($0, $1.magnitude) }
        guard largest > 0, largest.isFinite else { return 1 }
        return Double(sign: .plus, exponent: largest.exponent, significand: 1)
    }

    /// The limits over more variables, with zeros for those that follow the weights.
    func rows(wideningBy count: Int) -> DenseMatrix {
        let zeros = [Double](repeating: 0, count: rows.rows * count)
        return DenseMatrix(rows: rows.rows, columns: rows.columns + count, columnMajor: rows.elements + zeros)
    }
}

/// Scenarios that cannot be used as given; the caller must change them.
public enum ScenarioError: Error, Equatable, Sendable {
    /// There is no scenario.
    case noScenarios
    /// A probability is negative or no number.
    case negativeProbability(scenario: Int)
    /// The probabilities do not sum to 1.
    case probabilitiesSumTo(Double)
    /// A path measure needs scenarios in order, each as likely as the other.
    case unequalProbabilities
    /// A confidence level is not in [0, 1).
    case confidenceOutOfRange(Double)
}

/// A measure of risk on scenarios, per period, as a fraction of value.
public protocol ScenarioRiskMeasure: Sendable {
    /// The measure of a portfolio with these returns, one a scenario.
    func risk(of portfolioReturns: [Double], probabilities: [Double]) -> Double

    /// The weights of least risk (plus costs) within the limits.
    func minimize(_ problem: ScenarioProblem, shouldStop: () -> Bool) throws -> ScenarioMinimum
}

/// The least risk within limits, and what proves it.
public struct ScenarioMinimum: Equatable, Sendable {
    /// How the solve ended; the other fields mean something only when it is solved.
    public var status: SolverStatus
    /// w, n.
    public var weights: [Double]
    /// The measure plus the costs of the weights.
    public var value: Double
    /// Of each scenario, how much it counts: dual variables, scaled as the measure's doc says.
    public var scenarioMultipliers: [Double]
    /// Iterations or pivots taken.
    public var iterations: Int
    /// Largest violation of a limit.
    public var primalResidual: Double
    /// Difference between the value and the bound that the multipliers prove, over all scenarios.
    public var relativeGap: Double
}
