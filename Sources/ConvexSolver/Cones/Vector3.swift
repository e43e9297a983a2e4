/// Three numbers: a point of a nonsymmetric cone.
package typealias Vector3 = SIMD3<Double>

extension SIMD3<Double> {
    /// The three entries of v from `first` on.
    @inline(__always)
    init(_ v: [Double], at first: Int) { self.init(v[first], v[first + 1], v[first + 2]) }

    /// Writes the entries to `v` from `first` on.
    @inline(__always)
    func store(in v: inout [Double], at first: Int) {
        v[first] = x
        v[first + 1] = y
        v[first + 2] = z
    }

    @inline(__always)
    package func dot(_ other: Self) -> Double { x * other.x + y * other.y + z * other.z }

    @inline(__always)
    package func cross(_ other: Self) -> Self {
        Self(y * other.z - z * other.y, z * other.x - x * other.z, x * other.y - y * other.x)
    }

    package var norm: Double { dot(self).squareRoot() }

    package var isFinite: Bool { x.isFinite && y.isFinite && z.isFinite }
}

/// A 3 × 3 matrix by its columns.
package struct Matrix3: Equatable, Sendable {
    package var first: Vector3
    package var second: Vector3
    package var third: Vector3

    package init(_ first: Vector3, _ second: Vector3, _ third: Vector3) {
        self.first = first
        self.second = second
        self.third = third
    }

    package static var zero: Matrix3 { Matrix3(.zero, .zero, .zero) }

    /// Column i.
    package subscript(_ i: Int) -> Vector3 {
        get { i == 0 ? first : (i == 1 ? second : third) }
        set {
            switch i {
            case 0: first = newValue
            case 1: second = newValue
            default: third = newValue
            }
        }
    }

    /// M v.
    @inline(__always)
    package func times(_ v: Vector3) -> Vector3 { first * v.x + second * v.y + third * v.z }

    /// Mᵀ v.
    @inline(__always)
    package func transposedTimes(_ v: Vector3) -> Vector3 { Vector3(first.dot(v), second.dot(v), third.dot(v)) }

    /// Turns the columns among themselves until they are orthogonal, which leaves M Mᵀ what it was.
    ///
    /// One-sided Jacobi: columns of very different length come out with small relative errors each, which the
    /// eigenvectors of M Mᵀ would not.
    /// - SeeAlso: Demmel & Veselić, SIAM J. Matrix Analysis and Applications 13 (1992).
    mutating func orthogonalizeColumns() {
        for _ in 0..<Self.maximumSweeps {
            var isOrthogonal = true
            for (p, q) in [(0, 1), (0, 2), (1, 2)] {
                let (a, b) = (self[p], self[q])
                let (lengthA, lengthB, inner) = (a.dot(a), b.dot(b), a.dot(b))
                guard inner.magnitude > Self.orthogonality * (lengthA * lengthB).squareRoot() else { continue }
                isOrthogonal = false
                let zeta = (lengthB - lengthA) / (2 * inner)
                let tangent = (zeta >= 0 ? 1.0 : -1.0) / (zeta.magnitude + (1 + zeta * zeta).squareRoot())
                let cosine = 1 / (1 + tangent * tangent).squareRoot()
                self[p] = (a - b * tangent) * cosine
                self[q] = (b + a * tangent) * cosine
            }
            if isOrthogonal { return }
        }
    }

    private static let maximumSweeps = 12
    /// Cosine of an angle that counts as right.
    private static let orthogonality = 1e-15
}
