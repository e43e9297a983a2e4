internal import ConvexSolver
internal import Matrices
internal import PortfolioModel

/// An objective put together of terms over several periods: the sum of what they come to in each.
///
/// A period's terms are of its own weights, forecasts and trades from the period before.
struct ComposedPath {
    private let problem: AllocationProblem
    private let stages: [PathStage]
    /// The terms of each period, in one unit.
    private let periods: [ComposedObjective]
    /// What a unit of the program's objective is worth.
    let unit: Double

    init(_ problem: AllocationProblem, stages: [PathStage]) throws(OptimizationFailure) {
        guard let charges = problem.charges, !stages.isEmpty else {
            throw numericalDifficulty("the terms have no charges")
        }
        self.problem = problem
        self.stages = stages
        let own = stages.map { ComposedObjective($0.method.problem, limits: $0.limits, charges: charges) }
        let unit = own.reduce(0) { max($0, $1.unit) }
        periods = stages.map {
            ComposedObjective($0.method.problem, limits: $0.limits, charges: charges, unit: unit)
        }
        self.unit = unit
    }

    // MARK: Program

    /// −Σ of what is linear, over each period's columns, divided by the unit.
    ///
    /// The cost of |w − w₋| is rate · (w − w₋ + 2s): what w pays in its own period it gets back in the next.
    var linear: [[Double]] {
        var rows = zip(stages, periods).map { $1.linear(count: $0.limits.layout.count) }
        let cost = periods[0].chargeWeights.cost
        for index in rows.indices.dropLast() {
            for (place, rate) in periods[0].charges.proportional.enumerated() {
                rows[index][place] += cost * rate / unit
            }
        }
        return rows
    }

    /// P of variance and concentration over a period's instruments, and over cash where it is free; nil without either.
    var quadratic: CovarianceModel? { periods[0].quadratic }

    /// Whether some term needs a cone: such programs are solved in one piece, not stage by stage.
    var hasCones: Bool {
        if periods[0].chargeWeights.cost < 0, periods[0].charges.impact.contains(where: { $0 > 0 }) { return true }
        return problem.terms.contains { $0.kind == .risk || $0.kind == .trackingError }
    }

    /// Adds the cones of every period, in columns and rows after those of the limits.
    func addCones(to program: inout PathProgram) {
        guard hasCones else { return }
        var builder = SparseProgramBuilder(extending: program.whole.sparse)
        for (index, period) in periods.enumerated() {
            let before = index == 0 ? nil : program.firstColumns[index - 1]
            period.addCones(firstColumn: program.firstColumns[index], before: before, to: &builder)
        }
        let curvature = program.whole.sparse.curvature
        program.whole.sparse = builder.program
        if let curvature {
            let more = builder.columnCount - curvature.order
            program.whole.sparse.curvature = .padded(curvature, more: more, constant: 0)
        }
    }

    // MARK: Values

    /// What the weighted terms come to on a path of weights with cash last, all periods together.
    func value(of path: [[Double]]) throws(OptimizationFailure) -> Double {
        var sum = 0.0
        var before = problem.currentWeights + [problem.currentCash]
        for (index, point) in path.enumerated() {
            let own = problem.ofPeriod(index, from: Array(before.dropLast()), cash: before.last ?? 0)
            let terms = ComposedObjective(own, limits: stages[index].limits, charges: periods[0].charges, unit: unit)
            for value in try terms.values(weights: Array(point.dropLast()), cash: point.last ?? 0) {
                sum += value.contribution
            }
            before = point
        }
        return sum
    }
}
