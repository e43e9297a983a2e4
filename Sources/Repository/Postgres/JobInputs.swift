import Matrices
import PortfolioDocuments
import PortfolioModel

/// Loading what jobs are computed from, at their pinned versions.
extension PostgresJobRepository {
    /// One round trip for the requests, one for all inputs that were not used lately, and one for each such risk model.
    ///
    /// Jobs of another kind than the first are left for another call: each kind has its tables.
    func load(_ jobs: [ClaimedJob]) throws -> [LoadedJob] {
        guard let first = jobs.first else { return [] }
        let jobs = Array(jobs.prefix { $0.kind == first.kind })
        let kind = ComputationKind(rawValue: first.kind)
        let statements = RequestStatements.of(kind)
        let call = statements.requests(.textArray(jobs.map(\.id)), .bigint(Self.documentBytes))
        let stored = try session.run([call], repetition: .harmless)[0].map { try StoredRequest(&$0) }
        let byID = Dictionary(stored.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        // Those that were too much come last; one that is missing among others will never be there.
        let seen = jobs.lastIndex { byID[$0.id] != nil } ?? 0
        var fetching = InputsFetch(limit: Self.snapshotsAtOnce)
        var holdings: [SnapshotIdentity: Holdings] = [:]
        for job in jobs[...seen] {
            guard let identity = byID[job.id]?.snapshot, holdings[identity] == nil else { continue }
            if let known = inputs.holdings.value(for: identity) {
                holdings[identity] = known
            } else {
                fetching.want(identity, of: job.id)
            }
        }
        try fetch(fetching.wanted, statements, into: &holdings)

        var loaded: [LoadedJob] = []
        var matrices = 0
        for job in jobs[...seen] {
            guard let request = byID[job.id] else {
                loaded.append(LoadedJob(job: job, content: .failure(.unreadable(what: "request \(job.id)"))))
                continue
            }
            if let identity = request.snapshot, fetching.isLeft(identity) || matrices > Self.matrixBytes { break }
            loaded.append(LoadedJob(job: job, content: try content(of: request, kind, holdings, &matrices)))
        }
        return loaded
    }

    /// Bytes of requests, and of matrices not yet in memory, beyond which a load leaves the rest for the next one.
    private static let documentBytes = 32 << 20
    private static let matrixBytes = 64 << 20
    /// Holdings fetched in one round trip.
    private static let snapshotsAtOnce = 32

    /// Puts a job together; `matrices` grows by what had to be read.
    private func content(
        of request: StoredRequest,
        _ kind: ComputationKind?,
        _ known: [SnapshotIdentity: Holdings],
        _ matrices: inout Int
    ) throws -> Result<JobContent, LoadFault> {
        do {
            guard let identity = request.snapshot else {
                throw LoadFault.riskModelMissing(id: request.riskModelID ?? "none")
            }
            guard let holdings = known[identity] else {
                throw LoadFault.unreadable(what: "the inputs of \(request.id)")
            }
            let model = try riskModel(identity, &matrices)
            let snapshot = MandateSnapshot(
                portfolio: holdings.portfolio,
                riskModel: model,
                instruments: holdings.instruments,
                versions: identity.versions
            )
            return .success(try Self.content(of: request, kind, snapshot, identity))
        } catch let fault as LoadFault {
            return .failure(fault)
        } catch RepositoryError.unreadable(let what) {
            return .failure(.unreadable(what: what))
        }
    }

    /// An optimization's request is read here; a computation's by whoever computes it.
    private static func content(
        of request: StoredRequest,
        _ kind: ComputationKind?,
        _ snapshot: MandateSnapshot,
        _ identity: SnapshotIdentity
    ) throws -> JobContent {
        let identity = JobIdentity(kind: kind, snapshot: identity, document: request.document)
        if let kind {
            let wanted = ComputationRequest(
                kind: kind,
                portfolioID: identity.snapshot.portfolioID,
                document: request.document
            )
            return .computation(
                ComputationJob(request: wanted, createdAt: request.createdAt, snapshot: snapshot, identity: identity)
            )
        }
        let wanted = try readingDocument("request \(request.id)") {
            try DocumentDecoder.optimizationRequest(request.document)
        }
        return .optimization(
            OptimizationJob(request: wanted, createdAt: request.createdAt, snapshot: snapshot, identity: identity)
        )
    }

    // MARK: holdings and instruments

    /// Reads holdings and instruments, and keeps them; those that cannot be read are left out.
    private func fetch(
        _ wanted: [(identity: SnapshotIdentity, jobID: String)],
        _ statements: RequestStatements,
        into known: inout [SnapshotIdentity: Holdings]
    ) throws {
        guard !wanted.isEmpty else { return }
        let calls = wanted.flatMap { [statements.holdings(.text($0.jobID)), statements.instruments(.text($0.jobID))] }
        let results = try session.run(calls, repetition: .harmless)
        for (index, item) in wanted.enumerated() {
            guard var row = results[2 * index].firstRow else { continue }
            let document = try row.utf8()
            do {
                let portfolio = try readingDocument("holdings of \(item.jobID)") {
                    try DocumentDecoder.portfolio(document)
                }
                let instruments = try results[2 * index + 1].map(PostgresInputRepository.readInstrument)
                let holdings = Holdings(portfolio: portfolio, instruments: instruments)
                known[item.identity] = holdings
                inputs.holdings.keep(
                    holdings,
                    for: item.identity,
                    weight: Holdings.weight(documentBytes: document.count, instruments: instruments.count)
                )
            } catch RepositoryError.unreadable {
                continue
            }
        }
    }

    // MARK: risk models

    /// A risk model at a version; kept in memory, for a snapshot never changes.
    private func riskModel(_ identity: SnapshotIdentity, _ matrices: inout Int) throws -> RiskModel {
        let key = RiskModelKey(id: identity.riskModelID, version: identity.riskModelVersion)
        if let model = inputs.riskModels.value(for: key) { return model }
        let call = Self.riskModel(.text(key.id), .bigint(key.version))
        guard var row = try session.run([call], repetition: .harmless)[0].firstRow else {
            throw LoadFault.riskModelMissing(id: key.id)
        }
        let model = try PostgresInputRepository.readRiskModel(&row)
        let weight = RiskModelKey.weight(of: model)
        matrices += weight
        inputs.riskModels.keep(model, for: key, weight: weight)
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

    // MARK: the answer of a job that cannot be worked on

    /// The answer to a failed job: with its request, or where that cannot be read with what the columns tell.
    func failedBody(of job: ClaimedJob, _ failure: OptimizationFailure, completedAt: Timestamp) throws -> [UInt8]? {
        if let kind = ComputationKind(rawValue: job.kind) {
            return try failedBody(of: job, kind, failure, completedAt: completedAt)
        }
        guard var row = try session.run([Self.kind(.text(job.id))], repetition: .harmless)[0].firstRow else {
            return nil
        }
        let document = try row.utf8()
        let createdAt = try row.timestamp()
        if let request = try? DocumentDecoder.optimizationRequest(document) {
            return DocumentEncoder.failedOptimization(
                id: job.id,
                request: request,
                createdAt: createdAt,
                completedAt: completedAt,
                failure: failure
            )
        }
        return DocumentEncoder.failedOptimization(
            id: job.id,
            portfolioID: try row.text(),
            type: try row.text(),
            objective: try row.text(),
            riskMeasure: try row.text(),
            createdAt: createdAt,
            completedAt: completedAt,
            failure: failure
        )
    }

    private func failedBody(
        of job: ClaimedJob,
        _ kind: ComputationKind,
        _ failure: OptimizationFailure,
        completedAt: Timestamp
    ) throws -> [UInt8]? {
        let call = RequestStatements.of(kind).requests(.textArray([job.id]), .bigint(Self.documentBytes))
        guard var row = try session.run([call], repetition: .harmless)[0].firstRow else { return nil }
        let request = try StoredRequest(&row)
        return DocumentEncoder.failedComputation(
            id: job.id,
            request: ComputationRequest(kind: kind, portfolioID: request.portfolioID, document: request.document),
            createdAt: request.createdAt,
            completedAt: completedAt,
            failure: failure
        )
    }

    private static let kind = Statement(
        "jobs.kind",
        """
        SELECT coalesce(document, ''), created_at, portfolio_id, optimization_type, objective, risk_measure
        FROM commands.optimization_requests
        WHERE id = $1
        """
    )
}

/// A request as it is stored, not yet read.
private struct StoredRequest {
    let id: String
    let document: [UInt8]
    let createdAt: Timestamp
    let portfolioID: String
    let riskModelID: String?
    /// Its inputs; nil when a version was not there to be pinned.
    let snapshot: SnapshotIdentity?

    init(_ row: inout RowReader) throws {
        id = try row.text()
        document = row.optionalBytes().map(Array.init) ?? []
        createdAt = try row.timestamp()
        let tenant = try row.text()
        portfolioID = try row.text()
        let portfolioVersion = try row.optionalBigint()
        riskModelID = row.optionalText()
        let riskModelVersion = try row.optionalBigint()
        let instrumentsVersion = try row.optionalBigint()
        guard let portfolioVersion, let riskModelID, let riskModelVersion, let instrumentsVersion else {
            snapshot = nil
            return
        }
        snapshot = SnapshotIdentity(
            tenant: tenant,
            portfolioID: portfolioID,
            versions: SnapshotVersions(
                portfolio: Int(portfolioVersion),
                riskModelID: riskModelID,
                riskModel: Int(riskModelVersion),
                instruments: Int(instrumentsVersion)
            )
        )
    }
}

/// Which holdings to read in one round trip.
private struct InputsFetch {
    let limit: Int
    private(set) var wanted: [(identity: SnapshotIdentity, jobID: String)] = []
    private var chosen: Set<SnapshotIdentity> = []
    private var left: Set<SnapshotIdentity> = []

    init(limit: Int) { self.limit = limit }

    /// Takes the inputs of a job, unless they are taken already or there are enough.
    mutating func want(_ identity: SnapshotIdentity, of jobID: String) {
        guard !chosen.contains(identity) else { return }
        guard wanted.count < limit else {
            left.insert(identity)
            return
        }
        chosen.insert(identity)
        wanted.append((identity, jobID))
    }

    /// Whether these are left for another round trip.
    func isLeft(_ identity: SnapshotIdentity) -> Bool { left.contains(identity) }
}

/// What jobs were computed from lately, within a limit on its memory.
struct RecentInputs {
    var holdings: RecentlyUsed<SnapshotIdentity, Holdings>
    var riskModels: RecentlyUsed<RiskModelKey, RiskModel>

    /// - Parameter capacity: bytes; three quarters of them are for risk models.
    init(capacity: Int) {
        holdings = RecentlyUsed(capacity: capacity / 4)
        riskModels = RecentlyUsed(capacity: capacity / 4 * 3)
    }
}

/// A portfolio and its instruments at their versions.
struct Holdings {
    let portfolio: Portfolio
    let instruments: [Instrument]

    /// About how many bytes they take.
    static func weight(documentBytes: Int, instruments: Int) -> Int { 4 * documentBytes + 256 * instruments }
}

/// A version of a risk model.
///
/// An identifier belongs to one tenant for ever, so that it names a model among all tenants'.
struct RiskModelKey: Hashable {
    let id: String
    let version: Int

    /// About how many bytes a model takes.
    static func weight(of model: RiskModel) -> Int {
        let matrices = [
            model.covariance, model.correlations, model.returns, model.prices, model.factorModel?.loadings,
            model.factorModel?.factorCovariance, model.factorModel?.factorReturns,
        ]
        return 64 * model.instruments.count + matrices.reduce(0) { $0 + 8 * ($1?.elements.count ?? 0) }
    }
}

extension SnapshotIdentity {
    /// The versions, for the result.
    fileprivate var versions: SnapshotVersions {
        SnapshotVersions(
            portfolio: portfolioVersion,
            riskModelID: riskModelID,
            riskModel: riskModelVersion,
            instruments: instrumentsVersion
        )
    }
}

/// One job at a time.
extension JobRepository {
    /// The request and the inputs of an optimization's job.
    ///
    /// - Throws: ``LoadFault`` when it can never be worked on.
    package func load(_ job: ClaimedJob) throws -> OptimizationJob {
        guard let loaded = try load([job]).first else { throw RepositoryError.unreadable(what: "nothing of \(job.id)") }
        guard case .optimization(let content) = try loaded.content.get() else {
            throw RepositoryError.unreadable(what: "\(job.id), which is no optimization")
        }
        return content
    }
}
