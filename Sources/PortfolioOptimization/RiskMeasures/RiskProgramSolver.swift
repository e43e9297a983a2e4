internal import ConvexSolver
internal import LinearAlgebra
internal import Matrices
internal import PortfolioModel

/// Solves programs over weights in which a convex measure of risk stands in the objective, in a limit, or in both.
///
/// The measure is the largest of its supports, ρ(w) = max gᵀw, so a column t with t ≥ gᵀw for some of them bounds it from
/// below. Each round solves the program with the supports found so far, which gives a lower bound, and adds those at its
/// point and at better ones near it (Kelley). Curved measures take Newton steps between the rounds, on the program with
/// the measure's second derivative; what hinges describe and nothing but rows limits is solved by the hinge simplex.
/// The supports hold for every program over the same weights, so they are kept.
///
/// - SeeAlso: docs/mathematics.md, "Risk measures under limits"; Kelley, SIAM Journal 8 (1960); Kronqvist, Lundell &
///   Westerlund, J. Global Optimization 64 (2016), for supports on the boundary; Duran & Grossmann, Mathematical
///   Programming 36 (1986), for thresholds.
final class RiskProgramSolver: RiskSolving {
    let risk: any ConvexRisk
    /// What one unit of the column t is worth.
    let unit: Double
    /// Supports over the weights, in units of t.
    private(set) var supports: [[Double]] = []
    /// Where the last solve by hinges ended.
    var lastVertex: HingeVertex?

    /// The sums of returns up to each time, where drawdowns were solved for.
    var path: DenseMatrix?
    /// The weights that this ended at.
    var lastWeights: [Double]?

    /// Rounds at most.
    static let mostRounds = 600
    /// Newton steps at most in a round.
    static let mostNewtonSteps = 25
    /// The gap at which a program counts as solved, relative to its objective.
    static let tolerance = 1e-10
    /// The gap up to which an end without progress still counts as optimal.
    static let acceptable = 1e-7
    /// Supports kept at most.
    static let mostSupports = 800

    /// Takes a measure, and the unit of its column where that is given.
    init(_ risk: any ConvexRisk, unit: Double? = nil) {
        self.risk = risk
        self.unit = unit ?? risk.scale
    }

    var measured: any PortfolioRisk { risk }

    /// The best point of a program.
    ///
    /// - Parameters:
    ///   - program: with a risk column; one without is solved as it stands.
    ///   - preferences: for the gap of a search over integers.
    ///   - anchor: a point that meets the program's rows with a risk below its limit, if one is known.
    ///   - shouldStop: asked once an iteration.
    /// - Returns: the optimum with multipliers of the program's rows, or the proof that no point meets them.
    /// - Throws: ``OptimizationFailure`` with the code `time_limit` or `numerical_difficulty`.
    func solve(
        _ program: AllocationProgram,
        preferences: Preferences,
        anchor: [Double]? = nil,
        shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> ProgramOutcome {
        guard let column = program.riskColumn else {
            return try solveProgram(program, preferences: preferences, shouldStop: shouldStop)
        }
        if !program.disjunctions.isEmpty {
            return try ThresholdRounds(solver: self, preferences: preferences).solve(program, shouldStop: shouldStop)
        }
        let isCurved = program.sparse.cones.contains { cone in
            switch cone {
            case .zero, .nonnegative: false
            case .secondOrder, .exponential, .power: true
            }
        }
        if program.riskLimitRow == nil, !isCurved, program.sparse.linear[column] > 0 {
            if let hinges = risk.hinges {
                return try solveByHinges(program, hinges, column: column, shouldStop: shouldStop)
            }
            if let drawdowns = risk as? DrawdownRisk {
                return try solveByPath(program, drawdowns, column: column, shouldStop: shouldStop)
            }
        }
        if supports.isEmpty { addFirstSupports(program) }
        var rounds = RiskRounds(
            solver: self,
            program: program,
            column: column,
            preferences: preferences,
            anchor: anchor
        )
        return try rounds.run(shouldStop: shouldStop)
    }

    /// Adds the support at weights with a given profile; false when it is there already.
    @discardableResult
    func addSupport(atProfile profile: [Double]) -> Bool {
        let support = risk.gradient(atProfile: profile).map { $0 / unit }
        let size = normInfinity(support)
        for known in supports.suffix(40) {
            var distance = 0.0
            for j in support.indices { distance = max(distance, (support[j] - known[j]).magnitude) }
            if distance <= 1e-14 * size { return false }
        }
        supports.append(support)
        return true
    }

    /// Drops supports that are far from tight at a point, the oldest first, once there are too many.
    func prune(at point: [Double], column: Int) {
        guard supports.count > Self.mostSupports else { return }
        let slacks = supports.map { point[column] - dot($0, Array(point[..<$0.count])) }
        let limit = slacks.sorted()[Self.mostSupports / 2]
        let newest = supports.count - Self.mostSupports / 8
        supports = supports.indices.filter { slacks[$0] <= limit || $0 >= newest }.map { supports[$0] }
    }

    /// Supports at equal weights and at each instrument alone: enough to bound t from below.
    private func addFirstSupports(_ program: AllocationProgram) {
        let n = program.instrumentCount
        let equal = [Double](repeating: 1 / Double(n), count: n)
        addSupport(atProfile: risk.profile(of: equal))
        guard n <= 60 else { return }
        for j in 0..<n {
            addSupport(atProfile: risk.profile(ofInstrument: j))
        }
    }

    /// The program with a row gᵀw − t ≤ 0 for each support, after its own rows.
    func master(_ program: AllocationProgram, column: Int) -> AllocationProgram {
        var result = program
        let columns = Array(0..<program.instrumentCount) + [column]
        for support in supports {
            result.sparse.rows.append(SparseProgram.Row(columns: columns, coefficients: support + [-1]))
        }
        result.sparse.bounds += [Double](repeating: 0, count: supports.count)
        result.sparse.cones.append(.nonnegative(supports.count))
        return result
    }
}
