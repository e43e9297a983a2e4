import Matrices
import PortfolioModel
import PortfolioOptimization
import ResultChecker
import Testing

@Suite("Limits on the changes of single weights")
struct WeightChangeTests {
    /// A, B, C and D, a quarter of each held, uncorrelated, with returns of 8, 6, 4 and 2 %.
    private func mandate() -> TestMandate {
        TestMandate(
            expectedReturns: [0.08, 0.06, 0.04, 0.02],
            covariance: (0..<4).map { i in (0..<4).map { i == $0 ? 0.04 : 0 } }
        )
    }

    @Test func `the specific limit replaces the general one, and each is reported by its own name and price`() throws {
        var mandate = mandate()
        mandate.constraints.maxWeightChange = 0.1
        mandate.constraints.maxWeightChanges = ["A": 0.05]
        let solution = try mandate.solve(.maximizeReturn)
        let expected = [0.3, 0.35, 0.2, 0.15]
        #expect(zip(solution.weights, expected).allSatisfy { abs($0 - $1) < 1e-9 }, "\(solution.weights)")
        let found = solution.bindingConstraints
        let own = try #require(found.first { $0.constraint == "/max_weight_changes/A" })
        #expect(own.subject == nil && own.bound == 0.05 && abs(own.value - 0.05) < 1e-12)
        // One more unit of A is one less of C: 0.08 − 0.04.
        #expect(abs((own.shadowPrice ?? 0) - 0.04) < 1e-9)
        let general = found.filter { $0.constraint == "/max_weight_change" }
        #expect(general.map(\.subject) == ["B", "D"])
        #expect(general.allSatisfy { abs($0.value - 0.1) < 1e-12 && ($0.shadowPrice ?? -1) > 0 })
        // D may fall by more, and C takes it: 0.04 − 0.02.
        #expect(abs((general.last?.shadowPrice ?? 0) - 0.02) < 1e-9)
    }

    @Test func `of a largest weight and a change the one that allows less is reported`() throws {
        var mandate = mandate()
        mandate.constraints.maxWeightChange = 0.1
        mandate.constraints.maxWeights = ["A": 0.32, "B": 0.4]
        let found = try mandate.solve(.maximizeReturn).bindingConstraints
        #expect(found.contains { $0.constraint == "/max_weights/A" && abs($0.value - 0.32) < 1e-12 })
        #expect(!found.contains { $0.constraint == "/max_weight_change" && $0.subject == "A" })
        #expect(found.contains { $0.constraint == "/max_weight_change" && $0.subject == "B" })
        #expect(!found.contains { $0.constraint == "/max_weights/B" })
    }

    @Test func `a change of 0 holds a weight where it is, and is listed once`() throws {
        var mandate = mandate()
        mandate.constraints.maxWeightChanges = ["B": 0]
        for objective in Objective.onReturnAndRisk {
            let solution = try mandate.solve(objective)
            #expect(solution.weights[1] == 0.25, "\(objective)")
            #expect(solution.bindingConstraints.filter { $0.constraint == "/max_weight_changes/B" }.count <= 1)
        }
    }

    @Test func `short positions move no further either`() throws {
        var mandate = mandate()
        mandate.constraints.allowShort = true
        mandate.constraints.maxGrossExposure = 2
        mandate.constraints.maxWeightChange = 0.4
        let solution = try mandate.solve(.maximizeReturn)
        #expect(abs(solution.weights[0] - 0.65) < 1e-9)
        #expect(solution.weights.allSatisfy { abs($0 - 0.25) <= 0.4 + 1e-9 })
        #expect(abs(solution.weights[3] + 0.15) < 1e-9)
        #expect(solution.bindingConstraints.contains { $0.constraint == "/max_weight_change" && $0.subject == "D" })
    }

    @Test func `what may not fall to nothing is held above the threshold, and counts`() throws {
        var mandate = mandate()
        mandate.constraints.maxWeightChanges = ["D": 0.2]
        mandate.constraints.minPositionSize = 0.1
        let held = try mandate.solve(.maximizeReturn).weights
        #expect(abs(held[3] - 0.1) < 1e-9, "\(held)")
        mandate.constraints.maxPositions = 2
        let two = try mandate.solve(.maximizeReturn).weights
        #expect(abs(two[0] - 0.9) < 1e-9 && abs(two[3] - 0.1) < 1e-9, "\(two)")
        mandate.constraints.maxWeightChange = 0.2
        let failure = try #require(try mandate.failure(.maximizeReturn))
        #expect(failure.code == "infeasible")
        #expect(failure.conflicts.contains { $0.constraint == "/max_positions" && $0.nearestFeasible == 4 })
        #expect(failure.message.contains("max_weight_change"))
    }

    @Test func `what is outside the universe must be sold, and a clash with that says how far`() throws {
        var mandate = mandate()
        mandate.universe = ["A", "B", "C"]
        mandate.constraints.maxWeightChange = 0.1
        let failure = try #require(try mandate.failure(.minimizeRisk))
        #expect(failure.code == "infeasible")
        #expect(failure.message.contains("max_weight_change asks for 0.15 of D, which is outside the universe"))
        #expect(abs(failure.nearest("/max_weight_change") - 0.25) < 1e-9)
        mandate.constraints.maxWeightChange = 0.25
        #expect(try mandate.solve(.minimizeRisk).weights[3] == 0)
    }

    @Test func `a repair counts what stands behind a bound that gives way`() throws {
        var mandate = mandate()
        // A may rise to 0.3 by its change and to 0.35 by its cap; B, C and D to 0.2 at most.
        mandate.constraints.maxWeights = ["A": 0.35, "B": 0.2, "C": 0.2, "D": 0.2]
        mandate.constraints.maxWeightChanges = ["A": 0.05]
        let failure = try #require(try mandate.failure(.minimizeRisk))
        #expect(failure.nearest("/max_weight_changes/A").isNaN, "no change of A makes up for its cap")
        #expect(!failure.combinedRepair.isEmpty)
        for repair in failure.combinedRepair { mandate.constraints.set(repair.constraint, repair.repaired) }
        #expect(try mandate.verdict(.minimizeRisk) == nil, "\(failure.combinedRepair)")
    }

    @Test func `over several periods each change counts from the period before`() throws {
        var mandate = mandate()
        mandate.type = .multiPeriod
        mandate.parameters.horizon = Horizon(periodCount: 3)
        mandate.constraints.maxWeightChange = 0.1
        mandate.constraints.maxWeightChanges = ["B": 0]
        for objective in [Objective.maximizeReturn, .maximizeSharpe, .maximizeUtility] {
            let problem = try mandate.problem(objective)
            let path = try #require(try optimizeAllocation(problem) { false }.path)
            var last = problem.currentWeights
            for step in path.steps {
                for (index, weight) in step.weights.enumerated() {
                    let most = index == 1 ? 0 : 0.1
                    #expect(abs(weight - last[index]) <= most + 1e-8, "\(objective) \(index)")
                }
                last = step.weights
            }
        }
        let steps = try #require(try mandate.solve(.maximizeReturn).path).steps
        #expect(zip(steps.map { $0.weights[0] }, [0.35, 0.45, 0.55]).allSatisfy { abs($0 - $1) < 1e-8 })
        #expect(steps[1].bindingConstraints.contains { $0.constraint == "/max_weight_change" && $0.subject == "A" })
    }

    @Test func `stage by stage a path with limits on changes and turnover is the same`() throws {
        var mandate = mandate()
        mandate.type = .multiPeriod
        mandate.parameters.horizon = Horizon(
            periodCount: 4,
            expectedReturns: [
                [0.08, 0.06, 0.04, 0.02], [0.02, 0.04, 0.06, 0.08], [0.08, 0.02, 0.06, 0.04], [0.05, 0.05, 0.04, 0.03],
            ]
        )
        mandate.constraints.maxWeightChange = 0.07
        mandate.constraints.maxWeightChanges = ["C": 0.02]
        for turnover in [nil, 0.1] as [Double?] {
            mandate.constraints.maxTurnover = turnover
            for objective in Objective.onReturnAndRisk {
                let problem = try mandate.problem(objective)
                let one = try #require(try optimizePathByProgram(problem) { false }.path)
                let other = try #require(try optimizePathByProgram(problem, inStages: true) { false }.path)
                #expect(abs(one.objective - other.objective) <= 1e-7 * abs(one.objective), "\(objective)")
            }
        }
    }

    @Test func `changes of 0 of everything are no trading at all`() throws {
        var mandate = mandate()
        mandate.constraints.maxWeightChange = 0
        for objective in Objective.onReturnAndRisk {
            let solution = try mandate.solve(objective)
            #expect(solution.weights == [0.25, 0.25, 0.25, 0.25], "\(objective)")
            #expect(solution.bindingConstraints.count == 4)
        }
        mandate.constraints.maxWeights = ["A": 0.2]
        let failure = try #require(try mandate.failure(.minimizeRisk))
        #expect(abs(failure.nearest("/max_weights/A") - 0.25) < 1e-9)
    }

    @Test func `a path that cannot sell in time says how far a change would have to reach`() throws {
        var mandate = mandate()
        mandate.type = .multiPeriod
        mandate.parameters.horizon = Horizon(periodCount: 3, terminalTarget: ["A": 1])
        mandate.constraints.maxWeightChange = 0.1
        let failure = try #require(try mandate.failure(.maximizeReturn))
        #expect(failure.code == "infeasible")
        // A has 0.75 to go in three periods.
        #expect(abs(failure.nearest("/max_weight_change") - 0.25) < 1e-7, "\(failure.conflicts)")
    }

    @Test func `risk budgets keep to changes`() throws {
        var mandate = mandate()
        mandate.type = .riskParity
        mandate.covariance =
            DenseMatrix(rows: [[0.01, 0, 0, 0], [0, 0.04, 0, 0], [0, 0, 0.09, 0], [0, 0, 0, 0.16]])
            ?? mandate.covariance
        mandate.constraints.maxWeightChange = 0.05
        for type in [OptimizationType.riskParity, .hierarchicalRiskParity] {
            mandate.type = type
            let weights = try mandate.solve(.riskBudgeting).weights
            #expect(weights.allSatisfy { abs($0 - 0.25) <= 0.05 + 1e-8 }, "\(type) \(weights)")
            #expect(abs(weights[0] - 0.3) < 1e-8)
        }
    }

    // MARK: Frontiers and plans

    @Test(arguments: [RiskMeasure.volatility, .meanAbsoluteDeviation])
    func `no point of a frontier moves a weight further`(_ measure: RiskMeasure) throws {
        var mandate = mandate()
        mandate.constraints.maxWeightChange = 0.1
        mandate.constraints.maxWeightChanges = ["A": 0.05]
        var stream = UniformStream(seed: 3)
        var returns = DenseMatrix(rows: 30, columns: 4)
        for index in returns.elements.indices { returns.elements[index] = 0.02 * stream.next() - 0.01 }
        let request = FrontierRequest(
            portfolioID: "portfolio",
            pointCount: 6,
            riskMeasure: measure,
            constraints: mandate.constraints
        )
        let asked = mandate.asked(.minimizeRisk, measure: measure, returns: returns)
        let problem = try mandate.problem(.minimizeRisk, measure: measure, returns: returns)
        let traced = try traceFrontier(problem, request) { false }
        #expect(traced.points.count == 6)
        for point in traced.points {
            let moved = point.weights.map { abs($0 - 0.25) }
            #expect(moved[0] <= 0.05 + 1e-9 && moved.allSatisfy { $0 <= 0.1 + 1e-9 }, "\(point.weights)")
        }
        // The end of most return is the optimum of return alone.
        let best = traced.points.map(\.expectedReturn).max() ?? 0
        #expect(abs(best - (0.3 * 0.08 + 0.35 * 0.06 + 0.2 * 0.04 + 0.15 * 0.02)) <= 1e-8)
        let check = FrontierCheck(snapshot: asked.snapshot, moments: asked.moments, request: request)
        let points = traced.points.map { FrontierPoint($0, of: problem) }
        #expect(check.violations(in: points).filter { $0.claim.contains("weight_change") } == [])
    }

    @Test(arguments: [true, false])
    func `a plan moves no weight further, in lots and in fractions`(wholeLots: Bool) throws {
        var mandate = mandate()
        mandate.quantities = [10, 10, 10, 10]
        mandate.constraints.maxWeightChange = 0.1
        mandate.constraints.maxWeightChanges = ["D": 0.06]
        let asked = mandate.asked(.minimizeRisk)
        let request = RebalanceRequest(
            portfolioID: "portfolio",
            target: .custom,
            targetAllocation: ["A": 0.7, "B": 0.3],
            constraints: mandate.constraints,
            wholeLots: wholeLots
        )
        let plan = try planRebalance(request, snapshot: asked.snapshot, moments: asked.moments)
        let result = try plan.result(of: request, snapshot: asked.snapshot, moments: asked.moments)
        let check = RebalanceCheck(snapshot: asked.snapshot, moments: asked.moments, request: request)
        #expect(check.violations(in: result) == [])
        let weights = ["A", "B", "C", "D"].map { result.targetAllocation[$0] ?? 0 }
        // In lots of 0.025, D gives two and C four of them; the rest of what A would take goes nowhere.
        let floors = wholeLots ? 0.2 : 0.19
        #expect(abs(weights[0] - 0.35) <= 1e-6 && abs(weights[2] - 0.15) <= 1e-6, "\(weights)")
        #expect(weights[3] >= floors - 1e-7 && weights[3] <= floors + 1e-6, "\(weights)")
    }
}
