internal import LinearAlgebra
internal import Matrices
internal import PortfolioModel

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

/// A factor of a covariance, Σ = FᵀF, row by row with its entries.
struct VolatilityFactor: Sendable {
    /// The rows of F.
    let rows: [(columns: [Int], values: [Double])]

    /// No factor: where nothing needs one.
    static let none = VolatilityFactor(rows: [])

    private init(rows: [(columns: [Int], values: [Double])]) { self.rows = rows }

    /// Factors Σ; that of a factor model is ( L Bᵀ ; √D ) with LᵀL its factors' covariance, k + n rows of which only k
    /// are full.
    init(_ covariance: CovarianceModel) {
        switch covariance {
        case .dense(let matrix): rows = Self.rows(of: volatilityFactor(of: matrix))
        case .factors(let model):
            let common = volatilityFactor(of: model.factorCovariance).times(model.exposures)
            let specific = model.specificVariance.indices.filter { model.specificVariance[$0] > 0 }
            rows =
                Self.rows(of: common)
                + specific.map { (columns: [$0], values: [model.specificVariance[$0].squareRoot()]) }
        }
    }

    private static func rows(of matrix: DenseMatrix) -> [(columns: [Int], values: [Double])] {
        (0..<matrix.rows).map { i in
            let columns = (0..<matrix.columns).filter { matrix[i, $0] != 0 }
            return (columns, columns.map { matrix[i, $0] })
        }
    }
}
