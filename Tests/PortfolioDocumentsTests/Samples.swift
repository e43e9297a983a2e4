import Matrices
import PortfolioModel
import TestSupport

/// Values of every kind, with each optional part there or not, from a seed.
struct Samples {
    private var generator: SeededGenerator

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    private mutating func maybe<Value>(_ make: (inout Samples) -> Value) -> Value? {
        Bool.random(using: &generator) ? make(&self) : nil
    }

    private mutating func fraction() -> Double { generator.uniform(0.001...0.5) }

    private mutating func quantity() -> Double { generator.uniform(0.5...1e6) }

    private mutating func count(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }

    private mutating func date() -> CalendarDate { CalendarDate(daysSinceEpoch: count(0...25_000)) }

    private mutating func timestamp() -> Timestamp {
        Timestamp(microseconds: Int64.random(in: 0...2_000_000_000_000_000, using: &generator))
    }

    private func names(_ count: Int) -> [String] { (0..<count).map { "I-\($0).a_b" } }

    private mutating func weights() -> [String: Double] {
        Dictionary(uniqueKeysWithValues: names(count(0...5)).map { ($0, fraction()) })
    }

    private mutating func vector(_ count: Int) -> [Double] { (0..<count).map { _ in fraction() } }

    private mutating func matrix(_ rows: Int, _ columns: Int) -> DenseMatrix {
        DenseMatrix(rows: rows, columns: columns, columnMajor: vector(rows * columns))
    }

    private mutating func group() -> GroupLimit {
        let members: GroupLimit.Members =
            switch count(0...2) {
            case 0: .instruments(names(count(1...4)))
            case 1: .sector("Health \"Care\" / é\n")
            default: .assetClass("equity")
            }
        return GroupLimit(name: "group \(count(0...9))", members: members, min: maybe { $0.fraction() / 2 }, max: 0.5)
    }

    mutating func constraints() -> Constraints {
        var constraints = Constraints()
        constraints.maxPositionSize = maybe { $0.fraction() + 0.5 }
        constraints.minPositionSize = maybe { $0.fraction() }
        constraints.maxSectorExposure = maybe { $0.fraction() }
        constraints.maxAssetClassExposure = maybe { $0.fraction() }
        constraints.maxTurnover = maybe { $0.count(0...1) == 0 ? 0 : $0.fraction() }
        constraints.targetVolatility = maybe { $0.fraction() }
        constraints.minWeights = maybe { $0.weights() }
        constraints.maxWeights = maybe { $0.weights().mapValues { $0 + 0.5 } }
        constraints.minReturn = maybe { -$0.fraction() }
        constraints.maxRisk = maybe { $0.fraction() }
        constraints.minCash = maybe { $0.fraction() / 2 }
        constraints.maxCash = maybe { $0.fraction() / 2 + 0.5 }
        constraints.groups = maybe { samples in (0..<samples.count(0...3)).map { _ in samples.group() } }
        constraints.largestPositions = maybe { samples in
            (0..<samples.count(0...2)).map { _ in
                LargestPositionsLimit(count: samples.count(1...9), max: samples.fraction())
            }
        }
        constraints.softLimits = maybe { samples in
            (0..<samples.count(0...2)).map {
                SoftLimit(limit: "/max_weights/N\($0)", penalty: samples.fraction() + 0.1)
            }
        }
        constraints.maxWeightChange = maybe { $0.fraction() }
        constraints.maxWeightChanges = maybe { $0.weights() }
        constraints.grandfatherBreaches = maybe { $0.count(0...1) == 0 }
        return constraints
    }

    mutating func preferences() -> Preferences {
        var preferences = Preferences()
        preferences.riskAversion = maybe { $0.quantity() }
        preferences.includeTransactionCosts = maybe { $0.count(0...1) == 0 }
        preferences.considerTaxImplications = maybe { $0.count(0...1) == 0 }
        preferences.transactionCostModel = maybe { $0.fraction() }
        preferences.riskFreeRate = maybe { -$0.fraction() }
        preferences.confidenceLevel = maybe { $0.fraction() }
        preferences.costHorizonYears = maybe { $0.fraction() }
        preferences.shortTermTaxRate = maybe { $0.fraction() }
        preferences.longTermTaxRate = maybe { $0.fraction() }
        preferences.timeLimitSeconds = maybe { $0.fraction() }
        preferences.relativeGap = maybe { $0.fraction() }
        return preferences
    }

    mutating func request() -> OptimizationRequest {
        let combination = Capabilities.combinations[count(0...(Capabilities.combinations.count - 1))]
        var constraints = constraints()
        if combination.type == .multiPeriod { constraints.minPositionSize = nil }
        let measure = combination.riskMeasures[count(0...(combination.riskMeasures.count - 1))]
        let refused = Capabilities.refusedConstraints(of: combination.type, combination.objective, measure)
        if refused.contains("soft_limits") { constraints.softLimits = nil }
        var preferences = preferences()
        if combination.type == .multiPeriod { preferences.considerTaxImplications = nil }
        return OptimizationRequest(
            portfolioID: "port-\(count(0...999))",
            type: combination.type,
            objective: combination.objective,
            riskMeasure: measure,
            constraints: constraints,
            preferences: preferences,
            parameters: parameters(of: combination),
            estimation: Estimation(
                expectedReturns: maybe { Estimation.ExpectedReturns.allCases[$0.count(0...5)] },
                covariance: maybe { Estimation.Covariance.allCases[$0.count(0...7)] },
                halfLife: maybe { 1 + $0.fraction() }
            )
        )
    }

    /// What the method of a type is told.
    private mutating func parameters(of combination: MethodCombination) -> MethodParameters {
        var parameters = MethodParameters()
        if combination.objective == .multiObjective {
            parameters.objectives = terms()
            let axes = parameters.objectives.map { MethodParameters.paretoAxes.contains($0.count) } ?? false
            if axes { parameters.paretoPoints = maybe { $0.count(2...9) } }
        }
        switch combination.type {
        case .meanVariance, .factorBased: break
        case .blackLitterman:
            parameters.views = maybe { samples in (0..<samples.count(0...3)).map { _ in samples.view() } }
            parameters.tau = maybe { $0.fraction() }
            parameters.marketWeights = maybe { _ in ["A": 0.25, "B": 0.75] }
            parameters.posteriorCovariance = maybe { $0.count(0...1) == 0 }
        case .riskParity:
            parameters.riskBudgetsBy = maybe { RiskBudgetOwner.allCases[$0.count(0...2)] }
            let areOfInstruments = parameters.effectiveRiskBudgetsBy == .instrument
            parameters.riskBudgets = maybe { _ in [areOfInstruments ? "A" : "Real estate / own": 0.25, "B": 0.75] }
        case .hierarchicalRiskParity:
            parameters.linkage = maybe { Linkage.allCases[$0.count(0...3)] }
            parameters.distanceOfDistance = maybe { $0.count(0...1) == 0 }
            parameters.clusterAllocation = maybe { ClusterAllocation.allCases[$0.count(0...2)] }
            if parameters.clusterAllocation?.cutsTree == true { parameters.clusterCount = maybe { $0.count(1...9) } }
        case .robust: parameters.uncertainty = uncertainty(of: combination)
        case .scenarioBased: parameters.scenarios = scenarios()
        case .custom: parameters.customObjective = terms()
        case .multiPeriod:
            parameters.objectives = parameters.objectives?.filter { $0.kind.isOfPaths }.map { term in
                var term = term
                term.riskMeasure = nil
                return term
            }
            parameters.paretoPoints = nil
            parameters.horizon = Horizon(
                periodCount: 3,
                expectedReturns: maybe { samples in (0..<3).map { _ in (0..<4).map { _ in -samples.fraction() } } },
                terminalTarget: maybe { _ in ["A": 0.25, "cash": 0.75] }
            )
        }
        return parameters
    }

    private mutating func scenarios() -> [ReturnScenario] {
        let hasProbabilities = count(0...1) == 0
        return ["2008", "a/b~c"].map { name in
            ReturnScenario(
                name: name,
                probability: hasProbabilities ? 0.5 : nil,
                returns: ["A": fraction(), "B": -fraction()]
            )
        }
    }

    /// Terms of every kind, each weighed so that the sum is concave.
    private mutating func terms() -> [ObjectiveTerm] {
        ObjectiveTerm.Kind.allCases.filter { $0 == .expectedReturn || count(0...1) == 0 }.map { kind in
            let weight = (kind.shape == .convex ? -1 : 1) * (0.1 + fraction())
            return ObjectiveTerm(
                kind,
                weight: weight,
                name: maybe { _ in "my \(kind.rawValue)" },
                riskMeasure: kind == .risk
                    ? maybe { $0.count(0...1) == 0 ? .conditionalValueAtRisk : .volatility } : nil,
                factor: kind == .factorExposure ? "MKT" : nil,
                scores: kind == .score ? ["A": 0.5, "B": -1] : nil
            )
        }
    }

    private mutating func uncertainty(of combination: MethodCombination) -> Uncertainty {
        // What goes with every measure of risk that the combination has.
        let kinds = combination.riskMeasures.reduce(into: Uncertainty.Kind.allCases) { kinds, measure in
            kinds = kinds.filter { Capabilities.uncertainties(of: combination.objective, measure).contains($0) }
        }
        let kind = kinds[count(0...(kinds.count - 1))]
        var uncertainty = Uncertainty(kind: kind, size: fraction())
        if kind.isOfReturns {
            uncertainty.covariance = maybe { _ in .identity(2) }
        } else if kind == .covarianceBox {
            uncertainty.upper = maybe { _ in .identity(3) }
            if uncertainty.upper != nil { uncertainty.lower = maybe { _ in DenseMatrix(rows: 3, columns: 3) } }
        }
        return uncertainty
    }

    private mutating func view() -> ReturnView {
        let uncertainties: [ReturnView.Uncertainty] = [.asPrior, .confidence(0), .variance(0), .confidence(fraction())]
        return ReturnView(
            instruments: ["A": 1, "B": -fraction()],
            expectedReturn: -fraction(),
            isTotal: count(0...1) == 0,
            uncertainty: uncertainties[count(0...3)]
        )
    }

    mutating func instrument(_ id: String) -> Instrument {
        Instrument(
            id: id,
            name: maybe { _ in "Name, with \"quotes\" \\ and \u{1}" },
            sector: maybe { _ in "Energy" },
            assetClass: maybe { _ in "equity" },
            currency: maybe { _ in "EUR" },
            price: quantity(),
            lotSize: maybe { $0.quantity() },
            cost: maybe { samples in
                TransactionCost(
                    proportional: samples.fraction(),
                    fixed: samples.fraction(),
                    impact: samples.fraction(),
                    averageDailyValue: samples.quantity()
                )
            }
        )
    }

    mutating func instruments() -> [Instrument] { names(count(0...5)).map { instrument($0) } }

    private mutating func position(_ id: String) -> Position {
        let lots = (0..<count(0...3)).map { _ in
            TaxLot(quantity: quantity(), costBasis: quantity(), acquiredAt: date())
        }
        let total = lots.reduce(0) { $0 + $1.quantity }
        return Position(instrumentID: id, quantity: lots.isEmpty ? quantity() : total, taxLots: lots)
    }

    mutating func portfolio() -> Portfolio {
        let held = names(count(0...4))
        return Portfolio(
            name: maybe { _ in "Balanced é" },
            baseCurrency: "CHF",
            asOf: timestamp(),
            riskModelID: "demo",
            cash: count(0...1) == 0 ? 0 : quantity(),
            constraints: constraints(),
            preferences: preferences(),
            positions: held.map { position($0) },
            universe: maybe { $0.names($0.count(1...5)) },
            benchmark: maybe { _ in ["A": 0.25, "B": 0.75] },
            recentTrades: names(count(0...3)).map { name in
                RecentTrade(instrumentID: name, quantity: -quantity(), price: quantity(), date: date())
            }
        )
    }

    /// A risk model with a history and a factor model.
    mutating func riskModel() -> RiskModel {
        let (instrumentCount, periods, factors) = (count(1...5), count(3...6), count(1...3))
        let start = count(0...20_000)
        let factorCovariance = DenseMatrix.identity(factors)
        return RiskModel(
            asOf: timestamp(),
            instruments: names(instrumentCount),
            periodsPerYear: quantity() / 100,
            expectedReturns: maybe { $0.vector(instrumentCount) },
            volatilities: vector(instrumentCount),
            correlations: .identity(instrumentCount),
            returns: matrix(periods, instrumentCount),
            prices: maybe { $0.matrix(periods, instrumentCount) },
            dates: maybe { _ in (0..<periods).map { CalendarDate(daysSinceEpoch: start + $0) } },
            probabilities: maybe { _ in [Double](repeating: 1 / Double(periods), count: periods) },
            factorModel: maybe { samples in
                FactorModel(
                    factors: samples.names(factors),
                    loadings: samples.matrix(instrumentCount, factors),
                    factorCovariance: factorCovariance,
                    specificVariance: samples.vector(instrumentCount),
                    factorReturns: samples.matrix(periods, factors)
                )
            }
        )
    }
}

extension ObjectiveTerm.Kind {
    /// Whether several periods have it.
    fileprivate var isOfPaths: Bool { self != .tax && self != .entropy }
}
