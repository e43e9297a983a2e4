import PortfolioModel
import PortfolioOptimization
import Testing

@Suite("Shadow prices")
struct ShadowPriceTests {
    /// Six instruments in two sectors and two classes, on which limits bind without degeneracy.
    private func mandate() -> TestMandate {
        let loadings = [0.10, 0.14, 0.18, 0.08, 0.22, 0.12]
        let specific = [0.08, 0.12, 0.10, 0.06, 0.20, 0.15]
        let covariance = loadings.indices.map { i in
            loadings.indices.map { j in loadings[i] * loadings[j] + (i == j ? specific[i] * specific[i] : 0) }
        }
        var mandate = TestMandate(
            expectedReturns: [0.06, 0.09, 0.11, 0.045, 0.13, 0.07],
            covariance: covariance,
            quantities: [3, 0, 1, 4, 0, 1]
        )
        mandate.cash = 100
        mandate.sectors = ["X", "X", "X", "Y", "Y", nil]
        mandate.assetClasses = ["E", "F", "E", "F", "E", "F"]
        mandate.preferences.riskFreeRate = 0.02
        return mandate
    }

    private func value(_ mandate: TestMandate, _ objective: Objective) throws -> Double {
        let problem = try mandate.problem(objective)
        let solution = try optimizeAllocation(problem) { false }
        return Figures(problem, solution.weights, solution.cash).value(objective)
    }

    /// Solves again with the bound moved both ways and compares the slope with every price reported for the limit.
    private func expectSlope(
        _ mandate: TestMandate,
        _ objective: Objective,
        _ pointer: String,
        _ set: (inout Constraints, Double) -> Void,
        _ bound: Double
    ) throws {
        var base = mandate
        set(&base.constraints, bound)
        let binding = try base.solve(objective).bindingConstraints.filter { $0.constraint == pointer }
        #expect(!binding.isEmpty, "\(pointer) does not bind for \(objective)")
        let price = try binding.reduce(0) { try $0 + #require($1.shadowPrice) }
        #expect(binding.allSatisfy { abs($0.value - bound) < 1e-9 && $0.bound == bound })
        let step = 1e-5
        var above = mandate
        set(&above.constraints, bound + step)
        var below = mandate
        set(&below.constraints, bound - step)
        let slope = try (value(above, objective) - value(below, objective)) / (2 * step)
        #expect(abs(price - slope) <= 1e-4 * max(1e-2, abs(slope)), "\(pointer), \(objective): \(price), not \(slope)")
        #expect(abs(slope) > 1e-6, "\(pointer) costs nothing for \(objective): the test shows nothing")
    }

    @Test(arguments: [Objective.maximizeSharpe, .maximizeReturn, .maximizeUtility])
    func `caps have the slope of the optimum`(_ objective: Objective) throws {
        var mandate = mandate()
        mandate.constraints.maxPositionSize = 0.55
        try expectSlope(mandate, objective, "/max_weights/C", { $0.maxWeights = ["C": $1] }, 0.21)
        try expectSlope(mandate, objective, "/max_position_size", { $0.maxPositionSize = $1 }, 0.22)
        try expectSlope(mandate, objective, "/max_sector_exposure", { $0.maxSectorExposure = $1 }, 0.34)
        try expectSlope(mandate, objective, "/max_asset_class_exposure", { $0.maxAssetClassExposure = $1 }, 0.52)
        let group = { (limits: inout Constraints, bound: Double) in
            limits.groups = [GroupLimit(name: "g", members: .instruments(["C", "E"]), max: bound)]
        }
        try expectSlope(mandate, objective, "/groups/0/max", group, 0.3)
    }

    @Test func `caps and floors have the slope of the least risk`() throws {
        try expectSlope(mandate(), .minimizeRisk, "/max_weights/D", { $0.maxWeights = ["D": $1] }, 0.31)
        try expectSlope(mandate(), .minimizeRisk, "/min_weights/E", { $0.minWeights = ["E": $1] }, 0.2)
        try expectSlope(mandate(), .minimizeRisk, "/min_return", { $0.minReturn = $1 }, 0.09)
        try expectSlope(mandate(), .minimizeRisk, "/max_turnover", { $0.maxTurnover = $1 }, 0.16)
        try expectSlope(mandate(), .minimizeRisk, "/max_cash", { $0.maxCash = $1 }, 0.2)
    }

    @Test(arguments: [Objective.maximizeSharpe, .maximizeUtility, .maximizeReturn])
    func `floors have the slope of the optimum`(_ objective: Objective) throws {
        var mandate = mandate()
        mandate.constraints.maxPositionSize = 0.55
        try expectSlope(mandate, objective, "/min_weights/F", { $0.minWeights = ["F": $1] }, 0.35)
        let group = { (limits: inout Constraints, bound: Double) in
            limits.groups = [GroupLimit(name: "g", members: .instruments(["A", "F"]), min: bound)]
        }
        try expectSlope(mandate, objective, "/groups/0/min", group, 0.4)
    }

    @Test(arguments: [Objective.maximizeSharpe, .maximizeUtility, .maximizeReturn])
    func `turnover, with costs or without, has the slope of the optimum`(_ objective: Objective) throws {
        var mandate = mandate()
        try expectSlope(mandate, objective, "/max_turnover", { $0.maxTurnover = $1 }, 0.23)
        mandate.preferences.includeTransactionCosts = true
        mandate.preferences.transactionCostModel = 0.004
        try expectSlope(mandate, objective, "/max_turnover", { $0.maxTurnover = $1 }, 0.23)
    }

    @Test(arguments: [Objective.maximizeUtility, .maximizeReturn])
    func `volatility has the slope of the optimum`(_ objective: Objective) throws {
        var mandate = mandate()
        mandate.preferences.riskAversion = 0.5
        try expectSlope(mandate, objective, "/target_volatility", { $0.targetVolatility = $1 }, 0.13)
        try expectSlope(mandate, objective, "/max_risk", { $0.maxRisk = $1 }, 0.12)
    }

    @Test func `a volatility below the tangency's has the slope of the Sharpe ratio`() throws {
        var mandate = mandate()
        mandate.constraints.minWeights = ["E": 0.1]
        try expectSlope(mandate, .maximizeSharpe, "/target_volatility", { $0.targetVolatility = $1 }, 0.15)
    }

    @Test func `a return above the tangency's has the slope of the Sharpe ratio`() throws {
        try expectSlope(mandate(), .maximizeSharpe, "/min_return", { $0.minReturn = $1 }, 0.115)
    }

    @Test func `cash that is wanted less has a negative price, cash that is wanted more none`() throws {
        try expectSlope(mandate(), .maximizeReturn, "/min_cash", { $0.minCash = $1 }, 0.15)
        var cautious = mandate()
        cautious.constraints.minCash = 0.15
        let binding = try cautious.solve(.minimizeRisk).bindingConstraints
        #expect(!binding.contains { $0.constraint == "/min_cash" })
    }

    @Test func `prices have the sign of their side`() throws {
        for example in RandomMandate.all where example.status == "optimal" {
            guard let objective = Objective(rawValue: example.objective) else { continue }
            let mandate = example.mandate()
            for limit in try mandate.solve(objective).bindingConstraints {
                guard let price = limit.shadowPrice else {
                    #expect(mandate.constraints.minPositionSize != nil, "seed \(example.seed): \(limit)")
                    continue
                }
                let isLower = limit.constraint.hasPrefix("/min") || limit.constraint.hasSuffix("/min")
                #expect(isLower ? price <= 0 : price >= 0, "seed \(example.seed): \(limit)")
                #expect(price.isFinite)
            }
        }
    }
}
