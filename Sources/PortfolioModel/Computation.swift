/// The kinds of computing that somebody waits for, beside optimizations.
public enum ComputationKind: String, CaseIterable, Sendable {
    case efficientFrontier = "efficient_frontier"
    case rebalance
    case factorAnalysis = "factor_analysis"

    /// What identifiers of this kind begin with.
    public var identifierPrefix: String {
        switch self {
        case .efficientFrontier: "fro-"
        case .rebalance: "reb-"
        case .factorAnalysis: "fac-"
        }
    }

    /// The member of an answer that holds its identifier.
    public var identifierName: String {
        switch self {
        case .efficientFrontier: "frontier_id"
        case .rebalance: "rebalance_id"
        case .factorAnalysis: "analysis_id"
        }
    }
}

/// A request for a computation, written down: what it asks for and for which portfolio.
public struct ComputationRequest: Equatable, Sendable {
    /// The kind of computing.
    public var kind: ComputationKind
    /// The portfolio it is for.
    public var portfolioID: String
    /// What is asked for, as canonical JSON: equal requests have equal bytes.
    ///
    /// One object without the portfolio's identifier; its members are repeated in the answer of a failure.
    public var document: [UInt8]

    /// Makes a computation request from its parts.
    public init(kind: ComputationKind, portfolioID: String, document: [UInt8]) {
        self.kind = kind
        self.portfolioID = portfolioID
        self.document = document
    }
}

extension OptimizationFailure {
    /// Whether it follows from the inputs and the request alone: asking again would end the same way.
    public var isOfInputsAlone: Bool { Self.codesOfInputsAlone.contains(code) }

    private static let codesOfInputsAlone: Set<String> = [
        "dependent_factors", "indefinite_covariance", "infeasible", "invalid_inputs", "invalid_views",
        "missing_benchmark",
        "missing_expected_returns", "missing_factors", "missing_history", "missing_market", "missing_market_weights",
        "missing_scenarios", "missing_transaction_costs", "no_active_return", "no_benchmark", "no_excess_return",
        "out_of_reach", "riskless", "riskless_instrument", "too_many_instruments", "unbounded",
        "unclassified_instrument", "unequal_probabilities", "unknown_factor",
    ]
}
