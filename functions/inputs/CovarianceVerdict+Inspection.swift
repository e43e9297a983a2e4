import MomentEstimation
import PortfolioService

extension CovarianceVerdict {
    /// What the linear algebra found, in the words of the use case, which does not link it.
    init(_ inspection: CovarianceInspection) {
        switch inspection {
        case .positiveSemidefinite: self = .positiveSemidefinite
        case .repairable(let smallest, let largest):
            self = .repairable(smallestEigenvalue: smallest, largestEigenvalue: largest)
        case .indefinite(let smallest, let largest):
            self = .indefinite(smallestEigenvalue: smallest, largestEigenvalue: largest)
        }
    }
}
