/// A sum of multiples of variables and a constant.
public struct AffineExpression: Equatable, Sendable {
    /// One multiple of a variable.
    public struct Term: Equatable, Sendable {
        /// The variable's column.
        public var column: Int
        /// What it is multiplied by.
        public var coefficient: Double

        /// Makes a term of its parts.
        public init(column: Int, coefficient: Double) {
            self.column = column
            self.coefficient = coefficient
        }
    }

    /// The multiples of variables; a column may occur more than once.
    public var terms: [Term]
    /// The constant.
    public var constant: Double

    /// Makes an expression of its parts.
    public init(terms: [Term] = [], constant: Double = 0) {
        self.terms = terms
        self.constant = constant
    }

    /// A constant alone.
    ///
    /// - Parameter value: the constant.
    /// - Returns: the expression without variables.
    public static func constant(_ value: Double) -> AffineExpression { AffineExpression(constant: value) }

    /// A multiple of one variable.
    ///
    /// - Parameters:
    ///   - column: the variable's column.
    ///   - coefficient: what it is multiplied by.
    /// - Returns: the expression with this term alone.
    public static func variable(_ column: Int, times coefficient: Double = 1) -> AffineExpression {
        AffineExpression(terms: [Term(column: column, coefficient: coefficient)])
    }

    /// cᵀx over the columns from `firstColumn` on, without the entries that are 0.
    ///
    /// - Parameters:
    ///   - coefficients: c.
    ///   - firstColumn: the column of c's first entry.
    /// - Returns: the expression.
    public static func product(_ coefficients: [Double], firstColumn: Int = 0) -> AffineExpression {
        AffineExpression(
            terms: coefficients.enumerated().filter { $0.element != 0 }.map {
                Term(column: firstColumn + $0.offset, coefficient: $0.element)
            }
        )
    }

    /// The sum of two expressions.
    public static func + (left: AffineExpression, right: AffineExpression) -> AffineExpression {
        AffineExpression(terms: left.terms + right.terms, constant: left.constant + right.constant)
    }

    /// The difference of two expressions.
    public static func - (left: AffineExpression, right: AffineExpression) -> AffineExpression { left + right * -1 }

    /// A multiple of an expression.
    public static func * (expression: AffineExpression, factor: Double) -> AffineExpression {
        AffineExpression(
            terms: expression.terms.map { Term(column: $0.column, coefficient: $0.coefficient * factor) },
            constant: expression.constant * factor
        )
    }

    /// The value at a point.
    ///
    /// - Parameter x: a point with all columns of the expression.
    /// - Returns: the sum.
    public func value(at x: [Double]) -> Double {
        terms.reduce(constant) { $0 + $1.coefficient * x[$1.column] }
    }
}
