internal import ConvexSolver
internal import LinearAlgebra
internal import Matrices

/// CVaR of an allocation: the mean loss of the tail.
struct TailRisk: ScenarioRisk {
    let scenarios: Scenarios
    let confidence: Double

    func value(ofProfile profile: [Double]) -> Double {
        let q = tailWeights(losses: profile.map { -$0 }, scenarios.probabilities, confidence: confidence)
        return -dot(q, profile)
    }

    func weighting(ofProfile profile: [Double]) -> [Double] {
        tailWeights(losses: profile.map { -$0 }, scenarios.probabilities, confidence: confidence)
    }

    var hinges: HingeForm? {
        HingeForm(
            scenarios: scenarios,
            centres: [Double](repeating: 0, count: scenarios.returns.columns),
            weights: scenarios.probabilities.map { $0 / (1 - confidence) },
            hasLevel: true
        )
    }
}

/// The largest loss of any scenario that can happen.
struct WorstRisk: ScenarioRisk {
    let scenarios: Scenarios

    func value(ofProfile profile: [Double]) -> Double { -profile[worst(profile)] }

    func weighting(ofProfile profile: [Double]) -> [Double] {
        var q = [Double](repeating: 0, count: profile.count)
        q[worst(profile)] = 1
        return q
    }

    private func worst(_ profile: [Double]) -> Int {
        var index = 0
        var least = Double.infinity
        for t in profile.indices where scenarios.probabilities[t] > 0 && profile[t] < least {
            (index, least) = (t, profile[t])
        }
        return index
    }

    var hinges: HingeForm? {
        HingeForm(
            scenarios: scenarios,
            centres: [Double](repeating: 0, count: scenarios.returns.columns),
            weights: scenarios.probabilities.map { $0 > 0 ? 1 : 0 },
            hasLevel: true
        )
    }
}

/// The mean distance from the mean.
struct AbsoluteDeviationRisk: ScenarioRisk {
    let scenarios: Scenarios

    func value(ofProfile profile: [Double]) -> Double {
        let mean = scenarios.mean(of: profile)
        return profile.indices.reduce(0) { $0 + scenarios.probabilities[$1] * (profile[$1] - mean).magnitude }
    }

    func weighting(ofProfile profile: [Double]) -> [Double] {
        let mean = scenarios.mean(of: profile)
        return scenarios.centred(profile.indices.map { profile[$0] < mean ? 2 * scenarios.probabilities[$0] : 0 })
    }

    var hinges: HingeForm? {
        HingeForm(
            scenarios: scenarios,
            centres: scenarios.returns.transposedTimes(scenarios.probabilities),
            weights: scenarios.probabilities.map { 2 * $0 },
            hasLevel: false
        )
    }
}

/// The root of the mean squared shortfall below the mean.
struct SemiDeviationRisk: ScenarioRisk {
    let scenarios: Scenarios

    func value(ofProfile profile: [Double]) -> Double {
        let mean = scenarios.mean(of: profile)
        var sum = 0.0
        for t in profile.indices where profile[t] < mean {
            sum += scenarios.probabilities[t] * (profile[t] - mean) * (profile[t] - mean)
        }
        return sum.squareRoot()
    }

    func weighting(ofProfile profile: [Double]) -> [Double] {
        let mean = scenarios.mean(of: profile)
        let deviation = value(ofProfile: profile)
        guard deviation > 0 else { return [Double](repeating: 0, count: profile.count) }
        return scenarios.centred(
            profile.indices.map { scenarios.probabilities[$0] * max(mean - profile[$0], 0) / deviation }
        )
    }

    /// (Σ over the shortfalls of pₜ dₜdₜᵀ − ggᵀ)/ρ, dₜ = r̄ − rₜ.
    func curvature(atProfile profile: [Double]) -> DenseMatrix? {
        let deviation = value(ofProfile: profile)
        guard deviation > 0 else { return nil }
        let mean = scenarios.mean(of: profile)
        let short = profile.indices.filter { profile[$0] < mean }
        let means = scenarios.returns.transposedTimes(scenarios.probabilities)
        let n = scenarios.returns.columns
        var rows = DenseMatrix(rows: short.count, columns: n)
        for j in 0..<n {
            for (i, t) in short.enumerated() {
                rows[i, j] = scenarios.probabilities[t].squareRoot() * (means[j] - scenarios.returns[t, j])
            }
        }
        return rows.gram().minusSquare(of: gradient(atProfile: profile)).multiplied(by: 1 / deviation)
    }
}

extension DenseMatrix {
    /// The matrix times a number.
    func multiplied(by factor: Double) -> DenseMatrix {
        let scaled = [Double](unsafeUninitializedCapacity: elements.count) { target, count in
            elements.withUnsafeBufferPointer { source in
                for i in 0..<source.count { target[i] = factor * source[i] }
            }
            count = elements.count
        }
        return DenseMatrix(rows: rows, columns: columns, columnMajor: scaled)
    }

    /// The matrix less ggᵀ.
    func minusSquare(of g: [Double]) -> DenseMatrix {
        var result = self
        for j in 0..<columns {
            for i in 0..<rows { result.elements[j * rows + i] -= g[i] * g[j] }
        }
        return result
    }
}

/// The tail's probabilities over its mass: the largest losses, the last of them in part, 0 elsewhere; sum 1.
///
/// Losses that are equal to rounding share what is left in proportion to their probabilities.
///
/// - Complexity: O(T) on average.
func tailWeights(losses: [Double], _ probabilities: [Double], confidence: Double) -> [Double] {
    let mass = 1 - confidence
    var q = [Double](repeating: 0, count: losses.count)
    let level = tailLevel(losses: losses, probabilities, mass: mass)
    let size = losses.reduce(0) { max($0, $1.magnitude) }
    let tie = 1e-13 * size
    var (above, equal) = (0.0, 0.0)
    for t in losses.indices {
        if losses[t] > level + tie {
            above += probabilities[t]
        } else if losses[t] >= level - tie {
            equal += probabilities[t]
        }
    }
    let share = equal > 0 ? min(1, max(0, mass - above) / equal) : 0
    for t in losses.indices {
        if losses[t] > level + tie {
            q[t] = probabilities[t] / mass
        } else if losses[t] >= level - tie {
            q[t] = share * probabilities[t] / mass
        }
    }
    // Roundings of the sums must not leave the weights short of 1.
    let total = q.reduce(0, +)
    return total > 0 ? q.map { $0 / total } : q
}

/// The largest loss that the mass of the larger ones and its own reaches the tail's: the value-at-risk's upper end.
private func tailLevel(losses: [Double], _ probabilities: [Double], mass: Double) -> Double {
    var indices = losses.indices.filter { probabilities[$0] > 0 }
    var left = mass * (1 - 1e-13)
    // Quickselect with the probability as the count; the middle of three keeps it deterministic and quick on sorted data.
    while indices.count > 8 {
        let three = [indices[0], indices[indices.count / 2], indices[indices.count - 1]].map { losses[$0] }.sorted()
        let pivot = three[1]
        var (above, equal) = (0.0, 0.0)
        for t in indices {
            if losses[t] > pivot { above += probabilities[t] } else if losses[t] == pivot { equal += probabilities[t] }
        }
        if above >= left {
            indices = indices.filter { losses[$0] > pivot }
        } else if above + equal >= left {
            return pivot
        } else {
            left -= above + equal
            indices = indices.filter { losses[$0] < pivot }
        }
    }
    let sorted = indices.sorted { losses[$0] > losses[$1] }
    for t in sorted {
        left -= probabilities[t]
        if left <= 0 { return losses[t] }
    }
    return sorted.last.map { losses[$0] } ?? 0
}
