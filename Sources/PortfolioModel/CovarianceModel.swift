public import Matrices

/// An annual covariance, positive semidefinite: a matrix, or a factor model that is never multiplied out.
public enum CovarianceModel: Equatable, Sendable {
    /// Σ itself, n × n, both triangles stored.
    case dense(DenseMatrix)
    /// Σ = B F Bᵀ + D in its parts.
    case factors(FactorCovariance)

    /// n, the number of instruments.
    public var count: Int {
        switch self {
        case .dense(let matrix): matrix.rows
        case .factors(let model): model.specificVariance.count
        }
    }

    /// The numbers it is stored in.
    public var storedCount: Int {
        switch self {
        case .dense(let matrix): matrix.elements.count
        case .factors(let model):
            model.exposures.elements.count + model.factorCovariance.elements.count + model.specificVariance.count
        }
    }

    /// Whether its parts fit together, every number is one, and no variance is negative.
    public var isUsable: Bool {
        switch self {
        case .dense(let matrix):
            matrix.rows == matrix.columns && matrix.elements.allSatisfy(\.isFinite)
                && matrix.diagonal.allSatisfy { $0 >= 0 }
        case .factors(let model): model.isUsable
        }
    }

    /// The variances.
    public var diagonal: [Double] {
        switch self {
        case .dense(let matrix): matrix.diagonal
        case .factors(let model): (0..<count).map { model[$0, $0] }
        }
    }

    /// The covariance of two instruments; O(k²) for a factor model.
    public subscript(i: Int, j: Int) -> Double {
        switch self {
        case .dense(let matrix): matrix[i, j]
        case .factors(let model): model[i, j]
        }
    }

    /// The covariance of the given instruments, each once, in the given order.
    public func selecting(_ indices: [Int]) -> CovarianceModel {
        if indices.count == count, indices.elementsEqual(0..<count) { return self }
        switch self {
        case .dense(let matrix): return .dense(matrix.selecting(rows: indices, columns: indices))
        case .factors(let model): return .factors(model.selecting(indices))
        }
    }

    /// Σ as a matrix, for methods that need all its entries at once.
    ///
    /// - Complexity: O(n²) memory and, for a factor model, O(n² k) operations.
    public func multipliedOut() -> DenseMatrix {
        switch self {
        case .dense(let matrix): matrix
        case .factors(let model): model.multipliedOut()
        }
    }
}

/// The covariance of a factor model, Σ = B F Bᵀ + D, in its parts.
public struct FactorCovariance: Equatable, Sendable {
    /// Bᵀ, k × n: the k exposures of one instrument lie together.
    public var exposures: DenseMatrix
    /// F, k × k, annual, symmetric positive semidefinite.
    public var factorCovariance: DenseMatrix
    /// The diagonal of D, n, annual, none of it negative.
    public var specificVariance: [Double]

    /// Makes the covariance of its parts.
    ///
    /// - Parameters:
    ///   - exposuresTransposed: Bᵀ, k × n.
    ///   - factorCovariance: F, k × k.
    ///   - specificVariance: the diagonal of D, n.
    public init(exposuresTransposed: DenseMatrix, factorCovariance: DenseMatrix, specificVariance: [Double]) {
        exposures = exposuresTransposed
        self.factorCovariance = factorCovariance
        self.specificVariance = specificVariance
    }

    /// k.
    public var factorCount: Int { exposures.rows }

    var isUsable: Bool {
        exposures.columns == specificVariance.count && factorCovariance.rows == factorCount
            && factorCovariance.columns == factorCount && exposures.elements.allSatisfy(\.isFinite)
            && factorCovariance.elements.allSatisfy(\.isFinite)
            && factorCovariance.diagonal.allSatisfy { $0 >= 0 }
            && specificVariance.allSatisfy { $0 >= 0 && $0.isFinite }
    }

    /// The covariance of two instruments.
    ///
    /// - Complexity: O(k²).
    public subscript(i: Int, j: Int) -> Double {
        let left = exposures.column(i)
        let right = exposures.column(j)
        var sum = i == j ? specificVariance[i] : 0
        for (g, exposure) in right.enumerated() where exposure != 0 {
            var inner = 0.0
            for (f, value) in zip(left, factorCovariance.column(g)) { inner += f * value }
            sum += inner * exposure
        }
        return sum
    }

    func selecting(_ indices: [Int]) -> FactorCovariance {
        if indices.count == specificVariance.count, indices.elementsEqual(0..<indices.count) { return self }
        return FactorCovariance(
            exposuresTransposed: exposures.selecting(rows: Array(0..<factorCount), columns: indices),
            factorCovariance: factorCovariance,
            specificVariance: indices.map { specificVariance[$0] }
        )
    }

    func multipliedOut() -> DenseMatrix {
        let (n, k) = (specificVariance.count, factorCount)
        // F Bᵀ, column by column, then B (F Bᵀ) by columns of the lower triangle.
        var loaded = DenseMatrix(rows: k, columns: n)
        for j in 0..<n {
            for g in 0..<k {
                let exposure = exposures[g, j]
                if exposure == 0 { continue }
                for f in 0..<k { loaded[f, j] += factorCovariance[f, g] * exposure }
            }
        }
        var result = DenseMatrix(rows: n, columns: n)
        exposures.elements.withUnsafeBufferPointer { b in
            loaded.elements.withUnsafeBufferPointer { l in
                for j in 0..<n {
                    for i in j..<n {
                        var sum = i == j ? specificVariance[i] : 0
                        for f in 0..<k { sum += b[i * k + f] * l[j * k + f] }
                        result[i, j] = sum
                        result[j, i] = sum
                    }
                }
            }
        }
        return result
    }
}
