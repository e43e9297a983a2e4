public import ConvexSolver
public import Matrices

/// Minimises conditional value-at-risk: the mean loss of the worst scenarios, 1 − confidence of the probability.
///
/// CVaR(w) = min over α of α + 1/(1 − β) Σ pₜ max(−rₜᵀw − α, 0), rₜ the returns of scenario t; α is the value-at-risk.
/// Losses are per period, as fractions of value, and may be negative (a sure gain).
///
/// - SeeAlso: Rockafellar & Uryasev, J. Risk 2 (2000); their X is our −Rw.
public struct ConditionalValueAtRisk: Sendable {
    /// R, T × n: returns per period, as fractions.
    public var returns: DenseMatrix
    /// p, T; nil is 1/T each.
    public var probabilities: [Double]?
    /// β, in [0, 1): 0.95 averages the worst 5 %.
    public var confidence: Double
    /// Limits on the weights, a row each: equations first.
    public var rows: DenseMatrix
    /// The right-hand sides of `rows`.
    public var bounds: [Double]
    /// How many rows are equations; the others are ≤.
    public var equationCount: Int
    /// Least weights.
    public var lower: [Double]
    /// Largest weights.
    public var upper: [Double]
    /// Added to the CVaR: a cost for each weight, per period (0 for a pure minimum).
    public var costs: [Double]?

    /// Takes scenarios and limits.
    public init(
        returns: DenseMatrix,
        probabilities: [Double]? = nil,
        confidence: Double = 0.95,
        rows: DenseMatrix,
        bounds: [Double],
        equationCount: Int,
        lower: [Double],
        upper: [Double],
        costs: [Double]? = nil
    ) {
        self.returns = returns
        self.probabilities = probabilities
        self.confidence = confidence
        self.rows = rows
        self.bounds = bounds
        self.equationCount = equationCount
        self.lower = lower
        self.upper = upper
        self.costs = costs
    }

    /// Fully invested, long only, each weight at most `largestWeight`, and at least a target return.
    ///
    /// - Parameters:
    ///   - expectedReturns: n, in the unit of `leastReturn`.
    ///   - leastReturn: the least expectedReturnsᵀw, or nil.
    public init(
        returns: DenseMatrix,
        probabilities: [Double]? = nil,
        confidence: Double = 0.95,
        largestWeights: [Double],
        expectedReturns: [Double] = [],
        leastReturn: Double? = nil
    ) {
        let n = returns.columns
        var rows = DenseMatrix(rows: leastReturn == nil ? 1 : 2, columns: n, repeating: 1)
        if leastReturn != nil { for j in 0..<n { rows[1, j] = -expectedReturns[j] } }
        self.init(
            returns: returns,
            probabilities: probabilities,
            confidence: confidence,
            rows: rows,
            bounds: [1] + (leastReturn.map { [-$0] } ?? []),
            equationCount: 1,
            lower: [Double](repeating: 0, count: n),
            upper: largestWeights
        )
    }

    /// The least CVaR under the limits.
    public struct Minimum: Equatable, Sendable {
        /// How the solve ended; the other fields mean something only when it is solved.
        public var status: SolverStatus
        /// w, n.
        public var weights: [Double]
        /// CVaR (and costs, when there are any) of the weights.
        public var value: Double
        /// α, a value-at-risk of the weights.
        public var valueAtRisk: Double
        /// The probabilities of the worst case, qₜ ≤ pₜ/(1 − β), which sum to 1: CVaR = −Σ qₜ rₜᵀw.
        public var tailProbabilities: [Double]
        /// Pivots taken.
        public var iterations: Int
        /// Largest violation of a limit.
        public var primalResidual: Double
        /// Difference between the value and the bound that the tail probabilities prove, over all scenarios.
        public var relativeGap: Double
    }

    /// Solves for the weights.
    ///
    /// - Throws: ``SolverError`` for sizes that differ, numbers that are none and a confidence outside [0, 1).
    public func minimize(shouldStop: () -> Bool = { false }) throws(SolverError) -> Minimum {
        let n = returns.columns
        guard confidence >= 0, confidence < 1 else { throw SolverError.notFinite(what: "confidence", index: 0) }
        let unit = Self.unit(of: returns.elements)
        let program = try program(unit: unit)
        let solution = try HingeSimplex(program).solve(shouldStop: shouldStop)
        return Minimum(
            status: solution.status,
            weights: Array(solution.primal.prefix(n)),
            value: solution.check.objective * unit,
            valueAtRisk: solution.primal[n] * unit,
            tailProbabilities: solution.hingeMultipliers,
            iterations: solution.iterations,
            primalResidual: solution.check.primalResidual,
            relativeGap: solution.check.relativeGap
        )
    }

    /// The variables are w and α; returns are divided by a power of two, so that their unit changes no bit of w.
    private func program(unit: Double) throws(SolverError) -> HingeProgram {
        let (n, count) = (returns.columns, returns.rows)
        let probabilities = probabilities ?? [Double](repeating: 1 / Double(max(count, 1)), count: count)
        guard probabilities.count == count else {
            throw SolverError.dimensionMismatch(what: "probabilities", expected: count, actual: probabilities.count)
        }
        guard rows.columns == n else {
            throw SolverError.dimensionMismatch(what: "columns of rows", expected: n, actual: rows.columns)
        }
        guard costs == nil || costs?.count == n else {
            throw SolverError.dimensionMismatch(what: "costs", expected: n, actual: costs?.count ?? 0)
        }
        let factor = -1 / unit
        let hinges = [Double](unsafeUninitializedCapacity: count * (n + 1)) { target, initialized in
            returns.elements.withUnsafeBufferPointer { source in
                for i in 0..<(count * n) { target[i] = factor * source[i] }
            }
            for i in (count * n)..<(count * (n + 1)) { target[i] = -1 }
            initialized = count * (n + 1)
        }
        return HingeProgram(
            linear: (costs.map { $0.map { $0 / unit } } ?? [Double](repeating: 0, count: n)) + [1],
            hinges: DenseMatrix(rows: count, columns: n + 1, columnMajor: hinges),
            offsets: [Double](repeating: 0, count: count),
            weights: probabilities.map { $0 / (1 - confidence) },
            rows: DenseMatrix(
                rows: rows.rows,
                columns: n + 1,
                columnMajor: rows.elements + [Double](repeating: 0, count: rows.rows)
            ),
            bounds: bounds,
            equationCount: equationCount,
            lower: lower + [-.infinity],
            upper: upper + [.infinity]
        )
    }

    /// A power of two near the largest number.
    private static func unit(of values: [Double]) -> Double {
        let largest = values.reduce(0) { max($0, $1.magnitude) }
        guard largest > 0, largest.isFinite else { return 1 }
        return Double(sign: .plus, exponent: largest.exponent, significand: 1)
    }
}
