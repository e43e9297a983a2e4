// Times paths over several periods of random mandates with a factor model, costs and a limit on turnover.
//
//     multi-period-paths 500 12 20 5        # 500 names, 12 periods, 20 factors, 5 mandates
//     multi-period-paths 500 12 20 5 maximize_sharpe
//     multi-period-paths 500 12 20 5 maximize_return volatility tracking target   # limits besides, in every period
//     multi-period-paths 100 12 20 5 maximize_utility dense                       # the covariance as a matrix
import Foundation
import JobExecution
import Matrices
import MomentEstimation
import PortfolioModel
import PortfolioOptimization
import Repository
import ResultChecker
import TestSupport

/// A mandate of names of which a third is held, with forecasts that fade from period to period.
func job(count: Int, periods: Int, factors: Int, objective: Objective, seed: UInt64) -> OptimizationJob {
    var random = SeededGenerator(seed: seed)
    let ids = (0..<count).map { "N\($0)" }
    let exposures = (0..<(factors * count)).map { $0 % factors == 0 ? 0.7 + 0.3 * random.normal() : random.normal() }
    var factorCovariance = DenseMatrix(rows: factors, columns: factors)
    for f in 0..<factors { factorCovariance[f, f] = f == 0 ? 0.03 : 0.001 + 0.002 * random.uniform(0...1) }
    let specificVariance = (0..<count).map { _ in random.uniform(0.01...0.09) }
    let means = (0..<count).map { 0.04 + 0.03 * exposures[$0 * factors] + 0.01 * random.normal() }
    let rows = (0..<periods).map { period in means.map { $0 + 0.02 * random.normal() / Double(period + 1) } }
    let instruments = ids.map { id in
        Instrument(
            id: id,
            sector: "S\(id.utf8.reduce(0) { $0 + Int($1) } % 10)",
            price: 100,
            lotSize: nil,
            cost: TransactionCost(proportional: random.uniform(0.0002...0.002))
        )
    }
    let positions = instruments.filter { _ in random.uniform(0...1) < 1 / 3.0 }
        .map { Position(instrumentID: $0.id, quantity: random.uniform(1...20)) }
    let asOf = Timestamp(microseconds: 0)
    let portfolio = Portfolio(
        baseCurrency: "USD",
        asOf: asOf,
        riskModelID: "m",
        positions: positions,
        benchmark: Dictionary(uniqueKeysWithValues: ids.map { ($0, 1 / Double(count)) })
    )
    var request = OptimizationRequest(portfolioID: "p", type: .multiPeriod, objective: objective)
    request.constraints.maxPositionSize = 0.05
    request.constraints.maxSectorExposure = 0.25
    request.constraints.maxTurnover = 0.15
    request.preferences.includeTransactionCosts = true
    request.preferences.riskAversion = 4
    if extras.contains("volatility") { request.constraints.targetVolatility = 0.125 }
    if extras.contains("tracking") { request.constraints.maxTrackingError = 0.08 }
    if extras.contains("impossible") { request.constraints.minReturn = 0.2 }
    let target = Dictionary(uniqueKeysWithValues: ids.map { ($0, 1 / Double(count)) })
    request.parameters.horizon = Horizon(
        periodCount: periods,
        expectedReturns: rows,
        terminalTarget: extras.contains("target") ? target : nil
    )
    var model = RiskModel(asOf: asOf, instruments: ids, periodsPerYear: 252)
    let transposed = DenseMatrix(rows: factors, columns: count, columnMajor: exposures)
    if extras.contains("dense") {
        let covariance = FactorCovariance(
            exposuresTransposed: transposed,
            factorCovariance: factorCovariance,
            specificVariance: specificVariance
        )
        model.covariance = CovarianceModel.factors(covariance).multipliedOut()
    } else {
        var loadings = DenseMatrix(rows: count, columns: factors)
        for i in 0..<count {
            for f in 0..<factors { loadings[i, f] = transposed[f, i] }
        }
        model.factorModel = FactorModel(
            factors: (0..<factors).map { "F\($0)" },
            loadings: loadings,
            factorCovariance: factorCovariance,
            specificVariance: specificVariance
        )
    }
    let snapshot = MandateSnapshot(
        portfolio: portfolio,
        riskModel: model,
        instruments: instruments,
        versions: SnapshotVersions(portfolio: 1, riskModelID: "m", riskModel: 1, instruments: 1)
    )
    return OptimizationJob(request: request, createdAt: asOf, snapshot: snapshot)
}

let extras = Set(CommandLine.arguments.dropFirst(6))
let arguments = CommandLine.arguments.dropFirst().map { $0 }
guard arguments.count >= 4, let count = Int(arguments[0]), let periods = Int(arguments[1]),
    let factors = Int(arguments[2]), let mandates = Int(arguments[3]), factors > 0,
    let objective = Objective(rawValue: arguments.count > 4 ? arguments[4] : "maximize_utility")
else {
    print(
        "multi-period-paths NAMES PERIODS FACTORS MANDATES [OBJECTIVE [volatility|tracking|target|dense|impossible…]]"
    )
    exit(2)
}
/// How long something took, in milliseconds.
func milliseconds(_ work: () throws -> Void) rethrows -> Double {
    let duration = try ContinuousClock().measure(work)
    return Double(duration.components.seconds) * 1e3 + Double(duration.components.attoseconds) * 1e-15
}

/// What the solve's figures, its certificate and the check of everything are, with the time that each took.
func described(_ job: OptimizationJob) -> String {
    var solve = SolveOptimization(clock: monotonicNow, defaultTimeLimit: .seconds(600))
    let outcome = solve.outcome(of: job, tenant: "t") { false }
    do {
        let result = try outcome.result.get()
        let moments = try estimateMoments(of: job.snapshot.riskModel).suited(to: job.request, job.snapshot)
            .ofFirstPeriod(job.request.parameters.horizon)
        let check = AllocationCheck(snapshot: job.snapshot, moments: moments, request: job.request)
        var certificate: OptimalityCertificate?
        let proving = milliseconds { certificate = check.certificate(of: result) }
        let checking = milliseconds { _ = check.violations(in: result) }
        let report = result.solution
        let turnover = result.path?.periods.map { String(format: "%.3f", $0.turnover) }.joined(separator: " ") ?? ""
        let held = result.path?.periods.map { "\($0.allocation.count)" }.joined(separator: " ") ?? ""
        var line = "solved in \(Int(report.solveMilliseconds)) ms, objective \(result.path?.objective ?? .nan),"
        line += " \(report.iterations) iterations, residuals \(report.primalResidual) \(report.dualResidual)"
        line += " gap \(report.relativeGap), turnover \(turnover), held \(held),"
        line += " proved to \(certificate.map { "\($0.gap)" } ?? "nothing") in \(proving) ms, checked in \(checking) ms"
        return line
    } catch { return "\(error) \(outcome.violations) after \(outcome.solveTime)" }
}

for seed in 1...UInt64(max(1, mandates)) {
    let job = job(count: count, periods: periods, factors: factors, objective: objective, seed: seed)
    print("seed \(seed): \(described(job))")
}
