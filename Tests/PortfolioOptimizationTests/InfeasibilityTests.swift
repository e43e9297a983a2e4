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
        #expect(failure.conflicts.count == 2, "the floors clash with or without min_cash")
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
            #expect(failure.conflicts.map(\.constraint) == ["/min_return"], "no size of position earns that")
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
        for example in RandomMandate.all + RandomMandate.onPositions where example.status == "infeasible" {
            let objective = try #require(Objective(rawValue: example.objective))
            var mandate = example.mandate()
            mandate.benchmark = example.benchmark
            let failure = try #require(try mandate.failure(objective))
            for conflict in failure.conflicts {
                guard let nearest = conflict.nearestFeasible else { continue }
                checked += 1
                var repaired = mandate
                repaired.constraints.set(conflict.constraint, nearest)
                let after = try repaired.verdict(objective)
                #expect(after == nil || after == "no_excess_return", "seed \(example.seed) \(conflict) \(after ?? "")")
                let isCount = conflict.constraint == "/max_positions"
                let partway = isCount ? nearest - 1 : conflict.bound + (nearest - conflict.bound) * 0.999
                guard abs(partway - nearest) > 1e-6 else { continue }
                repaired.constraints.set(conflict.constraint, partway)
                #expect(try repaired.verdict(objective) == "infeasible", "seed \(example.seed) \(conflict)")
            }
        }
        #expect(checked > 30)
    }

    /// Nothing is named that could be left out: the limits named clash by themselves, and no longer without any of them.
    @Test func `what is named is a clash of its own, and every limit named is needed for it`() throws {
        var checked = 0
        for example in RandomMandate.all + RandomMandate.onPositions where example.status == "infeasible" {
            let objective = try #require(Objective(rawValue: example.objective))
            var mandate = example.mandate()
            mandate.benchmark = example.benchmark
            let failure = try #require(try mandate.failure(objective))
            let pointers = failure.conflicts.map(\.constraint)
            #expect(!pointers.isEmpty && Set(pointers).count == pointers.count)
            mandate.portfolioConstraints = Constraints()
            let limits = mandate.constraints
            func only(_ kept: [String]) throws -> OptimizationFailure? {
                mandate.constraints = limits.keeping(kept)
                return try mandate.failure(.minimizeRisk)
            }
            #expect(try only(pointers)?.code == "infeasible", "seed \(example.seed): \(pointers) alone")
            for pointer in pointers {
                let rest = try only(pointers.filter { $0 != pointer })
                #expect(rest == nil, "seed \(example.seed): \(pointer) is not needed in \(pointers)")
            }
            checked += 1
        }
        #expect(checked > 40)
    }
}

extension Constraints {
    /// Those of the limits that are named; cash may be held freely where none of its limits is.
    fileprivate func keeping(_ pointers: [String]) -> Constraints {
        var kept = Constraints()
        func names(_ pointer: String) -> Bool { pointers.contains(pointer) }
        kept.maxPositionSize = names("/max_position_size") ? maxPositionSize : nil
        kept.minPositionSize = names("/min_position_size") ? minPositionSize : nil
        kept.maxSectorExposure = names("/max_sector_exposure") ? maxSectorExposure : nil
        kept.maxAssetClassExposure = names("/max_asset_class_exposure") ? maxAssetClassExposure : nil
        kept.maxTurnover = names("/max_turnover") ? maxTurnover : nil
        kept.targetVolatility = names("/target_volatility") ? targetVolatility : nil
        kept.maxRisk = names("/max_risk") ? maxRisk : nil
        kept.minReturn = names("/min_return") ? minReturn : nil
        kept.maxPositions = names("/max_positions") ? maxPositions : nil
        kept.maxTrackingError = names("/max_tracking_error") ? maxTrackingError : nil
        for (id, floor) in minWeights ?? [:] {
            kept.minWeights = kept.minWeights ?? [:]
            kept.minWeights?[id] = names("/min_weights/\(id)") ? floor : 0
        }
        for (id, cap) in maxWeights ?? [:] {
            kept.maxWeights = kept.maxWeights ?? [:]
            kept.maxWeights?[id] = names("/max_weights/\(id)") ? cap : 1
        }
        kept.minCash = names("/min_cash") ? minCash : nil
        kept.maxCash = names("/max_cash") ? maxCash : nil
        if kept.maxCash == nil, maxCash != nil || (minCash != nil && !names("/min_cash")) { kept.maxCash = 1 }
        kept.groups = groups?.enumerated().map { index, group in
            var group = group
            if !names("/groups/\(index)/min") { group.min = nil }
            if !names("/groups/\(index)/max") { group.max = nil }
            return group
        }
        return kept
    }
}
