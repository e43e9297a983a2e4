/// A kind of optimization that works: a type, an objective, and the measures of risk that the two take.
public struct MethodCombination: Equatable, Sendable {
    /// The kind of optimization.
    public let type: OptimizationType
    /// What it strives for.
    public let objective: Objective
    /// How its risk may be measured; at least one.
    public let riskMeasures: [RiskMeasure]
}

/// Everything this build can do: the decoder refuses what is not listed, and `/capabilities` shows the list.
public enum Capabilities {
    /// Every combination that works, in a fixed order.
    public static let combinations: [MethodCombination] = OptimizationType.allCases.flatMap { type in
        objectives(of: type).map { objective in
            MethodCombination(type: type, objective: objective, riskMeasures: riskMeasures(of: type, objective))
        }
    }

    /// The objectives that a type takes.
    public static func objectives(of type: OptimizationType) -> [Objective] {
        switch type {
        case .meanVariance, .blackLitterman, .factorBased: allocationObjectives + [.multiObjective]
        case .scenarioBased: allocationObjectives + [.multiObjective]
        case .robust: allocationObjectives + [.multiObjective]
        case .multiPeriod: allocationObjectives + [.multiObjective]
        case .custom: [.custom]
        case .riskParity, .hierarchicalRiskParity: [.riskBudgeting]
        }
    }

    /// How risk may be measured for a type and an objective it takes.
    public static func riskMeasures(of type: OptimizationType, _ objective: Objective) -> [RiskMeasure] {
        switch (type, objective) {
        case (.riskParity, _): [.volatility, .conditionalValueAtRisk]
        case (.hierarchicalRiskParity, _), (.multiPeriod, _): [.volatility]
        case (_, .maximizeSharpe), (_, .minimizeRisk), (_, .maximizeReturn), (_, .maximizeUtility):
            RiskMeasure.allCases
        case (_, .multiObjective), (_, .custom):
            // Value-at-risk is not convex, and what is added up must be.
            RiskMeasure.allCases.filter { $0 != .valueAtRisk }
        case (_, _): [.volatility]
        }
    }

    /// Where expected returns come from: what a risk model brings, or an estimate from its history.
    public static let expectedReturnsEstimators = Estimation.ExpectedReturns.allCases.map(\.rawValue)

    /// Where covariances come from: what a risk model brings, or an estimate from its history.
    public static let covarianceEstimators = Estimation.Covariance.allCases.map(\.rawValue)

    /// Instruments of a covariance that is not a factor model, and of methods that need one.
    public static let denseInstruments = 4_000

    /// Instruments up to which fixed costs of trades enter an objective: who is traded is searched for.
    public static let fixedCostInstruments = 100

    /// The same for ratios, of which relaxations say less: their search takes ten times as long.
    public static let fixedCostInstrumentsOfRatios = 30

    /// Instruments up to which fixed costs enter an objective.
    public static func fixedCostInstruments(of objective: Objective) -> Int {
        let isRatio = objective == .maximizeSharpe || objective == .maximizeInformationRatio
        return isRatio ? fixedCostInstrumentsOfRatios : fixedCostInstruments
    }

    /// Periods of a horizon.
    public static let horizonPeriods = 60
    /// Periods times instruments of a path: with a covariance that is a matrix, and with one in parts; of one in parts
    /// periods times factors are at most the former.
    public static let horizonWeights = (dense: 3_000, inParts: 60_000)

    /// The objectives on a portfolio's return, risk and costs.
    private static let allocationObjectives: [Objective] = [
        .maximizeSharpe, .minimizeRisk, .maximizeReturn, .maximizeUtility, .minimizeTrackingError,
        .maximizeInformationRatio, .maximizeDiversification, .minimizeTransactionCosts,
    ]

    /// The limits there are, by their names in `constraints`; ``refusedConstraints(of:_:_:)`` says which ones a combination
    /// does not take.
    public static let constraints = [
        "max_position_size", "min_position_size", "max_sector_exposure", "max_asset_class_exposure", "max_turnover",
        "target_volatility", "min_weights", "max_weights", "min_return", "max_risk", "min_cash", "max_cash", "groups",
        "factor_exposures", "max_positions", "max_tracking_error", "allow_short", "max_gross_exposure",
        "max_scenario_losses", "grandfather_breaches", "max_weight_change", "max_weight_changes", "largest_positions",
        "soft_limits",
    ]
}
