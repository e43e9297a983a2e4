internal import LinearAlgebra
internal import Matrices

/// A corner of a solution path: between two neighbours the point is linear in the parameter.
public struct PathCorner: Sendable {
    /// λ.
    public var parameter: Double
    /// x, n.
    public var point: [Double]

    /// Makes a corner of its parts.
    public init(parameter: Double, point: [Double]) {
        self.parameter = parameter
        self.point = point
    }
}

/// The multipliers along one stretch of a solution path, linear in the parameter.
///
/// One that vanishes at the far end of its stretch may come out as a rounding on the wrong side of zero there, where it
/// would price a bound that is not there: it is 0, and what it was worth shows in the gradient.
struct PathMultipliers: Sendable {
    /// Where the multipliers are what they begin with.
    let parameter: Double
    /// Those of the rows, and then their rates: one array, since a path has many of these.
    private let rowsAndRates: [Double]
    let limit: Double
    let limitRate: Double

    /// Makes the multipliers of `count` rows; `write` fills in those that are not zero, and the rates.
    init(
        at parameter: Double,
        count: Int,
        limit: Double,
        limitRate: Double,
        write: (_ rows: UnsafeMutablePointer<Double>, _ rates: UnsafeMutablePointer<Double>) -> Void
    ) {
        (self.parameter, self.limit, self.limitRate) = (parameter, limit, limitRate)
        rowsAndRates = [Double](unsafeUninitializedCapacity: 2 * count) { buffer, initialized in
            buffer.initialize(repeating: 0)
            if let start = buffer.baseAddress { write(start, start + count) }
            initialized = 2 * count
        }
    }

    /// The rates of the multipliers of the rows.
    var rowRates: [Double] { Array(rowsAndRates.suffix(rowsAndRates.count / 2)) }

    /// The multipliers of the rows of a program.
    func rows(at parameter: Double, of program: ParametricProgram) -> [Double] {
        let count = rowsAndRates.count / 2
        return (0..<count).map { r in
            let multiplier = rowsAndRates[r] + (parameter - self.parameter) * rowsAndRates[count + r]
            let row = program.rows[r]
            let isOfNoBound =
                row.upper == .infinity && multiplier > 0 || row.lower == -.infinity && multiplier < 0
            return isOfNoBound ? 0 : multiplier
        }
    }

    func limit(at parameter: Double) -> Double { max(0, limit + (parameter - self.parameter) * limitRate) }
}

/// The solutions of a parametric program for all parameters from one to another, in closed form.
public struct SolutionPath: Sendable {
    /// The program.
    public let program: ParametricProgram
    /// The corners by ascending parameter; with an infinite end nothing changes after the last one.
    public private(set) var corners: [PathCorner]
    /// The multipliers after each corner; none after the last one of a path with a finite end.
    private var multipliers: [PathMultipliers]
    /// Whether P was singular, so that a small multiple of the identity was added.
    public let isRegularized: Bool
    /// Events of the walks that found it.
    public private(set) var steps: Int

    init(
        _ program: ParametricProgram,
        corners: [PathCorner],
        multipliers: [PathMultipliers],
        isRegularized: Bool,
        steps: Int
    ) {
        self.program = program
        self.corners = corners
        self.multipliers = multipliers
        self.isRegularized = isRegularized
        self.steps = steps
    }

    /// The solution a share of the way from one corner to the next.
    public func point(after corner: Int, share: Double) -> [Double] {
        let low = corners[corner].point
        guard share > 0, corner + 1 < corners.count else { return low }
        let high = corners[corner + 1].point
        guard share < 1 else { return high }
        return low.indices.map { low[$0] + share * (high[$0] - low[$0]) }
    }

    /// The parameter a share of the way from one corner to the next.
    public func parameter(after corner: Int, share: Double) -> Double {
        guard corner + 1 < corners.count else { return corners[corner].parameter }
        return corners[corner].parameter + share * (corners[corner + 1].parameter - corners[corner].parameter)
    }

    /// The multipliers a share of the way from one corner to the next, or after the last one.
    ///
    /// - Returns: those of the rows, and that of the limit on the kinks.
    public func multipliers(after corner: Int, share: Double) -> (rows: [Double], limit: Double) {
        let parameter = parameter(after: corner, share: share)
        let stretch = multipliers[min(corner, multipliers.count - 1)]
        return (stretch.rows(at: parameter, of: program), stretch.limit(at: parameter))
    }

    /// The multipliers at a parameter after the last corner, where the point stays and only they move.
    ///
    /// - Parameter parameter: not below the last corner's.
    /// - Returns: those of the rows, and that of the limit on the kinks.
    public func multipliersAfterLast(at parameter: Double) -> (rows: [Double], limit: Double) {
        guard let last = multipliers.last else { return ([], 0) }
        return (last.rows(at: parameter, of: program), last.limit(at: parameter))
    }

    /// The rates of the multipliers after the last corner: they are the multipliers of λp and λd alone.
    public var finalRates: (rows: [Double], limit: Double) {
        guard let last = multipliers.last else { return ([], 0) }
        return (last.rowRates, last.limitRate)
    }

    /// Checks the solution a share of the way from one corner to the next against the optimality conditions.
    ///
    /// - Returns: the conditions recomputed from the data, for the point and the multipliers of that stretch.
    public func check(after corner: Int, share: Double) -> ActiveSetCheck {
        let parameter = parameter(after: corner, share: share)
        let stretch = multipliers[min(corner, multipliers.count - 1)]
        return program.check(
            point(after: corner, share: share),
            at: parameter,
            multipliers: stretch.rows(at: parameter, of: program),
            limitMultiplier: stretch.limit(at: parameter)
        )
    }

    /// Checks that nothing changes after the last corner of a path without end: its point must be optimal for the linear
    /// term p and the costs d alone, with the rates of the multipliers.
    ///
    /// - Returns: the conditions recomputed from the data.
    public func checkEnd() -> ActiveSetCheck {
        let rates = finalRates
        guard let last = corners.last, rates.rows.count == program.rows.count else { return ActiveSetCheck() }
        return program.moving.check(last.point, multipliers: rates.rows, limitMultiplier: rates.limit)
    }

    /// This path and one that begins where it ends, without the corner between them where nothing bends.
    func joined(with upper: SolutionPath) -> SolutionPath {
        var joined = self
        joined.steps += upper.steps
        guard let seam = upper.corners.first, let last = corners.last, corners.count > 1 else { return upper }
        let before = corners[corners.count - 2]
        let after = upper.corners.count > 1 ? upper.corners[1] : nil
        joined.corners.removeLast()
        if !Self.isStraight(before, last, after) { joined.corners.append(seam) }
        joined.corners += upper.corners.dropFirst()
        // With the seam gone the stretch below it goes on above it, and has its multipliers already.
        joined.multipliers = Array(multipliers.prefix(joined.corners.count))
        let missing = joined.corners.count - joined.multipliers.count
        if missing > 0 { joined.multipliers += upper.multipliers.suffix(missing) }
        return joined
    }

    /// A bend below this share of the rates is rounding.
    private static let straightness = 1e-9

    private static func isStraight(_ first: PathCorner, _ middle: PathCorner, _ last: PathCorner?) -> Bool {
        var largest = 0.0
        var bend = 0.0
        for j in middle.point.indices {
            let below = (middle.point[j] - first.point[j]) / (middle.parameter - first.parameter)
            let above = last.map { ($0.point[j] - middle.point[j]) / ($0.parameter - middle.parameter) } ?? 0
            largest = max(largest, abs(below), abs(above))
            bend = max(bend, abs(below - above))
        }
        return bend <= straightness * largest
    }
}

extension ParametricProgram {
    /// Recomputes the optimality conditions of a point and its multipliers from the data.
    ///
    /// - Parameters:
    ///   - point: x, n.
    ///   - parameter: λ.
    ///   - multipliers: one a row, ≥ 0 at an upper bound and ≤ 0 at a lower one.
    ///   - limitMultiplier: the multiplier of the limit on the kinks.
    /// - Returns: how far the point is from feasible and from optimal.
    public func check(
        _ point: [Double],
        at parameter: Double = 0,
        multipliers: [Double],
        limitMultiplier: Double = 0
    ) -> ActiveSetCheck {
        let fixed = at(parameter)
        let gradient = fixed.gradient(at: point, multipliers: multipliers)
        var check = ActiveSetCheck(
            fixed,
            linear: fixed.linear,
            point: point,
            gradient: gradient,
            multipliers: multipliers,
            limitMultiplier: limitMultiplier
        )
        check.scale = max(check.scale, objectiveScale(at: point))
        return check
    }

    /// The multipliers of the bounds that belong to a point and the multipliers of its rows: positive where an upper bound
    /// holds the objective back, negative where a lower one does.
    ///
    /// - Parameters:
    ///   - point: x, n.
    ///   - parameter: λ.
    ///   - multipliers: one a row.
    ///   - limitMultiplier: the multiplier of the limit on the kinks.
    /// - Returns: one a variable, 0 where no bound holds.
    public func boundMultipliers(
        _ point: [Double],
        at parameter: Double = 0,
        multipliers: [Double],
        limitMultiplier: Double = 0
    ) -> [Double] {
        let fixed = at(parameter)
        let gradient = fixed.gradient(at: point, multipliers: multipliers)
        return point.indices.map { j in
            var (down, up) = (gradient[j], gradient[j])
            if let kinks = fixed.kinks {
                let width = kinks.costs[j] + limitMultiplier
                down += point[j] > kinks.positions[j] ? width : -width
                up += point[j] < kinks.positions[j] ? -width : width
            }
            if lower[j] == upper[j] { return -gradient[j] }
            if point[j] <= lower[j] { return -max(0, up) }
            return point[j] >= upper[j] ? max(0, -down) : 0
        }
    }

    /// What the nearer way out of its kink would cost each variable that rests there; 0 for all others.
    public func kinkMultipliers(
        _ point: [Double],
        at parameter: Double = 0,
        multipliers: [Double],
        limitMultiplier: Double = 0
    ) -> [Double] {
        let fixed = at(parameter)
        guard let kinks = fixed.kinks else { return [Double](repeating: 0, count: point.count) }
        let gradient = fixed.gradient(at: point, multipliers: multipliers)
        return point.indices.map { j in
            guard point[j] == kinks.positions[j] else { return 0 }
            return max(0, kinks.costs[j] + limitMultiplier - abs(gradient[j]))
        }
    }

    /// The rates of `boundMultipliers` where the point stays and only the parameter moves.
    public func boundMultiplierRates(_ point: [Double], rowRates: [Double], limitRate: Double) -> [Double] {
        moving.boundMultipliers(point, multipliers: rowRates, limitMultiplier: limitRate)
    }

    /// The linear program of what moves, p and d alone.
    var moving: ParametricProgram {
        let none = [Double](repeating: 0, count: variableCount)
        var moving = self
        moving.curvature = .padded(.dense(DenseMatrix(rows: 0, columns: 0)), more: variableCount, constant: 0)
        moving.linear = direction ?? none
        moving.direction = nil
        moving.kinks?.costs = kinks?.costDirection ?? none
        moving.kinks?.costDirection = nil
        return moving
    }

    /// Px + q + Aᵀy at λ = 0, without the slopes of the kinks.
    private func gradient(at point: [Double], multipliers: [Double]) -> [Double] {
        var gradient = linear
        let held = point.indices.filter { point[$0] != 0 }.map { Int32($0) }
        let values = held.map { point[Int($0)] }
        held.withUnsafeBufferPointer { names in
            curvature.addProduct(held: names, values: values, into: &gradient)
        }
        for r in rows.indices where multipliers[r] != 0 {
            let row = rows[r].coefficients
            for j in gradient.indices { gradient[j] += multipliers[r] * row[j] }
        }
        return gradient
    }

    /// What an objective near zero is measured by: the risk the variables of a point have without each other, and, as the
    /// last resort, a trifle of what they may have at all.
    func objectiveScale(at point: [Double]) -> Double {
        var spread = 0.0
        var most = 0.0
        for j in point.indices {
            let diagonal = curvature.diagonal(j)
            if point[j] != 0 { spread += diagonal * point[j] * point[j] / 2 }
            let reach = max(abs(lower[j]), abs(upper[j]))
            most = max(most, diagonal * reach * reach / 2)
        }
        return max(spread, 1e-9 * most)
    }
}
