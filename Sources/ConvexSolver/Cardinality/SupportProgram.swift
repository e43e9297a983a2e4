internal import Matrices

/// Solves the program exactly with the variables that are in given, and remembers what it solved.
struct SupportProgram {
    /// The best point with a given support.
    struct Answer {
        var point: [Double]
        var objective: Double
        var infeasibility: Double
        /// How far the objective may be above the optimum with this support.
        var suboptimality: Double
    }

    /// What a support came to.
    enum Outcome {
        case solved(Answer)
        case infeasible
        /// No method found an answer: it proves nothing.
        case unsolved
    }

    let program: CardinalityProgram
    private var known: Set<[Int]> = []

    init(_ program: CardinalityProgram) { self.program = program }

    /// How many supports were solved.
    var solved: Int { known.count }

    /// Whether a support was solved before.
    func isKnown(_ support: [Int]) -> Bool { known.contains(support) }

    /// The best point with the given variables in, ascending.
    mutating func solve(_ support: [Int]) -> Outcome {
        known.insert(support)
        guard !support.isEmpty else { return origin }
        if let answer = activeSet(support) { return .solved(answer) }
        return interiorPoint(support)
    }

    /// The point without any variable in.
    private var origin: Outcome {
        guard program.rows.allSatisfy({ $0.lower <= 0 && $0.upper >= 0 }) else { return .infeasible }
        let point = [Double](repeating: 0, count: program.variableCount)
        return .solved(Answer(point: point, objective: 0, infeasibility: 0, suboptimality: 0))
    }

    private func activeSet(_ support: [Int]) -> Answer? {
        let part = ParametricProgram(
            curvature: .dense(program.quadratic.selecting(rows: support, columns: support)),
            linear: support.map { program.linear[$0] },
            lower: support.map { program.lower[$0] },
            upper: support.map { program.upper[$0] },
            rows: program.rows.map { row in
                ParametricProgram.Row(
                    coefficients: support.map { row.coefficients[$0] },
                    lower: row.lower,
                    upper: row.upper
                )
            }
        )
        guard let solver = try? ActiveSetSolver(part), let solution = try? solver.solve() else { return nil }
        return Answer(
            point: spread(solution.point, support),
            objective: solution.check.objective,
            infeasibility: solution.check.infeasibility,
            suboptimality: solution.check.suboptimality
        )
    }

    /// The same by the interior point, which also tells when there is no point.
    private func interiorPoint(_ support: [Int]) -> Outcome {
        var equations: [(coefficients: [Double], bound: Double)] = []
        var inequalities: [(coefficients: [Double], bound: Double)] = []
        for row in program.rows {
            let part = support.map { row.coefficients[$0] }
            if row.lower == row.upper {
                equations.append((part, row.upper))
                continue
            }
            if row.upper < .infinity { inequalities.append((part, row.upper)) }
            if row.lower > -.infinity { inequalities.append((part.map { -$0 }, -row.lower)) }
        }
        for (place, j) in support.enumerated() {
            var unit = [Double](repeating: 0, count: support.count)
            unit[place] = 1
            inequalities.append((unit, program.upper[j]))
            unit[place] = -1
            inequalities.append((unit, -program.lower[j]))
        }
        let all = equations + inequalities
        guard let constraints = DenseMatrix(rows: all.map(\.coefficients)) else { return .unsolved }
        let problem = ConicProblem(
            quadratic: program.quadratic.selecting(rows: support, columns: support),
            linear: support.map { program.linear[$0] },
            constraints: constraints,
            bounds: all.map(\.bound),
            cones: [.zero(equations.count), .nonnegative(inequalities.count)]
        )
        guard let solution = try? InteriorPointSolver(problem).solve() else { return .unsolved }
        switch solution.status {
        case .primalInfeasible: return .infeasible
        case .solved:
            return .solved(
                Answer(
                    point: spread(solution.primal, support),
                    objective: solution.objective,
                    infeasibility: solution.primalResidual,
                    suboptimality: solution.relativeGap * solution.objective.magnitude
                )
            )
        default: return .unsolved
        }
    }

    private func spread(_ values: [Double], _ support: [Int]) -> [Double] {
        var point = [Double](repeating: 0, count: program.variableCount)
        for (place, j) in support.enumerated() { point[j] = values[place] }
        return point
    }
}
