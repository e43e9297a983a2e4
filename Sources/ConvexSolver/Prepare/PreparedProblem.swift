internal import LinearAlgebra
internal import Matrices

/// What a block of rows must satisfy.
enum ConeKind: Equatable, Sendable {
    case zero
    case nonnegative
    case secondOrder
    case exponential
    case power(exponent: Double)

    /// Whether its rows are one constraint, so that they share a unit; rows of the other kinds stand for themselves.
    var isCurved: Bool { self != .zero && self != .nonnegative }

    /// What it is to the interior point, if it is not symmetric.
    var nonsymmetricCone: (any NonsymmetricCone)? {
        switch self {
        case .zero, .nonnegative, .secondOrder: nil
        case .exponential: ExponentialCone()
        case .power(let exponent): PowerCone(exponent: exponent)
        }
    }
}

/// Rows of one kind that follow each other.
struct ConeBlock: Equatable, Sendable {
    let kind: ConeKind
    let rows: Range<Int>
}

/// A problem as the solver works on it: rows by support, cones as ranges.
struct PreparedProblem: Sendable {
    /// P, symmetric; the lower triangle is read.
    ///
    /// Empty where `factored` holds it.
    var quadratic: DenseMatrix
    /// P in its parts, for problems too large to multiply it out.
    var factored: FactoredQuadratic?
    /// q, n.
    var linear: [Double]
    /// A, m × n.
    var rows: ConstraintRows
    /// b, m.
    var bounds: [Double]
    /// K, block by block; a second-order cone of dimension 1 is a nonnegative row.
    let blocks: [ConeBlock]
    /// Whether P has an entry at all.
    let hasQuadratic: Bool

    /// Whether some cone is neither polyhedral nor second-order.
    var hasNonsymmetricCone: Bool { blocks.contains { $0.kind.nonsymmetricCone != nil } }
    var variableCount: Int { linear.count }
    var rowCount: Int { bounds.count }

    init(_ problem: ConicProblem) {
        self.init(
            quadratic: problem.quadratic,
            linear: problem.linear,
            rows: ConstraintRows(problem.constraints),
            bounds: problem.bounds,
            blocks: Self.blocks(of: problem.cones)
        )
    }

    init(
        quadratic: DenseMatrix,
        linear: [Double],
        rows: ConstraintRows,
        bounds: [Double],
        blocks: [ConeBlock],
        factored: FactoredQuadratic? = nil
    ) {
        self.quadratic = quadratic
        self.factored = factored
        self.linear = linear
        self.rows = rows
        self.bounds = bounds
        self.blocks = blocks
        hasQuadratic =
            factored.map { $0.rank > 0 || $0.diagonal.contains { $0 != 0 } }
            ?? quadratic.elements.contains { $0 != 0 }
    }

    /// P x.
    func quadraticTimes(_ x: [Double]) -> [Double] {
        hasQuadratic ? factored?.times(x) ?? quadratic.symmetricTimes(x) : [Double](repeating: 0, count: x.count)
    }

    static func blocks(of cones: [Cone]) -> [ConeBlock] {
        var blocks: [ConeBlock] = []
        var first = 0
        for cone in cones where cone.dimension > 0 {
            let rows = first..<(first + cone.dimension)
            first += cone.dimension
            switch cone {
            case .zero: blocks.append(ConeBlock(kind: .zero, rows: rows))
            case .nonnegative: blocks.append(ConeBlock(kind: .nonnegative, rows: rows))
            case .secondOrder(let dimension):
                blocks.append(ConeBlock(kind: dimension == 1 ? .nonnegative : .secondOrder, rows: rows))
            case .exponential: blocks.append(ConeBlock(kind: .exponential, rows: rows))
            case .power(let exponent): blocks.append(ConeBlock(kind: .power(exponent: exponent), rows: rows))
            }
        }
        return blocks
    }
}
