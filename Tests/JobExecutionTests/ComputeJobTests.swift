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

    @Test(arguments: [ComputationKind.rebalance])
    func `a kind that nothing computes yet ends with a failure that says so`(_ kind: ComputationKind) {
        let test = TestJob().job
        let wanted = ComputationRequest(kind: kind, portfolioID: "p", document: Array("{}".utf8))
        let job = ComputationJob(request: wanted, createdAt: test.createdAt, snapshot: test.snapshot)
        let computed = outcome(.computation(job))
        #expect(computed.outcome.failure?.code == "not_supported")
        guard case .computation(let request, .failure) = computed.outcome else {
            Issue.record("not a computation's outcome")
            return
        }
        #expect(request == wanted)
    }
}
