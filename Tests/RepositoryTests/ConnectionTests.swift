import Foundation
import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("Notifications and lost connections")
struct ConnectionTests {
    private let terminate =
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = current_database()"
        + " AND pid <> pg_backend_pid()"

    @Test func `the end of a job is told after it can be read`() throws {
        let fixture = try Fixture()
        try fixture.storeInputs()
        let news = fixture.database(as: "portfolio_get_optimization").makeJobNotifications()
        #expect(try #require(news.fileDescriptor) >= 0)
        #expect(news.takeEnded() == [])
        let submitting = fixture.submitting
        for id in ["opt-1", "opt-2", "opt-3"] { _ = try submitting.submit(.sample, id: id, tenant: "default") }
        let worker = fixture.worker
        let jobs = try worker.claimJobs(limit: 2, leaseSeconds: 30)
        _ = try worker.finish(jobs.map { FinishedJob($0) })
        _ = try submitting.cancel(id: "opt-3", tenant: "default")
        var told: Set<String> = []
        for _ in 0..<500 where told.count < 3 {
            let ended = try #require(news.takeEnded())
            for id in ended {
                #expect(try fixture.reading.optimization(id: id, tenant: "default")?.status.isFinal == true)
            }
            told.formUnion(ended)
            usleep(10_000)
        }
        #expect(told == ["opt-1", "opt-2", "opt-3"])
    }

    @Test func `a worker that waits is woken by a submission`() throws {
        let fixture = try Fixture()
        try fixture.storeInputs()
        let worker = fixture.worker
        #expect(worker.waitForJobs(seconds: 0), "the first time anything may have come before")
        #expect(!worker.waitForJobs(seconds: 0))
        _ = try fixture.submitting.submit(.sample, id: "opt-1", tenant: "default")
        #expect(worker.waitForJobs(seconds: 10))
    }

    @Test func `terminated connections are made anew, and nobody notices but the listener`() throws {
        let fixture = try Fixture()
        try fixture.storeInputs()
        let (inputs, submitting, reading, worker) = (
            fixture.inputs, fixture.submitting, fixture.reading, fixture.worker
        )
        let news = fixture.database(as: "portfolio_get_optimization").makeJobNotifications()
        for round in 1...3 {
            #expect(worker.waitForJobs(seconds: 0))
            _ = try submitting.submit(.sample, id: "opt-\(round)", tenant: "default")
            _ = try reading.optimization(id: "opt-\(round)", tenant: "default")
            _ = try inputs.portfolio(id: "port-1", tenant: "default")
            #expect(news.takeEnded() != nil)
            try fixture.execute(terminate)
            #expect(try reading.optimization(id: "opt-\(round)", tenant: "default")?.status == .pending)
            #expect(try inputs.putPortfolio(.sample, id: "port-1", tenant: "default").version == round + 1)
            #expect(try submitting.cancel(id: "opt-\(round)", tenant: "default") == .cancelled)
            #expect(try worker.claimJobs(limit: 1, leaseSeconds: 30).isEmpty)
            #expect(news.takeEnded() == nil, "the connection is gone")
            #expect(news.takeEnded() == nil, "a new one listens from now on")
            #expect(news.fileDescriptor != nil)
        }
    }

    @Test func `what runs too long is given up, and the connection stays good`() throws {
        let fixture = try Fixture()
        try fixture.storeInputs()
        let url = fixture.server.url(database: fixture.name, role: "portfolio_inputs")
        let impatient = PostgresDatabase(url: url + "&options=-c%20lock_timeout%3D50ms", applicationName: "test").inputs
        #expect(try impatient.portfolio(id: "port-1", tenant: "default") != nil)
        let fixtureName = fixture.name
        let server = fixture.server
        let locked = Box(false)
        let holder = Thread {
            _ = try? server.execute(
                "BEGIN; LOCK TABLE inputs.portfolios IN EXCLUSIVE MODE; NOTIFY nobody; SELECT pg_sleep(1.5); COMMIT",
                database: fixtureName
            )
            locked.change { $0 = true }
        }
        holder.start()
        var fault: (any Error)?
        while fault == nil, !locked.value {
            do { _ = try impatient.putPortfolio(.sample, id: "port-1", tenant: "default") } catch { fault = error }
        }
        #expect(fault.map(isUnavailable) == true)
        #expect(try impatient.portfolio(id: "port-1", tenant: "default") != nil)
        while !locked.value { usleep(10_000) }
    }

    @Test func `while the server is down everything is unavailable, and afterwards all is there`() throws {
        // A server of its own: the others' tests go on meanwhile.
        let server = try PrivatePostgres()
        let name = try server.makeDatabase()
        func database(_ role: String) -> PostgresDatabase {
            PostgresDatabase(url: server.url(database: name, role: role), applicationName: "test")
        }
        let inputs = database("portfolio_inputs").inputs
        let submitting = database("portfolio_create_optimization").optimizations
        let readers = database("portfolio_get_optimization")
        let (reading, news) = (readers.optimizations, readers.makeJobNotifications())
        let worker = database("portfolio_worker").jobs
        let health = database("portfolio_health").health
        _ = try inputs.putInstruments([.apple, .bond], tenant: "default")
        _ = try inputs.putRiskModel(.sample, id: "model-1", tenant: "default")
        _ = try inputs.putPortfolio(.sample, id: "port-1", tenant: "default")
        _ = try submitting.submit(.sample, id: "opt-1", tenant: "default")
        #expect(try reading.optimization(id: "opt-1", tenant: "default") != nil)
        #expect(health.isReady())
        #expect(news.takeEnded() != nil)
        let claimed = try worker.claimJobs(limit: 1, leaseSeconds: 30)

        server.crash()
        #expect(!health.isReady())
        #expect(
            performing: { try inputs.putPortfolio(.sample, id: "port-1", tenant: "default") },
            throws: isUnavailable
        )
        #expect(performing: { try submitting.submit(.sample, id: "opt-2", tenant: "default") }, throws: isUnavailable)
        #expect(performing: { try reading.optimization(id: "opt-1", tenant: "default") }, throws: isUnavailable)
        #expect(performing: { try worker.finish(claimed.map { FinishedJob($0) }) }, throws: isUnavailable)
        #expect(!worker.waitForJobs(seconds: 0.01))
        #expect(news.takeEnded() == nil && news.fileDescriptor == nil)

        try server.start()
        usleep(300_000)  // the distance between attempts to connect
        #expect(health.isReady())
        #expect(try reading.optimization(id: "opt-1", tenant: "default") != nil)
        #expect(news.takeEnded() == nil && news.fileDescriptor != nil)
        _ = try submitting.submit(.sample, id: "opt-2", tenant: "default")
        #expect(try inputs.putPortfolio(.sample, id: "port-1", tenant: "default").version == 2)
        // A claim does not wait for the disk: the crash may have forgotten it.
        let again = try worker.claimJobs(limit: 5, leaseSeconds: 30)
        let finishedOnce = try worker.finish((claimed + again).map { FinishedJob($0) })
        #expect(Set(finishedOnce) == ["opt-1", "opt-2"])
        #expect(worker.waitForJobs(seconds: 0))
    }

    @Test func `a database that is not there is unavailable, not a bug`() throws {
        let nowhere = PostgresDatabase(url: "postgresql://nobody@/none?host=/nonexistent", applicationName: "test")
        #expect(!nowhere.health.isReady())
        #expect(performing: { try nowhere.optimizations.optimization(id: "x", tenant: "a") }, throws: isUnavailable)
        #expect(nowhere.makeJobNotifications().fileDescriptor == nil)
    }
}
