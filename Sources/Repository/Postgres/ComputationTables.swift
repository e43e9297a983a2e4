import PortfolioModel

/// Where a kind of computation stands, and what of its documents the service document's columns hold.
///
/// A new kind is a case here and in ``ComputationKind``, and a migration.
struct ComputationTables {
    /// The table of requests, and the one of results.
    let requests: String
    let results: String
    /// The results' column of the request's identifier.
    let resultID: String
    /// Columns of a request, and what they are of its canonical document (`asked`).
    let requestColumns: [(name: String, expression: String)]
    /// Columns of a result, and what they are of its answer (`answer`).
    let resultColumns: [(name: String, expression: String)]
    /// Raised when the same inputs come to give another answer: those stored before are then not given any more.
    let revision: Int

    init(_ kind: ComputationKind) {
        requests = "\(kind.rawValue)_requests"
        results = "\(kind.rawValue)_results"
        resultID = kind.identifierName
        switch kind {
        case .efficientFrontier:
            requestColumns = [
                ("risk_measure", "asked ->> 'risk_measure'"),
                ("points", "(asked ->> 'points')::integer"),
                ("min_return", "(asked ->> 'min_return')::numeric"),
                ("max_risk", "(asked ->> 'max_risk')::numeric"),
                ("constraints", "coalesce(asked -> 'constraints', '{}')"),
            ]
            resultColumns = [
                ("frontier_points", "answer -> 'efficient_frontier'"),
                ("current_portfolio", "answer -> 'current_portfolio'"),
                ("optimal_portfolio", "coalesce(answer -> 'optimal_portfolio', 'null')"),
                ("min_risk_portfolio", "answer -> 'min_risk_portfolio'"),
                ("max_return_portfolio", "answer -> 'max_return_portfolio'"),
            ]
            revision = 1
        case .rebalance:
            requestColumns = [
                ("target_type", "asked ->> 'target_type'"),
                ("constraints", "coalesce(asked -> 'constraints', '{}')"),
            ]
            resultColumns = [
                ("current_allocation", "answer -> 'current_allocation'"),
                ("target_allocation", "answer -> 'target_allocation'"),
                ("trades", "answer -> 'trades'"),
                ("metrics", "answer -> 'metrics'"),
            ]
            revision = 1
        case .factorAnalysis:
            requestColumns = [("factors", "coalesce(asked -> 'factors', '[]')")]
            resultColumns = [
                ("as_of", "(answer ->> 'as_of')::timestamptz"),
                ("exposures", "answer -> 'exposures'"),
                ("attribution", "answer -> 'attribution'"),
            ]
            revision = 1
        }
    }

    /// The newest versions of what a portfolio's computations follow from; `$1` is the portfolio, `$2` the tenant.
    static let newestInputs = """
        SELECT
            portfolio.id AS portfolio_id,
            portfolio.version AS portfolio_version,
            holdings.risk_model_id,
            model.version AS risk_model_version,
            coalesce(instruments.version, 0) AS instruments_version
        FROM inputs.portfolios AS portfolio
        JOIN inputs.portfolio_snapshots AS holdings
            ON holdings.portfolio_id = portfolio.id AND holdings.version = portfolio.version
        LEFT JOIN inputs.risk_models AS model ON model.id = holdings.risk_model_id AND model.tenant_id = $2
        LEFT JOIN inputs.instrument_versions AS instruments ON instruments.tenant_id = $2
        WHERE portfolio.id = $1
          AND portfolio.tenant_id = $2
        """

    /// The identity of a computation on those inputs, read as `newest`; `$3` is its kind and revision, `$4` its canonical document.
    ///
    /// No identifier has a blank in it, so that no two different computations are written alike.
    static let identity = """
        sha256(convert_to(concat_ws(
            ' ', $3, newest.portfolio_id, newest.portfolio_version, newest.risk_model_id,
            coalesce(newest.risk_model_version, 0), newest.instruments_version, $4
        ), 'UTF8'))
        """
}

extension ComputationKind {
    /// The kind as identities have it.
    var identityPrefix: String { "\(rawValue)/\(ComputationTables(self).revision)" }
}
