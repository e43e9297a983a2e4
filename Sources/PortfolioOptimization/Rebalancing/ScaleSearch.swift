internal import LinearAlgebra
internal import Matrices

/// What a program at one risk scale led to.
struct ScaleVisit: Sendable {
    /// s.
    let scale: Double
    /// w, n.
    let weights: [Double]
    /// a = w − d.
    let active: [Double]
    /// Σa.
    let product: [Double]
    /// √(aᵀΣa).
    let risk: Double

    init(_ problem: PlanProblem, weights: [Double], scale: Double) {
        self.scale = scale
        self.weights = weights
        var active = weights
        for i in active.indices { active[i] -= problem.desired[i] }
        self.active = active
        product = problem.covariance.symmetricTimes(active)
        risk = max(0, dot(active, product)).squareRoot()
    }

    /// Σa over the larger of scale and risk: no longer than a slope of the risk.
    var slope: [Double] {
        let divisor = max(scale, risk)
        return product.map { divisor > 0 ? $0 / divisor : 0 }
    }
}

/// Looks for the scale that equals the risk of its own program.
///
/// The risk exceeds the scale below it and falls short of it above, for min over w is convex in s. Between two visits
/// the active weights are taken as linear in s, as they are while the same limits hold; then the risk's square is
/// quadratic, and where it meets s² is the next guess.
struct ScaleSearch {
    /// The least scale.
    let floor: Double
    /// Relative accuracy of the scale.
    let accuracy: Double
    private var last: ScaleVisit?
    private var before: ScaleVisit?
    /// The largest scale below its risk.
    private var low = 0.0
    /// The least scale above its risk.
    private var high = Double.infinity

    init(floor: Double, accuracy: Double) {
        self.floor = floor
        self.accuracy = accuracy
    }

    mutating func visit(_ visit: ScaleVisit) {
        before = last
        last = visit
        // The programs change a little with the costs they lead to, and old ends with them.
        if visit.risk > visit.scale {
            low = visit.scale
            if high <= low { high = .infinity }
        } else {
            high = visit.scale
            if low >= high { low = 0 }
        }
    }

    /// Whether the last scale is a hair above its risk, or as small as any.
    var isMet: Bool {
        guard let last else { return false }
        if last.scale <= floor { return last.risk <= last.scale || last.risk <= floor }
        return last.risk <= last.scale * (1 + 1e-9) && last.risk >= last.scale * (1 - 2 * accuracy)
    }

    /// The scale to look at next, a hair above the guess.
    var next: Double {
        guard let last else { return floor }
        guard last.risk > floor else { return floor }
        var target =
            crossing
            ?? (before == nil ? last.risk : last.risk > last.scale ? last.scale * Self.leap : last.risk / Self.leap)
        // A guess far outside of what was seen may be far off.
        target = min(max(target, last.risk * Self.boldest), last.scale / Self.boldest)
        target *= 1 + accuracy
        if low > 0, high < .infinity, target <= low || target >= high * (1 + accuracy) {
            target = (low * high).squareRoot()
        }
        return max(floor, target)
    }

    /// The step where risk and scale run along each other and meet nowhere near.
    private static let leap = 8.0

    /// A step by more than this factor is not taken.
    private static let boldest = 1e-3

    /// Where a(s) = a + (s − s₁) b has the risk s, on the side of the last visit where that is.
    private var crossing: Double? {
        guard let last, let before else { return nil }
        let step = last.scale - before.scale
        guard abs(step) > 1e-12 * last.scale else { return nil }
        let (variance, earlier) = (last.risk * last.risk, before.risk * before.risk)
        let mixed = dot(before.active, last.product)
        // v(s₁ + t) = variance + 2 slope t + bend t², to be (s₁ + t)².
        let slope = (variance - mixed) / step
        let bend = max(0, variance - 2 * mixed + earlier) / (step * step)
        let (a, b, c) = (bend - 1, slope - last.scale, variance - last.scale * last.scale)
        let root = b * b - a * c
        guard root >= 0 else { return nil }
        // The two roots in the form without cancellation.
        let q = -(b + (b < 0 ? -root.squareRoot() : root.squareRoot()))
        let candidates = [a != 0 ? q / a : nil, q != 0 ? c / q : nil].compactMap { $0 }.map { last.scale + $0 }
        if last.risk > last.scale { return candidates.filter { $0 > last.scale }.min() }
        return candidates.filter { $0 < last.scale }.max().map { max($0, 0) }
    }
}
