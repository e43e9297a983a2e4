/// Extends a program in its parts by columns, rows and costs; rows and columns that there are keep their places.
///
/// As ``ConicProgramBuilder``, for programs too large for matrices. Nothing is checked here:
/// ``InteriorPointSolver/solve(shouldStop:)`` refuses what does not fit.
public struct SparseProgramBuilder: Sendable {
    /// The program as it stands.
    public private(set) var program: SparseProgram

    /// Begins with a program.
    public init(extending program: SparseProgram) { self.program = program }

    /// How many columns there are so far.
    public var columnCount: Int { program.variableCount }

    /// A further variable, free of limits.
    ///
    /// - Returns: its column.
    public mutating func addColumn() -> Int {
        program.linear.append(0)
        switch program.curvature {
        case nil: break
        case .padded(let base, let more, 0): program.curvature = .padded(base, more: more + 1, constant: 0)
        case .some(let curvature): program.curvature = .padded(curvature, more: 1, constant: 0)
        }
        return columnCount - 1
    }

    /// Adds a multiple of an expression to what is minimised; its constant is left out.
    public mutating func addCost(_ expression: AffineExpression, times factor: Double = 1) {
        for term in expression.terms { program.linear[term.column] += term.coefficient * factor }
    }

    /// Requires an expression to be at least 0.
    public mutating func requireNonnegative(_ expression: AffineExpression) {
        require([expression], in: .nonnegative(1))
    }

    /// Requires a vector of expressions to be in a cone of as many rows.
    public mutating func require(_ expressions: [AffineExpression], in cone: Cone) {
        for expression in expressions {
            program.rows.append(SparseProgram.Row(negated: expression))
            program.bounds.append(expression.constant)
        }
        // Rows of one polyhedral kind that follow each other are one block.
        switch (program.cones.last, cone) {
        case (.zero(let count), .zero(let more)): program.cones[program.cones.count - 1] = .zero(count + more)
        case (.nonnegative(let count), .nonnegative(let more)):
            program.cones[program.cones.count - 1] = .nonnegative(count + more)
        default: program.cones.append(cone)
        }
    }

    /// An upper bound of the length of a vector.
    ///
    /// - Parameter expressions: the vector's entries.
    /// - Returns: t with (t, e) in the second-order cone.
    public mutating func length(of expressions: [AffineExpression]) -> AffineExpression {
        let bound = AffineExpression.variable(addColumn())
        require([bound] + expressions, in: .secondOrder(expressions.count + 1))
        return bound
    }

    /// An upper bound of the sum of the squares of expressions.
    ///
    /// - Parameter expressions: what is squared.
    /// - Returns: t with (t + 1, t − 1, 2e) in the second-order cone: 4‖e‖² ≤ (t + 1)² − (t − 1)² = 4t.
    public mutating func sumOfSquares(of expressions: [AffineExpression]) -> AffineExpression {
        let bound = AffineExpression.variable(addColumn())
        let head = [bound + .constant(1), bound - .constant(1)]
        require(head + expressions.map { $0 * 2 }, in: .secondOrder(expressions.count + 2))
        return bound
    }

    /// A lower bound of the entropy −e ln e, with e ≥ 0.
    ///
    /// - Parameter expression: e.
    /// - Returns: t with (t, e, 1) in the exponential cone.
    public mutating func entropy(of expression: AffineExpression) -> AffineExpression {
        let bound = AffineExpression.variable(addColumn())
        require([bound, expression, .constant(1)], in: .exponential)
        return bound
    }

    /// An upper bound of |e|^p, p > 1.
    ///
    /// - Parameters:
    ///   - exponent: p.
    ///   - expression: e.
    /// - Returns: t with (t, 1, e) in the power cone of exponent 1/p.
    public mutating func power(_ exponent: Double, of expression: AffineExpression) -> AffineExpression {
        let bound = AffineExpression.variable(addColumn())
        require([bound, .constant(1), expression], in: .power(1 / exponent))
        return bound
    }
}

extension SparseProgram.Row {
    /// The row of an expression that is a slack: b − aᵀx with a = −coefficients, each column once.
    fileprivate init(negated expression: AffineExpression) {
        var columns: [Int] = []
        var coefficients: [Double] = []
        var place: [Int: Int] = [:]
        for term in expression.terms {
            if let known = place[term.column] {
                coefficients[known] -= term.coefficient
            } else {
                place[term.column] = columns.count
                columns.append(term.column)
                coefficients.append(-term.coefficient)
            }
        }
        self.init(columns: columns, coefficients: coefficients)
    }
}
