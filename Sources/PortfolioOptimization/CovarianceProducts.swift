internal import ConvexSolver
internal import LinearAlgebra
internal import Matrices
public import PortfolioModel

extension CovarianceModel {
    /// Σw, for weights of which many may be 0.
    ///
    /// - Parameter weights: w, n.
    /// - Returns: Σw, n.
    /// - Complexity: O(n · held) for a matrix, O(nk + k²) for a factor model.
    public func times(_ weights: [Double]) -> [Double] {
        precondition(weights.count == count, "a weight for each instrument")
        switch self {
        case .dense(let matrix): return denseProduct(matrix, weights)
        case .factors(let model):
            let factors = model.factorCovariance.symmetricTimes(model.exposure(of: weights))
            var product = model.exposures.transposedTimes(factors)
            for (i, weight) in weights.enumerated() where weight != 0 {
                product[i] += model.specificVariance[i] * weight
            }
            return product
        }
    }

    /// wᵀΣw, not below 0.
    ///
    /// - Parameter weights: w, n.
    /// - Returns: the variance of the weights.
    /// - Complexity: O(n · held) for a matrix, O(held · k + k²) for a factor model.
    public func quadraticForm(_ weights: [Double]) -> Double {
        precondition(weights.count == count, "a weight for each instrument")
        switch self {
        case .dense(let matrix): return variance(of: weights, matrix)
        case .factors(let model):
            var total = model.factorCovariance.quadraticForm(model.exposure(of: weights))
            for (i, weight) in weights.enumerated() where weight != 0 {
                total += model.specificVariance[i] * weight * weight
            }
            return max(0, total)
        }
    }

    /// The covariance times a positive number.
    ///
    /// - Parameter factor: the number.
    /// - Returns: factor · Σ; a factor model keeps its exposures.
    public func scaled(by factor: Double) -> CovarianceModel {
        switch self {
        case .dense(var matrix):
            for index in matrix.elements.indices { matrix.elements[index] *= factor }
            return .dense(matrix)
        case .factors(var model):
            for index in model.factorCovariance.elements.indices { model.factorCovariance.elements[index] *= factor }
            for index in model.specificVariance.indices { model.specificVariance[index] *= factor }
            return .factors(model)
        }
    }

    /// The covariance as the solver reads it, over weights and further variables without curvature.
    ///
    /// - Parameter count: how many variables there are, the weights first.
    /// - Returns: P, of that order.
    func curvature(over count: Int) -> Curvature {
        guard count > self.count else { return curvature }
        switch self {
        case .dense(let matrix):
            var wider = DenseMatrix(rows: count, columns: count)
            for j in 0..<matrix.columns {
                for i in 0..<matrix.rows { wider[i, j] = matrix[i, j] }
            }
            return .dense(wider)
        case .factors(let model):
            let more = count - self.count
            return .factors(
                FactorCurvature(
                    exposuresTransposed: DenseMatrix(
                        rows: model.factorCount,
                        columns: count,
                        columnMajor: model.exposures.elements
                            + [Double](repeating: 0, count: model.factorCount * more)
                    ),
                    factorCovariance: model.factorCovariance,
                    residual: model.specificVariance + [Double](repeating: 0, count: more)
                )
            )
        }
    }

    /// The covariance as the solver reads it.
    var curvature: Curvature {
        switch self {
        case .dense(let matrix): .dense(matrix)
        case .factors(let model):
            .factors(
                FactorCurvature(
                    exposuresTransposed: model.exposures,
                    factorCovariance: model.factorCovariance,
                    residual: model.specificVariance
                )
            )
        }
    }
}

extension FactorCovariance {
    /// Bᵀw, the exposure to each factor.
    ///
    /// - Parameter weights: w, n.
    /// - Returns: k exposures.
    /// - Complexity: O(held · k).
    public func exposure(of weights: [Double]) -> [Double] {
        var total = [Double](repeating: 0, count: factorCount)
        for (i, weight) in weights.enumerated() where weight != 0 {
            for (f, exposure) in exposures.column(i).enumerated() { total[f] += weight * exposure }
        }
        return total
    }
}

private func denseProduct(_ matrix: DenseMatrix, _ weights: [Double]) -> [Double] {
    var product = [Double](repeating: 0, count: weights.count)
    matrix.elements.withUnsafeBufferPointer { elements in
        for (j, weight) in weights.enumerated() where weight != 0 {
            let offset = j * matrix.rows
            for i in product.indices { product[i] += weight * elements[offset + i] }
        }
    }
    return product
}

/// wᵀΣw, not below 0: over the weights that are not 0, and over one triangle.
private func variance(of weights: [Double], _ covariance: DenseMatrix) -> Double {
    let held = weights.indices.filter { weights[$0] != 0 }
    let shares = held.map { weights[$0] }
    var total = 0.0
    covariance.elements.withUnsafeBufferPointer { elements in
        for (place, j) in held.enumerated() {
            let offset = j * covariance.rows
            // Four sums at a time, since one would wait for each of its additions.
            var (a, b, c, d) = (0.0, 0.0, 0.0, 0.0)
            var k = 0
            while k + 4 <= place {
                a += elements[offset + held[k]] * shares[k]
                b += elements[offset + held[k + 1]] * shares[k + 1]
                c += elements[offset + held[k + 2]] * shares[k + 2]
                d += elements[offset + held[k + 3]] * shares[k + 3]
                k += 4
            }
            while k < place {
                a += elements[offset + held[k]] * shares[k]
                k += 1
            }
            total += shares[place] * (elements[offset + j] * shares[place] + 2 * ((a + b) + (c + d)))
        }
    }
    return max(0, total)
}
