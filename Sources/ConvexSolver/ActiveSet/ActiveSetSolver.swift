internal import LinearAlgebra

/// Solves parametric programs by active sets whose work follows the variables that are held.
///
/// A small working set of variables is solved exactly; all the others rest, are priced by the columns of what moved, and
/// enter when their gradient has the wrong sign. Each round's optimum is better than the last, so that the rounds end;
/// inside a round a primal–dual guess is followed by a walk that cannot end at a wrong point.
///
/// - SeeAlso: docs/mathematics.md, "Active sets".
public struct ActiveSetSolver: Sendable {
    /// The program.
    public let program: ParametricProgram
    /// The settings.
    public var settings: ActiveSetSettings

    /// Makes a solver of a program.
    ///
    /// - Throws: ``ActiveSetFailure/invalid`` when sizes do not fit, a bound is infinite or crosses the other, or a number
    ///   is not finite.
    public init(
        _ program: ParametricProgram,
        settings: ActiveSetSettings = ActiveSetSettings()
    ) throws(ActiveSetFailure) {
        guard program.isValid else { throw .invalid }
        self.program = program
        self.settings = settings
    }

    /// The optimum at one parameter.
    ///
    /// Where the active sets do not finish, or find nothing feasible, the interior point is asked: what it finds is made
    /// exact from where it ended, and only its certificate makes a program infeasible. Where that does not finish either, the
    /// solution at another parameter is the last start.
    ///
    /// - Parameters:
    ///   - parameter: λ.
    ///   - previous: a solution of this program at another parameter, or of one much like it, to start from.
    ///   - shouldStop: asked once a round.
    /// - Returns: the optimum with its multipliers and the check of both from the data.
    /// - Throws: ``ActiveSetFailure``.
    public func solve(
        at parameter: Double = 0,
        from previous: ActiveSetSolution? = nil,
        shouldStop: () -> Bool = { false }
    ) throws(ActiveSetFailure) -> ActiveSetSolution {
        let start = previous.map { ActiveSetStart($0) }
        return try solve(at: parameter, start, shouldStop)
    }

    /// The optimum at one parameter, looked for near a point.
    ///
    /// - Parameters:
    ///   - parameter: λ.
    ///   - point: n; what of it lies strictly within its bounds and off its kink is taken as free at first.
    ///   - shouldStop: asked once a round.
    /// - Returns: as `solve(at:from:shouldStop:)`.
    /// - Throws: ``ActiveSetFailure``.
    public func solve(
        at parameter: Double = 0,
        near point: [Double],
        shouldStop: () -> Bool = { false }
    ) throws(ActiveSetFailure) -> ActiveSetSolution {
        try solve(at: parameter, ActiveSetStart(point: point), shouldStop)
    }

    private func solve(
        at parameter: Double,
        _ start: ActiveSetStart?,
        _ shouldStop: () -> Bool
    ) throws(ActiveSetFailure) -> ActiveSetSolution {
        guard !shouldStop() else { throw .stopped }
        if start == nil, let solution = InverseGuess.solution(program, at: parameter, settings) { return solution }
        let failure: ActiveSetFailure
        do throws(ActiveSetFailure) {
            var search = ActiveSetSearch(program, settings: settings)
            return try search.solve(at: parameter, from: start, shouldStop: shouldStop)
        } catch {
            failure = error
        }
        switch failure {
        case .invalid, .stopped: throw failure
        case .infeasible, .unfinished: break
        }
        do throws(ActiveSetFailure) {
            return try solveByInteriorPoint(at: parameter, after: failure, shouldStop: shouldStop)
        } catch {
            guard case .unfinished = error else { throw error }
            return try solveFromNeighbour(at: parameter, shouldStop, after: error)
        }
    }

    /// Where the neighbours are, as multiples of the parameter.
    private static let neighbours = [0.5, 2, 0]

    /// The optimum, from that of another parameter: what no cold start reaches may be a step from there.
    private func solveFromNeighbour(
        at parameter: Double,
        _ shouldStop: () -> Bool,
        after failure: ActiveSetFailure
    ) throws(ActiveSetFailure) -> ActiveSetSolution {
        guard parameter != 0, program.direction != nil else { throw failure }
        for multiple in Self.neighbours {
            do throws(ActiveSetFailure) {
                var search = ActiveSetSearch(program, settings: settings)
                let neighbour = try search.solve(at: multiple * parameter, from: nil, shouldStop: shouldStop)
                var next = ActiveSetSearch(program, settings: settings)
                return try next.solve(at: parameter, from: ActiveSetStart(neighbour), shouldStop: shouldStop)
            } catch {
                if error == .stopped { throw error }
            }
        }
        throw failure
    }

    /// The point at which (−pᵀx − Σ d|x − a|) / √(xᵀPx) is largest, for a program without linear term q and costs c.
    ///
    /// - Throws: ``ActiveSetFailure``; ``ActiveSetFailure/unfinished`` also where no point makes −pᵀx positive.
    public func solveLargestRatio(shouldStop: () -> Bool = { false }) throws(ActiveSetFailure) -> ActiveSetSolution {
        guard !shouldStop() else { throw .stopped }
        if let solution = InverseGuess.largestRatio(program, settings) { return solution }
        var search = ActiveSetSearch(program, settings: settings)
        return try search.solveRatio(shouldStop: shouldStop)
    }

    /// The solution path between two parameters; between its corners the solution is linear in λ.
    ///
    /// With an infinite end the last corner is the one after which nothing changes. `shouldStop` is asked once an event.
    public func path(
        from start: Double = 0,
        to end: Double = .infinity,
        shouldStop: () -> Bool = { false }
    ) throws(ActiveSetFailure) -> SolutionPath {
        var follower = PathFollower(self, from: start, to: end)
        return try follower.follow(shouldStop: shouldStop)
    }

    /// The solution path from 0 to infinity, walked both ways from a parameter between.
    ///
    /// Where everything rests at λ = 0 (all in cash, say) hardly any gradient differs from zero there, and a walk that
    /// starts from such ties may cycle; one that ends in them does not. `shouldStop` is asked once an event.
    public func path(
        through parameter: Double,
        shouldStop: () -> Bool = { false }
    ) throws(ActiveSetFailure) -> SolutionPath {
        let upper = try path(from: parameter, shouldStop: shouldStop)
        let lower = try path(from: parameter, to: 0, shouldStop: shouldStop)
        return lower.joined(with: upper)
    }
}

/// Where a solve begins: a point, and which rows are held how hard.
struct ActiveSetStart {
    var point: [Double]
    var multipliers: [Double] = []
    var limitMultiplier = 0.0

    init(point: [Double]) { self.point = point }

    init(_ solution: ActiveSetSolution) {
        point = solution.point
        multipliers = solution.multipliers
        limitMultiplier = solution.limitMultiplier
    }
}

/// The constants that steer the active-set methods.
public struct ActiveSetSettings: Equatable, Sendable {
    /// Up to this many variables, and rows, the inverse of P is tried first.
    public var tinyProgram = 32
    /// Up to this many variables all of them are in the working set from the start.
    public var smallProgram = 128
    /// The least number of variables a round of pricing adds, if as many have the wrong sign.
    public var entering = 24
    /// Rounds of pricing at most.
    public var maximumPricings = 60
    /// Rounds of the primal–dual guess at most, for one working set.
    public var guessRounds = 12
    /// Events of one walk at most, as a multiple of the variables and rows it goes over.
    public var stepsPerVariable = 12
    /// Events of a path between two corrections of its point by the data.
    public var refreshInterval = 32
    /// A gradient of the wrong sign up to this share of its scale counts as zero.
    public var gradientTolerance = 1e-11
    /// The share of the objective by which a solution may be above the optimum.
    public var suboptimality = 1e-9
    /// The violation of a bound or row, relative to the row's numbers, that a solution may have.
    public var infeasibility = 1e-10
    /// Added to the diagonal of P, as a share of its mean, when P is singular on the free variables.
    public var proximal = 1e-9
    /// Up to this many variables the interior point is asked where active sets do not finish.
    public var largestInteriorPoint = 2500
    /// Proximal rounds at most; each removes nearly all that the addition changed.
    public var proximalRounds = 6

    /// The settings the tests hold.
    public init() {}
}

extension ParametricProgram {
    /// Whether sizes fit, bounds are finite and in order, and every number is one.
    var isValid: Bool {
        let n = variableCount
        guard n > 0, curvature.order == n, lower.count == n, upper.count == n else { return false }
        guard linear.allSatisfy(\.isFinite), direction.map({ $0.count == n && $0.allSatisfy(\.isFinite) }) ?? true
        else { return false }
        for j in 0..<n {
            guard lower[j].isFinite, upper[j].isFinite, lower[j] <= upper[j] else { return false }
        }
        for row in rows {
            guard row.coefficients.count == n, row.coefficients.allSatisfy(\.isFinite) else { return false }
            guard row.lower <= row.upper, row.lower < .infinity, row.upper > -.infinity else { return false }
        }
        guard let kinks else { return true }
        guard kinks.positions.count == n, kinks.costs.count == n, kinks.limit >= 0 else { return false }
        if let moving = kinks.costDirection {
            guard moving.count == n, moving.allSatisfy({ $0 >= 0 && $0.isFinite }) else { return false }
        }
        return kinks.positions.allSatisfy(\.isFinite) && kinks.costs.allSatisfy { $0 >= 0 && $0.isFinite }
    }
}
