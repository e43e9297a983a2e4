internal import PortfolioModel

/// Bounds how much better than the target any allocation within the limits can be, by weak duality.
///
/// With prices p ≥ 0 of the limits aᵀw ≤ b that couple instruments, and ν of the budget, no allocation gains more than
///
/// Σ pₖ(bₖ − aₖᵀw) + p_T(T − turnover) + ν(1 − Σw) + Σᵢ ( max φᵢ − φᵢ(wᵢ) ),
/// φᵢ(x) = (gᵢ − Σₖ pₖaₖᵢ − ν)x − (rᵢ + p_T/2)|x − cᵢ| over the bounds of wᵢ.
///
/// Every term is at least 0, whatever p and ν are: right ones make the sum vanish. Limits that nobody priced, and choices
/// of who is held, are left out, which can only make the bound larger. docs/mathematics.md, "A certificate".
struct OptimalityBound {
    private let model: ObjectiveModel
    private let weights: [Double]
    private let current: [Double]
    private let lower: [Double]
    private let upper: [Double]
    /// g − Σ pₖaₖ.
    private var slopes: [Double]
    /// r + p_T/2.
    private var rates: [Double]
    /// Σ pₖ(bₖ − aₖᵀw) + p_T(T − turnover).
    private var slack = 0.0

    /// Nil where the objective is not one of return, volatility and cost.
    init?(_ exposure: Exposure, _ bindings: [BindingConstraint], _ mandate: Mandate) {
        guard let model = ObjectiveModel(exposure, mandate) else { return nil }
        self.model = model
        weights = exposure.weights + [exposure.cash]
        current = mandate.moments.instruments.map { mandate.current[$0] ?? 0 } + [mandate.current["cash"] ?? 0]
        let box = Self.bounds(mandate, current)
        lower = box.map(\.lower)
        upper = box.map(\.upper)
        slopes = model.gradient
        rates = model.tradeRates
        for binding in bindings { charge(binding, exposure, mandate) }
    }

    /// How much better any allocation can be at most, in the objective's unit.
    func gap(budgetPrice: Double) -> Double {
        let price = budgetPrice * model.scale
        var total = slack + price * (1 - weights.reduce(0, +))
        for index in weights.indices {
            let best = bestWeight(index, price)
            total += worth(index, best, price) - worth(index, weights[index], price)
        }
        return min(max(0, total) / model.scale, max(0, model.ceiling - model.value))
    }

    /// The certificate with the price of the budget that makes the bound least.
    func certificate() -> OptimalityCertificate {
        // The bound is convex in ν; its slope is 1 − Σ argmax, which grows with ν.
        var low = Double.infinity
        var high = -Double.infinity
        for (slope, rate) in zip(slopes, rates) {
            low = min(low, slope - rate)
            high = max(high, slope + rate)
        }
        for _ in 0..<200 {
            let middle = low + (high - low) / 2
            guard middle > low, middle < high else { break }
            let total = weights.indices.reduce(0) { $0 + bestWeight($1, middle) }
            if total > 1 { low = middle } else { high = middle }
        }
        let price = [low, high].min { gap(budgetPrice: $0 / model.scale) < gap(budgetPrice: $1 / model.scale) } ?? low
        let budgetPrice = price / model.scale
        return OptimalityCertificate(
            objective: model.value,
            bound: model.value + gap(budgetPrice: budgetPrice),
            budgetPrice: budgetPrice
        )
    }

    /// What a gap is measured against: the objective, or where that is small what it is the difference of.
    var size: Double {
        let terms = zip(model.gradient, weights).reduce(0) { $0 + abs($1.0 * $1.1) }
        return max(abs(model.value), terms / model.scale, model.unit)
    }

    /// The objective's value at the target.
    var objective: Double { model.value }

    private func worth(_ index: Int, _ weight: Double, _ price: Double) -> Double {
        (slopes[index] - price) * weight - rates[index] * abs(weight - current[index])
    }

    private func bestWeight(_ index: Int, _ price: Double) -> Double {
        let slope = slopes[index] - price
        if slope > rates[index] { return upper[index] }
        if slope < -rates[index] { return lower[index] }
        return min(max(current[index], lower[index]), upper[index])
    }

    // MARK: Limits

    /// The bounds of each weight, cash last; no trade is larger than the turnover, since purchases equal sales.
    private static func bounds(_ mandate: Mandate, _ current: [Double]) -> [(lower: Double, upper: Double)] {
        let limits = mandate.limits
        let general = limits.maxPositionSize ?? 1
        var bounds = mandate.moments.instruments.map { id -> (lower: Double, upper: Double) in
            guard mandate.universe.contains(id) else { return (0, 0) }
            let least = limits.minWeights?[id].map { mandate.least($0, "/min_weights/\(id)") } ?? 0
            let most = limits.maxWeights?[id].map { mandate.most($0, "/max_weights/\(id)") }
            return (max(0, least), min(1, most ?? mandate.most(general, "/max_position_size", id)))
        }
        let mostCash = mandate.most(limits.maxCash ?? limits.minCash ?? 0, "/max_cash")
        bounds.append((mandate.least(limits.minCash ?? 0, "/min_cash"), min(1, mostCash)))
        guard let most = limits.maxTurnover else { return bounds }
        return zip(bounds, current).map { bound, weight in
            let lower = min(max(bound.lower, weight - most), bound.upper)
            return (lower, max(lower, min(bound.upper, weight + most)))
        }
    }

    /// Takes a limit's price from the slopes; bounds of single weights are in the boxes already.
    private mutating func charge(_ binding: BindingConstraint, _ exposure: Exposure, _ mandate: Mandate) {
        guard let price = binding.shadowPrice, price != 0, let row = LimitRow(binding, exposure, mandate) else {
            return
        }
        let multiplier = max(0, row.isUpper ? price : -price) * model.scale
        guard multiplier > 0, multiplier.isFinite else { return }
        slack += multiplier * (row.isUpper ? row.bound - row.value : row.value - row.bound)
        switch row.terms {
        case .turnover:
            for index in rates.indices { rates[index] += multiplier / 2 }
        case .linear(let coefficients):
            let sign = row.isUpper ? 1.0 : -1.0
            for (index, coefficient) in coefficients.enumerated() { slopes[index] -= sign * multiplier * coefficient }
        }
    }
}

/// A limit that couples instruments, linear at the target: a convex one is replaced by its tangent, which is weaker.
private struct LimitRow {
    enum Terms {
        /// Coefficients over the instruments, and cash where there is one more.
        case linear([Double])
        /// ½ Σ|w − c|.
        case turnover
    }

    var bound: Double
    var value: Double
    var isUpper: Bool
    var terms: Terms

    init?(_ binding: BindingConstraint, _ exposure: Exposure, _ mandate: Mandate) {
        let path = binding.constraint.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
        let kinds: Set = [
            "max_sector_exposure", "max_asset_class_exposure", "groups", "factor_exposures", "min_return",
            "max_turnover", "target_volatility", "max_risk", "max_tracking_error",
        ]
        guard let kind = path.first, kinds.contains(kind), let limit = Limit(binding, exposure, mandate) else {
            return nil
        }
        bound = limit.bound
        value = limit.value
        isUpper = limit.isUpper
        func members(_ belongs: (Instrument) -> Bool) -> Terms {
            .linear(
                mandate.moments.instruments.map { id in
                    mandate.instruments[id].map { belongs($0) ? 1 : 0 } ?? 0
                }
            )
        }
        switch kind {
        case "max_sector_exposure": terms = members { $0.sector == binding.subject }
        case "max_asset_class_exposure": terms = members { $0.assetClass == binding.subject }
        case "groups":
            guard path.count > 1, let index = Int(path[1]), let groups = mandate.limits.groups,
                groups.indices.contains(index)
            else { return nil }
            switch groups[index].members {
            case .instruments(let ids):
                let named = Set(ids)
                terms = members { named.contains($0.id) }
            case .sector(let name): terms = members { $0.sector == name }
            case .assetClass(let name): terms = members { $0.assetClass == name }
            }
        case "factor_exposures":
            guard path.count > 1, let coefficients = factorCoefficients(path[1], mandate.moments) else { return nil }
            terms = .linear(coefficients)
        case "min_return":
            terms = .linear(mandate.moments.expectedReturns + [mandate.preferences.riskFreeRate ?? 0])
        case "max_turnover": terms = .turnover
        case "max_tracking_error":
            guard let active = activeWeights(exposure, mandate) else { return nil }
            terms = .linear(Slope(active, mandate.moments).gradient(by: 1))
        default:
            guard mandate.riskMeasure == .volatility || kind == "target_volatility" else { return nil }
            terms = .linear(Slope(exposure.weights, mandate.moments).gradient(by: 1))
        }
    }
}
