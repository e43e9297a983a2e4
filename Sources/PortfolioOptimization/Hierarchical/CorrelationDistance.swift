internal import LinearAlgebra
internal import Matrices

/// Distances between n instruments, a column at a time.
///
/// Clustering compares keys, which ascend with the distance; the distance itself is only computed where it is kept.
protocol DistanceSource {
    /// n.
    var count: Int { get }
    /// Writes the keys of the distances from instrument i to all others.
    func writeKeys(of i: Int, into keys: UnsafeMutableBufferPointer<Double>)
    /// The distance a key stands for.
    func distance(ofKey key: Double) -> Double
}

/// √((1 − ρ)/2) of the correlations in a covariance; the key is −ρ.
struct CorrelationDistance: DistanceSource {
    private let covariance: DenseMatrix
    private let reciprocals: [Double]

    /// - Parameter covariance: Σ, both triangles, all variances positive.
    init(_ covariance: DenseMatrix) {
        self.covariance = covariance
        reciprocals = covariance.diagonal.map { 1 / $0.squareRoot() }
    }

    var count: Int { covariance.rows }

    func writeKeys(of i: Int, into keys: UnsafeMutableBufferPointer<Double>) {
        let n = count
        let scale = reciprocals[i]
        covariance.elements.withUnsafeBufferPointer { elements in
            reciprocals.withUnsafeBufferPointer { reciprocals in
                for j in 0..<n {
                    // The product of the reciprocals first: the same number from either side.
                    let correlation = elements[i * n + j] * (scale * reciprocals[j])
                    keys[j] = -max(-1, min(1, correlation))
                }
            }
        }
    }

    func distance(ofKey key: Double) -> Double { ((1 + key) / 2).squareRoot() }
}

/// Distances from a symmetric matrix.
struct MatrixDistance: DistanceSource {
    let distances: DenseMatrix

    var count: Int { distances.rows }

    func writeKeys(of i: Int, into keys: UnsafeMutableBufferPointer<Double>) {
        distances.elements.withUnsafeBufferPointer { elements in
            for j in 0..<count { keys[j] = elements[i * count + j] }
        }
    }

    func distance(ofKey key: Double) -> Double { key }
}

extension DistanceSource {
    /// All distances, n × n, with zeros on the diagonal.
    var matrix: DenseMatrix {
        var result = DenseMatrix(rows: count, columns: count)
        result.elements.withUnsafeMutableBufferPointer { elements in
            for j in 0..<count {
                let column = UnsafeMutableBufferPointer(rebasing: elements[(j * count)..<((j + 1) * count)])
                writeKeys(of: j, into: column)
                for i in 0..<count { column[i] = i == j ? 0 : distance(ofKey: column[i]) }
            }
        }
        return result
    }

    /// The Euclidean distances between the columns of the matrix of distances: two instruments are near when they stand
    /// alike to all others.
    var distanceOfDistances: MatrixDistance {
        let inner = matrix
        var result = inner.gram()
        let squares = result.diagonal
        for j in 0..<count {
            for i in (j + 1)..<max(count, j + 1) {
                var square = squares[i] + squares[j] - 2 * result[i, j]
                // What is left of two nearly equal columns is rounding; it is computed from their difference instead.
                if square < nearlyEqual * (squares[i] + squares[j]) { square = squaredDifference(inner, i, j) }
                result[i, j] = square.squareRoot()
            }
            result[j, j] = 0
        }
        result.copyLowerTriangleToUpper()
        return MatrixDistance(distances: result)
    }

    private func squaredDifference(_ matrix: DenseMatrix, _ i: Int, _ j: Int) -> Double {
        var sum = 0.0
        for k in 0..<count {
            let difference = matrix[k, i] - matrix[k, j]
            sum += difference * difference
        }
        return sum
    }
}

/// Below this fraction of their sizes the square of a difference is not taken from a product.
private let nearlyEqual = 1e-4
