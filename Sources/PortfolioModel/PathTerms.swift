extension [ObjectiveTerm] {
    /// The terms that a plan of several periods does not add up, each with its reason and those that it does.
    ///
    /// - Parameter preferences: those in force: whether returns are to be net of taxes.
    /// - Returns: the terms in their order.
    public func withoutPath(under preferences: Preferences) -> [NonconvexTerm] {
        enumerated().compactMap { index, term in
            term.reasonWithoutPath(preferences).map { reason in
                let allowed =
                    "over several periods there are return, variance, risk with risk_measure volatility, turnover,"
                    + " cost, tracking_error, concentration, factor_exposure and score"
                return NonconvexTerm(index: index, reason: "\(reason): \(allowed)")
            }
        }
    }
}

extension ObjectiveTerm {
    /// Why it is not added up over several periods; nil where it is.
    fileprivate func reasonWithoutPath(_ preferences: Preferences) -> String? {
        switch kind {
        case .tax: "which lots a later period sells hangs on what earlier ones sold"
        case .expectedReturn where preferences.considerTaxImplications == true:
            "with consider_tax_implications return is net of taxes, and which lots a later period sells hangs on what"
                + " earlier ones sold"
        case .entropy: "entropy is a term of a single period"
        case .risk where (riskMeasure ?? .volatility) != .volatility:
            "\((riskMeasure ?? .volatility).rawValue) is a term of a single period"
        case .expectedReturn, .variance, .risk, .turnover, .cost, .trackingError, .concentration, .factorExposure,
            .score:
            nil
        }
    }
}
