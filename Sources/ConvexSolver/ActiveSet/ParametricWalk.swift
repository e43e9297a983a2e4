internal import LinearAlgebra

/// What ends a segment of the path.
enum WalkEvent {
    /// The end of the walk, before anything happens.
    case end
    /// The observer asked for a point inside the segment.
    case halt
    /// A free variable reached the end of its piece.
    case limit(variable: Int, isHigh: Bool)
    /// A resting variable's gradient lost its sign; it moves on the given piece.
    case release(variable: Int, side: Double)
    /// A row reached a bound.
    case row(Int, RowPlace)
    /// The multiplier of a row reached zero.
    case rowRelease(Int)
}

/// How a walk ended.
enum WalkEnd {
    /// At the end that was asked for.
    case reached
    /// Where the observer halted it.
    case halted
    /// No multipliers are left that could balance a row: beyond this point nothing is feasible.
    case infeasible
    /// P is singular on the free variables, or the rows that hold are dependent.
    case singular
    /// More events than the limit, or too many at one point.
    case stalled
    /// Conditions recomputed from the data do not hold: rounding has led astray.
    case lost
}

/// One stretch of the path, along which every quantity is linear in the parameter.
struct PathSegment {
    /// The parameter at its start.
    let start: Double
    /// Its length; infinite on the last one.
    let length: Double
}

/// A walk along the solution path of a parametric program: from one optimal working set to the next.
///
/// At each point the optimality conditions of the free variables and the rows that hold are one linear system; its
/// solution for the moving data gives the direction of the path, and the first condition that would fail gives the
/// event at which the working set changes by one member (docs/mathematics.md, "The walk").
///
/// - SeeAlso: Markowitz, Naval Research Logistics Quarterly 3 (1956), the critical line; Best, An algorithm for the
///   solution of the parametric quadratic programming problem (1996); Ferreau, Bock & Diehl, Int. J. Robust and Nonlinear
///   Control 18 (2008), for both sides of the data moving.
struct ParametricWalk {
    let set: WorkingSet
    /// The parameter.
    var parameter: Double
    /// Events so far.
    var steps = 0
    private var idleSteps = 0
    private let maximumSteps: Int
    /// The largest rate of the linear term.
    private var linearRateScale = 0.0
    /// After this many events point and gradient are recomputed and corrected; 0 for never.
    var refreshInterval = 0
    /// Where every condition, recomputed from the data, held last.
    private(set) var verifiedParameter: Double?

    /// Rates below this share of the largest one are rounding.
    static let negligibleRate = 1e-13
    /// Events without progress after which the walk counts as cycling.
    static let maximumIdleSteps = 60

    init(_ set: WorkingSet, from parameter: Double, maximumSteps: Int) {
        self.set = set
        self.parameter = parameter
        self.maximumSteps = maximumSteps
    }

    /// Walks to `end`; `observe` sees each segment first and may halt inside it by returning a shorter length.
    mutating func run(to end: Double, observe: (PathSegment) -> Double? = { _ in nil }) -> WalkEnd {
        linearRateScale = 0
        for j in 0..<set.count { linearRateScale = max(linearRateScale, abs(set.linearRate[j]), abs(set.costRate[j])) }
        while true {
            guard direction() else { return .singular }
            var (length, event) = firstEvent(within: end - parameter)
            if let halt = observe(PathSegment(start: parameter, length: length)), halt <= length {
                (length, event) = (halt, .halt)
            }
            if length < .infinity { advance(by: length) }
            switch event {
            case .end: return .reached
            case .halt: return .halted
            case .limit, .release, .row, .rowRelease: break
            }
            steps += 1
            idleSteps = length > 0 ? 0 : idleSteps + 1
            guard steps < maximumSteps, idleSteps < Self.maximumIdleSteps else { return .stalled }
            switch change(event) {
            case .done, .passed: break
            case .infeasible: return .infeasible
            case .singular: return .singular
            }
            if refreshInterval > 0, steps.isMultiple(of: refreshInterval) {
                set.evaluate()
                guard set.correct() else { return .singular }
                guard verify() else { return .lost }
            }
        }
    }

    /// Recomputes what the conditions are made of, and tells whether they hold but for rounding.
    mutating func verify() -> Bool {
        set.evaluate()
        guard set.holds() else { return false }
        verifiedParameter = parameter
        return true
    }

    // MARK: Direction

    /// The rates of everything with respect to the parameter.
    func direction() -> Bool {
        let f = set.freeCount
        for position in 0..<f { set.stepX[position] = set.linearRate[Int(set.free[position])] }
        if set.hasKinks {
            for position in 0..<f {
                let j = Int(set.free[position])
                set.stepX[position] += set.slope[j] * set.costRate[j]
            }
        }
        for (k, r) in set.activeRows.enumerated() {
            set.stepY[k] = set.rowPlaces[r] == .lower ? set.rowLowerRate[r] : set.rowUpperRate[r]
        }
        guard set.solveSystem() else { return false }
        gradientRates()
        return refineDirection()
    }

    /// What the equations of the direction may miss, relative to the numbers they are made of.
    private static let directionTolerance = 1e-12
    /// Missed by more than this after all corrections, the path is in doubt.
    private static let doubtfulDirection = 1e-9
    private static let directionRefinements = 3

    /// Corrects the direction by what its equations miss: where P is nearly singular that is more than rounding.
    private func refineDirection() -> Bool {
        let f = set.freeCount
        let rows = set.activeRows.count
        var worst = 0.0
        for _ in 0..<Self.directionRefinements {
            var missed = 0.0
            for position in 0..<f { missed = max(missed, abs(set.gradientRate[Int(set.free[position])])) }
            worst = missed / max(linearRateScale, .leastNormalMagnitude)
            var isClose = missed <= Self.directionTolerance * max(linearRateScale, .leastNormalMagnitude)
            for (k, r) in set.activeRows.enumerated() {
                var value = set.rowPlaces[r] == .lower ? set.rowLowerRate[r] : set.rowUpperRate[r]
                var size = abs(value)
                let moved = stepAlong(r)
                value -= moved.sum
                size += moved.size
                set.smallScratch[k] = value
                if abs(value) > Self.directionTolerance * size { isClose = false }
                if size > 0 { worst = max(worst, abs(value) / size) }
            }
            if isClose { return true }
            let step = Array(UnsafeBufferPointer(start: set.stepX, count: f))
            let multipliers = Array(UnsafeBufferPointer(start: set.stepY, count: rows))
            for position in 0..<f { set.stepX[position] = set.gradientRate[Int(set.free[position])] }
            for k in 0..<rows { set.stepY[k] = set.smallScratch[k] }
            guard set.solveSystem() else { return false }
            for position in 0..<f { set.stepX[position] += step[position] }
            for k in 0..<rows { set.stepY[k] += multipliers[k] }
            gradientRates()
        }
        if worst > Self.doubtfulDirection { set.hasDoubtfulDirection = true }
        return true
    }

    /// Rates of the gradient: P dx + dq + Aᵀ dy, and the change of the slopes at the kinks.
    private func gradientRates() {
        let count = set.count
        let rate = set.gradientRate
        rate.update(from: set.linearRate, count: count)
        if set.hasKinks { for j in 0..<count { rate[j] += set.slope[j] * set.costRate[j] } }
        set.addFreeProduct(set.stepX, into: rate)
        set.addMultipliers(to: rate) { set.stepY[$0] }
    }

    // MARK: Ratio test

    private func firstEvent(within longest: Double) -> (Double, WalkEvent) {
        var best = longest
        var event = WalkEvent.end
        freeVariables(&best, &event)
        if set.hasKinks {
            restingVariablesWithKinks(&best, &event, limitRate: limitRate(), costsMove: 1)
        } else {
            restingVariables(&best, &event)
        }
        inactiveRows(&best, &event)
        activeRows(&best, &event)
        return (max(0, best), event)
    }

    private func freeVariables(_ best: inout Double, _ event: inout WalkEvent) {
        let f = set.freeCount
        let (x, low, high) = (set.x, set.low, set.high)
        var largest = 0.0
        for position in 0..<f { largest = max(largest, abs(set.stepX[position])) }
        let negligible = largest * Self.negligibleRate
        var found = -1
        var isHigh = false
        for position in 0..<f {
            let rate = set.stepX[position]
            let j = Int(set.free[position])
            if rate < -negligible {
                let room = x[j] - low[j]
                if room + best * rate < 0 {
                    best = room / -rate
                    (found, isHigh) = (j, false)
                }
            } else if rate > negligible {
                let room = high[j] - x[j]
                if room - best * rate < 0 {
                    best = room / rate
                    (found, isHigh) = (j, true)
                }
            }
        }
        if found >= 0 { event = .limit(variable: found, isHigh: isHigh) }
    }

    private func largestGradientRate() -> Double {
        // Four maxima hide the latency of one.
        let rate = set.gradientRate
        let count = set.count
        var (a, b, c, d) = (linearRateScale, 0.0, 0.0, 0.0)
        var j = 0
        while j + 4 <= count {
            a = max(a, abs(rate[j]))
            b = max(b, abs(rate[j + 1]))
            c = max(c, abs(rate[j + 2]))
            d = max(d, abs(rate[j + 3]))
            j += 4
        }
        while j < count {
            a = max(a, abs(rate[j]))
            j += 1
        }
        return max(max(a, b), max(c, d))
    }

    private func restingVariables(_ best: inout Double, _ event: inout WalkEvent) {
        let negligible = -largestGradientRate() * Self.negligibleRate
        let (gradient, rate, sign) = (set.gradient, set.gradientRate, set.sign)
        var found = -1
        for j in 0..<set.count {
            let change = sign[j] * rate[j]
            // Rarely true after the first few, so the branch is predicted.
            if sign[j] * gradient[j] + best * change < 0, change < negligible {
                best = max(0, sign[j] * gradient[j]) / -change
                found = j
            }
        }
        if found >= 0 { event = .release(variable: found, side: sign[found]) }
    }

    /// The rate of the multiplier of the limit on the kinks.
    private func limitRate() -> Double {
        guard let limitRow = set.limitRow, let k = set.activeRows.firstIndex(of: limitRow) else { return 0 }
        return set.stepY[k]
    }

    /// `costsMove` is 1 along the path and 0 where the parameter stands still.
    private func restingVariablesWithKinks(
        _ best: inout Double,
        _ event: inout WalkEvent,
        limitRate: Double,
        costsMove: Double
    ) {
        let negligible = -largestGradientRate() * Self.negligibleRate
        let (gradient, rate, sign, places) = (set.gradient, set.gradientRate, set.sign, set.places)
        let limitMultiplier = set.limitRow.map { set.multiplier[$0] } ?? 0
        var found = -1
        var side = 0.0
        for j in 0..<set.count {
            if places[j] == .kink {
                let width = set.cost[j] + limitMultiplier
                let widening = limitRate + costsMove * set.costRate[j]
                // The gradient may not exceed the width upwards (the variable would fall) nor downwards (it would rise).
                let fall = widening - rate[j]
                if width - gradient[j] + best * fall < 0, fall < negligible {
                    best = max(0, width - gradient[j]) / -fall
                    (found, side) = (j, -1)
                }
                let rise = widening + rate[j]
                if width + gradient[j] + best * rise < 0, rise < negligible {
                    best = max(0, width + gradient[j]) / -rise
                    (found, side) = (j, 1)
                }
            } else {
                let change = sign[j] * rate[j]
                if sign[j] * gradient[j] + best * change < 0, change < negligible {
                    best = max(0, sign[j] * gradient[j]) / -change
                    (found, side) = (j, set.slope[j])
                }
            }
        }
        if found >= 0 { event = .release(variable: found, side: side) }
    }

    private func inactiveRows(_ best: inout Double, _ event: inout WalkEvent) {
        for r in 0..<set.totalRows {
            guard set.rowPlaces[r] == .inactive else { continue }
            let (rate, size) = stepAlong(r)
            set.rowRate[r] = rate
            let negligible = size * Self.negligibleRate
            let rising = rate - set.rowUpperRate[r]
            if set.rowUpper[r] < .infinity, rising > negligible {
                let room = set.rowUpper[r] - set.rowValue[r]
                if room - best * rising < 0 {
                    best = max(0, room) / rising
                    event = .row(r, set.rowUpper[r] > set.rowLower[r] ? .upper : .equality)
                }
            }
            let falling = rate - set.rowLowerRate[r]
            if set.rowLower[r] > -.infinity, falling < -negligible {
                let room = set.rowValue[r] - set.rowLower[r]
                if room + best * falling < 0 {
                    best = max(0, room) / -falling
                    event = .row(r, set.rowUpper[r] > set.rowLower[r] ? .lower : .equality)
                }
            }
        }
    }

    /// What the step of the free variables adds to a row, and the sum of the sizes of its parts.
    private func stepAlong(_ r: Int) -> (sum: Double, size: Double) {
        let source = r < set.rowCount ? set.row(r) : set.slope
        let (free, step) = (set.free, set.stepX)
        var sum = 0.0
        var size = 0.0
        for position in 0..<set.freeCount {
            let term = source[Int(free[position])] * step[position]
            sum += term
            size += abs(term)
        }
        return (sum, size)
    }

    private func activeRows(_ best: inout Double, _ event: inout WalkEvent) {
        for (k, r) in set.activeRows.enumerated() {
            let sign: Double
            switch set.rowPlaces[r] {
            case .upper: sign = 1
            case .lower: sign = -1
            case .equality, .inactive: continue
            }
            let change = sign * set.stepY[k]
            let value = sign * set.multiplier[r]
            if value + best * change < 0, change < 0 {
                best = max(0, value) / -change
                event = .rowRelease(r)
            }
        }
    }

    // MARK: Step

    private mutating func advance(by length: Double) {
        parameter += length
        guard length != 0 else { return }
        let count = set.count
        for position in 0..<set.freeCount {
            let j = Int(set.free[position])
            set.x[j] = min(max(set.x[j] + length * set.stepX[position], set.low[j]), set.high[j])
        }
        PointerKernels.add(length, set.gradientRate, into: set.gradient, count: count)
        PointerKernels.add(length, set.linearRate, into: set.linear, count: count)
        if set.hasKinks { PointerKernels.add(length, set.costRate, into: set.cost, count: count) }
        for r in 0..<set.totalRows {
            set.rowLower[r] += length * set.rowLowerRate[r]
            set.rowUpper[r] += length * set.rowUpperRate[r]
            if set.rowPlaces[r] == .inactive { set.rowValue[r] += length * set.rowRate[r] }
        }
        for (k, r) in set.activeRows.enumerated() {
            set.multiplier[r] += length * set.stepY[k]
            set.rowValue[r] = set.rowPlaces[r] == .lower ? set.rowLower[r] : set.rowUpper[r]
        }
    }

    // MARK: Events

    private enum Change { case done, passed, infeasible, singular }

    private func change(_ event: WalkEvent) -> Change {
        switch event {
        case .end, .halt: return .done
        case .limit(let variable, let isHigh): return stop(variable, isHigh: isHigh)
        case .release(let variable, let side): return start(variable, side: side)
        case .row(let row, let place): return hold(row, at: place)
        case .rowRelease(let row):
            set.deactivate(row)
            return .done
        }
    }

    /// A resting variable starts to move.
    private func start(_ j: Int, side: Double) -> Change {
        let place = set.places[j]
        if place == .kink {
            set.setPiece(j, side)
        } else {
            set.setPiece(j, set.slope[j])
        }
        guard set.release(j) else {
            set.rest(j, at: place)
            return .singular
        }
        set.gradient[j] = 0
        return .done
    }

    /// A free variable comes to rest at the end of its piece.
    private func stop(_ j: Int, isHigh: Bool) -> Change {
        let end = isHigh ? set.high[j] : set.low[j]
        let place: Place = end == set.upper[j] ? .upper : end == set.lower[j] ? .lower : .kink
        set.x[j] = end
        if place == .kink, set.cost[j] == 0, set.costRate[j] <= 0,
            set.limitRow.map({ set.rowPlaces[$0] == .inactive }) ?? true
        {
            // Without cost the kink is no corner: the variable passes through.
            set.setPiece(j, -set.slope[j])
            return .done
        }
        if !hasTwin(j), let ray = dependentRay(position: Int(set.positions[j])) {
            // The rows fix this variable: multipliers move along the ray that makes its own one grow.
            let gradientSign: Double = isHigh ? -1 : 1
            switch exchange(ray.map { $0 * gradientSign }, leaving: .variable(j, place, isHigh: isHigh)) {
            case .done: break
            case .passed:
                let slope = set.slope[j]
                set.fix(j, at: .kink)
                return start(j, side: -slope)
            case .infeasible: return .infeasible
            case .singular: return .singular
            }
        }
        let slope = set.slope[j]
        set.fix(j, at: place)
        if place == .kink { set.gradient[j] -= slope * set.kinkWidth(j) }
        return .done
    }

    /// A row comes to hold.
    private func hold(_ r: Int, at place: RowPlace) -> Change {
        let f = set.freeCount
        set.gatherRow(r, into: set.scratch)
        set.factor.solveLower(set.scratch)
        let size = PointerKernels.dot(set.scratch, set.scratch, count: f)
        let ray = set.projection(of: set.scratch)
        guard let ray else { return .singular }
        guard f == set.activeRows.count || isExplained(by: ray.solution, size: size) else {
            set.activate(r, at: place, solvedColumn: set.scratch)
            return .done
        }
        let isRising = place == .upper || place == .equality && set.rowRate[r] > set.rowUpperRate[r]
        let rowSign: Double = isRising ? 1 : -1
        switch exchange(ray.solution.map { -$0 * rowSign }, leaving: .row(r, rowSign)) {
        case .done, .passed: break
        case .infeasible: return .infeasible
        case .singular: return .singular
        }
        set.activate(r, at: place)
        return .done
    }

    // MARK: Dependence

    /// Whether another free variable has the same coefficients in every row that holds: the two may be traded for each
    /// other, so that the rows do not determine either.
    private func hasTwin(_ j: Int) -> Bool {
        // Nearly singular curvature makes rows look alike that are not; there the ray is asked.
        guard set.proximal == 0 else { return false }
        for position in 0..<set.freeCount {
            let i = Int(set.free[position])
            if i != j, set.activeRows.allSatisfy({ set.coefficient($0, i) == set.coefficient($0, j) }) { return true }
        }
        return false
    }

    /// When the rows that hold determine a free variable, the combination ξ of them with Aᵀξ = e there; else nil.
    private func dependentRay(position: Int) -> [Double]? {
        let f = set.freeCount
        guard !set.activeRows.isEmpty else { return nil }
        set.scratch.update(repeating: 0, count: f)
        set.scratch[position] = 1
        set.factor.solveLower(set.scratch)
        let size = PointerKernels.dot(set.scratch, set.scratch, count: f)
        guard let ray = set.projection(of: set.scratch) else { return nil }
        return f == set.activeRows.count || isExplained(by: ray.solution, size: size) ? ray.solution : nil
    }

    /// Whether the rows that hold explain the vector in `scratch`, of a squared length.
    ///
    /// As many rows as free variables explain everything, which is for the caller to know: rounding may hide it. The rest
    /// is computed entry by entry, for a difference of lengths loses half the digits.
    private func isExplained(by combination: [Double], size: Double) -> Bool {
        let f = set.freeCount
        let rest = set.slotVector
        rest.update(from: set.scratch, count: f)
        for (k, value) in combination.enumerated() {
            PointerKernels.add(-value, set.factor.attached + k * set.factor.stride, into: rest, count: f)
        }
        return PointerKernels.dot(rest, rest, count: f) <= WorkingSet.dependence * size
    }

    private enum Leaving {
        case variable(Int, Place, isHigh: Bool)
        case row(Int, Double)
    }

    /// Moves the multipliers along a ray that keeps the gradient of the free variables, until one of them loses its
    /// sign, and lets that member of the working set go.
    ///
    /// The point does not move. Without anything to let go the data beyond this point are infeasible, and the ray is
    /// the proof (Farkas).
    private func exchange(_ ray: [Double], leaving: Leaving) -> Change {
        for (k, value) in ray.enumerated() { set.stepY[k] = value }
        let rate = set.gradientRate
        rate.update(repeating: 0, count: set.count)
        set.addMultipliers(to: rate) { ray[$0] }
        if case .row(let r, let sign) = leaving {
            let coefficients = r < set.rowCount ? set.row(r) : set.slope
            PointerKernels.add(sign, coefficients, into: rate, count: set.count)
        }
        for position in 0..<set.freeCount { rate[Int(set.free[position])] = 0 }
        var best = Double.infinity
        var event = WalkEvent.end
        if set.hasKinks {
            var rateOfLimit = limitRate()
            if case .row(let r, let sign) = leaving, r == set.limitRow { rateOfLimit = sign }
            restingVariablesWithKinks(&best, &event, limitRate: rateOfLimit, costsMove: 0)
            passThroughKink(leaving, &best, &event)
        } else {
            restingVariables(&best, &event)
        }
        activeRows(&best, &event)
        guard best < .infinity else { return .infeasible }
        PointerKernels.add(best, rate, into: set.gradient, count: set.count)
        for (k, r) in set.activeRows.enumerated() { set.multiplier[r] += best * ray[k] }
        switch leaving {
        case .variable(let j, _, _): set.gradient[j] = signedStep(of: j, ray: ray) * best
        case .row(let r, let sign): set.multiplier[r] = sign * best
        }
        switch event {
        case .release(let variable, let side): return start(variable, side: side)
        case .rowRelease(let row):
            set.deactivate(row)
            return .done
        case .limit: return .passed
        case .end, .halt, .row: return .infeasible
        }
    }

    /// A variable that comes to its kink may, instead of resting there, go on beyond it: its multiplier then reached
    /// the other end of the interval that would have held it.
    private func passThroughKink(_ leaving: Leaving, _ best: inout Double, _ event: inout WalkEvent) {
        guard case .variable(let j, .kink, let isHigh) = leaving else { return }
        let slowing = 1 - 2 * limitRate()
        let width = 2 * set.kinkWidth(j)
        guard slowing > 0, width < best * slowing else { return }
        best = width / slowing
        event = .limit(variable: j, isHigh: isHigh)
    }

    private func signedStep(of j: Int, ray: [Double]) -> Double {
        var sum = 0.0
        for (k, r) in set.activeRows.enumerated() { sum += ray[k] * set.coefficient(r, j) }
        return sum
    }
}

extension WorkingSet {
    /// Adds Aᵀy over the rows that hold; the limit's row acts through the slopes.
    func addMultipliers(to target: UnsafeMutablePointer<Double>, value: (Int) -> Double) {
        for (k, r) in activeRows.enumerated() {
            PointerKernels.add(value(k), r < rowCount ? row(r) : slope, into: target, count: count)
        }
    }
}
