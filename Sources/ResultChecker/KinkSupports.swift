internal import PortfolioModel

/// What the bound of a target leans on where the target is at kinks.
struct KinkSupport {
    /// The measure over scenarios from below; nil where none has a price.
    var ofRisk: RiskSupport?
    /// What scenarios and weights that are tied share.
    var shares: TiedShares.Found

    /// Lists the shares in a certificate.
    func list(in certificate: inout OptimalityCertificate, _ sums: [TiedSizes], _ mandate: Mandate) {
        certificate.scenarioWeights = zip(ofRisk?.ties ?? [], shares.ofScenarios).map {
            ScenarioWeight(scenario: $0.scenario, weight: $1)
        }
        certificate.weightShares = zip(sums, shares.ofSizes).flatMap { sum, own in
            zip(sum.members, own).map {
                WeightShare(constraint: sum.constraint, instrumentID: mandate.moments.instruments[$0], share: $1)
            }
        }
    }
}

/// The supports that a bound may lean on, those of the fewest scenarios first; a single one of nothing without kinks.
struct KinkSupports: Sequence, IteratorProtocol {
    private let bound: OptimalityBound
    private let exposure: Exposure
    private let mandate: Mandate
    private var widths: ArraySlice<Double>

    init(of bound: OptimalityBound, _ exposure: Exposure, _ mandate: Mandate) {
        self.bound = bound
        self.exposure = exposure
        self.mandate = mandate
        // A width that is too small leaves scenarios out that are at the kink but for roundings of the solve.
        widths = bound.riskPrice > 0 ? [1e-11, 1e-9, 1e-7] : [0]
    }

    mutating func next() -> KinkSupport? {
        while let width = widths.popFirst() {
            guard bound.riskPrice > 0 || !bound.tiedSizes.isEmpty else {
                return KinkSupport(ofRisk: nil, shares: TiedShares.Found(ofScenarios: [], ofSizes: []))
            }
            var risk: RiskSupport?
            if bound.riskPrice > 0 {
                risk = RiskSupport(bound.riskMeasure, exposure, mandate, named: nil, width: width)
                guard risk != nil else { return nil }
            }
            guard var search = TiedShares(bound, risk) else { return nil }
            let shares = search.found()
            if shares.areAllowed(by: risk, bound.tiedSizes) { return KinkSupport(ofRisk: risk, shares: shares) }
        }
        return nil
    }
}

extension OptimalityBound {
    /// The bound with what it leans on at the kinks in its place.
    func leaning(on support: KinkSupport) -> OptimalityBound {
        var bound = self
        if let risk = support.ofRisk { bound.add(risk.gradient(support.shares.ofScenarios), of: risk.value) }
        for (sum, own) in zip(tiedSizes, support.shares.ofSizes) { bound.add(own, of: sum) }
        return bound
    }
}
