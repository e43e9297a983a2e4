import JobExecution
import Matrices
import PortfolioModel
import Repository
import TestSupport
import Testing

/// A combination that is listed, with one of its measures of risk.
struct ListedCombination: Sendable, CustomTestStringConvertible {
    let type: OptimizationType
    let objective: Objective
    let riskMeasure: RiskMeasure

    var testDescription: String { "\(type.rawValue), \(objective.rawValue), \(riskMeasure.rawValue)" }

    static let all = Capabilities.combinations.flatMap { combination in
        combination.riskMeasures.map {
            ListedCombination(type: combination.type, objective: combination.objective, riskMeasure: $0)
        }
    }
}

@Suite("What capabilities list")
struct CapabilitiesTests {
    /// Twelve instruments with a history, sectors and a benchmark.
    private func job(_ combination: ListedCombination, seed: UInt64) -> OptimizationJob {
        var random = SeededGenerator(seed: seed)
        var job = TestJob(count: 12, seed: seed, objective: combination.objective).job
        job.request.type = combination.type
        job.request.riskMeasure = combination.riskMeasure
        var history = DenseMatrix(rows: 60, columns: 12)
        for row in 0..<60 {
            let market = 0.006 * random.normal()
            for column in 0..<12 { history[row, column] = 0.0004 + market + 0.008 * random.normal() }
        }
        if combination.type == .blackLitterman {
            // Without a view nothing is expected to earn more than the market.
            job.request.parameters.views = [
                ReturnView(instruments: ["N7": 1, "N2": -0.5], expectedReturn: 0.08, uncertainty: .confidence(0.7))
            ]
        }
        if combination.type == .robust {
            let kinds = Capabilities.uncertainties(of: combination.objective, combination.riskMeasure)
            let kind = kinds[Int(seed) % kinds.count]
            // Sixty days tell little of returns: hardly any active one would be left.
            let isActive = combination.objective == .maximizeInformationRatio
            let size = kind == .wasserstein ? 0.0005 : isActive ? 0.01 : 0.3
            job.request.parameters.uncertainty = Uncertainty(kind: kind, size: size)
        }
        if combination.type == .scenarioBased {
            job.request.parameters.scenarios = (0..<40).map { index in
                let common = 0.01 * random.normal()
                return ReturnScenario(
                    name: "S\(index)",
                    // Measures of the path need equal ones.
                    probability: combination.riskMeasure.isOfPath ? nil : (index < 20 ? 0.02 : 0.03),
                    returns: Dictionary(
                        uniqueKeysWithValues: (0..<12).map {
                            ("N\($0)", 0.0005 * Double($0) + common + 0.008 * random.normal())
                        }
                    )
                )
            }
        }
        if combination.type == .factorBased || job.request.parameters.uncertainty?.kind == .factorLoadings {
            job.snapshot.riskModel.factorModel = FactorModel(
                factors: ["MKT"],
                loadings: DenseMatrix(
                    rows: 12,
                    columns: 1,
                    columnMajor: (0..<12).map { _ in random.uniform(0.5...1.5) }
                ),
                factorCovariance: DenseMatrix(rows: 1, columns: 1, columnMajor: [0.02]),
                specificVariance: (0..<12).map { _ in random.uniform(0.005...0.03) }
            )
        }
        if combination.type == .multiPeriod { job.request.parameters.horizon = horizon(&random, job) }
        job.snapshot.riskModel.returns = history
        job.snapshot.riskModel.covariance = nil
        job.snapshot.portfolio.benchmark = ["N0": 0.3, "N1": 0.3, "N5": 0.4]
        for index in job.snapshot.instruments.indices {
            job.snapshot.instruments[index].sector = ["tech", "health", "energy"][index % 3]
        }
        return job
    }

    /// Three periods whose expected returns differ.
    private func horizon(_ random: inout SeededGenerator, _ job: OptimizationJob) -> Horizon {
        var rows: [[Double]] = []
        for _ in 0..<3 {
            rows.append((job.snapshot.riskModel.expectedReturns ?? []).map { $0 + random.uniform(-0.02...0.02) })
        }
        return Horizon(periodCount: 3, expectedReturns: rows)
    }

    @Test(arguments: ListedCombination.all, UInt64(1)...3)
    func `every combination completes on twelve instruments and passes the checker`(
        combination: ListedCombination,
        seed: UInt64
    ) throws {
        var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(60))
        var job = job(combination, seed: seed)
        let plain = solve.outcome(of: job, tenant: "t", isRevoked: { false })
        #expect(plain.violations == [])
        _ = try plain.result.get()
        job.request.constraints.maxPositionSize = 0.2
        job.request.constraints.maxSectorExposure = 0.5
        job.request.constraints.maxTurnover = 0.4
        job.request.constraints.minCash = 0.02
        job.request.constraints.maxCash = 0.1
        let limited = solve.outcome(of: job, tenant: "t", isRevoked: { false })
        #expect(limited.violations == [])
        #expect(try limited.result.get().metrics.turnover <= 0.4 + 1e-9)
    }

    /// Those that soft limits go with.
    static let softened = ListedCombination.all.filter {
        !Capabilities.refusedConstraints(of: $0.type, $0.objective, $0.riskMeasure).contains("soft_limits")
    }

    @Test(arguments: softened)
    func `every combination that takes soft limits tells what it exceeds, and passes the checker`(
        combination: ListedCombination
    ) throws {
        var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(60))
        var job = job(combination, seed: 1)
        job.request.constraints.maxCash = 0.3
        let plain = try solve.outcome(of: job, tenant: "t", isRevoked: { false }).result.get()
        job.request.constraints.maxRisk = 0.8 * plain.metrics.risk
        job.request.constraints.maxPositionSize = 0.12
        job.request.constraints.maxSectorExposure = 0.3
        job.request.constraints.maxTurnover = 0.05
        job.request.constraints.maxWeightChange = 0.02
        job.request.constraints.minReturn = 0.1
        let named = [
            "/max_risk", "/max_position_size", "/max_sector_exposure", "/max_turnover", "/max_weight_change",
            "/min_return",
        ]
        job.request.constraints.softLimits = named.map { SoftLimit(limit: $0, penalty: 0.003) }
        let outcome = solve.outcome(of: job, tenant: "t", isRevoked: { false })
        #expect(outcome.violations == [])
        let result = try outcome.result.get()
        #expect(result.softLimits.contains { $0.excess > 0 })
        #expect(
            result.softLimits.filter { $0.subject == nil }.map(\.constraint) == [
                "/max_risk", "/max_turnover", "/min_return",
            ]
        )
    }
}
