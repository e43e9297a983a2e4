import Matrices
import PortfolioDocuments
import PortfolioModel

/// Loading what a job is computed from, at its pinned versions.
extension PostgresJobRepository {
    /// One round trip; a second one for a risk model that was not used lately.
    func load(_ job: ClaimedJob) throws -> OptimizationJob {
        let id = StatementParameter.text(job.id)
        let results = try session.run([Self.holdings(id), Self.instruments(id)], repetition: .harmless)
        guard var row = results[0].firstRow else { throw RepositoryError.unreadable(what: "the inputs of \(job.id)") }
        let document = try row.utf8()
        let createdAt = try row.timestamp()
        let versions = SnapshotVersions(
            portfolio: try row.int(),
            riskModelID: try row.text(),
            riskModel: try row.int(),
            instruments: try row.int()
        )
        let holdings = try row.utf8()
        return OptimizationJob(
            request: try readingDocument("request \(job.id)") { try DocumentDecoder.optimizationRequest(document) },
            createdAt: createdAt,
            snapshot: MandateSnapshot(
                portfolio: try readingDocument("holdings of \(job.id)") { try DocumentDecoder.portfolio(holdings) },
                riskModel: try riskModel(versions.riskModelID, version: versions.riskModel),
                instruments: try results[1].map(PostgresInputRepository.readInstrument),
                versions: versions
            )
        )
    }

    /// A request alone, without its inputs.
    func readRequest(of job: ClaimedJob) throws -> (request: OptimizationRequest, createdAt: Timestamp) {
        guard var row = try session.run([Self.request(.text(job.id))], repetition: .harmless)[0].firstRow else {
            throw RepositoryError.unreadable(what: "request \(job.id)")
        }
        let document = try row.utf8()
        let request = try readingDocument("request \(job.id)") { try DocumentDecoder.optimizationRequest(document) }
        return (request, try row.timestamp())
    }

    private static let request = Statement(
        "jobs.request",
        "SELECT document, created_at FROM commands.optimization_requests WHERE id = $1"
    )

    private static let holdings = Statement(
        "jobs.holdings",
        """
        SELECT
            request.document, request.created_at, request.portfolio_version, request.risk_model_id,
            request.risk_model_version, request.instruments_version, holdings.document
        FROM commands.optimization_requests AS request
        JOIN inputs.portfolio_snapshots AS holdings
            ON holdings.portfolio_id = request.portfolio_id AND holdings.version = request.portfolio_version
        WHERE request.id = $1
        """
    )

    /// The instruments of the universe and of the holdings, each as of the pinned version.
    private static let instruments = Statement(
        "jobs.instruments",
        """
        SELECT instrument.*
        FROM (
            SELECT request.tenant_id, request.instruments_version, unnest(holdings.held) AS instrument_id
            FROM commands.optimization_requests AS request
            JOIN inputs.portfolio_snapshots AS holdings
                ON holdings.portfolio_id = request.portfolio_id AND holdings.version = request.portfolio_version
            WHERE request.id = $1
            UNION
            SELECT
                request.tenant_id, request.instruments_version, unnest(coalesce(holdings.universe, model.instruments))
            FROM commands.optimization_requests AS request
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

    /// A risk model at a version; kept in memory, for a snapshot never changes.
    private func riskModel(_ id: String, version: Int) throws -> RiskModel {
        let key = RecentRiskModels.Key(id: id, version: version)
        if let model = riskModels[key] { return model }
        let result = try session.run([Self.riskModel(.text(id), .bigint(version))], repetition: .harmless)[0]
        guard var row = result.firstRow else {
            throw RepositoryError.unreadable(what: "risk model \(id), version \(version)")
        }
        let model = try PostgresInputRepository.readRiskModel(&row)
        riskModels[key] = model
        return model
    }

    private static let riskModel = Statement(
        "jobs.riskModel",
        """
        SELECT
            as_of, instruments, periods_per_year, dates, factors,
            expected_returns, volatilities, probabilities, specific_variance,
            covariance, correlations, returns, prices, loadings, factor_covariance, factor_returns
        FROM inputs.risk_model_snapshots
        WHERE risk_model_id = $1
          AND version = $2
        """
    )
}

/// The risk models used last, within a limit on their memory.
///
/// The one used just now is always kept.
struct RecentRiskModels {
    /// An identifier belongs to one tenant for ever, so that it names a model among all tenants'.
    struct Key: Hashable {
        let id: String
        let version: Int
    }

    /// Bytes of matrices kept.
    static let capacity = 256 << 20

    /// Oldest use first.
    private var entries: [(key: Key, model: RiskModel, size: Int)] = []

    subscript(key: Key) -> RiskModel? {
        mutating get {
            guard let index = entries.firstIndex(where: { $0.key == key }) else { return nil }
            entries.append(entries.remove(at: index))
            return entries.last?.model
        }
        set {
            entries.removeAll { $0.key == key }
            guard let newValue else { return }
            entries.append((key, newValue, Self.size(of: newValue)))
            while entries.count > 1, entries.reduce(0, { $0 + $1.size }) > Self.capacity { entries.removeFirst() }
        }
    }

    private static func size(of model: RiskModel) -> Int {
        let matrices = [
            model.covariance, model.correlations, model.returns, model.prices, model.factorModel?.loadings,
            model.factorModel?.factorCovariance, model.factorModel?.factorReturns,
        ]
        return matrices.reduce(0) { $0 + 8 * ($1?.elements.count ?? 0) }
    }
}
