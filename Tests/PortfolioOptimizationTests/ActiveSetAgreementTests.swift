import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

/// Two methods that share no code but the limits must give the same answer.
@Suite("Active sets and critical line against the interior point")
struct ActiveSetAgreementTests {
    /// Random mandates without thresholds that have an answer, each with its own objective and on further data.
    private static let mandates = RandomMandate.all.filter { $0.constraints.min_position_size == nil }

    private func problem(_ example: RandomMandate, shift: UInt64) throws -> (AllocationProblem, Objective)? {
        let objective = try #require(Objective(rawValue: example.objective))
        let mandate = example.mandate(shift: shift)
        guard try mandate.failure(objective) == nil else { return nil }
        return (try mandate.problem(objective), objective)
    }

    @Test(arguments: mandates, [UInt64(0), 7000])
    func `limits that are linear need no interior point`(_ example: RandomMandate, shift: UInt64) throws {
        guard let (problem, _) = try problem(example, shift: shift) else { return }
        let solution = try optimizeAllocation(problem) { false }
        #expect(["active_set", "critical_line", "no_trading"].contains(solution.report.solver), "\(solution.report)")
        #expect(solution.report.primalResidual <= 1e-10)
        #expect(solution.report.relativeGap <= 1e-9)
    }

    @Test(arguments: mandates, [UInt64(0), 7000])
    func `the objective is that of the interior point`(_ example: RandomMandate, shift: UInt64) throws {
        guard let (problem, objective) = try problem(example, shift: shift) else { return }
        let found = try optimizeAllocation(problem) { false }
        let reference = try optimizeByInteriorPoint(problem) { false }
        let value = Figures(problem, found.weights, found.cash).value(objective)
        let expected = Figures(problem, reference.weights, reference.cash).value(objective)
        #expect(value >= expected - 1e-8 * max(abs(expected), 1e-2), "\(value) \(expected)")
        #expect(worstMiss(problem, found.weights, found.cash) <= 1e-9)
    }

    @Test(arguments: mandates, [UInt64(0), 7000])
    func `shadow prices are those of the interior point`(_ example: RandomMandate, shift: UInt64) throws {
        guard let (problem, _) = try problem(example, shift: shift) else { return }
        let found = try optimizeAllocation(problem) { false }
        let reference = try optimizeByInteriorPoint(problem) { false }
        func key(_ limit: BindingConstraint) -> String { limit.constraint + (limit.subject ?? "") }
        let prices = Dictionary(reference.bindingConstraints.map { (key($0), $0.shadowPrice) }) { first, _ in first }
        let largest = prices.values.reduce(0) { max($0, abs($1 ?? 0)) }
        for limit in found.bindingConstraints {
            // At a degenerate optimum prices are not unique; those of random data are.
            guard let price = limit.shadowPrice, let expected = prices[key(limit)] ?? nil else { continue }
            #expect(abs(price - expected) <= 1e-4 * max(largest, 1e-3), "\(key(limit)): \(price), not \(expected)")
        }
    }
}
