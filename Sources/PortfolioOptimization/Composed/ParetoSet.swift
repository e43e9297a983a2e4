public import PortfolioModel

/// An allocation of a non-dominated set.
public struct ParetoAllocation: Equatable, Sendable {
    /// Weights in the order of the problem's instruments.
    public var weights: [Double]
    /// The weight of cash.
    public var cash: Double
    /// What each objective comes to.
    public var values: [Double]
    /// The weights, with their signs, whose weighted sum it maximizes.
    public var objectiveWeights: [Double]
}

/// What a trace of a non-dominated set came to.
public struct ParetoSet: Equatable, Sendable {
    /// The allocations, by ascending value of the first objective, then of the second.
    public var points: [ParetoAllocation]
    /// Whether the time ran out before all points asked for were found.
    public var isIncomplete: Bool
}

/// Finds allocations of which no other is better in one objective without being worse in another.
///
/// Each maximizes a weighted sum with all weights positive (in the signs asked for), so that one that dominated it would
/// have a larger sum: it is not dominated, to the accuracy of its solve. The ends are the best of each objective, and of
/// those the best in the others. Between two points of one edge stands the weight vector that values both alike: what is
/// best for it lies beyond the line between them, or nothing does; then the line itself is not dominated, and its middle
/// is the next point. The longest edge goes first, whatever the number asked for, so that more points add to the fewer.
///
/// - Parameters:
///   - problem: of a `multi_objective` with two or three terms, whose signs say what is better.
///   - pointCount: points at most; fewer where the set has fewer that differ.
///   - shouldStop: asked once an iteration; true ends the trace with the points found so far.
/// - Returns: the points.
/// - Throws: ``OptimizationFailure`` where the ends cannot be found.
/// - SeeAlso: Aneja & Nair, Management Science 25 (1979), for two objectives; docs/mathematics.md, "Non-dominated sets".
public func traceParetoSet(
    _ problem: AllocationProblem,
    pointCount: Int,
    shouldStop: () -> Bool
) throws(OptimizationFailure) -> ParetoSet {
    var trace = ParetoTrace(problem)
    try trace.findEnds(shouldStop: shouldStop)
    var isIncomplete = false
    do throws(OptimizationFailure) {
        while trace.vertices.count < pointCount, try trace.addPoint(shouldStop: shouldStop) {}
    } catch {
        // What has been found stands whether or not there is more.
        isIncomplete = true
    }
    return ParetoSet(points: trace.points(), isIncomplete: isIncomplete)
}

/// A trace under way: points, and the simplices between the weight vectors that they are best for.
struct ParetoTrace {
    struct Vertex {
        /// λ, positive: what a unit of each gain is worth.
        var prices: [Double]
        var weights: [Double]
        var cash: Double
        /// The objectives' values, negated where less is better.
        var gains: [Double]
    }

    /// Points nearer than this share of the ranges are one.
    private static let leastLength = 1e-6
    /// A gain over the line between two points below this share of the ranges is rounding.
    private static let flat = 1e-8
    /// What the other objectives weigh at an end, next to its own: enough to choose among equals, too little to move.
    private static let tieBreaking = 1e-6

    private let problem: AllocationProblem
    private let signs: [Double]
    private(set) var vertices: [Vertex] = []
    /// The differences between the best and the worst of each gain at the ends; positive.
    private var ranges: [Double] = []
    private var simplices: [[Int]] = []
    private var settled: Set<[Int]> = []

    init(_ problem: AllocationProblem) {
        self.problem = problem
        signs = problem.terms.map { $0.weight > 0 ? 1 : -1 }
    }

    // MARK: Ends

    /// The best of each objective, then of these the best in the others.
    mutating func findEnds(shouldStop: () -> Bool) throws(OptimizationFailure) {
        let axes = signs.indices
        var best: [Vertex] = []
        for axis in axes {
            best.append(try solved(axes.map { $0 == axis ? 1 : 0 }, shouldStop: shouldStop))
        }
        ranges = axes.map { axis in
            let gains = best.map { $0.gains[axis] }
            let (low, high) = (gains.min() ?? 0, gains.max() ?? 0)
            let size = max(abs(low), abs(high))
            return high - low > 1e-9 * size ? high - low : max(size, 1e-9)
        }
        for axis in axes {
            let end = try solved(
                axes.map { ($0 == axis ? 1 : Self.tieBreaking) / ranges[$0] },
                shouldStop: shouldStop
            )
            if vertices.allSatisfy({ length($0, end) > Self.leastLength }) { vertices.append(end) }
        }
        simplices = [Array(vertices.indices)]
    }

    /// The best allocation for given prices of the gains; an objective without one stays out.
    private func solved(_ prices: [Double], shouldStop: () -> Bool) throws(OptimizationFailure) -> Vertex {
        var priced = problem
        // Prices of a sum near 1 leave the terms' sizes to the solver.
        let total = prices.reduce(0, +)
        priced.terms = []
        for (axis, term) in problem.terms.enumerated() where prices[axis] > 0 {
            var weighed = term
            weighed.weight = signs[axis] * prices[axis] / total
            priced.terms.append(weighed)
        }
        let solution = try ComposedMethod(priced).solve(shouldStop: shouldStop).tidied(problem)
        return try vertex(solution.weights, solution.cash, prices)
    }

    private func vertex(
        _ weights: [Double],
        _ cash: Double,
        _ prices: [Double]
    ) throws(OptimizationFailure) -> Vertex {
        let values = try ComposedMethod(problem).values(weights: weights, cash: cash)
        let gains = zip(values, signs).map { $0.value * $1 }
        return Vertex(prices: prices, weights: weights, cash: cash, gains: gains)
    }

    // MARK: Edges

    /// The longest difference of two points in one gain, as a share of its range.
    private func length(_ a: Vertex, _ b: Vertex) -> Double {
        ranges.indices.reduce(0) { max($0, abs(a.gains[$1] - b.gains[$1]) / ranges[$1]) }
    }

    /// The longest edge that may still have something beyond it; the first of equal ones.
    private func longestEdge() -> [Int]? {
        var longest = (edge: [Int](), length: Self.leastLength)
        for simplex in simplices {
            for (place, a) in simplex.enumerated() {
                for b in simplex[(place + 1)...] where !settled.contains([min(a, b), max(a, b)]) {
                    let length = length(vertices[a], vertices[b])
                    if length > longest.length { longest = ([min(a, b), max(a, b)], length) }
                }
            }
        }
        return longest.edge.isEmpty ? nil : longest.edge
    }

    /// Adds a point beyond the longest edge, or in its middle where nothing is beyond it; false when no edge is left.
    mutating func addPoint(shouldStop: () -> Bool) throws(OptimizationFailure) -> Bool {
        while let edge = longestEdge() {
            let (a, b) = (vertices[edge[0]], vertices[edge[1]])
            let prices = pricesOfBoth(a, b)
            var next = try solved(prices, shouldStop: shouldStop)
            let size = zip(prices, ranges).reduce(0) { $0 + $1.0 * $1.1 }
            let line = max(worth(a, prices), worth(b, prices))
            if worth(next, prices) - line <= Self.flat * size {
                let middle = try self.middle(a, b, prices)
                // Where who is held is chosen, the middle of two allocations need not be one.
                guard meetsLimits(middle), line - worth(middle, prices) <= Self.flat * size else {
                    settled.insert(edge)
                    continue
                }
                next = middle
            }
            guard min(length(a, next), length(b, next)) > Self.leastLength else {
                settled.insert(edge)
                continue
            }
            vertices.append(next)
            split(edge, at: vertices.count - 1)
            return true
        }
        return false
    }

    /// The prices between those of two points at which both are worth the same.
    private func pricesOfBoth(_ a: Vertex, _ b: Vertex) -> [Double] {
        let difference = zip(a.gains, b.gains).map { $0 - $1 }
        let ofA = max(0, zip(a.prices, difference).reduce(0) { $0 + $1.0 * $1.1 })
        let ofB = max(0, -zip(b.prices, difference).reduce(0) { $0 + $1.0 * $1.1 })
        let share = ofA + ofB > 0 ? ofA / (ofA + ofB) : 0.5
        return zip(a.prices, b.prices).map { $0 + share * ($1 - $0) }
    }

    private func worth(_ vertex: Vertex, _ prices: [Double]) -> Double {
        zip(vertex.gains, prices).reduce(0) { $0 + $1.0 * $1.1 }
    }

    private func middle(_ a: Vertex, _ b: Vertex, _ prices: [Double]) throws(OptimizationFailure) -> Vertex {
        try vertex(zip(a.weights, b.weights).map { ($0 + $1) / 2 }, (a.cash + b.cash) / 2, prices)
    }

    private func meetsLimits(_ vertex: Vertex) -> Bool {
        let limits = ConstraintCompiler.compile(problem)
        let point = limits.point(weights: vertex.weights, cash: vertex.cash)
        let volatility = problem.covariance.quadraticForm(vertex.weights).squareRoot()
        return limits.worstViolation(at: point, volatility: volatility).amount <= 2 * AllocationLimits.tolerance
    }

    /// Divides every simplex that has an edge.
    private mutating func split(_ edge: [Int], at middle: Int) {
        simplices = simplices.flatMap { simplex in
            guard simplex.contains(edge[0]), simplex.contains(edge[1]) else { return [simplex] }
            return edge.map { end in simplex.map { $0 == end ? middle : $0 } }
        }
    }

    /// The points in order, without those that another one dominates by more than rounding.
    func points() -> [ParetoAllocation] {
        let kept = vertices.filter { own in
            !vertices.contains { other in
                let margins = ranges.indices.map { (other.gains[$0] - own.gains[$0]) / ranges[$0] }
                return margins.allSatisfy { $0 >= 0 } && margins.contains { $0 > Self.flat }
            }
        }
        let points = kept.map { vertex in
            let total = zip(vertex.prices, ranges).reduce(0) { $0 + $1.0 * $1.1 }
            return ParetoAllocation(
                weights: vertex.weights,
                cash: vertex.cash,
                values: zip(vertex.gains, signs).map { $0 * $1 },
                objectiveWeights: zip(vertex.prices, signs).map { $0 * $1 / (total > 0 ? total : 1) }
            )
        }
        return points.sorted { left, right in
            for (a, b) in zip(left.values, right.values) where a != b { return a < b }
            return false
        }
    }
}

extension ParetoPoint {
    /// A point as a result shows it.
    public init(_ point: ParetoAllocation, of problem: AllocationProblem) {
        var allocation: [String: Double] = [:]
        for (instrument, weight) in zip(problem.instruments, point.weights) where weight != 0 {
            allocation[instrument.id] = weight
        }
        if point.cash != 0 { allocation["cash"] = point.cash }
        self.init(values: point.values, objectiveWeights: point.objectiveWeights, allocation: allocation)
    }
}
