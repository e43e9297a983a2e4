/// The derivatives of a barrier −log r(z) − Σ cᵢ log |zᵢ| at a point.
package struct BarrierDerivatives: Sendable {
    /// ∇r / r.
    let slope: Vector3
    /// ∇²r / r.
    let curvature: Matrix3
    /// ∂(∇²r)/∂zᵢ / r, one matrix for each i.
    let third: (Matrix3, Matrix3, Matrix3)
    /// cᵢ.
    let weights: Vector3
    /// 1 / zᵢ where cᵢ is not 0.
    let reciprocals: Vector3
    /// Vectors whose outer products sum to ∇²f*; nothing cancels in that sum, as it does between the terms above.
    ///
    /// Five of them, the last 0 for cones that need four; not an array, so that a scaling is copied without counting.
    let squares: (Vector3, Vector3, Vector3, Vector3, Vector3)

    /// ∇f*.
    package var gradient: Vector3 { -slope - weights * reciprocals }

    /// ∇²f* v.
    package func hessianTimes(_ v: Vector3) -> Vector3 {
        let (a, b, c, d, e) = squares
        return a * a.dot(v) + b * b.dot(v) + c * c.dot(v) + d * d.dot(v) + e * e.dot(v)
    }

    /// ∇³f*[u, v], a vector.
    package func thirdTimes(_ u: Vector3, _ v: Vector3) -> Vector3 {
        let (alongU, alongV) = (slope.dot(u), slope.dot(v))
        let (bentU, bentV) = (curvature.times(u), curvature.times(v))
        let twist = Vector3(u.dot(third.0.times(v)), u.dot(third.1.times(v)), u.dot(third.2.times(v)))
        let ofLogarithm = slope * (bentU.dot(v) - 2 * alongU * alongV) + bentU * alongV + bentV * alongU - twist
        return ofLogarithm - 2 * weights * u * v * reciprocals * reciprocals * reciprocals
    }

    /// The triangular factor of ∇²f*.
    package var hessianFactor: TriangularFactor3? {
        TriangularFactor3([squares.0, squares.1, squares.2, squares.3, squares.4])
    }
}

/// R, upper triangular, with RᵀR = Σ vvᵀ over some vectors v.
package struct TriangularFactor3: Sendable {
    private let r11: Double
    private let r12: Double
    private let r13: Double
    private let r22: Double
    private let r23: Double
    private let r33: Double

    /// Modified Gram–Schmidt on the matrix whose rows are the vectors; nil when they do not span the space.
    init?(_ vectors: [Vector3]) {
        var (a, b, c) = (vectors.map(\.x), vectors.map(\.y), vectors.map(\.z))
        r11 = Self.length(a)
        guard r11 > 0 else { return nil }
        for k in a.indices { a[k] /= r11 }
        r12 = Self.removePart(along: a, from: &b)
        r13 = Self.removePart(along: a, from: &c)
        r22 = Self.length(b)
        guard r22 > 0 else { return nil }
        for k in b.indices { b[k] /= r22 }
        r23 = Self.removePart(along: b, from: &c)
        r33 = Self.length(c)
        guard r33 > 0, (r11 + r22 + r33).isFinite else { return nil }
    }

    private static func length(_ v: [Double]) -> Double { v.reduce(0) { $0 + $1 * $1 }.squareRoot() }

    private static func removePart(along unit: [Double], from v: inout [Double]) -> Double {
        let part = zip(unit, v).reduce(0) { $0 + $1.0 * $1.1 }
        for k in v.indices { v[k] -= part * unit[k] }
        return part
    }

    /// R⁻ᵀ v.
    package func solveTransposed(_ v: Vector3) -> Vector3 {
        let first = v.x / r11
        let second = (v.y - r12 * first) / r22
        return Vector3(first, second, (v.z - r13 * first - r23 * second) / r33)
    }

    /// R⁻¹ v.
    package func solve(_ v: Vector3) -> Vector3 {
        let third = v.z / r33
        let second = (v.y - r23 * third) / r22
        return Vector3((v.x - r12 * second - r13 * third) / r11, second, third)
    }
}
