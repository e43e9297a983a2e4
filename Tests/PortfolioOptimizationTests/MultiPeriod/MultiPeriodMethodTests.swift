import Matrices
import PortfolioModel
import Testing

import PortfolioOptimization

@Suite("Several periods")
struct MultiPeriodMethodTests {
    /// Four instruments, of which two are held, over the given periods.
    private func mandate(_ rows: [[Double]], target: [String: Double]? = nil) -> TestMandate {
        var mandate = TestMandate(
            expectedReturns: [0.08, 0.06, 0.05, 0.03],
            covariance: [
                [0.04, 0.006, 0.004, 0.0], [0.006, 0.0225, 0.003, 0.001], [0.004, 0.003, 0.01, 0.0005],
                [0.0, 0.001, 0.0005, 0.0025],
            ],
            quantities: [3, 1, 0, 0]
        )
        mandate.type = .multiPeriod
        mandate.benchmark = ["A": 0.4, "B": 0.3, "D": 0.3]
        mandate.preferences.transactionCostModel = 0.002
        mandate.parameters.horizon = Horizon(
            periodCount: rows.count,
            expectedReturns: rows.contains([]) ? nil : rows,
            terminalTarget: target
        )
        return mandate
    }

    private let rows = [[0.08, 0.06, 0.05, 0.03], [0.02, 0.09, 0.05, 0.03], [0.05, 0.045, 0.09, 0.03]]

    private func path(_ mandate: TestMandate, _ objective: Objective) throws -> AllocationPath {
        try #require(try mandate.solve(objective).path)
    }

    // MARK: What it must agree with

    @Test(arguments: Capabilities.objectives(of: .multiPeriod))
    func `the program of one period finds the single-period optimum`(objective: Objective) throws {
        var one = mandate([rows[0]])
        one.preferences.includeTransactionCosts = true
        one.constraints.maxPositionSize = 0.6
        one.constraints.maxTurnover = 0.3
        one.constraints.targetVolatility = 0.14
        let program = try optimizePathByProgram(one.problem(objective)) { false }
        let single = try one.solve(objective)
        let plain = try one.problem(objective)
        let values = [program, single].map { Figures(plain, $0.weights, $0.cash).value(objective) }
        #expect(abs(values[0] - values[1]) <= 1e-8 * max(1, abs(values[1])))
        // Least tracking error and cost are flat where they are 0.
        if values[1].magnitude > 1e-6 {
            for (left, right) in zip(program.weights, single.weights) { #expect(abs(left - right) < 1e-6) }
        }
        for binding in single.bindingConstraints {
            let twin = program.bindingConstraints.first {
                $0.constraint == binding.constraint && $0.subject == binding.subject
            }
            if let price = binding.shadowPrice, abs(price) > 1e-6, objective != .minimizeTransactionCosts {
                #expect(abs((twin?.shadowPrice ?? 0) - price) <= 1e-5 * abs(price), "\(binding.constraint)")
            }
        }
    }

    @Test(arguments: [Objective.maximizeUtility, .maximizeReturn])
    func `without costs and limits on turnover each period is its own optimum`(objective: Objective) throws {
        var several = mandate(rows)
        several.constraints.maxPositionSize = 0.7
        several.constraints.targetVolatility = 0.12
        let path = try path(several, objective)
        for (row, step) in zip(rows, path.steps) {
            let myopic = mandate([row])
            var own = myopic
            own.constraints = several.constraints
            let single = try own.solve(objective)
            for (left, right) in zip(step.weights, single.weights) { #expect(abs(left - right) < 1e-6) }
        }
    }

    @Test func `a price is what the path gains when the limit moves in every period`() throws {
        var several = mandate(rows)
        several.preferences.includeTransactionCosts = true
        several.constraints.maxTurnover = 0.15
        several.constraints.maxPositionSize = 0.62
        for objective in [Objective.maximizeUtility, .maximizeReturn, .maximizeSharpe, .minimizeRisk] {
            let solution = try several.solve(objective)
            let price = solution.bindingConstraints.first { $0.constraint == "/max_turnover" }?.shadowPrice
            guard let price else { continue }
            let step = 1e-5
            var values: [Double] = []
            for sign in [-1.0, 1.0] {
                var moved = several
                moved.constraints.maxTurnover = 0.15 + sign * step
                values.append(try path(moved, objective).objective)
            }
            let slope = (values[1] - values[0]) / (2 * step) * (objective.isMinimized ? -1 : 1)
            // Later periods' prices count as well, where turnover binds in the first.
            let later = try path(several, objective).steps.dropFirst().flatMap(\.bindingConstraints)
                .filter { $0.constraint == "/max_turnover" }
            #expect(price >= (later.compactMap(\.shadowPrice).max() ?? 0) - 1e-9)
            #expect(abs(slope - price) <= 1e-3 * max(abs(price), 1e-3), "\(objective): \(slope) and \(price)")
        }
    }

    @Test func `a cost that is dearer than what a trade gains stops trading`() throws {
        var several = mandate([rows[0], rows[0]])
        several.preferences.includeTransactionCosts = true
        several.preferences.transactionCostModel = 0.4
        let path = try path(several, .maximizeUtility)
        for step in path.steps {
            for (weight, current) in zip(step.weights, [0.75, 0.25, 0, 0]) { #expect(weight == current) }
        }
    }

    @Test func `a gain that lasts is traded for where one of a single period is not`() throws {
        // 1 % over one period does not pay for 1.5 % there; over four it does.
        func weight(_ periods: Int) throws -> Double {
            var mandate = TestMandate(
                expectedReturns: [0.02, 0.03],
                covariance: [[0.0001, 0], [0, 0.0001]],
                quantities: [1, 0]
            )
            mandate.type = .multiPeriod
            mandate.parameters.horizon = Horizon(periodCount: periods)
            mandate.preferences.includeTransactionCosts = true
            mandate.preferences.transactionCostModel = 0.0075
            return try mandate.solve(.maximizeReturn).weights[1]
        }
        #expect(try weight(1) == 0)
        #expect(try abs(weight(4) - 1) < 1e-9)
    }

    // MARK: The end

    @Test(arguments: Capabilities.objectives(of: .multiPeriod))
    func `a path ends at its target`(objective: Objective) throws {
        var several = mandate(rows, target: ["B": 0.5, "C": 0.5])
        several.constraints.maxTurnover = 0.4
        let path = try path(several, objective)
        #expect(path.steps.count == 3)
        #expect(path.steps[2].weights == [0, 0.5, 0.5, 0])
        #expect(try PathFigures(several, objective, path).worstMiss <= 1e-8)
    }

    @Test func `a target out of reach names itself and what keeps it out of reach`() throws {
        var several = mandate(rows, target: ["C": 1])
        several.constraints.maxTurnover = 0.3
        let failure = try #require(try several.failure(.maximizeUtility))
        #expect(failure.code == "infeasible")
        #expect(Set(failure.conflicts.map(\.constraint)) == ["/max_turnover", "/horizon/terminal_target"])
        let nearest = try #require(failure.conflicts.first { $0.constraint == "/max_turnover" }?.nearestFeasible)
        #expect(abs(nearest - 1.0 / 3) < 1e-6)
        several.constraints.maxTurnover = nearest
        #expect(try path(several, .maximizeUtility).steps[2].weights[2] == 1)
    }

    @Test func `a target above a cap is infeasible in the last period`() throws {
        var several = mandate(rows, target: ["C": 0.9, "D": 0.1])
        several.constraints.maxPositionSize = 0.6
        let failure = try #require(try several.failure(.minimizeRisk))
        #expect(failure.code == "infeasible")
        #expect(failure.conflicts.contains { $0.constraint == "/horizon/terminal_target" })
        #expect(failure.message.contains("period 3"), "\(failure.message)")
    }

    // MARK: No path

    @Test func `a limit that only a later period breaks is named with that period and its nearest value`() throws {
        var several = mandate([rows[0], rows[1], [0.01, 0.01, 0.02, 0.01]])
        several.constraints.minReturn = 0.03
        let failure = try #require(try several.failure(.minimizeRisk))
        #expect(failure.code == "infeasible")
        #expect(failure.conflicts.map(\.constraint) == ["/min_return"])
        #expect(failure.message.contains("period 3"), "\(failure.message)")
        let nearest = try #require(failure.conflicts.first?.nearestFeasible)
        #expect(abs(nearest - 0.02) < 1e-6)
        several.constraints.minReturn = nearest
        #expect(try several.failure(.minimizeRisk) == nil)
    }

    @Test func `without a positive gain on the whole path there is no ratio`() throws {
        var several = mandate([[0.01, 0.0, 0.01, 0.0], [0.0, 0.01, 0.0, 0.01]])
        several.preferences.riskFreeRate = 0.02
        #expect(try several.failure(.maximizeSharpe)?.code == "no_excess_return")
    }

    // MARK: Degenerate

    @Test(arguments: Capabilities.objectives(of: .multiPeriod))
    func `no trading keeps what is held`(objective: Objective) throws {
        var several = mandate(rows)
        several.constraints.maxTurnover = 0
        let path = try path(several, objective)
        for step in path.steps { #expect(step.weights == [0.75, 0.25, 0, 0]) }
    }

    @Test(arguments: [Objective.maximizeUtility, .minimizeRisk, .maximizeSharpe])
    func `equal instruments and a singular covariance have a path`(objective: Objective) throws {
        var several = TestMandate(
            expectedReturns: [0.05, 0.05, 0.02],
            covariance: [[0.04, 0.04, 0.01], [0.04, 0.04, 0.01], [0.01, 0.01, 0.01]]
        )
        several.type = .multiPeriod
        several.parameters.horizon = Horizon(periodCount: 3)
        several.preferences.includeTransactionCosts = true
        several.preferences.transactionCostModel = 0.001
        let path = try path(several, objective)
        #expect(try PathFigures(several, objective, path).worstMiss <= 1e-9)
    }

    @Test(arguments: Objective.onReturnAndRisk)
    func `one instrument is held throughout`(objective: Objective) throws {
        var several = TestMandate(expectedReturns: [0.05], covariance: [[0.04]])
        several.type = .multiPeriod
        several.parameters.horizon = Horizon(periodCount: 5)
        let path = try path(several, objective)
        #expect(path.steps.allSatisfy { $0.weights == [1] })
    }

    @Test(arguments: [1e-6, 1e6])
    func `the unit of risk does not move the path of least risk`(scale: Double) throws {
        var several = mandate(rows)
        several.constraints.maxTurnover = 0.2
        let plain = try path(several, .minimizeRisk)
        for index in several.covariance.elements.indices { several.covariance.elements[index] *= scale }
        let scaled = try path(several, .minimizeRisk)
        for (left, right) in zip(plain.steps, scaled.steps) {
            for (one, other) in zip(left.weights, right.weights) { #expect(abs(one - other) < 1e-6) }
        }
        #expect(abs(scaled.objective / plain.objective / scale.squareRoot() - 1) < 1e-8)
    }

    @Test func `the same problem gives the same bits`() throws {
        let several = mandate(rows)
        let first = try path(several, .maximizeSharpe)
        let second = try path(several, .maximizeSharpe)
        #expect(first.steps.map(\.weights) == second.steps.map(\.weights))
    }
}

@Suite("How large a path may be")
struct PathSizeTests {
    private func failure(count: Int, periods: Int) throws -> OptimizationFailure? {
        var mandate = TestMandate(
            expectedReturns: [Double](repeating: 0.05, count: count),
            covariance: (0..<count).map { i in (0..<count).map { $0 == i ? 0.04 : 0 } }
        )
        mandate.type = .multiPeriod
        mandate.parameters.horizon = Horizon(periodCount: periods)
        mandate.constraints.maxTurnover = 0
        return try mandate.failure(.minimizeRisk)
    }

    @Test func `more weights than the limit are refused with their number, as many are not`() throws {
        #expect(try failure(count: 50, periods: Capabilities.horizonWeights.dense / 50) == nil)
        let refused = try failure(count: 51, periods: Capabilities.horizonWeights.dense / 50)
        #expect(refused?.code == "too_large")
        #expect(refused?.message.contains("60 periods of 51 instruments are more than 3000") == true)
    }
}
