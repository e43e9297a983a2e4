internal import Matrices

/// Checks that the parts of a problem fit together and are finite, before anything is computed with them.
enum Validation {
    /// Throws the first mistake found.
    static func check(_ problem: ConicProblem) throws(SolverError) {
        let n = problem.variableCount
        let m = problem.rowCount
        try expect(problem.quadratic.rows, n, "rows of P")
        try expect(problem.quadratic.columns, n, "columns of P")
        try expect(problem.constraints.rows, m, "rows of A")
        try expect(problem.constraints.columns, n, "columns of A")
        guard problem.cones.allSatisfy({ $0.dimension >= 0 }) else {
            throw SolverError.dimensionMismatch(what: "smallest cone dimension", expected: 0, actual: -1)
        }
        try checkExponents(problem.cones)
        try expect(problem.cones.reduce(0) { $0 + $1.dimension }, m, "dimension of the cones")
        try expectFinite(problem.quadratic.elements, "P")
        try expectFinite(problem.linear, "q")
        try expectFinite(problem.constraints.elements, "A")
        try expectFinite(problem.bounds, "b")
    }

    /// Throws when a power cone has an exponent that makes none.
    static func checkExponents(_ cones: [Cone]) throws(SolverError) {
        for (index, cone) in cones.enumerated() {
            if case .power(let exponent) = cone, !(exponent > 0 && exponent < 1) {
                throw SolverError.outOfRange(what: "exponent of a power cone", index: index)
            }
        }
    }

    private static func expect(_ actual: Int, _ expected: Int, _ what: String) throws(SolverError) {
        guard actual == expected else {
            throw SolverError.dimensionMismatch(what: what, expected: expected, actual: actual)
        }
    }

    fileprivate static func expectFinite(_ values: [Double], _ what: String) throws(SolverError) {
        for (index, value) in values.enumerated() where !value.isFinite {
            throw SolverError.notFinite(what: what, index: index)
        }
    }
}

extension Validation {
    /// Throws the first mistake found in the rows of disjunctions over n variables.
    static func check(_ disjunctions: [Disjunction], variableCount n: Int) throws(SolverError) {
        for disjunction in disjunctions {
            for row in disjunction.off + disjunction.on {
                let count = row.columns.count
                guard row.coefficients.count == count else {
                    throw SolverError.dimensionMismatch(
                        what: "coefficients of a disjunction's row",
                        expected: count,
                        actual: row.coefficients.count
                    )
                }
                for column in row.columns where !(0..<n).contains(column) {
                    throw SolverError.dimensionMismatch(
                        what: "column of a disjunction's row",
                        expected: n,
                        actual: column
                    )
                }
                try expectFinite(row.coefficients + [row.upperBound], "a disjunction's row")
            }
        }
    }
}
