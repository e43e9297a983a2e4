public import Matrices

extension CovarianceModel {
    /// Σ as a matrix, for a method that needs all its entries, where there are not too many.
    ///
    /// - Parameter method: what needs them, to follow "by".
    /// - Returns: Σ, n × n.
    /// - Throws: ``OptimizationFailure`` with the code `too_many_instruments` above ``Capabilities/denseInstruments``.
    public func matrix(for method: String) throws(OptimizationFailure) -> DenseMatrix {
        guard count <= Capabilities.denseInstruments else {
            throw OptimizationFailure(
                code: "too_many_instruments",
                message:
                    "At most \(Capabilities.denseInstruments) instruments can be weighed by \(method), not \(count)."
            )
        }
        return multipliedOut()
    }
}
