internal import ConvexSolver
internal import Matrices
internal import PortfolioModel

/// What an allocation's worst expected return is below its expected one: size · √((w − a)ᵀΩ(w − a)) for an ellipsoid and
/// size · Σ √Ωᵢᵢ |wᵢ − aᵢ| for a box.
///
/// The first takes a column t with ‖F(w − a)‖ ≤ t. In the second each weight whose side of aᵢ is known lowers its own
/// return, and every other takes a column of its own (docs/mathematics.md, "Robust optimization").
struct UncertaintyPenalty: Sendable {
    /// A column t ≥ ‖F(w − a)‖, FᵀF = Ω / unit².
    struct Cone: Sendable {
        var column: Int
        /// The rows of F over the problem's instruments.
        var rows: [(columns: [Int], values: [Double])]
        /// Fa, with what only the benchmark holds.
        var anchorRows: [Double]
        /// What one unit of t costs.
        var price: Double

        /// t at weights.
        func value(at weights: ArraySlice<Double>) -> Double {
            var total = 0.0
            for (row, anchor) in zip(rows, anchorRows) {
                var sum = -anchor
                for (column, value) in zip(row.columns, row.values) { sum += value * weights[column] }
                total += sum * sum
            }
            return total.squareRoot()
        }
    }

    /// A column u ≥ |wᵢ − aᵢ|.
    struct Deviation: Sendable {
        var column: Int
        var instrument: Int
        /// aᵢ.
        var anchor: Double
        /// What one unit of u costs.
        var price: Double
    }

    /// By how much each return is lower for the worst case, over the problem's instruments.
    var haircuts: [Double]
    /// The cost of what only the benchmark holds.
    var constant = 0.0
    /// The column of an ellipsoid.
    var cone: Cone?
    /// The columns of a box.
    var deviations: [Deviation] = []

    /// Whether it takes columns of its own.
    var hasColumns: Bool { cone != nil || !deviations.isEmpty }

    /// What its columns cost, one unit each.
    var prices: [(column: Int, price: Double)] {
        (cone.map { [($0.column, $0.price)] } ?? []) + deviations.map { ($0.column, $0.price) }
    }

    /// Makes the penalty of an uncertainty, and the columns it needs.
    ///
    /// - Parameters:
    ///   - uncertainty: that of the expected returns.
    ///   - anchor: a over all of the uncertainty's instruments; nil stands for 0.
    ///   - floors: the least each of the problem's weights may be.
    ///   - addColumn: makes a further column.
    init(
        _ uncertainty: ReturnUncertainty,
        anchor: [Double]?,
        floors: [Double],
        addColumn: () -> Int
    ) {
        haircuts = [Double](repeating: 0, count: floors.count)
        let variances = uncertainty.covariance.diagonal
        let anchor = anchor ?? [Double](repeating: 0, count: variances.count)
        guard uncertainty.isBox else {
            let unit = powerOfTwo(near: (variances.max() ?? 0).squareRoot())
            let factor = VolatilityFactor(uncertainty.covariance.scaled(by: 1 / (unit * unit)))
            cone = Cone(
                column: addColumn(),
                rows: factor.rows.map { row in
                    let own = row.columns.indices.filter { row.columns[$0] < floors.count }
                    return (own.map { row.columns[$0] }, own.map { row.values[$0] })
                },
                anchorRows: factor.rows.map { row in
                    zip(row.columns, row.values).reduce(0) { $0 + anchor[$1.0] * $1.1 }
                },
                price: uncertainty.size * unit
            )
            return
        }
        for (index, variance) in variances.enumerated() {
            let error = uncertainty.size * max(0, variance).squareRoot()
            if index >= floors.count {
                constant += error * anchor[index].magnitude
            } else if anchor[index] <= floors[index] {
                haircuts[index] = error
                constant -= error * anchor[index]
            } else {
                deviations.append(
                    Deviation(column: addColumn(), instrument: index, anchor: anchor[index], price: error)
                )
            }
        }
    }

    /// What it takes from the return of weights.
    func cost(of weights: [Double]) -> Double {
        var total = zip(haircuts, weights).reduce(constant) { $0 + $1.0 * $1.1 }
        if let cone { total += cone.price * cone.value(at: weights[...]) }
        for deviation in deviations {
            total += deviation.price * (weights[deviation.instrument] - deviation.anchor).magnitude
        }
        return total
    }

    /// Sets its columns at a point to what its weights make them.
    func settle(_ point: inout [Double], instrumentCount: Int) {
        if let cone { point[cone.column] = cone.value(at: point[..<instrumentCount]) }
        for deviation in deviations {
            point[deviation.column] = (point[deviation.instrument] - deviation.anchor).magnitude
        }
    }
}

extension AllocationLimits {
    /// A point with the columns of penalties at exactly what its weights make them.
    func settled(_ point: [Double]) -> [Double] {
        guard !penalties.isEmpty else { return point }
        var settled = point
        for penalty in penalties { penalty.settle(&settled, instrumentCount: layout.instrumentCount) }
        return settled
    }

    /// Whether a penalty takes columns of its own.
    var hasPenaltyColumns: Bool { penalties.contains { $0.hasColumns } }
}

extension ProgramBuilder {
    /// Adds the cones of penalties, slack (t, F(w − a)), to rows that end a program.
    func addPenaltyCones(_ rows: inout [SparseProgram.Row], _ bounds: inout [Double]) -> [Cone] {
        limits.penalties.compactMap(\.cone).map { cone in
            rows.append(SparseProgram.Row(columns: [cone.column], coefficients: [-1]))
            bounds.append(0)
            for (row, anchor) in zip(cone.rows, cone.anchorRows) {
                var entry = SparseProgram.Row(columns: row.columns, coefficients: row.values.map { -$0 })
                if let scaleColumn, anchor != 0 {
                    entry.columns.append(scaleColumn)
                    entry.coefficients.append(anchor)
                }
                rows.append(entry)
                bounds.append(isHomogeneous ? 0 : -anchor)
            }
            return .secondOrder(cone.rows.count + 1)
        }
    }
}
