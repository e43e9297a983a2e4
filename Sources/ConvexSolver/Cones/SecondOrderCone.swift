/// The algebra of one second-order cone {(t, u) : ‖u‖ ≤ t}, on a range of rows of longer vectors.
///
/// J = diag(1, −1, …, −1); (a ∘ b) = (aᵀb, a₀ b₁ + b₀ a₁).
enum SecondOrderCone {
    /// ‖u‖, without overflow for the sizes of equilibrated problems.
    @inline(__always)
    static func tailNorm(_ v: [Double], _ rows: Range<Int>) -> Double {
        var sum = 0.0
        for i in (rows.lowerBound + 1)..<rows.upperBound { sum += v[i] * v[i] }
        return sum.squareRoot()
    }

    /// vᵀJv as a product, which cancels less than a difference of squares.
    @inline(__always)
    static func determinant(_ v: [Double], _ rows: Range<Int>) -> Double {
        let tail = tailNorm(v, rows)
        return (v[rows.lowerBound] - tail) * (v[rows.lowerBound] + tail)
    }

    /// t − ‖u‖: positive inside, the smaller eigenvalue of v.
    @inline(__always)
    static func margin(_ v: [Double], _ rows: Range<Int>) -> Double { v[rows.lowerBound] - tailNorm(v, rows) }

    /// The largest step α ≥ 0 with v + α d in the cone, for v inside; infinite when d never leaves.
    static func stepToBoundary(_ v: [Double], _ d: [Double], _ rows: Range<Int>) -> Double {
        // det(v + αd) = a α² + 2 b α + c; its smallest positive root is where the ray leaves.
        let first = rows.lowerBound
        var cross = v[first] * d[first]
        for i in (first + 1)..<rows.upperBound { cross -= v[i] * d[i] }
        let a = determinant(d, rows)
        let b = cross
        let c = max(determinant(v, rows), 0)
        if b >= 0 {
            guard a < 0 else { return .infinity }
            return -(b + (b * b - a * c).squareRoot()) / a
        }
        let discriminant = b * b - a * c
        guard discriminant >= 0 else { return .infinity }
        return c / (discriminant.squareRoot() - b)
    }

    /// Writes a ∘ b into `result`.
    static func product(_ a: [Double], _ b: [Double], _ rows: Range<Int>, into result: inout [Double]) {
        let first = rows.lowerBound
        var inner = 0.0
        for i in rows { inner += a[i] * b[i] }
        let (a0, b0) = (a[first], b[first])
        for i in (first + 1)..<rows.upperBound { result[i] = a0 * b[i] + b0 * a[i] }
        result[first] = inner
    }

    /// Writes the v with λ ∘ v = d into `result`.
    static func divide(_ d: [Double], by lambda: [Double], _ rows: Range<Int>, into result: inout [Double]) {
        let first = rows.lowerBound
        let l0 = lambda[first]
        let det = determinant(lambda, rows)
        var inner = 0.0
        for i in (first + 1)..<rows.upperBound { inner += lambda[i] * d[i] }
        let d0 = d[first]
        let head = (l0 * d0 - inner) / det
        for i in (first + 1)..<rows.upperBound { result[i] = (d[i] - head * lambda[i]) / l0 }
        result[first] = head
    }
}
