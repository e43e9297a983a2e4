import Matrices
import PortfolioModel

/// Risk models: a row of columns each, matrices as they lie in memory.
extension PostgresInputRepository {
    /// Puts of one risk model wait for each other, so that its versions become visible in their order.
    func putRiskModel(
        _ model: RiskModel,
        id: String,
        tenant: String,
        if precondition: WritePrecondition
    ) throws -> StoredVersion {
        let factorModel = model.factorModel
        let put = ConditionalPut(
            precondition: precondition,
            own: Self.ownRiskModel(.text(id), .text(tenant)),
            put: Self.putRiskModel(
                .text(id),
                .text(tenant),
                .timestamp(model.asOf),
                .textArray(model.instruments),
                .double(model.periodsPerYear),
                .dateArray(model.dates),
                .textArray(factorModel?.factors),
                .littleEndianDoubles(model.expectedReturns),
                .littleEndianDoubles(model.volatilities),
                .littleEndianDoubles(model.probabilities),
                .littleEndianDoubles(model.covariance?.elements),
                .littleEndianDoubles(model.correlations?.elements),
                .littleEndianDoubles(model.returns?.elements),
                .littleEndianDoubles(model.prices?.elements),
                .littleEndianDoubles(factorModel?.loadings?.elements),
                .littleEndianDoubles(factorModel?.factorCovariance?.elements),
                .littleEndianDoubles(factorModel?.specificVariance),
                .littleEndianDoubles(factorModel?.factorReturns?.elements),
                .bigintArray(ConditionalPut.versions(for: precondition))
            ),
            look: Self.riskModelVersion(.text(id), .text(tenant))
        )
        return try put.outcome(of: session.run(put.calls, tenant: tenant, repetition: .harmful))
    }

    private static let riskModelVersion = Statement(
        "inputs.riskModelVersion",
        "SELECT version FROM inputs.risk_models WHERE id = $1 AND tenant_id = $2"
    )

    private static let ownRiskModel = Statement(
        "inputs.ownRiskModel",
        "INSERT INTO inputs.risk_models (id, tenant_id) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING"
    )

    private static let putRiskModel = Statement(
        "inputs.putRiskModel",
        """
        WITH next AS (
            UPDATE inputs.risk_models
            SET version = version + 1
            WHERE id = $1
              AND tenant_id = $2
              AND ($19::bigint[] IS NULL OR version = ANY ($19))
            RETURNING version
        )
        INSERT INTO inputs.risk_model_snapshots (
            tenant_id, risk_model_id, version, as_of, instruments, periods_per_year, dates, factors,
            expected_returns, volatilities, probabilities, covariance, correlations, returns, prices,
            loadings, factor_covariance, specific_variance, factor_returns
        )
        SELECT $2, $1, version, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18
        FROM next
        RETURNING version, stored_at
        """
    )

    func riskModel(id: String, includingMatrices: Bool, tenant: String) throws -> Stored<RiskModel>? {
        let call = Self.riskModel(.text(id), .text(tenant), .boolean(includingMatrices))
        guard var row = try session.run([call], tenant: tenant, repetition: .harmless)[0].firstRow else { return nil }
        let version = try row.int()
        let storedAt = try row.timestamp()
        return Stored(value: try Self.readRiskModel(&row), version: version, storedAt: storedAt)
    }

    private static let riskModel = Statement(
        "inputs.riskModel",
        """
        SELECT
            model.version, model.stored_at,
            as_of, instruments, periods_per_year, dates, factors,
            expected_returns, volatilities, probabilities, specific_variance,
            CASE WHEN $3 THEN covariance END,
            CASE WHEN $3 THEN correlations END,
            CASE WHEN $3 THEN returns END,
            CASE WHEN $3 THEN prices END,
            CASE WHEN $3 THEN loadings END,
            CASE WHEN $3 THEN factor_covariance END,
            CASE WHEN $3 THEN factor_returns END
        FROM inputs.risk_models AS newest
        JOIN inputs.risk_model_snapshots AS model
            ON model.risk_model_id = newest.id AND model.version = newest.version
        WHERE newest.id = $1
          AND newest.tenant_id = $2
        """
    )

    func riskModelInstruments(id: String, tenant: String) throws -> [String]? {
        let call = Self.riskModelInstruments(.text(id), .text(tenant))
        guard var row = try session.run([call], tenant: tenant, repetition: .harmless)[0].firstRow else { return nil }
        return try row.textArray()
    }

    private static let riskModelInstruments = Statement(
        "inputs.riskModelInstruments",
        """
        SELECT model.instruments
        FROM inputs.risk_models AS newest
        JOIN inputs.risk_model_snapshots AS model
            ON model.risk_model_id = newest.id AND model.version = newest.version
        WHERE newest.id = $1
          AND newest.tenant_id = $2
        """
    )

    /// Reads a risk model from the columns `as_of` to `factor_returns`, in the order of the statement `riskModel`.
    static func readRiskModel(_ row: inout RowReader) throws -> RiskModel {
        var model = RiskModel(
            asOf: try row.timestamp(),
            instruments: try row.textArray(),
            periodsPerYear: try row.double(),
            dates: try row.optionalDateArray()
        )
        let count = model.instruments.count
        let factors = try row.optionalTextArray()
        model.expectedReturns = try row.optionalLittleEndianDoubles()
        model.volatilities = try row.optionalLittleEndianDoubles()
        model.probabilities = try row.optionalLittleEndianDoubles()
        let specificVariance = try row.optionalLittleEndianDoubles()
        model.covariance = try matrix(row.optionalLittleEndianDoubles(), columns: count)
        model.correlations = try matrix(row.optionalLittleEndianDoubles(), columns: count)
        model.returns = try matrix(row.optionalLittleEndianDoubles(), columns: count)
        model.prices = try matrix(row.optionalLittleEndianDoubles(), columns: count)
        if let factors {
            model.factorModel = FactorModel(
                factors: factors,
                loadings: try matrix(row.optionalLittleEndianDoubles(), columns: factors.count),
                factorCovariance: try matrix(row.optionalLittleEndianDoubles(), columns: factors.count),
                specificVariance: specificVariance,
                factorReturns: try matrix(row.optionalLittleEndianDoubles(), columns: factors.count)
            )
        }
        return model
    }

    /// The rows follow from the length.
    private static func matrix(_ elements: [Double]?, columns: Int) throws -> DenseMatrix? {
        guard let elements else { return nil }
        guard columns > 0, elements.count % columns == 0 else {
            throw RepositoryError.unreadable(what: "a matrix that is not of \(columns) columns")
        }
        return DenseMatrix(rows: elements.count / columns, columns: columns, columnMajor: elements)
    }
}
