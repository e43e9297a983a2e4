internal import PortfolioModel

/// A limit that couples instruments, as the certificate's bound uses it: what it charges a weight for each unit of its price.
///
/// A convex limit is replaced by its tangent at the target, which every allocation within the limit meets, too. A limit
/// that is not known here is left out, which can only make the bound larger: a new kind of limit is one more case.
struct LimitRow {
    enum Terms {
        /// Coefficients over the instruments, and cash where there is one more.
        case linear([Double])
        /// Coefficients of the sizes |w| of the instruments.
        case sizes([Double])
        /// The sizes of the largest, where some that are tied share.
        case tied(TiedSizes)
        /// ½ Σ|w − c|.
        case turnover
        /// |w − c| of one instrument.
        case change(Int)
        /// The chosen measure over scenarios.
        case risk
    }

    var bound: Double
    var value: Double
    var isUpper: Bool
    var terms: Terms
    /// What is charged on each size besides, in the worst case; empty where nothing is.
    var sizeRates: [Double] = []

    init?(_ binding: BindingConstraint, _ exposure: Exposure, _ mandate: Mandate) {
        guard let limit = Limit(binding, exposure, mandate),
            let terms = Self.terms(of: binding, exposure, mandate)
        else { return nil }
        bound = limit.bound
        value = limit.value
        isUpper = limit.isUpper
        self.terms = terms
        sizeRates = Self.sizeRates(of: binding.constraint, exposure, mandate)
    }

    /// What the worst case of a return or a volatility charges on sizes.
    private static func sizeRates(of constraint: String, _ exposure: Exposure, _ mandate: Mandate) -> [Double] {
        switch constraint {
        case "/min_return": ReturnSupport(exposure, mandate)?.sizeRates ?? []
        case "/target_volatility": VolatilitySupport(exposure.weights, mandate)?.sizeRates ?? []
        case "/max_risk" where mandate.riskMeasure == .volatility:
            VolatilitySupport(exposure.weights, mandate)?.sizeRates ?? []
        default: []
        }
    }

    private static func terms(of binding: BindingConstraint, _ exposure: Exposure, _ mandate: Mandate) -> Terms? {
        let path = binding.constraint.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
        func members(_ belongs: (Instrument) -> Bool) -> [Double] {
            mandate.moments.instruments.map { id in mandate.instruments[id].map { belongs($0) ? 1 : 0 } ?? 0 }
        }
        switch path.first {
        case "max_sector_exposure": return .sizes(members { $0.sector == binding.subject })
        case "max_asset_class_exposure": return .sizes(members { $0.assetClass == binding.subject })
        case "max_gross_exposure": return .sizes(mandate.moments.instruments.map { _ in 1 })
        case "groups":
            guard path.count > 1, let index = Int(path[1]), let groups = mandate.limits.groups,
                groups.indices.contains(index)
            else { return nil }
            return .linear(memberships(in: groups[index], mandate))
        case "factor_exposures":
            guard path.count > 1, let coefficients = factorCoefficients(path[1], mandate.moments) else { return nil }
            guard path.last == "max_risk" else { return .linear(coefficients) }
            // The tangent of |x_f| √F_ff: x_f itself, with the sign it has.
            let exposed = factorExposure(path[1], exposure.weights, mandate.moments) ?? 0
            let unit = (factorVolatility(path[1], mandate.moments) ?? 0) * (exposed < 0 ? -1 : 1)
            return .linear(coefficients.map { $0 * unit })
        case "largest_positions":
            guard path.count > 1, let index = Int(path[1]), let sums = mandate.limits.largestPositions,
                sums.indices.contains(index)
            else { return nil }
            let sum = TiedSizes(constraint: binding.constraint, count: sums[index].count, of: exposure.weights)
            return sum.isSettled ? .sizes(sum.settledCoefficients(exposure.weights.count)) : .tied(sum)
        case "max_scenario_losses": return scenarioLosses(of: binding, mandate).map { .linear($0) }
        case "max_turnover": return .turnover
        case "min_return", "max_tracking_error", "target_volatility", "max_risk":
            return tangent(path.first ?? "", exposure, mandate)
        // Bounds of single weights are no rows, unless they may be exceeded.
        case _ where mandate.penalties[binding.constraint] != nil: return single(binding, path, mandate)
        default: return nil
        }
    }

    /// A limit on one weight.
    private static func single(_ binding: BindingConstraint, _ path: [String], _ mandate: Mandate) -> Terms? {
        let instruments = mandate.moments.instruments
        var coefficients = [Double](repeating: 0, count: instruments.count + 1)
        let id = path.count > 1 ? path[1] : binding.subject
        switch path.first {
        case "min_cash", "max_cash": coefficients[instruments.count] = 1
        case "max_position_size", "max_weights", "min_weights", "max_weight_change", "max_weight_changes":
            guard let id, let index = instruments.firstIndex(of: id) else { return nil }
            if path.first == "max_weight_change" || path.first == "max_weight_changes" { return .change(index) }
            coefficients[index] = 1
            if path.first == "max_position_size" { return .sizes(Array(coefficients.dropLast())) }
        default: return nil
        }
        return .linear(coefficients)
    }

    /// Limits on figures, by the worst of them where something is uncertain.
    private static func tangent(_ kind: String, _ exposure: Exposure, _ mandate: Mandate) -> Terms? {
        switch kind {
        case "min_return":
            guard let returns = ReturnSupport(exposure, mandate) else { return nil }
            return .linear(returns.means + [mandate.preferences.riskFreeRate ?? 0])
        case "max_tracking_error":
            guard let active = activeWeights(exposure, mandate) else { return nil }
            return .linear(Slope(active, mandate.moments).gradient(by: 1))
        case "max_risk" where mandate.riskMeasure != .volatility:
            guard mandate.moments.returns == nil else { return mandate.riskMeasure == .valueAtRisk ? nil : .risk }
            return gaussianGradient(exposure, mandate).map { .linear($0) }
        default:
            let worst = mandate.onWorstCovariance
            return VolatilitySupport(exposure.weights, worst).map { .linear($0.gradient) }
        }
    }

    private static func scenarioLosses(of binding: BindingConstraint, _ mandate: Mandate) -> [Double]? {
        let scenario = mandate.request.parameters.scenarios?.first {
            "/max_scenario_losses/" + escaped($0.name) == binding.constraint
        }
        guard let scenario else { return nil }
        return mandate.moments.instruments.map { -(scenario.returns[$0] ?? 0) }
    }
}
