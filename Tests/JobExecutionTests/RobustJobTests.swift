import JobExecution
import Matrices
import MomentEstimation
import PortfolioModel
import Repository
import ResultChecker
import TestSupport
import Testing

/// A job of seven instruments with a history, solved in the worst case.
private func robustJob(
    _ uncertainty: Uncertainty,
    _ objective: Objective = .maximizeSharpe,
    seed: UInt64 = 1
) -> OptimizationJob {
    var random = SeededGenerator(seed: seed)
    var job = TestJob(count: 7, seed: seed, objective: objective).job
    job.request.type = .robust
    job.request.parameters.uncertainty = uncertainty
    var history = DenseMatrix(rows: 504, columns: 7)
    for row in 0..<504 {
        let market = 0.006 * random.normal()
        for column in 0..<7 {
            history[row, column] = 0.0004 + market + 0.001 * Double(column + 4) * random.normal()
        }
    }
    job.snapshot.riskModel.returns = history
    job.snapshot.riskModel.covariance = nil
    return job
}

private func outcome(_ job: OptimizationJob) -> ComputedOutcome {
    var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(60))
    return solve.outcome(of: job, tenant: "t", isRevoked: { false })
}

@Suite("Robust jobs")
struct RobustJobTests {
    private func failureCode(_ job: OptimizationJob) -> String? {
        guard case .failure(let failure) = outcome(job).result else { return nil }
        return failure.code
    }

    @Test(arguments: [Uncertainty.Kind.ellipsoidal, .box], UInt64(1)...5)
    func `the worst expected returns give the worst return`(kind: Uncertainty.Kind, seed: UInt64) throws {
        var job = robustJob(Uncertainty(kind: kind, size: 0.6), seed: seed)
        job.request.constraints.minCash = 0.1
        job.request.preferences.riskFreeRate = 0.01
        let solved = outcome(job)
        #expect(solved.violations == [])
        let result = try solved.result.get()
        let report = try #require(result.robust)
        let returns = try #require(report.worstCaseExpectedReturns)
        let worst = result.targetAllocation.reduce(0) { $0 + (returns[$1.key] ?? 0.01) * $1.value }
        #expect(abs(worst - report.worstCaseReturn) < 1e-12)
        #expect(report.worstCaseReturn < result.metrics.expectedReturn)
        #expect(report.worstCaseVolatility == result.metrics.expectedVolatility)
    }

    @Test(arguments: UInt64(1)...5)
    func `no other allocation tried has a better worst ratio`(seed: UInt64) throws {
        let job = robustJob(Uncertainty(kind: .ellipsoidal, size: 0.5), seed: seed)
        let robust = try outcome(job).result.get()
        let report = try #require(robust.robust)
        var plain = job
        plain.request.parameters.uncertainty?.size = 0
        let nominal = try outcome(plain).result.get()
        let moments = try estimateMoments(of: job.snapshot.riskModel)
        // The plain optimum's worst case, by the definition.
        var variance = 0.0
        for (i, first) in moments.instruments.enumerated() {
            for (j, second) in moments.instruments.enumerated() {
                let product = (nominal.targetAllocation[first] ?? 0) * (nominal.targetAllocation[second] ?? 0)
                variance += product * moments.covariance[i, j] * 252 / 504
            }
        }
        let worst = nominal.metrics.expectedReturn - 0.5 * variance.squareRoot()
        let ratio = report.worstCaseReturn / report.worstCaseVolatility
        #expect(ratio >= worst / nominal.metrics.expectedVolatility - 1e-9)
    }

    @Test(arguments: Capabilities.objectives(of: .robust), UInt64(1)...3)
    func `a size of 0 gives what mean-variance gives`(objective: Objective, seed: UInt64) throws {
        for kind in Capabilities.uncertainties(of: objective, .volatility) {
            var job = robustJob(Uncertainty(kind: kind, size: 0), objective, seed: seed)
            job.snapshot.portfolio.benchmark = ["N0": 0.5, "N4": 0.5]
            job.request.constraints.minReturn = 0.01
            let solved = outcome(job).result
            job.request.type = .meanVariance
            job.request.parameters.uncertainty = nil
            guard case .success(let plain) = outcome(job).result else {
                #expect(throws: OptimizationFailure.self) { try solved.get() }
                continue
            }
            let robust = try solved.get()
            #expect(robust.targetAllocation == plain.targetAllocation && robust.metrics == plain.metrics)
            #expect(robust.robust?.worstCaseReturn == plain.metrics.expectedReturn)
            #expect(robust.robust?.worstCaseRisk == plain.metrics.risk)
        }
    }

    @Test(arguments: UInt64(1)...3)
    func `terms and their non-dominated set are those of the worst case, which the checker recomputes`(
        seed: UInt64
    ) throws {
        for kind in [Uncertainty.Kind.ellipsoidal, .box, .covarianceBox] {
            var job = robustJob(Uncertainty(kind: kind, size: 0.4), .multiObjective, seed: seed)
            job.request.parameters.objectives = [
                ObjectiveTerm(.expectedReturn, weight: 1), ObjectiveTerm(.variance, weight: -2),
            ]
            job.request.parameters.paretoPoints = 4
            let solved = outcome(job)
            #expect(solved.violations == [])
            let result = try solved.result.get()
            let report = try #require(result.robust)
            let values = try #require(result.objectiveTerms).map(\.value)
            #expect(abs(values[0] - report.worstCaseReturn) < 1e-12)
            #expect(abs(values[1] - report.worstCaseVolatility * report.worstCaseVolatility) < 1e-12)
            #expect(result.paretoSet?.isEmpty == false)
            // The estimates' own figures are not what the worst case is.
            var claimed = result
            let nominal = [
                result.metrics.expectedReturn,
                result.metrics.expectedVolatility * result.metrics.expectedVolatility,
            ]
            let axis = kind == .covarianceBox ? 1 : 0
            claimed.objectiveTerms?[axis].value = nominal[axis]
            let moments = try estimateMoments(of: job.snapshot.riskModel)
            let check = AllocationCheck(snapshot: job.snapshot, moments: moments, request: job.request)
            let claims = check.violations(in: claimed).map(\.claim)
            #expect(claims.contains("objective_terms/\(axis)/value"))
            // Points of the set are held against the values that the answer claims.
            #expect(claims.allSatisfy { $0.hasPrefix("objective_terms/\(axis)") || $0.hasPrefix("pareto_set/") })
        }
    }

    @Test func `a ball around scenarios is guarded against in a sum of terms`() throws {
        var job = robustJob(Uncertainty(kind: .wasserstein, size: 0.002), .multiObjective)
        job.request.riskMeasure = .conditionalValueAtRisk
        job.request.parameters.objectives = [
            ObjectiveTerm(.expectedReturn, weight: 1), ObjectiveTerm(.risk, weight: -3),
        ]
        let solved = outcome(job)
        #expect(solved.violations == [])
        let result = try solved.result.get()
        let value = try #require(result.objectiveTerms)[1].value
        #expect(abs(value - (result.robust?.worstCaseRisk ?? 0)) < 1e-12 && value > result.metrics.risk)
    }

    @Test func `an uncertainty that nothing tells is named, and so is one of other instruments`() throws {
        var job = robustJob(Uncertainty(kind: .ellipsoidal, size: 1))
        job.snapshot.riskModel.covariance = .identity(7)
        job.snapshot.riskModel.returns = nil
        #expect(failureCode(job) == "missing_history")
        job.request.parameters.uncertainty?.covariance = .identity(3)
        #expect(failureCode(job) == "invalid_inputs")
        job.request.parameters.uncertainty = Uncertainty(kind: .covarianceBox, size: 1)
        #expect(failureCode(job) == "missing_history")
        var indefinite = DenseMatrix.identity(7)
        indefinite[0, 1] = 3
        indefinite[1, 0] = 3
        job.request.parameters.uncertainty = Uncertainty(kind: .covarianceBox, size: 1, upper: indefinite)
        #expect(failureCode(job) == "indefinite_covariance")
        job.request.parameters.uncertainty = Uncertainty(kind: .ellipsoidal, size: 1, covariance: indefinite)
        #expect(failureCode(job) == "indefinite_covariance")
    }

    @Test func `a limit whose worst case is not known is refused`() throws {
        var job = robustJob(Uncertainty(kind: .covarianceBox, size: 1), .minimizeRisk)
        job.snapshot.portfolio.benchmark = ["N0": 1]
        job.request.constraints.maxTrackingError = 0.1
        #expect(failureCode(job) == "unsupported_constraint")
    }

    @Test func `a limit on volatility holds for the worst covariance`() throws {
        var job = robustJob(Uncertainty(kind: .covarianceBox, size: 2), .maximizeReturn)
        let free = try outcome(job).result.get()
        let limit = 0.97 * (free.robust?.worstCaseVolatility ?? 0)
        job.request.constraints.targetVolatility = limit
        let solved = outcome(job)
        #expect(solved.violations == [])
        let result = try solved.result.get()
        #expect(abs((result.robust?.worstCaseVolatility ?? 0) - limit) < 1e-8)
        #expect(result.metrics.expectedVolatility < limit)
        #expect(result.bindingConstraints.contains { $0.constraint == "/target_volatility" })
    }

    @Test func `a distribution within a ball is guarded against, and never less than its centre`() throws {
        var job = robustJob(Uncertainty(kind: .wasserstein, size: 0.002), .minimizeRisk)
        job.request.riskMeasure = .conditionalValueAtRisk
        let solved = outcome(job)
        #expect(solved.violations == [])
        let result = try solved.result.get()
        let report = try #require(result.robust)
        let squares = result.targetAllocation.reduce(0) { $0 + ($1.key == "cash" ? 0 : $1.value * $1.value) }
        #expect(abs(report.worstCaseRisk - result.metrics.risk - 0.002 / 0.05 * squares.squareRoot()) < 1e-12)
        job.request.constraints.maxRisk = report.worstCaseRisk * 0.9
        #expect(failureCode(job) == "infeasible")
    }

    @Test(arguments: UInt64(1)...6)
    func `short holdings have a worst case of their own`(seed: UInt64) throws {
        for kind in [Uncertainty.Kind.ellipsoidal, .box] {
            var job = robustJob(Uncertainty(kind: kind, size: 0.15), .maximizeUtility, seed: seed)
            job.request.constraints.allowShort = true
            job.request.constraints.maxGrossExposure = 1.8
            job.request.constraints.maxTurnover = 0.8
            job.request.preferences.riskAversion = 1
            let solved = outcome(job)
            #expect(solved.violations == [])
            let result = try solved.result.get()
            let returns = try #require(result.robust?.worstCaseExpectedReturns)
            let worst = result.targetAllocation.reduce(0) { $0 + (returns[$1.key] ?? 0) * $1.value }
            #expect(abs(worst - (result.robust?.worstCaseReturn ?? 0)) < 1e-12)
            #expect(result.targetAllocation.contains { $0.value < 0 })
        }
        var job = robustJob(Uncertainty(kind: .covarianceBox, size: 1), .minimizeRisk, seed: seed)
        job.request.constraints.allowShort = true
        job.request.constraints.maxGrossExposure = 1.5
        #expect(failureCode(job) == "unsupported_constraint")
    }

    @Test(arguments: [Uncertainty.Kind.ellipsoidal, .box, .covarianceBox])
    func `what an optimum's trades gain is told in the worst case`(kind: Uncertainty.Kind) throws {
        var job = robustJob(Uncertainty(kind: kind, size: 0.5), .maximizeUtility)
        job.request.constraints = Constraints()
        job.request.constraints.maxCash = 1
        let result = try outcome(job).result.get()
        // Free of limits nothing but the whole lots of its trades keeps an optimum from gaining by each.
        for trade in result.trades where trade.action == .buy {
            let reasons = try #require(trade.reasons)
            #expect(reasons.total >= -1e-12 && reasons.constraints <= 1e-3, "\(trade.instrumentID): \(reasons)")
        }
    }

    @Test func `an uncertainty that does not matter is warned of`() throws {
        let result = try outcome(robustJob(Uncertainty(kind: .box, size: 1), .minimizeRisk)).result.get()
        #expect(result.warnings.contains { $0.code == "uncertainty_without_effect" })
    }

    @Test func `the frontier beside a robust allocation is the one without uncertainty`() throws {
        var job = robustJob(Uncertainty(kind: .ellipsoidal, size: 0.5))
        job.request.frontierPointCount = 5
        let solved = outcome(job)
        #expect(solved.violations == [])
        #expect(try solved.result.get().efficientFrontier?.count == 5)
    }
}

/// A change that makes a right robust result wrong.
struct RobustMutation: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var apply: @Sendable (inout OptimizationResult) -> Void

    init(_ name: String, _ apply: @escaping @Sendable (inout OptimizationResult) -> Void) {
        testDescription = name
        self.apply = apply
    }

    static let all: [RobustMutation] = [
        RobustMutation("no worst case") { $0.robust = nil },
        RobustMutation("another kind") { $0.robust?.kind = .box },
        RobustMutation("another size") { $0.robust?.size *= 1.01 },
        RobustMutation("worst return") { $0.robust?.worstCaseReturn += 1e-8 },
        RobustMutation("worst volatility") { $0.robust?.worstCaseVolatility *= 1 + 1e-6 },
        RobustMutation("worst risk") { $0.robust?.worstCaseRisk *= 1 + 1e-6 },
        RobustMutation("a worst expected return") { $0.robust?.worstCaseExpectedReturns?["N1"]? += 1e-8 },
        RobustMutation("one left out") { $0.robust?.worstCaseExpectedReturns?["N2"] = nil },
        RobustMutation("one too many") { $0.robust?.worstCaseExpectedReturns?["X"] = 0 },
    ]
}

@Suite("The checker and wrong worst cases")
struct RobustMutationTests {
    private func check(_ job: OptimizationJob, _ result: OptimizationResult) throws -> [Violation] {
        let moments = try estimateMoments(of: job.snapshot.riskModel)
        return AllocationCheck(snapshot: job.snapshot, moments: moments, request: job.request).violations(in: result)
    }

    @Test(arguments: RobustMutation.all)
    func `a worst case that is wrong is caught`(mutation: RobustMutation) throws {
        let job = robustJob(Uncertainty(kind: .ellipsoidal, size: 0.5), .maximizeUtility)
        var result = try outcome(job).result.get()
        try #require(check(job, result) == [])
        mutation.apply(&result)
        #expect(try !check(job, result).isEmpty)
    }

    @Test func `a limit that holds only for the expected returns is broken`() throws {
        var job = robustJob(Uncertainty(kind: .ellipsoidal, size: 0.5), .maximizeUtility)
        var result = try outcome(job).result.get()
        let between = try 0.5 * (#require(result.robust).worstCaseReturn + result.metrics.expectedReturn)
        job.request.constraints.minReturn = between
        result.constraints.minReturn = between
        #expect(try check(job, result).map(\.claim).contains("constraints/min_return"))
    }

    @Test func `a worst case has no place in a result of another type`() throws {
        let job = TestJob(count: 5).job
        var result = try outcome(job).result.get()
        try #require(check(job, result) == [])
        result.robust = RobustReport(
            kind: .box,
            size: 1,
            worstCaseReturn: 0,
            worstCaseVolatility: 0,
            worstCaseRisk: 0
        )
        #expect(try check(job, result).map(\.claim) == ["robust"])
    }
}
