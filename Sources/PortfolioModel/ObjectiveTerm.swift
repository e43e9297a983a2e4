/// A part of an objective that a caller puts together: what is measured, and what a unit of it is worth.
///
/// Σ weight · term is maximized, so a penalty carries a negative weight.
public struct ObjectiveTerm: Equatable, Sendable {
    /// What a term measures; the raw values are part of the interface.
    public enum Kind: String, CaseIterable, Sendable {
        /// μᵀw + risk-free rate · cash, annual; less costs and taxes where the preferences ask for that.
        case expectedReturn = "return"
        /// wᵀΣw, annual.
        case variance
        /// A measure of risk in its own unit.
        case risk
        /// ½ Σ|target − current|, cash included.
        case turnover
        /// What trading exactly to the target costs, as a fraction of value: proportional costs and market impact.
        case cost
        /// The tax of selling exactly to the target, the lots taxed least first, as a fraction of value.
        case tax
        /// √((w − b)ᵀΣ(w − b)) against the portfolio's benchmark, annual.
        case trackingError = "tracking_error"
        /// Σw², over instruments and cash.
        case concentration
        /// −Σ w ln w, over instruments and cash.
        case entropy
        /// (Bᵀw)_f, the exposure to one factor.
        case factorExposure = "factor_exposure"
        /// Σ score · w of scores that the caller gives.
        case score
    }

    /// What is measured.
    public var kind: Kind
    /// What a unit of it is worth; finite and not 0.
    public var weight: Double
    /// The caller's name for it; nil stands for that of its kind.
    public var name: String?
    /// How `risk` is measured; nil stands for the request's measure.
    public var riskMeasure: RiskMeasure?
    /// The factor of `factor_exposure`.
    public var factor: String?
    /// The scores of `score` by instrument; 0 for the others and for cash.
    public var scores: [String: Double]?

    /// Makes a term from its parts.
    public init(
        _ kind: Kind,
        weight: Double,
        name: String? = nil,
        riskMeasure: RiskMeasure? = nil,
        factor: String? = nil,
        scores: [String: Double]? = nil
    ) {
        self.kind = kind
        self.weight = weight
        self.name = name
        self.riskMeasure = riskMeasure
        self.factor = factor
        self.scores = scores
    }

    /// What results call it.
    public var label: String { name ?? kind.rawValue }

    /// Whether two terms measure the same, so that one with the sum of their weights says what both do.
    public func measuresTheSame(as other: ObjectiveTerm) -> Bool {
        kind == other.kind && riskMeasure == other.riskMeasure && factor == other.factor && scores == other.scores
    }
}

extension ObjectiveTerm.Kind {
    /// How a term bends as a function of the weights.
    public enum Shape: Equatable, Sendable { case linear, convex, concave }

    /// How it bends.
    public var shape: Shape {
        switch self {
        case .expectedReturn, .factorExposure, .score: .linear
        case .variance, .risk, .turnover, .cost, .tax, .trackingError, .concentration: .convex
        case .entropy: .concave
        }
    }

    /// Why it bends that way, as a clause.
    fileprivate var reason: String {
        switch self {
        case .expectedReturn, .factorExposure, .score: "it is linear in the weights"
        case .variance: "it is a quadratic form of a positive semidefinite covariance"
        case .risk: "a mixture of two portfolios has at most the mixture of their risks"
        case .turnover: "it is a sum of absolute values"
        case .cost: "a trade twice as large costs at least twice as much"
        case .tax: "the lots taxed least are sold first, so that each further unit is taxed at least as much"
        case .trackingError: "it is the length of a vector"
        case .concentration: "it is a sum of squares"
        case .entropy: "it is a sum of concave functions of one weight each"
        }
    }
}

/// A term whose weight makes the objective one that has local optima besides the best one.
public struct NonconvexTerm: Equatable, Sendable {
    /// Which of the terms.
    public var index: Int
    /// Why, as a sentence for the caller.
    public var reason: String
}

extension [ObjectiveTerm] {
    /// The weights of what is added up, with the costs and taxes that the return is net of.
    ///
    /// Return net of costs is return less cost over the horizon, so its weight stands on the cost, too.
    ///
    /// - Parameter preferences: those in force: whether costs and taxes are to be considered, and over which horizon.
    /// - Returns: what a unit of `cost` and of `tax` adds to the objective.
    public func charges(under preferences: Preferences) -> (cost: Double, tax: Double) {
        func total(_ kind: ObjectiveTerm.Kind) -> Double { reduce(0) { $1.kind == kind ? $0 + $1.weight : $0 } }
        let drag = total(.expectedReturn) / preferences.effectiveCostHorizonYears
        return (
            cost: total(.cost) - (preferences.includeTransactionCosts == true ? drag : 0),
            tax: total(.tax) - (preferences.considerTaxImplications == true ? drag : 0)
        )
    }

    /// The terms that keep the weighted sum from being concave, each with its reason: such a sum is not maximized.
    ///
    /// A convex term needs a negative weight, a concave one a positive weight, a linear one takes both.
    public func nonconvex(under preferences: Preferences) -> [NonconvexTerm] {
        var found: [NonconvexTerm] = []
        let charges = charges(under: preferences)
        let isNet = preferences.includeTransactionCosts == true || preferences.considerTaxImplications == true
        for (index, term) in enumerated() {
            let name = term.kind.rawValue
            var weight = term.weight
            if term.kind == .cost { weight = charges.cost }
            if term.kind == .tax { weight = charges.tax }
            switch term.kind.shape {
            case .convex where weight > 0:
                found.append(
                    NonconvexTerm(
                        index: index,
                        reason:
                            "\(name) is convex (\(term.kind.reason)), so that a sum that rewards it has local optima:"
                            + " give it a negative weight"
                    )
                )
            case .concave where weight < 0:
                found.append(
                    NonconvexTerm(
                        index: index,
                        reason: "\(name) is concave (\(term.kind.reason)), so that a sum that punishes it has local"
                            + " optima: give it a positive weight"
                    )
                )
            case .linear where term.kind == .expectedReturn && isNet && Swift.max(charges.cost, charges.tax) > 0:
                found.append(
                    NonconvexTerm(
                        index: index,
                        reason: "return is net of costs or taxes here, which are convex, so that a sum that punishes it"
                            + " rewards them: give it a positive weight, or take include_transaction_costs and"
                            + " consider_tax_implications out of the preferences"
                    )
                )
            case .linear, .convex, .concave: break
            }
            if term.kind == .risk, term.riskMeasure == .valueAtRisk {
                found.append(
                    NonconvexTerm(
                        index: index,
                        reason: "var is not convex (a mixture of two portfolios may lose more than both), so that a sum"
                            + " with it has local optima: take cvar, which bounds it from above"
                    )
                )
            }
        }
        return found
    }

    /// Whether some term needs expected returns.
    public var needExpectedReturns: Bool { contains { $0.kind == .expectedReturn } }

    /// Whether some term is measured against the benchmark.
    public var needBenchmark: Bool { contains { $0.kind == .trackingError } }

    /// The measures of risk among the terms that are not volatility, each once.
    public var scenarioMeasures: [RiskMeasure] {
        var found: [RiskMeasure] = []
        for term in self where term.kind == .risk {
            if let measure = term.riskMeasure, measure != .volatility, !found.contains(measure) {
                found.append(measure)
            }
        }
        return found
    }
}

extension OptimizationRequest {
    /// The terms that a `custom` or `multi_objective` request adds up, each risk with its measure; empty for the others.
    public var terms: [ObjectiveTerm] {
        let given: [ObjectiveTerm]?
        switch objective {
        case .custom: given = parameters.customObjective
        case .multiObjective: given = parameters.objectives
        case .maximizeSharpe, .minimizeRisk, .maximizeReturn, .maximizeUtility, .minimizeTrackingError,
            .maximizeInformationRatio, .maximizeDiversification, .minimizeTransactionCosts, .riskBudgeting:
            given = nil
        }
        return (given ?? []).map { term in
            var resolved = term
            if term.kind == .risk { resolved.riskMeasure = term.riskMeasure ?? riskMeasure }
            return resolved
        }
    }
}

/// The value of a term at the recommended weights, and what it adds to the objective.
public struct TermValue: Equatable, Sendable {
    /// The term, a risk with its measure.
    public var term: ObjectiveTerm
    /// Its value, in its own unit.
    public var value: Double

    /// weight · value.
    public var contribution: Double { term.weight * value }

    /// Makes a value of a term.
    public init(term: ObjectiveTerm, value: Double) {
        self.term = term
        self.value = value
    }
}

/// An allocation that no other within the limits is better than in one objective without being worse in another.
public struct ParetoPoint: Equatable, Sendable {
    /// What each objective comes to, in the order of the request.
    public var values: [Double]
    /// Weights, one an objective with the sign asked for, whose weighted sum this allocation maximizes: the proof.
    public var objectiveWeights: [Double]
    /// Weights of instruments by id, and `cash`; zeros left out.
    public var allocation: [String: Double]

    /// Makes a point of its parts.
    public init(values: [Double], objectiveWeights: [Double], allocation: [String: Double]) {
        self.values = values
        self.objectiveWeights = objectiveWeights
        self.allocation = allocation
    }
}
