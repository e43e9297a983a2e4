import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("Reads that share a round trip")
struct GatheredReadsTests {
    @Test func `each gets what is its tenant's, whoever asks beside it`() throws {
        let fixture = try Fixture()
        try fixture.storeInputs(tenant: "a")
        try fixture.storeInputs(tenant: "b", portfolio: "port-b", model: "model-b")
        let (submitting, reading) = (fixture.submitting, fixture.reading)
        _ = try submitting.submit(.sample, id: "opt-a", tenant: "a")
        for _ in 1...2 {
            let reads = [("opt-a", "a"), ("opt-a", "b"), ("opt-none", "a"), ("opt-a", "a"), ("opt-a", "c")]
                .map { reading.gatherOptimization(id: $0.0, tenant: $0.1) }
            let states = try reads.map { try $0() }
            #expect(states.map { $0?.status } == [.pending, nil, nil, .pending, nil])
            // The tenant of the next read is not the last one's of these.
            #expect(try reading.optimization(id: "opt-a", tenant: "a")?.status == .pending)
            #expect(try reading.optimization(id: "opt-a", tenant: "b") == nil)
        }
    }

    @Test func `their answers may be taken in any order, and some not at all`() throws {
        let fixture = try Fixture()
        try fixture.storeInputs()
        let (submitting, reading) = (fixture.submitting, fixture.reading)
        let ids = (0..<100).map { "opt-\($0)" }  // more than one round trip takes
        for id in ids { _ = try submitting.submit(.sample, id: id, tenant: "default") }
        _ = try submitting.cancel(id: "opt-7", tenant: "default")
        let reads = ids.map { reading.gatherOptimization(id: $0, tenant: "default") }
        for (index, read) in reads.enumerated().reversed() where index % 3 == 1 {
            #expect(try read()?.status == (index == 7 ? .cancelled : .pending), "\(index)")
        }
    }

    @Test func `a connection lost before they are sent is made anew`() throws {
        let fixture = try Fixture()
        try fixture.storeInputs()
        let (submitting, reading) = (fixture.submitting, fixture.reading)
        _ = try submitting.submit(.sample, id: "opt-1", tenant: "default")
        #expect(try reading.optimization(id: "opt-1", tenant: "default") != nil)
        let reads = (0..<3).map { _ in reading.gatherOptimization(id: "opt-1", tenant: "default") }
        try fixture.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = current_database()"
                + " AND pid <> pg_backend_pid()"
        )
        for read in reads { #expect(try read()?.status == .pending) }
    }

    @Test func `an outage is told to each of them`() throws {
        let server = try PrivatePostgres()
        let name = try server.makeDatabase()
        let url = server.url(database: name, role: "portfolio_get_optimization")
        let reading = PostgresDatabase(url: url, applicationName: "test").optimizations
        #expect(try reading.optimization(id: "opt-1", tenant: "default") == nil)
        let reads = (0..<3).map { _ in reading.gatherOptimization(id: "opt-1", tenant: "default") }
        server.crash()
        for read in reads {
            #expect {
                _ = try read()
            } throws: { error in
                isUnavailable(error)
            }
        }
    }
}
