internal import ConvexSolver
internal import Matrices
internal import PortfolioModel

/// The programs of all periods as one, with the way back to each.
struct PathProgram {
    /// The whole, as programs are solved; its rows are those of the periods one after another, and the normalization.
    var whole: AllocationProgram
    /// The periods' own programs, without objectives.
    var stages: [AllocationProgram]
    /// The first column of each period.
    var firstColumns: [Int]
    /// The first row of each period.
    var firstRows: [Int]

    /// b where the weights' columns stand for y − κb, so that risk against a benchmark has no part of κ's.
    var shift: [Double]?

    /// What a period's first variables are at a point of the whole, divided by κ where there is one.
    func decision(_ primal: [Double], of stage: Int, count: Int) -> [Double] {
        let first = firstColumns[stage]
        let scale = whole.scaleColumn.map { primal[$0] } ?? 1
        var decision = primal[first..<(first + count)].map { $0 / scale }
        for (place, weight) in (shift ?? []).enumerated() { decision[place] += weight }
        return decision
    }

    /// The multipliers of a period's rows.
    func multipliers(_ dual: [Double], of stage: Int) -> [Double] {
        let first = firstRows[stage]
        guard dual.count >= first + stages[stage].sparse.rows.count else { return [] }
        return Array(dual[first..<(first + stages[stage].sparse.rows.count)])
    }
}

/// A benchmark that risk is measured against.
struct PathBenchmark {
    /// b of the problem's instruments.
    var weights: [Double]
    /// Σb and bᵀΣb, scaled.
    var covariances: [Double]
    var variance: Double
}

/// Makes the program of a path: the rows of every period, each tied to the weights of the one before.
struct PathProgramBuilder {
    let stages: [PathStage]
    var isHomogeneous = false
    /// Columns up to which a program is solved with dense systems.
    var largestDenseProgram = 600
    var relaxation: ProgramBuilder.Relaxation?
    /// Over the columns of each period, and of κ: the row of the objective's that must be 1.
    var normalization: (gains: [[Double]], constant: Double)?

    /// Assembles the program that minimises Σ ½ xₜᵀPxₜ + qₜᵀxₜ; nil when a row without variables cannot hold.
    ///
    /// - Parameters:
    ///   - quadratic: P over the weights of a period, scaled; nil for a linear objective.
    ///   - linear: q over the columns of each period; nil for none.
    ///   - benchmark: what the quadratic part is measured against, homogenised.
    /// - Returns: the program; nil when a row without variables cannot hold.
    func program(
        quadratic: CovarianceModel?,
        linear: [[Double]]?,
        benchmark: PathBenchmark? = nil
    ) -> PathProgram? {
        var path = PathProgram(whole: .empty, stages: [], firstColumns: [], firstRows: [])
        var next = 0
        for stage in stages {
            path.firstColumns.append(next)
            next += stage.limits.layout.count
        }
        let scaleColumn = isHomogeneous ? next : nil
        next += isHomogeneous ? 1 : 0
        let relaxationColumn = relaxation == nil ? nil : next
        next += relaxation == nil ? 0 : 1
        let isLarge = next > largestDenseProgram
        if let benchmark, isLarge { path.shift = benchmark.weights }
        var rows: [SparseProgram.Row] = []
        var bounds: [Double] = []
        var cones: [Cone] = []
        for (index, stage) in stages.enumerated() {
            guard let own = program(of: stage) else { return nil }
            path.firstRows.append(rows.count)
            var tied = tied(
                own,
                index,
                path.firstColumns,
                scaleColumn: scaleColumn,
                relaxationColumn: relaxationColumn
            )
            if let scaleColumn { shift(&tied, by: path.shift, path.firstColumns, scaleColumn: scaleColumn) }
            rows += tied
            bounds += own.sparse.bounds
            cones += own.sparse.cones
            path.stages.append(own)
        }
        if let normalization, let scaleColumn {
            var row = [row(of: normalization, path.firstColumns, scaleColumn: scaleColumn)]
            shift(&row, by: path.shift, path.firstColumns, scaleColumn: scaleColumn)
            rows += row
            bounds.append(1)
            cones.append(.zero(1))
        }
        var q = [Double](repeating: 0, count: next)
        for (first, own) in zip(path.firstColumns, linear ?? []) {
            for (column, value) in own.enumerated() { q[first + column] = value }
        }
        if let relaxationColumn { q[relaxationColumn] = 1 }
        path.whole.sparse = SparseProgram(
            curvature: curvature(
                quadratic,
                path.firstColumns,
                count: next,
                benchmark: isLarge ? nil : benchmark,
                scaleColumn: scaleColumn
            ),
            linear: q,
            rows: rows,
            bounds: bounds,
            cones: cones
        )
        path.whole.scaleColumn = scaleColumn
        path.whole.relaxationColumns = relaxationColumn.map { $0..<($0 + 1) } ?? 0..<0
        return path
    }

    /// The rows of one period over its own columns.
    private func program(of stage: PathStage) -> AllocationProgram? {
        var builder = ProgramBuilder(limits: stage.limits, isHomogeneous: isHomogeneous)
        builder.relaxations = relaxation.map { [$0] } ?? []
        if !stage.limits.volatilityLimits.isEmpty {
            builder.volatility = (stage.method.scaling.factor, stage.method.scaling.volatilityUnit)
        }
        builder.withThresholds = false
        let zero = [Double](repeating: 0, count: builder.columnCount)
        return builder.program(quadratic: nil, linear: zero)
    }

    /// A period's rows over the columns of the whole, what is sold tied to the weights before.
    private func tied(
        _ own: AllocationProgram,
        _ index: Int,
        _ firstColumns: [Int],
        scaleColumn: Int?,
        relaxationColumn: Int?
    ) -> [SparseProgram.Row] {
        let stage = stages[index]
        let count = stage.limits.layout.count
        var rows = own.sparse.rows
        for row in rows.indices {
            for (place, column) in rows[row].columns.enumerated() {
                var moved = firstColumns[index] + column
                if column >= count { moved = (column == own.scaleColumn ? scaleColumn : relaxationColumn) ?? moved }
                rows[row].columns[place] = moved
            }
        }
        guard index > 0 else { return rows }
        for (row, origin) in own.origins.enumerated() {
            guard let expression = origin.expression else { continue }
            if origin.side == .lower, let held = stage.ties[expression] {
                // −s − w ≤ −w₋, whose right side is a variable here.
                rows[row].columns.append(firstColumns[index - 1] + held)
                rows[row].coefficients.append(1 / origin.scale)
            } else if let held = stage.changes[expression] {
                // ±(w − w₋) ≤ most, likewise.
                rows[row].columns.append(firstColumns[index - 1] + held)
                rows[row].coefficients.append((origin.side == .lower ? 1 : -1) / origin.scale)
            }
        }
        return rows
    }

    /// Puts y = a + κb into rows over y: κ's entry grows by what b is worth in them.
    private func shift(
        _ rows: inout [SparseProgram.Row],
        by weights: [Double]?,
        _ firstColumns: [Int],
        scaleColumn: Int
    ) {
        guard let weights else { return }
        var benchmark = [Double](repeating: 0, count: scaleColumn)
        for first in firstColumns {
            for (place, weight) in weights.enumerated() { benchmark[first + place] = weight }
        }
        for index in rows.indices {
            var worth = 0.0
            for (column, value) in zip(rows[index].columns, rows[index].coefficients) where column < scaleColumn {
                worth += value * benchmark[column]
            }
            guard worth != 0 else { continue }
            if let place = rows[index].columns.firstIndex(of: scaleColumn) {
                rows[index].coefficients[place] += worth
            } else {
                rows[index].columns.append(scaleColumn)
                rows[index].coefficients.append(worth)
            }
        }
    }

    private func row(
        of normalization: (gains: [[Double]], constant: Double),
        _ firstColumns: [Int],
        scaleColumn: Int
    ) -> SparseProgram.Row {
        var row = SparseProgram.Row(columns: [], coefficients: [])
        for (first, gains) in zip(firstColumns, normalization.gains) {
            for (column, gain) in gains.enumerated() where gain != 0 {
                row.columns.append(first + column)
                row.coefficients.append(gain)
            }
        }
        if normalization.constant != 0 {
            row.columns.append(scaleColumn)
            row.coefficients.append(normalization.constant)
        }
        return row
    }

    /// The curvature of the weights of every period; nil for a linear objective of a small program.
    ///
    /// Small programs are solved with dense systems, which polish their answers; large ones stage by stage.
    private func curvature(
        _ covariance: CovarianceModel?,
        _ firstColumns: [Int],
        count: Int,
        benchmark: PathBenchmark?,
        scaleColumn: Int?
    ) -> Curvature? {
        if count > largestDenseProgram { return inStages(covariance, count: count) }
        guard let matrix = covariance?.multipliedOut() else { return nil }
        var whole = DenseMatrix(rows: count, columns: count)
        for first in firstColumns {
            for j in 0..<matrix.columns {
                for i in 0..<matrix.rows { whole[first + i, first + j] = matrix[i, j] }
            }
            guard let benchmark, let scaleColumn else { continue }
            for (j, value) in benchmark.covariances.enumerated() {
                whole[first + j, scaleColumn] = -value
                whole[scaleColumn, first + j] = -value
            }
            whole[scaleColumn, scaleColumn] += benchmark.variance
        }
        return .dense(whole)
    }

    /// One curvature a period, each in parts, and none for the columns after them.
    private func inStages(_ covariance: CovarianceModel?, count: Int) -> Curvature {
        var parts: FactorCovariance?
        switch covariance {
        case .factors(let model): parts = model
        case .dense(let matrix):
            let root = volatilityFactor(of: matrix)
            parts = FactorCovariance(
                exposuresTransposed: root,
                factorCovariance: .identity(root.rows),
                specificVariance: [Double](repeating: 0, count: matrix.rows)
            )
        case nil: break
        }
        var curvatures: [Curvature] = []
        var last = count
        for stage in stages {
            let columns = stage.limits.layout.count
            curvatures.append(parts.map { CovarianceModel.factors($0).curvature(over: columns) } ?? Self.none(columns))
            last -= columns
        }
        return .stages(last > 0 ? curvatures + [Self.none(last)] : curvatures)
    }

    private static func none(_ count: Int) -> Curvature {
        .factors(
            FactorCurvature(
                exposuresTransposed: DenseMatrix(rows: 0, columns: count),
                factorCovariance: DenseMatrix(rows: 0, columns: 0),
                residual: [Double](repeating: 0, count: count)
            )
        )
    }
}
