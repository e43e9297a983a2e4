public import PortfolioModel

/// Why each trade of an optimization is recommended: what its objective would lose if the trade's money stayed in cash.
///
/// All other weights stay as recommended. What an objective makes of return and risk is told in its own unit, that of a
/// ratio S as return − S · risk: what is not positive there would not improve the ratio (docs/mathematics.md, "Reasons of
/// trades").
public struct TradeExplanation {
    private let allocation: EvaluatedAllocation
    private let objective: Objective
    /// What a unit of expected return is worth.
    private let returnPrice: Double
    /// μ − what cash earns where return is measured so.
    private let cashReturn: Double
    private let risk: TradedRisk
    /// What uncertain returns cost.
    private let uncertainty: TradedUncertainty?

    /// Prepares the reasons of an allocation's trades.
    ///
    /// - Parameters:
    ///   - allocation: the target, with the moments it was chosen by.
    ///   - metrics: its figures: the ratio that an objective maximises is the price of its risk.
    ///   - objective: what was striven for.
    ///   - measure: how risk is measured.
    ///   - robust: what the allocation is guarded against, and its worst case; nil where all is certain.
    /// - Throws: ``OptimizationFailure`` where the moments do not have what the measure needs.
    public init(
        _ allocation: EvaluatedAllocation,
        metrics: AllocationMetrics,
        objective: Objective,
        measure: RiskMeasure,
        robust: (uncertainty: Uncertainty, report: RobustReport)? = nil
    ) throws(OptimizationFailure) {
        self.allocation = allocation
        self.objective = objective
        returnPrice = objective.needsExpectedReturns ? 1 : 0
        cashReturn = objective == .maximizeInformationRatio ? 0 : allocation.preferences.effectiveRiskFreeRate
        let isActive = objective.needsBenchmark
        let benchmark = isActive ? allocation.benchmark ?? [:] : [:]
        uncertainty = try TradedUncertainty(
            robust?.uncertainty,
            weights: zip(allocation.weights, allocation.moments.instruments).map { $0 - (benchmark[$1] ?? 0) },
            moments: allocation.moments
        )
        let penalty = uncertainty?.penalty ?? 0
        let excess = metrics.expectedReturnNet - penalty - metrics.riskFreeRate
        let worstRisk = robust?.report.worstCaseRisk ?? metrics.risk
        var form = TradedRisk.Form.root
        var price = 1.0
        switch objective {
        case .maximizeUtility:
            let aversion = allocation.preferences.effectiveRiskAversion
            form = measure == .volatility ? .square : .root
            price = measure == .volatility ? aversion / 2 : aversion * allocation.moments.periodsPerYear
        case .maximizeSharpe: price = worstRisk > 0 ? excess / worstRisk : 0
        case .maximizeInformationRatio:
            let error = metrics.trackingError ?? 0
            price = (metrics.informationRatio ?? 0) - (penalty == 0 || error == 0 ? 0 : penalty / error)
        case .maximizeDiversification:
            form = .diversified
            price = metrics.diversificationRatio ?? 0
        case .maximizeReturn, .minimizeTransactionCosts: price = 0
        default: break
        }
        risk = try TradedRisk(
            allocation.guarded(against: robust?.uncertainty),
            measure,
            form,
            price: price,
            againstBenchmark: isActive,
            uncertainty: robust?.uncertainty
        )
    }

    /// The trades with their reasons.
    public func explained(_ trades: [Trade]) -> [Trade] {
        let places = Dictionary(
            allocation.moments.instruments.enumerated().map { ($1, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        return trades.map { trade in
            var explained = trade
            explained.reasons = reasons(of: trade, at: places[trade.instrumentID])
            return explained
        }
    }

    private func reasons(of trade: Trade, at place: Int?) -> TradeReasons {
        let preferences = allocation.preferences
        var earned = 0.0
        var removed = 0.0
        if let place {
            earned = returnPrice * (allocation.moments.expectedReturns[place] - cashReturn) * trade.weightChange
            removed = risk.removed(by: trade.weightChange, of: place)
            // What is uncertain of a return counts as less of it.
            if let uncertainty { earned -= returnPrice * uncertainty.added(by: trade.weightChange, of: place) }
        }
        let share = 1 / allocation.holdings.value / preferences.effectiveCostHorizonYears
        var cost = 0.0
        if objective == .minimizeTransactionCosts {
            cost = -trade.cost / allocation.holdings.value
        } else if objective.needsExpectedReturns, preferences.includeTransactionCosts == true {
            cost = -trade.cost * share
        }
        var tax = 0.0
        if objective.needsExpectedReturns, preferences.considerTaxImplications == true {
            let rates = (preferences.shortTermTaxRate ?? 0, preferences.longTermTaxRate ?? 0)
            tax =
                -trade.taxLots.reduce(0) { sum, lot in
                    sum + (lot.term == .short ? rates.0 : rates.1) * (lot.gain + lot.disallowedLoss)
                } * share
        }
        // What is 0 is told without a sign.
        cost = cost == 0 ? 0 : cost
        tax = tax == 0 ? 0 : tax
        let gain = earned + removed + cost + tax
        return TradeReasons(
            expectedReturn: earned,
            risk: removed,
            cost: cost,
            tax: tax,
            constraints: gain < 0 ? -gain : 0
        )
    }
}

/// The risk that an objective counts, and what of it one trade removes.
private struct TradedRisk {
    /// What is counted of the measure.
    enum Form { case root, square, diversified }

    private let form: Form
    private let price: Double
    /// Weights, less those of the benchmark where risk is measured against it.
    private let weights: [Double]
    private let covariance: CovarianceModel
    /// Σw of them.
    private let product: [Double]
    private let variance: Double
    /// A measure other than volatility, or the worst volatility of uncertain loadings, with what it is computed from.
    private let measured: (risk: any PortfolioRisk, profile: [Double], value: Double)?

    init(
        _ allocation: EvaluatedAllocation,
        _ measure: RiskMeasure,
        _ form: Form,
        price: Double,
        againstBenchmark: Bool,
        uncertainty: Uncertainty?
    ) throws(OptimizationFailure) {
        self.form = form
        self.price = price
        let moments = allocation.moments
        covariance = moments.covariance
        var weights = allocation.weights
        if againstBenchmark, let benchmark = allocation.benchmark {
            for (index, id) in moments.instruments.enumerated() { weights[index] -= benchmark[id] ?? 0 }
        }
        self.weights = weights
        product = covariance.times(weights)
        variance = zip(weights, product).reduce(0) { $0 + $1.0 * $1.1 }
        guard measure != .volatility, price != 0 else {
            let loadings = price == 0 ? nil : try LoadingUncertainty(uncertainty, of: moments)
            measured = loadings.map { ($0, weights, $0.volatility(of: weights)) }
            return
        }
        let nominal = try portfolioRisk(of: moments, measure, allocation.preferences)
        let risk = try guarded(nominal, by: uncertainty)
        let profile = risk.profile(of: weights)
        measured = (risk, profile, risk.value(ofProfile: profile))
    }

    /// What the objective would count more of without a trade.
    func removed(by change: Double, of index: Int) -> Double {
        guard price != 0 else { return 0 }
        if let measured {
            var profile = measured.profile
            for (place, value) in measured.risk.profile(ofInstrument: index).enumerated() {
                profile[place] -= change * value
            }
            let without = measured.risk.value(ofProfile: profile)
            guard form == .square else { return price * (without - measured.value) }
            return price * (without - measured.value) * (without + measured.value)
        }
        let own = covariance[index, index]
        let added = change * (change * own - 2 * product[index])
        if form == .square { return price * added }
        let without = max(0, variance + added).squareRoot()
        let root = max(0, variance).squareRoot()
        // The difference of two roots, without their cancellation.
        let difference = without + root > 0 ? (max(0, variance + added) - max(0, variance)) / (without + root) : 0
        guard form == .diversified else { return price * difference }
        let alone = max(0, own).squareRoot() * (abs(weights[index]) - abs(weights[index] - change))
        return alone + price * difference
    }
}
