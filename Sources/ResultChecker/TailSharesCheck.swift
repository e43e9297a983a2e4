internal import Glibc
internal import Matrices
internal import PortfolioModel

/// Checks that risk contributions are those of one tail: shares wᵢgᵢ/CVaR with g = −Σ qₜrₜ, 0 ≤ qₜ ≤ pₜ/(1 − β), Σq = 1.
///
/// Conditional value-at-risk over scenarios has kinks where losses tie at its level, and contributions there are those of
/// any such q with qₜ full above the level and 0 below it. The q that comes nearest to the claimed shares is looked for
/// among the ties by least squares within bounds; what it misses them by must be rounding.
struct TailShares {
    private let mandate: Mandate
    private let weights: [Double]
    private let shares: [String: Double]

    /// Losses this near, relative to the largest, tie.
    private static let tie = 1e-9
    /// Ties at most that are looked at.
    private static let mostTies = 5_000

    init(_ shares: [String: Double], _ exposure: Exposure, _ mandate: Mandate) {
        self.mandate = mandate
        self.shares = shares
        weights = exposure.weights
    }

    func check(_ findings: inout Findings) {
        guard let scenarios = mandate.moments.returns, scenarios.rows > 0, let miss = miss(scenarios) else { return }
        findings.require(
            miss <= Tolerance.budget,
            "risk_contributions",
            expected: "those of a tail of the scenarios",
            actual: "they miss the nearest by \(miss)"
        )
    }

    /// How far the claimed shares are from those of any tail; nil where there is no risk to share.
    private func miss(_ scenarios: DenseMatrix) -> Double? {
        let count = scenarios.rows
        let p = mandate.moments.probabilities ?? [Double](repeating: 1 / Double(count), count: count)
        let mass = 1 - (mandate.preferences.confidenceLevel ?? 0.95)
        let held = weights.indices.filter { weights[$0] != 0 }
        var losses = [Double](repeating: 0, count: count)
        for i in held {
            for t in 0..<count { losses[t] -= weights[i] * scenarios.elements[i * count + t] }
        }
        let order = losses.indices.filter { p[$0] > 0 }.sorted { losses[$0] > losses[$1] }
        var (left, risk, level) = (mass, 0.0, 0.0)
        for t in order where left > 0 {
            let part = min(left, p[t])
            risk += part * losses[t] / mass
            level = losses[t]
            left -= part
        }
        guard risk != 0 else { return nil }
        let size = losses.reduce(0) { max($0, abs($1)) }
        let tied = order.filter { abs(losses[$0] - level) <= Self.tie * size }
        guard tied.count <= Self.mostTies else { return nil }
        // The last entry is the mass of the tail.
        var target = held.map { shares[mandate.moments.instruments[$0]] ?? 0 } + [1]
        for t in order where losses[t] > level + Self.tie * size {
            for (k, value) in column(t, held, scenarios, risk).enumerated() { target[k] -= value * p[t] / mass }
        }
        let columns = tied.map { column($0, held, scenarios, risk) }
        var nearest = BoundedLeastSquares(columns: columns, target: target, upper: tied.map { p[$0] / mass })
        return nearest.solve().reduce(0) { max($0, abs($1)) }
    }

    /// What a unit of a scenario's probability in the tail adds to the shares, and to the mass.
    private func column(_ t: Int, _ held: [Int], _ scenarios: DenseMatrix, _ risk: Double) -> [Double] {
        held.map { -weights[$0] * scenarios.elements[$0 * scenarios.rows + t] / risk } + [1]
    }
}

/// min ‖Aq − b‖ over 0 ≤ q ≤ c, by an active set.
///
/// - SeeAlso: Stark & Parker, Computational Statistics 10 (1995).
struct BoundedLeastSquares {
    private enum Place { case lower, upper, free }

    /// AᵀA, row by row.
    private let products: [[Double]]
    private let columns: [[Double]]
    private let target: [Double]
    private let upper: [Double]
    private var q: [Double]
    private var places: [Place]

    init(columns: [[Double]], target: [Double], upper: [Double]) {
        self.columns = columns
        self.target = target
        self.upper = upper
        products = columns.map { a in columns.map { b in zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } } }
        q = upper.map { $0 / 2 }
        places = upper.map { $0 > 0 ? .free : .lower }
    }

    /// b − Aq at the minimum.
    mutating func solve() -> [Double] {
        settle()
        for _ in 0..<(3 * q.count) {
            let rest = rest()
            let scale = 1e-13 * max(1, target.reduce(0) { max($0, abs($1)) })
            var best = (index: -1, gain: scale)
            for t in q.indices where places[t] != .free {
                let slope = zip(columns[t], rest).reduce(0) { $0 + $1.0 * $1.1 }
                let gain = places[t] == .lower ? slope : -slope
                if gain > best.gain, upper[t] > 0 { best = (t, gain) }
            }
            guard best.index >= 0 else { break }
            let before = rest.reduce(0) { $0 + $1 * $1 }
            places[best.index] = .free
            settle()
            let after = self.rest().reduce(0) { $0 + $1 * $1 }
            if after >= before { break }
        }
        return rest()
    }

    private func rest() -> [Double] {
        var rest = target
        for (t, column) in columns.enumerated() where q[t] != 0 {
            for k in rest.indices { rest[k] -= q[t] * column[k] }
        }
        return rest
    }

    /// Goes to the minimum over the free entries, fixing those that meet a bound on the way.
    private mutating func settle() {
        for _ in 0...q.count {
            let free = q.indices.filter { places[$0] == .free }
            guard !free.isEmpty, let step = step(free) else { return }
            var length = 1.0
            var hit: (index: Int, place: Place)?
            for (k, t) in free.enumerated() where step[k] != 0 {
                let room = step[k] < 0 ? -q[t] / step[k] : (upper[t] - q[t]) / step[k]
                if room < length { (length, hit) = (max(0, room), (t, step[k] < 0 ? .lower : .upper)) }
            }
            for (k, t) in free.enumerated() { q[t] = min(upper[t], max(0, q[t] + length * step[k])) }
            guard let hit else { return }
            places[hit.index] = hit.place
            q[hit.index] = hit.place == .lower ? 0 : upper[hit.index]
        }
    }

    /// The step of the free entries to their minimum, by Cholesky's factorization; nil where rounding allows none.
    private func step(_ free: [Int]) -> [Double]? {
        let rest = rest()
        let n = free.count
        // A trace of the diagonal keeps scenarios that are copies of each other apart.
        var L = free.map { a in free.map { b in products[a][b] * (a == b ? 1 + 1e-13 : 1) } }
        var y = free.map { t in zip(columns[t], rest).reduce(0) { $0 + $1.0 * $1.1 } }
        for j in 0..<n {
            for k in 0..<j { L[j][j] -= L[j][k] * L[j][k] }
            guard L[j][j] > 0 else { return nil }
            L[j][j] = L[j][j].squareRoot()
            for i in (j + 1)..<max(n, j + 1) {
                for k in 0..<j { L[i][j] -= L[i][k] * L[j][k] }
                L[i][j] /= L[j][j]
            }
        }
        for i in 0..<n {
            for k in 0..<i { y[i] -= L[i][k] * y[k] }
            y[i] /= L[i][i]
        }
        for i in (0..<n).reversed() {
            for k in (i + 1)..<max(n, i + 1) { y[i] -= L[k][i] * y[k] }
            y[i] /= L[i][i]
        }
        return y
    }
}
