import Matrices
import PortfolioModel
import Repository
import TestSupport

/// A fresh database, and the repositories of each role on it.
struct Fixture {
    let server: PrivatePostgres
    let name: String

    init() throws {
        server = try PrivatePostgres.shared()
        name = try server.makeDatabase()
    }

    func database(as role: String) -> PostgresDatabase {
        PostgresDatabase(url: server.url(database: name, role: role), applicationName: "test-\(role)")
    }

    var inputs: any InputRepository { database(as: "portfolio_inputs").inputs }
    var submitting: any OptimizationRepository { database(as: "portfolio_create_optimization").optimizations }
    var submittingUnderKeys: any KeyedSubmissionRepository {
        database(as: "portfolio_create_optimization").keyedSubmissions
    }
    var listing: any OptimizationListing { database(as: "portfolio_get_optimization").listing }
    var reading: any OptimizationRepository { database(as: "portfolio_get_optimization").optimizations }
    /// Computations as the function of a kind sees them.
    func computations(_ kind: ComputationKind, limits: QueueLimits = QueueLimits()) -> any ComputationRepository {
        let role =
            switch kind {
            case .efficientFrontier: "portfolio_efficient_frontier"
            case .rebalance: "portfolio_rebalance"
            case .factorAnalysis: "portfolio_factor_exposures"
            }
        let url = server.url(database: name, role: role)
        return PostgresDatabase(url: url, applicationName: "test-\(role)", queueLimits: limits).computations
    }
    var worker: any JobRepository { database(as: "portfolio_worker").jobs }

    /// What the administrator sees.
    @discardableResult
    func execute(_ sql: String) throws -> [[String]] { try server.execute(sql, database: name) }

    /// Stores the inputs that every sample request needs.
    func storeInputs(tenant: String = "default", portfolio: String = "port-1", model: String = "model-1") throws {
        let inputs = inputs
        _ = try inputs.putInstruments([.apple, .bond], tenant: tenant)
        _ = try inputs.putRiskModel(.sample, id: model, tenant: tenant)
        var sample = Portfolio.sample
        sample.riskModelID = model
        _ = try inputs.putPortfolio(sample, id: portfolio, tenant: tenant)
    }
}

extension Instrument {
    static let apple = Instrument(
        id: "AAPL",
        name: "Apple Inc.",
        sector: "Information Technology",
        assetClass: "equity",
        currency: "USD",
        price: 175.1,
        lotSize: nil,
        cost: TransactionCost(proportional: 0.0005, fixed: 1, impact: 0.1, averageDailyValue: 5e9)
    )
    static let bond = Instrument(id: "BND", price: 72.5)
}

extension RiskModel {
    static let sample = RiskModel(
        asOf: Timestamp(microseconds: 1_750_000_000_123_456),
        instruments: ["AAPL", "BND"],
        periodsPerYear: 252,
        expectedReturns: [0.08, 0.1 + 0.2],
        covariance: DenseMatrix(rows: 2, columns: 2, columnMajor: [0.04, 0.002, 0.002, 0.0025])
    )
}

extension Portfolio {
    static let sample = Portfolio(
        name: "Balanced — größer",
        baseCurrency: "USD",
        asOf: Timestamp(microseconds: 1_750_000_000_000_000),
        riskModelID: "model-1",
        cash: 12.5,
        positions: [
            Position(
                instrumentID: "AAPL",
                quantity: 100,
                taxLots: [TaxLot(quantity: 100, costBasis: 120, acquiredAt: CalendarDate(daysSinceEpoch: 19_000))]
            )
        ]
    )
}

extension OptimizationRequest {
    static let sample: OptimizationRequest = {
        var request = OptimizationRequest(portfolioID: "port-1", type: .meanVariance, objective: .maximizeSharpe)
        request.constraints.maxPositionSize = 0.1 + 0.2
        request.constraints.maxWeights = ["BND": 0.4]
        request.preferences.riskAversion = 4
        return request
    }()
}

extension OptimizationResult {
    static let sample = OptimizationResult(
        metrics: AllocationMetrics(
            expectedReturn: 0.06,
            expectedVolatility: 0.1,
            sharpeRatio: 0.6,
            maxDrawdown: nil,
            turnover: 0.25,
            turnoverTwoWay: 0.5,
            informationRatio: nil,
            risk: 0.1,
            returnRiskRatio: 0.6,
            expectedReturnNet: 0.059,
            transactionCosts: 12,
            tax: 0,
            trackingError: nil,
            diversificationRatio: 1.2,
            effectivePositions: 1.9,
            riskFreeRate: 0,
            notes: ["max_drawdown": "the risk model has no history"]
        ),
        currentAllocation: ["AAPL": 1],
        targetAllocation: ["AAPL": 0.6, "BND": 0.4],
        trades: [],
        solution: SolutionReport(
            status: .optimal,
            solver: "critical_line",
            iterations: 3,
            solveMilliseconds: 0.1,
            primalResidual: 0,
            dualResidual: 0,
            relativeGap: 0
        ),
        bindingConstraints: [],
        riskContributions: ["AAPL": 0.9, "BND": 0.1],
        constraints: Constraints(),
        preferences: Preferences(),
        inputs: ResultInputs(
            versions: SnapshotVersions(portfolio: 1, riskModelID: "model-1", riskModel: 1, instruments: 1),
            expectedReturnsEstimator: "provided",
            covarianceEstimator: "provided",
            kernel: "test"
        ),
        warnings: []
    )
}

extension FinishedJob {
    /// A claimed job with the sample's outcome.
    init(_ job: ClaimedJob, outcome: Result<OptimizationResult, OptimizationFailure> = .success(.sample)) {
        self.init(job: job, request: .sample, createdAt: Timestamp(microseconds: 0), outcome: outcome)
    }
}

/// The body of a stored answer, copied.
func text(of body: StoredBytes?) -> String? { body.map { String(decoding: $0.bytes, as: UTF8.self) } }

/// Whether an error says that the database is away.
func isUnavailable(_ error: any Error) -> Bool {
    if case RepositoryError.unavailable = error { return true }
    return false
}

/// Whether an error says that the identifier is another tenant's.
func isTaken(_ error: any Error) -> Bool {
    if case RepositoryError.identifierTaken = error { return true }
    return false
}

extension LoadedJob {
    /// The content of an optimization's job.
    func optimization() throws -> OptimizationJob {
        guard case .optimization(let job) = try content.get() else { throw LoadFault.unreadable(what: self.job.id) }
        return job
    }
}
