internal import Matrices

/// Assembles a program from expressions, or extends one that there is already.
///
/// Rows and columns of a program that is extended keep their places, so that what knows them goes on knowing them; new
/// ones come after. Nothing is checked here: ``InteriorPointSolver/solve(shouldStop:)`` refuses what does not fit.
public struct ConicProgramBuilder: Sendable {
    /// A row aᵀx + s = b.
    private struct Row {
        var terms: [AffineExpression.Term]
        var bound: Double
    }

    private let base: ConicProblem
    private var rows: [Row] = []
    private var cones: [Cone] = []
    private var costs: [AffineExpression.Term] = []
    /// How many columns there are so far.
    public private(set) var columnCount: Int

    /// How many rows there are so far, which is the place of the next one.
    public var rowCount: Int { base.rowCount + rows.count }

    /// Begins with a program whose rows, columns and objective stay.
    public init(extending problem: ConicProblem) {
        base = problem
        columnCount = problem.variableCount
    }

    /// Begins with variables alone.
    public init(columnCount: Int) {
        self.init(
            extending: ConicProblem(
                quadratic: DenseMatrix(rows: columnCount, columns: columnCount),
                linear: [Double](repeating: 0, count: columnCount),
                constraints: DenseMatrix(rows: 0, columns: columnCount),
                bounds: [],
                cones: []
            )
        )
    }

    /// A further variable, free of limits.
    ///
    /// - Returns: its column.
    public mutating func addColumn() -> Int {
        columnCount += 1
        return columnCount - 1
    }

    /// Adds a multiple of an expression to what is minimised; its constant is left out.
    public mutating func addCost(_ expression: AffineExpression, times factor: Double = 1) {
        costs += (expression * factor).terms
    }

    /// Requires an expression to be 0.
    public mutating func requireZero(_ expression: AffineExpression) { require([expression], in: .zero(1)) }

    /// Requires an expression to be at least 0.
    public mutating func requireNonnegative(_ expression: AffineExpression) {
        require([expression], in: .nonnegative(1))
    }

    /// Requires a vector of expressions to be in a cone of as many rows.
    public mutating func require(_ expressions: [AffineExpression], in cone: Cone) {
        for expression in expressions {
            let terms = expression.terms.map {
                AffineExpression.Term(column: $0.column, coefficient: -$0.coefficient)
            }
            rows.append(Row(terms: terms, bound: expression.constant))
        }
        // Rows of one polyhedral kind that follow each other are one block.
        switch (cones.last, cone) {
        case (.zero(let count), .zero(let more)): cones[cones.count - 1] = .zero(count + more)
        case (.nonnegative(let count), .nonnegative(let more)): cones[cones.count - 1] = .nonnegative(count + more)
        default: cones.append(cone)
        }
    }

    /// The program as it stands.
    public var problem: ConicProblem {
        let first = base.variableCount
        var quadratic = DenseMatrix(rows: columnCount, columns: columnCount)
        for j in 0..<min(first, base.quadratic.columns) {
            for i in 0..<min(first, base.quadratic.rows) { quadratic[i, j] = base.quadratic[i, j] }
        }
        var linear = base.linear + [Double](repeating: 0, count: columnCount - first)
        for term in costs { linear[term.column] += term.coefficient }
        var constraints = DenseMatrix(rows: rowCount, columns: columnCount)
        for j in 0..<first {
            for i in 0..<base.rowCount { constraints[i, j] = base.constraints[i, j] }
        }
        for (position, row) in rows.enumerated() {
            for term in row.terms { constraints[base.rowCount + position, term.column] += term.coefficient }
        }
        return ConicProblem(
            quadratic: quadratic,
            linear: linear,
            constraints: constraints,
            bounds: base.bounds + rows.map(\.bound),
            cones: base.cones + cones
        )
    }
}
