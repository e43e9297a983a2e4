internal import Glibc

/// Where a risk or cost term stands in a program.
public struct EntropicValueAtRiskTerm: Equatable, Sendable {
    /// t + η log(1 / (1 − confidence)): minimise it or bound it from above.
    public let value: AffineExpression
    /// The column of η ≥ 0, the scale at which losses are weighed.
    public let scaleColumn: Int
    /// The first row of the first scenario's cone; the cones of the others follow, three rows each.
    ///
    /// The multiplier of a scenario's loss, which is its probability in the worst case, is minus the dual of the first of
    /// its three rows.
    public let firstRow: Int
}

// The terms. Each adds columns and rows and returns an expression that is equal to the function it names at any optimum
// which gains from that: an upper bound of a convex function, to be minimised or bounded from above, or a lower bound of
// a concave one.
extension ConicProgramBuilder {
    /// A lower bound of log e.
    ///
    /// (t, 1, e) in the exponential cone.
    ///
    /// - Parameter expression: e.
    /// - Returns: t.
    public mutating func logarithm(of expression: AffineExpression) -> AffineExpression {
        let bound = AffineExpression.variable(addColumn())
        require([bound, .constant(1), expression], in: .exponential)
        return bound
    }

    /// An upper bound of exp e.
    ///
    /// (e, 1, t) in the exponential cone.
    ///
    /// - Parameter expression: e.
    /// - Returns: t.
    public mutating func exponential(of expression: AffineExpression) -> AffineExpression {
        let bound = AffineExpression.variable(addColumn())
        require([expression, .constant(1), bound], in: .exponential)
        return bound
    }

    /// A lower bound of the entropy −e log e.
    ///
    /// (t, e, 1) in the exponential cone, which e ≥ 0 comes with.
    ///
    /// - Parameter expression: e.
    /// - Returns: t.
    public mutating func entropy(of expression: AffineExpression) -> AffineExpression {
        let bound = AffineExpression.variable(addColumn())
        require([bound, expression, .constant(1)], in: .exponential)
        return bound
    }

    /// An upper bound of the relative entropy e log(e / f).
    ///
    /// (−t, e, f) in the exponential cone, which e, f ≥ 0 come with.
    ///
    /// - Parameters:
    ///   - expression: e.
    ///   - reference: f.
    /// - Returns: t.
    public mutating func relativeEntropy(
        of expression: AffineExpression,
        to reference: AffineExpression
    ) -> AffineExpression {
        let bound = AffineExpression.variable(addColumn())
        require([bound * -1, expression, reference], in: .exponential)
        return bound
    }

    /// An upper bound of log Σ exp eᵢ.
    ///
    /// (eᵢ − t, 1, uᵢ) in the exponential cone, Σ uᵢ ≤ 1.
    ///
    /// - Parameter expressions: the eᵢ.
    /// - Returns: t.
    public mutating func logarithmOfSum(ofExponentials expressions: [AffineExpression]) -> AffineExpression {
        let bound = AffineExpression.variable(addColumn())
        var sum = AffineExpression.constant(1)
        for expression in expressions {
            let part = AffineExpression.variable(addColumn())
            sum = sum - part
            require([expression - bound, .constant(1), part], in: .exponential)
        }
        requireNonnegative(sum)
        return bound
    }

    /// An upper bound of |e|^p, p > 1: market impact grows with p = 3/2.
    ///
    /// (t, 1, e) in the power cone of exponent 1/p.
    ///
    /// - Parameters:
    ///   - exponent: p.
    ///   - expression: e.
    /// - Returns: t.
    public mutating func power(_ exponent: Double, of expression: AffineExpression) -> AffineExpression {
        let bound = AffineExpression.variable(addColumn())
        require([bound, .constant(1), expression], in: .power(1 / exponent))
        return bound
    }

    /// An upper bound of the entropic value at risk of losses.
    ///
    /// EVaR = min over η > 0 of η log(E[exp(L/η)] / (1 − confidence)), as t + η log(1 / (1 − confidence)) with
    /// (Lᵢ − t, η, uᵢ) in the exponential cone and Σ pᵢ uᵢ ≤ η. Adds T + 2 columns and 3T + 1 rows for T losses.
    ///
    /// - Parameters:
    ///   - losses: the loss of each scenario.
    ///   - probabilities: their probabilities, as many, positive.
    ///   - confidence: strictly between 0 and 1, 0.95 for the worst twentieth.
    /// - Returns: the bound, and where its rows are.
    /// - Throws: ``SolverError`` when a size, a probability or the confidence is not as said.
    /// - SeeAlso: Ahmadi-Javid, J. Optimization Theory and Applications 155 (2012); the cone form as in Cajas (2021).
    public mutating func entropicValueAtRisk(
        of losses: [AffineExpression],
        probabilities: [Double],
        confidence: Double
    ) throws(SolverError) -> EntropicValueAtRiskTerm {
        guard probabilities.count == losses.count else {
            throw SolverError.dimensionMismatch(
                what: "probabilities",
                expected: losses.count,
                actual: probabilities.count
            )
        }
        if let index = probabilities.firstIndex(where: { !($0 > 0 && $0.isFinite) }) {
            throw SolverError.outOfRange(what: "probabilities", index: index)
        }
        guard confidence > 0, confidence < 1 else { throw SolverError.outOfRange(what: "confidence", index: 0) }
        let level = AffineExpression.variable(addColumn())
        let scaleColumn = addColumn()
        let scale = AffineExpression.variable(scaleColumn)
        let firstRow = rowCount
        var room = scale
        for (loss, probability) in zip(losses, probabilities) {
            let part = AffineExpression.variable(addColumn())
            room = room - part * probability
            require([loss - level, scale, part], in: .exponential)
        }
        requireNonnegative(room)
        return EntropicValueAtRiskTerm(
            value: level + scale * -log(1 - confidence),
            scaleColumn: scaleColumn,
            firstRow: firstRow
        )
    }
}
