import Matrices
import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

@Suite("Risk budgets of sectors and asset classes")
struct GroupBudgetTests {
    private static let sectors = ["Real estate", "Tech", "Tech", "Health", "Tech", "Health", "Real estate", "Health"]

    /// Eight instruments in three sectors and two classes, with covariances of random loadings.
    private func mandate(seed: UInt64 = 1, by owner: RiskBudgetOwner = .sector) -> TestMandate {
        var random = SeededGenerator(seed: seed)
        let loadings = (0..<8).map { _ in (0..<12).map { _ in 0.05 * random.normal() + 0.03 } }
        let covariance = loadings.map { row in
            loadings.map { other in zip(row, other).reduce(0) { $0 + $1.0 * $1.1 } }
        }
        var mandate = TestMandate(expectedReturns: [Double](repeating: 0, count: 8), covariance: covariance)
        mandate.type = .riskParity
        mandate.sectors = Self.sectors
        mandate.assetClasses = (0..<8).map { $0 < 3 ? "bond" : "equity" }
        mandate.parameters.riskBudgetsBy = owner
        return mandate
    }

    /// Each instrument's share of the variance, by plain loops.
    private func shares(_ mandate: TestMandate, _ weights: [Double]) -> [Double] {
        let marginal = weights.indices.map { i in
            weights.indices.reduce(0) { $0 + mandate.covariance[i, $1] * weights[$1] }
        }
        let variance = zip(marginal, weights).reduce(0) { $0 + $1.0 * $1.1 }
        return zip(marginal, weights).map { $0 * $1 / variance }
    }

    private func sums(_ shares: [Double], _ names: [String?]) -> [String: Double] {
        var sums: [String: Double] = [:]
        for (share, name) in zip(shares, names) { sums[name ?? "", default: 0] += share }
        return sums
    }

    // MARK: Budgets met

    @Test(arguments: UInt64(1)...12)
    func `a sector's contributions sum to its budget, and within it they are equal`(seed: UInt64) throws {
        var mandate = mandate(seed: seed)
        let budgets = ["Real estate": 0.5, "Tech": 0.2, "Health": 0.3]
        mandate.parameters.riskBudgets = budgets
        let solution = try mandate.solve(.riskBudgeting)
        #expect(solution.warnings.isEmpty)
        let shares = shares(mandate, solution.weights)
        let sums = sums(shares, mandate.sectors)
        #expect(sums.count == 3)
        for (name, budget) in budgets { #expect(abs((sums[name] ?? 0) - budget) < 1e-8) }
        for (share, name) in zip(shares, Self.sectors) {
            let members = Self.sectors.count { $0 == name }
            #expect(abs(share - (budgets[name] ?? 0) / Double(members)) < 1e-8)
        }
    }

    @Test func `without budgets classes share risk equally, however many instruments they have`() throws {
        let mandate = mandate(by: .assetClass)
        let sums = sums(shares(mandate, try mandate.solve(.riskBudgeting).weights), mandate.assetClasses)
        for name in ["bond", "equity"] { #expect(abs((sums[name] ?? 0) - 0.5) < 1e-8) }
    }

    @Test func `instruments may be named as what has budgets, which changes nothing`() throws {
        var named = mandate(by: .instrument)
        named.parameters.riskBudgets = ["A": 0.4, "C": 0.6]
        var plain = named
        plain.parameters.riskBudgetsBy = nil
        #expect(try named.solve(.riskBudgeting).weights == plain.solve(.riskBudgeting).weights)
    }

    @Test func `the rest of a group takes over from a member that a limit holds at 0, others from a whole group`()
        throws
    {
        var mandate = mandate()
        mandate.parameters.riskBudgets = ["Real estate": 0.5, "Tech": 0.2, "Health": 0.3]
        mandate.constraints.maxWeights = ["A": 0]
        let part = try mandate.solve(.riskBudgeting)
        #expect(part.weights[0] == 0)
        let left = sums(shares(mandate, part.weights), mandate.sectors)
        #expect(abs((left["Real estate"] ?? 0) - 0.5) < 1e-8)
        mandate.constraints.maxWeights = ["A": 0, "G": 0]
        let whole = try mandate.solve(.riskBudgeting)
        let others = sums(shares(mandate, whole.weights), mandate.sectors)
        #expect(abs((others["Tech"] ?? 0) - 0.4) < 1e-8)
        #expect(abs((others["Health"] ?? 0) - 0.6) < 1e-8)
    }

    @Test func `a group without a budget is not held where others have one`() throws {
        var mandate = mandate()
        mandate.parameters.riskBudgets = ["Real estate": 0.5, "Tech": 0.5, "Nobody's": 0]
        let weights = try mandate.solve(.riskBudgeting).weights
        for (weight, name) in zip(weights, Self.sectors) { #expect((weight == 0) == (name == "Health")) }
    }

    @Test(arguments: [true, false])
    func `budgets of groups hold for conditional value-at-risk`(overScenarios: Bool) throws {
        var random = SeededGenerator(seed: 5)
        var mandate = mandate()
        let budgets = ["Real estate": 0.5, "Tech": 0.2, "Health": 0.3]
        mandate.parameters.riskBudgets = budgets
        let rows = (0..<120).map { _ -> [Double] in
            let market = 0.01 * random.normal()
            return (0..<8).map { _ in market + 0.01 * random.normal() }
        }
        let returns = overScenarios ? DenseMatrix(rows: rows) : nil
        let problem = try mandate.problem(.riskBudgeting, measure: .conditionalValueAtRisk, returns: returns)
        let solution = try optimizeAllocation(problem) { false }
        #expect(solution.warnings.isEmpty)
        let parts = zip(solution.weights, try #require(solution.riskGradient)).map { $0 * $1 }
        let total = parts.reduce(0, +)
        let sums = sums(parts.map { $0 / total }, mandate.sectors)
        for (name, budget) in budgets { #expect(abs((sums[name] ?? 0) - budget) < 1e-8) }
    }

    // MARK: Budgets that cannot be given

    @Test func `an instrument in no group is named, unless it is outside the universe`() throws {
        var mandate = mandate()
        mandate.sectors[3] = nil
        let failure = try #require(try mandate.failure(.riskBudgeting))
        #expect(failure.code == "unclassified_instrument")
        #expect(failure.message.contains("D is in no sector"))
        mandate.universe = ["A", "B", "C"]
        #expect(try mandate.failure(.riskBudgeting) == nil)
        var classless = self.mandate(by: .assetClass)
        classless.assetClasses[7] = nil
        #expect(try classless.failure(.riskBudgeting)?.message.contains("H is in no asset class") == true)
    }

    @Test func `a budget of a group that the universe does not have is named`() throws {
        var mandate = mandate()
        mandate.parameters.riskBudgets = ["Tech": 0.5, "Utilities": 0.5]
        let failure = try #require(try mandate.failure(.riskBudgeting))
        #expect(failure.code == "invalid_inputs")
        #expect(failure.message.contains("Utilities"))
        mandate.parameters.riskBudgets = ["Tech": 0.5, "Health": 0.5]
        mandate.universe = ["A", "B", "C"]
        #expect(try mandate.failure(.riskBudgeting)?.message.contains("Health") == true)
    }
}
