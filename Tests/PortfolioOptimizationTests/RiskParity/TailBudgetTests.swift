import Foundation
import Matrices
import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

/// Budgets of conditional value-at-risk, found by cvxpy: see Fixtures/make_tail_budgets.py.
struct TailBudgets: Decodable, Sendable, CustomTestStringConvertible {
    struct Group: Decodable, Sendable {
        let members: [Int]
        let min: Double
        let max: Double
    }

    let returns: [[Double]]?
    let probabilities: [Double]?
    let covariance: [[Double]]?
    let means: [Double]?
    let confidence: Double
    let budgets: [Double]
    let free: [Double]
    let low: [Double]
    let high: [Double]
    let groups: [Group]
    let turnover: Double?
    let limited: [Double]?

    var testDescription: String { "\(free.count) instruments, \(returns?.count ?? 0) scenarios at \(confidence)" }

    static let all: [TailBudgets] = {
        guard let url = Bundle.module.url(forResource: "Fixtures/tail_budgets", withExtension: "json"),
            let data = try? Data(contentsOf: url),
            let cases = try? JSONDecoder().decode([TailBudgets].self, from: data)
        else { return [] }
        return cases
    }()
    static let ofScenarios = all.filter { $0.returns != nil }
    static let limitedOnes = all.filter { $0.limited != nil }

    var scenarios: DenseMatrix? { returns.flatMap { DenseMatrix(rows: $0) } }

    /// The covariance given, or one that plays no part.
    private var someCovariance: [[Double]] {
        covariance ?? (0..<budgets.count).map { i in (0..<budgets.count).map { j in i == j ? 0.04 : 0.01 } }
    }

    var mandate: TestMandate {
        var mandate = TestMandate(
            expectedReturns: means ?? [Double](repeating: 0, count: budgets.count),
            covariance: someCovariance
        )
        mandate.type = .riskParity
        mandate.preferences.confidenceLevel = confidence
        mandate.parameters.riskBudgets = Dictionary(uniqueKeysWithValues: zip(mandate.identifiers, budgets))
        return mandate
    }

    var limitedMandate: TestMandate {
        var mandate = mandate
        let ids = mandate.identifiers
        mandate.constraints.minWeights = Dictionary(uniqueKeysWithValues: zip(ids, low)).filter { $0.value > 0 }
        mandate.constraints.maxWeights = Dictionary(uniqueKeysWithValues: zip(ids, high))
        mandate.constraints.maxTurnover = turnover
        mandate.constraints.groups = groups.map { group in
            GroupLimit(name: "g", members: .instruments(group.members.map { ids[$0] }), min: group.min, max: group.max)
        }
        return mandate
    }

    func problem(_ mandate: TestMandate) throws -> AllocationProblem {
        try mandate.problem(
            .riskBudgeting,
            measure: .conditionalValueAtRisk,
            returns: scenarios,
            probabilities: probabilities
        )
    }
}

/// Whether q is a tail of the losses: no more than its share anywhere, full above the least loss in it, sum 1.
private func isTail(_ q: [Double], of losses: [Double], _ example: TailBudgets) -> Bool {
    let p = example.probabilities ?? [Double](repeating: 1 / Double(losses.count), count: losses.count)
    let caps = p.map { $0 / (1 - example.confidence) }
    let size = losses.reduce(0) { max($0, abs($1)) }
    let lowest = losses.indices.filter { q[$0] > 0 }.map { losses[$0] }.min() ?? 0
    return abs(q.reduce(0, +) - 1) < 1e-12
        && losses.indices.allSatisfy { t in
            q[t] >= 0 && q[t] <= caps[t] * (1 + 1e-12) && (losses[t] <= lowest + 1e-9 * size || q[t] == caps[t])
        }
}

@Suite("Budgets of conditional value-at-risk")
struct TailBudgetTests {
    @Test func `the fixture has limits and moments of every kind`() {
        #expect(TailBudgets.all.count >= 35 && TailBudgets.limitedOnes.count >= 12)
        #expect(TailBudgets.limitedOnes.contains { !$0.groups.isEmpty })
        #expect(TailBudgets.all.contains { $0.probabilities != nil } && TailBudgets.all.contains { $0.returns == nil })
    }

    // MARK: The exact portfolio

    @Test(arguments: TailBudgets.ofScenarios)
    func `a tail of the portfolio's own proves that its contributions are the budgets`(_ example: TailBudgets) throws {
        let returns = try #require(example.scenarios)
        let found = try tailBudgetPortfolio(
            returns: returns,
            probabilities: example.probabilities,
            budgets: example.budgets,
            confidence: example.confidence
        )
        let losses = (0..<returns.rows).map { t in
            -zip(found.weights, returns.row(t)).reduce(0) { $0 + $1.0 * $1.1 }
        }
        #expect(isTail(found.tail, of: losses, example), "0 is in the subdifferential")
        let risk = zip(found.tail, losses).reduce(0) { $0 + $1.0 * $1.1 }
        for (i, budget) in example.budgets.enumerated() {
            let marginal = -zip(found.tail, returns.column(i)).reduce(0) { $0 + $1.0 * $1.1 }
            #expect(abs(found.weights[i] * marginal / risk / budget - 1) < 1e-8)
        }
        // The reference is as exact as its gap allows; the condition above and the objective are sharper.
        func objective(_ weights: [Double]) -> Double {
            let r = (0..<returns.rows).map { t in zip(weights, returns.row(t)).reduce(0) { $0 + $1.0 * $1.1 } }
            let p = example.probabilities ?? [Double](repeating: 1 / Double(r.count), count: r.count)
            let risk = definedRisk(.conditionalValueAtRisk, r, p, confidence: example.confidence)
            return zip(weights, example.budgets).reduce(log(risk)) { $0 - $1.1 * log($1.0) }
        }
        #expect(objective(found.weights) <= objective(example.free) + 1e-12)
        for (weight, expected) in zip(found.weights, example.free) { #expect(abs(weight - expected) < 5e-5) }
    }

    @Test(arguments: TailBudgets.all)
    func `a mandate without limits gets the reference's portfolio`(_ example: TailBudgets) throws {
        let solution = try optimizeAllocation(example.problem(example.mandate)) { false }
        for (weight, expected) in zip(solution.weights, example.free) { #expect(abs(weight - expected) < 5e-5) }
        #expect(!solution.warnings.contains { $0.code == "risk_budgets_not_met" })
        let gradient = try #require(solution.riskGradient)
        let parts = zip(solution.weights, gradient).map { $0 * $1 }
        let total = parts.reduce(0, +)
        for (part, budget) in zip(parts, example.budgets) { #expect(abs(part / total - budget) < 1e-8) }
    }

    @Test func `cash brings the measure down to its limit and leaves the budgets as they are`() throws {
        let example = TailBudgets.ofScenarios[0]
        var mandate = example.mandate
        let free = try optimizeAllocation(example.problem(mandate)) { false }
        let risk = zip(free.weights, try #require(free.riskGradient)).reduce(0) { $0 + $1.0 * $1.1 }
        mandate.constraints.maxCash = 0.9
        mandate.constraints.maxRisk = 0.7 * risk
        let solution = try optimizeAllocation(example.problem(mandate)) { false }
        #expect(abs(solution.cash - 0.3) < 1e-8)
        #expect(solution.bindingConstraints.map(\.constraint) == ["/max_risk"])
        #expect(!solution.warnings.contains { $0.code == "risk_budgets_not_met" })
    }

    // MARK: Limits that bind

    @Test(arguments: TailBudgets.limitedOnes)
    func `the constrained portfolio is the reference's`(_ example: TailBudgets) throws {
        let problem = try example.problem(example.limitedMandate)
        let solution = try optimizeAllocation(problem) { false }
        #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-9)
        for (weight, expected) in zip(solution.weights, example.limited ?? []) {
            #expect(abs(weight - expected) < 5e-5, "\(solution.weights) is not \(example.limited ?? [])")
        }
    }

    @Test func `a limit on the measure bends the budgets where cash may not`() throws {
        let example = TailBudgets.ofScenarios.first { $0.free.count >= 5 } ?? TailBudgets.ofScenarios[0]
        var mandate = example.mandate
        let free = try optimizeAllocation(example.problem(mandate)) { false }
        let risk = zip(free.weights, try #require(free.riskGradient)).reduce(0) { $0 + $1.0 * $1.1 }
        mandate.constraints.maxRisk = 0.97 * risk
        let problem = try example.problem(mandate)
        let solution = try optimizeAllocation(problem) { false }
        #expect(solution.weights.allSatisfy { $0 > 0 })
        #expect(solution.warnings.contains { $0.code == "risk_budgets_not_met" })
        #expect(solution.bindingConstraints.map(\.constraint) == ["/max_risk"])
        mandate.constraints.maxRisk = 0.001 * risk
        #expect(throws: OptimizationFailure.self) { try optimizeAllocation(example.problem(mandate)) { false } }
    }

    // MARK: Degenerate

    @Test func `one instrument, twins, and scenarios that repeat`() throws {
        let returns = try #require(DenseMatrix(rows: [[0.02], [-0.03], [0.01]]))
        #expect(try tailBudgetPortfolio(returns: returns).weights == [1])
        var random = SeededGenerator(seed: 11)
        var rows = (0..<30).map { _ in [random.uniform(-0.03...0.03), random.uniform(-0.02...0.02)] }
        rows = rows.map { [$0[0], $0[0], $0[1]] }
        let repeated = try #require(DenseMatrix(rows: rows + rows + rows))
        let found = try tailBudgetPortfolio(returns: repeated, confidence: 0.8)
        #expect(abs(found.weights[0] - found.weights[1]) < 1e-9)
        #expect(found.budgetError < 1e-8)
        let once = try tailBudgetPortfolio(returns: try #require(DenseMatrix(rows: rows)), confidence: 0.8)
        for (one, other) in zip(found.weights, once.weights) { #expect(abs(one - other) < 1e-9) }
    }

    @Test func `an instrument without a budget is left out`() throws {
        let example = TailBudgets.ofScenarios.first { $0.free.count >= 4 } ?? TailBudgets.ofScenarios[0]
        var budgets = example.budgets
        budgets[1] = 0
        let found = try tailBudgetPortfolio(
            returns: try #require(example.scenarios),
            budgets: budgets,
            confidence: example.confidence
        )
        #expect(found.weights[1] == 0 && found.budgetError < 1e-8)
    }

    @Test func `gains in the whole tail leave no risk to divide`() throws {
        let sure = try #require(DenseMatrix(rows: [[0.01, -0.02], [0.02, 0.01], [0.03, 0.02]]))
        #expect(throws: RiskBudgetingError.riskless) { try tailBudgetPortfolio(returns: sure) }
        // Each alone may lose; half of each never does.
        let hedge = try #require(DenseMatrix(rows: [[0.03, -0.01], [-0.01, 0.03], [0.01, 0.01]]))
        #expect(throws: RiskBudgetingError.riskless) { try tailBudgetPortfolio(returns: hedge, confidence: 0.9) }
    }

    @Test func `a solve that is told to stop stops`() throws {
        let example = TailBudgets.ofScenarios[0]
        let returns = try #require(example.scenarios)
        #expect(throws: RiskBudgetingError.stopped) { try tailBudgetPortfolio(returns: returns) { true } }
    }

    @Test(arguments: UInt64(1)...2)
    func `many scenarios of many instruments keep their budgets to 1e-8`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let (n, count) = (40, 1_000)
        let market = (0..<count).map { _ in random.uniform(-0.03...0.028) }
        let own = (0..<n).map { _ in random.uniform(0.5...1.5) }
        var returns = DenseMatrix(rows: count, columns: n)
        for t in 0..<count {
            for j in 0..<n { returns[t, j] = own[j] * market[t] + random.uniform(-0.02...0.02) }
        }
        let found = try tailBudgetPortfolio(returns: returns)
        #expect(found.budgetError < 1e-8)
        #expect(found.tail.filter { $0 > 0 && $0 < 1 / (0.05 * Double(count)) * (1 - 1e-9) }.count <= n + 1)
    }
}
