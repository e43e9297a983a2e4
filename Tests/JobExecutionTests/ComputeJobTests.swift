import JobExecution
import PortfolioModel
import Repository
import Testing

@Suite("A job of any kind computed")
struct ComputeJobTests {
    private func outcome(_ content: JobContent) -> ComputedJob {
        var computer = ComputeJob(clock: { .zero }, defaultTimeLimit: .seconds(60))
        return computer.outcome(of: content, tenant: "default", isRevoked: { false })
    }

    @Test func `an optimization is computed as ever, with its request beside the result`() {
        let job = TestJob().job
        guard case .optimization(let request, .success) = outcome(.optimization(job)).outcome else {
            Issue.record("not computed")
            return
        }
        #expect(request == job.request)
    }

    @Test(arguments: ComputationKind.allCases)
    func `a stored request that cannot be read back ends with a failure that says so`(_ kind: ComputationKind) {
        let test = TestJob().job
        let wanted = ComputationRequest(kind: kind, portfolioID: "p", document: Array(#"{"nothing":1}"#.utf8))
        let job = ComputationJob(request: wanted, createdAt: test.createdAt, snapshot: test.snapshot)
        let computed = outcome(.computation(job))
        #expect(computed.outcome.failure?.code == "inputs_unreadable")
        guard case .computation(let request, .failure) = computed.outcome else {
            Issue.record("not a computation's outcome")
            return
        }
        #expect(request == wanted)
    }
}
