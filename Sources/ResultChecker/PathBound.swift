internal import PortfolioModel

/// Bounds how much better than a planned path any path within the limits can be, by weak duality.
///
/// With prices of every period's limits and one budget price νₜ a period, what is left to maximize falls apart by
/// instrument: over the bounds of xₜ and the reach of each trade,
///
/// Σₜ ((gₜ − Σₖ pₜₖaₖ − νₜ)xₜ − sₜ|xₜ| − cₜ|xₜ − xₜ₋₁|),  x₀ what is held,
///
/// a dynamic program over functions of one weight, which are concave and made of lines (``ConcavePieces``). Whatever the
/// prices are, no path gains more than the bound. docs/mathematics.md, "A certificate".
struct PathBound {
    /// One period's part of what is maximized, by instrument, cash last.
    private struct Part {
        var weights: [Double]
        /// gₜ − Σ pₜₖaₖ.
        var slopes: [Double]
        /// cₜ: costs and half the price of turnover.
        var rates: [Double]
        /// sₜ: the price of sizes.
        var sizeRates: [Double]
        var lower: [Double]
        var upper: [Double]
        /// The largest trade.
        var reach: [Double]

        /// Holds the weights where they must end.
        mutating func settle(at target: [String: Double]?, _ mandate: Mandate) {
            guard let target else { return }
            let sum = target.keys.sorted().reduce(0) { $0 + (target[$1] ?? 0) }
            for (place, id) in (mandate.moments.instruments + ["cash"]).enumerated() {
                let weight = (target[id] ?? 0) / sum
                (lower[place], upper[place]) = (weight, weight)
            }
        }
    }

    private let model: PathModel
    private let held: [Double]
    private var parts: [Part] = []
    /// What is missing at the limits.
    private var slack = 0.0

    /// Nil where the path is not one of the horizon, or its objective not concave.
    init?(_ result: OptimizationResult, _ mandate: Mandate) {
        guard let periods = PathPeriod.all(of: result, mandate), let model = PathModel(periods) else { return nil }
        self.model = model
        held = mandate.moments.instruments.map { mandate.current[$0] ?? 0 } + [mandate.current["cash"] ?? 0]
        var loose = mandate
        loose.limits.maxTurnover = nil
        loose.limits.maxWeightChange = nil
        loose.limits.maxWeightChanges = nil
        let box = OptimalityBound.bounds(loose, held)
        var before = held
        for (index, period) in periods.enumerated() {
            let weights = period.exposure.weights + [period.exposure.cash]
            var part = Part(
                weights: weights,
                slopes: model.gradients[index],
                rates: model.rates[index],
                sizeRates: weights.map { _ in 0 },
                lower: box.map(\.lower),
                upper: box.map(\.upper),
                reach: Self.reach(mandate)
            )
            if index == periods.count - 1 {
                part.settle(at: mandate.request.parameters.horizon?.terminalTarget, mandate)
            }
            // The path itself is among those that the bound is over, roundings and all.
            for (place, weight) in weights.enumerated() {
                part.lower[place] = min(part.lower[place], weight)
                part.upper[place] = max(part.upper[place], weight)
                part.reach[place] = max(part.reach[place], abs(weight - before[place]))
            }
            parts.append(part)
            before = weights
        }
        for (index, period) in periods.enumerated() {
            for binding in period.bindings { charge(binding, period, index) }
        }
        limitReach()
    }

    /// How far each weight may move in a period; a trade is never larger than the turnover.
    private static func reach(_ mandate: Mandate) -> [Double] {
        let limits = mandate.limits
        let turnover = limits.maxTurnover.map { mandate.most($0, "/max_turnover") } ?? .infinity
        return mandate.moments.instruments.map { id in
            min(turnover, limits.maxWeightChanges?[id] ?? limits.maxWeightChange ?? .infinity)
        } + [turnover]
    }

    /// What is further than any two weights are apart is no limit.
    private mutating func limitReach() {
        for place in held.indices {
            var (least, most) = (held[place], held[place])
            for part in parts { (least, most) = (min(least, part.lower[place]), max(most, part.upper[place])) }
            for index in parts.indices {
                // A little more, so that roundings keep nothing of the path itself out of reach.
                parts[index].reach[place] = min(parts[index].reach[place] * (1 + 1e-12), most - least) + 1e-15
            }
        }
    }

    /// Takes the price of a limit in one period from the slopes; bounds of single weights and trades are in the boxes.
    private mutating func charge(_ binding: BindingConstraint, _ period: PathPeriod, _ index: Int) {
        guard let price = binding.shadowPrice, price != 0,
            let row = LimitRow(binding, period.exposure, period.mandate)
        else { return }
        let multiplier = max(0, row.isUpper ? price : -price) * model.scale
        guard multiplier > 0, multiplier.isFinite else { return }
        switch row.terms {
        case .turnover: for place in held.indices { parts[index].rates[place] += multiplier / 2 }
        case .change(let place): parts[index].rates[place] += multiplier
        case .sizes(let coefficients):
            for (place, coefficient) in coefficients.enumerated() {
                parts[index].sizeRates[place] += multiplier * coefficient
            }
        case .linear(let coefficients):
            let sign = row.isUpper ? 1.0 : -1.0
            for (place, coefficient) in coefficients.enumerated() {
                parts[index].slopes[place] -= sign * multiplier * coefficient
            }
        case .risk, .tied: return
        }
        slack += multiplier * (row.isUpper ? row.bound - row.value : row.value - row.bound)
    }

    // MARK: The bound

    /// The objective's value on the path.
    var objective: Double { model.value }

    /// How many prices of budgets there are.
    var periodCount: Int { parts.count }

    /// What a gap is measured against.
    var size: Double {
        var terms = 0.0
        for (gradient, part) in zip(model.gradients, parts) {
            for (slope, weight) in zip(gradient, part.weights) { terms += abs(slope * weight) }
        }
        return max(abs(model.value), terms / model.scale, model.unit)
    }

    /// How much better any path can be at most, in the objective's unit.
    func gap(budgetPrices: [Double]) -> Double {
        let total = total(budgetPrices.map { $0 * model.scale }).worth
        return min(max(0, total) / model.scale, max(0, model.ceiling - model.value))
    }

    /// The sum of what is missing, and how the sum of weights of each period's best falls short of the budget.
    private func total(_ prices: [Double]) -> (worth: Double, missing: [Double]) {
        var worth = slack
        var missing = prices.map { _ in 1.0 }
        for (price, part) in zip(prices, parts) { worth += price * (1 - part.weights.reduce(0, +)) }
        for place in held.indices {
            var steps: [ConcavePieces] = []
            for (part, price) in zip(parts, prices).reversed() {
                let slope = part.slopes[place] - price
                var own: ConcavePieces
                if var after = steps.last {
                    let next = parts[parts.count - steps.count]
                    after.precede(rate: next.rates[place], reach: next.reach[place])
                    after.restrict(from: part.lower[place], to: part.upper[place])
                    after.add(slope: slope)
                    own = after
                } else {
                    own = ConcavePieces(slope: slope, from: part.lower[place], to: part.upper[place])
                }
                own.charge(rate: part.sizeRates[place], at: 0)
                steps.append(own)
            }
            var (weight, before) = (held[place], held[place])
            for (index, part) in parts.enumerated() {
                let step = steps[parts.count - 1 - index]
                let best = step.best(from: weight, rate: part.rates[place], reach: part.reach[place])
                if index == 0 { worth += step.value(at: best) - part.rates[place] * abs(best - weight) }
                missing[index] -= best
                weight = best
                let own = part.weights[place]
                worth -= (part.slopes[place] - prices[index]) * own - part.sizeRates[place] * abs(own)
                worth += part.rates[place] * abs(own - before)
                before = own
            }
        }
        return (worth, missing)
    }

    // MARK: Prices of the budgets

    /// The certificate with the prices of the budgets that make the bound small.
    ///
    /// - Parameter proposed: where to start, such as the multipliers of the solve; none for 0.
    /// - Returns: the certificate, whatever it proves.
    func certificate(from proposed: [Double]) -> OptimalityCertificate {
        let isFitting = proposed.count == parts.count && proposed.allSatisfy(\.isFinite)
        var prices = isFitting ? proposed.map { $0 * model.scale } : parts.map { _ in 0 }
        if parts.count == 1 || total(prices).worth > Tolerance.optimal / 2 * size * model.scale { improve(&prices) }
        prices = prices.map { $0 / model.scale }
        return OptimalityCertificate(
            objective: model.value,
            bound: model.value + gap(budgetPrices: prices),
            budgetPrices: prices
        )
    }

    /// Rounds over the periods' prices.
    private static let mostRounds = 3
    /// Halvings of the interval that one price is in.
    private static let mostHalvings = 50
    /// Evaluations times weights that a search may take.
    private static let mostWork = 200_000
    /// Evaluations that finding one price takes, at most.
    private static let evaluationsOfPrice = 100

    /// Lowers the bound, which is convex in the prices, one of them after another.
    private func improve(_ prices: inout [Double]) {
        let least = parts.count == 1 ? Self.evaluationsOfPrice : 0
        var left = max(least, Self.mostWork / max(1, parts.count * held.count))
        // Half a search finds nothing.
        guard left >= parts.count * Self.evaluationsOfPrice else { return }
        let rounds = parts.count == 1 ? 1 : Self.mostRounds
        for _ in 0..<rounds {
            for index in prices.indices {
                improve(&prices, at: index, &left)
                guard left > 0 else { return }
            }
        }
    }

    /// Finds the best of one price, given the others.
    private func improve(_ prices: inout [Double], at index: Int, _ left: inout Int) {
        let start = prices[index]
        func isBelow(_ price: Double) -> Bool {
            left -= 1
            var tried = prices
            tried[index] = price
            // More weight than the budget's is wanted: it must cost more.
            return total(tried).missing[index] < 0
        }
        let isUpwards = isBelow(start)
        var step = max(abs(start), size * model.scale) * 1e-6
        var (near, far) = (start, isUpwards ? start + step : start - step)
        while left > 0, isBelow(far) == isUpwards, step < 1e12 * max(1, abs(start)) {
            near = far
            step *= 4
            far += isUpwards ? step : -step
        }
        for _ in 0..<Self.mostHalvings where left > 0 {
            let middle = near + (far - near) / 2
            guard middle != near, middle != far else { break }
            if isBelow(middle) == isUpwards { near = middle } else { far = middle }
        }
        var best = (price: start, worth: total(prices).worth)
        for price in [near, far] {
            prices[index] = price
            let worth = total(prices).worth
            if worth < best.worth { best = (price, worth) }
        }
        prices[index] = best.price
    }
}
