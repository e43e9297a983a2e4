import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

@Suite("Mandates that may hold short")
struct ShortMandateTests {
    @Test func `the fixture has optima of every objective, and clashes`() {
        let optimal = RandomMandate.short.filter { $0.status == "optimal" }
        #expect(optimal.count > 90)
        #expect(Set(optimal.map(\.objective)).count == 4)
        #expect(RandomMandate.short.contains { $0.status == "infeasible" })
        #expect(optimal.contains { $0.constraints.min_position_size != nil })
        #expect(optimal.contains { $0.constraints.max_positions != nil })
    }

    @Test(arguments: RandomMandate.short)
    func `the optimum is the reference's and meets every limit`(_ example: RandomMandate) throws {
        let objective = try #require(Objective(rawValue: example.objective))
        let problem = try example.mandate().problem(objective)
        guard example.status == "optimal" else {
            let failure = try #require(try example.mandate().failure(objective))
            #expect(failure.code == example.status, "\(failure)")
            #expect(failure.code != "infeasible" || !failure.conflicts.isEmpty)
            return
        }
        let solution = try optimizeAllocation(problem) { false }
        let expected = try #require(example.expected.map { objective == .minimizeRisk ? -$0 : $0 })
        let value = Figures(problem, solution.weights, solution.cash).value(objective)
        #expect(abs(value - expected) <= 1e-6 * max(abs(expected), 1e-2), "\(value) is not \(expected)")
        #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-7)
        #expect(abs(solution.weights.reduce(solution.cash, +) - 1) <= 1e-12)
        #expect(solution.weights.allSatisfy { $0 == 0 || abs($0) >= 1e-9 })
    }

    @Test func `active sets and the interior point agree`() throws {
        var compared = 0
        for example in RandomMandate.short where example.status == "optimal" {
            let objective = try #require(Objective(rawValue: example.objective))
            let problem = try example.mandate().problem(objective)
            let solution = try optimizeAllocation(problem) { false }
            guard solution.report.solver == "active_set" || solution.report.solver == "critical_line" else { continue }
            compared += 1
            let other = try optimizeByInteriorPoint(problem) { false }
            let values = [solution, other].map { Figures(problem, $0.weights, $0.cash).value(objective) }
            #expect(abs(values[0] - values[1]) <= 1e-8 * max(1e-2, abs(values[0])), "seed \(example.seed): \(values)")
        }
        #expect(compared > 20, "\(compared)")
    }

    @Test(arguments: Objective.onReturnAndRisk)
    func `limits on other data end in an allocation within them or in a reason`(_ objective: Objective) throws {
        for example in RandomMandate.short {
            let mandate = example.mandate(shift: 3000)
            let problem = try mandate.problem(objective)
            do throws(OptimizationFailure) {
                let solution = try optimizeAllocation(problem) { false }
                #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-9, "seed \(example.seed)")
            } catch {
                #expect(["infeasible", "no_excess_return"].contains(error.code), "seed \(example.seed): \(error)")
            }
        }
    }

    // MARK: By hand

    /// Two instruments of equal risk, correlated, of which one earns less than nothing.
    private var pair: TestMandate {
        var mandate = TestMandate(
            expectedReturns: [0.10, -0.02],
            covariance: [[0.04, 0.03], [0.03, 0.04]],
            quantities: [1, 0]
        )
        mandate.constraints.allowShort = true
        mandate.constraints.maxGrossExposure = 1.6
        return mandate
    }

    @Test func `the most return is as short as the gross exposure allows`() throws {
        let solution = try pair.solve(.maximizeReturn)
        #expect(abs(solution.weights[0] - 1.3) < 1e-9 && abs(solution.weights[1] + 0.3) < 1e-9)
        let gross = try #require(solution.bindingConstraints.first { $0.constraint == "/max_gross_exposure" })
        // One more of gross is half more of either: (0.10 + 0.02) / 2.
        #expect(abs(gross.value - 1.6) < 1e-9 && abs((gross.shadowPrice ?? 0) - 0.06) < 1e-9)
    }

    @Test func `the largest size bounds both sides, and says for whom`() throws {
        var mandate = pair
        mandate.constraints.maxPositionSize = 1.2
        let solution = try mandate.solve(.maximizeReturn)
        #expect(abs(solution.weights[0] - 1.2) < 1e-9 && abs(solution.weights[1] + 0.2) < 1e-9)
        mandate.constraints.maxWeights = ["A": 1.5]
        mandate.constraints.maxPositionSize = 0.1
        let other = try mandate.solve(.maximizeReturn)
        #expect(abs(other.weights[1] + 0.1) < 1e-9)
        let size = try #require(other.bindingConstraints.first { $0.constraint == "/max_position_size" })
        #expect(size.subject == "B" && size.bound == 0.1 && abs(size.value - 0.1) < 1e-9)
        #expect(abs((size.shadowPrice ?? 0) - 0.12) < 1e-9)
    }

    @Test func `a floor is a hard one on either side of nothing`() throws {
        var mandate = pair
        mandate.constraints.minWeights = ["B": -0.05]
        #expect(try abs(mandate.solve(.maximizeReturn).weights[1] + 0.05) < 1e-9)
        mandate.constraints.minWeights = ["B": 0.2]
        #expect(try abs(mandate.solve(.maximizeReturn).weights[1] - 0.2) < 1e-9)
    }

    @Test func `what is short already is bought back where nothing may be short below`() throws {
        var mandate = pair
        mandate.quantities = [2, -1]
        mandate.constraints.maxTurnover = 0
        mandate.constraints.maxGrossExposure = 3
        let kept = try mandate.solve(.maximizeUtility)
        #expect(kept.weights == [2, -1])
        mandate.constraints.maxTurnover = 0.5
        let traded = try mandate.solve(.minimizeRisk)
        #expect(abs(traded.weights[0] - 1.5) < 1e-9 && abs(traded.weights[1] + 0.5) < 1e-9)
    }

    @Test func `without a limit on the gross exposure nothing is short`() throws {
        var mandate = pair
        mandate.constraints.maxGrossExposure = nil
        #expect(throws: OptimizationFailure.self) { try mandate.problem(.maximizeReturn) }
        mandate.constraints.allowShort = nil
        #expect(try mandate.solve(.maximizeReturn).weights == [1, 0])
        mandate.constraints.maxGrossExposure = 0.7
        mandate.constraints.maxCash = 1
        let limited = try mandate.solve(.maximizeReturn)
        #expect(abs(limited.weights[0] - 0.7) < 1e-9 && limited.weights[1] == 0)
    }

    @Test func `a clash of gross exposure and floors is told with what each would have to be`() throws {
        var mandate = pair
        mandate.constraints.minWeights = ["B": -0.5]
        mandate.constraints.maxWeights = ["B": -0.5]
        let failure = try #require(try mandate.failure(.minimizeRisk))
        #expect(failure.code == "infeasible")
        #expect(abs(failure.nearest("/max_gross_exposure") - 2) < 1e-7, "\(failure)")
        #expect(abs(failure.nearest("/max_weights/B") + 0.3) < 1e-7, "\(failure)")
        mandate.constraints.maxGrossExposure = failure.nearest("/max_gross_exposure")
        #expect(try mandate.failure(.minimizeRisk) == nil)
        var tight = pair
        tight.constraints.maxGrossExposure = 0.9
        #expect(try tight.failure(.minimizeRisk)?.message.contains("max_gross_exposure 0.9 is less than the 1") == true)
    }

    // MARK: Prices

    private var six: TestMandate {
        let loadings = [0.10, 0.14, 0.18, 0.08, 0.22, 0.12]
        let specific = [0.08, 0.12, 0.10, 0.06, 0.20, 0.15]
        var covariance: [[Double]] = []
        for i in 0..<6 {
            var row = loadings.map { $0 * loadings[i] }
            row[i] += specific[i] * specific[i]
            covariance.append(row)
        }
        var mandate = TestMandate(
            expectedReturns: [0.02, 0.09, 0.11, -0.01, 0.13, 0.01],
            covariance: covariance,
            quantities: [3, 0, 1, 4, 0, 1]
        )
        mandate.cash = 100
        mandate.sectors = ["X", "X", "X", "Y", "Y", nil]
        mandate.preferences.riskFreeRate = 0.02
        mandate.constraints.allowShort = true
        mandate.constraints.maxGrossExposure = 1.8
        return mandate
    }

    private func value(_ mandate: TestMandate, _ objective: Objective) throws -> Double {
        let problem = try mandate.problem(objective)
        let solution = try optimizeAllocation(problem) { false }
        return Figures(problem, solution.weights, solution.cash).value(objective)
    }

    private func expectSlope(
        _ mandate: TestMandate,
        _ objective: Objective,
        _ pointer: String,
        _ set: (inout Constraints, Double) -> Void,
        _ bound: Double
    ) throws {
        var (base, above, below) = (mandate, mandate, mandate)
        let step = 1e-5
        set(&base.constraints, bound)
        set(&above.constraints, bound + step)
        set(&below.constraints, bound - step)
        let binding = try base.solve(objective).bindingConstraints.filter { $0.constraint == pointer }
        #expect(!binding.isEmpty, "\(pointer) does not bind for \(objective)")
        let price = try binding.reduce(0) { try $0 + #require($1.shadowPrice) }
        let slope = try (value(above, objective) - value(below, objective)) / (2 * step)
        #expect(abs(price - slope) <= 1e-4 * max(1e-2, abs(slope)), "\(pointer), \(objective): \(price), not \(slope)")
        #expect(abs(slope) > 1e-6, "\(pointer) costs nothing for \(objective)")
    }

    @Test(arguments: [Objective.maximizeSharpe, .maximizeReturn, .maximizeUtility])
    func `sizes have the slope of the optimum`(_ objective: Objective) throws {
        try expectSlope(six, objective, "/max_gross_exposure", { $0.maxGrossExposure = $1 }, 1.5)
        var turned = six
        turned.constraints.maxTurnover = 1.2
        try expectSlope(turned, objective, "/max_gross_exposure", { $0.maxGrossExposure = $1 }, 1.5)
        try expectSlope(six, objective, "/max_position_size", { $0.maxPositionSize = $1 }, 0.31)
        var sized = six
        sized.constraints.maxPositionSize = 0.6
        try expectSlope(sized, objective, "/max_sector_exposure", { $0.maxSectorExposure = $1 }, 0.72)
        try expectSlope(sized, objective, "/min_weights/D", { $0.minWeights = ["D": $1] }, -0.11)
        let group = { (limits: inout Constraints, bound: Double) in
            limits.groups = [GroupLimit(name: "g", members: .instruments(["A", "D"]), min: bound)]
        }
        try expectSlope(sized, objective, "/groups/0/min", group, -0.15)
    }

    @Test(arguments: [Objective.maximizeUtility, .maximizeSharpe], [false, true])
    func `what is neither long nor short says what the nearer side would cost`(
        _ objective: Objective,
        hasTurnover: Bool
    ) throws {
        var mandate = six
        mandate.constraints.maxGrossExposure = 1.15
        mandate.constraints.maxPositionSize = 0.5
        if hasTurnover { mandate.constraints.maxTurnover = 0.9 }
        let problem = try mandate.problem(objective)
        let excluded = problem.excluded(from: try optimizeAllocation(problem) { false })
        #expect(!excluded.isEmpty)
        let best = try value(mandate, objective)
        for entry in excluded {
            let cost = try #require(entry.reducedCost)
            let step = 1e-5
            let slopes = try [1.0, -1.0].map { side in
                var forced = mandate
                if side > 0 {
                    forced.constraints.minWeights = [entry.instrumentID: step]
                } else {
                    forced.constraints.maxWeights = [entry.instrumentID: -step]
                }
                return try (value(forced, objective) - best) / step
            }
            let nearer = max(slopes[0], slopes[1])
            #expect(abs(cost - nearer) <= 1e-3 * max(1e-2, abs(nearer)), "\(entry), not \(slopes)")
        }
    }
}
