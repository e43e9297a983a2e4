public import PortfolioModel

extension AllocationCheck {
    /// The certificate of a result whose own prices prove nothing, by the prices of another allocation, or by those of what
    /// was chosen.
    ///
    /// Any prices make a bound; the least is taken. Its gap is what the choices cost that prices know nothing of.
    ///
    /// - Parameters:
    ///   - result: a result without a certificate.
    ///   - candidates: allocations with prices.
    /// - Returns: the certificate with the least bound; nil where none of them bounds the objective.
    /// - Complexity: as ``certificate(of:)`` for each candidate, some ten times as much for ratios.
    public func certificate(
        of result: OptimizationResult,
        pricedBy candidates: [PricedAllocation]
    ) -> OptimalityCertificate? {
        guard mandate.isUsable, let target = ObjectiveModel(targetExposure(of: result), mandate) else { return nil }
        var best: OptimalityCertificate?
        for candidate in candidates {
            let priced = PricedBound(candidate, mandate)
            guard let found = priced.certificate(objective: target.value), found.bound < best?.bound ?? .infinity else {
                continue
            }
            best = found
        }
        return best
    }
}

/// The bound that an allocation's prices make, whosever they are.
struct PricedBound {
    private let candidate: PricedAllocation
    private let exposure: Exposure
    private let mandate: Mandate

    init(_ candidate: PricedAllocation, _ mandate: Mandate) {
        self.candidate = candidate
        self.mandate = mandate
        exposure = Exposure(
            weights: mandate.moments.instruments.map { candidate.allocation[$0] ?? 0 },
            cash: candidate.allocation["cash"] ?? 0,
            moments: mandate.moments
        )
    }

    /// Steps that a ratio is looked for in.
    private static let mostSteps = 60

    /// The bound at the allocation, without the support of a measure over scenarios.
    private func bare(_ ratio: Double? = nil) -> OptimalityBound? {
        let diagonal =
            candidate.diagonal.isEmpty ? [] : mandate.moments.instruments.map { candidate.diagonal[$0] ?? 0 }
        return OptimalityBound(exposure, candidate.bindingConstraints, mandate, ratio: ratio, diagonal: diagonal)
    }

    // MARK: Making

    /// The certificate of a target with a given objective.
    func certificate(objective: Double) -> OptimalityCertificate? {
        guard let bare = bare() else { return nil }
        var best: OptimalityCertificate?
        for support in KinkSupports(of: bare, exposure, mandate) {
            guard let found = certificate(objective, bare, support), found.bound < best?.bound ?? .infinity else {
                continue
            }
            best = found
        }
        return best
    }

    private func certificate(
        _ objective: Double,
        _ bare: OptimalityBound,
        _ support: KinkSupport
    ) -> OptimalityCertificate? {
        let own = bare.leaning(on: support)
        let most: Double
        let budgetPrice: Double
        if own.isRatio {
            guard let found = ratio(above: objective, own, { self.bare($0)?.leaning(on: support) }) else { return nil }
            (most, budgetPrice) = found
        } else {
            budgetPrice = own.leastBudgetPrice()
            most = own.most(budgetPrice: budgetPrice)
        }
        guard most.isFinite, budgetPrice.isFinite, most >= objective - Tolerance.optimal * own.size else { return nil }
        var certificate = OptimalityCertificate(
            objective: objective,
            bound: max(most, objective),
            budgetPrice: budgetPrice
        )
        support.list(in: &certificate, bare.tiedSizes, mandate)
        certificate.relaxation = candidate
        return certificate
    }

    /// The least ratio S that the prices show no allocation to exceed: gain − S · risk is nowhere positive.
    ///
    /// That excess falls with S; a secant that never loses its bracket finds where it vanishes.
    private func ratio(
        above objective: Double,
        _ own: OptimalityBound,
        _ bound: (Double) -> OptimalityBound?
    ) -> (ratio: Double, budgetPrice: Double)? {
        func excess(_ ratio: Double) -> (value: Double, price: Double)? {
            guard let bound = bound(ratio) else { return nil }
            let price = bound.leastBudgetPrice()
            return (bound.excess(budgetPrice: price) / own.scale, price)
        }
        let enough = Tolerance.relative / 8 * own.size
        guard objective > 0, var low = excess(objective) else { return nil }
        if low.value <= enough { return (objective, low.price) }
        var (left, right) = (objective, max(objective, own.objective) + low.value)
        guard var high = excess(right) else { return nil }
        for _ in 0..<30 where high.value > 0 {
            (left, low) = (right, high)
            right += 2 * max(high.value, objective)
            guard let next = excess(right) else { return nil }
            high = next
        }
        guard high.value <= 0 else { return nil }
        for step in 0..<Self.mostSteps where high.value < -enough && right - left > 1e-13 * right {
            let share = step % 3 == 2 ? 0.5 : low.value / (low.value - high.value)
            let middle = left + min(max(share, 1e-3), 1 - 1e-3) * (right - left)
            guard let next = excess(middle) else { return nil }
            if next.value > 0 { (left, low) = (middle, next) } else { (right, high) = (middle, next) }
        }
        return (right, high.price)
    }

    // MARK: Checking

    /// Checks that a bound is what the prices make of it.
    func check(_ certificate: OptimalityCertificate, _ findings: inout Findings) {
        checkPrices(&findings)
        guard let own = bare(), var bound = own.isRatio ? bare(certificate.bound) : own else {
            let isPlain = candidate.diagonal.isEmpty
            findings.require(
                false,
                isPlain ? "certificate" : "certificate/relaxation/diagonal",
                expected: isPlain
                    ? "none for this objective" : "a diagonal that leaves the covariance positive definite",
                actual: isPlain ? "one" : "another"
            )
            return
        }
        guard bound.take(certificate, exposure, mandate, &findings) else { return }
        let rounding = Tolerance.relative * max(own.size, abs(certificate.bound))
        if own.isRatio {
            let excess = bound.excess(budgetPrice: certificate.budgetPrice) / own.scale
            findings.require(
                excess <= rounding,
                "certificate/bound",
                expected: "a ratio that the prices show nothing to exceed",
                actual: "\(certificate.bound), exceeded by \(excess)"
            )
        } else {
            let most = max(bound.most(budgetPrice: certificate.budgetPrice), certificate.objective)
            findings.equal(certificate.bound, most, "certificate/bound", within: rounding)
        }
        findings.require(
            certificate.gap >= -rounding,
            "certificate/gap",
            expected: "not negative",
            actual: "\(certificate.gap)"
        )
    }

    /// Checks that prices are those of limits in force, at the values that the allocation has for them.
    private func checkPrices(_ findings: inout Findings) {
        let claim = "certificate/relaxation"
        let known = Set(mandate.moments.instruments).union(["cash"])
        for (id, weight) in candidate.allocation.sorted(by: { $0.key < $1.key }) {
            findings.require(
                known.contains(id) && weight.isFinite,
                "\(claim)/target_allocation/\(id)",
                expected: "a weight of an instrument of the model",
                actual: "\(weight)"
            )
        }
        for (id, part) in candidate.diagonal.sorted(by: { $0.key < $1.key }) {
            findings.require(
                id != "cash" && known.contains(id) && part >= 0 && part.isFinite,
                "\(claim)/diagonal/\(id)",
                expected: "a part of the variance of an instrument of the model",
                actual: "\(part)"
            )
        }
        for (index, binding) in candidate.bindingConstraints.enumerated() {
            let place = "\(claim)/binding_constraints/\(index)"
            guard let limit = Limit(binding, place, exposure, mandate, &findings) else { continue }
            findings.equal(binding.bound, limit.bound, "\(place)/bound")
            findings.equal(binding.value, limit.value, "\(place)/value", within: Tolerance.limit)
        }
    }
}

extension OptimalityBound {
    /// Puts what a certificate's weights of scenarios and shares of tied weights make in its place.
    ///
    /// - Returns: false, with a finding, for such as are none.
    mutating func take(
        _ certificate: OptimalityCertificate,
        _ exposure: Exposure,
        _ mandate: Mandate,
        _ findings: inout Findings
    ) -> Bool {
        guard take(certificate.scenarioWeights, exposure, mandate, &findings) else { return false }
        let isShared = addShares(of: certificate, to: &self, mandate)
        findings.require(
            isShared,
            "certificate/weight_shares",
            expected: "shares that the sums of the largest allow",
            actual: "others"
        )
        return isShared
    }

    /// Puts the support that weights of scenarios make in its place.
    ///
    /// - Returns: false, with a finding, for weights that the measure does not allow.
    private mutating func take(
        _ weights: [ScenarioWeight],
        _ exposure: Exposure,
        _ mandate: Mandate,
        _ findings: inout Findings
    ) -> Bool {
        guard riskPrice > 0 else {
            findings.require(
                weights.isEmpty,
                "certificate/scenario_weights",
                expected: "none without a measure over scenarios",
                actual: "\(weights.count)"
            )
            return true
        }
        guard let gradient = supportingGradient(weights, self, exposure, mandate) else {
            findings.require(
                false,
                "certificate/scenario_weights",
                expected: "weights that the measure allows",
                actual: "others"
            )
            return false
        }
        add(gradient.values, of: gradient.risk)
        return true
    }
}
