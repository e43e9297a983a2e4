internal import ConvexSolver
internal import Matrices
internal import PortfolioModel

/// The choices of a value-at-risk as a program: a column z for each scenario that may or may not be dropped.
struct QuantileChoices {
    /// The program with its further columns and rows.
    let conic: ConicProblem
    let disjunctions: [Disjunction]
    /// The scenarios with a choice.
    let open: [Int]
    /// No allocation has a lower value-at-risk, in units of the column.
    let leastRisk: Double

    init(_ risk: QuantileRisk, _ program: AllocationProgram, column: Int, unit: Double) {
        let scenarios = risk.scenarios
        let (count, n) = (scenarios.count, scenarios.returns.columns)
        let caps = WeightRanges(program)
        let ranges = (0..<count).map { t in
            caps.range(of: (0..<n).map { -scenarios.returns[t, $0] / unit })
        }
        let least = QuantileRisk(scenarios: scenarios, confidence: risk.confidence)
            .value(ofProfile: ranges.map { -$0.low })
        leastRisk = least
        let possible = (0..<count).filter { scenarios.probabilities[$0] > 0 && ranges[$0].high > least }
        let budget = 1 - risk.confidence + QuantileRisk.rounding
        open = possible.filter { scenarios.probabilities[$0] <= budget }
        var extended = program.sparse
        extended.linear += [Double](repeating: 0, count: open.count)
        let first = program.sparse.variableCount
        var rows = [LinearRow(columns: [column], coefficients: [-1], upperBound: -least)]
        let place = Dictionary(uniqueKeysWithValues: open.enumerated().map { ($1, first + $0) })
        for t in possible {
            var row = LinearRow(
                columns: Array(0..<n) + [column],
                coefficients: (0..<n).map { -scenarios.returns[t, $0] / unit } + [-1],
                upperBound: 0
            )
            if let z = place[t] {
                row.columns.append(z)
                row.coefficients.append(-(ranges[t].high - least))
            }
            rows.append(row)
        }
        for z in open.indices {
            rows.append(LinearRow(columns: [first + z], coefficients: [1], upperBound: 1))
            rows.append(LinearRow(columns: [first + z], coefficients: [-1], upperBound: 0))
        }
        if !open.isEmpty {
            let mass = open.map { scenarios.probabilities[$0] }
            let largest = mass.max() ?? 1
            rows.append(
                LinearRow(
                    columns: open.indices.map { first + $0 },
                    coefficients: mass.map { $0 / largest },
                    upperBound: budget / largest
                )
            )
        }
        extended.append(rows)
        conic = extended.multipliedOut
        disjunctions =
            program.disjunctions
            + open.indices.map { z in
                Disjunction(
                    off: [LinearRow(columns: [first + z], coefficients: [1], upperBound: 0, isEquality: true)],
                    on: [LinearRow(columns: [first + z], coefficients: [1], upperBound: 1, isEquality: true)]
                )
            }
    }
}

/// Between what weights can lie, as far as bounds on single ones and a sum of at most 1 tell.
private struct WeightRanges {
    private var upper: [Double]
    private var lower: [Double]

    init(_ program: AllocationProgram) {
        let n = program.instrumentCount
        upper = [Double](repeating: 1, count: n)
        lower = [Double](repeating: 0, count: n)
        guard program.relaxationColumns.isEmpty else { return }
        var first = 0
        for cone in program.sparse.cones {
            var isEquation = false
            if case .zero = cone { isEquation = true }
            if case .secondOrder = cone {
                first += cone.dimension
                continue
            }
            for row in first..<(first + cone.dimension) { take(program.sparse, row, isEquation: isEquation, n) }
            first += cone.dimension
        }
    }

    private mutating func take(_ program: SparseProgram, _ row: Int, isEquation: Bool, _ n: Int) {
        let entries = zip(program.rows[row].columns, program.rows[row].coefficients).filter { $1 != 0 }
        guard entries.count == 1, let (j, value) = entries.first, j < n else { return }
        let bound = program.bounds[row] / value
        if isEquation || value > 0 { upper[j] = min(upper[j], max(0, bound)) }
        if isEquation || value < 0 { lower[j] = max(lower[j], min(bound, 1)) }
    }

    /// The least and the most of Σ cᵢwᵢ with Σw ≤ 1.
    func range(of coefficients: [Double]) -> (low: Double, high: Double) {
        (-most(of: coefficients.map { -$0 }), most(of: coefficients))
    }

    private func most(of coefficients: [Double]) -> Double {
        var left = max(0, 1 - lower.reduce(0, +))
        var sum = zip(coefficients, lower).reduce(0) { $0 + $1.0 * $1.1 }
        for j in coefficients.indices.sorted(by: { coefficients[$0] > coefficients[$1] }) where coefficients[j] > 0 {
            let part = min(left, max(0, upper[j] - lower[j]))
            sum += part * coefficients[j]
            left -= part
            if left <= 0 { break }
        }
        return sum
    }
}
