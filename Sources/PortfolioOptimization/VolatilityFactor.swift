internal import Matrices

/// Factors a positive semidefinite matrix as Σ = FᵀF by Cholesky's method with diagonal pivoting.
///
/// F has as many rows as Σ has rank, so that a singular covariance (the same instrument twice) is as good as any other.
///
/// - Parameter matrix: Σ, n × n, symmetric; only roundings may make it indefinite.
/// - Returns: F, rank × n.
/// - Complexity: O(n² · rank).
/// - SeeAlso: Higham, Accuracy and Stability of Numerical Algorithms (2002), section 10.3.
func volatilityFactor(of matrix: DenseMatrix) -> DenseMatrix {
    let n = matrix.rows
    // Columns of G = Fᵀ, one a pivot: Σ ≈ G Gᵀ.
    var columns: [[Double]] = []
    var remaining = matrix.diagonal
    let largest = remaining.max() ?? 0
    let negligible = largest * Double(n) * .ulpOfOne
    while columns.count < n {
        guard let pivot = remaining.indices.max(by: { remaining[$0] < remaining[$1] }), remaining[pivot] > negligible
        else { break }
        let root = remaining[pivot].squareRoot()
        var column = Array(matrix.column(pivot))
        for earlier in columns {
            let factor = earlier[pivot]
            if factor == 0 { continue }
            for i in 0..<n { column[i] -= factor * earlier[i] }
        }
        for i in 0..<n {
            column[i] /= root
            remaining[i] -= column[i] * column[i]
        }
        // Earlier pivots have nothing left; what rounding leaves there must not be chosen again.
        remaining[pivot] = -.infinity
        columns.append(column)
    }
    var factor = DenseMatrix(rows: columns.count, columns: n)
    for (i, column) in columns.enumerated() {
        for j in 0..<n { factor[i, j] = column[j] }
    }
    return factor
}

/// wᵀΣw, not below 0.
func variance(of weights: ArraySlice<Double>, _ covariance: DenseMatrix) -> Double {
    var total = 0.0
    let w = Array(weights)
    covariance.elements.withUnsafeBufferPointer { elements in
        for j in w.indices where w[j] != 0 {
            var product = 0.0
            let offset = j * covariance.rows
            for i in w.indices { product += elements[offset + i] * w[i] }
            total += product * w[j]
        }
    }
    return max(0, total)
}
