import Matrices
import PortfolioModel
import PortfolioOptimization
import Testing

@Suite("Buy-in thresholds")
struct BuyInThresholdTests {
    /// A random mandate of a few names, without limits but a cap now and then.
    private func mandate(seed: UInt64, size: Int) -> TestMandate {
        var stream = UniformStream(seed: seed &+ 9000)
        let loadings = (0..<size).map { _ in 0.05 + 0.2 * stream.next() }
        let specific = (0..<size).map { _ in 0.05 + 0.2 * stream.next() }
        let returns = (0..<size).map { _ in 0.02 + 0.1 * stream.next() }
        let quantities = (0..<size).map { _ in (3 * stream.next()).rounded(.down) }
        let covariance = (0..<size).map { i in
            (0..<size).map { j in loadings[i] * loadings[j] + (i == j ? specific[i] * specific[i] : 0) }
        }
        var mandate = TestMandate(expectedReturns: returns, covariance: covariance, quantities: quantities)
        mandate.cash = 100 * stream.next() + 1
        mandate.constraints.maxPositionSize = seed % 2 == 0 ? 0.45 : nil
        mandate.constraints.minPositionSize = 0.1 + 0.15 * stream.next()
        mandate.constraints.maxTurnover = seed % 3 == 0 ? 0.5 : nil
        mandate.preferences.riskFreeRate = 0.01
        return mandate
    }

    /// The best over every choice of who is held, each choice a mandate with floors and caps instead of the threshold.
    private func bruteForce(_ mandate: TestMandate, _ objective: Objective) throws -> Double? {
        let size = mandate.identifiers.count
        let threshold = mandate.constraints.minPositionSize ?? 0
        var best: Double?
        for choice in 0..<(1 << size) {
            let held = (0..<size).filter { choice & (1 << $0) != 0 }
            guard Double(held.count) * threshold <= 1 + 1e-12 else { continue }
            var fixed = mandate
            fixed.constraints.minPositionSize = nil
            fixed.constraints.minWeights = [:]
            fixed.constraints.maxWeights = [:]
            for index in 0..<size {
                if held.contains(index) {
                    fixed.constraints.minWeights?[mandate.identifiers[index]] = threshold
                } else {
                    fixed.constraints.maxWeights?[mandate.identifiers[index]] = 0
                }
            }
            let problem = try fixed.problem(objective)
            guard let solution = try? optimizeAllocation(problem, shouldStop: { false }) else { continue }
            let value = Figures(problem, solution.weights, solution.cash).value(objective)
            best = max(best ?? value, value)
        }
        return best
    }

    @Test(arguments: 0..<8 as Range<UInt64>, Objective.onReturnAndRisk)
    func `the search finds what trying every choice finds`(_ seed: UInt64, _ objective: Objective) throws {
        let mandate = mandate(seed: seed, size: seed == 7 ? 8 : 5)
        let best = try bruteForce(mandate, objective)
        let problem = try mandate.problem(objective)
        guard let best else {
            #expect(try mandate.failure(objective)?.code == "infeasible", "seed \(seed)")
            return
        }
        let solution = try optimizeAllocation(problem) { false }
        let value = Figures(problem, solution.weights, solution.cash).value(objective)
        #expect(abs(value - best) <= 2e-6 * abs(best), "seed \(seed): \(value), not \(best)")
        #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-9)
        #expect(solution.report.solver == "branch_and_bound")
        #expect(solution.report.status == .optimal)
        #expect(solution.bindingConstraints.allSatisfy { $0.shadowPrice == nil })
    }

    @Test func `a holding below the threshold goes to 0 or to at least the threshold`() throws {
        var mandate = TestMandate(
            expectedReturns: [0.05, 0.06, 0.07],
            covariance: [[0.01, 0, 0], [0, 0.02, 0], [0, 0, 0.03]],
            quantities: [50, 48, 2]
        )
        mandate.constraints.minPositionSize = 0.1
        mandate.constraints.maxTurnover = 0.05
        for objective in Objective.onReturnAndRisk {
            let weight = try mandate.solve(objective).weights[2]
            #expect(weight == 0, "reaching the threshold would take 0.08 of turnover")
        }
        mandate.constraints.maxTurnover = 0.01
        let failure = try #require(try mandate.failure(.minimizeRisk))
        #expect(failure.code == "infeasible")
        #expect(failure.message.contains("min_position_size"))
        #expect(abs(failure.nearest("/max_turnover") - 0.02) < 1e-9)
        #expect(abs(failure.nearest("/min_position_size") - 0.03) < 1e-9)
    }

    @Test func `a floor removes the threshold for its instrument`() throws {
        var mandate = TestMandate(
            expectedReturns: [0.05, 0.06, 0.07],
            covariance: [[0.01, 0, 0], [0, 0.02, 0], [0, 0, 0.9]]
        )
        mandate.constraints.minPositionSize = 0.2
        #expect(try mandate.solve(.minimizeRisk).weights[2] == 0)
        mandate.constraints.minWeights = ["C": 0]
        let weight = try mandate.solve(.minimizeRisk).weights[2]
        #expect(weight > 0 && weight < 0.2)
    }

    @Test func `an instrument whose cap is below the threshold is not held`() throws {
        var mandate = TestMandate(
            expectedReturns: [0.05, 0.06, 0.07],
            covariance: [[0.01, 0, 0], [0, 0.02, 0], [0, 0, 0.03]]
        )
        mandate.constraints.minPositionSize = 0.2
        mandate.constraints.maxWeights = ["A": 0.1]
        for objective in Objective.onReturnAndRisk { #expect(try mandate.solve(objective).weights[0] == 0) }
    }

    @Test func `a threshold that only integers make infeasible says so`() throws {
        var mandate = TestMandate(
            expectedReturns: [0.05, 0.06, 0.07, 0.04],
            covariance: [[0.01, 0, 0, 0], [0, 0.02, 0, 0], [0, 0, 0.03, 0], [0, 0, 0, 0.02]]
        )
        mandate.constraints.minPositionSize = 0.3
        mandate.constraints.maxPositionSize = 0.32
        let failure = try #require(try mandate.failure(.maximizeSharpe))
        #expect(failure.code == "infeasible")
        #expect(abs(failure.nearest("/min_position_size") - 0.25) < 1e-9)
        #expect(abs(failure.nearest("/max_position_size") - 1.0 / 3) < 1e-9)
    }

    @Test func `a search that is stopped at once fails with the time limit`() throws {
        let problem = try mandate(seed: 1, size: 8).problem(.maximizeSharpe)
        #expect(throws: OptimizationFailure.self) { try optimizeAllocation(problem) { true } }
        do throws(OptimizationFailure) {
            _ = try optimizeAllocation(problem) { true }
        } catch { #expect(error.code == "time_limit") }
    }

    @Test func `a search that is stopped late answers with its best and the gap`() throws {
        let mandate = mandate(seed: 7, size: 8)
        let problem = try mandate.problem(.maximizeSharpe)
        let full = try optimizeAllocation(problem) { false }
        var questions = 0
        var answered = 0
        // Stop later and later: each answer keeps the limits, and none claims more than it proved.
        for patience in stride(from: 5, through: 200, by: 15) {
            questions = 0
            let solution = try? optimizeAllocation(problem) {
                questions += 1
                return questions > patience
            }
            guard let solution else { continue }
            answered += 1
            #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-9)
            let value = Figures(problem, solution.weights, solution.cash).value(.maximizeSharpe)
            let best = Figures(problem, full.weights, full.cash).value(.maximizeSharpe)
            #expect(value <= best * (1 + 1e-6))
            if value < best * (1 - 1e-5) { #expect(solution.report.status == .withinGap) }
        }
        #expect(answered > 0)
    }
}
