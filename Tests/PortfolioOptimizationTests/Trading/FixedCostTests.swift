import Matrices
import PortfolioModel
import Testing

import PortfolioOptimization

/// Fixed costs in the objective against an exhaustive search over who is traded.
@Suite("Fixed costs of trades in objectives")
struct FixedCostTests {
    static let objectives: [Objective] = [
        .maximizeReturn, .maximizeUtility, .maximizeSharpe, .minimizeTransactionCosts,
    ]

    /// Five instruments, 20 % of 100,000 each or so, with fixed costs of up to 1,000.
    private func mandate(_ seed: UInt64, count: Int = 5) -> (mandate: TestMandate, fixed: [Double]) {
        var random = UniformStream(seed: seed)
        let loadings = (0..<count).map { _ in 0.1 + 0.2 * random.next() }
        var covariance = [[Double]](repeating: [Double](repeating: 0, count: count), count: count)
        for i in 0..<count {
            for j in 0..<count { covariance[i][j] = loadings[i] * loadings[j] }
            covariance[i][i] += 0.01 + 0.03 * random.next()
        }
        var mandate = TestMandate(
            expectedReturns: (0..<count).map { _ in 0.03 + 0.09 * random.next() },
            covariance: covariance,
            quantities: (0..<count).map { $0 == 3 ? 0 : (100 + 200 * random.next()).rounded() }
        )
        let fixed = (0..<count).map { _ in (1000 * random.next()).rounded() }
        let rates = (0..<count).map { _ in 0.002 * random.next() }
        mandate.costs = zip(rates, fixed).map { TransactionCost(proportional: $0, fixed: $1) }
        mandate.preferences.includeTransactionCosts = true
        mandate.preferences.riskFreeRate = 0.01
        mandate.constraints.maxPositionSize = 0.4
        if seed % 3 == 0 { mandate.constraints.maxTurnover = 0.3 }
        if seed % 3 == 1 { mandate.constraints.targetVolatility = 0.2 }
        return (mandate, fixed)
    }

    /// The objective of weights, net of all costs, from the problem alone.
    private func value(_ problem: AllocationProblem, _ objective: Objective, _ weights: [Double], fixed: [Double])
        -> Double
    {
        let figures = Figures(problem, weights, 1 - weights.reduce(0, +))
        let paid = zip(zip(weights, problem.currentWeights), fixed).reduce(0) { total, entry in
            abs(entry.0.0 - entry.0.1) > 1e-9 ? total + entry.1 / problem.portfolioValue : total
        }
        switch objective {
        case .maximizeSharpe: return (figures.netReturn - paid - 0.01) / figures.volatility
        case .minimizeTransactionCosts: return -(figures.tradingCost + paid)
        case .maximizeUtility: return figures.value(.maximizeUtility) - paid
        default: return figures.netReturn - paid
        }
    }

    /// The best over all sets of instruments that may be traded, each a program without fixed costs.
    private func exhaustive(_ mandate: TestMandate, _ fixed: [Double], _ objective: Objective) throws -> Double? {
        var best: Double?
        for traded in 0..<(1 << fixed.count) {
            var part = mandate
            part.costs = mandate.costs.map { TransactionCost(proportional: $0?.proportional ?? 0) }
            var held: [String: Double] = [:]
            var paid = 0.0
            for (index, id) in mandate.identifiers.enumerated() {
                if traded & (1 << index) == 0 { held[id] = 0 } else { paid += fixed[index] }
            }
            part.constraints.maxWeightChanges = held
            var whole = try part.problem(objective)
            // Fully invested, a charge on the whole is one on each weight.
            if objective == .maximizeSharpe {
                part.expectedReturns = part.expectedReturns.map { $0 - paid / whole.portfolioValue }
            }
            whole = try part.problem(objective)
            whole.explainsFailures = false
            guard let solution = try? optimizeAllocation(whole, shouldStop: { false }) else { continue }
            let found = value(try mandate.problem(objective), objective, solution.weights, fixed: fixed)
            best = max(best ?? -.infinity, found)
        }
        return best
    }

    @Test(arguments: 0..<12)
    func `small books are the best of an exhaustive search`(_ seed: Int) throws {
        var (mandate, fixed) = mandate(UInt64(seed))
        for objective in Self.objectives {
            if objective == .minimizeTransactionCosts { mandate.constraints.maxWeights = ["A": 0.1] }
            let problem = try mandate.problem(objective)
            guard let expected = try exhaustive(mandate, fixed, objective) else {
                #expect(try mandate.verdict(objective) != nil, "\(objective)")
                continue
            }
            let solution = try optimizeAllocation(problem) { false }
            let found = value(problem, objective, solution.weights, fixed: fixed)
            #expect(abs(found - expected) <= 2e-6 * max(abs(expected), 1e-3), "\(objective): \(found), not \(expected)")
            #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-8)
            #expect(solution.report.status == .optimal)
            #expect(!problem.warnings.contains { $0.code == "cost_terms_not_in_objective" })
        }
    }

    @Test func `a cost that no trade earns back leaves everything as it is`() throws {
        var (mandate, _) = mandate(2)
        mandate.costs = mandate.costs.map { _ in TransactionCost(proportional: 0, fixed: 1e5) }
        for objective in [Objective.maximizeReturn, .maximizeUtility, .maximizeSharpe] {
            mandate.constraints = Constraints()
            let problem = try mandate.problem(objective)
            do {
                let solution = try optimizeAllocation(problem) { false }
                #expect(zip(solution.weights, problem.currentWeights).allSatisfy { $0 == $1 }, "\(objective)")
            } catch {
                Issue.record("\(objective): \(error)")
            }
        }
    }

    @Test func `a search that is stopped says how far its answer may be from the best`() throws {
        var (mandate, fixed) = mandate(5, count: 20)
        mandate.constraints.maxPositionSize = 0.15
        mandate.costs = mandate.costs.map { TransactionCost(proportional: $0?.proportional ?? 0, fixed: 100) }
        fixed = fixed.map { _ in 100 }
        let problem = try mandate.problem(.maximizeUtility)
        var questions = 0
        let solution = try optimizeAllocation(problem) {
            questions += 1
            return questions > 30
        }
        let isProved = solution.report.relativeGap <= 1e-6
        #expect((solution.report.status == .optimal) == isProved, "\(solution.report)")
        #expect(solution.report.relativeGap.isFinite)
        let found = value(problem, .maximizeUtility, solution.weights, fixed: fixed)
        #expect(found >= value(problem, .maximizeUtility, problem.currentWeights, fixed: fixed) - 1e-9)
        #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-8)
    }

    @Test func `the fixture holds mandates of every kind of objective that pays fixed costs`() {
        let solvable = RandomMandate.fixedCosts.filter { $0.status == "optimal" }
        #expect(solvable.count >= 90)
        #expect(Set(solvable.map(\.objective)) == Set(Self.objectives.map(\.rawValue)))
    }

    @Test(arguments: RandomMandate.fixedCosts)
    func `who is traded is as good as SCIP's choice`(_ example: RandomMandate) throws {
        let objective = try #require(Objective(rawValue: example.objective))
        let mandate = example.mandate()
        guard let expected = example.expected else {
            #expect(try mandate.verdict(objective) == "infeasible")
            return
        }
        let problem = try mandate.problem(objective)
        let solution = try optimizeAllocation(problem) { false }
        let horizon = objective == .minimizeTransactionCosts ? 1 : mandate.preferences.costHorizonYears ?? 1
        let traded = zip(solution.weights, problem.currentWeights).map { abs($0 - $1) > 1e-9 }
        let paid = zip(mandate.identifiers, traded).reduce(0) { $0 + ($1.1 ? example.fixed?[$1.0] ?? 0 : 0) }
        let share = paid / problem.portfolioValue / horizon
        let figures = Figures(problem, solution.weights, solution.cash)
        let value =
            objective == .maximizeSharpe
            ? figures.value(.maximizeSharpe) - share / figures.volatility : figures.value(objective) - share
        #expect(abs(value - expected) <= 2e-6 * max(abs(expected), 1e-3), "\(value), not \(expected)")
        #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-8)
        #expect(solution.report.status == .optimal)
    }

    @Test func `ratios of more instruments than are searched leave fixed costs out and say so`() throws {
        let count = Capabilities.fixedCostInstrumentsOfRatios + 1
        var (mandate, _) = mandate(5, count: count)
        mandate.constraints.maxTurnover = nil
        for (objective, isLeftOut) in [(Objective.maximizeSharpe, true), (.maximizeUtility, false)] {
            let warnings = try mandate.problem(objective).warnings
            #expect(warnings.contains { $0.code == "cost_terms_not_in_objective" } == isLeftOut, "\(objective)")
        }
    }

    @Test func `where fixed costs stay out a warning says so`() throws {
        var (mandate, _) = mandate(2)
        mandate.constraints.maxPositions = 3
        let warnings = try mandate.problem(.maximizeUtility).warnings
        #expect(
            warnings.contains { $0.code == "cost_terms_not_in_objective" && $0.message.hasPrefix("Fixed costs are") }
        )
    }
}
