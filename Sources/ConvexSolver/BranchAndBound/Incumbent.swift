/// The best solution so far.
struct Incumbent {
    let solution: ConicSolution
    let sides: [DisjunctionSide]

    var objective: Double { solution.objective }

    /// (objective − bound) relative to the larger of them; 0 when the bound is not below.
    func relativeGap(to bound: Double) -> Double {
        let difference = objective - bound
        guard difference > 0 else { return 0 }
        return difference / max(objective.magnitude, bound.magnitude)
    }

    /// The bound from which on a node cannot improve by more than the relative gap.
    func cutoff(relativeGap: Double) -> Double { objective - relativeGap * objective.magnitude }
}
