import JobExecution
import Matrices
import MomentEstimation
import PortfolioModel
import Repository
import ResultChecker
import TestSupport
import Testing

/// A change that makes a right path, or the moments it was planned on, wrong.
struct PathMutation: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var apply: @Sendable (inout OptimizationResult, inout Moments) -> Void

    init(_ name: String, _ apply: @escaping @Sendable (inout OptimizationResult, inout Moments) -> Void) {
        testDescription = name
        self.apply = apply
    }

    /// Moves weight between the two largest positions of a period.
    private static func shift(_ result: inout OptimizationResult, period: Int, by amount: Double) {
        guard var allocation = result.path?.periods[period].allocation else { return }
        let ids = allocation.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.map(\.key)
        allocation[ids[0]]? += amount
        allocation[ids[1]]? -= amount
        result.path?.periods[period].allocation = allocation
    }

    static let all: [PathMutation] = [
        PathMutation("no path") { result, _ in result.path = nil },
        PathMutation("a period left out") { result, _ in result.path?.periods.removeLast() },
        PathMutation("a first period that is not the target") { result, _ in
            let second = result.path?.periods[1].allocation ?? [:]
            result.path?.periods[0].allocation = second
        },
        PathMutation("weights of a later period") { result, _ in shift(&result, period: 1, by: 1e-6) },
        PathMutation("a cap broken in a later period") { result, _ in shift(&result, period: 2, by: 0.05) },
        PathMutation("a weight more") { result, _ in result.path?.periods[2].allocation["N5", default: 0] += 1e-6 },
        PathMutation("an unknown instrument") { result, _ in result.path?.periods[1].allocation["Z"] = 1e-13 },
        PathMutation("turnover") { result, _ in result.path?.periods[1].turnover += 1e-8 },
        PathMutation("cost") { result, _ in result.path?.periods[0].cost += 1e-9 },
        PathMutation("expected return") { result, _ in result.path?.periods[2].expectedReturn += 1e-8 },
        PathMutation("risk") { result, _ in result.path?.periods[1].risk *= 1 + 1e-7 },
        PathMutation("objective") { result, _ in result.path?.objective += 1e-7 },
        PathMutation("a limit said to bind that does not") { result, _ in
            result.path?.periods[1].bindingConstraints.append(
                BindingConstraint(constraint: "/min_return", subject: nil, bound: 0.01, value: 0.01, shadowPrice: -1)
            )
        },
        PathMutation("a price of the wrong sign") { result, _ in
            let index = result.path?.periods[0].bindingConstraints.firstIndex { $0.constraint.hasPrefix("/max_") }
            if let index { result.path?.periods[0].bindingConstraints[index].shadowPrice = -1 }
        },
        PathMutation("moments of another period") { _, moments in moments.expectedReturns[0] += 1e-8 },
    ]
}

@Suite("The checker and wrong paths")
struct HorizonMutationTests {
    /// Six instruments over three periods, with a cap, a limit on turnover, costs and a target.
    private func job(target: [String: Double]? = nil) -> OptimizationJob {
        var job = TestJob(count: 6, objective: .maximizeUtility).job
        job.request.type = .multiPeriod
        job.request.constraints.maxPositionSize = 0.3
        job.request.constraints.maxTurnover = 0.25
        job.request.constraints.minReturn = 0.01
        job.request.preferences.includeTransactionCosts = true
        let rows = (0..<3).map { period in (0..<6).map { 0.05 + 0.02 * Double(($0 * (period + 2)) % 5) } }
        job.request.parameters.horizon = Horizon(periodCount: 3, expectedReturns: rows, terminalTarget: target)
        return job
    }

    private func moments(_ job: OptimizationJob) throws -> Moments {
        var moments = try estimateMoments(of: job.snapshot.riskModel)
        moments.expectedReturns = job.request.parameters.horizon?.expectedReturns?[0] ?? []
        moments.expectedReturnsEstimator = "horizon"
        return moments
    }

    private func result(_ job: OptimizationJob) throws -> OptimizationResult {
        var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(60))
        return try solve.outcome(of: job, tenant: "t", isRevoked: { false }).result.get()
    }

    @Test(arguments: PathMutation.all)
    func `a path that is wrong is caught`(mutation: PathMutation) throws {
        let job = job()
        var result = try result(job)
        var moments = try moments(job)
        func violations() -> [Violation] {
            AllocationCheck(snapshot: job.snapshot, moments: moments, request: job.request).violations(in: result)
        }
        try #require(violations() == [])
        mutation.apply(&result, &moments)
        #expect(!violations().isEmpty)
    }

    @Test func `a path that ends elsewhere than at its target is caught`() throws {
        var job = job(target: ["N0": 0.2, "N1": 0.2, "N2": 0.2, "N3": 0.2, "N4": 0.1, "N5": 0.09, "cash": 0.01])
        let result = try result(job)
        let moments = try moments(job)
        func claims() -> [String] {
            AllocationCheck(snapshot: job.snapshot, moments: moments, request: job.request)
                .violations(in: result).map(\.claim)
        }
        try #require(claims() == [])
        job.request.parameters.horizon?.terminalTarget?["N4"] = 0.1001
        #expect(claims().contains("horizon/terminal_target/N4"))
    }

    @Test func `a path has no place in a result of another type`() throws {
        let job = TestJob(count: 5).job
        var result = try result(job)
        let moments = try estimateMoments(of: job.snapshot.riskModel)
        let check = AllocationCheck(snapshot: job.snapshot, moments: moments, request: job.request)
        try #require(check.violations(in: result) == [])
        result.path = PlannedPath(objective: 0, periods: [])
        #expect(check.violations(in: result).map(\.claim) == ["path"])
    }
}

@Suite("The checker and paths of terms")
struct HorizonTermsMutationTests {
    private func job() -> OptimizationJob {
        var job = TestJob(count: 6, objective: .multiObjective).job
        job.request.type = .multiPeriod
        job.request.constraints.maxTurnover = 0.25
        job.snapshot.portfolio.benchmark = ["N0": 0.5, "N3": 0.5]
        job.request.parameters.objectives =
            TestJob.terms + [
                ObjectiveTerm(.variance, weight: -1), ObjectiveTerm(.turnover, weight: -0.001),
                ObjectiveTerm(.trackingError, weight: -0.1),
                ObjectiveTerm(.score, weight: 0.01, scores: ["N1": 1, "N2": -1]),
            ]
        for index in job.snapshot.instruments.indices {
            job.snapshot.instruments[index].cost = TransactionCost(
                proportional: 0.001,
                impact: 0.02,
                averageDailyValue: 1e6
            )
        }
        let rows = (0..<3).map { period in (0..<6).map { 0.05 + 0.02 * Double(($0 * (period + 2)) % 5) } }
        job.request.parameters.horizon = Horizon(periodCount: 3, expectedReturns: rows)
        return job
    }

    @Test func `the sum of the terms of all periods is recomputed, and the terms are the first period's`() throws {
        let job = job()
        var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(60))
        let computed = solve.outcome(of: job, tenant: "t", isRevoked: { false })
        #expect(computed.violations == [])
        let exact = try computed.result.get()
        let path = try #require(exact.path)
        let terms = try #require(exact.objectiveTerms)
        #expect(terms.map(\.term) == job.request.terms)
        #expect(abs(terms[0].value - path.periods[0].expectedReturn) < 1e-12)
        var moments = try estimateMoments(of: job.snapshot.riskModel)
        moments.expectedReturns = job.request.parameters.horizon?.expectedReturns?[0] ?? []
        moments.expectedReturnsEstimator = "horizon"
        func claims(_ wrong: OptimizationResult, _ job: OptimizationJob) -> [String] {
            AllocationCheck(snapshot: job.snapshot, moments: moments, request: job.request).violations(in: wrong)
                .map(\.claim)
        }
        try #require(claims(exact, job) == [])
        var wrong = exact
        wrong.path?.objective += 1e-7
        #expect(claims(wrong, job) == ["path_objective"])
        wrong = exact
        wrong.objectiveTerms?[2].value += 1e-7
        #expect(claims(wrong, job) == ["objective_terms/2/value"])
        var other = job
        other.request.preferences.considerTaxImplications = true
        #expect(claims(exact, other).contains("objective_terms/0"), "a term that a path does not have")
    }
}
