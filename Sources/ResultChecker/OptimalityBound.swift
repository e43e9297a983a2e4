internal import PortfolioModel

/// Bounds how much better than the target any allocation within the limits can be, by weak duality.
///
/// With prices p ≥ 0 of the limits aᵀw ≤ b that couple instruments, and ν of the budget, no allocation gains more than
///
/// Σ pₖ(bₖ − aₖᵀw) + κ(ρ(w) − hᵀw) + ν(1 − Σw) + Σᵢ ( max φᵢ − φᵢ(wᵢ) ),
/// φᵢ(x) = (gᵢ − Σₖ pₖaₖᵢ − κhᵢ − ν)x − cᵢ(x) over the bounds of wᵢ,
///
/// cᵢ the charges on a weight alone: trades, and what limits on turnover and sizes are priced at. Every term is at least 0,
/// whatever p and ν are, and whatever support h of the risk measure: right ones make the sum vanish. Limits that nobody
/// priced, and choices of who is held, are left out, which can only make the bound larger. A soft limit of penalty q is a
/// row with a price between 0 and q, for −q max(0, aᵀw′ − b) ≤ −p(aᵀw′ − b) then. docs/mathematics.md, "A certificate".
struct OptimalityBound {
    private let model: ObjectiveModel
    let weights: [Double]
    let lower: [Double]
    let upper: [Double]
    /// g − Σ pₖaₖ, and after a support is added − κh.
    private(set) var slopes: [Double]
    private(set) var charges: [WeightCharge]
    /// What is missing at the limits and the risk.
    private var slack = 0.0
    /// κ: the objective's price of the measure over scenarios and that of the limit on it.
    private(set) var riskPrice: Double
    /// The sums of largest sizes that have a price and a kink at the target.
    private(set) var tiedSizes: [TiedSizes] = []
    /// What a unit of the largest |w| costs by a ball of distributions.
    private var largestPrice: Double
    /// The measure that it is the price of.
    var riskMeasure: RiskMeasure { model.riskMeasure }

    /// Nil where the objective is not one that is concave in a single set of weights.
    init?(_ exposure: Exposure, _ bindings: [BindingConstraint], _ mandate: Mandate) {
        guard let model = ObjectiveModel(exposure, mandate) else { return nil }
        self.model = model
        weights = exposure.weights + [exposure.cash]
        charges = model.charges
        riskPrice = model.riskPrice
        largestPrice = model.largestPrice
        let box = Self.bounds(mandate, charges.map(\.held))
        lower = box.map(\.lower)
        upper = box.map(\.upper)
        slopes = model.gradient
        slack = model.paidForExcess * model.scale
        var exceeded = mandate.softLimitsExceeded(by: exposure)
        var softened: Set<String> = []
        for binding in bindings {
            if mandate.penalties[binding.constraint] != nil {
                // A soft limit has one price, however often it is listed.
                let name = SoftExcess.name(binding.constraint, binding.subject)
                guard binding.shadowPrice != nil, softened.insert(name).inserted else { continue }
                exceeded.removeAll { $0.name == name }
            }
            charge(binding, exposure, mandate)
        }
        for soft in exceeded {
            // What lies beyond a limit is worth its penalty.
            let price = soft.isUpper ? soft.penalty : -soft.penalty
            let named = BindingConstraint(
                constraint: soft.constraint,
                subject: soft.subject,
                bound: .nan,
                value: .nan,
                shadowPrice: price
            )
            charge(named, exposure, mandate)
        }
        chargeLargest(exposure)
    }

    /// Puts a support of the risk measure in its place.
    mutating func add(_ gradient: [Double], of value: Double) {
        var supported = 0.0
        for index in slopes.indices {
            slopes[index] -= riskPrice * gradient[index]
            supported += gradient[index] * weights[index]
        }
        slack += riskPrice * max(0, value - supported)
    }

    /// Puts shares of tied sizes in their place.
    mutating func add(_ shares: [Double], of sum: TiedSizes) {
        let coefficients = sum.coefficients(shares, weights.count - 1)
        var missing = weights.dropLast().map { abs($0) }.sorted(by: >).prefix(sum.count).reduce(0, +)
        for (index, coefficient) in coefficients.enumerated() where coefficient != 0 {
            charges[index].add(rate: sum.multiplier * coefficient, at: 0)
            missing -= coefficient * abs(weights[index])
        }
        slack += sum.multiplier * max(0, missing)
    }

    /// Charges the largest size at what a ball of distributions makes of it.
    private mutating func chargeLargest(_ exposure: Exposure) {
        guard largestPrice > 0 else { return }
        var sum = TiedSizes(constraint: "/uncertainty", count: 1, of: exposure.weights)
        sum.multiplier = largestPrice
        if sum.isSettled { add(sum.members.map { _ in 1 }, of: sum) } else { tiedSizes.append(sum) }
    }

    /// How much better any allocation can be at most, in the objective's unit.
    func gap(budgetPrice: Double) -> Double {
        let price = budgetPrice * model.scale
        var total = slack + price * (1 - weights.reduce(0, +))
        for index in weights.indices {
            let slope = slopes[index] - price
            let best = charges[index].best(slope: slope, from: lower[index], to: upper[index])
            total += best.worth - (slope * weights[index] - charges[index].value(at: weights[index]))
        }
        return min(max(0, total) / model.scale, max(0, model.ceiling - model.value))
    }

    /// The certificate with the price of the budget that makes the bound least.
    func certificate() -> OptimalityCertificate {
        // The bound is convex in ν; its slope is 1 − Σ argmax, which grows with ν.
        var low = Double.infinity
        var high = -Double.infinity
        for index in weights.indices {
            let steepest = charges[index].steepest(from: lower[index], to: upper[index])
            low = min(low, slopes[index] - steepest)
            high = max(high, slopes[index] + steepest)
        }
        for _ in 0..<200 {
            let middle = low + (high - low) / 2
            guard middle > low, middle < high else { break }
            if bestTotal(at: middle) > 1 { low = middle } else { high = middle }
        }
        let price = [low, high].min { gap(budgetPrice: $0 / model.scale) < gap(budgetPrice: $1 / model.scale) } ?? low
        let budgetPrice = price / model.scale
        return OptimalityCertificate(
            objective: model.value,
            bound: model.value + gap(budgetPrice: budgetPrice),
            budgetPrice: budgetPrice
        )
    }

    private func bestTotal(at price: Double) -> Double {
        var total = 0.0
        for index in weights.indices {
            total += charges[index].best(slope: slopes[index] - price, from: lower[index], to: upper[index]).weight
        }
        return total
    }

    /// What a gap is measured against: the objective, or where that is small what it is the difference of.
    var size: Double {
        var terms = 0.0
        for (slope, weight) in zip(model.gradient, weights) { terms += abs(slope * weight) }
        return max(abs(model.value), terms / model.scale, model.unit)
    }

    /// The objective's value at the target.
    var objective: Double { model.value }

    // MARK: Limits

    /// The bounds of each weight, cash last; no trade is larger than the turnover, since purchases equal sales.
    static func bounds(_ mandate: Mandate, _ current: [Double]) -> [(lower: Double, upper: Double)] {
        let limits = mandate.limits
        let gross = limits.maxGrossExposure.map { mandate.most($0, "/max_gross_exposure") }
        // Where gross exposure may be exceeded no weight is larger than one more than it.
        let reach = gross == .infinity ? 1 + (limits.maxGrossExposure ?? 0) : gross
        let most = mandate.permitsShorts ? reach ?? .infinity : 1
        let general = limits.maxPositionSize ?? most
        var bounds = mandate.moments.instruments.map { id -> (lower: Double, upper: Double) in
            guard mandate.universe.contains(id) else { return (0, 0) }
            let floor = limits.minWeights?[id].map { mandate.least($0, "/min_weights/\(id)") }
            let cap = limits.maxWeights?[id].map { mandate.most($0, "/max_weights/\(id)") }
            let upper = min(most, cap ?? mandate.most(general, "/max_position_size", id))
            guard mandate.permitsShorts else { return (max(0, floor ?? 0), upper) }
            // Who has a floor that is not negative is never short, however far the floor may be missed.
            let least = limits.minWeights?[id].map { $0 >= 0 ? 0 : -most } ?? -most
            return (max(least, floor ?? mandate.least(-general, "/max_position_size", id)), upper)
        }
        let mostCash = mandate.most(limits.maxCash ?? limits.minCash ?? 0, "/max_cash")
        bounds.append(
            (
                max(0, mandate.least(limits.minCash ?? 0, "/min_cash")),
                min(mandate.permitsShorts ? 1 + most : 1, mostCash)
            )
        )
        for (index, id) in mandate.moments.instruments.enumerated() {
            guard let change = mandate.mostChange(of: id) else { continue }
            let own = bounds[index]
            let lower = min(max(own.lower, current[index] - change), own.upper)
            bounds[index] = (lower, max(lower, min(own.upper, current[index] + change)))
        }
        guard let turnover = limits.maxTurnover, mandate.penalties["/max_turnover"] == nil else { return bounds }
        return zip(bounds, current).map { bound, weight in
            let lower = min(max(bound.lower, weight - turnover), bound.upper)
            return (lower, max(lower, min(bound.upper, weight + turnover)))
        }
    }

    /// Takes a limit's price from the slopes; bounds of single weights are in the boxes already.
    private mutating func charge(_ binding: BindingConstraint, _ exposure: Exposure, _ mandate: Mandate) {
        guard let price = binding.shadowPrice, price != 0, let row = LimitRow(binding, exposure, mandate) else {
            return
        }
        let most = mandate.penalties[binding.constraint] ?? .infinity
        let multiplier = min(max(0, row.isUpper ? price : -price), most) * model.scale
        guard multiplier > 0, multiplier.isFinite else { return }
        let missing = multiplier * (row.isUpper ? row.bound - row.value : row.value - row.bound)
        switch row.terms {
        case .turnover:
            for index in charges.indices { charges[index].add(rate: multiplier / 2, at: charges[index].held) }
        case .change(let index): charges[index].add(rate: multiplier, at: charges[index].held)
        case .sizes(let coefficients):
            for (index, coefficient) in coefficients.enumerated() {
                charges[index].add(rate: multiplier * coefficient, at: 0)
            }
        case .tied(var sum):
            sum.multiplier = multiplier
            tiedSizes.append(sum)
        case .linear(let coefficients):
            let sign = row.isUpper ? 1.0 : -1.0
            for (index, coefficient) in coefficients.enumerated() { slopes[index] -= sign * multiplier * coefficient }
        case .risk:
            guard model.riskPrice == 0 || model.riskMeasure == mandate.riskMeasure,
                let penalty = WassersteinSupport(exposure, mandate)
            else { return }
            riskPrice += multiplier
            for index in slopes.indices { slopes[index] -= multiplier * penalty.gradient[index] }
            for index in exposure.weights.indices {
                charges[index].add(rate: multiplier * penalty.sizeRate, at: 0)
            }
            largestPrice += multiplier * penalty.largestRate
        }
        for (index, rate) in row.sizeRates.enumerated() { charges[index].add(rate: multiplier * rate, at: 0) }
        slack += missing
    }
}

extension Mandate {
    /// The most that a weight may move; nil where nothing limits it, or at a price alone.
    fileprivate func mostChange(of id: String) -> Double? {
        let own = limits.maxWeightChanges?[id]
        guard penalties[own == nil ? "/max_weight_change" : "/max_weight_changes/\(escaped(id))"] == nil else {
            return nil
        }
        return own ?? limits.maxWeightChange
    }
}
