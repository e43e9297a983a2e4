import JobExecution
import Matrices
import PortfolioModel
import Repository
import ResultChecker
import TestSupport
import Testing

@Suite("Jobs whose objective is made of terms")
struct CustomObjectiveJobTests {
    private func outcome(_ job: OptimizationJob) -> ComputedOutcome {
        var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(60))
        return solve.outcome(of: job, tenant: "t", isRevoked: { false })
    }

    /// Twelve instruments with lots at gains and losses, costs of every kind, a benchmark, a history and a factor.
    private func job(seed: UInt64 = 1) -> OptimizationJob {
        var random = SeededGenerator(seed: seed)
        var job = TestJob(count: 12, seed: seed, objective: .custom).job
        job.request.type = .custom
        var history = DenseMatrix(rows: 40, columns: 12)
        for index in history.elements.indices { history.elements[index] = 0.0004 + 0.01 * random.normal() }
        job.snapshot.riskModel.returns = history
        job.snapshot.riskModel.factorModel = FactorModel(
            factors: ["MKT"],
            loadings: DenseMatrix(rows: 12, columns: 1, columnMajor: (0..<12).map { _ in random.uniform(0.5...1.5) }),
            factorCovariance: DenseMatrix(rows: 1, columns: 1, columnMajor: [0.02]),
            specificVariance: (0..<12).map { _ in random.uniform(0.005...0.03) }
        )
        job.snapshot.portfolio.benchmark = ["N0": 0.3, "N1": 0.3, "N5": 0.4]
        for index in job.snapshot.instruments.indices {
            job.snapshot.instruments[index].cost = TransactionCost(
                proportional: random.uniform(0.0005...0.003),
                fixed: index == 3 ? 5 : 0,
                impact: random.uniform(0...0.3),
                averageDailyValue: 1e6
            )
            let price = job.snapshot.instruments[index].price
            let basis = price * random.uniform(0.6...(index % 3 == 0 ? 1.2 : 0.95))
            let day =
                index % 2 == 0 ? CalendarDate(year: 2023, month: 1, day: 5) : CalendarDate(year: 2025, month: 3, day: 1)
            guard let day else { continue }
            job.snapshot.portfolio.positions[index].taxLots = [
                TaxLot(quantity: 20, costBasis: basis, acquiredAt: day),
                TaxLot(quantity: 30, costBasis: 0.8 * price, acquiredAt: day),
            ]
        }
        job.request.preferences.shortTermTaxRate = 0.35
        job.request.preferences.longTermTaxRate = 0.15
        job.request.parameters.customObjective = Self.everyTerm
        return job
    }

    private static let everyTerm = [
        ObjectiveTerm(.expectedReturn, weight: 1), ObjectiveTerm(.variance, weight: -1),
        ObjectiveTerm(.risk, weight: -0.2),
        ObjectiveTerm(.risk, weight: -2, name: "tail", riskMeasure: .conditionalValueAtRisk),
        ObjectiveTerm(.turnover, weight: -0.01), ObjectiveTerm(.cost, weight: -1), ObjectiveTerm(.tax, weight: -0.5),
        ObjectiveTerm(.trackingError, weight: -0.1), ObjectiveTerm(.concentration, weight: -0.02),
        ObjectiveTerm(.entropy, weight: 0.004), ObjectiveTerm(.factorExposure, weight: -0.01, factor: "MKT"),
        ObjectiveTerm(.score, weight: 0.02, scores: ["N2": 1, "N7": -0.5]),
    ]

    @Test(arguments: UInt64(1)...4)
    func `all terms together pass the checker`(seed: UInt64) throws {
        let outcome = outcome(job(seed: seed))
        #expect(outcome.violations == [])
        let result = try outcome.result.get()
        let values = try #require(result.objectiveTerms)
        #expect(values.map(\.term.kind) == Self.everyTerm.map(\.kind))
        #expect(values.map(\.term.riskMeasure).compactMap { $0 } == [.volatility, .conditionalValueAtRisk])
        #expect(result.warnings.contains { $0.code == "cost_terms_not_in_objective" }, "a fixed cost")
    }

    @Test func `what a result claims of its terms is recomputed`() throws {
        let job = job()
        let exact = try outcome(job).result.get()
        let matrix = try #require(job.snapshot.riskModel.covariance)
        let moments = Moments(
            instruments: job.snapshot.riskModel.instruments,
            expectedReturns: try #require(job.snapshot.riskModel.expectedReturns),
            covariance: .dense(matrix),
            returns: job.snapshot.riskModel.returns,
            periodsPerYear: 252,
            factors: try factors(of: job)
        )
        func claims(_ result: OptimizationResult, _ job: OptimizationJob) -> [String] {
            AllocationCheck(snapshot: job.snapshot, moments: moments, request: job.request)
                .violations(in: result).map(\.claim).filter { $0.hasPrefix("objective_terms") }
        }
        try #require(claims(exact, job) == [])
        for index in Self.everyTerm.indices {
            var wrong = exact
            wrong.objectiveTerms?[index].value += 1e-6
            #expect(claims(wrong, job) == ["objective_terms/\(index)/value"])
            wrong = exact
            wrong.objectiveTerms?[index].term.weight *= 1.001
            #expect(claims(wrong, job) == ["objective_terms"])
        }
        var wrong = exact
        wrong.objectiveTerms = nil
        #expect(claims(wrong, job) == ["objective_terms"])
        wrong = exact
        wrong.objectiveTerms?.removeLast()
        #expect(claims(wrong, job) == ["objective_terms"])
        var bent = job
        bent.request.parameters.customObjective?[1].weight = 1
        #expect(claims(exact, bent).contains("objective_terms/1"), "a convex term that is rewarded")
        var other = job
        other.request.type = .meanVariance
        other.request.objective = .minimizeRisk
        #expect(claims(exact, other) == ["objective_terms"], "another objective has no terms")
    }

    @Test func `what a result claims of its non-dominated set is recomputed`() throws {
        var job = TestJob(count: 8, seed: 3, objective: .multiObjective).job
        job.request.parameters.objectives = [
            ObjectiveTerm(.expectedReturn, weight: 1), ObjectiveTerm(.variance, weight: -3),
            ObjectiveTerm(.turnover, weight: -0.01),
        ]
        job.request.parameters.paretoPoints = 7
        let computed = outcome(job)
        #expect(computed.violations == [])
        let exact = try computed.result.get()
        let points = try #require(exact.paretoSet)
        #expect(points.count == 7)
        let moments = Moments(
            instruments: job.snapshot.riskModel.instruments,
            expectedReturns: try #require(job.snapshot.riskModel.expectedReturns),
            covariance: .dense(try #require(job.snapshot.riskModel.covariance)),
            periodsPerYear: 252
        )
        func claims(_ change: (inout [ParetoPoint]) -> Void) -> [String] {
            var wrong = exact
            var points = points
            change(&points)
            wrong.paretoSet = points
            return AllocationCheck(snapshot: job.snapshot, moments: moments, request: job.request)
                .violations(in: wrong).map(\.claim).filter { $0.hasPrefix("pareto_set") }
        }
        try #require(claims { _ in } == [])
        #expect(claims { $0[2].values[1] += 1e-6 }.contains("pareto_set/2/objectives/variance"))
        #expect(claims { $0[2].objectiveWeights[0] *= -1 }.contains("pareto_set/2/objective_weights"))
        #expect(claims { $0[2].objectiveWeights[0] *= 50 }.contains("pareto_set/2/objective_weights"))
        #expect(claims { $0[2].allocation["cash", default: 0] += 0.001 }.contains("pareto_set/2/weights"))
        #expect(claims { $0[2].values.removeLast() } == ["pareto_set/2"])
        #expect(claims { $0.append($0[0]) }.contains("pareto_set"), "more than asked for")
        #expect(claims { $0 = [] } == ["pareto_set"])
        let inside = claims { points in
            let other = points[0]
            points[3].values = other.values
            points[3].allocation = other.allocation
        }
        #expect(
            inside.contains("pareto_set/3/objective_weights"),
            "another point's allocation is not best for its weights"
        )
        #expect(claims { $0[1].allocation = ["N0": 1] }.contains { $0.contains("max_position_size") })
    }

    private func factors(of job: OptimizationJob) throws -> FactorStructure {
        let model = try #require(job.snapshot.riskModel.factorModel)
        let loadings = try #require(model.loadings)
        return FactorStructure(
            factors: model.factors,
            covariance: FactorCovariance(
                exposuresTransposed: DenseMatrix(rows: 1, columns: 12, columnMajor: loadings.elements),
                factorCovariance: try #require(model.factorCovariance),
                specificVariance: try #require(model.specificVariance)
            )
        )
    }

    @Test func `a return that no estimate knows ends as missing`() throws {
        var job = job()
        job.snapshot.riskModel.expectedReturns = nil
        job.snapshot.riskModel.returns = nil
        job.request.parameters.customObjective = [ObjectiveTerm(.expectedReturn, weight: 1)]
        guard case .failure(let failure) = outcome(job).result else {
            Issue.record("it was answered")
            return
        }
        #expect(failure.code == "missing_expected_returns")
        job.request.parameters.customObjective = [ObjectiveTerm(.variance, weight: -1)]
        #expect(outcome(job).violations == [])
        _ = try outcome(job).result.get()
    }
}
