import Foundation
import PortfolioModel
import Testing

import PortfolioOptimization

/// A mandate of several periods of the fixture: limits and optimum from the file, the rest from the seed.
struct PathMandate: Decodable, Sendable, CustomTestStringConvertible {
    let plain: RandomMandate
    let periods: Int
    let foreseen: Bool
    let terminalTarget: [String: Double]?

    private enum CodingKeys: String, CodingKey {
        case periods, foreseen
        case terminalTarget = "terminal_target"
    }

    init(from decoder: any Decoder) throws {
        plain = try RandomMandate(from: decoder)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        periods = try container.decode(Int.self, forKey: .periods)
        foreseen = try container.decode(Bool.self, forKey: .foreseen)
        terminalTarget = try container.decodeIfPresent([String: Double].self, forKey: .terminalTarget)
    }

    var testDescription: String { "\(plain.testDescription), \(periods) periods" }

    static let all: [PathMandate] = {
        guard let url = Bundle.module.url(forResource: "Fixtures/path_mandates", withExtension: "json"),
            let data = try? Data(contentsOf: url),
            let cases = try? JSONDecoder().decode([PathMandate].self, from: data)
        else { return [] }
        return cases
    }()

    /// The mandate with its horizon; `shift` gives it other data, for which the fixture has no answer.
    func mandate(shift: UInt64 = 0, inParts: Bool = false) -> TestMandate {
        var mandate = plain.mandate(shift: shift, inParts: inParts)
        mandate.type = .multiPeriod
        mandate.benchmark = plain.benchmark
        var stream = UniformStream(seed: plain.seed + shift + 1000)
        let rows = (0..<periods).map { _ in mandate.expectedReturns.map { $0 + 0.06 * stream.next() - 0.03 } }
        mandate.parameters.horizon = Horizon(
            periodCount: periods,
            expectedReturns: foreseen ? rows : nil,
            terminalTarget: terminalTarget
        )
        return mandate
    }
}

/// The figures of a path, recomputed from the problem period by period and by none of the method's code.
struct PathFigures {
    /// By how much the worst limit is missed in any period.
    private(set) var worstMiss = 0.0
    private var returns = 0.0
    private var costs = 0.0
    private var variance = 0.0
    private var active = 0.0
    private var activeVariance = 0.0
    private var undiversified = 0.0
    private let periods: Double
    private let problem: AllocationProblem

    init(_ mandate: TestMandate, _ objective: Objective, _ path: AllocationPath) throws {
        problem = try mandate.problem(objective)
        periods = Double(path.steps.count)
        var before = mandate
        for (index, step) in path.steps.enumerated() {
            before.expectedReturns =
                mandate.parameters.horizon?.expectedReturns?[index] ?? mandate.expectedReturns
            before.parameters.horizon = nil
            before.type = .meanVariance
            let own = try before.problem(objective)
            let figures = Figures(own, step.weights, step.cash)
            worstMiss = max(worstMiss, PortfolioOptimizationTests.worstMiss(own, step.weights, step.cash))
            let charged = own.preferences.includeTransactionCosts == true
            let drag = charged ? figures.tradingCost / (own.preferences.costHorizonYears ?? 1) : 0
            returns += figures.expectedReturn
            costs += objective == .minimizeTransactionCosts ? figures.tradingCost : drag
            variance += figures.volatility * figures.volatility
            activeVariance += figures.trackingError * figures.trackingError
            active += figures.activeReturn + drag
            undiversified += figures.diversificationRatio * figures.volatility
            // The next period starts from these weights: prices of 1 make quantities of them.
            before.prices = before.prices.map { _ in 1 }
            // What is outside the universe is gone after the first period; a trace keeps it in the problem.
            let byName = Dictionary(uniqueKeysWithValues: zip(problem.instruments.map(\.id), step.weights))
            before.quantities = mandate.identifiers.map { max(byName[$0] ?? 0, 1e-14) }
            before.cash = step.cash
        }
    }

    /// The objective, larger is better.
    func value(_ objective: Objective) -> Double {
        let rate = problem.preferences.riskFreeRate ?? 0
        let aversion = problem.preferences.riskAversion ?? 2.5
        let volatility = (variance / periods).squareRoot()
        return switch objective {
        case .minimizeRisk: -volatility
        case .maximizeReturn: (returns - costs) / periods
        case .maximizeUtility: (returns - costs) / periods - aversion / 2 * variance / periods
        case .maximizeSharpe: ((returns - costs) / periods - rate) / volatility
        case .minimizeTrackingError: -(activeVariance / periods).squareRoot()
        case .maximizeInformationRatio: (active - costs) / periods / (activeVariance / periods).squareRoot()
        case .maximizeDiversification: undiversified / periods / volatility
        case .minimizeTransactionCosts: -costs
        case .riskBudgeting, .multiObjective, .custom: .nan
        }
    }
}

extension Objective {
    /// Whether less of it is better.
    var isMinimized: Bool {
        self == .minimizeRisk || self == .minimizeTrackingError || self == .minimizeTransactionCosts
    }
}
