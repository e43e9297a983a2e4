import PortfolioModel

/// Statements that read requests, and inputs by the requests that pin them, of the kind with one table of requests.
struct RequestStatements {
    /// Requests by id, in the order given, as long as their documents are not too much together.
    let requests: Statement
    /// The holdings of a request's portfolio.
    let holdings: Statement
    /// The instruments of the universe and of the holdings, each as of the pinned version.
    let instruments: Statement

    /// Those of a kind of computation; of optimizations for nil.
    static func of(_ kind: ComputationKind?) -> RequestStatements {
        switch kind {
        case nil: optimizations
        case .efficientFrontier: frontiers
        case .rebalance: rebalances
        case .factorAnalysis: factorAnalyses
        }
    }

    private static let optimizations = RequestStatements(table: "optimization_requests")
    private static let frontiers = RequestStatements(table: ComputationTables(.efficientFrontier).requests)
    private static let rebalances = RequestStatements(table: ComputationTables(.rebalance).requests)
    private static let factorAnalyses = RequestStatements(table: ComputationTables(.factorAnalysis).requests)

    private init(table: String) {
        requests = Statement(
            "jobs.requests.\(table)",
            """
            SELECT
                id, document, created_at, tenant_id, portfolio_id, portfolio_version, risk_model_id,
                risk_model_version, instruments_version
            FROM (
                SELECT
                    request.id, document, created_at, tenant_id, portfolio_id, portfolio_version, risk_model_id,
                    risk_model_version, instruments_version, place,
                    sum(octet_length(document)) OVER (ORDER BY place) - octet_length(document) AS bytes_before
                FROM unnest($1::text[]) WITH ORDINALITY AS wanted (id, place)
                JOIN commands.\(table) AS request ON request.id = wanted.id
            ) AS request
            WHERE coalesce(bytes_before, 0) < $2
            ORDER BY place
            """
        )
        holdings = Statement(
            "jobs.holdings.\(table)",
            """
            SELECT holdings.document
            FROM commands.\(table) AS request
            JOIN inputs.portfolio_snapshots AS holdings
                ON holdings.portfolio_id = request.portfolio_id AND holdings.version = request.portfolio_version
            WHERE request.id = $1
            """
        )
        instruments = Statement(
            "jobs.instruments.\(table)",
            """
            SELECT instrument.*
            FROM (
                SELECT request.tenant_id, request.instruments_version, unnest(holdings.held) AS instrument_id
                FROM commands.\(table) AS request
                JOIN inputs.portfolio_snapshots AS holdings
                    ON holdings.portfolio_id = request.portfolio_id AND holdings.version = request.portfolio_version
                WHERE request.id = $1
                UNION
                SELECT
                    request.tenant_id, request.instruments_version,
                    unnest(coalesce(holdings.universe, model.instruments))
                FROM commands.\(table) AS request
                JOIN inputs.portfolio_snapshots AS holdings
                    ON holdings.portfolio_id = request.portfolio_id AND holdings.version = request.portfolio_version
                LEFT JOIN inputs.risk_model_snapshots AS model
                    ON model.risk_model_id = request.risk_model_id AND model.version = request.risk_model_version
                WHERE request.id = $1
            ) AS wanted
            CROSS JOIN LATERAL (
                SELECT
                    instrument_id, name, sector, asset_class, currency, price, lot_size,
                    cost_proportional, cost_fixed, cost_impact, average_daily_value
                FROM inputs.instrument_snapshots AS snapshot
                WHERE snapshot.tenant_id = wanted.tenant_id
                  AND snapshot.instrument_id = wanted.instrument_id
                  AND snapshot.version <= wanted.instruments_version
                ORDER BY snapshot.version DESC
                LIMIT 1
            ) AS instrument
            ORDER BY instrument.instrument_id
            """
        )
    }
}
