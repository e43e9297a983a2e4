internal import PortfolioModel

/// The allocations that share the best ratio: a ray from where there is neither gain nor risk.
///
/// Scaling the risky part against cash leaves a Sharpe ratio as it is, and scaling the difference from the benchmark an
/// information ratio. Of those on the ray that the limits allow, the one furthest out is the answer: least cash, most
/// active. The limits are convex, so the allowed ones form an interval and bisection finds its end.
struct RatioRay {
    private let method: MeanVarianceMethod
    private let ratio: RatioObjective
    /// Weights where the ray starts, with cash last.
    private let origin: [Double]
    /// A point on the ray, at distance 1.
    private let point: [Double]
    /// A distance beyond which nothing is allowed.
    private let end: Double
    /// The ratio at the point, and how far that is from meeting the limits.
    private let best: Double
    private let allowance: Double

    /// The ray through an optimum; nil where nothing further out is allowed.
    init?(_ method: MeanVarianceMethod, _ ratio: RatioObjective, through point: [Double]) {
        let cash = method.limits.layout.cash
        if let benchmark = ratio.benchmark {
            guard benchmark.isWithinInstruments else { return nil }
            origin = benchmark.weights + [0]
            // Weights are between 0 and 1, or not far beyond: the largest difference says how far out one can go.
            let largest = zip(point, benchmark.weights).reduce(0) { max($0, abs($1.0 - $1.1)) }
            guard largest > AllocationLimits.tolerance else { return nil }
            end = (method.limits.reach.map { 2 * $0 } ?? 1) / largest
        } else {
            origin = [Double](repeating: 0, count: cash) + [1]
            let least = method.limits.cashLimits.lower?.bound ?? 0
            guard point[cash] - least > AllocationLimits.tolerance, point[cash] < 1 else { return nil }
            end = (1 - least) / (1 - point[cash])
        }
        self.method = method
        self.ratio = ratio
        self.point = point
        best = ratio.gain(at: point) / method.risk(of: ratio, at: point)
        let volatility = method.annualizedVolatility(of: point[..<cash])
        allowance = max(1e-12, method.limits.worstViolation(at: point, volatility: volatility).amount)
    }

    /// The allowed point furthest out; nil when that is none but the optimum itself.
    func furthest() -> [Double]? {
        if isAllowed(end) { return decision(at: end) }
        var (allowed, refused) = (1.0, end)
        for _ in 0..<60 {
            let middle = (allowed + refused) / 2
            if isAllowed(middle) { allowed = middle } else { refused = middle }
        }
        return allowed > 1 ? decision(at: allowed) : nil
    }

    /// The decision variables at a distance from the origin.
    private func decision(at distance: Double) -> [Double] {
        var weights = origin
        for index in weights.indices { weights[index] += distance * (point[index] - origin[index]) }
        let cash = weights.removeLast()
        return method.limits.point(weights: weights, cash: cash)
    }

    /// Whether the limits are met as well as at the optimum, by a ratio as good.
    private func isAllowed(_ distance: Double) -> Bool {
        let other = decision(at: distance)
        let volatility = method.annualizedVolatility(of: other[..<method.limits.layout.cash])
        guard method.limits.worstViolation(at: other, volatility: volatility).amount <= allowance else { return false }
        return ratio.gain(at: other) >= method.risk(of: ratio, at: other) * best * (1 - 1e-12)
    }
}
