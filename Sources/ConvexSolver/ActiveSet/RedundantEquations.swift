internal import LinearAlgebra

extension ParametricProgram {
    /// An equation whose part that the others do not explain is below this share of it depends on them.
    private static let dependence = 1e-11

    /// Equations that follow from others, given the variables that cannot move; a working set must not hold them.
    ///
    /// Gram–Schmidt over the equations in their order; where such an equation contradicts the others no point meets it,
    /// which the check of the solution finds.
    func redundantEquations() -> [Int] {
        let equations = rows.indices.filter { rows[$0].lower == rows[$0].upper }
        guard equations.count > 1 else { return [] }
        var basis: [[Double]] = []
        var redundant: [Int] = []
        for r in equations {
            var rest = rows[r].coefficients
            for j in rest.indices where lower[j] == upper[j] { rest[j] = 0 }
            let size = norm2(rest)
            // Twice is enough: the second pass removes what rounding left of the first.
            for _ in 0..<2 {
                for direction in basis { axpy(-dot(direction, rest), direction, into: &rest) }
            }
            let length = norm2(rest)
            if length <= Self.dependence * size {
                redundant.append(r)
            } else {
                basis.append(rest.map { $0 / length })
            }
        }
        return redundant
    }
}
