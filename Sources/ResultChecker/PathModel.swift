internal import PortfolioModel

/// One period of a planned path: what it holds, and the mandate that starts from what the period before left.
struct PathPeriod {
    var mandate: Mandate
    var exposure: Exposure
    var bindings: [BindingConstraint]

    /// The periods of a result's path; nil where it has not one for each of the horizon's.
    static func all(of result: OptimizationResult, _ mandate: Mandate) -> [PathPeriod]? {
        guard let horizon = mandate.request.parameters.horizon, let path = result.path, !path.periods.isEmpty,
            path.periods.count == horizon.periodCount
        else { return nil }
        let instruments = mandate.moments.instruments
        var periods: [PathPeriod] = []
        var current = mandate.current
        for (index, period) in path.periods.enumerated() {
            var own = mandate
            own.current = current
            if let rows = horizon.expectedReturns {
                guard rows.count == path.periods.count, rows[index].count == instruments.count else { return nil }
                own.moments.expectedReturns = rows[index]
            }
            let exposure = Exposure(
                weights: instruments.map { period.allocation[$0] ?? 0 },
                cash: period.allocation["cash"] ?? 0,
                moments: own.moments
            )
            periods.append(PathPeriod(mandate: own, exposure: exposure, bindings: period.bindingConstraints))
            current = period.allocation
        }
        return periods
    }
}

/// The objective of a path near it: what ``ObjectiveModel`` is for one set of weights.
///
/// f is concave in all weights together, so that f(w′) ≤ f(w) + Σₜ gₜᵀ(w′ₜ − wₜ) − Σₜᵢ cₜᵢ(|w′ₜᵢ − w′ₜ₋₁,ᵢ| − |wₜᵢ − wₜ₋₁,ᵢ|).
struct PathModel {
    /// The objective's value, oriented so that larger is better.
    private(set) var value = 0.0
    /// gₜ over the instruments, cash last.
    private(set) var gradients: [[Double]]
    /// cₜᵢ: what a unit of trading costs.
    private(set) var rates: [[Double]]
    /// What the caller's unit is multiplied by to come to that of f: the risk of a ratio, else 1.
    private(set) var scale = 1.0
    /// What a gap is measured against where the objective is near 0.
    private(set) var unit = 0.0
    /// What the objective cannot exceed whatever the limits are: 0 for a risk or a cost.
    private(set) var ceiling = Double.infinity

    /// A risk below this share of Σ wᵢσᵢ is nearly none.
    private static let smallShare = 1e-3

    /// Nil where the objective is not a concave one that this can say.
    init?(_ periods: [PathPeriod]) {
        guard let first = periods.first, first.mandate.penalties.isEmpty else { return nil }
        let count = first.mandate.moments.instruments.count + 1
        gradients = periods.map { _ in [Double](repeating: 0, count: count) }
        rates = gradients
        let isSet = first.mandate.request.objective.isOfTerms ? setTerms(periods) : set(periods)
        guard isSet, value.isFinite, scale.isFinite, scale > 0 else { return nil }
        guard gradients.allSatisfy({ $0.allSatisfy(\.isFinite) }) else { return nil }
    }

    // MARK: Means, roots of mean squares, ratios

    private mutating func set(_ periods: [PathPeriod]) -> Bool {
        let (mandate, share) = (periods[0].mandate, 1 / Double(periods.count))
        let preferences = mandate.preferences
        let rate = preferences.riskFreeRate ?? 0
        switch mandate.request.objective {
        case .minimizeRisk: return setRisk(periods, of: periods.map(\.exposure.weights))
        case .minimizeTrackingError:
            guard let active = Self.active(periods) else { return false }
            return setRisk(periods, of: active)
        case .minimizeTransactionCosts:
            charge(periods, by: 1)
            for (period, costs) in zip(periods, rates) {
                for (cost, weight) in zip(costs, period.exposure.weights) { unit += cost * abs(weight) }
            }
            ceiling = 0
        case .maximizeReturn, .maximizeUtility:
            charge(periods, by: share * Self.paid(preferences))
            let aversion =
                mandate.request.objective == .maximizeUtility ? preferences.riskAversion ?? 2.5 : 0
            for (index, period) in periods.enumerated() {
                add((period.mandate.moments.expectedReturns + [rate]).map { share * $0 }, index, period)
                guard aversion != 0 else { continue }
                let slope = Slope(period.exposure.weights, period.mandate.moments)
                add(slope.gradient(by: -share * aversion * slope.volatility), index)
                value -= share * aversion / 2 * slope.volatility * slope.volatility
            }
        case .maximizeSharpe:
            charge(periods, by: share * Self.paid(preferences))
            for (index, period) in periods.enumerated() {
                add(period.mandate.moments.expectedReturns.map { share * ($0 - rate) } + [0], index, period)
            }
            return setRatio(periods, to: periods.map(\.exposure.weights))
        case .maximizeDiversification:
            let deviations = mandate.moments.covariance.diagonal.map { share * max(0, $0).squareRoot() }
            for (index, period) in periods.enumerated() { add(deviations + [0], index, period) }
            return setRatio(periods, to: periods.map(\.exposure.weights))
        case .maximizeInformationRatio:
            guard let active = Self.active(periods) else { return false }
            charge(periods, by: share * Self.paid(preferences))
            for (index, period) in periods.enumerated() {
                let returns = period.mandate.moments.expectedReturns.map { share * $0 }
                add(returns + [0], index)
                value += zip(returns, active[index]).reduce(0) { $0 + $1.0 * $1.1 }
            }
            return setRatio(periods, to: active)
        case .riskBudgeting, .multiObjective, .custom: return false
        }
        return true
    }

    /// What a unit of costs takes from a return.
    private static func paid(_ preferences: Preferences) -> Double {
        preferences.includeTransactionCosts == true ? 1 / (preferences.costHorizonYears ?? 1) : 0
    }

    private static func active(_ periods: [PathPeriod]) -> [[Double]]? {
        let active = periods.compactMap { activeWeights($0.exposure, $0.mandate) }
        return active.count == periods.count ? active : nil
    }

    /// Subtracts a multiple of what trades cost at proportional rates.
    private mutating func charge(_ periods: [PathPeriod], by factor: Double) {
        guard factor != 0 else { return }
        for (index, period) in periods.enumerated() {
            let mandate = period.mandate
            for (place, id) in mandate.moments.instruments.enumerated() {
                let own = mandate.instruments[id]?.cost?.proportional
                let rate = factor * (own ?? mandate.preferences.transactionCostModel ?? 0)
                rates[index][place] = rate
                value -= rate * abs(period.exposure.weights[place] - (mandate.current[id] ?? 0))
            }
        }
    }

    /// Adds a linear part of the objective with its value at the path.
    private mutating func add(_ coefficients: [Double], _ index: Int, _ period: PathPeriod) {
        add(coefficients, index)
        for (coefficient, weight) in zip(coefficients, period.exposure.weights + [period.exposure.cash]) {
            value += coefficient * weight
        }
    }

    private mutating func add(_ slopes: [Double], _ index: Int) {
        for (place, slope) in slopes.enumerated() { gradients[index][place] += slope }
    }

    /// √(mean variance) of weights, and its slope at each of them.
    private static func risk(_ periods: [PathPeriod], of weights: [[Double]]) -> (value: Double, slopes: [Slope]) {
        let slopes = zip(periods, weights).map { Slope($1, $0.mandate.moments) }
        let squares = slopes.reduce(0) { $0 + $1.volatility * $1.volatility }
        return ((squares / Double(periods.count)).squareRoot(), slopes)
    }

    /// Subtracts a multiple of the root of a mean variance from the gradients.
    private mutating func subtract(_ factor: Double, _ risk: (value: Double, slopes: [Slope])) {
        guard risk.value > 0 else { return }
        let share = factor / (risk.value * Double(risk.slopes.count))
        for (index, slope) in risk.slopes.enumerated() { add(slope.gradient(by: -share * slope.volatility), index) }
    }

    private mutating func setRisk(_ periods: [PathPeriod], of weights: [[Double]]) -> Bool {
        let risk = Self.risk(periods, of: weights)
        value = -risk.value
        subtract(1, risk)
        for period in periods { unit += Self.smallShare * period.exposure.undiversified / Double(periods.count) }
        ceiling = 0
        return true
    }

    /// Makes what was added the numerator of a ratio.
    private mutating func setRatio(_ periods: [PathPeriod], to weights: [[Double]]) -> Bool {
        let risk = Self.risk(periods, of: weights)
        guard risk.value > 0 else { return false }
        value /= risk.value
        scale = risk.value
        subtract(value, risk)
        return true
    }

    // MARK: Terms

    /// The sum of each period's terms; an impact is replaced by its tangent at the period's trade.
    private mutating func setTerms(_ periods: [PathPeriod]) -> Bool {
        for (index, period) in periods.enumerated() {
            guard let own = ObjectiveModel(period.exposure, period.mandate, inPath: true), own.riskPrice == 0 else {
                return false
            }
            value += own.value
            add(own.gradient, index)
            for (place, charge) in own.charges.enumerated() {
                guard charge.lots.isEmpty, charge.kinks.allSatisfy({ $0.at == charge.held }) else { return false }
                rates[index][place] = charge.kinks.reduce(0) { $0 + $1.rate }
                guard charge.impact != 0 else { continue }
                let trade = period.exposure.weights[place] - charge.held
                let slope = 1.5 * charge.impact * abs(trade).squareRoot() * (trade < 0 ? -1 : 1)
                gradients[index][place] -= slope
                if index > 0 { gradients[index - 1][place] += slope }
            }
        }
        return true
    }
}
