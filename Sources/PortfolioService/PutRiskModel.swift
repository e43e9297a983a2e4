package import Matrices
package import PortfolioModel
package import Repository

/// What an inspection of a covariance found; done by whoever has the linear algebra, which this floor does not link.
package enum CovarianceVerdict: Equatable, Sendable {
    /// It has no negative eigenvalue worth naming.
    case positiveSemidefinite
    /// It is slightly indefinite; the nearest positive semidefinite matrix will stand in for it.
    case repairable(smallestEigenvalue: Double, largestEigenvalue: Double)
    /// It is no covariance.
    case indefinite(smallestEigenvalue: Double, largestEigenvalue: Double)
}

/// Stores a new version of a risk model, after a look at its covariances.
package final class PutRiskModel {
    private let inputs: any InputRepository
    private let inspectCovariance: (DenseMatrix) -> CovarianceVerdict

    package init(inputs: any InputRepository, inspectCovariance: @escaping (DenseMatrix) -> CovarianceVerdict) {
        self.inputs = inputs
        self.inspectCovariance = inspectCovariance
    }

    /// Stores a risk model, if a precondition holds.
    ///
    /// One whose covariance is only slightly indefinite is stored as given, with a warning.
    package func callAsFunction(
        _ model: RiskModel,
        id: String,
        tenant: String,
        if precondition: WritePrecondition = .none
    ) throws(ServiceError) -> StoredSnapshot {
        guard Identifiers.isCallerMade(id) else { throw .invalidIdentifier(id) }
        var faults: [Fault] = []
        var warnings: [ResultWarning] = []
        for (pointer, matrix) in covariances(of: model) {
            switch inspectCovariance(matrix) {
            case .positiveSemidefinite: break
            case .repairable(let smallest, let largest):
                warnings.append(
                    ResultWarning(
                        code: "covariance_repaired",
                        message: "\(pointer) is slightly indefinite (eigenvalues from \(smallest) to \(largest)); "
                            + "the nearest positive semidefinite matrix will be used"
                    )
                )
            case .indefinite(let smallest, let largest):
                faults.append(
                    Fault(
                        pointer: pointer,
                        code: "not_positive_semidefinite",
                        message: smallest.isFinite && largest.isFinite
                            ? "is no covariance: its eigenvalues reach from \(smallest) to \(largest)"
                            : "is no covariance: its entries are too large to have eigenvalues"
                    )
                )
            }
        }
        guard faults.isEmpty else { throw .invalid(faults) }
        let stored = try withStore(about: .riskModel, id: id) {
            try inputs.putRiskModel(model, id: id, tenant: tenant, if: precondition)
        }
        return StoredSnapshot(
            id: id,
            version: stored.version,
            isNew: stored.isNew,
            storedAt: stored.storedAt,
            warnings: warnings
        )
    }

    /// The covariances that a worker would use, each with the pointer of what it was given as.
    private func covariances(of model: RiskModel) -> [(pointer: String, matrix: DenseMatrix)] {
        var matrices: [(pointer: String, matrix: DenseMatrix)] = []
        if let covariance = model.covariance {
            matrices.append(("/covariance", covariance))
        } else if let volatilities = model.volatilities, var product = model.correlations,
            product.rows == volatilities.count, product.columns == volatilities.count
        {
            // The scaled matrix, not the correlations: scaling changes how large a negative eigenvalue is.
            for j in 0..<product.columns {
                for i in 0..<product.rows { product[i, j] *= volatilities[i] * volatilities[j] }
            }
            matrices.append(("/correlations", product))
        }
        if let factorCovariance = model.factorModel?.factorCovariance {
            matrices.append(("/factor_model/factor_covariance", factorCovariance))
        }
        return matrices
    }
}
