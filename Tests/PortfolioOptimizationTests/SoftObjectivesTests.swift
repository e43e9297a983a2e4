import Matrices
import PortfolioModel
import PortfolioOptimization
import Testing

/// Limits that may be exceeded, for measures over scenarios, in the worst case, and for sums of terms, against cvxpy with
/// Clarabel.
@Suite("Soft limits of every objective that has a unit")
struct SoftObjectivesTests {
    private static func paid(_ problem: AllocationProblem, _ solution: AllocationSolution) -> Double {
        problem.softLimits(weights: solution.weights, cash: solution.cash).reduce(0) { $0 + $1.cost }
    }

    @Test func `the fixtures hold every measure, the worst case, terms, and every kind of soft limit`() throws {
        let measured = try RiskMandate.all("soft_risk_mandates")
        let composed = try CustomMandate.all("soft_custom_objectives")
        #expect(measured.filter { $0.expected != nil }.count >= 120)
        #expect(composed.filter { $0.expected != nil }.count >= 45)
        #expect(Set(measured.map(\.measure)).count == 8)
        #expect(measured.filter { $0.uncertainty != nil }.count >= 30)
        let constraints = measured.map(\.mandate.constraints) + composed.map(\.mandate.constraints)
        let named = constraints.flatMap { $0.softLimits ?? [] }.map { $0.limit.split(separator: "/")[0] }
        for limit in [
            "max_position_size", "max_weight_change", "max_weight_changes", "max_sector_exposure", "groups",
            "max_turnover", "target_volatility", "max_tracking_error", "min_return", "max_risk", "largest_positions",
            "max_scenario_losses",
        ] {
            #expect(named.contains { $0 == limit }, "\(limit)")
        }
    }

    @Test func `measures over scenarios, worst cases among them, reach the reference's optimum`() throws {
        for item in try RiskMandate.all("soft_risk_mandates") {
            let problem = try item.problem()
            guard let expected = item.expected else {
                #expect(throws: OptimizationFailure.self, "\(item.name)") { try optimizeAllocation(problem) { false } }
                continue
            }
            do {
                let solution = try optimizeAllocation(problem) { false }
                let value = item.value(solution, problem) - Self.paid(problem, solution)
                #expect(abs(value - expected) <= 1e-6 * max(1e-2, abs(expected)), "\(item.name): \(value), \(expected)")
            } catch { Issue.record("\(item.name): \(error)") }
        }
    }

    @Test func `sums of terms reach the reference's optimum`() throws {
        for item in try CustomMandate.all("soft_custom_objectives") {
            let problem = try item.problem()
            guard let expected = item.expected else {
                #expect(throws: OptimizationFailure.self, "\(item)") { try optimizeAllocation(problem) { false } }
                continue
            }
            do {
                let solution = try optimizeAllocation(problem) { false }
                let terms = try termValues(of: problem, at: solution) ?? []
                let value = terms.reduce(-Self.paid(problem, solution)) { $0 + $1.contribution }
                #expect(abs(value - expected) <= 1e-6 * max(1e-1, abs(expected)), "\(item): \(value), not \(expected)")
            } catch { Issue.record("\(item): \(error)") }
        }
    }

    @Test func `several terms under one name are one objective`() throws {
        for var item in try CustomMandate.all("soft_custom_objectives").prefix(12) where item.expected != nil {
            let custom = try optimizeAllocation(item.problem()) { false }
            item.mandate.parameters.objectives = item.mandate.parameters.customObjective
            item.mandate.parameters.customObjective = nil
            let problem = try item.mandate.problem(.multiObjective, measure: item.measure, returns: item.returns)
            let solution = try optimizeAllocation(problem) { false }
            #expect(zip(custom.weights, solution.weights).allSatisfy { abs($0 - $1) <= 1e-6 }, "\(item)")
        }
    }

    // MARK: By hand

    /// Two instruments over four equally likely scenarios: the first earns and loses three times what the second does.
    private func pair() -> (mandate: TestMandate, returns: DenseMatrix) {
        let returns = DenseMatrix(rows: [[0.03, 0.01], [-0.03, -0.01], [0.06, 0.02], [-0.03, -0.01]])
        let mandate = TestMandate(expectedReturns: [0.12, 0.04], covariance: [[0.09, 0.03], [0.03, 0.01]])
        return (mandate, returns ?? DenseMatrix(rows: 0, columns: 2))
    }

    @Test(arguments: [(3.0, 1.0), (5.0, 0.5)])
    func `a limit on a measure is exceeded as far as the return pays for it`(
        penalty: Double,
        expected: Double
    ) throws {
        // The worst loss is 0.01 + 0.02 w, the return 0.04 + 0.08 w: 4 of return for each unit of loss.
        var (mandate, returns) = pair()
        mandate.constraints.maxRisk = 0.02
        mandate.constraints.softLimits = [SoftLimit(limit: "/max_risk", penalty: penalty)]
        let problem = try mandate.problem(.maximizeReturn, measure: .worstRealization, returns: returns)
        let solution = try optimizeAllocation(problem) { false }
        #expect(abs(solution.weights[0] - expected) <= 1e-8, "\(solution.weights)")
        let told = try #require(problem.softLimits(weights: solution.weights, cash: solution.cash).first)
        #expect(abs(told.value - (0.01 + 0.02 * expected)) <= 1e-9)
        #expect(abs(told.excess - max(0, 0.02 * expected - 0.01)) <= 1e-9)
        let binding = solution.bindingConstraints.first { $0.constraint == "/max_risk" }
        if expected == 1 {
            #expect(binding == nil)
        } else {
            #expect(abs((binding?.shadowPrice ?? .nan) - 4) <= 1e-6)
        }
    }

    @Test func `a change of a weight counts both ways, and is told once`() throws {
        var (mandate, returns) = pair()
        mandate.constraints.maxWeightChange = 0.1
        mandate.constraints.maxWeightChanges = ["B": 0.2]
        mandate.constraints.softLimits = [
            SoftLimit(limit: "/max_weight_change", penalty: 0.001),
            SoftLimit(limit: "/max_weight_changes/B", penalty: 0.002),
        ]
        for (objective, moved) in [(Objective.maximizeReturn, 0.5), (.minimizeRisk, -0.5)] {
            let problem = try mandate.problem(objective, measure: .worstRealization, returns: returns)
            let solution = try optimizeAllocation(problem) { false }
            #expect(abs(solution.weights[0] - 0.5 - moved) <= 1e-8, "\(objective): \(solution.weights)")
            let told = problem.softLimits(weights: solution.weights, cash: solution.cash)
            #expect(told.map(\.constraint) == ["/max_weight_change", "/max_weight_changes/B"])
            #expect(told.map(\.subject) == ["A", nil])
            #expect(zip(told, [0.1, 0.2]).allSatisfy { $0.bound == $1 && abs($0.value - 0.5) <= 1e-9 })
            #expect(zip(told, [0.4, 0.3]).allSatisfy { abs($0.excess - $1) <= 1e-9 })
        }
    }

    @Test func `no trade at all may be soft`() throws {
        var (mandate, returns) = pair()
        mandate.constraints.maxWeightChange = 0
        mandate.constraints.softLimits = [SoftLimit(limit: "/max_weight_change", penalty: 0.03)]
        let problem = try mandate.problem(.maximizeReturn, measure: .meanAbsoluteDeviation, returns: returns)
        let solution = try optimizeAllocation(problem) { false }
        #expect(abs(solution.weights[0] - 1) <= 1e-8)
        mandate.constraints.softLimits = [SoftLimit(limit: "/max_weight_change", penalty: 0.05)]
        let dearer = try mandate.problem(.maximizeReturn, measure: .meanAbsoluteDeviation, returns: returns)
        let still = try optimizeAllocation(dearer) { false }
        #expect(abs(still.weights[0] - 0.5) <= 1e-8)
    }

    @Test func `a factor's share of the risk may be soft, from either side`() throws {
        var mandate = TestMandate(expectedReturns: [0.12, 0.04], covariance: [[0.09, 0.03], [0.03, 0.01]])
        mandate.exposures = FactorStructure(
            factors: ["MKT"],
            covariance: FactorCovariance(
                exposuresTransposed: DenseMatrix(rows: 1, columns: 2, columnMajor: [1, -1]),
                factorCovariance: DenseMatrix(rows: 1, columns: 1, columnMajor: [0.04]),
                specificVariance: [0.01, 0.01]
            )
        )
        mandate.constraints.factorExposures = ["MKT": FactorLimit(maxRisk: 0.1)]
        for (objective, wanted) in [(Objective.maximizeReturn, 1.0), (.minimizeRisk, 0)] {
            mandate.constraints.softLimits = [SoftLimit(limit: "/factor_exposures/MKT/max_risk", penalty: 0.01)]
            let problem = try mandate.problem(objective)
            let solution = try optimizeAllocation(problem) { false }
            #expect(abs(solution.weights[0] - wanted) <= 1e-7, "\(objective): \(solution.weights)")
            let told = problem.softLimits(weights: solution.weights, cash: solution.cash)
            #expect(told.count == 1 && abs(told[0].value - 0.2) <= 1e-7 && abs(told[0].excess - 0.1) <= 1e-7)
            mandate.constraints.softLimits = [SoftLimit(limit: "/factor_exposures/MKT/max_risk", penalty: 10)]
            let dear = try optimizeAllocation(mandate.problem(objective)) { false }
            #expect(abs(dear.weights[0] - (wanted == 1 ? 0.75 : 0.25)) <= 1e-7, "\(objective): \(dear.weights)")
        }
    }

    @Test(arguments: RiskMeasure.allCases.filter { $0 != .volatility && $0 != .valueAtRisk })
    func `a penalty that never pays is a hard limit, whoever may be held`(_ measure: RiskMeasure) throws {
        var (mandate, returns) = pair()
        mandate.constraints.minPositionSize = 0.3
        let free = try mandate.problem(.minimizeRisk, measure: measure, returns: returns)
        let least = try optimizeAllocation(free) { false }
        let risk = RiskMandate(returns: returns, mandate: mandate, measure: measure, objective: .minimizeRisk, name: "")
        mandate.constraints.maxRisk = 2 * risk.risk(least.weights)
        let hard = try mandate.problem(.maximizeReturn, measure: measure, returns: returns)
        mandate.constraints.softLimits = [SoftLimit(limit: "/max_risk", penalty: 1000)]
        let soft = try mandate.problem(.maximizeReturn, measure: measure, returns: returns)
        let first = try optimizeAllocation(hard) { false }
        let second = try optimizeAllocation(soft) { false }
        #expect(abs(first.weights[0] - second.weights[0]) <= 1e-6, "\(first.weights), \(second.weights)")
        #expect(second.report.relativeGap <= 1e-6)
    }

    // MARK: Refusals

    @Test func `what has no unit for a penalty says so`() throws {
        var (mandate, returns) = pair()
        mandate.constraints.maxTurnover = 0.1
        mandate.constraints.softLimits = [SoftLimit(limit: "/max_turnover", penalty: 1)]
        func message(_ objective: Objective, _ measure: RiskMeasure) throws -> String {
            do {
                _ = try mandate.problem(objective, measure: measure, returns: returns)
                return ""
            } catch let failure as OptimizationFailure {
                return failure.code == "unsupported_constraint" ? failure.message : failure.code
            }
        }
        #expect(try message(.maximizeSharpe, .conditionalValueAtRisk).contains("is a ratio"))
        #expect(try message(.maximizeDiversification, .volatility).contains("is a ratio"))
        #expect(try message(.maximizeReturn, .valueAtRisk).contains("not convex"))
    }
}
