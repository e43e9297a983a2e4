internal import Matrices
internal import PortfolioModel

/// An objective near the target: a value, a gradient that overestimates it everywhere, a charge on every weight alone, and
/// a measure of risk over scenarios.
///
/// f is concave, so that f(w′) ≤ f(w) + gᵀ(w′ − w) − Σ (cᵢ(w′ᵢ) − cᵢ(wᵢ)) − κ(ρ(w′) − ρ(w)). A ratio gain/risk = S is read
/// as gain − S · risk, which is concave, 0 at the target, and positive exactly where the ratio is larger.
struct ObjectiveModel {
    /// The objective's value, oriented so that larger is better.
    var value: Double
    /// g over the instruments, cash last.
    var gradient: [Double]
    /// cᵢ over the instruments, cash last.
    var charges: [WeightCharge]
    /// κ, what a unit of the measure over scenarios costs; 0 where there is none.
    var riskPrice = 0.0
    /// The measure that the price is for; only of interest where the price is not 0.
    var riskMeasure: RiskMeasure
    /// What the caller's unit is multiplied by to come to that of f: the risk of a ratio, else 1.
    var scale = 1.0
    /// What a gap is measured against where the objective is near 0.
    var unit = 0.0
    /// What the target pays for the soft limits that it exceeds.
    private(set) var paidForExcess = 0.0
    /// What the objective cannot exceed whatever the limits are: 0 for a risk or a cost.
    var ceiling = Double.infinity

    /// A risk below this share of Σ wᵢσᵢ is nearly none.
    private static let smallShare = 1e-3

    /// What the gain is beyond the ratio asked for times the risk; 0 for the target's own ratio and where there is none.
    private(set) var surplus = 0.0
    /// Whether the objective is a ratio.
    private(set) var isRatio = false
    private let ratioAsked: Double?
    /// Whether f is −½ρ² where the objective is −ρ, a risk.
    var isHalfSquare = false

    /// Nil where the objective is not a concave one of one set of weights; `inPath` for one period's of several.
    ///
    /// A ratio is read as gain − S · risk with the target's own S unless another is asked for.
    ///
    /// - Parameters:
    ///   - exposure: the target.
    ///   - mandate: what is asked for.
    ///   - ratio: the ratio that is asked for.
    ///   - diagonal: what of the variances is charged on single weights; empty for nothing. A risk is then read as half its
    ///     square.
    ///   - inPath: whether it is one period's of several.
    init?(
        _ exposure: Exposure,
        _ mandate: Mandate,
        ratio: Double? = nil,
        diagonal: [Double] = [],
        inPath: Bool = false
    ) {
        let (guarded, target) = (mandate.onWorstCovariance, exposure)
        let isGuarded = mandate.request.type == .robust
        let exposure =
            isGuarded
            ? Exposure(weights: exposure.weights, cash: exposure.cash, moments: guarded.moments) : exposure
        guard let worst = WorstCase(exposure, mandate) else { return nil }
        switch mandate.request.type {
        case .meanVariance, .blackLitterman, .factorBased, .scenarioBased, .custom: break
        case .robust:
            // A bound on the figures that are expected would be none on those in the worst case.
            guard !mandate.request.objective.isOfTerms, let uncertainty = mandate.request.parameters.uncertainty,
                uncertainty.kind != .factorLoadings,
                !mandate.permitsShorts || uncertainty.kind != .box
            else { return nil }
        case .multiPeriod: guard inPath else { return nil }
        case .riskParity, .hierarchicalRiskParity: return nil
        }
        value = 0
        ratioAsked = ratio
        riskMeasure = mandate.riskMeasure
        gradient = [Double](repeating: 0, count: mandate.moments.instruments.count + 1)
        charges = Self.charges(mandate)
        let returns = worst.expectedReturns ?? mandate.moments.expectedReturns
        let isSet =
            mandate.request.objective.isOfTerms
            ? setTerms(exposure, mandate) : set(mandate.request.objective, exposure, returns, guarded)
        guard isSet, diagonal.isEmpty || charge(diagonal, exposure, mandate) else { return nil }
        // A ratio has no unit that a penalty could have.
        guard isSet, mandate.penalties.isEmpty || scale == 1 else { return nil }
        for soft in mandate.softLimitsExceeded(by: target) { paidForExcess += soft.penalty * soft.excess }
        value -= paidForExcess
        guard value.isFinite, scale.isFinite, scale > 0, riskPrice.isFinite, gradient.allSatisfy(\.isFinite)
        else { return nil }
    }

    /// - Returns: whether the objective is of a kind that this can say.
    private mutating func set(
        _ objective: Objective,
        _ exposure: Exposure,
        _ returns: [Double],
        _ mandate: Mandate
    ) -> Bool {
        let moments = mandate.moments
        let rate = mandate.preferences.riskFreeRate ?? 0
        let paid = charged(at: exposure)
        switch objective {
        case .minimizeRisk:
            unit = Self.smallShare * exposure.undiversified
            if mandate.riskMeasure != .volatility { unit /= moments.periodsPerYear.squareRoot() }
            ceiling = mandate.riskMeasure.isNeverNegative ? 0 : .infinity
            return add(riskAt: 1, exposure, mandate)
        case .maximizeReturn:
            add(returns + [rate], exposure)
            value -= paid
        case .maximizeUtility:
            add(returns + [rate], exposure)
            value -= paid
            let aversion = mandate.preferences.riskAversion ?? 2.5
            guard mandate.riskMeasure == .volatility else {
                return add(riskAt: aversion * moments.periodsPerYear, exposure, mandate)
            }
            let slope = Slope(exposure.weights, moments)
            add(slope.gradient(by: -aversion * slope.volatility))
            value -= aversion / 2 * slope.volatility * slope.volatility
        case .maximizeSharpe:
            add(returns.map { $0 - rate } + [0], exposure)
            let gain = value - paid
            guard mandate.riskMeasure == .volatility else {
                let risk = chosenRisk(of: exposure, mandate) + (mandate.riskPenalty(of: exposure.weights) ?? 0)
                value = 0
                isRatio = true
                guard risk > 0, add(riskAt: ratioAsked ?? gain / risk, exposure, mandate) else { return false }
                (value, scale, surplus) = (gain / risk, risk, ratioAsked.map { gain - $0 * risk } ?? 0)
                return true
            }
            setRatio(gain: gain, Slope(exposure.weights, moments))
        case .maximizeDiversification:
            add(moments.covariance.diagonal.map { max(0, $0).squareRoot() } + [0], exposure)
            setRatio(gain: value, Slope(exposure.weights, moments))
        case .minimizeTrackingError, .maximizeInformationRatio:
            return setActive(objective, exposure, mandate, paid)
        case .minimizeTransactionCosts:
            value = -paid
            for (index, charge) in charges.enumerated() {
                unit +=
                    charge.steepest(from: 0, to: 1) * abs(index < exposure.weights.count ? exposure.weights[index] : 0)
            }
            ceiling = 0
        case .riskBudgeting, .multiObjective, .custom: return false
        }
        return true
    }

    private mutating func setActive(
        _ objective: Objective,
        _ exposure: Exposure,
        _ mandate: Mandate,
        _ paid: Double
    ) -> Bool {
        guard let active = activeWeights(exposure, mandate) else { return false }
        let slope = Slope(active, mandate.moments)
        guard objective == .maximizeInformationRatio else {
            value = -slope.volatility
            add(slope.gradient(by: -1))
            unit = Self.smallShare * exposure.undiversified
            ceiling = 0
            return true
        }
        // The worst of active returns is another one than that of the weights.
        let difference = Exposure(weights: active, cash: 0, moments: mandate.moments)
        if mandate.request.parameters.uncertainty?.kind == .box { return false }
        guard let worst = WorstCase(difference, mandate) else { return false }
        let returns = worst.expectedReturns ?? mandate.moments.expectedReturns
        add(returns + [0])
        value = zip(returns, active).reduce(0) { $0 + $1.0 * $1.1 }
        setRatio(gain: value - paid, slope)
        return true
    }

    /// Adds a linear part of the objective with its value at the target.
    mutating func add(_ coefficients: [Double], _ exposure: Exposure) {
        add(coefficients)
        for (index, weight) in exposure.weights.enumerated() { value += coefficients[index] * weight }
        value += (coefficients.last ?? 0) * exposure.cash
    }

    /// Adds to the gradient alone.
    mutating func add(_ slopes: [Double]) {
        for (index, slope) in slopes.enumerated() { gradient[index] += slope }
    }

    /// Subtracts the chosen measure of risk at a price.
    ///
    /// - Returns: false for a measure that is not convex.
    mutating func add(riskAt price: Double, _ exposure: Exposure, _ mandate: Mandate) -> Bool {
        let moments = mandate.moments
        value -= price * chosenRisk(of: exposure, mandate)
        guard mandate.riskMeasure != .volatility else {
            add(Slope(exposure.weights, moments).gradient(by: -price))
            return true
        }
        if moments.returns == nil {
            guard let support = gaussianGradient(exposure, mandate) else { return false }
            add(support.map { -price * $0 })
            return true
        }
        guard mandate.riskMeasure != .valueAtRisk, addWasserstein(at: price, exposure, mandate) else { return false }
        riskPrice += price
        return true
    }

    /// Subtracts what a ball of distributions adds to a risk.
    private mutating func addWasserstein(at price: Double, _ exposure: Exposure, _ mandate: Mandate) -> Bool {
        guard let penalty = WassersteinSupport(exposure, mandate) else { return false }
        value -= price * penalty.value
        add(penalty.gradient.map { -price * $0 })
        for index in exposure.weights.indices { charges[index].add(rate: price * penalty.sizeRate, at: 0) }
        return true
    }

    /// Makes a sum the numerator of a ratio to a volatility.
    private mutating func setRatio(gain: Double, _ slope: Slope) {
        value = gain / slope.volatility
        scale = slope.volatility
        isRatio = true
        surplus = ratioAsked.map { gain - $0 * slope.volatility } ?? 0
        add(slope.gradient(by: -(ratioAsked ?? value)))
    }

    /// What the target pays for its trades.
    private func charged(at exposure: Exposure) -> Double {
        var total = 0.0
        for (index, weight) in exposure.weights.enumerated() { total += charges[index].value(at: weight) }
        return total
    }
}

extension RiskMeasure {
    /// Whether it is at least 0 for all weights.
    fileprivate var isNeverNegative: Bool {
        switch self {
        case .volatility, .semiDeviation, .meanAbsoluteDeviation, .conditionalDrawdown, .maximumDrawdown: true
        case .valueAtRisk, .conditionalValueAtRisk, .entropicValueAtRisk, .worstRealization: false
        }
    }
}

/// The gradient of a Gaussian measure, zσ/√P − μ/P, with 0 for cash; nil where it is not convex.
func gaussianGradient(_ exposure: Exposure, _ mandate: Mandate) -> [Double]? {
    guard mandate.moments.returns == nil, let multiple = gaussianMultiple(mandate), multiple >= 0 else { return nil }
    let periods = mandate.moments.periodsPerYear
    let pull = Slope(exposure.weights, mandate.moments).gradient(by: multiple / periods.squareRoot())
    return zip(pull, mandate.moments.expectedReturns + [0]).map { $0 - $1 / periods }
}

/// What a ball of distributions adds to a measure of risk, from below: a gradient and a charge on each weight's size.
struct WassersteinSupport {
    private(set) var value = 0.0
    private(set) var gradient: [Double]
    private(set) var sizeRate = 0.0

    /// Nil for a ball whose addition has kinks that this does not know.
    init?(_ exposure: Exposure, _ mandate: Mandate) {
        gradient = [Double](repeating: 0, count: exposure.weights.count + 1)
        guard let penalty = mandate.riskPenalty(of: exposure.weights), penalty != 0 else { return }
        guard let uncertainty = mandate.request.parameters.uncertainty else { return nil }
        value = penalty
        switch uncertainty.effectiveNorm {
        case .sum: return nil
        case .euclidean:
            let square = exposure.weights.reduce(0) { $0 + $1 * $1 }
            for (index, weight) in exposure.weights.enumerated() { gradient[index] = penalty * weight / square }
        case .largest:
            sizeRate = uncertainty.size / (1 - (mandate.preferences.confidenceLevel ?? 0.95))
        }
    }
}
