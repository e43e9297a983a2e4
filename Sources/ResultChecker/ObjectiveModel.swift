internal import Matrices
internal import PortfolioModel

/// An objective near the target: a value, a gradient that overestimates it everywhere, and a charge on every trade.
///
/// f is concave, so that f(w′) ≤ f(w) + gᵀ(w′ − w) − Σ rᵢ(|w′ᵢ − cᵢ| − |wᵢ − cᵢ|). A ratio gain/risk = S is read as
/// gain − S · risk, which is concave, 0 at the target, and positive exactly where the ratio is larger.
struct ObjectiveModel {
    /// The objective's value, oriented so that larger is better.
    var value: Double
    /// g over the instruments, cash last.
    var gradient: [Double]
    /// r over the instruments, cash last.
    var tradeRates: [Double]
    /// What the caller's unit is multiplied by to come to that of f: the risk of a ratio, else 1.
    var scale = 1.0
    /// What a gap is measured against where the objective is near 0.
    var unit = 0.0
    /// What the objective cannot exceed whatever the limits are: 0 for a risk or a cost.
    var ceiling = Double.infinity

    /// A risk below this share of Σ wᵢσᵢ is nearly none.
    private static let smallShare = 1e-3

    /// Nil where the objective is not one of return, volatility and cost.
    init?(_ exposure: Exposure, _ mandate: Mandate) {
        let request = mandate.request
        switch request.type {
        case .meanVariance, .blackLitterman, .factorBased: break
        default: return nil
        }
        // Long positions alone have the bounds that the bound is taken over.
        // Nor is a penalty part of it.
        guard mandate.penalties.isEmpty, !mandate.limits.permitsShorts, !Self.hasOtherCharges(mandate) else {
            return nil
        }
        let isVolatility = mandate.riskMeasure == .volatility
        let moments = mandate.moments
        let none = [Double](repeating: 0, count: moments.instruments.count + 1)
        let rates = Self.tradeRates(mandate)
        let rate = mandate.preferences.riskFreeRate ?? 0
        let cost = Self.cost(exposure, rates, mandate)
        tradeRates = rates
        gradient = none
        switch request.objective {
        case .minimizeRisk where isVolatility:
            let slope = Slope(exposure.weights, moments)
            value = -slope.volatility
            gradient = slope.gradient(by: -1)
            unit = Self.smallShare * exposure.undiversified
            ceiling = 0
        case .maximizeReturn:
            value = exposure.expectedReturn(moments, riskFreeRate: rate) - cost
            gradient = moments.expectedReturns + [rate]
        case .maximizeUtility where isVolatility:
            let aversion = mandate.preferences.riskAversion ?? 2.5
            let slope = Slope(exposure.weights, moments)
            value =
                exposure.expectedReturn(moments, riskFreeRate: rate) - cost
                - aversion / 2 * slope.volatility * slope.volatility
            let pull = slope.gradient(by: -aversion * slope.volatility)
            gradient = zip(moments.expectedReturns + [rate], pull).map { $0 + $1 }
        case .maximizeSharpe where isVolatility:
            let excess = moments.expectedReturns.map { $0 - rate }
            let slope = Slope(exposure.weights, moments)
            value = 0
            setRatio(gains: excess, gain: Self.product(excess, exposure.weights) - cost, slope)
        case .maximizeDiversification:
            let deviations = moments.covariance.diagonal.map { max(0, $0).squareRoot() }
            value = 0
            setRatio(
                gains: deviations,
                gain: Self.product(deviations, exposure.weights),
                Slope(exposure.weights, moments)
            )
        case .minimizeTrackingError, .maximizeInformationRatio:
            guard let active = activeWeights(exposure, mandate) else { return nil }
            let slope = Slope(active, moments)
            value = -slope.volatility
            gradient = slope.gradient(by: -1)
            unit = Self.smallShare * exposure.undiversified
            ceiling = 0
            guard request.objective == .maximizeInformationRatio else { break }
            ceiling = .infinity
            let gain = Self.product(moments.expectedReturns, active) - cost
            setRatio(gains: moments.expectedReturns, gain: gain, slope)
        case .minimizeTransactionCosts:
            value = -cost
            unit = Self.product(rates, exposure.weights)
            ceiling = 0
        default: return nil
        }
        guard value.isFinite, scale.isFinite, gradient.allSatisfy(\.isFinite) else { return nil }
    }

    /// Whether the objective may be charged with more than a proportional rate: market impact, or tax of lots.
    private static func hasOtherCharges(_ mandate: Mandate) -> Bool {
        guard mandate.request.objective.needsExpectedReturns else { return false }
        let preferences = mandate.preferences
        let hasImpact = mandate.instruments.values.contains { ($0.cost?.impact ?? 0) > 0 }
        let hasRates = (preferences.shortTermTaxRate ?? 0) > 0 || (preferences.longTermTaxRate ?? 0) > 0
        let hasLots = mandate.snapshot.portfolio.positions.contains { !$0.taxLots.isEmpty }
        return preferences.includeTransactionCosts == true && hasImpact
            || preferences.considerTaxImplications == true && hasRates && hasLots
    }

    private mutating func setRatio(gains: [Double], gain: Double, _ slope: Slope) {
        value = gain / slope.volatility
        scale = slope.volatility
        gradient = zip(gains + [0], slope.gradient(by: -value)).map { $0 + $1 }
    }

    private static func product(_ left: [Double], _ right: [Double]) -> Double {
        zip(left, right).reduce(0) { $0 + $1.0 * $1.1 }
    }

    /// The proportional rate of trading each instrument that the objective is charged with; cash trades for nothing.
    private static func tradeRates(_ mandate: Mandate) -> [Double] {
        let (preferences, objective) = (mandate.preferences, mandate.request.objective)
        let isCost = objective == .minimizeTransactionCosts
        let isCharged = isCost || (preferences.includeTransactionCosts == true && objective.needsExpectedReturns)
        let years = isCost ? 1 : preferences.costHorizonYears ?? 1
        let general = preferences.transactionCostModel ?? 0
        return mandate.moments.instruments.map { id in
            isCharged ? (mandate.instruments[id]?.cost?.proportional ?? general) / years : 0
        } + [0]
    }

    private static func cost(_ exposure: Exposure, _ rates: [Double], _ mandate: Mandate) -> Double {
        mandate.moments.instruments.enumerated().reduce(0) { total, entry in
            total + rates[entry.offset] * abs(exposure.weights[entry.offset] - (mandate.current[entry.element] ?? 0))
        }
    }
}

/// w − b over all instruments of the model; nil without a benchmark or where it holds others.
func activeWeights(_ exposure: Exposure, _ mandate: Mandate) -> [Double]? {
    guard var benchmark = mandate.snapshot.portfolio.benchmark else { return nil }
    benchmark["cash"] = nil
    var active = exposure.weights
    for (index, id) in mandate.moments.instruments.enumerated() {
        active[index] -= benchmark.removeValue(forKey: id) ?? 0
    }
    return benchmark.values.allSatisfy { $0 == 0 } ? active : nil
}

/// The volatility of weights and how it changes with each of them, held or not.
struct Slope {
    /// √(xᵀΣx).
    let volatility: Double
    /// Σx.
    private let products: [Double]

    init(_ weights: [Double], _ moments: Moments) {
        let count = weights.count
        var products = [Double](repeating: 0, count: count)
        switch moments.covariance {
        case .dense(let matrix):
            matrix.elements.withUnsafeBufferPointer { entries in
                for j in weights.indices where weights[j] != 0 {
                    for i in 0..<count { products[i] += entries[j * count + i] * weights[j] }
                }
            }
        case .factors(let model):
            let factors = model.factorCovariance
            var total = [Double](repeating: 0, count: factors.rows)
            for i in weights.indices where weights[i] != 0 {
                for (f, exposure) in model.exposures.column(i).enumerated() { total[f] += exposure * weights[i] }
            }
            let pressure = (0..<factors.rows).map { f in
                (0..<factors.columns).reduce(0) { $0 + factors[f, $1] * total[$1] }
            }
            for i in 0..<count {
                products[i] = model.specificVariance[i] * weights[i]
                for (f, exposure) in model.exposures.column(i).enumerated() { products[i] += exposure * pressure[f] }
            }
        }
        self.products = products
        volatility = max(0, zip(products, weights).reduce(0) { $0 + $1.0 * $1.1 }).squareRoot()
    }

    /// A multiple of the volatility's gradient Σx/√(xᵀΣx), with 0 for cash behind it.
    func gradient(by factor: Double) -> [Double] {
        guard volatility > 0 else { return [Double](repeating: 0, count: products.count + 1) }
        return products.map { factor * $0 / volatility } + [0]
    }
}
