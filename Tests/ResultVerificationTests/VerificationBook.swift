import JSON
import JobExecution
import Matrices
import PortfolioDocuments
import PortfolioModel
import Repository
import TestSupport
import Testing

/// A request, its inputs and its result, as the service would give them to a stranger.
struct VerificationBook {
    var snapshot: MandateSnapshot
    var request: OptimizationRequest
    var result: OptimizationResult

    static let created = Timestamp(microseconds: 1_750_000_000_000_000)

    /// Instruments of three sectors and two classes with costs, lots, a history and a benchmark; several limits bind.
    init(
        seed: UInt64 = 3,
        objective: Objective = .maximizeSharpe,
        inParts: Bool = false,
        adjust: (inout OptimizationRequest, inout MandateSnapshot) throws -> Void = { _, _ in }
    ) throws {
        var random = SeededGenerator(seed: seed)
        let count = 10
        var instruments: [Instrument] = []
        for index in 0..<count {
            let rate = 0.0005 + 0.0002 * Double(index % 3)
            let price = random.uniform(20...200)
            instruments.append(
                Instrument(
                    id: "I\(index)",
                    sector: index % 5 == 4 ? nil : "S\(index % 3)",
                    assetClass: index % 2 == 0 ? "equity" : "bond",
                    price: price,
                    cost: TransactionCost(proportional: rate)
                )
            )
        }
        snapshot = Self.snapshot(instruments, inParts: inParts, &random)
        request = OptimizationRequest(
            portfolioID: "p",
            type: inParts ? .factorBased : .meanVariance,
            objective: objective
        )
        request.constraints.maxPositionSize = 0.3
        request.constraints.maxSectorExposure = 0.45
        request.constraints.maxTurnover = 0.3
        request.constraints.maxCash = 0.1
        request.constraints.minWeights = ["I3": 0.05]
        request.constraints.groups = [
            GroupLimit(name: "g", members: .instruments(["I0", "I1", "I5"]), min: 0.2, max: 0.6)
        ]
        request.preferences.riskAversion = 3
        request.preferences.includeTransactionCosts = objective.needsExpectedReturns
        try adjust(&request, &snapshot)
        result = try Self.solved(request, snapshot)
    }

    private static func snapshot(
        _ instruments: [Instrument],
        inParts: Bool,
        _ random: inout SeededGenerator
    ) -> MandateSnapshot {
        let (count, periods) = (instruments.count, 40)
        var returns = DenseMatrix(rows: periods, columns: count)
        for index in returns.elements.indices { returns.elements[index] = 0.001 + 0.02 * random.normal() }
        var model = RiskModel(
            asOf: created,
            instruments: instruments.map(\.id),
            periodsPerYear: 52,
            expectedReturns: instruments.map { _ in random.uniform(0.02...0.12) },
            returns: returns
        )
        if inParts {
            var loadings = DenseMatrix(rows: count, columns: 2)
            for index in loadings.elements.indices { loadings.elements[index] = random.uniform(0.2...1.2) }
            model.factorModel = FactorModel(
                factors: ["MKT", "RATES"],
                loadings: loadings,
                factorCovariance: DenseMatrix(rows: [[0.02, 0.003], [0.003, 0.01]]),
                specificVariance: instruments.map { _ in random.uniform(0.005...0.03) }
            )
        }
        var portfolio = Portfolio(
            baseCurrency: "USD",
            asOf: created,
            riskModelID: "m",
            cash: 4_000,
            positions: instruments.dropLast(3).map { instrument in
                Position(
                    instrumentID: instrument.id,
                    quantity: 60,
                    taxLots: [
                        TaxLot(
                            quantity: 60,
                            costBasis: instrument.price * 0.8,
                            acquiredAt: CalendarDate(daysSinceEpoch: created.date.daysSinceEpoch - 500)
                        )
                    ]
                )
            },
            benchmark: Dictionary(uniqueKeysWithValues: instruments.prefix(5).map { ($0.id, 0.2) })
        )
        portfolio.preferences.riskFreeRate = 0.01
        portfolio.constraints.maxAssetClassExposure = 0.7
        return MandateSnapshot(
            portfolio: portfolio,
            riskModel: model,
            instruments: instruments,
            versions: SnapshotVersions(portfolio: 4, riskModelID: "m", riskModel: 2, instruments: 9)
        )
    }

    static func solved(_ request: OptimizationRequest, _ snapshot: MandateSnapshot) throws -> OptimizationResult {
        var solver = SolveOptimization(clock: { .zero }, defaultTimeLimit: .seconds(60))
        let job = OptimizationJob(request: request, createdAt: created, snapshot: snapshot)
        let outcome = solver.outcome(of: job, tenant: "t") { false }
        #expect(outcome.violations.isEmpty)
        return try outcome.result.get()
    }

    /// The answer to the GET of the optimization.
    var resultBytes: [UInt8] { bytes(of: result) }

    /// The answer with another result, with the fingerprint that belongs to it.
    func bytes(of result: OptimizationResult) -> [UInt8] {
        DocumentEncoder.optimizationResult(
            id: "opt-00000000000000000000000001",
            request: request,
            createdAt: Self.created,
            completedAt: Self.created,
            result: result
        )
    }

    /// The snapshot, put together of what the service answers.
    func snapshotBytes(withRequest: Bool = true) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("portfolio")
            writer.raw(
                DocumentEncoder.portfolio(snapshot.portfolio, id: "p", version: 4, storedAt: Self.created)
            )
            writer.name("instruments")
            writer.raw(DocumentEncoder.instruments(snapshot.instruments, nextCursor: nil))
            writer.name("risk_model")
            writer.raw(
                DocumentEncoder.riskModel(
                    snapshot.riskModel,
                    id: "m",
                    version: 2,
                    storedAt: Self.created,
                    includingMatrices: true
                )
            )
            guard withRequest else { return }
            writer.name("request")
            writer.raw(DocumentEncoder.optimizationRequest(request))
        }
        return writer.bytes
    }
}
