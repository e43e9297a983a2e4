import JobExecution
import Matrices
import MomentEstimation
import PortfolioModel
import Repository
import ResultChecker
import TestSupport
import Testing

/// A change that makes a right Black–Litterman result, or the moments it was computed on, wrong.
struct BlackLittermanMutation: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var apply: @Sendable (inout OptimizationResult, inout Moments) -> Void

    init(_ name: String, _ apply: @escaping @Sendable (inout OptimizationResult, inout Moments) -> Void) {
        testDescription = name
        self.apply = apply
    }

    /// Changes an entry of a covariance and its twin.
    private static func change(_ moments: inout Moments, _ i: Int, _ j: Int, by amount: Double) {
        var matrix = moments.covariance.multipliedOut()
        matrix[i, j] += amount
        matrix[j, i] = matrix[i, j]
        moments.covariance = .dense(matrix)
    }

    static let all: [BlackLittermanMutation] = [
        BlackLittermanMutation("no report") { result, _ in result.blackLitterman = nil },
        BlackLittermanMutation("prior") { result, _ in result.blackLitterman?.prior["N0"]? *= 1 + 1e-6 },
        BlackLittermanMutation("posterior") { result, _ in result.blackLitterman?.posterior["N1"]? += 1e-8 },
        BlackLittermanMutation("posterior left out") { result, _ in result.blackLitterman?.posterior["N2"] = nil },
        BlackLittermanMutation("tau") { result, _ in result.blackLitterman?.tau = 0.06 },
        BlackLittermanMutation("risk aversion") { result, _ in result.blackLitterman?.riskAversion = 3 },
        BlackLittermanMutation("market weights") { result, _ in result.blackLitterman?.marketWeights = ["N0": 1] },
        BlackLittermanMutation("covariance said to be the prior's") { result, _ in
            result.blackLitterman?.hasPosteriorCovariance = false
        },
        BlackLittermanMutation("a view's variance") { result, _ in
            result.blackLitterman?.viewVariances[1] = 0.01
        },
        BlackLittermanMutation("a view left out") { result, _ in result.blackLitterman?.viewVariances.removeLast() },
        BlackLittermanMutation("expected returns that are not the posterior's") { _, moments in
            moments.expectedReturns[0] += 1e-8
        },
        BlackLittermanMutation("a covariance that is not the posterior's") { _, moments in
            change(&moments, 0, 0, by: 1e-8)
        },
        BlackLittermanMutation("a covariance of two held that is not the posterior's") { _, moments in
            change(&moments, 0, 1, by: 1e-8)
        },
    ]
}

@Suite("The checker and wrong Black–Litterman results")
struct BlackLittermanMutationTests {
    @Test(arguments: BlackLittermanMutation.all)
    func `a posterior that is wrong is caught`(mutation: BlackLittermanMutation) throws {
        var job = TestJob(count: 5, objective: .minimizeRisk).job
        job.request.type = .blackLitterman
        job.request.constraints.minWeights = ["N0": 0.1, "N1": 0.1]
        job.snapshot.portfolio.benchmark = ["N0": 0.5, "N1": 0.2, "N4": 0.3]
        job.request.parameters.views = [
            ReturnView(instruments: ["N0": 1, "N1": -1], expectedReturn: 0.02, uncertainty: .confidence(0.6)),
            ReturnView(instruments: ["N2": 1], expectedReturn: 0.06),
        ]
        var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(60))
        var result = try solve.outcome(of: job, tenant: "t", isRevoked: { false }).result.get()
        let provided = try estimateMoments(of: job.snapshot.riskModel)
        let estimate = try blackLittermanMoments(
            of: provided,
            benchmark: job.snapshot.portfolio.benchmark,
            parameters: job.request.parameters,
            preferences: job.request.preferences
        )
        func violations(_ moments: Moments) -> [Violation] {
            AllocationCheck(
                snapshot: job.snapshot,
                moments: moments,
                request: job.request,
                momentsBeforeViews: provided
            ).violations(in: result)
        }
        var moments = estimate.moments
        try #require(violations(moments) == [])
        mutation.apply(&result, &moments)
        #expect(!violations(moments).isEmpty)
    }

    @Test func `a posterior has no place in a result of another type`() throws {
        let job = TestJob(count: 5).job
        var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(60))
        var result = try solve.outcome(of: job, tenant: "t", isRevoked: { false }).result.get()
        let moments = try estimateMoments(of: job.snapshot.riskModel)
        let check = AllocationCheck(snapshot: job.snapshot, moments: moments, request: job.request)
        try #require(check.violations(in: result) == [])
        result.blackLitterman = BlackLittermanReport(
            prior: [:],
            posterior: [:],
            marketWeights: [:],
            tau: 0.05,
            riskAversion: 2.5,
            hasPosteriorCovariance: true,
            viewVariances: []
        )
        #expect(check.violations(in: result).map(\.claim) == ["black_litterman"])
    }
}
