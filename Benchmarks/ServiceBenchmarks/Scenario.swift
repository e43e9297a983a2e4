import Foundation

/// Something to measure on a running stack.
protocol Scenario {
    /// A word to choose it by.
    var name: String { get }
    /// What is measured, in a line.
    var summary: String { get }

    /// Measures; throws when an answer is wrong, since a fast wrong answer is worth nothing.
    func measure(_ site: Site) throws -> [Figure]
}

/// One number of a scenario.
struct Figure {
    var name: String
    var value: Double
    var unit: String
    /// What it must reach, if anything is set.
    var goal: Goal?
    /// The single measurements the value is the median of.
    var samples: [Double] = []

    /// What a figure must reach.
    enum Goal {
        case atLeast(Double)
        case atMost(Double)
    }

    /// Whether the goal is met; nil without one.
    var meetsGoal: Bool? {
        switch goal {
        case .atLeast(let limit): value >= limit
        case .atMost(let limit): value <= limit
        case nil: nil
        }
    }

    /// The figure as a line of the table.
    var line: String {
        let name = name.padding(toLength: 44, withPad: " ", startingAt: 0)
        let number = String(format: value < 10 ? "%12.3f" : "%12.1f", value)
        let goal =
            switch goal {
            case .atLeast(let limit): "  goal ≥ \(limit)" + (meetsGoal == true ? "" : "  MISSED")
            case .atMost(let limit): "  goal ≤ \(limit)" + (meetsGoal == true ? "" : "  MISSED")
            case nil: ""
            }
        return "\(name) \(number) \(unit)\(goal)"
    }
}

/// The value below which a share of the measurements lies; 0 of none.
func percentile(_ share: Double, of measurements: [Double]) -> Double {
    let sorted = measurements.sorted()
    guard !sorted.isEmpty else { return 0 }
    return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
}

func median(_ measurements: [Double]) -> Double { percentile(0.5, of: measurements) }

extension Duration {
    var milliseconds: Double { Double(components.seconds) * 1e3 + Double(components.attoseconds) / 1e15 }
}
