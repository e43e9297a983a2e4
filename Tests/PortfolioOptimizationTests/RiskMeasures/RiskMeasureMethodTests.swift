import Foundation
import Matrices
import PortfolioModel
import PortfolioOptimization
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
