internal import ConvexSolver
internal import PortfolioModel

/// A place on the critical line: a share of the way from one corner to the next.
struct LinePosition: Equatable, Comparable {
    var corner: Int
    var share: Double

    static func < (left: LinePosition, right: LinePosition) -> Bool {
        (left.corner, left.share) < (right.corner, right.share)
    }
}

/// The efficient frontier of volatility in closed form: all corner portfolios, found by one walk.
///
/// Minimise ½ wᵀΣw − λ ((μ − rf)ᵀw − costs) under the limits for every λ ≥ 0. Between two corners the weights are linear in λ and
/// so is the return; hence the portfolio of any return, volatility or ratio is exact (docs/mathematics.md, "The critical
/// line").
///
/// - SeeAlso: Markowitz, Naval Research Logistics Quarterly 3 (1956); Bailey & López de Prado, Algorithms 6 (2013), whose
///   turning points are the corners.
struct CriticalLine {
    let method: MeanVarianceMethod
    let limits: LinearLimits
    let path: SolutionPath
    /// Annual expected return at each corner, ascending where the objective is not charged with costs.
    let returns: [Double]
    /// Annual excess return at each corner, less the costs that the objective is charged with, ascending.
    let gains: [Double]
    /// Annual variance at each corner, ascending.
    let variances: [Double]
    /// What an excess return was divided by in the program.
    let returnUnit: Double

    /// Walks the line of a problem; its limits on return and volatility are left to the caller.
    ///
    /// - Throws: ``ActiveSetFailure`` where the walk does not finish; nil where not all limits are linear or kinks.
    init?(_ method: MeanVarianceMethod, shouldStop: () -> Bool) throws(ActiveSetFailure) {
        guard let limits = LinearLimits(method.limits) else { return nil }
        let problem = method.problem
        let excess = method.scaling.excessReturns
        let unit = powerOfTwo(near: excess.reduce(0) { max($0, abs($1)) })
        let rates = problem.objectiveCostRates
        let none = [Double](repeating: 0, count: excess.count)
        let program = limits.program(
            curvature: method.scaling.curvature,
            linear: none,
            direction: excess.map { -$0 / unit },
            costs: none,
            costDirection: rates.map { $0 / unit }
        )
        path = try Self.walk(program, startsAtZero: limits.fixedCash != nil, shouldStop: shouldStop)
        self.method = method
        self.limits = limits
        returnUnit = unit
        let decisions = path.corners.map { limits.decision(at: $0.point) }
        let count = excess.count
        let gross = decisions.map { problem.expectedReturn(of: Array($0[..<count]), cash: $0[count]) }
        // The line climbs in what it maximizes: that is the return but for costs and uncertainty.
        let isOfReturns = !rates.contains { $0 > 0 } && method.limits.objectivePenalty == nil
        returns = isOfReturns ? Self.ascending(gross) : gross
        let net = method.scaling.netExcessReturns(method.limits.layout)
        gains = Self.ascending(
            decisions.map { zip(net, $0).reduce(method.scaling.costOfCurrentWeights) { $0 + $1.0 * $1.1 } }
        )
        variances = Self.ascending(decisions.map { problem.covariance.quadraticForm(Array($0[..<count])) })
    }

    /// Walks from the least risk up, or where that start is a tie of everything, both ways from the middle.
    private static func walk(
        _ program: ParametricProgram,
        startsAtZero: Bool,
        shouldStop: () -> Bool
    ) throws(ActiveSetFailure) -> SolutionPath {
        let solver = try ActiveSetSolver(program)
        if startsAtZero {
            do throws(ActiveSetFailure) {
                let path = try solver.path(shouldStop: shouldStop)
                if endsAtMost(path) { return path }
            } catch {
                if error == .stopped { throw error }
            }
        }
        let path = try solver.path(through: middle(of: program), shouldStop: shouldStop)
        guard endsAtMost(path) else { throw .unfinished(.inaccurate) }
        return path
    }

    /// Whether the end of the line is the most return: a walk may miss the corner after its last one.
    private static func endsAtMost(_ path: SolutionPath) -> Bool {
        let check = path.checkEnd()
        return check.infeasibility <= infeasibility
            && check.suboptimality <= mostReturnTolerance * max(check.scale, mostReturnTolerance)
    }

    /// The share of the return by which the end of the line may miss the most.
    private static let mostReturnTolerance = 1e-9

    /// The λ where risk and return weigh alike: a portfolio there neither rests in cash nor in one instrument.
    private static func middle(of program: ParametricProgram) -> Double {
        let gains = (program.direction ?? []).reduce(0) { max($0, abs($1)) }
        return gains > 0 ? max(program.curvature.meanDiagonal / gains, .leastNormalMagnitude) : 1
    }

    /// Rounding must not make a later corner look worse than an earlier one.
    private static func ascending(_ values: [Double]) -> [Double] {
        var largest = -Double.infinity
        return values.map { value in
            largest = max(largest, value)
            return largest
        }
    }

    // MARK: Places

    /// The least risk, and of equal risk the most return.
    var lowest: LinePosition {
        guard path.isRegularized else { return LinePosition(corner: 0, share: 0) }
        // The addition to a singular Σ parts portfolios of equal risk; the line runs through them within a hair of λ.
        let hair = 1e-6 * Self.middle(of: path.program)
        let equal = variances[0] * (1 + 1e-9) + 1e-15 * method.scaling.volatilityUnit * method.scaling.volatilityUnit
        let last = path.corners.indices.last { variances[$0] <= equal && path.corners[$0].parameter <= hair }
        return LinePosition(corner: last ?? 0, share: 0)
    }

    /// The most return, and of equal return the least risk.
    var highest: LinePosition { LinePosition(corner: path.corners.count - 1, share: 0) }

    /// The place with an expected return; the nearer end for one beyond the line.
    func position(ofReturn target: Double) -> LinePosition {
        // The last corner whose return is not above the target.
        var (low, high) = (0, returns.count)
        while low < high {
            let middle = (low + high) / 2
            if returns[middle] <= target { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return LinePosition(corner: 0, share: 0) }
        guard low < returns.count else { return highest }
        let share = (target - returns[low - 1]) / (returns[low] - returns[low - 1])
        return LinePosition(corner: low - 1, share: min(max(share, 0), 1))
    }

    /// The place with a variance; the nearer end for one beyond the line.
    ///
    /// On a stretch x = a + t d the variance is aᵀΣa + 2t aᵀΣd + t² dᵀΣd, whose root is taken without cancellation.
    func position(ofVariance target: Double) -> LinePosition {
        guard let corner = variances.indices.last(where: { variances[$0] <= target }) else {
            return LinePosition(corner: 0, share: 0)
        }
        guard corner + 1 < variances.count else { return highest }
        let count = method.problem.instruments.count
        let (low, high) = (path.corners[corner].point, path.corners[corner + 1].point)
        let step = (0..<count).map { high[$0] - low[$0] }
        let square = method.problem.covariance.quadraticForm(step)
        let rise = variances[corner + 1] - variances[corner]
        let half = max(0, (rise - square) / 2)
        let missing = target - variances[corner]
        let root = half + (half * half + square * missing).squareRoot()
        return LinePosition(corner: corner, share: root > 0 ? min(max(missing / root, 0), 1) : 1)
    }

    /// Where the ratio of excess return to volatility is largest.
    enum Tangency: Equatable {
        case none
        /// Something without risk earns more than the risk-free rate.
        case unbounded
        case at(LinePosition)
    }

    /// A distance from zero below this share is rounding.
    private static let rounding = 1e-12

    /// The largest ratio on the whole line, and among equals the one furthest from cash.
    ///
    /// With V the variance and E the excess return, V − λE is linear in λ on every stretch; the ratio grows while it is
    /// positive and falls after. On the ray from cash it is 0 throughout: the last root has the least cash.
    func tangency() -> Tangency {
        let unit = method.scaling.volatilityUnit * method.scaling.volatilityUnit
        guard let best = gains.last, best > Self.negligibleGain * returnUnit else { return .none }
        func difference(_ k: Int) -> Double {
            let spread = variances[k] / unit
            let gain = path.corners[k].parameter * gains[k] / returnUnit
            let value = spread - gain
            return abs(value) <= Self.rounding * max(spread, abs(gain)) ? 0 : value
        }
        guard let corner = path.corners.indices.last(where: { difference($0) >= 0 }) else { return .none }
        var position = LinePosition(corner: corner, share: 0)
        if corner + 1 < path.corners.count {
            let (above, below) = (difference(corner), difference(corner + 1))
            position.share = above / (above - below)
        }
        let share = position.share
        let next = min(corner + 1, variances.count - 1)
        let spread = max(variances[corner], share > 0 ? variances[next] : 0)
        guard spread > Self.riskless * unit else { return .unbounded }
        return .at(position)
    }

    /// An excess return below this share of the largest one is none.
    private static let negligibleGain = 1e-9
    /// A variance below this share of the largest one is no risk: roundings of the covariance are not smaller.
    private static let riskless = 1e-14

    // MARK: Allocations

    /// The allocation at a place, rid of roundings, with the check of its optimality.
    ///
    /// - Returns: nil where a condition is not met closely enough.
    func allocation(
        at position: LinePosition
    ) throws(OptimizationFailure) -> (allocation: FrontierAllocation, check: ActiveSetCheck)? {
        let check = path.check(after: position.corner, share: position.share)
        guard Self.isOptimal(check) else { return nil }
        let decision = limits.decision(at: path.point(after: position.corner, share: position.share))
        let cleaned = try method.clean(decision)
        guard method.limits.worstViolation(at: cleaned.point, volatility: 0).amount <= AllocationLimits.tolerance
        else { return nil }
        let count = method.problem.instruments.count
        let weights = Array(cleaned.point[..<count])
        return (method.problem.frontierAllocation(weights: weights, cash: cleaned.point[count]), check)
    }

    /// Whether the conditions recomputed from the data are met closely enough.
    static func isOptimal(_ check: ActiveSetCheck) -> Bool {
        check.infeasibility <= infeasibility
            && check.suboptimality <= suboptimality * check.scale + smallestObjective
    }

    /// The violation of a bound or row an allocation may have before it is cleaned.
    private static let infeasibility = 1e-10
    /// The share of the objective by which an allocation may be above the optimum.
    private static let suboptimality = 1e-9
    /// An objective below this is zero, in units of the largest variance.
    private static let smallestObjective = 1e-16
}
