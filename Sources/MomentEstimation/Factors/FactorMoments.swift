public import PortfolioModel

extension Moments {
    /// The moments a request rests on: those of its scenarios, or those its type rests on.
    ///
    /// - Parameters:
    ///   - request: what is asked for.
    ///   - snapshot: the inputs at the pinned versions.
    /// - Returns: the moments it rests on.
    /// - Throws: ``OptimizationFailure`` as ``suited(to:)`` and as `scenarioMoments`.
    public func suited(
        to request: OptimizationRequest,
        _ snapshot: MandateSnapshot
    ) throws(OptimizationFailure) -> Moments {
        guard request.type == .scenarioBased else { return try suited(to: request.type) }
        return try scenarioMoments(
            request.parameters.scenarios ?? [],
            over: self,
            snapshot: snapshot,
            estimation: request.estimation
        )
    }

    /// The moments an optimization of a type rests on: `factor_based` on the covariance of the factor model, even where
    /// the risk model has another one beside it.
    ///
    /// - Parameter type: the kind of optimization.
    /// - Returns: the moments with the covariance that the type rests on.
    /// - Throws: ``OptimizationFailure`` with the code `missing_factors` for a risk model without factors.
    public func suited(to type: OptimizationType) throws(OptimizationFailure) -> Moments {
        guard type == .factorBased else { return self }
        guard let factors else {
            throw OptimizationFailure(
                code: "missing_factors",
                message: "factor_based needs a risk model with a factor_model, with loadings or with the histories to"
                    + " regress them from"
            )
        }
        var moments = self
        moments.covariance = .factors(factors.covariance)
        moments.covarianceEstimator = "factor_model"
        return moments
    }
}
