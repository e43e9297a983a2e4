extension [ObjectiveTerm] {
    /// The terms whose worst case within an uncertainty no concave sum tells exactly, each with its reason.
    ///
    /// Nothing is approximated: what is listed is refused. Without uncertainty, at a size of 0, nothing is.
    ///
    /// - Parameter uncertainty: what is not taken for certain.
    /// - Returns: the terms in their order.
    public func withoutWorstCase(under uncertainty: Uncertainty) -> [NonconvexTerm] {
        guard uncertainty.size > 0 else { return [] }
        return enumerated().compactMap { index, term in
            term.reasonWithoutWorstCase(uncertainty.kind).map { NonconvexTerm(index: index, reason: $0) }
        }
    }
}

extension ObjectiveTerm {
    /// Why its worst case is not known; nil where it is, or nothing about it is uncertain.
    fileprivate func reasonWithoutWorstCase(_ uncertain: Uncertainty.Kind) -> String? {
        switch (uncertain, kind) {
        case (.ellipsoidal, .expectedReturn) where weight < 0, (.box, .expectedReturn) where weight < 0:
            return "the worst return is concave (it is the least of many), so that a sum that punishes it has local"
                + " optima: give it a positive weight"
        case (.covarianceBox, .trackingError):
            return
                "tracking_error is one of active weights, and where weights have both signs the worst covariance of a"
                + " box is not the largest one"
        case (.wasserstein, .variance), (.wasserstein, .trackingError):
            return "the worst \(kind.rawValue) over a Wasserstein ball of scenarios is not known: take risk with"
                + " risk_measure cvar"
        case (.wasserstein, .risk) where riskMeasure != .conditionalValueAtRisk:
            return
                "the worst \((riskMeasure ?? .volatility).rawValue) over a Wasserstein ball of scenarios is not known:"
                + " take risk_measure cvar"
        default: return nil
        }
    }
}
