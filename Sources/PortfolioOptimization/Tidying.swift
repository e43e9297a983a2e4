internal import PortfolioModel

/// Weights without dust that sum to 1, cash among them.
///
/// Cleaning knows the bounds of a program; what moves an allocation after it (a step back inside a limit that just
/// touches, a mixture of two allocations) may leave roundings. They are of the order of 1e-12, so that no limit notices.
struct TidyWeights {
    /// A weight below this size is 0.
    static let dust = 1e-9
    /// A sum this close to 1 is 1.
    private static let exact = 2e-13

    private(set) var weights: [Double]
    private(set) var cash: Double
    /// Whether anything had to be moved.
    private(set) var isMoved = false

    init(_ weights: [Double], cash: Double, _ problem: AllocationProblem) {
        self.weights = weights
        self.cash = cash
        for index in weights.indices where weights[index] != 0 && abs(weights[index]) < Self.dust {
            self.weights[index] = 0
            isMoved = true
        }
        if cash != 0, abs(cash) < Self.dust { (self.cash, isMoved) = (0, true) }
        let missing = 1 - exactSum(self.weights + [self.cash])
        guard abs(missing) > Self.exact, abs(missing) < 1e-6 else { return }
        isMoved = true
        let limits = problem.constraints
        var best = (index: -1, size: 0.0, isInside: false)
        for (index, weight) in self.weights.enumerated() where weight != 0 {
            let id = problem.instruments[index].id
            let most = limits.maxWeights?[id] ?? limits.maxPositionSize ?? .infinity
            let least = limits.minWeights?[id] ?? limits.minPositionSize ?? -.infinity
            let isInside = weight + missing < most && weight + missing > least
            if (isInside && !best.isInside) || (isInside == best.isInside && abs(weight) > best.size) {
                best = (index, abs(weight), isInside)
            }
        }
        if best.index >= 0 { self.weights[best.index] += missing } else { self.cash += missing }
    }
}

extension AllocationSolution {
    /// The solution without dust, its weights summing to 1.
    func tidied(_ problem: AllocationProblem) -> AllocationSolution {
        let tidy = TidyWeights(weights, cash: cash, problem)
        guard tidy.isMoved else { return self }
        var solution = self
        (solution.weights, solution.cash) = (tidy.weights, tidy.cash)
        return solution
    }
}

/// A sum whose rounding does not grow with the number of terms (Neumaier's compensated sum).
func exactSum(_ terms: [Double]) -> Double {
    var (sum, lost) = (0.0, 0.0)
    for term in terms {
        let next = sum + term
        lost += abs(sum) >= abs(term) ? (sum - next) + term : (term - next) + sum
        sum = next
    }
    return sum + lost
}
