internal import Glibc
internal import Matrices
internal import PortfolioModel

/// A convex measure of risk over scenarios from below: ρ(w′) ≥ gᵀw′ for all weights w′, with equality at the target.
///
/// g weighs the losses of the scenarios. Most have a weight that follows from the target; those at which the measure has a
/// kink share what is left, in any way. Whatever the shares are, the inequality holds (docs/mathematics.md, "A certificate").
struct RiskSupport {
    /// A scenario at a kink: its losses by instrument, and between what its weight lies.
    struct Tie {
        var scenario: Int
        var losses: [Double]
        var least: Double
        var most: Double
    }

    /// What a weight kept at an old peak may not exceed: an amount, and the weights of other scenarios.
    struct Flow {
        var kept: Int
        var fixed: Double
        var arriving: [Int]
    }

    /// ρ(w).
    private(set) var value: Double
    /// The part of g that follows from the target.
    private(set) var fixed: [Double]
    private(set) var ties: [Tie] = []
    /// What the weights of those that share come to, where that is fixed.
    private(set) var total: Double?
    /// How many of the ties, the first ones, share the total.
    private(set) var sharing = 0
    private(set) var flows: [Flow] = []
    /// How far from the probabilities those that share may be; nil where that does not matter.
    private var mostDivergence: Double?

    private let scenarios: DenseMatrix
    private let probabilities: [Double]

    /// Nil where there are no scenarios or the measure is not convex.
    ///
    /// `named` are the scenarios to take for ties; nil takes those within `width` of a kink, in units of the largest loss.
    init?(_ measure: RiskMeasure, _ exposure: Exposure, _ mandate: Mandate, named: Set<Int>?, width: Double) {
        let confidence = mandate.preferences.confidenceLevel ?? 0.95
        guard let scenarios = mandate.moments.returns,
            let measured = ScenarioMeasure(
                measure,
                weights: exposure.weights,
                moments: mandate.moments,
                confidence: confidence
            )
        else { return nil }
        self.scenarios = scenarios
        probabilities = measured.probabilities
        let evaluated = measured.evaluated()
        value = evaluated.value
        fixed = [Double](repeating: 0, count: exposure.weights.count)
        let returns = measured.returns
        let size = width * returns.reduce(0) { max($0, abs($1)) }
        func isTied(_ scenario: Int, _ distance: Double) -> Bool {
            if let named { return named.contains(scenario) }
            return abs(distance) <= size
        }
        switch measure {
        case .volatility, .valueAtRisk: return nil
        case .conditionalValueAtRisk, .worstRealization:
            let isWorst = measure == .worstRealization
            var full = [Double](repeating: 0, count: returns.count)
            let level = isWorst ? value : evaluated.level
            for t in returns.indices where probabilities[t] > 0 {
                let cap = isWorst ? 1 : probabilities[t] / (1 - confidence)
                let above = -returns[t] - level
                if isTied(t, above) { tie(t, least: 0, most: cap) } else if above > 0 { full[t] = cap }
            }
            share(1 - full.reduce(0, +), full)
        case .meanAbsoluteDeviation, .semiDeviation:
            setDeviation(measure, returns, isTied)
        case .entropicValueAtRisk: setEntropic(returns, confidence, isTied)
        case .conditionalDrawdown, .maximumDrawdown:
            let isWorst = measure == .maximumDrawdown
            let caps = probabilities.map { isWorst ? 1 : $0 / (1 - confidence) }
            setDrawdown(returns, caps, level: isWorst ? value : evaluated.level, isTied)
        }
    }

    /// g at given shares of the ties, with 0 for cash.
    func gradient(_ shares: [Double]) -> [Double] {
        var gradient = fixed
        for (tie, share) in zip(ties, shares) where share != 0 {
            for index in gradient.indices { gradient[index] += share * tie.losses[index] }
        }
        return gradient + [0]
    }

    /// Shares with the total that they must come to, the difference spread over what has room for it.
    func settled(_ shares: [Double]) -> [Double] {
        var shares = shares
        if let total {
            let missing = total - shares.prefix(sharing).reduce(0, +)
            let rooms = (0..<sharing).map { missing > 0 ? ties[$0].most - shares[$0] : shares[$0] - ties[$0].least }
            let room = rooms.reduce(0, +)
            if room > abs(missing) { for index in 0..<sharing { shares[index] += missing * rooms[index] / room } }
        }
        // The latest peak first: what it keeps arrives at the one before.
        for flow in flows.reversed() {
            shares[flow.kept] = min(shares[flow.kept], flow.arriving.reduce(flow.fixed) { $0 + shares[$1] })
        }
        return shares
    }

    /// Whether shares are within their bounds and come to what they must.
    func allows(_ shares: [Double]) -> Bool {
        guard shares.count == ties.count else { return false }
        let slack = 1e-9
        for (tie, share) in zip(ties, shares) {
            guard share >= tie.least - slack * tie.most, share <= tie.most + slack * tie.most else { return false }
        }
        for flow in flows {
            let arriving = flow.arriving.reduce(flow.fixed) { $0 + shares[$1] }
            guard shares[flow.kept] <= arriving + slack else { return false }
        }
        if let mostDivergence {
            var divergence = 0.0
            for (tie, share) in zip(ties, shares) where share > 0 {
                divergence += share * log(share / probabilities[tie.scenario])
            }
            guard divergence <= mostDivergence + slack else { return false }
        }
        guard let total else { return true }
        return abs(shares.prefix(sharing).reduce(0, +) - total) <= slack
    }

    // MARK: Tails

    private mutating func tie(_ scenario: Int, least: Double, most: Double) {
        let losses = fixed.indices.map { -scenarios[scenario, $0] }
        ties.append(Tie(scenario: scenario, losses: losses, least: least, most: most))
    }

    private mutating func share(_ left: Double, _ full: [Double]) {
        total = left
        sharing = ties.count
        add(full)
    }

    /// Adds the losses of scenarios at given weights.
    private mutating func add(_ weights: [Double]) {
        let used = weights.indices.filter { weights[$0] != 0 }
        scenarios.elements.withUnsafeBufferPointer { entries in
            for index in fixed.indices {
                var sum = 0.0
                for t in used { sum -= weights[t] * entries[index * weights.count + t] }
                fixed[index] += sum
            }
        }
    }

    // MARK: Deviations

    /// Σ p s (r − m) with s the sign, or −(m − r)⁺ over the measure; r − m is less the mean of all.
    private mutating func setDeviation(_ measure: RiskMeasure, _ returns: [Double], _ isTied: (Int, Double) -> Bool) {
        var mean = 0.0
        for t in returns.indices { mean += probabilities[t] * returns[t] }
        var means = [Double](repeating: 0, count: fixed.count)
        for index in means.indices {
            for t in returns.indices { means[index] += probabilities[t] * scenarios[t, index] }
        }
        // What the mean's losses are weighed with is what all others' are, less.
        var weights = [Double](repeating: 0, count: returns.count)
        for t in returns.indices where probabilities[t] > 0 {
            let distance = returns[t] - mean
            if measure == .semiDeviation {
                if value > 0, distance < 0 { weights[t] = -probabilities[t] * distance / value }
            } else if isTied(t, distance) {
                let losses = means.indices.map { means[$0] - scenarios[t, $0] }
                let most = probabilities[t]
                ties.append(Tie(scenario: t, losses: losses, least: -most, most: most))
            } else {
                weights[t] = distance > 0 ? -probabilities[t] : probabilities[t]
            }
        }
        add(weights)
        let total = weights.reduce(0, +)
        for index in fixed.indices { fixed[index] += total * means[index] }
    }

    // MARK: Entropy

    /// q ∝ p exp(−r/z) with the largest entropy from p that is allowed.
    ///
    /// Where the worst scenarios are that many, z is 0 and they share, as long as they do so evenly enough.
    private mutating func setEntropic(_ returns: [Double], _ confidence: Double, _ isTied: (Int, Double) -> Bool) {
        let most = -log1p(-confidence)
        var worst = -Double.infinity
        for t in returns.indices where probabilities[t] > 0 { worst = max(worst, -returns[t]) }
        let least = returns.indices.filter { probabilities[$0] > 0 && isTied($0, -returns[$0] - worst) }
        if !least.isEmpty, least.reduce(0, { $0 + probabilities[$1] }) >= (1 - confidence) * (1 - 1e-9) {
            for t in least { tie(t, least: 0, most: 1) }
            (total, sharing, mostDivergence) = (1, least.count, most)
            return
        }
        let size = max(returns.reduce(0) { max($0, abs($1)) }, Double.leastNormalMagnitude)
        // The weights move away from p as z falls: the last that are within the limit are taken.
        var (low, high) = (log(size) - 40, log(size) + 40)
        for _ in 0..<200 {
            let middle = low + (high - low) / 2
            guard middle > low, middle < high else { break }
            if tilted(returns, exp(middle)).divergence > most { low = middle } else { high = middle }
        }
        add(tilted(returns, exp(high)).weights)
    }

    private func tilted(_ returns: [Double], _ z: Double) -> (weights: [Double], divergence: Double) {
        var worst = -Double.infinity
        for t in returns.indices where probabilities[t] > 0 { worst = max(worst, -returns[t]) }
        var weights = returns.indices.map { t in
            probabilities[t] > 0 ? probabilities[t] * exp((-returns[t] - worst) / z) : 0
        }
        let total = weights.reduce(0, +)
        var divergence = 0.0
        for t in weights.indices where weights[t] > 0 {
            weights[t] /= total
            divergence += weights[t] * log(weights[t] / probabilities[t])
        }
        return (weights, divergence)
    }

    // MARK: Drawdowns

    /// A drawdown is the losses since its peak; where a peak only equals an older one, what is below it may count from there.
    private mutating func setDrawdown(
        _ returns: [Double],
        _ caps: [Double],
        level: Double,
        _ isTied: (Int, Double) -> Bool
    ) {
        let depths = depths(of: returns)
        var full = [Double](repeating: 0, count: returns.count)
        var places: [Int] = []
        var peaks: [Int] = []
        for t in returns.indices {
            if depths[t].depth > level / 2 {
                let above = depths[t].depth - level
                if isTied(t, above) { places.append(t) } else if above > 0 { full[t] = caps[t] }
            } else if isTied(t, max(depths[t].depth, depths[t].above)) {
                peaks.append(t)
            }
        }
        // Whatever is counted at the last time and before is passed on to the peak before.
        var starts: [Int] = []
        var start = 0
        let old = Set(peaks)
        for t in returns.indices {
            starts.append(start)
            if depths[t].depth == 0 || old.contains(t) { start = t + 1 }
        }
        for t in places { tie(t, since: starts[t], least: 0, most: caps[t]) }
        total = 1 - full.reduce(0, +)
        sharing = places.count
        for t in peaks { tie(t, since: starts[t], least: 0, most: 1) }
        var weights = [Double](repeating: 0, count: returns.count)
        for t in returns.indices where full[t] != 0 {
            for s in starts[t]...t { weights[s] += full[t] }
        }
        add(weights)
        for (place, peak) in peaks.enumerated() {
            var flow = Flow(kept: sharing + place, fixed: 0, arriving: [])
            for t in returns.indices where t > peak && starts[t] == peak + 1 { flow.fixed += full[t] }
            for (index, tie) in ties.enumerated() where tie.scenario > peak && starts[tie.scenario] == peak + 1 {
                flow.arriving.append(index)
            }
            flows.append(flow)
        }
    }

    /// How far the running sum is below its peak, and how far it rose above the one before.
    private func depths(of returns: [Double]) -> [(depth: Double, above: Double)] {
        var (sum, peak) = (0.0, 0.0)
        return returns.map { value in
            sum += value
            let above = max(0, sum - peak)
            peak = max(peak, sum)
            return (peak - sum, above)
        }
    }

    private mutating func tie(_ scenario: Int, since start: Int, least: Double, most: Double) {
        let losses = fixed.indices.map { index in
            var sum = 0.0
            for t in start...scenario { sum -= scenarios[t, index] }
            return sum
        }
        ties.append(Tie(scenario: scenario, losses: losses, least: least, most: most))
    }
}
