internal import LinearAlgebra
internal import Matrices

/// The rows that a dual solution leans on, and how hard: where a solve of a similar program may begin.
struct DualWorkingSet: Sendable {
    /// 2 · row, and one more where the lower bound is the active one.
    var rows: [Int32] = []
    /// A multiplier for each; none is negative but on equations.
    var multipliers: [Double] = []
    /// Which solve it came from; 0 for none.
    var stamp = 0
}

/// How a dual active-set solve ended.
enum DualActiveSetStatus: Equatable, Sendable {
    case solved
    case infeasible
    /// Cycling, lost accuracy or a missing lower bound: another method must decide.
    case undecided
}

/// Minimises ½xᵀPx + qᵀx subject to l ≤ Ax ≤ u by a dual active-set method on rows that are known once and for all.
///
/// All that depends on P and A alone is computed once: with H = P + εI, the columns B = H⁻¹Aᵀ and the Gram matrix
/// K = A H⁻¹ Aᵀ. A solve for other bounds starts from another solve's working set and touches K only: a step costs
/// O(k² + mk) for k active and m rows. εI is taken back by proximal steps, so P may be singular.
///
/// - SeeAlso: Goldfarb & Idnani, Mathematical Programming 27 (1983); Arnström, Bemporad & Axehill, IEEE Transactions on
///   Automatic Control 67 (2022), whose treatment of singular working sets and proximal outer loop this is.
struct DualActiveSetSolver {
    /// n.
    let variableCount: Int
    /// m, the rows so far.
    private(set) var rowCount: Int
    /// What the last solve found.
    private(set) var primal: [Double]
    private(set) var working = DualWorkingSet()
    /// The value of the Lagrangian, a lower bound of the optimum up to the tolerance.
    private(set) var bound = -Double.infinity
    /// Steps over all solves.
    private(set) var iterations = 0

    private let quadratic: DenseMatrix
    private let linear: [Double]
    private let regularization: Double
    private let factor: CholeskyFactorization
    /// H⁻¹q.
    private let shiftOfLinear: [Double]
    private let settings: SolverSettings

    /// Row i of A, as n entries from i · n; and likewise column i of B = H⁻¹Aᵀ.
    private var rows: [Double] = []
    private var columns: [Double] = []
    /// K, row i from i · rowCapacity; divided by the scales of both rows, so that its diagonal is 1.
    private var gram: [Double]
    private let rowCapacity: Int
    /// 1/√(aᵢᵀH⁻¹aᵢ), 0 for a row of zeros.
    private var scales: [Double] = []
    private var workingFactor: WorkingSetFactor
    /// Where row i stands in the working set, or −1.
    private var position: [Int32]
    private var solves = 0
    /// The state that `keep()` put aside, with its factorization.
    private var kept: (working: DualWorkingSet, factor: WorkingSetFactor, position: [Int32])?
    /// Where the proximal steps start.
    private var center: [Double]

    /// Prepares solves over the given rows, or returns nil when P + εI cannot be factored.
    ///
    /// - Parameters:
    ///   - quadratic: P, n × n.
    ///   - linear: q, n.
    ///   - rows: A, row by row.
    ///   - room: how many rows may be added later.
    ///   - variableScale: the natural size of x.
    ///   - settings: the constants that steer it.
    init?(
        quadratic: DenseMatrix,
        linear: [Double],
        rows: [(columns: [Int], coefficients: [Double])],
        room: Int,
        variableScale: Double,
        settings: SolverSettings
    ) {
        let n = linear.count
        variableCount = n
        rowCount = 0
        self.quadratic = quadratic
        self.linear = linear
        self.settings = settings
        let curvature = quadratic.diagonal.max() ?? 0
        // Without curvature a step should move x by about its own size: shorter ones are many, longer ones inexact.
        let slope = max(normInfinity(linear), .leastNormalMagnitude)
        regularization =
            curvature > 0
            ? settings.proximalWeight * curvature : settings.linearProximalWeight * slope / variableScale
        var H = quadratic
        for j in 0..<n { H[j, j] += regularization }
        guard let factor = try? CholeskyFactorization(H) else { return nil }
        self.factor = factor
        shiftOfLinear = factor.solve(linear)
        rowCapacity = rows.count + room
        gram = [Double](repeating: 0, count: rowCapacity * rowCapacity)
        position = [Int32](repeating: -1, count: rowCapacity)
        workingFactor = WorkingSetFactor(capacity: min(rowCapacity, n + 1))
        primal = [Double](repeating: 0, count: n)
        center = primal
        self.rows.reserveCapacity(rowCapacity * n)
        columns.reserveCapacity(rowCapacity * n)
        for row in rows { _ = addRow(row.columns, row.coefficients) }
    }

    /// Whether another row fits.
    var hasRoom: Bool { rowCount < rowCapacity }

    /// Adds a row for later solves and tells its number; nil when there is no room.
    mutating func addRow(_ columnIndices: [Int], _ coefficients: [Double]) -> Int? {
        guard hasRoom else { return nil }
        let n = variableCount
        let index = rowCount
        var row = [Double](repeating: 0, count: n)
        for (column, coefficient) in zip(columnIndices, coefficients) { row[column] += coefficient }
        let column = factor.solve(row)
        let square = dot(row, column)
        scales.append(square > 0 ? 1 / square.squareRoot() : 0)
        rows.append(contentsOf: row)
        columns.append(contentsOf: column)
        rowCount += 1
        for i in 0...index {
            var sum = 0.0
            for j in 0..<n { sum += rows[i * n + j] * column[j] }
            let value = sum * scales[i] * scales[index]
            gram[i * rowCapacity + index] = value
            gram[index * rowCapacity + i] = value
        }
        return index
    }

    /// aᵢᵀx.
    private func value(of row: Int, at x: [Double]) -> Double {
        var sum = 0.0
        let start = row * variableCount
        for j in 0..<variableCount { sum += rows[start + j] * x[j] }
        return sum
    }

    // MARK: Solving

    /// Solves for the given bounds, starting from a working set.
    ///
    /// - Parameters:
    ///   - lower: m, −∞ where there is none.
    ///   - upper: m, ∞ where there is none.
    ///   - start: the working set of a similar program.
    /// - Returns: whether `primal`, `working` and `bound` hold the solution.
    mutating func solve(lower: [Double], upper: [Double], from start: DualWorkingSet) -> DualActiveSetStatus {
        adopt(start, lower, upper)
        solves += 1
        working.stamp = solves
        for _ in 0..<settings.proximalSteps {
            // f = q − ε · center; without bounds the minimizer is −H⁻¹f.
            let pull = factor.solve(center.map { $0 * regularization })
            let shift = zip(shiftOfLinear, pull).map { $0 - $1 }
            var offsets = [Double](repeating: 0, count: rowCount)
            for i in 0..<rowCount { offsets[i] = value(of: i, at: shift) * scales[i] }
            let status = settle(offsets, lower, upper)
            guard status == .solved else { return status }
            primal = point(shift)
            var step = 0.0
            var size = 0.0
            for j in 0..<variableCount {
                step = max(step, (primal[j] - center[j]).magnitude)
                size = max(size, primal[j].magnitude)
            }
            center = primal
            if step <= settings.proximalTolerance * max(size, .leastNormalMagnitude) {
                bound = lagrangian(lower, upper)
                return bound.isFinite ? .solved : .undecided
            }
            if !step.isFinite || size > settings.largestVariable { return .undecided }
        }
        return .undecided
    }

    /// Puts the last solve's state aside, so that solves from it need no new factorization.
    mutating func keep() { kept = (working, workingFactor, position) }

    /// Takes over a working set: the one at hand or the one put aside as it stands, another one row by row.
    private mutating func adopt(_ start: DualWorkingSet, _ lower: [Double], _ upper: [Double]) {
        if let kept, start.stamp != 0, start.stamp != working.stamp, start.stamp == kept.working.stamp {
            // Rows added since have no place in the set that was put aside.
            let added = [Int32](repeating: -1, count: position.count - kept.position.count)
            (working, workingFactor, position) = (kept.working, kept.factor, kept.position + added)
        }
        guard start.stamp != 0, start.stamp == working.stamp else { return build(start, lower, upper) }
        for index in working.rows.indices.reversed() {
            let code = working.rows[index]
            let row = Int(code >> 1)
            let bound = code & 1 == 0 ? upper[row] : -lower[row]
            if !bound.isFinite {
                remove(index)
            } else if lower[row] != upper[row] {
                working.multipliers[index] = max(0, working.multipliers[index])
            }
        }
    }

    /// Builds a working set as far as its rows have the bounds it leans on and are independent.
    private mutating func build(_ start: DualWorkingSet, _ lower: [Double], _ upper: [Double]) {
        for code in working.rows { position[Int(code >> 1)] = -1 }
        working = DualWorkingSet()
        workingFactor.reset()
        for (code, multiplier) in zip(start.rows, start.multipliers) {
            let row = Int(code >> 1)
            let bound = code & 1 == 0 ? upper[row] : -lower[row]
            guard bound.isFinite, workingFactor.hasRoom else { continue }
            append(code, multiplier: lower[row] == upper[row] ? multiplier : max(0, multiplier))
            if isSingular { removeLast() }
        }
    }

    /// Rows with a pivot below this lean on the rows before them.
    private var isSingular: Bool { (workingFactor.diagonal.last ?? 1) <= settings.dependenceTolerance }

    private mutating func append(_ code: Int32, multiplier: Double) {
        let row = Int(code >> 1)
        let sign = code & 1 == 0 ? 1.0 : -1.0
        var products = [Double](repeating: 0, count: working.rows.count)
        for (k, other) in working.rows.enumerated() {
            products[k] = (other & 1 == 0 ? sign : -sign) * gram[row * rowCapacity + Int(other >> 1)]
        }
        workingFactor.append(products: products, square: gram[row * rowCapacity + row])
        position[row] = Int32(working.rows.count)
        working.rows.append(code)
        working.multipliers.append(multiplier)
    }

    private mutating func removeLast() { remove(working.rows.count - 1) }

    private mutating func remove(_ index: Int) {
        workingFactor.remove(index)
        position[Int(working.rows[index] >> 1)] = -1
        working.rows.remove(at: index)
        working.multipliers.remove(at: index)
        for k in index..<working.rows.count { position[Int(working.rows[k] >> 1)] = Int32(k) }
    }

    /// The dual active-set method for one proximal subproblem; `offsets` holds the scaled A H⁻¹ f.
    private mutating func settle(_ offsets: [Double], _ lower: [Double], _ upper: [Double]) -> DualActiveSetStatus {
        var refactored = false
        for _ in 0..<(settings.dualStepsPerRow * (rowCount + variableCount)) {
            iterations += 1
            if isSingular {
                guard let status = followNullVector(offsets, lower, upper) else { continue }
                return status
            }
            var target = [Double](repeating: 0, count: working.rows.count)
            for (k, code) in working.rows.enumerated() { target[k] = -rightHandSide(code, offsets, lower, upper) }
            workingFactor.solve(&target)
            if let blocking = step(towards: target, lower, upper) {
                remove(blocking)
                continue
            }
            working.multipliers = target
            let activity = activity(offsets)
            // Rounding gathers as rows come and go: active rows that are missed call for a fresh factorization.
            if !refactored, worstActiveResidual(activity, lower, upper) > settings.dualFeasibility {
                refactored = true
                build(working, lower, upper)
                continue
            }
            guard let violated = mostViolated(activity, lower, upper) else { return .solved }
            guard workingFactor.hasRoom else { return .undecided }
            append(violated, multiplier: 0)
        }
        return .undecided
    }

    /// d of an active row, signed and scaled: its bound plus the offset.
    private func rightHandSide(_ code: Int32, _ offsets: [Double], _ lower: [Double], _ upper: [Double]) -> Double {
        let row = Int(code >> 1)
        return code & 1 == 0
            ? upper[row] * scales[row] + offsets[row] : -(lower[row] * scales[row] + offsets[row])
    }

    /// Moves the multipliers towards `target` until one reaches zero; that one, or nil when all stay nonnegative.
    private mutating func step(towards target: [Double], _ lower: [Double], _ upper: [Double]) -> Int? {
        var length = 1.0
        var blocking: Int?
        for (k, goal) in target.enumerated() where goal < 0 {
            let row = Int(working.rows[k] >> 1)
            guard lower[row] != upper[row] else { continue }
            let current = working.multipliers[k]
            let ratio = current / (current - goal)
            if blocking == nil || ratio < length {
                length = ratio
                blocking = k
            }
        }
        guard let blocking else { return nil }
        for k in target.indices { working.multipliers[k] += length * (target[k] - working.multipliers[k]) }
        working.multipliers[blocking] = 0
        return blocking
    }

    /// Moves along the direction in which the dual grows without bound; nil when a multiplier blocks it.
    private mutating func followNullVector(
        _ offsets: [Double],
        _ lower: [Double],
        _ upper: [Double]
    ) -> DualActiveSetStatus? {
        let direction = workingFactor.nullVector()
        var length = Double.infinity
        var blocking: Int?
        for (k, change) in direction.enumerated() where change < -settings.dependenceTolerance {
            let row = Int(working.rows[k] >> 1)
            guard lower[row] != upper[row] else { continue }
            let ratio = working.multipliers[k] / -change
            if ratio < length {
                length = ratio
                blocking = k
            }
        }
        guard let blocking else { return isCertificate(direction, offsets, lower, upper) ? .infeasible : .undecided }
        for k in direction.indices { working.multipliers[k] += length * direction[k] }
        remove(blocking)
        return nil
    }

    /// Whether Σ pᵢ aᵢ vanishes and Σ pᵢ bᵢ is clearly negative, so that no point meets the active rows together.
    private func isCertificate(_ p: [Double], _ offsets: [Double], _ lower: [Double], _ upper: [Double]) -> Bool {
        var combination = [Double](repeating: 0, count: variableCount)
        var sizes = [Double](repeating: 0, count: variableCount)
        var bound = 0.0
        var size = 0.0
        for (k, code) in working.rows.enumerated() {
            let row = Int(code >> 1)
            let isUpper = code & 1 == 0
            if p[k] < 0, lower[row] != upper[row], p[k] < -settings.dependenceTolerance { return false }
            let weight = p[k] * scales[row]
            let signed = isUpper ? weight : -weight
            for j in 0..<variableCount {
                let term = signed * rows[row * variableCount + j]
                combination[j] += term
                sizes[j] = max(sizes[j], term.magnitude)
            }
            let term = isUpper ? weight * upper[row] : -weight * lower[row]
            bound += term
            size = max(size, term.magnitude)
        }
        let largest = sizes.max() ?? 0
        let residual = combination.reduce(0) { max($0, $1.magnitude) }
        return residual <= settings.certificateTolerance * largest && bound < -settings.certificateGap * size
    }

    /// A x for the current multipliers, scaled: −offset − K λ.
    private func activity(_ offsets: [Double]) -> [Double] {
        var result = offsets.map { -$0 }
        gram.withUnsafeBufferPointer { k in
            result.withUnsafeMutableBufferPointer { r in
                for (code, multiplier) in zip(working.rows, working.multipliers) where multiplier != 0 {
                    let signed = code & 1 == 0 ? multiplier : -multiplier
                    let start = Int(code >> 1) * rowCapacity
                    for i in 0..<r.count { r[i] -= signed * k[start + i] }
                }
            }
        }
        return result
    }

    /// How far active rows are from their bounds, in the variables' units.
    private func worstActiveResidual(_ activity: [Double], _ lower: [Double], _ upper: [Double]) -> Double {
        var worst = 0.0
        for code in working.rows {
            let row = Int(code >> 1)
            let bound = code & 1 == 0 ? upper[row] : lower[row]
            worst = max(worst, (activity[row] - bound * scales[row]).magnitude)
        }
        return worst
    }

    /// The row outside the working set that is violated most, as a code; nil when all hold.
    private func mostViolated(_ activity: [Double], _ lower: [Double], _ upper: [Double]) -> Int32? {
        var worst = settings.dualFeasibility
        var result: Int32?
        for i in 0..<rowCount where position[i] < 0 && scales[i] > 0 {
            let over = activity[i] - upper[i] * scales[i]
            if over > worst {
                worst = over
                result = Int32(2 * i)
            }
            let under = lower[i] * scales[i] - activity[i]
            if under > worst {
                worst = under
                result = Int32(2 * i + 1)
            }
        }
        return result
    }

    /// x = −H⁻¹f − B λ.
    private func point(_ shift: [Double]) -> [Double] {
        var x = shift.map { -$0 }
        for (code, multiplier) in zip(working.rows, working.multipliers) where multiplier != 0 {
            let row = Int(code >> 1)
            let signed = (code & 1 == 0 ? multiplier : -multiplier) * scales[row]
            let start = row * variableCount
            for j in 0..<variableCount { x[j] -= signed * columns[start + j] }
        }
        return x
    }

    /// ½xᵀPx + qᵀx + Σ λ (aᵀx − b) at the last point.
    private func lagrangian(_ lower: [Double], _ upper: [Double]) -> Double {
        var value = 0.5 * quadratic.quadraticForm(primal) + dot(linear, primal)
        for (code, multiplier) in zip(working.rows, working.multipliers) where multiplier != 0 {
            let row = Int(code >> 1)
            let activity = self.value(of: row, at: primal)
            let excess = code & 1 == 0 ? activity - upper[row] : lower[row] - activity
            value += multiplier * scales[row] * excess
        }
        return value
    }
}
