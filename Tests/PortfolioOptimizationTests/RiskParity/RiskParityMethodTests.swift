import Foundation
import Matrices
import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

/// Risk budgeting under limits, found by cvxpy: see Fixtures/make_constrained_budgets.py.
struct ConstrainedBudgets: Decodable, Sendable, CustomTestStringConvertible {
    struct Group: Decodable, Sendable {
        let members: [Int]
        let min: Double
        let max: Double
    }

    let covariance: [[Double]]
    let budgets: [Double]
    let low: [Double]
    let high: [Double]
    let groups: [Group]
    let turnover: Double?
    let weights: [Double]

    var testDescription: String { "\(weights.count) instruments, \(groups.count) groups, turnover \(turnover ?? 1)" }

    static let all: [ConstrainedBudgets] = {
        guard let url = Bundle.module.url(forResource: "Fixtures/constrained_budgets", withExtension: "json"),
            let data = try? Data(contentsOf: url),
            let cases = try? JSONDecoder().decode([ConstrainedBudgets].self, from: data)
        else { return [] }
        return cases
    }()

    var mandate: TestMandate {
        var mandate = riskParityMandate(covariance, budgets: budgets)
        let ids = mandate.identifiers
        func map(_ bounds: [Double]) -> [String: Double] {
            Dictionary(uniqueKeysWithValues: zip(ids, bounds))
        }
        mandate.constraints.minWeights = map(low).filter { $0.value > 0 }
        mandate.constraints.maxWeights = map(high)
        mandate.constraints.maxTurnover = turnover
        mandate.constraints.groups = groups.map { group in
            GroupLimit(name: "g", members: .instruments(group.members.map { ids[$0] }), min: group.min, max: group.max)
        }
        return mandate
    }
}

/// A mandate for risk parity; equal budgets unless some are given.
private func riskParityMandate(_ covariance: [[Double]], budgets: [Double]? = nil) -> TestMandate {
    var mandate = TestMandate(
        expectedReturns: [Double](repeating: 0, count: covariance.count),
        covariance: covariance
    )
    mandate.type = .riskParity
    if let budgets {
        mandate.parameters.riskBudgets = Dictionary(uniqueKeysWithValues: zip(mandate.identifiers, budgets))
    }
    return mandate
}

/// wᵢ(Σw)ᵢ / wᵀΣw by plain loops.
private func contributions(_ covariance: [[Double]], _ weights: [Double]) -> [Double] {
    let marginal = covariance.map { row in zip(row, weights).reduce(0) { $0 + $1.0 * $1.1 } }
    let variance = zip(marginal, weights).reduce(0) { $0 + $1.0 * $1.1 }
    return zip(marginal, weights).map { $0 * $1 / variance }
}

@Suite("Risk parity within the limits of a mandate")
struct RiskParityMethodTests {
    private let covariance = [
        [0.01, 0.0075, 0.01, 0.015], [0.0075, 0.0225, 0.015, 0.0225], [0.01, 0.015, 0.04, 0.045],
        [0.015, 0.0225, 0.045, 0.09],
    ]

    private func warning(_ solution: AllocationSolution) -> Bool {
        solution.warnings.contains { $0.code == "risk_budgets_not_met" }
    }

    // MARK: The exact portfolio

    @Test(arguments: publishedPortfolios)
    func `published portfolios are found under limits that do not bind`(published: PublishedRiskParity) throws {
        let rows = (0..<published.weights.count).map { i in
            (0..<published.weights.count).map { j in published.covariance[i, j] }
        }
        var mandate = riskParityMandate(rows)
        mandate.constraints.maxPositionSize = 0.6
        let solution = try mandate.solve(.riskBudgeting)
        for (weight, expected) in zip(solution.weights, published.weights) {
            #expect(abs(weight - expected) <= published.tolerance)
        }
        #expect(!warning(solution) && solution.bindingConstraints.isEmpty)
    }

    @Test(arguments: UInt64(1)...20)
    func `contributions are the budgets to 1e-8`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let example = ConstrainedBudgets.all[Int(seed) % ConstrainedBudgets.all.count]
        let raw = example.budgets.map { _ in random.uniform(0.02...1) }
        let budgets = raw.map { $0 / raw.reduce(0, +) }
        var mandate = riskParityMandate(example.covariance, budgets: budgets)
        mandate.constraints.minCash = random.uniform(0...0.2)
        let solution = try mandate.solve(.riskBudgeting)
        #expect(solution.cash == mandate.constraints.minCash)
        for (share, budget) in zip(contributions(example.covariance, solution.weights), budgets) {
            #expect(abs(share - budget) < 1e-8)
        }
    }

    @Test func `an instrument without a budget is not held, unless a floor says so`() throws {
        var mandate = riskParityMandate(covariance, budgets: [0.5, 0.5, 0, 0])
        let solution = try mandate.solve(.riskBudgeting)
        #expect(solution.weights[2] == 0 && solution.weights[3] == 0 && !warning(solution))
        mandate.constraints.minWeights = ["C": 0.1]
        let floored = try mandate.solve(.riskBudgeting)
        #expect(abs(floored.weights[2] - 0.1) < 1e-9 && floored.weights[3] == 0 && warning(floored))
        let shares = contributions(covariance, floored.weights)
        #expect(abs(shares[0] - shares[1]) < 1e-7, "equal budgets stay equal")
    }

    @Test func `what is outside the universe or capped at 0 leaves its budget to the others`() throws {
        var mandate = riskParityMandate(covariance)
        mandate.universe = ["A", "B", "C"]
        mandate.constraints.maxWeights = ["B": 0]
        let solution = try mandate.solve(.riskBudgeting)
        // Two instruments of equal budgets weigh as the reciprocals of their volatilities.
        #expect(abs(solution.weights[0] - 2.0 / 3) < 1e-9 && abs(solution.weights[2] - 1.0 / 3) < 1e-9)
        #expect(!warning(solution))
    }

    @Test func `cash brings the volatility down to its limit and leaves the budgets as they are`() throws {
        var mandate = riskParityMandate(covariance)
        let free = try mandate.solve(.riskBudgeting)
        let variance = zip(covariance, free.weights).reduce(0) { total, pair in
            total + pair.1 * zip(pair.0, free.weights).reduce(0) { $0 + $1.0 * $1.1 }
        }
        mandate.constraints.maxCash = 0.9
        mandate.constraints.targetVolatility = 0.05
        let solution = try mandate.solve(.riskBudgeting)
        #expect(abs(1 - solution.cash - 0.05 / variance.squareRoot()) < 1e-8)
        #expect(!warning(solution))
        #expect(solution.bindingConstraints.map(\.constraint) == ["/target_volatility"])
    }

    // MARK: Limits that bind

    @Test func `the fixture has limits of every kind`() {
        #expect(ConstrainedBudgets.all.count >= 25)
        #expect(ConstrainedBudgets.all.contains { $0.turnover != nil })
        #expect(ConstrainedBudgets.all.contains { !$0.groups.isEmpty })
    }

    @Test(arguments: ConstrainedBudgets.all)
    func `the constrained portfolio is the reference's`(_ example: ConstrainedBudgets) throws {
        let mandate = example.mandate
        let problem = try mandate.problem(.riskBudgeting)
        let solution = try optimizeAllocation(problem) { false }
        #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-9)
        for (weight, expected) in zip(solution.weights, example.weights) {
            #expect(abs(weight - expected) < 1e-6, "\(solution.weights) is not \(example.weights)")
        }
        let shares = contributions(example.covariance, solution.weights)
        let worst = zip(shares, example.budgets).reduce(0) { max($0, abs($1.0 - $1.1)) }
        #expect(warning(solution) == (worst > 1e-8))
    }

    @Test func `what is at no limit keeps contributions in proportion to its budgets`() throws {
        var mandate = riskParityMandate(covariance, budgets: [0.4, 0.3, 0.2, 0.1])
        mandate.constraints.maxWeights = ["A": 0.3]
        let solution = try mandate.solve(.riskBudgeting)
        #expect(abs(solution.weights[0] - 0.3) < 1e-9)
        let shares = contributions(covariance, solution.weights)
        #expect(abs(shares[1] / shares[2] - 1.5) < 1e-7 && abs(shares[2] / shares[3] - 2) < 1e-7)
        #expect(solution.bindingConstraints.map(\.constraint) == ["/max_weights/A"])
        #expect(solution.bindingConstraints.allSatisfy { $0.shadowPrice == nil })
        #expect(warning(solution))
    }

    @Test func `cash is the least there may be, whether limits bend the budgets or force some of it`() throws {
        var mandate = riskParityMandate(covariance)
        mandate.constraints.maxPositionSize = 0.35
        mandate.constraints.maxCash = 0.5
        let scaled = try mandate.solve(.riskBudgeting)
        #expect(scaled.cash > 0.1 && !warning(scaled), "cash keeps the budgets exact")
        mandate.constraints.maxCash = 0.1
        let bent = try mandate.solve(.riskBudgeting)
        #expect(bent.cash == 0 && warning(bent), "so little cash does not")
        mandate.constraints.maxCash = 0.5
        mandate.constraints.maxPositionSize = 0.2
        let forced = try mandate.solve(.riskBudgeting)
        #expect(abs(forced.cash - 0.2) < 1e-6)
        for weight in forced.weights { #expect(abs(weight - 0.2) < 1e-6) }
    }

    @Test(arguments: UInt64(1)...6)
    func `active sets and the interior point find the same portfolio`(seed: UInt64) throws {
        let example = ConstrainedBudgets.all[Int(seed)]
        let byActiveSet = try example.mandate.solve(.riskBudgeting)
        #expect(["newton_active_set", "newton"].contains(byActiveSet.report.solver))
        var mandate = example.mandate
        mandate.constraints.targetVolatility = 10  // a limit that is a cone and never binds
        let byInteriorPoint = try mandate.solve(.riskBudgeting)
        #expect(["newton_interior_point", "newton"].contains(byInteriorPoint.report.solver))
        for (one, other) in zip(byActiveSet.weights, byInteriorPoint.weights) { #expect(abs(one - other) < 1e-7) }
    }

    @Test func `a buy-in threshold is a floor for everything that has a budget`() throws {
        var mandate = riskParityMandate(covariance)
        mandate.constraints.minPositionSize = 0.15
        let solution = try mandate.solve(.riskBudgeting)
        #expect(abs(solution.weights[3] - 0.15) < 1e-9)
        #expect(solution.bindingConstraints.map(\.constraint) == ["/min_position_size"])
        mandate.constraints.minPositionSize = 0.3
        let failure = try #require(try mandate.failure(.riskBudgeting))
        #expect(failure.code == "infeasible")
        #expect(abs(failure.nearest("/min_position_size") - 0.25) < 1e-9)
    }

    @Test func `without trading what is held is the answer, and the warning says what it is not`() throws {
        var mandate = riskParityMandate(covariance)
        mandate.constraints.maxTurnover = 0
        let solution = try mandate.solve(.riskBudgeting)
        #expect(solution.weights == [0.25, 0.25, 0.25, 0.25] && warning(solution))
    }

    @Test func `a return that must be earned bends the budgets`() throws {
        var mandate = riskParityMandate(covariance)
        mandate.expectedReturns = [0.02, 0.04, 0.06, 0.09]
        mandate.constraints.minReturn = 0.06
        let problem = try mandate.problem(.riskBudgeting)
        let solution = try optimizeAllocation(problem) { false }
        #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-9)
        #expect(solution.weights.allSatisfy { $0 > 0 } && warning(solution))
    }

    @Test(arguments: UInt64(1)...30)
    func `any limits end in an allocation within them or in the limits that clash`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let example = ConstrainedBudgets.all[Int(seed) % ConstrainedBudgets.all.count]
        var mandate = riskParityMandate(example.covariance)
        let count = Double(example.weights.count)
        mandate.constraints.maxPositionSize = random.uniform(0.9...2) / count
        mandate.constraints.maxTurnover = random.uniform(0.02...0.6)
        mandate.constraints.minPositionSize = random.uniform(0...0.6) / count
        mandate.constraints.minCash = random.uniform(0...0.1)
        mandate.constraints.maxCash = 0.3
        mandate.constraints.targetVolatility = random.uniform(0.1...0.3)
        let problem = try mandate.problem(.riskBudgeting)
        do throws(OptimizationFailure) {
            let solution = try optimizeAllocation(problem) { false }
            #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-9)
        } catch {
            #expect(error.code == "infeasible", "\(error)")
        }
    }

    // MARK: Degenerate

    @Test func `one instrument, equal instruments, and twins`() throws {
        #expect(try riskParityMandate([[0.04]]).solve(.riskBudgeting).weights == [1])
        let equal = (0..<5).map { i in (0..<5).map { j in i == j ? 0.04 : 0.01 } }
        for weight in try riskParityMandate(equal).solve(.riskBudgeting).weights { #expect(abs(weight - 0.2) < 1e-12) }
        var twins = riskParityMandate([[0.04, 0.04, 0], [0.04, 0.04, 0], [0, 0, 0.01]])
        twins.constraints.maxWeights = ["C": 0.3]
        let solution = try twins.solve(.riskBudgeting)
        for (weight, expected) in zip(solution.weights, [0.35, 0.35, 0.3]) { #expect(abs(weight - expected) < 1e-7) }
    }

    @Test func `what has no risk to share is named`() throws {
        let riskless = riskParityMandate([[0.04, 0], [0, 0]])
        #expect(try riskless.failure(.riskBudgeting)?.code == "riskless_instrument")
        #expect(
            try riskParityMandate([[0.04, 0], [0, 0]], budgets: [1, 0]).solve(.riskBudgeting).weights == [1, 0]
        )
        let hedge = riskParityMandate([[0.04, -0.04], [-0.04, 0.04]])
        #expect(try hedge.failure(.riskBudgeting)?.code == "riskless")
        var outside = riskParityMandate(covariance, budgets: [0.5, 0.5, 0, 0])
        outside.universe = ["A", "C"]
        #expect(try outside.failure(.riskBudgeting)?.code == "invalid_inputs")
        outside.parameters.riskBudgets = ["A": 1]
        outside.constraints.maxWeights = ["A": 0]
        #expect(try outside.failure(.riskBudgeting) != nil)
    }

    @Test func `a solve that is told to stop stops`() throws {
        let problem = try riskParityMandate(covariance).problem(.riskBudgeting)
        #expect(throws: OptimizationFailure.self) { try optimizeAllocation(problem) { true } }
    }
}
