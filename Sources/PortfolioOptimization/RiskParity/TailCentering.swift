internal import LinearAlgebra
internal import Matrices

/// The primal-dual iteration for min CVaR(x) − Σ bᵢ ln xᵢ over scenarios.
///
/// With losses L, the tail's probabilities q and level α, what a loss is above the level u and below it v, and marginal
/// risks z, optimality is
///
///     Lᵀq = z,   Σq = 1,   Lx − α = u − v,   xᵢzᵢ = bᵢ,   uₜ(cₜ − qₜ) = 0,   vₜqₜ = 0,
///
/// all of x, z, q, c − q, u, v ≥ 0: a linear program's conditions, but that some products are to be the budgets instead
/// of 0. The method is the one of linear programs, which aims at μ > 0 for the latter and lets it fall; a step solves
/// (XLᵀWLX + XZ) for the relative change of x, W = diag(u/(c − q) + v/q)⁻¹, with α as a further column.
struct TailCentering {
    /// A point at the end.
    struct Point {
        var x: [Double]
        var tail: [Double]
        var level: Double
    }

    /// Iterations at most.
    private static let mostIterations = 150
    /// Products that are to be 0 may sum to this, against budgets that sum to 1.
    private static let tolerance = 1e-13
    /// The same where rounding allows no more.
    private static let reducedTolerance = 1e-9
    /// A step goes so far towards the boundary.
    private static let boundary = 0.995
    /// How far μ falls after a long and after a short step.
    private static let fall = (long: 0.02, short: 0.3)
    /// Newton steps of the last polish.
    private static let polishSteps = 4

    private let losses: DenseMatrix
    private let caps: [Double]
    private let budgets: [Double]
    private(set) var iterations = 0

    private var x: [Double]
    private var z: [Double]
    private var q: [Double]
    private var u: [Double]
    private var v: [Double]
    private var level: Double
    private var target = 0.0

    init(losses: DenseMatrix, caps: [Double], budgets: [Double], start: [Double]) {
        self.losses = losses
        self.caps = caps
        self.budgets = budgets
        x = start
        z = zip(budgets, start).map { $0 / $1 }
        let mass = caps.reduce(0, +)
        q = caps.map { $0 / max(mass, 2) }
        let profile = losses.times(start)
        level = TailCentering.level(profile, caps)
        let size = max(1e-3, profile.reduce(0) { max($0, $1.magnitude) })
        (u, v) = ([], [])
        for loss in profile {
            let distance = loss - level
            let root = (distance * distance + 0.04 * size * size).squareRoot()
            u.append((root + distance) / 2)
            v.append((root - distance) / 2)
        }
        target = gap / Double(2 * max(1, q.count))
    }

    /// The loss that the caps of larger ones come to 1 at.
    private static func level(_ profile: [Double], _ caps: [Double]) -> Double {
        var mass = 0.0
        let order = profile.indices.sorted { profile[$0] > profile[$1] }
        for t in order {
            mass += caps[t]
            if mass >= 1 { return profile[t] }
        }
        return order.last.map { profile[$0] } ?? 0
    }

    /// The largest relative miss of a budget.
    var budgetError: Double {
        let gradient = losses.transposedTimes(q)
        return x.indices.reduce(0) { max($0, (x[$1] * gradient[$1] / budgets[$1] - 1).magnitude) }
    }

    /// Σ u(c − q) + vq.
    private var gap: Double {
        q.indices.reduce(0) { $0 + u[$1] * (caps[$1] - q[$1]) + v[$1] * q[$1] }
    }

    /// Goes to the optimum; false where it is not reached.
    mutating func run(shouldStop: () -> Bool) throws(RiskBudgetingError) -> Bool {
        guard caps.reduce(0, +) >= 1 - 1e-12 else { return false }
        var least = Double.infinity
        var stalled = 0
        for _ in 0..<Self.mostIterations {
            let error = max(gap, budgetError)
            if error <= Self.tolerance { return true }
            stalled = error < 0.9 * least ? 0 : stalled + 1
            least = min(least, error)
            if stalled > 8, error <= Self.reducedTolerance { return true }
            guard error.isFinite else { return false }
            if shouldStop() { throw RiskBudgetingError.stopped }
            guard step() else { return error <= Self.reducedTolerance }
            iterations += 1
        }
        return max(gap, budgetError) <= Self.reducedTolerance
    }

    /// One Newton step; false where its system cannot be solved.
    private mutating func step() -> Bool {
        let (n, m) = (x.count, q.count)
        var roots = [Double](repeating: 0, count: m)
        var right = roots
        let profile = losses.times(x)
        for t in 0..<m {
            let room = caps[t] - q[t]
            roots[t] = 1 / (u[t] / room + v[t] / q[t]).squareRoot()
            right[t] = level - profile[t] + target / room - target / q[t]
        }
        let gradient = losses.transposedTimes(q)
        let weighted = (0..<m).map { t -> Double in roots[t] * roots[t] * right[t] }
        let pulled = losses.transposedTimes(weighted)
        let missing = 1 - q.reduce(0, +)
        var rightHand = (0..<n).map { i -> Double in budgets[i] + x[i] * (pulled[i] - gradient[i]) }
        rightHand.append(-missing - weighted.reduce(0, +))
        guard let direction = solved(roots, rightHand) else { return false }
        let dx = (0..<n).map { i -> Double in x[i] * direction[i] }
        let dLevel = direction[n]
        let change = losses.times(dx)
        var (dq, du, dv) = (right, right, right)
        for t in 0..<m {
            let room = caps[t] - q[t]
            dq[t] = roots[t] * roots[t] * (change[t] - dLevel - right[t])
            du[t] = (target - u[t] * room + u[t] * dq[t]) / room
            dv[t] = (target - v[t] * q[t] - v[t] * dq[t]) / q[t]
        }
        let dz = (0..<n).map { i -> Double in (budgets[i] - x[i] * z[i] - z[i] * dx[i]) / x[i] }
        let primal = min(Self.length(x, dx), Self.length(u, du), Self.length(v, dv))
        let room = (0..<m).map { t -> Double in caps[t] - q[t] }
        let dual = min(Self.length(z, dz), Self.length(q, dq), Self.length(room, dq.map { -$0 }))
        axpy(primal, dx, into: &x)
        axpy(primal, du, into: &u)
        axpy(primal, dv, into: &v)
        level += primal * dLevel
        axpy(dual, dz, into: &z)
        axpy(dual, dq, into: &q)
        let fall = min(primal, dual) > 0.9 ? Self.fall.long : Self.fall.short
        target = fall * gap / Double(2 * m)
        return true
    }

    /// Solves the Newton system in the relative change of x and the change of the level.
    private func solved(_ roots: [Double], _ rightHand: [Double]) -> [Double]? {
        let (n, m) = (x.count, q.count)
        var scaled = DenseMatrix(rows: m, columns: n + 1)
        scaled.elements.withUnsafeMutableBufferPointer { target in
            losses.elements.withUnsafeBufferPointer { source in
                for j in 0..<n {
                    for t in 0..<m { target[j * m + t] = roots[t] * x[j] * source[j * m + t] }
                }
                for t in 0..<m { target[n * m + t] = -roots[t] }
            }
        }
        var matrix = scaled.gram()
        for j in 0..<n { matrix[j, j] += x[j] * z[j] }
        // Scaled to unit diagonal: the level's column grows without bound as its scenarios tie.
        let scales = matrix.diagonal.map { $0 > 0 ? 1 / $0.squareRoot() : 1 }
        for j in 0...n {
            for i in j...n { matrix[i, j] *= scales[i] * scales[j] }
        }
        let right = (0...n).map { rightHand[$0] * scales[$0] }
        guard let factor = try? CholeskyFactorization(matrix) else { return nil }
        let solution = factor.solve(right)
        return (0...n).map { solution[$0] * scales[$0] }
    }

    /// How far a step may go before an entry is no longer positive.
    private static func length(_ values: [Double], _ step: [Double]) -> Double {
        var length = 1.0
        for i in values.indices where step[i] < 0 { length = min(length, -boundary * values[i] / step[i]) }
        return length
    }

    // MARK: The end

    /// The optimum with each scenario in the tail, out of it or tied at its level: Newton on what is left to choose.
    ///
    /// Of the ties L and their probabilities q: x = b/g, g the rest of the tail + Lᵀq, and Lx = α, Σ = 1 are solved. Where
    /// that does not keep every scenario on its side, the point as it is.
    func polished() -> Point {
        let profile = losses.times(x)
        var tied: [Int] = []
        var tail = [Double](repeating: 0, count: q.count)
        for t in q.indices {
            let share = q[t] / caps[t]
            if (profile[t] - level).magnitude < min(share, 1 - share) {
                tied.append(t)
                tail[t] = q[t]
            } else if profile[t] > level {
                tail[t] = caps[t]
            }
        }
        let plain = Point(x: x, tail: q, level: level)
        guard !tied.isEmpty else { return isConsistent(profile, tail) ? settled(tail) ?? plain : plain }
        let rows = losses.selecting(rows: tied, columns: Array(0..<x.count))
        var level = level
        for _ in 0..<Self.polishSteps {
            let gradient = losses.transposedTimes(tail)
            guard gradient.allSatisfy({ $0 > 0 }) else { return plain }
            let point = zip(budgets, gradient).map { $0 / $1 }
            var scaled = rows
            for j in 0..<x.count {
                let factor = point[j] / budgets[j].squareRoot()
                for i in 0..<tied.count { scaled[i, j] *= factor }
            }
            guard let factor = try? CholeskyFactorization(scaled.outerGram()) else { return plain }
            let miss = factor.solve(rows.times(point).map { $0 - level })
            let ones = factor.solve([Double](repeating: 1, count: tied.count))
            let change = (miss.reduce(0, +) - (1 - tail.reduce(0, +))) / ones.reduce(0, +)
            for (i, t) in tied.enumerated() { tail[t] += miss[i] - change * ones[i] }
            level += change
        }
        guard tied.allSatisfy({ tail[$0] >= 0 && tail[$0] <= caps[$0] }), let point = settled(tail) else {
            return plain
        }
        let after = losses.times(point.x)
        let size = max(1, level.magnitude)
        let holds = tied.allSatisfy { (after[$0] - level).magnitude <= 1e-12 * size }
        return holds && isConsistent(after, tail) ? Point(x: point.x, tail: tail, level: level) : plain
    }

    /// x = b/g of a tail; nil where that is no point or its probabilities are none.
    private func settled(_ tail: [Double]) -> Point? {
        let gradient = losses.transposedTimes(tail)
        guard gradient.allSatisfy({ $0 > 0 }), (tail.reduce(0, +) - 1).magnitude < 1e-12 else { return nil }
        return Point(x: zip(budgets, gradient).map { $0 / $1 }, tail: tail, level: level)
    }

    /// Whether no scenario out of the tail loses more than one in it, but for roundings.
    private func isConsistent(_ profile: [Double], _ tail: [Double]) -> Bool {
        var (highestOut, lowestIn) = (-Double.infinity, Double.infinity)
        for t in profile.indices {
            if tail[t] < caps[t] { highestOut = max(highestOut, profile[t]) }
            if tail[t] > 0 { lowestIn = min(lowestIn, profile[t]) }
        }
        return highestOut <= lowestIn + 1e-11 * max(1, lowestIn.magnitude)
    }
}
