// Times objectives made of terms, and non-dominated sets.
//
//     composed-objectives SIZE [SCENARIOS]     # one solve of each kind of objective, and sets of 20 points
import Matrices
import PortfolioModel
import PortfolioOptimization
import TestSupport

let size = CommandLine.arguments.count > 1 ? Int(CommandLine.arguments[1]) ?? 100 : 100
let scenarioCount = CommandLine.arguments.count > 2 ? Int(CommandLine.arguments[2]) ?? 500 : 500

/// A book of held instruments with lots, costs of every kind, a benchmark and a history.
struct ComposedBook {
    var snapshot: MandateSnapshot
    var moments: Moments

    init(size: Int, scenarios: Int, isFactorModel: Bool) {
        var random = SeededGenerator(seed: 7)
        let ids = (0..<size).map { "N\($0)" }
        let factorCount = 5
        var exposures = DenseMatrix(rows: factorCount, columns: size)
        for index in exposures.elements.indices { exposures.elements[index] = 0.1 * random.normal() }
        let model = FactorCovariance(
            exposuresTransposed: exposures,
            factorCovariance: DenseMatrix(
                rows: factorCount,
                columns: factorCount,
                columnMajor: (0..<25).map { $0 % 6 == 0 ? 1 : 0 }
            ),
            specificVariance: ids.map { _ in random.uniform(0.01...0.06) }
        )
        var dense = DenseMatrix(rows: size, columns: size)
        for j in 0..<size {
            for i in 0..<size {
                var sum = i == j ? model.specificVariance[i] : 0
                for f in 0..<factorCount { sum += exposures[f, i] * exposures[f, j] }
                dense[i, j] = sum
            }
        }
        var returns = DenseMatrix(rows: scenarios, columns: size)
        for t in 0..<scenarios {
            let market = 0.008 * random.normal()
            for i in 0..<size { returns[t, i] = 0.0003 + market + 0.01 * random.normal() }
        }
        moments = Moments(
            instruments: ids,
            expectedReturns: ids.map { _ in random.uniform(0.01...0.12) },
            covariance: isFactorModel ? .factors(model) : .dense(dense),
            returns: returns,
            periodsPerYear: 252
        )
        let instruments = ids.map { id in
            Instrument(
                id: id,
                price: random.uniform(10...200),
                cost: TransactionCost(
                    proportional: random.uniform(0.0002...0.002),
                    impact: random.uniform(0.05...0.3),
                    averageDailyValue: 1e8
                )
            )
        }
        let asOf = Timestamp(microseconds: 1_750_000_000_000_000)
        let positions = instruments.enumerated().filter { $0.offset % 2 == 0 }.map { _, instrument in
            let lots = (0..<3).compactMap { lot in
                CalendarDate(year: 2022 + lot, month: 3, day: 1).map {
                    TaxLot(quantity: 100, costBasis: instrument.price * random.uniform(0.5...0.98), acquiredAt: $0)
                }
            }
            return Position(instrumentID: instrument.id, quantity: 300, taxLots: lots)
        }
        var portfolio = Portfolio(baseCurrency: "USD", asOf: asOf, riskModelID: "m", cash: 10_000, positions: positions)
        portfolio.benchmark = Dictionary(uniqueKeysWithValues: ids.map { ($0, 1 / Double(size)) })
        portfolio.preferences.longTermTaxRate = 0.15
        portfolio.preferences.shortTermTaxRate = 0.35
        portfolio.constraints.maxPositionSize = max(0.05, 3 / Double(size))
        snapshot = MandateSnapshot(
            portfolio: portfolio,
            riskModel: RiskModel(asOf: asOf, instruments: ids, periodsPerYear: 252),
            instruments: instruments,
            versions: SnapshotVersions(portfolio: 1, riskModelID: "m", riskModel: 1, instruments: 1)
        )
    }

    func problem(_ terms: [ObjectiveTerm]) throws -> AllocationProblem {
        var parameters = MethodParameters()
        parameters.objectives = terms
        return try AllocationProblem(
            snapshot: snapshot,
            moments: moments,
            request: OptimizationRequest(
                portfolioID: "p",
                type: .meanVariance,
                objective: .multiObjective,
                parameters: parameters
            )
        )
    }
}

func milliseconds(_ work: () throws -> Void) rethrows -> Double {
    let clock = ContinuousClock()
    let start = clock.now
    try work()
    let spent = (clock.now - start).components
    return Double(spent.seconds) * 1e3 + Double(spent.attoseconds) * 1e-15
}

let earned = ObjectiveTerm(.expectedReturn, weight: 1)
let spread = ObjectiveTerm(.variance, weight: -2)
let tail = ObjectiveTerm(.risk, weight: -2, riskMeasure: .conditionalValueAtRisk)
let objectives: [(name: String, terms: [ObjectiveTerm])] = [
    ("return, variance", [earned, spread]),
    (
        "return, volatility, tracking error",
        [
            earned, ObjectiveTerm(.risk, weight: -0.5, riskMeasure: .volatility),
            ObjectiveTerm(.trackingError, weight: -0.3),
        ]
    ),
    ("return, variance, cost with impact", [earned, spread, ObjectiveTerm(.cost, weight: -1)]),
    ("return, variance, tax", [earned, spread, ObjectiveTerm(.tax, weight: -1)]),
    ("return, variance, entropy", [earned, spread, ObjectiveTerm(.entropy, weight: 0.005)]),
    ("return, cvar", [earned, tail]),
    (
        "return, cvar, concentration, cost",
        [earned, tail, ObjectiveTerm(.concentration, weight: -0.1), ObjectiveTerm(.cost, weight: -1)]
    ),
]
let sets: [(name: String, terms: [ObjectiveTerm])] = [
    ("return, variance", [earned, spread]),
    ("return, variance, tax", [earned, spread, ObjectiveTerm(.tax, weight: -1)]),
    ("return, cvar", [earned, tail]),
]

func report(_ name: String, _ spent: Double, _ outcome: String) {
    print("\(name): \((spent * 10).rounded() / 10) ms, \(outcome)")
}

for isFactorModel in [false, true] {
    let book = ComposedBook(size: size, scenarios: scenarioCount, isFactorModel: isFactorModel)
    let kind = "\(size) instruments, \(isFactorModel ? "factor model" : "dense")"
    for (name, terms) in objectives {
        let problem = try book.problem(terms)
        var outcome = ""
        let spent = milliseconds {
            do {
                let solution = try optimizeAllocation(problem) { false }
                outcome = "\(solution.report.status.rawValue), \(solution.report.iterations) iterations"
            } catch { outcome = "\(error)" }
        }
        report("\(kind): \(name)", spent, outcome)
    }
    for (name, terms) in sets {
        let problem = try book.problem(terms)
        var outcome = ""
        let spent = milliseconds {
            do {
                outcome = "\(try traceParetoSet(problem, pointCount: 20) { false }.points.count) points"
            } catch { outcome = "\(error)" }
        }
        report("\(kind): set of \(name)", spent, outcome)
    }
}
