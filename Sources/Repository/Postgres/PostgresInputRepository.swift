import PortfolioDocuments
import PortfolioModel

/// Inputs in PostgreSQL: snapshots that are added and never changed.
///
/// Each method is one round trip and one transaction. A put is not repeated when the connection breaks in a way that
/// leaves open whether it was carried out: once more would be one version more.
final class PostgresInputRepository: InputRepository {
    let session: PostgresSession

    init(session: PostgresSession) { self.session = session }

    // MARK: Instruments

    /// Puts of one tenant wait for each other: the row that holds the tenant's version stays locked to the commit.
    func putInstruments(_ instruments: [Instrument], tenant: String) throws -> Int {
        // An instrument that is named twice is what it is named last.
        let latest = Dictionary(instruments.map { ($0.id, $0) }, uniquingKeysWith: { $1 }).values.sorted {
            $0.id < $1.id
        }
        let call = Self.putInstruments(
            .text(tenant),
            .textArray(latest.map(\.id)),
            .textArray(latest.map(\.name)),
            .textArray(latest.map(\.sector)),
            .textArray(latest.map(\.assetClass)),
            .textArray(latest.map(\.currency)),
            .doubleArray(latest.map(\.price)),
            .doubleArray(latest.map(\.lotSize)),
            .doubleArray(latest.map(\.cost?.proportional)),
            .doubleArray(latest.map(\.cost?.fixed)),
            .doubleArray(latest.map(\.cost?.impact)),
            .doubleArray(latest.map(\.cost?.averageDailyValue))
        )
        guard var row = try session.run([call], tenant: tenant, repetition: .harmful)[0].firstRow else {
            throw RepositoryError.unreadable(what: "version of the instruments")
        }
        return try row.int()
    }

    private static let putInstruments = Statement(
        "inputs.putInstruments",
        """
        WITH next AS (
            INSERT INTO inputs.instrument_versions AS versions (tenant_id, version)
            VALUES ($1, 1)
            ON CONFLICT (tenant_id) DO UPDATE SET version = versions.version + 1
            RETURNING version
        ), stored AS (
            INSERT INTO inputs.instrument_snapshots (
                tenant_id, instrument_id, version, name, sector, asset_class, currency, price, lot_size,
                cost_proportional, cost_fixed, cost_impact, average_daily_value
            )
            SELECT $1, instrument.id, next.version, name, sector, asset_class, currency, price, lot_size,
                cost_proportional, cost_fixed, cost_impact, average_daily_value
            FROM next, unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS instrument (
                id, name, sector, asset_class, currency, price, lot_size,
                cost_proportional, cost_fixed, cost_impact, average_daily_value
            )
        )
        SELECT version FROM next
        """
    )

    func instruments(ids: [String], tenant: String) throws -> [Instrument] {
        let call = Self.instrumentsByID(.text(tenant), .textArray(ids))
        return try session.run([call], tenant: tenant, repetition: .harmless)[0].map(Self.readInstrument)
    }

    private static let instrumentsByID = Statement(
        "inputs.instrumentsByID",
        """
        SELECT newest.*
        FROM (SELECT DISTINCT unnest($2::text[]) AS id) AS wanted
        CROSS JOIN LATERAL (
            SELECT
                instrument_id, name, sector, asset_class, currency, price, lot_size,
                cost_proportional, cost_fixed, cost_impact, average_daily_value
            FROM inputs.instrument_snapshots
            WHERE tenant_id = $1
              AND instrument_id = wanted.id
            ORDER BY version DESC
            LIMIT 1
        ) AS newest
        ORDER BY newest.instrument_id
        """
    )

    func instruments(after cursor: String?, limit: Int, tenant: String) throws -> [Instrument] {
        let call = Self.instrumentsAfter(.text(tenant), .text(cursor ?? ""), .bigint(limit))
        return try session.run([call], tenant: tenant, repetition: .harmless)[0].map(Self.readInstrument)
    }

    private static let instrumentsAfter = Statement(
        "inputs.instrumentsAfter",
        """
        SELECT DISTINCT ON (instrument_id)
            instrument_id, name, sector, asset_class, currency, price, lot_size,
            cost_proportional, cost_fixed, cost_impact, average_daily_value
        FROM inputs.instrument_snapshots
        WHERE tenant_id = $1
          AND instrument_id > $2
        ORDER BY instrument_id, version DESC
        LIMIT $3
        """
    )

    /// Reads an instrument from the columns of the statements above.
    static func readInstrument(_ row: inout RowReader) throws -> Instrument {
        var instrument = Instrument(
            id: try row.text(),
            name: row.optionalText(),
            sector: row.optionalText(),
            assetClass: row.optionalText(),
            currency: row.optionalText(),
            price: try row.double(),
            lotSize: try row.optionalDouble()
        )
        let proportional = try row.optionalDouble()
        let fixed = try row.optionalDouble()
        let impact = try row.optionalDouble()
        let averageDailyValue = try row.optionalDouble()
        if let proportional, let fixed, let impact {
            instrument.cost = TransactionCost(
                proportional: proportional,
                fixed: fixed,
                impact: impact,
                averageDailyValue: averageDailyValue
            )
        }
        return instrument
    }

    // MARK: Portfolios

    /// Puts of one portfolio wait for each other, so that its versions become visible in their order.
    func putPortfolio(
        _ portfolio: Portfolio,
        id: String,
        tenant: String,
        if precondition: WritePrecondition
    ) throws -> StoredVersion {
        let put = ConditionalPut(
            precondition: precondition,
            own: Self.ownPortfolio(.text(id), .text(tenant)),
            put: Self.putPortfolio(
                .text(id),
                .text(tenant),
                .text(portfolio.riskModelID),
                .textArray(portfolio.positions.map(\.instrumentID)),
                .textArray(portfolio.universe),
                .utf8(DocumentEncoder.portfolio(portfolio)),
                .bigintArray(ConditionalPut.versions(for: precondition))
            ),
            look: Self.portfolioVersion(.text(id), .text(tenant))
        )
        return try put.outcome(of: session.run(put.calls, tenant: tenant, repetition: .harmful))
    }

    private static let ownPortfolio = Statement(
        "inputs.ownPortfolio",
        "INSERT INTO inputs.portfolios (id, tenant_id) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING"
    )

    private static let putPortfolio = Statement(
        "inputs.putPortfolio",
        """
        WITH next AS (
            UPDATE inputs.portfolios
            SET version = version + 1
            WHERE id = $1
              AND tenant_id = $2
              AND ($7::bigint[] IS NULL OR version = ANY ($7))
            RETURNING version
        )
        INSERT INTO inputs.portfolio_snapshots (
            tenant_id, portfolio_id, version, risk_model_id, held, universe, document
        )
        SELECT $2, $1, version, $3, $4, $5, $6
        FROM next
        RETURNING version, stored_at
        """
    )

    private static let portfolioVersion = Statement(
        "inputs.portfolioVersion",
        "SELECT version FROM inputs.portfolios WHERE id = $1 AND tenant_id = $2"
    )

    func portfolio(id: String, tenant: String) throws -> Stored<Portfolio>? {
        let call = Self.portfolio(.text(id), .text(tenant))
        guard var row = try session.run([call], tenant: tenant, repetition: .harmless)[0].firstRow else { return nil }
        let version = try row.int()
        let storedAt = try row.timestamp()
        let document = try row.utf8()
        let portfolio = try readingDocument("portfolio \(id)") { try DocumentDecoder.portfolio(document) }
        return Stored(value: portfolio, version: version, storedAt: storedAt)
    }

    private static let portfolio = Statement(
        "inputs.portfolio",
        """
        SELECT holdings.version, holdings.stored_at, holdings.document
        FROM inputs.portfolios AS portfolio
        JOIN inputs.portfolio_snapshots AS holdings
            ON holdings.portfolio_id = portfolio.id AND holdings.version = portfolio.version
        WHERE portfolio.id = $1
          AND portfolio.tenant_id = $2
        """
    )
}

/// Reads a stored document; one that cannot be read is a bug of ours, not a caller's mistake.
func readingDocument<Value>(_ what: String, _ decode: () throws -> Value) throws(RepositoryError) -> Value {
    do { return try decode() } catch { throw .unreadable(what: "\(what): \(error)") }
}
