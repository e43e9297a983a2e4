/// Vectors shorter than this are handled by a plain loop: a call into BLAS costs more than it saves.
let shortVectorLength = 96

/// The inner product xᵀy.
///
/// - Complexity: O(n). The lengths must agree.
public func dot(_ x: [Double], _ y: [Double]) -> Double {
    precondition(x.count == y.count, "an inner product needs equal lengths")
    return x.withUnsafeBufferPointer { a in
        y.withUnsafeBufferPointer { b in
            guard a.count < shortVectorLength else { return BLAS.dot(a, b) }
            var sum = 0.0
            for i in 0..<a.count { sum += a[i] * b[i] }
            return sum
        }
    }
}

/// Adds α x to y in place.
///
/// - Complexity: O(n). The lengths must agree.
public func axpy(_ alpha: Double, _ x: [Double], into y: inout [Double]) {
    precondition(x.count == y.count, "axpy needs equal lengths")
    x.withUnsafeBufferPointer { a in
        y.withUnsafeMutableBufferPointer { b in
            guard a.count < shortVectorLength else { return BLAS.axpy(alpha, a, b) }
            for i in 0..<a.count { b[i] += alpha * a[i] }
        }
    }
}

/// The Euclidean norm ‖x‖₂, safe against overflow and underflow.
///
/// - Complexity: O(n).
public func norm2(_ x: [Double]) -> Double {
    x.withUnsafeBufferPointer { a in
        let largest = maximumMagnitude(of: a)
        guard largest > 0, largest.isFinite else { return largest }
        guard a.count < shortVectorLength else { return BLAS.norm2(a) }
        // Dividing by the largest entry keeps the squares in range.
        var sum = 0.0
        for value in a { sum += (value / largest) * (value / largest) }
        return largest * sum.squareRoot()
    }
}

/// The largest magnitude ‖x‖∞; 0 for an empty vector, NaN when an entry is NaN.
///
/// - Complexity: O(n).
public func normInfinity(_ x: [Double]) -> Double { x.withUnsafeBufferPointer { maximumMagnitude(of: $0) } }

/// The sum of magnitudes ‖x‖₁.
///
/// - Complexity: O(n).
public func norm1(_ x: [Double]) -> Double {
    var sum = 0.0
    for value in x { sum += value.magnitude }
    return sum
}

private func maximumMagnitude(of x: UnsafeBufferPointer<Double>) -> Double {
    var largest = 0.0
    for value in x {
        let magnitude = value.magnitude
        // A comparison with NaN is false, so a NaN would slip through `>`.
        if !(magnitude <= largest) { largest = magnitude }
        if magnitude.isNaN { return magnitude }
    }
    return largest
}
