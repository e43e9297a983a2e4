import Foundation
import Matrices
import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

@Suite("Risk measures under limits")
struct RiskMeasureMethodTests {
    @Test func `every mandate reaches the objective that other solvers found`() throws {
        var compared = 0
        for item in try RiskMandate.all() {
            let problem = try item.problem()
            let solution: AllocationSolution
            do throws(OptimizationFailure) {
                solution = try optimizeAllocation(problem) { false }
            } catch {
                if item.isUnbounded {
                    #expect(error.code == "unbounded", "\(item.name): \(error)")
                } else {
                    let codes = ["infeasible", "no_excess_return"]
                    #expect(item.expected == nil && codes.contains(error.code), "\(item.name): \(error)")
                }
                compared += 1
                continue
            }
            let value = item.value(solution, problem)
            let expected = item.expected ?? .nan
            let size = max(expected.magnitude, item.objective == .minimizeRisk ? 1e-3 : 1e-2)
            #expect(value >= expected - 1e-6 * size, "\(item.name): \(value), \(solution.report)")
            #expect(value <= expected + 2e-6 * size, "\(item.name): \(value), \(solution.report)")
            if let limit = item.mandate.constraints.maxRisk {
                #expect(item.risk(solution.weights) <= limit + 1e-9, "\(item.name)")
            }
            #expect(solution.report.status == .optimal, "\(item.name)")
            #expect(solution.report.relativeGap <= 1e-6, "\(item.name)")
            compared += 1
        }
        #expect(compared > 400)
    }
}

/// Returns of a heavy-tailed market, with a mandate that holds some of it.
private func market(_ seed: UInt64, scenarios: Int = 120, instruments: Int = 6) -> (TestMandate, DenseMatrix) {
    var generator = SeededGenerator(seed: seed)
    var returns = DenseMatrix(rows: scenarios, columns: instruments)
    for t in 0..<scenarios {
        let (shock, market) = (1 + generator.normal() * generator.normal(), generator.normal())
        for j in 0..<instruments {
            returns[t, j] = 0.0003 + 0.0001 * Double(j) + 0.008 * shock * (market + generator.normal())
        }
    }
    let means = (0..<instruments).map { j in 252 * returns.column(j).reduce(0, +) / Double(scenarios) }
    var covariance = [[Double]](repeating: [Double](repeating: 0, count: instruments), count: instruments)
    for i in 0..<instruments {
        for j in 0..<instruments {
            for t in 0..<scenarios {
                covariance[i][j] +=
                    252 / Double(scenarios) * (returns[t, i] - means[i] / 252)
                    * (returns[t, j] - means[j] / 252)
            }
        }
    }
    var mandate = TestMandate(expectedReturns: means, covariance: covariance)
    mandate.cash = 50
    mandate.sectors = (0..<instruments).map { $0 % 2 == 0 ? "X" : "Y" }
    return (mandate, returns)
}

private let scenarioMeasures = RiskMeasure.allCases.filter { $0 != .volatility && $0 != .valueAtRisk }

@Suite("Risk measures: prices, contradictions, degenerate mandates")
struct RiskMeasurePropertyTests {
    private func solve(
        _ mandate: TestMandate,
        _ returns: DenseMatrix?,
        _ objective: Objective,
        _ measure: RiskMeasure,
        probabilities: [Double]? = nil
    ) throws -> AllocationSolution {
        let problem = try mandate.problem(objective, measure: measure, returns: returns, probabilities: probabilities)
        return try optimizeAllocation(problem) { false }
    }

    private func failure(
        _ mandate: TestMandate,
        _ returns: DenseMatrix?,
        _ objective: Objective,
        _ measure: RiskMeasure,
        probabilities: [Double]? = nil
    ) throws -> OptimizationFailure? {
        let problem = try mandate.problem(objective, measure: measure, returns: returns, probabilities: probabilities)
        do throws(OptimizationFailure) {
            _ = try optimizeAllocation(problem) { false }
            return nil
        } catch { return error }
    }

    private func value(
        _ mandate: TestMandate,
        _ returns: DenseMatrix,
        _ objective: Objective,
        _ measure: RiskMeasure
    ) throws -> Double {
        let problem = try mandate.problem(objective, measure: measure, returns: returns)
        let solution = try optimizeAllocation(problem) { false }
        var item = RiskMandate(mandate: mandate, measure: measure, objective: objective, name: "")
        item.returns = returns
        return item.value(solution, problem)
    }

    /// The price of every binding limit is the slope of the objective, or lies between its slopes on either side.
    @Test(arguments: scenarioMeasures, Objective.allCases)
    func `prices are slopes of the optimum`(_ measure: RiskMeasure, _ objective: Objective) throws {
        guard [.minimizeRisk, .maximizeReturn, .maximizeUtility, .maximizeSharpe].contains(objective) else { return }
        var (mandate, returns) = market(3)
        mandate.preferences.riskAversion = 0.04
        mandate.preferences.riskFreeRate = 0.01
        mandate.constraints.maxPositionSize = 0.35
        mandate.constraints.maxSectorExposure = 0.52
        if objective == .minimizeRisk {
            mandate.constraints.minReturn = mandate.expectedReturns.sorted()[3]
        } else {
            let calm = -(try value(mandate, returns, .minimizeRisk, measure))
            mandate.constraints.maxRisk = calm * 1.12
        }
        let base = try solve(mandate, returns, objective, measure)
        var tested = 0
        for limit in ["/max_risk", "/max_sector_exposure", "/min_return"] {
            let entries = base.bindingConstraints.filter { $0.constraint == limit }
            guard let bound = entries.first?.bound else { continue }
            let price = try entries.reduce(0) { try $0 + #require($1.shadowPrice) }
            let step = 1e-4 * bound
            var (above, below) = (mandate, mandate)
            switch limit {
            case "/max_risk":
                above.constraints.maxRisk = bound + step
                below.constraints.maxRisk = bound - step
            case "/max_sector_exposure":
                above.constraints.maxSectorExposure = bound + step
                below.constraints.maxSectorExposure = bound - step
            default:
                above.constraints.minReturn = bound + step
                below.constraints.minReturn = bound - step
            }
            let middle = try value(mandate, returns, objective, measure)
            let slopes = [
                (try value(above, returns, objective, measure) - middle) / step,
                (middle - (try value(below, returns, objective, measure))) / step,
            ].sorted()
            let room = 2e-3 * max(abs(slopes[0]), abs(slopes[1]), 1e-3)
            #expect(
                price >= slopes[0] - room && price <= slopes[1] + room,
                "\(measure), \(objective), \(limit): \(price), slopes \(slopes)"
            )
            tested += 1
        }
        // The best ratio may lie inside all of these limits.
        #expect(tested > 0 || objective == .maximizeSharpe, "\(measure), \(objective): no limit binds")
    }

    @Test(arguments: scenarioMeasures)
    func `a limit below the least risk is named with the least risk`(_ measure: RiskMeasure) throws {
        var (mandate, returns) = market(5)
        mandate.constraints.maxPositionSize = 0.4
        let least = -(try value(mandate, returns, .minimizeRisk, measure))
        mandate.constraints.maxRisk = 0.9 * least
        for objective in [Objective.minimizeRisk, .maximizeReturn, .maximizeSharpe] {
            let failure = try #require(try failure(mandate, returns, objective, measure))
            #expect(failure.code == "infeasible")
            #expect(abs(failure.nearest("/max_risk") - least) <= 1e-6 * least, "\(measure), \(objective): \(failure)")
        }
    }

    @Test(arguments: RiskMeasure.allCases.filter { $0 != .volatility })
    func `one instrument, equal instruments, few scenarios and no movement are answered`(_ measure: RiskMeasure) throws
    {
        let (single, one) = market(7, instruments: 1)
        #expect(try solve(single, one, .minimizeRisk, measure).weights == [1])
        var (twins, returns) = market(8, instruments: 4)
        for t in 0..<returns.rows { for j in 1..<4 { returns[t, j] = returns[t, 0] } }
        twins.expectedReturns = [Double](repeating: twins.expectedReturns[0], count: 4)
        let equal = try solve(twins, returns, .minimizeRisk, measure)
        #expect(abs(equal.weights.reduce(equal.cash, +) - 1) <= 1e-12)
        let (few, three) = market(9, scenarios: 3, instruments: 5)
        #expect(abs(try solve(few, three, .minimizeRisk, measure).weights.reduce(0, +) - 1) <= 1e-12)
        let still = DenseMatrix(rows: 20, columns: 4)
        #expect(abs(try solve(twins, still, .minimizeRisk, measure).weights.reduce(0, +) - 1) <= 1e-12)
    }

    @Test func `a measure without its scenarios, and a path of unequal ones, are refused`() throws {
        let (mandate, returns) = market(11, scenarios: 4)
        for measure in scenarioMeasures where measure != .conditionalValueAtRisk {
            #expect(try failure(mandate, nil, .minimizeRisk, measure)?.code == "missing_scenarios")
        }
        let p = [0.1, 0.2, 0.3, 0.4]
        for measure in [RiskMeasure.maximumDrawdown, .conditionalDrawdown] {
            let failure = try failure(mandate, returns, .minimizeRisk, measure, probabilities: p)
            #expect(failure?.code == "unequal_probabilities")
        }
        let equal = [0.25, 0.25, 0.25, 0.25]
        #expect(try failure(mandate, returns, .minimizeRisk, .maximumDrawdown, probabilities: equal) == nil)
    }

    /// Every choice of the scenarios that may be dropped, each solved for the largest loss of the rest.
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `the least value-at-risk is that of the best choice of scenarios`(seed: UInt64) throws {
        let (count, n, dropped) = (12, 4, 2)
        var (mandate, returns) = market(seed, scenarios: count, instruments: n)
        mandate.constraints.maxPositionSize = 0.6
        mandate.preferences.confidenceLevel = 1 - Double(dropped) / Double(count)
        var best = Double.infinity
        for a in 0..<count {
            for b in (a + 1)..<count {
                let kept = (0..<count).filter { $0 != a && $0 != b }
                let rows = kept.map { t in (0..<n).map { returns[t, $0] } }
                let problem = ScenarioProblem(
                    returns: try #require(DenseMatrix(rows: rows)),
                    largestWeights: [Double](repeating: 0.6, count: n)
                )
                best = min(best, try WorstRealization().minimize(problem).value)
            }
        }
        let problem = try mandate.problem(.minimizeRisk, measure: .valueAtRisk, returns: returns)
        let solution = try optimizeAllocation(problem) { false }
        var item = RiskMandate(mandate: mandate, measure: .valueAtRisk, objective: .minimizeRisk, name: "")
        item.returns = returns
        let found = -item.value(solution, problem)
        #expect(abs(found - best) <= 1e-6 * max(abs(best), 1e-3), "\(found), not \(best): \(solution.report)")
        #expect(solution.report.status == .optimal)
    }

    @Test func `value-at-risk over too many scenarios for a search comes with its gap and is not called optimal`()
        throws
    {
        let (mandate, returns) = market(21, scenarios: 900, instruments: 8)
        let solution = try solve(mandate, returns, .minimizeRisk, .valueAtRisk)
        #expect(solution.report.status == .withinGap)
        #expect(solution.report.relativeGap > 1e-6 && solution.report.relativeGap.isFinite)
        var item = RiskMandate(mandate: mandate, measure: .valueAtRisk, objective: .minimizeRisk, name: "")
        item.returns = returns
        let tail = try solve(mandate, returns, .minimizeRisk, .conditionalValueAtRisk)
        #expect(item.risk(solution.weights) <= item.risk(tail.weights) + 1e-12)
    }

    @Test(arguments: scenarioMeasures)
    func `no random allocation within the limits has less risk`(_ measure: RiskMeasure) throws {
        var (mandate, returns) = market(31)
        mandate.constraints.maxPositionSize = 0.5
        var item = RiskMandate(mandate: mandate, measure: measure, objective: .minimizeRisk, name: "")
        item.returns = returns
        let least = item.risk(try solve(mandate, returns, .minimizeRisk, measure).weights)
        var generator = SeededGenerator(seed: 32)
        for _ in 0..<500 {
            let raw = (0..<6).map { _ in -log(generator.uniform(1e-9...1)) }
            let weights = raw.map { $0 / raw.reduce(0, +) }
            guard weights.allSatisfy({ $0 <= 0.5 }) else { continue }
            #expect(item.risk(weights) >= least - 1e-12)
        }
    }
}
