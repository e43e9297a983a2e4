import Matrices
import PortfolioModel

import PortfolioOptimization

/// A mandate made of plain numbers, for tests.
struct TestMandate {
    var identifiers: [String]
    var expectedReturns: [Double]
    var covariance: DenseMatrix
    /// The covariance in parts; goes before `covariance`.
    var factors: FactorStructure?
    /// Factors that limits and terms name, beside a covariance of another origin.
    var exposures: FactorStructure?
    var prices: [Double]
    var quantities: [Double]
    var cash = 0.0
    var sectors: [String?]
    var assetClasses: [String?]
    var costs: [TransactionCost?]
    var taxLots: [TaxLot] = []
    /// The lots of single instruments; they go before `taxLots`.
    var lots: [String: [TaxLot]] = [:]
    var universe: [String]?
    var portfolioConstraints = Constraints()
    var constraints = Constraints()
    var preferences = Preferences()
    var benchmark: [String: Double]?
    var type = OptimizationType.meanVariance
    var parameters = MethodParameters()

    /// Instruments A, B, C…, one unit of each held at price 100 unless said otherwise.
    init(expectedReturns: [Double], covariance: [[Double]], quantities: [Double]? = nil, prices: [Double]? = nil) {
        let count = expectedReturns.count
        identifiers = (0..<count).map { count <= 26 ? String(UnicodeScalar(UInt8(65 + $0))) : "N\($0)" }
        self.expectedReturns = expectedReturns
        self.covariance = DenseMatrix(rows: covariance) ?? DenseMatrix(rows: 0, columns: 0)
        self.prices = prices ?? [Double](repeating: 100, count: count)
        self.quantities = quantities ?? [Double](repeating: 1, count: count)
        sectors = [String?](repeating: nil, count: count)
        assetClasses = [String?](repeating: nil, count: count)
        costs = [TransactionCost?](repeating: nil, count: count)
    }

    var instruments: [Instrument] {
        identifiers.indices.map { index in
            Instrument(
                id: identifiers[index],
                sector: sectors[index],
                assetClass: assetClasses[index],
                price: prices[index],
                cost: costs[index]
            )
        }
    }

    /// The problem; one of the objective `custom` is of the type `custom`.
    func problem(
        _ objective: Objective,
        measure: RiskMeasure = .volatility,
        returns: DenseMatrix? = nil,
        probabilities: [Double]? = nil
    ) throws -> AllocationProblem {
        let asked = asked(objective, measure: measure, returns: returns, probabilities: probabilities)
        return try AllocationProblem(snapshot: asked.snapshot, moments: asked.moments, request: asked.request)
    }

    /// What a problem is made of.
    func asked(
        _ objective: Objective,
        measure: RiskMeasure = .volatility,
        returns: DenseMatrix? = nil,
        probabilities: [Double]? = nil
    ) -> (snapshot: MandateSnapshot, moments: Moments, request: OptimizationRequest) {
        let positions = identifiers.indices.filter { quantities[$0] != 0 }.map { index in
            Position(
                instrumentID: identifiers[index],
                quantity: quantities[index],
                taxLots: lots[identifiers[index]] ?? taxLots
            )
        }
        let portfolio = Portfolio(
            baseCurrency: "USD",
            asOf: Timestamp(microseconds: 0),
            riskModelID: "model",
            cash: cash,
            constraints: portfolioConstraints,
            positions: positions,
            universe: universe,
            benchmark: benchmark
        )
        var parameters = parameters
        if objective == .multiObjective, parameters.objectives == nil {
            // Twice the variance against return: utility at a risk aversion of 4.
            parameters.objectives = [ObjectiveTerm(.expectedReturn, weight: 1), ObjectiveTerm(.variance, weight: -2)]
        }
        let model = RiskModel(
            asOf: Timestamp(microseconds: 0),
            instruments: identifiers,
            periodsPerYear: 252,
            expectedReturns: expectedReturns,
            covariance: covariance
        )
        let moments = Moments(
            instruments: identifiers,
            expectedReturns: expectedReturns,
            covariance: factors.map { .factors($0.covariance) } ?? .dense(covariance),
            returns: returns,
            probabilities: probabilities,
            periodsPerYear: 252,
            factors: factors ?? exposures
        )
        return (
            snapshot: MandateSnapshot(
                portfolio: portfolio,
                riskModel: model,
                instruments: instruments,
                versions: SnapshotVersions(portfolio: 1, riskModelID: "model", riskModel: 1, instruments: 1)
            ),
            moments: moments,
            request: OptimizationRequest(
                portfolioID: "portfolio",
                type: objective == .custom ? .custom : type,
                objective: objective,
                riskMeasure: measure,
                constraints: constraints,
                preferences: preferences,
                parameters: parameters
            )
        )
    }

    func solve(_ objective: Objective) throws -> AllocationSolution {
        try optimizeAllocation(problem(objective)) { false }
    }

    /// The code of the failure that an objective ends in, or nil when it has an answer; nothing is explained.
    func verdict(_ objective: Objective) throws -> String? {
        var problem = try problem(objective)
        problem.explainsFailures = false
        do throws(OptimizationFailure) {
            _ = try optimizeAllocation(problem) { false }
            return nil
        } catch { return error.code }
    }

    /// The failure that an objective ends in, or nil when it has an answer.
    func failure(_ objective: Objective) throws -> OptimizationFailure? {
        let problem = try problem(objective)
        do throws(OptimizationFailure) {
            _ = try optimizeAllocation(problem) { false }
            return nil
        } catch { return error }
    }
}

extension Objective {
    /// The objectives on return and volatility, which need neither benchmark nor costs.
    static let onReturnAndRisk: [Objective] = [.maximizeSharpe, .minimizeRisk, .maximizeReturn, .maximizeUtility]
}

/// What the tests recompute of an allocation, from the problem alone and by none of the method's code.
struct Figures {
    let expectedReturn: Double
    let netReturn: Double
    let volatility: Double
    let turnover: Double
    /// Σ rate · |w − c|.
    let tradingCost: Double
    /// Σ w σ / volatility.
    let diversificationRatio: Double
    let trackingError: Double
    /// μᵀ(w − b), net of costs.
    let activeReturn: Double
    private let riskFreeRate: Double
    private let riskAversion: Double

    init(_ problem: AllocationProblem, _ weights: [Double], _ cash: Double) {
        let n = weights.count
        var variance = 0.0
        for i in 0..<n {
            for j in 0..<n { variance += weights[i] * problem.covariance[i, j] * weights[j] }
        }
        volatility = max(0, variance).squareRoot()
        riskFreeRate = problem.preferences.riskFreeRate ?? 0
        riskAversion = problem.preferences.riskAversion ?? 2.5
        expectedReturn = (0..<n).reduce(riskFreeRate * cash) { $0 + problem.expectedReturns[$1] * weights[$1] }
        var cost = 0.0
        var traded = abs(cash - problem.currentCash)
        for i in 0..<n {
            let trade = abs(weights[i] - problem.currentWeights[i])
            let rate = problem.instruments[i].cost?.proportional ?? problem.preferences.transactionCostModel ?? 0
            cost += rate * trade
            traded += trade
        }
        let charged = problem.preferences.includeTransactionCosts == true
        let drag = charged ? cost / (problem.preferences.costHorizonYears ?? 1) : 0
        netReturn = expectedReturn - drag
        turnover = traded / 2
        tradingCost = cost
        let undiversified = (0..<n).reduce(0) { $0 + problem.covariance[$1, $1].squareRoot() * weights[$1] }
        diversificationRatio = undiversified / volatility
        let active = zip(weights, problem.benchmark?.weights ?? weights).map { $0 - $1 }
        var activeVariance = 0.0
        for i in 0..<n {
            for j in 0..<n { activeVariance += active[i] * problem.covariance[i, j] * active[j] }
        }
        trackingError = max(0, activeVariance).squareRoot()
        activeReturn = (0..<n).reduce(-drag) { $0 + problem.expectedReturns[$1] * active[$1] }
    }

    /// The objective, larger is better.
    func value(_ objective: Objective) -> Double {
        switch objective {
        case .minimizeRisk: -volatility
        case .maximizeReturn: netReturn
        case .maximizeUtility: netReturn - riskAversion / 2 * volatility * volatility
        case .maximizeSharpe: (netReturn - riskFreeRate) / volatility
        case .minimizeTrackingError: -trackingError
        case .maximizeInformationRatio: activeReturn / trackingError
        case .maximizeDiversification: diversificationRatio
        case .minimizeTransactionCosts: -tradingCost
        case .multiObjective: netReturn - 2 * volatility * volatility
        case .riskBudgeting, .custom: .nan
        }
    }
}

/// The largest distance by which an allocation misses a limit, read from the contract and not from the compiler.
func worstMiss(_ problem: AllocationProblem, _ weights: [Double], _ cash: Double) -> Double {
    let limits = problem.constraints
    let figures = Figures(problem, weights, cash)
    var worst = abs(weights.reduce(cash, +) - 1)
    func atMost(_ value: Double, _ bound: Double?) { if let bound { worst = max(worst, value - bound) } }
    func atLeast(_ value: Double, _ bound: Double?) { if let bound { worst = max(worst, bound - value) } }
    for (index, instrument) in problem.instruments.enumerated() {
        let weight = weights[index]
        let floor = limits.minWeights?[instrument.id]
        if limits.allowShort == true {
            atLeast(weight, problem.isTradable[index] ? floor ?? limits.maxPositionSize.map { -$0 } : 0)
        } else {
            atLeast(weight, floor ?? 0)
        }
        atMost(weight, problem.isTradable[index] ? limits.maxWeights?[instrument.id] ?? limits.maxPositionSize : 0)
        if floor == nil, weight != 0 { atLeast(abs(weight), limits.minPositionSize) }
        let change = limits.maxWeightChanges?[instrument.id] ?? limits.maxWeightChange
        atMost(abs(weight - problem.currentWeights[index]), change)
    }
    func total(where belongs: (Instrument) -> Bool) -> Double {
        zip(problem.instruments, weights).reduce(0) { belongs($1.0) ? $0 + $1.1 : $0 }
    }
    func size(where belongs: (Instrument) -> Bool) -> Double {
        zip(problem.instruments, weights).reduce(0) { belongs($1.0) ? $0 + abs($1.1) : $0 }
    }
    for name in Set(problem.instruments.compactMap(\.sector)) {
        atMost(size { $0.sector == name }, limits.maxSectorExposure)
    }
    for name in Set(problem.instruments.compactMap(\.assetClass)) {
        atMost(size { $0.assetClass == name }, limits.maxAssetClassExposure)
    }
    atMost(size { _ in true }, limits.maxGrossExposure)
    for group in limits.groups ?? [] {
        let exposure =
            switch group.members {
            case .instruments(let ids): total { ids.contains($0.id) }
            case .memberships(let parts):
                zip(problem.instruments, weights).reduce(0) { $0 + (parts[$1.0.id] ?? 0) * $1.1 }
            case .sector(let name): total { $0.sector == name }
            case .assetClass(let name): total { $0.assetClass == name }
            }
        atLeast(exposure, group.min)
        atMost(exposure, group.max)
    }
    for (name, limit) in limits.factorExposures ?? [:] {
        guard let factors = problem.factors, let factor = factors.factors.firstIndex(of: name) else { return .infinity }
        let exposure = weights.indices.reduce(0) { $0 + weights[$1] * factors.covariance.exposures[factor, $1] }
        atLeast(exposure, limit.min)
        atMost(exposure, limit.max)
        let variance = factors.covariance.factorCovariance[factor, factor]
        atMost(abs(exposure) * variance.squareRoot(), limit.maxRisk)
    }
    atLeast(cash, limits.minCash ?? 0)
    atMost(cash, limits.maxCash ?? limits.minCash ?? 0)
    atMost(figures.turnover, limits.maxTurnover)
    atMost(figures.volatility, limits.targetVolatility)
    atMost(figures.volatility, limits.maxRisk)
    atLeast(figures.expectedReturn, limits.minReturn)
    if let most = limits.maxPositions { atMost(Double(weights.filter { $0 != 0 }.count), Double(most)) }
    if let most = limits.maxTrackingError {
        atMost(problem.benchmark == nil ? .infinity : figures.trackingError, most)
    }
    return worst
}

extension OptimizationFailure {
    /// The value named for a limit, or NaN when the limit is not named or has none.
    func nearest(_ pointer: String) -> Double {
        let conflict = conflicts.first { $0.constraint == pointer }
        return conflict?.nearestFeasible ?? .nan
    }
}
