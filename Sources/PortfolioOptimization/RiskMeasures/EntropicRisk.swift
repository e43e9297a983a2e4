internal import Glibc
internal import LinearAlgebra
internal import Matrices

/// Entropic value-at-risk: the largest mean loss under probabilities q with Σ q ln(q/p) ≤ −ln(1 − β).
///
/// EVaR = min over z > 0 of z (ln Σ pₜ exp(uₜ/z) − ln(1 − β)), u the losses. At the best z the tilted probabilities
/// q ∝ p exp(u/z) have just the entropy allowed. Where the worst loss alone has a probability of 1 − β or more, z is 0
/// and the measure is the worst loss.
///
/// - SeeAlso: Ahmadi-Javid, J. Optimization Theory and Applications 155 (2012).
struct EntropicRisk: ScenarioRisk {
    let scenarios: Scenarios
    let confidence: Double

    private var room: Double { -log1p(-confidence) }

    func value(ofProfile profile: [Double]) -> Double { -dot(weighting(ofProfile: profile), profile) }

    func weighting(ofProfile profile: [Double]) -> [Double] { tilt(profile).q }

    /// (1/z)(Cov q(ℓ) − c cᵀ/v), ℓ the instruments' losses, c their covariance with the portfolio's, v its variance.
    func curvature(atProfile profile: [Double]) -> DenseMatrix? {
        let (q, z) = tilt(profile)
        guard z > 0 else { return nil }
        let means = scenarios.returns.transposedTimes(q)
        let mean = dot(q, profile)
        let n = scenarios.returns.columns
        var rows = DenseMatrix(rows: profile.count, columns: n)
        var cross = [Double](repeating: 0, count: n)
        var variance = 0.0
        for t in profile.indices { variance += q[t] * (profile[t] - mean) * (profile[t] - mean) }
        guard variance > 0 else { return nil }
        let roots = q.map { $0.squareRoot() }
        for j in 0..<n {
            for t in profile.indices {
                let deviation = scenarios.returns.elements[j * profile.count + t] - means[j]
                rows.elements[j * profile.count + t] = roots[t] * deviation
                cross[j] += q[t] * deviation * (profile[t] - mean)
            }
        }
        let slope = cross.map { $0 / variance.squareRoot() }
        return rows.gram().minusSquare(of: slope).multiplied(by: 1 / z)
    }

    /// The worst probabilities within the entropy allowed, and z; z is 0 where they sit on the worst loss alone.
    private func tilt(_ profile: [Double]) -> (q: [Double], z: Double) {
        let p = scenarios.probabilities
        var (worst, least) = (-Double.infinity, Double.infinity)
        for t in profile.indices where p[t] > 0 {
            worst = max(worst, -profile[t])
            least = min(least, -profile[t])
        }
        let spread = worst - least
        let tie = 1e-14 * max(worst.magnitude, least.magnitude)
        guard spread > tie else { return (p, 0) }
        let mass = profile.indices.reduce(0) { $0 + (-profile[$1] >= worst - tie ? p[$1] : 0) }
        if mass >= 1 - confidence {
            return (profile.indices.map { -profile[$0] >= worst - tie ? p[$0] / mass : 0 }, 0)
        }
        // The entropy of the tilt grows with s = spread/z; between these it passes the room.
        var (low, high) = (0.0, 1.0)
        while entropy(profile, worst: worst, s: high / spread) < room, high < 1e300 { (low, high) = (high, 2 * high) }
        var s = (low + high) / 2
        for _ in 0..<200 {
            let (excess, slope) = entropyAndSlope(profile, worst: worst, s: s / spread, spread: spread)
            if excess > room { high = s } else { low = s }
            var next = slope > 0 ? s - (excess - room) / slope : (low + high) / 2
            if !(next > low && next < high) { next = (low + high) / 2 }
            if (next - s).magnitude <= 1e-15 * s { break }
            s = next
        }
        // The lower end keeps the entropy within the room, so that q is allowed to rounding.
        let rate = s / spread
        var q = profile.indices.map { p[$0] > 0 ? p[$0] * exp((-profile[$0] - worst) * rate) : 0 }
        let total = q.reduce(0, +)
        for t in q.indices { q[t] /= total }
        return (q, 1 / rate)
    }

    private func entropy(_ profile: [Double], worst: Double, s: Double) -> Double {
        entropyAndSlope(profile, worst: worst, s: s, spread: 1).0
    }

    /// Σ q ln(q/p) of the tilt by exp(s·u), and its derivative in s·spread: s·Var(u)/spread.
    private func entropyAndSlope(
        _ profile: [Double],
        worst: Double,
        s: Double,
        spread: Double
    ) -> (Double, Double) {
        var (total, first, second) = (0.0, 0.0, 0.0)
        let p = scenarios.probabilities
        for t in profile.indices where p[t] > 0 {
            let u = -profile[t] - worst
            let weight = p[t] * exp(s * u)
            total += weight
            first += weight * u
            second += weight * u * u
        }
        let mean = first / total
        return (s * mean - log(total), s * max(0, second / total - mean * mean) / spread)
    }
}
