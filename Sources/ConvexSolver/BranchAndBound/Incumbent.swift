/// The best solution so far.
struct Incumbent {
    let solution: ConicSolution
    let sides: [DisjunctionSide]
    /// The size below which the objective counts as zero; gaps are relative to at least this.
    let objectiveFloor: Double

    var objective: Double { solution.objective }

    /// (objective − bound) relative to the larger of them; 0 when the bound is not below.
    func relativeGap(to bound: Double) -> Double {
        let difference = objective - bound
        guard difference > 0 else { return 0 }
        return difference / max(objective.magnitude, bound.magnitude, objectiveFloor)
    }

    /// The bound from which on a node cannot improve by more than the relative gap.
    func cutoff(relativeGap: Double) -> Double { objective - relativeGap * max(objective.magnitude, objectiveFloor) }
}
