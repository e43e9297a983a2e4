import Matrices
import PortfolioModel
import PortfolioOptimization
import Testing

@Suite("Mandates without an allocation")
struct InfeasibilityTests {
    private func mandate(_ count: Int = 8) -> TestMandate {
        let covariance = (0..<count).map { i in
            (0..<count).map { j in (i == j ? 0.02 + 0.005 * Double(i) : 0.004) }
        }
        return TestMandate(expectedReturns: (0..<count).map { 0.04 + 0.01 * Double($0) }, covariance: covariance)
    }

    @Test(arguments: Objective.onReturnAndRisk)
    func `caps that cannot reach 1 are named with their sum and their remedy`(_ objective: Objective) throws {
        var mandate = mandate()
        mandate.constraints.maxPositionSize = 0.05
        let failure = try #require(try mandate.failure(objective))
        #expect(failure.code == "infeasible")
        #expect(failure.message.contains("8 instruments × 0.05 = 0.4 < the 1 that must be invested"))
        #expect(
            failure.conflicts == [
                ConstraintConflict(
                    constraint: "/max_position_size",
                    subject: nil,
                    bound: 0.05,
                    nearestFeasible: 0.125
                )
            ]
        )
    }

    @Test func `floors above 1 are named`() throws {
        var mandate = mandate()
        mandate.constraints.minWeights = ["A": 0.6, "B": 0.5]
        mandate.constraints.minCash = 0.1
        let failure = try #require(try mandate.failure(.minimizeRisk))
        #expect(failure.message.contains("sum to 1.2 > 1"))
        #expect(abs(failure.nearest("/min_weights/A") - 0.4) < 1e-9)
        #expect(abs(failure.nearest("/min_weights/B") - 0.3) < 1e-9)
        let cash = try #require(failure.conflicts.first { $0.constraint == "/min_cash" })
        #expect(cash.nearestFeasible == nil, "no cash at all still leaves 1.1")
    }

    @Test func `sector caps that leave no room are named`() throws {
        var mandate = mandate()
        mandate.sectors = ["X", "X", "X", "X", "Y", "Y", "Y", nil]
        mandate.constraints.maxSectorExposure = 0.3
        mandate.constraints.maxPositionSize = 0.25
        let failure = try #require(try mandate.failure(.maximizeReturn))
        #expect(failure.message.contains("max_sector_exposure 0.3 leaves room for 0.85"))
        #expect(abs(failure.nearest("/max_sector_exposure") - 0.375) < 1e-9)
        #expect(abs(failure.nearest("/max_position_size") - 0.4) < 1e-9)
    }

    @Test func `asset-class caps and group floors that leave no room are named`() throws {
        var mandate = mandate()
        mandate.assetClasses = ["E", "E", "E", "E", "F", "F", "F", "F"]
        mandate.constraints.maxAssetClassExposure = 0.4
        var failure = try #require(try mandate.failure(.minimizeRisk))
        #expect(failure.message.contains("max_asset_class_exposure"))
        #expect(abs(failure.nearest("/max_asset_class_exposure") - 0.5) < 1e-9)
        mandate.constraints.maxAssetClassExposure = nil
        mandate.constraints.maxPositionSize = 0.2
        mandate.constraints.groups = [GroupLimit(name: "g", members: .instruments(["A", "B"]), min: 0.5)]
        failure = try #require(try mandate.failure(.minimizeRisk))
        #expect(failure.message.contains("/groups/0/min asks for 0.5"))
        #expect(abs(failure.nearest("/groups/0/min") - 0.4) < 1e-9)
        #expect(abs(failure.nearest("/max_position_size") - 0.25) < 1e-9)
    }

    @Test func `a group of nobody cannot have a floor`() throws {
        var mandate = mandate()
        mandate.constraints.groups = [GroupLimit(name: "g", members: .sector("none"), min: 0.1)]
        let failure = try #require(try mandate.failure(.maximizeSharpe))
        #expect(failure.code == "infeasible")
        #expect(failure.nearest("/groups/0/min") == 0)
    }

    @Test func `a floor for what may not be held is named`() throws {
        var mandate = mandate()
        mandate.universe = ["A", "B", "C"]
        mandate.constraints.minWeights = ["H": 0.1]
        var failure = try #require(try mandate.failure(.minimizeRisk))
        #expect(failure.message.contains("outside the universe"))
        #expect(failure.nearest("/min_weights/H") == 0)
        mandate.constraints.minWeights = ["UNKNOWN": 0.1]
        failure = try #require(try mandate.failure(.minimizeRisk))
        #expect(failure.code == "infeasible")
        #expect(failure.nearest("/min_weights/UNKNOWN") == 0)
    }

    @Test func `forced sales beyond the turnover are named`() throws {
        var mandate = mandate()
        mandate.quantities = [5, 1, 1, 1, 1, 1, 0, 0]
        mandate.constraints.maxPositionSize = 0.2
        mandate.constraints.maxTurnover = 0.1
        let failure = try #require(try mandate.failure(.maximizeUtility))
        #expect(failure.message.contains("force sales of 0.3"))
        #expect(abs(failure.nearest("/max_turnover") - 0.3) < 1e-9)
        #expect(abs(failure.nearest("/max_position_size") - 0.4) < 1e-9)
    }

    @Test func `a return out of reach gets the highest that is attainable`() throws {
        var mandate = mandate()
        mandate.constraints.maxPositionSize = 0.5
        mandate.constraints.minReturn = 0.2
        for objective in Objective.onReturnAndRisk {
            let failure = try #require(try mandate.failure(objective))
            #expect(failure.code == "infeasible")
            #expect(abs(failure.nearest("/min_return") - 0.105) < 1e-9)
            #expect(failure.conflicts.contains { $0.constraint == "/max_position_size" && $0.nearestFeasible == nil })
        }
    }

    @Test(arguments: Objective.onReturnAndRisk)
    func `a volatility out of reach gets the lowest that is attainable`(_ objective: Objective) throws {
        var mandate = mandate()
        let problem = try mandate.problem(.minimizeRisk)
        let calmest = try optimizeAllocation(problem) { false }
        let lowest = Figures(problem, calmest.weights, calmest.cash).volatility
        mandate.constraints.targetVolatility = lowest / 2
        let failure = try #require(try mandate.failure(objective))
        #expect(failure.code == "infeasible")
        #expect(abs(failure.nearest("/target_volatility") - lowest) < 1e-8)
    }

    @Test func `cash can be the remedy in either direction`() throws {
        var mandate = mandate()
        mandate.constraints.maxPositionSize = 0.05
        mandate.constraints.minCash = 0.1
        var failure = try #require(try mandate.failure(.minimizeRisk))
        #expect(abs(failure.nearest("/min_cash") - 0.6) < 1e-9)
        mandate.constraints.maxCash = 0.2
        failure = try #require(try mandate.failure(.minimizeRisk))
        #expect(abs(failure.nearest("/max_cash") - 0.6) < 1e-9)
    }

    /// What the failure promises must be true: each value that is named makes the mandate feasible, a lesser one not.
    @Test func `each remedy is one, and none is larger than it must be`() throws {
        var checked = 0
        for example in RandomMandate.all where example.status == "infeasible" {
            let objective = try #require(Objective(rawValue: example.objective))
            let mandate = example.mandate()
            let failure = try #require(try mandate.failure(objective))
            for conflict in failure.conflicts {
                guard let nearest = conflict.nearestFeasible else { continue }
                checked += 1
                var repaired = mandate
                set(&repaired.constraints, conflict.constraint, nearest)
                let after = try repaired.failure(objective)
                #expect(
                    after == nil || after?.code == "no_excess_return",
                    "seed \(example.seed) \(conflict) \(after as Any)"
                )
                let partway = conflict.bound + (nearest - conflict.bound) * 0.999
                guard abs(partway - nearest) > 1e-6 else { continue }
                set(&repaired.constraints, conflict.constraint, partway)
                #expect(try repaired.failure(objective)?.code == "infeasible", "seed \(example.seed) \(conflict)")
            }
        }
        #expect(checked > 30)
    }

    private func set(_ limits: inout Constraints, _ pointer: String, _ value: Double) {
        let parts = pointer.split(separator: "/").map(String.init)
        switch parts[0] {
        case "max_position_size": limits.maxPositionSize = value
        case "min_position_size": limits.minPositionSize = value
        case "max_sector_exposure": limits.maxSectorExposure = value
        case "max_asset_class_exposure": limits.maxAssetClassExposure = value
        case "max_turnover": limits.maxTurnover = value
        case "target_volatility": limits.targetVolatility = value
        case "max_risk": limits.maxRisk = value
        case "min_return": limits.minReturn = value
        case "min_cash": limits.minCash = value
        case "max_cash": limits.maxCash = value
        case "min_weights": limits.minWeights?[parts[1]] = value
        case "max_weights": limits.maxWeights?[parts[1]] = value
        case "groups":
            guard let index = Int(parts[1]) else { return }
            if parts[2] == "min" { limits.groups?[index].min = value } else { limits.groups?[index].max = value }
        default: Issue.record("an unknown limit: \(pointer)")
        }
    }
}
