internal import LinearAlgebra
internal import Matrices

/// The deepest drawdown of the uncompounded path, or the mean of the deepest.
///
/// A drawdown is the loss between the last peak and now, so its weights are 1 on the periods between.
struct DrawdownRisk: ScenarioRisk {
    let scenarios: Scenarios
    /// The confidence of a conditional drawdown; nil for the deepest alone.
    let confidence: Double?

    func value(ofProfile profile: [Double]) -> Double {
        let (depths, _) = drawdowns(profile)
        guard let confidence else { return depths.max() ?? 0 }
        return dot(tailWeights(losses: depths, scenarios.probabilities, confidence: confidence), depths)
    }

    func weighting(ofProfile profile: [Double]) -> [Double] {
        let (depths, peaks) = drawdowns(profile)
        var tail = [Double](repeating: 0, count: depths.count)
        if let confidence {
            tail = tailWeights(losses: depths, scenarios.probabilities, confidence: confidence)
        } else if let deepest = depths.indices.max(by: { depths[$0] < depths[$1] }) {
            tail[deepest] = 1
        }
        // Each drawdown counts on the periods after its peak up to itself: a difference at either end, summed up.
        var change = [Double](repeating: 0, count: depths.count + 1)
        for t in depths.indices where tail[t] != 0 && depths[t] > 0 {
            change[peaks[t]] += tail[t]
            change[t + 1] -= tail[t]
        }
        var q = [Double](repeating: 0, count: depths.count)
        var running = 0.0
        for t in q.indices {
            running += change[t]
            q[t] = max(0, running) < 1e-15 ? 0 : running
        }
        return q
    }

    /// How far the path is below its peak after each period, and the first period after that peak.
    private func drawdowns(_ profile: [Double]) -> (depths: [Double], peaks: [Int]) {
        var depths = [Double](repeating: 0, count: profile.count)
        var peaks = [Int](repeating: 0, count: profile.count)
        var (depth, peak) = (0.0, 0)
        for t in profile.indices {
            depth -= profile[t]
            if depth <= 0 { (depth, peak) = (0, t + 1) }
            (depths[t], peaks[t]) = (depth, peak)
        }
        return (depths, peaks)
    }
}
