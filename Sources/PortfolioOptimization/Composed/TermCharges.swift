internal import PortfolioModel

/// What trading exactly to a target costs and is taxed, in the parts that an objective adds up.
struct TermCharges: Equatable, Sendable {
    /// The share of the traded value that each instrument costs.
    var proportional: [Double]
    /// What |w − c|^(3/2) is multiplied by for the market impact.
    var impact: [Double]
    /// The taxes of sales; nil where none is taxed.
    var taxes: [SaleTax?]
    /// Whether some instrument has a fixed cost, which no convex function of weights has.
    var hasFixedCosts: Bool
    /// Whether purchases may keep a loss from counting.
    var mayWash: Bool

    /// Gathers what the instruments' schedules, lots and the preferences say.
    init(
        _ instruments: [Instrument],
        weights: [Double],
        value: Double,
        portfolio: Portfolio,
        preferences: Preferences
    ) {
        let general = preferences.transactionCostModel ?? 0
        proportional = instruments.map { $0.cost?.proportional ?? general }
        impact = instruments.map { $0.impactRate(ofPortfolioWorth: value) }
        hasFixedCosts = instruments.contains { ($0.cost?.fixed ?? 0) != 0 }
        let (short, long) = (preferences.shortTermTaxRate ?? 0, preferences.longTermTaxRate ?? 0)
        var taxes = [SaleTax?](repeating: nil, count: instruments.count)
        var mayWash = false
        if short != 0 || long != 0 {
            let lots = portfolio.lotsByInstrument
            let purchases = portfolio.recentTradesByInstrument
            for (index, instrument) in instruments.enumerated() {
                guard let own = lots[instrument.id], !own.isEmpty else { continue }
                let circumstances = SaleCircumstances(
                    of: instrument,
                    on: portfolio,
                    preferences,
                    purchases: purchases[instrument.id] ?? []
                )
                let tax = SaleTax(lots: own, weight: weights[index], circumstances)
                taxes[index] = tax
                if tax?.beginsWithLosses == true, PortfolioOptimization.mayWash(lots: own, circumstances: circumstances)
                {
                    mayWash = true
                }
            }
        }
        self.taxes = taxes
        self.mayWash = mayWash
    }

    /// What trading from current weights to others costs, as a fraction of value.
    func cost(from current: [Double], to weights: [Double]) -> Double {
        var total = 0.0
        for (index, weight) in weights.enumerated() {
            let traded = abs(weight - current[index])
            total += proportional[index] * traded + impact[index] * traded * traded.squareRoot()
        }
        return total
    }

    /// What it is taxed, as a fraction of value.
    func tax(from current: [Double], to weights: [Double]) -> Double {
        var total = 0.0
        for (index, tax) in taxes.enumerated() where weights[index] < current[index] {
            total += tax?.tax(ofSelling: current[index] - weights[index]) ?? 0
        }
        return total
    }
}

/// Says what of costs and taxes the terms do not see, and which preferences do not act on them.
func termWarnings(
    _ terms: [ObjectiveTerm],
    preferences: Preferences,
    request: OptimizationRequest,
    charges: TermCharges?,
    hasTaxLots: Bool
) -> [ResultWarning] {
    guard let charges else { return [] }
    let weights = terms.charges(under: preferences)
    var warnings: [ResultWarning] = []
    func warn(_ code: String, _ message: String) { warnings.append(ResultWarning(code: code, message: message)) }
    if request.preferences.riskAversion != nil, request.type != .blackLitterman {
        warn("preference_ignored", "risk_aversion acts on maximize_utility and black_litterman only.")
    }
    if preferences.includeTransactionCosts == true, !terms.needExpectedReturns {
        warn("preference_ignored", "No term is a return that transaction costs could be taken from.")
    }
    if preferences.considerTaxImplications == true, !terms.needExpectedReturns {
        warn("preference_ignored", "No term is a return that taxes could be taken from.")
    }
    if weights.cost != 0 {
        if charges.hasFixedCosts {
            warn(
                "cost_terms_not_in_objective",
                "Fixed costs are reported but do not enter the objective; proportional costs and market impact do."
            )
        }
        if (charges.proportional + charges.impact).allSatisfy({ $0 == 0 }) {
            warn("no_transaction_costs", "Costs are to be considered, but no instrument has any that depend on size.")
        }
    }
    if weights.tax != 0 {
        if (preferences.shortTermTaxRate ?? 0) == 0, (preferences.longTermTaxRate ?? 0) == 0 {
            warn("no_tax_rates", "Taxes are to be considered, but both tax rates are 0.")
        }
        if !hasTaxLots { warn("no_tax_lots", "Taxes are to be considered, but no position has tax lots.") }
        if charges.mayWash {
            warn(
                "wash_sales_not_in_objective",
                "Purchases within 30 days may keep losses from counting: trades report that, the objective counts them."
            )
        }
    }
    return warnings
}
