import JobExecution
import Repository
import Testing

@Suite("The lease of a job")
struct JobLeaseTests {
    private func job(_ id: String, token: Int64 = 1) -> ClaimedJob {
        ClaimedJob(id: id, tenant: "t", kind: "optimization", attempts: 1, leaseToken: token)
    }

    private func lease() -> JobLease { JobLease(renewalPeriod: .seconds(10), leaseTime: .seconds(30)) }

    @Test func `a renewal is due one period after the oldest confirmation`() {
        var lease = lease()
        #expect(lease.nextRenewal == nil && lease.isEmpty)
        lease.claimed([job("a")], askedAt: .seconds(100))
        lease.claimed([job("b")], askedAt: .seconds(104))
        #expect(lease.nextRenewal == .seconds(110))
        #expect(lease.jobsToRenew.map(\.id) == ["a", "b"])
        lease.renewed([job("a"), job("b")], stopping: [], askedAt: .seconds(110))
        #expect(lease.nextRenewal == .seconds(120))
        lease.left([job("a"), job("b")])
        #expect(lease.nextRenewal == nil)
    }

    @Test func `a job that was cancelled or lost is revoked and not renewed again`() {
        var lease = lease()
        lease.claimed([job("a"), job("b")], askedAt: .zero)
        lease.renewed([job("a"), job("b")], stopping: ["a"], askedAt: .seconds(10))
        #expect(lease.stopReason(of: job("a"), at: .seconds(10)) == .revoked)
        #expect(lease.stopReason(of: job("b"), at: .seconds(10)) == nil)
        #expect(lease.jobsToRenew.map(\.id) == ["b"])
    }

    @Test func `a lease that was not renewed for two periods is expired, before the database's ends`() {
        var lease = lease()
        lease.claimed([job("a")], askedAt: .zero)
        lease.renewalFailed(at: .seconds(10))
        #expect(lease.nextRenewal == .seconds(11), "the next try comes soon")
        #expect(lease.stopReason(of: job("a"), at: .seconds(19.9)) == nil)
        #expect(lease.stopReason(of: job("a"), at: .seconds(20)) == .expired)
        lease.renewed([job("a")], stopping: [], askedAt: .seconds(19))
        #expect(lease.stopReason(of: job("a"), at: .seconds(20)) == nil)
    }

    @Test func `a short lease is not trusted beyond what the database grants`() {
        var lease = JobLease(renewalPeriod: .seconds(10), leaseTime: .seconds(15))
        lease.claimed([job("a")], askedAt: .zero)
        #expect(lease.stopReason(of: job("a"), at: .seconds(15)) == .expired)
    }

    @Test func `answers to an older claim change nothing`() {
        var lease = lease()
        lease.claimed([job("a", token: 1)], askedAt: .zero)
        lease.left([job("a", token: 1)])
        lease.claimed([job("a", token: 2)], askedAt: .seconds(5))
        lease.renewed([job("a", token: 1)], stopping: ["a"], askedAt: .seconds(6))
        #expect(lease.stopReason(of: job("a", token: 2), at: .seconds(7)) == nil)
        lease.left([job("a", token: 1)])
        #expect(!lease.isEmpty)
        #expect(lease.stopReason(of: job("a", token: 1), at: .seconds(7)) == .expired)
    }

    @Test func `nothing may be committed that is not held`() {
        #expect(lease().stopReason(of: job("a"), at: .zero) == .expired)
    }
}
