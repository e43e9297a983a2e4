import PortfolioModel
import PortfolioService
import Repository
import TestSupport
import Testing

@Suite("Use cases of optimizations")
struct OptimizationUseCaseTests {
    private let world: InMemoryWorld
    private let tenant = InMemoryWorld.tenant

    init() throws { world = try InMemoryWorld() }

    private var request: OptimizationRequest {
        OptimizationRequest(portfolioID: "demo", type: .meanVariance, objective: .maximizeSharpe)
    }

    @Test func `a request is stored under a new identifier and can be read`() throws {
        let accepted = try SubmitOptimization(
            optimizations: world.optimizations,
            keyedSubmissions: world.optimizations
        )(request, tenant: tenant)

        #expect(accepted.status == .pending)
        #expect(accepted.portfolioID == "demo")
        #expect(Identifiers.isOptimization(accepted.id))
        #expect(world.optimizations.submitted.map(\.id) == [accepted.id])
        #expect(world.optimizations.submitted.map(\.request) == [request])
        let reading = try ReadOptimization(optimizations: world.optimizations)(id: accepted.id, tenant: tenant)
        #expect(reading.status == .pending)
        #expect(reading.objective == "maximize_sharpe")
        #expect(reading.answer == nil)
    }

    @Test func `what methods are told of unknown instruments is listed, too`() {
        var request = request
        request.type = .blackLitterman
        request.parameters.views = [
            ReturnView(instruments: ["AAPL": 1], expectedReturn: 0.1),
            ReturnView(instruments: ["XXX": 1, "BND": -1], expectedReturn: 0.1),
        ]
        request.parameters.marketWeights = ["AAPL": 0.5, "YYY": 0.5]
        request.parameters.riskBudgets = ["ZZZ": 1]
        let error = #expect(throws: ServiceError.self) {
            try SubmitOptimization(optimizations: world.optimizations, keyedSubmissions: world.optimizations)(
                request,
                tenant: tenant
            )
        }
        guard case .invalid(let faults) = error else {
            Issue.record("expected faults, not \(String(describing: error))")
            return
        }
        #expect(
            faults.map(\.pointer)
                == [
                    "/views/1/instruments/XXX", "/market_weights/YYY", "/risk_budgets/ZZZ",
                ].filter { pointer in faults.contains { $0.pointer == pointer } }
        )
        #expect(faults.count == 3 && faults.allSatisfy { $0.code == "unknown_instrument" })
    }

    @Test func `names of sectors and classes are not taken for instruments`() throws {
        var request = request
        request.type = .riskParity
        request.objective = .riskBudgeting
        request.parameters.riskBudgets = ["Real estate": 1]
        request.parameters.riskBudgetsBy = .sector
        let submit = SubmitOptimization(optimizations: world.optimizations, keyedSubmissions: world.optimizations)
        _ = try submit(request, tenant: tenant)
        #expect(world.optimizations.submitted.map(\.request) == [request])
        request.parameters.riskBudgetsBy = .instrument
        #expect(throws: ServiceError.self) { try submit(request, tenant: tenant) }
    }

    @Test func `every place that names an unknown instrument is listed, and nothing is stored`() {
        var request = request
        request.constraints.minWeights = ["AAPL": 0.1, "XXX": 0.1]
        request.constraints.maxWeights = ["XXX": 0.2, "YYY": 0.2]
        request.constraints.groups = [
            GroupLimit(name: "by sector", members: .sector("Technology"), max: 0.5),
            GroupLimit(name: "named", members: .instruments(["BND", "ZZZ"]), max: 0.5),
        ]
        let error = #expect(throws: ServiceError.self) {
            try SubmitOptimization(optimizations: world.optimizations, keyedSubmissions: world.optimizations)(
                request,
                tenant: tenant
            )
        }

        guard case .invalid(let faults) = error else {
            Issue.record("expected faults, not \(String(describing: error))")
            return
        }
        #expect(
            faults.map(\.pointer) == [
                "/constraints/min_weights/XXX", "/constraints/max_weights/XXX", "/constraints/max_weights/YYY",
                "/constraints/groups/1/instruments/1",
            ]
        )
        #expect(faults.allSatisfy { $0.code == "unknown_instrument" })
        #expect(world.optimizations.submitted.isEmpty)
    }

    @Test func `another tenant's portfolio and optimization do not exist`() throws {
        let accepted = try SubmitOptimization(
            optimizations: world.optimizations,
            keyedSubmissions: world.optimizations
        )(request, tenant: tenant)

        #expect(throws: ServiceError.notFound(.portfolio, id: "demo")) {
            try SubmitOptimization(optimizations: world.optimizations, keyedSubmissions: world.optimizations)(
                request,
                tenant: "other"
            )
        }
        #expect(throws: ServiceError.notFound(.optimization, id: accepted.id)) {
            try ReadOptimization(optimizations: world.optimizations)(id: accepted.id, tenant: "other")
        }
        #expect(throws: ServiceError.notFound(.optimization, id: accepted.id)) {
            try CancelOptimization(optimizations: world.optimizations)(id: accepted.id, tenant: "other")
        }
    }

    @Test func `a malformed identifier never reaches the store`() {
        #expect(throws: ServiceError.notFound(.optimization, id: "opt-1")) {
            try ReadOptimization(optimizations: world.optimizations)(id: "opt-1", tenant: tenant)
        }
        #expect(throws: ServiceError.notFound(.optimization, id: "opt-1")) {
            try CancelOptimization(optimizations: world.optimizations)(id: "opt-1", tenant: tenant)
        }
        #expect(world.optimizations.reads == 0)
    }

    @Test func `cancelling is idempotent, and what has ended otherwise stays as it is`() throws {
        let submit = SubmitOptimization(optimizations: world.optimizations, keyedSubmissions: world.optimizations)
        let cancel = CancelOptimization(optimizations: world.optimizations)
        let first = try submit(request, tenant: tenant).id

        #expect(try cancel(id: first, tenant: tenant) == .cancelled)
        #expect(try cancel(id: first, tenant: tenant) == .cancelled)
        for status in [JobStatus.completed, .failed] {
            let ended = try submit(request, tenant: tenant).id
            world.optimizations.end(ended, as: status, body: "{}")
            #expect(throws: ServiceError.alreadyEnded(id: ended, status: status.rawValue)) {
                try cancel(id: ended, tenant: tenant)
            }
        }
    }

    @Test func `the store's errors are told apart: an outage, and a bug of ours`() {
        world.optimizations.failure = .unavailable(underlying: "connection refused")
        #expect(throws: ServiceError.unavailable(reason: "connection refused")) {
            try SubmitOptimization(optimizations: world.optimizations, keyedSubmissions: world.optimizations)(
                request,
                tenant: tenant
            )
        }
        world.optimizations.failure = .refused(sqlState: "42P01", message: "no table")
        #expect(throws: ServiceError.defect(reason: "refused with 42P01: no table")) {
            try SubmitOptimization(optimizations: world.optimizations, keyedSubmissions: world.optimizations)(
                request,
                tenant: tenant
            )
        }
    }

    @Test func `readiness is what the database's health says`() {
        let health = InMemoryDatabaseHealth(ready: false)
        let check = CheckReadiness(health: health)
        #expect(!check())
        health.ready = true
        #expect(check())
    }
}
