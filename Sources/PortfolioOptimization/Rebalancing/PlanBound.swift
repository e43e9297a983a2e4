internal import LinearAlgebra
internal import Matrices

/// Multipliers of the limits on a plan: any of them, with any slope of the risk, prove a bound.
struct PlanMultipliers: Equatable, Sendable {
    /// h = Σz/√(zᵀΣz) of some z, or shorter: √(aᵀΣa) ≥ hᵀa.
    var riskSlope: [Double]
    /// One a row: positive presses against the upper bound, negative against the lower.
    var rows: [Double]
    /// Of the limits on cash: positive where money is short, negative where it must be spent.
    var budget: Double
    /// Of Σ|w − c| ≤ 2 · turnover; not negative.
    var turnover: Double
}

/// The interval of changes that a node of the search leaves to each holding.
struct PlanBox: Equatable, Sendable {
    var lower: [Double]
    var upper: [Double]
}

extension PlanProblem {
    /// A lower bound of the objective over all plans in a box, by Lagrange's function, minimised holding by holding
    /// over the very changes that are allowed.
    ///
    /// It holds for any multipliers; good ones make it tight.
    func bound(_ box: PlanBox, multipliers: PlanMultipliers) -> Double {
        var total = -dot(multipliers.riskSlope, desired)
        // Σw + cost ≤ 1 − floor, and ≥ 1 − ceiling.
        total -= multipliers.budget * (1 - (multipliers.budget > 0 ? cashFloor : cashCeiling))
        if let turnoverLimit, multipliers.turnover > 0 {
            total -= multipliers.turnover * (2 * (turnoverLimit + Self.limitSlack) - leastCashMove)
        }
        var slopes = multipliers.riskSlope
        // Cash in a row is 1 − Σw − cost: that is the budget's expression again.
        var budget = multipliers.budget
        for (row, multiplier) in zip(rows, multipliers.rows) where multiplier != 0 {
            let bound = multiplier > 0 ? row.upper : row.lower
            guard bound.isFinite else { return -.infinity }
            total -= multiplier * (bound - row.cash)
            budget -= multiplier * row.cash
            axpy(multiplier, row.coefficients, into: &slopes)
        }
        return total + separableMinimum(box, slopes: slopes, budget: budget, turnover: multipliers.turnover)
    }

    /// Σ min over the allowed changes, with no more trades than are allowed.
    private func separableMinimum(
        _ box: PlanBox,
        slopes: [Double],
        budget: Double,
        turnover: Double
    ) -> Double {
        var total = 0.0
        var gains: [Double] = []
        var forced = 0
        for index in 0..<count {
            let slope = slopes[index] + budget
            let least = leastTerm(index, box, slope: slope, budget: budget, turnover: turnover)
            let resting = box.lower[index] <= 0 && box.upper[index] >= 0 && domains[index].allowsNone
            let rest = resting ? slope * currentWeights[index] : .infinity
            if resting {
                total += rest
                if least < rest { gains.append(rest - least) }
            } else {
                total += least
                forced += 1
            }
        }
        guard let tradeLimit, gains.count + forced > tradeLimit else { return gains.reduce(total, -) }
        guard forced <= tradeLimit else { return .infinity }
        gains.sort(by: >)
        return gains.prefix(tradeLimit - forced).reduce(total, -)
    }

    /// The least of slope · w + charge + budget · cost + turnover · |w − c| over the trades of one holding; +∞ when
    /// none is allowed.
    ///
    /// Between the ends of lots the term is convex, so its least value over lots is next to its least value at all.
    private func leastTerm(
        _ index: Int,
        _ box: PlanBox,
        slope: Double,
        budget: Double,
        turnover: Double
    ) -> Double {
        let domain = domains[index]
        let charge = charges[index]
        let unit = unitWeights[index]
        let perCost = budget / portfolioValue
        var least = Double.infinity
        func consider(_ change: Double?) {
            guard let change, change >= box.lower[index], change <= box.upper[index], change != 0 else { return }
            let weight = weight(of: index, after: change)
            var term = slope * weight + charge.leastCharge(change) + turnover * abs(weight - currentWeights[index])
            if perCost != 0 { term += perCost * charge.cost(change) }
            least = min(least, term)
        }
        let moneyWeight = charge.costWeight + perCost
        /// Looks at the allowed changes around the stationary point of one convex part, and at its ends.
        func considerPart(from first: Double, to last: Double, linear: Double) {
            consider(domain.ceil(first))
            consider(domain.floor(last))
            guard charge.impact != 0, moneyWeight != 0 else { return }
            // d/dv of linear · v + κ v^(3/2) is 0 at v = (2 linear / 3κ)².
            let root = -2 * linear / (3 * charge.impact * moneyWeight)
            guard root > 0 else { return }
            let units = root * root / charge.price
            let stationary = last > 0 ? units : -units
            guard stationary > first, stationary < last else { return }
            consider(domain.floor(stationary))
            consider(domain.ceil(stationary))
        }
        let perMoney = unit / charge.price
        if box.upper[index] > 0 {
            let linear = (slope + turnover) * perMoney + charge.proportional * moneyWeight
            considerPart(from: max(box.lower[index], Double.leastNormalMagnitude), to: box.upper[index], linear: linear)
        }
        guard box.lower[index] < 0 else { return least }
        var start = max(0, -box.upper[index])
        let lowest = -box.lower[index]
        let ends = charge.hasLotTaxes ? charge.lotEnds + [lowest] : [lowest]
        if start == lowest { consider(-lowest) }
        for end in ends {
            let last = min(end, lowest)
            guard last > start else { continue }
            let middle = (start + last) / 2
            let step = (last - start) * 0.25
            let taxSlope =
                charge.hasLotTaxes
                ? charge.taxWeight * (charge.leastTax(-middle - step) - charge.leastTax(-middle))
                    / (step * charge.price)
                : 0
            let linear = (turnover - slope) * perMoney + charge.proportional * moneyWeight + taxSlope
            considerPart(from: -last, to: start == 0 ? -Double.leastNormalMagnitude : -start, linear: linear)
            start = last
        }
        return least
    }
}
