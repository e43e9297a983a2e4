import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("Computations that their only caller leaves, in PostgreSQL")
struct ComputationAbandonmentTests {
    let fixture: Fixture
    /// The gRPC function, the only one that abandons.
    let calls: any ComputationRepository

    init() throws {
        fixture = try Fixture()
        try fixture.storeInputs()
        calls = fixture.database(as: "portfolio_grpc").computations
    }

    private func request(_ kind: ComputationKind) -> ComputationRequest {
        let document =
            switch kind {
            case .efficientFrontier: #"{"risk_measure":"volatility","points":20}"#
            case .rebalance: #"{"target_type":"optimal"}"#
            case .factorAnalysis: #"{"factors":["MKT"]}"#
            }
        return ComputationRequest(kind: kind, portfolioID: "port-1", document: Array(document.utf8))
    }

    /// Submits as a call does that may leave, and reads the computation.
    private func asked(_ kind: ComputationKind, _ id: String, isAbandonable: Bool = true) throws -> ComputationState {
        _ = try calls.submit(request(kind), id: id, isAbandonable: isAbandonable, tenant: "default")
        return try #require(try calls.gatherComputation(id: id, kind: kind, tenant: "default")())
    }

    @Test(arguments: ComputationKind.allCases)
    func `one that nobody joined is cancelled, and asking for it again starts anew`(_ kind: ComputationKind) throws {
        let state = try asked(kind, "x-1")
        #expect(try !calls.abandon(state, tenant: "b"), "another tenant's")
        #expect(try calls.abandon(state, tenant: "default"))
        #expect(try !calls.abandon(state, tenant: "default"), "once")
        #expect(try fixture.execute("SELECT count(*) FROM jobs.jobs") == [["0"]])
        let ended = try #require(try calls.gatherComputation(id: "x-1", kind: kind, tenant: "default")())
        #expect(ended.status == .cancelled && ended.completedAt != nil)
        let body = try #require(text(of: ended.body))
        #expect(body.contains(#""\#(kind.identifierName)":"x-1""#) && body.contains(#""status":"cancelled""#))
        guard case .stored = try calls.submit(request(kind), id: "x-2", tenant: "default") else {
            Issue.record("what was abandoned is in the way")
            return
        }
        #expect(try fixture.execute("SELECT count(*) FROM events.outbox") == [["0"]])
    }

    @Test(arguments: ComputationKind.allCases)
    func `one that somebody joined goes on`(_ kind: ComputationKind) throws {
        let state = try asked(kind, "x-1")
        let others = fixture.computations(kind)
        #expect(try !others.join(id: "x-1", tenant: "b"))
        #expect(try others.join(id: "x-1", tenant: "default"))
        #expect(try !calls.abandon(state, tenant: "default"))
        #expect(try fixture.execute("SELECT job_id FROM jobs.jobs") == [["x-1"]])
    }

    @Test func `one that runs is taken from its worker, whose finish then changes nothing`() throws {
        let state = try asked(.efficientFrontier, "fro-1")
        let worker = fixture.worker
        let claimed = try worker.claimJobs(limit: 1, leaseSeconds: 30)
        #expect(try calls.abandon(state, tenant: "default"))
        let end = JobOutcome.computation(request(.efficientFrontier), .success(Array("{}".utf8)))
        let late = claimed.map { FinishedJob(job: $0, createdAt: state.createdAt, outcome: end) }
        #expect(try worker.finish(late) == [])
        #expect(
            try calls.gatherComputation(id: "fro-1", kind: .efficientFrontier, tenant: "default")()?.status
                == .cancelled
        )
        #expect(
            try !fixture.computations(.efficientFrontier).join(id: "fro-1", tenant: "default")
        )
    }

    @Test func `what others may wait for by its address is not abandoned`() throws {
        let state = try asked(.rebalance, "reb-1", isAbandonable: false)
        #expect(try !calls.abandon(state, tenant: "default"))
    }
}
