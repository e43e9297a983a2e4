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
/// priced are left out, which can only make the bound larger; the choice of who is held is in the maxima. A soft limit of penalty q is a
/// row with a price between 0 and q, for −q max(0, aᵀw′ − b) ≤ −p(aᵀw′ − b) then. docs/mathematics.md, "A certificate".
struct OptimalityBound {
    private let model: ObjectiveModel
    let weights: [Double]
    let lower: [Double]
    let upper: [Double]
    /// g − Σ pₖaₖ, and after a support is added − κh.
    private(set) var slopes: [Double]
    private(set) var charges: [WeightCharge]
    /// Who may be held, and from which weight.
    private let choice: PositionChoice
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
    ///
    /// - Parameters:
    ///   - exposure: the target.
    ///   - bindings: limits with their prices.
    ///   - mandate: what is asked for.
    ///   - ratio: the ratio that allocations are held against, where the objective is one; by default the target's.
    ///   - diagonal: what of the variances is charged on single weights.
    init?(
        _ exposure: Exposure,
        _ bindings: [BindingConstraint],
        _ mandate: Mandate,
        ratio: Double? = nil,
        diagonal: [Double] = []
    ) {
        guard let model = ObjectiveModel(exposure, mandate, ratio: ratio, diagonal: diagonal) else { return nil }
        self.model = model
        weights = exposure.weights + [exposure.cash]
        charges = model.charges
        riskPrice = model.riskPrice
        largestPrice = model.largestPrice
        let box = Self.bounds(mandate, charges.map(\.held))
        lower = box.map(\.lower)
        upper = box.map(\.upper)
        choice = PositionChoice(mandate, lower: lower, upper: upper)
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
        min(max(0, excess(budgetPrice: budgetPrice)) / model.scale, max(0, model.ceiling - model.value))
    }

    /// The same in the unit of f, and negative where choices, or a ratio asked for, leave no allocation as good as the target.
    func excess(budgetPrice: Double) -> Double {
        let price = budgetPrice * model.scale
        var total = model.surplus + slack + price * (1 - weights.reduce(0, +))
        for index in weights.indices {
            let slope = slopes[index] - price
            total -= slope * weights[index] - charges[index].value(at: weights[index])
        }
        return total + best(at: price).worth
    }

    /// What no allocation exceeds, where the objective is no ratio.
    func most(budgetPrice: Double) -> Double {
        let excess = excess(budgetPrice: budgetPrice)
        if model.isHalfSquare {
            let least = model.value * model.value - 2 * excess
            return -max(0, least).squareRoot()
        }
        return min(model.value + excess / model.scale, model.ceiling)
    }

    /// The certificate with the price of the budget that makes the bound least.
    func certificate() -> OptimalityCertificate {
        let prices = budgetPrices()
        let budgetPrice = prices.min { gap(budgetPrice: $0) < gap(budgetPrice: $1) } ?? 0
        return OptimalityCertificate(
            objective: model.value,
            bound: model.value + gap(budgetPrice: budgetPrice),
            budgetPrice: budgetPrice
        )
    }

    /// The price of the budget that makes the excess least.
    func leastBudgetPrice() -> Double {
        budgetPrices().min { excess(budgetPrice: $0) < excess(budgetPrice: $1) } ?? 0
    }

    /// Two neighbouring numbers between which the price of the budget lies that makes the bound least.
    private func budgetPrices() -> [Double] {
        // The bound is convex in ν; its slope is 1 − Σ argmax, which grows with ν.
        var low = Double.infinity
        var high = -Double.infinity
        for index in weights.indices {
            let steepest = charges[index].steepest(from: lower[index], to: upper[index])
            low = min(low, slopes[index] - steepest)
            high = max(high, slopes[index] + steepest)
        }
        if !choice.isEmpty || charges.contains(where: { $0.fixed != 0 || $0.bend != 0 }) {
            // Chords of what jumps are steeper than its slopes.
            var width = max(high - low, Double.leastNormalMagnitude)
            for _ in 0..<60 where best(at: low).weight < 1 || best(at: high).weight > 1 {
                low -= width
                high += width
                width *= 2
            }
        }
        for _ in 0..<200 {
            let middle = low + (high - low) / 2
            guard middle > low, middle < high else { break }
            if best(at: middle).weight > 1 { low = middle } else { high = middle }
        }
        return [low / model.scale, high / model.scale]
    }

    /// Σ max φᵢ over what may be held, and the sum of the weights that it is reached at.
    private func best(at price: Double) -> (worth: Double, weight: Double) {
        var (worth, weight) = (0.0, 0.0)
        var chosen: [(gain: Double, weight: Double)] = []
        for index in weights.indices {
            let best = choice.best(index, charges[index], slope: slopes[index] - price, lower[index], upper[index])
            guard choice.isCounted(index) else {
                worth += best.worth
                weight += best.weight
                continue
            }
            let out = -charges[index].value(at: 0)
            worth += out
            if best.worth > out { chosen.append((best.worth - out, best.weight)) }
        }
        guard let most = choice.most else { return (worth, weight) }
        for entry in chosen.sorted(by: { $0.gain > $1.gain }).prefix(most) {
            worth += entry.gain
            weight += entry.weight
        }
        return (worth, weight)
    }

    /// What a gap is measured against: the objective, or where that is small what it is the difference of.
    var size: Double {
        var terms = 0.0
        for (slope, weight) in zip(model.gradient, weights) { terms += abs(slope * weight) }
        return max(abs(model.value), terms / model.scale, model.unit)
    }

    /// The objective's value at the target.
    var objective: Double { model.value }

    /// Whether the objective is a ratio of a gain to a risk.
    var isRatio: Bool { model.isRatio }

    /// What the caller's unit is multiplied by to come to that of f.
    var scale: Double { model.scale }

    // MARK: Limits

    /// The bounds of each weight, cash last; no trade is larger than the turnover, since purchases equal sales.
    static func bounds(_ mandate: Mandate, _ current: [Double]) -> [(lower: Double, upper: Double)] {
        let limits = mandate.limits
        let gross = limits.maxGrossExposure.map { mandate.most($0, "/max_gross_exposure") }
        // Where gross exposure may be exceeded sizes end where a body's numbers do.
        let reach = gross == .infinity ? Constraints.largestSize : gross
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
