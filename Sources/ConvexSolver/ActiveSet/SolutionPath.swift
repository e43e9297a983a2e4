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
struct PathMultipliers: Sendable {
    /// Where `rows` and `limit` are the multipliers.
    var parameter: Double
    var rows: [Double]
    var rowRates: [Double]
    var limit: Double
    var limitRate: Double

    func rows(at parameter: Double) -> [Double] {
        rows.indices.map { rows[$0] + (parameter - self.parameter) * rowRates[$0] }
    }

    func limit(at parameter: Double) -> Double { limit + (parameter - self.parameter) * limitRate }
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

    /// Checks the solution a share of the way from one corner to the next against the optimality conditions.
    ///
    /// - Returns: the conditions recomputed from the data, for the point and the multipliers of that stretch.
    public func check(after corner: Int, share: Double) -> ActiveSetCheck {
        let parameter = parameter(after: corner, share: share)
        let stretch = multipliers[min(corner, multipliers.count - 1)]
        return program.check(
            point(after: corner, share: share),
            at: parameter,
            multipliers: stretch.rows(at: parameter),
            limitMultiplier: stretch.limit(at: parameter)
        )
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
        var moving = linear
        if let direction, parameter != 0 {
            for j in moving.indices { moving[j] += parameter * direction[j] }
        }
        var gradient = moving
        let held = point.indices.filter { point[$0] != 0 }.map { Int32($0) }
        let values = held.map { point[Int($0)] }
        held.withUnsafeBufferPointer { names in
            curvature.addProduct(held: names, values: values, into: &gradient)
        }
        for r in rows.indices where multipliers[r] != 0 {
            let row = rows[r].coefficients
            for j in gradient.indices { gradient[j] += multipliers[r] * row[j] }
        }
        var check = ActiveSetCheck(
            self,
            linear: moving,
            point: point,
            gradient: gradient,
            multipliers: multipliers,
            limitMultiplier: limitMultiplier
        )
        check.scale = max(check.scale, objectiveScale(at: point))
        return check
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
