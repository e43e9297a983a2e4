public import PortfolioModel

extension Moments {
    /// The moments of the first period of a request's horizon: its own expected returns where it foresees some.
    ///
    /// - Parameter horizon: what a multi-period request foresees; nil for the other types.
    /// - Returns: the moments with the expected returns of the first period.
    /// - Throws: ``OptimizationFailure`` with the code `invalid_inputs` for rows that are not one number an instrument.
    public func ofFirstPeriod(_ horizon: Horizon?) throws(OptimizationFailure) -> Moments {
        guard let rows = horizon?.expectedReturns else { return self }
        guard let first = rows.first, first.count == instruments.count else {
            throw OptimizationFailure(
                code: "invalid_inputs",
                message: "horizon.expected_returns has rows of \(rows.first?.count ?? 0) numbers, and the risk model"
                    + " \(instruments.count) instruments."
            )
        }
        var moments = self
        moments.expectedReturns = first
        moments.expectedReturnsEstimator = "horizon"
        return moments
    }
}
