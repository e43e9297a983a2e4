import Matrices
import PortfolioModel
import PortfolioOptimization
import TestSupport

/// A random portfolio, a random target that its limits allow, and the result that planner and metrics make of them.
struct RandomBook {
    var snapshot: MandateSnapshot
    var moments: Moments
    var request: OptimizationRequest
    var result: OptimizationResult

    /// Makes the book of a seed.
    ///
    /// - Parameters:
    ///   - seed: the same seed makes the same book.
    ///   - isRich: everything is there that a book may have: lots, history, benchmark, costs, limits.
    /// - Throws: what planning the trades throws.
    init(seed: UInt64, isRich: Bool = false) throws {
        var random = SeededGenerator(seed: seed)
        let count = isRich ? 8 : Int.random(in: 1...12, using: &random)
        let instruments = Self.instruments(count, isRich: isRich, &random)
        moments = Self.moments(instruments, isRich: isRich, &random)
        snapshot = Self.snapshot(instruments, moments, isRich: isRich, &random)
        request = OptimizationRequest(portfolioID: "p", type: .meanVariance, objective: .maximizeSharpe)
        request.preferences.includeTransactionCosts = isRich || Bool.random(using: &random)
        request.preferences.considerTaxImplications = isRich ? false : Bool.random(using: &random)
        request.preferences.transactionCostModel = 0.0001
        request.constraints.minCash = isRich || Bool.random(using: &random) ? 0.05 : nil
        request.constraints.maxCash = 0.2

        let raw = instruments.map { _ in isRich || Bool.random(using: &random) ? random.uniform(0.05...1) : 0 }
        let cash = raw.allSatisfy { $0 == 0 } ? 1.0 : request.constraints.minCash ?? 0
        if cash == 1 { request.constraints.maxCash = 1 }
        let total = raw.reduce(0, +)
        var weights = raw.map { total > 0 ? (1 - cash) * $0 / total : 0 }
        if isRich, let last = weights.indices.last {
            weights[0] += weights[last]  // held, and to be sold entirely
            weights[last] = 0
        }
        Self.addLimits(&request, weights, cash, instruments, snapshot, moments)
        result = try Self.result(snapshot, moments, request, weights, cash)
    }

    private static func instruments(
        _ count: Int,
        isRich: Bool,
        _ random: inout SeededGenerator
    ) -> [Instrument] {
        (0..<count).map { index in
            Instrument(
                id: "I\(index)",
                sector: index % 4 == 3 ? nil : "S\(index % 2)",
                assetClass: index % 3 == 0 ? "equity" : "bond",
                price: random.uniform(5...300),
                lotSize: index % 5 == 4 ? nil : (index % 3 == 1 ? 10 : 1),
                cost: index % 2 == 0
                    ? TransactionCost(proportional: 0.0005, fixed: 1, impact: 0.1, averageDailyValue: 1e9) : nil
            )
        }
    }

    private static func moments(
        _ instruments: [Instrument],
        isRich: Bool,
        _ random: inout SeededGenerator
    ) -> Moments {
        let (count, periods) = (instruments.count, 30)
        var returns = DenseMatrix(rows: periods, columns: count)
        for index in returns.elements.indices { returns.elements[index] = 0.03 * random.normal() }
        var covariance = DenseMatrix(rows: count, columns: count)
        for i in 0..<count {
            for j in 0..<count {
                for t in 0..<periods { covariance[i, j] += 12 * returns[t, i] * returns[t, j] / Double(periods) }
            }
        }
        return Moments(
            instruments: instruments.map(\.id),
            expectedReturns: instruments.map { _ in random.uniform(-0.02...0.15) },
            covariance: covariance,
            returns: isRich || Bool.random(using: &random) ? returns : nil,
            periodsPerYear: 12,
            warnings: isRich ? [ResultWarning(code: "covariance_repaired", message: "repaired")] : []
        )
    }

    private static func snapshot(
        _ instruments: [Instrument],
        _ moments: Moments,
        isRich: Bool,
        _ random: inout SeededGenerator
    ) -> MandateSnapshot {
        let asOf = Timestamp(microseconds: 1_750_000_000_000_000)
        let today = asOf.date.daysSinceEpoch
        var positions: [Position] = []
        for instrument in instruments where isRich || Bool.random(using: &random) {
            var lots: [TaxLot] = []
            for _ in 0..<3 {
                lots.append(
                    TaxLot(
                        quantity: Double(Int.random(in: 1...400, using: &random)) * (instrument.lotSize ?? 0.3),
                        costBasis: instrument.price * random.uniform(0.6...1.3),
                        acquiredAt: CalendarDate(daysSinceEpoch: today - Int.random(in: 0...900, using: &random))
                    )
                )
            }
            let hasLots = isRich || Bool.random(using: &random)
            positions.append(
                Position(
                    instrumentID: instrument.id,
                    quantity: lots.reduce(0) { $0 + $1.quantity },
                    taxLots: hasLots ? lots : []
                )
            )
        }
        var portfolio = Portfolio(
            baseCurrency: "USD",
            asOf: asOf,
            riskModelID: "m",
            cash: 20_000,
            positions: positions,
            recentTrades: instruments.map {
                RecentTrade(
                    instrumentID: $0.id,
                    quantity: 50,
                    price: $0.price,
                    date: CalendarDate(daysSinceEpoch: today - 5)
                )
            }
        )
        portfolio.preferences.shortTermTaxRate = 0.3
        portfolio.preferences.longTermTaxRate = 0.15
        portfolio.preferences.riskFreeRate = 0.02
        if isRich || Bool.random(using: &random) { portfolio.benchmark = [instruments[0].id: 1] }
        return MandateSnapshot(
            portfolio: portfolio,
            riskModel: RiskModel(asOf: asOf, instruments: moments.instruments, periodsPerYear: 12),
            instruments: instruments,
            versions: SnapshotVersions(portfolio: 3, riskModelID: "m", riskModel: 2, instruments: 7)
        )
    }

    /// Limits of every kind that the target just meets.
    private static func addLimits(
        _ request: inout OptimizationRequest,
        _ weights: [Double],
        _ cash: Double,
        _ instruments: [Instrument],
        _ snapshot: MandateSnapshot,
        _ moments: Moments
    ) {
        func total(_ belongs: (Instrument) -> Bool) -> Double {
            zip(instruments, weights).reduce(0) { $0 + (belongs($1.0) ? $1.1 : 0) }
        }
        let largest = weights.max() ?? 0
        request.constraints.maxPositionSize = largest
        request.constraints.minPositionSize = weights.filter { $0 > 0 }.min()
        request.constraints.maxSectorExposure = max(total { $0.sector == "S0" }, total { $0.sector == "S1" })
        request.constraints.maxAssetClassExposure = max(
            total { $0.assetClass == "equity" },
            total { $0.assetClass == "bond" }
        )
        request.constraints.minWeights = [instruments[0].id: weights[0]]
        request.constraints.maxWeights = [instruments[0].id: weights[0]]
        request.constraints.groups = [
            GroupLimit(name: "g", members: .instruments([instruments[0].id]), min: weights[0], max: weights[0]),
            GroupLimit(name: "s", members: .sector("S1"), max: total { $0.sector == "S1" }),
            GroupLimit(name: "c", members: .assetClass("bond"), min: total { $0.assetClass == "bond" }),
        ]
    }

    private static func result(
        _ snapshot: MandateSnapshot,
        _ moments: Moments,
        _ given: OptimizationRequest,
        _ weights: [Double],
        _ cash: Double
    ) throws -> OptimizationResult {
        let constraints = snapshot.portfolio.constraints.overridden(by: given.constraints)
        let preferences = snapshot.portfolio.preferences.overridden(by: given.preferences)
        let allocation = EvaluatedAllocation(
            weights: weights,
            cash: cash,
            moments: moments,
            holdings: try Holdings(snapshot),
            benchmark: snapshot.portfolio.benchmark,
            preferences: preferences
        )
        let plan = try planTrades(toward: allocation.allocation, snapshot: snapshot, preferences: preferences)
        let first = moments.instruments[0]
        let bound = weights[0]
        let metrics = allocation.metrics(of: plan)
        let explanation = try TradeExplanation(
            allocation,
            metrics: metrics,
            objective: given.objective,
            measure: given.riskMeasure
        )
        var result = OptimizationResult(
            metrics: metrics,
            currentAllocation: allocation.holdings.allocation,
            targetAllocation: allocation.allocation,
            trades: explanation.explained(plan.trades),
            solution: SolutionReport(
                status: .optimal,
                solver: "test",
                iterations: 9,
                solveMilliseconds: 1,
                primalResidual: 1e-9,
                dualResidual: 1e-9,
                relativeGap: 1e-9
            ),
            bindingConstraints: [
                BindingConstraint(
                    constraint: "/max_weights/\(first)",
                    subject: first,
                    bound: bound,
                    value: bound,
                    shadowPrice: 0.1
                ),
                BindingConstraint(
                    constraint: "/groups/0/min",
                    subject: "g",
                    bound: bound,
                    value: bound,
                    shadowPrice: -0.1
                ),
            ],
            riskContributions: allocation.riskContributions,
            constraints: constraints,
            preferences: preferences,
            inputs: ResultInputs(
                versions: snapshot.versions,
                expectedReturnsEstimator: moments.expectedReturnsEstimator,
                covarianceEstimator: moments.covarianceEstimator,
                kernel: "test"
            ),
            warnings: moments.warnings + plan.warnings
        )
        let absent = moments.instruments.indices.filter { weights[$0] == 0 }
        result.excluded = absent.map {
            ExcludedInstrument(instrumentID: moments.instruments[$0], reducedCost: -0.01)
        }
        return result
    }
}
