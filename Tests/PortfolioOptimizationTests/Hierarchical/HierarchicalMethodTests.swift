import Matrices
import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

@Suite("Hierarchical risk parity within the limits of a mandate")
struct HierarchicalMethodTests {
    private func mandate(_ covariance: [[Double]], _ quantities: [Double]? = nil) -> TestMandate {
        var mandate = TestMandate(
            expectedReturns: [Double](repeating: 0, count: covariance.count),
            covariance: covariance,
            quantities: quantities
        )
        mandate.type = .hierarchicalRiskParity
        return mandate
    }

    /// Instruments 0 and 2 alike, 1 and 3 alike, nothing between the pairs.
    private let pairs = [[1, 0, 0.6, 0], [0, 1, 0, 0.8], [0.6, 0, 1, 0], [0, 0.8, 0, 1.0]]
    private let first = 0.9 / 1.7 / 2

    private func moved(_ solution: AllocationSolution) -> Bool {
        solution.warnings.contains { $0.code == "moved_into_limits" }
    }

    @Test(arguments: try HierarchyFixtures.load().computed)
    func `each linkage and distance gives the weights that SciPy's tree does`(
        fixture: HierarchyFixtures.Computed
    ) throws {
        let count = fixture.weights.count
        var covariance = [[Double]](repeating: [Double](repeating: 0, count: count), count: count)
        var next = 0
        for j in 0..<count {
            for i in j..<count {
                covariance[i][j] = fixture.covariance[next]
                covariance[j][i] = fixture.covariance[next]
                next += 1
            }
        }
        var mandate = mandate(covariance)
        mandate.parameters.linkage = fixture.method
        mandate.parameters.distanceOfDistance = fixture.distanceOfDistance
        let solution = try mandate.solve(.riskBudgeting)
        for (weight, expected) in zip(solution.weights, fixture.weights) { #expect(abs(weight - expected) < 1e-9) }
        #expect(!moved(solution))
    }

    @Test func `cash is what it must be and no more`() throws {
        var mandate = mandate(pairs)
        mandate.constraints.minCash = 0.1
        mandate.constraints.maxCash = 0.5
        let solution = try mandate.solve(.riskBudgeting)
        #expect(solution.cash == 0.1)
        #expect(abs(solution.weights[0] - 0.9 * first) < 1e-12)
    }

    @Test func `what is outside the universe is no leaf of the tree, and is sold`() throws {
        var mandate = mandate(pairs)
        mandate.universe = ["A", "C"]
        #expect(try mandate.solve(.riskBudgeting).weights == [0.5, 0, 0.5, 0])
    }

    @Test func `weights above a cap go to the nearest allocation within it`() throws {
        var mandate = mandate(pairs)
        mandate.constraints.maxWeights = ["A": 0.2]
        let solution = try mandate.solve(.riskBudgeting)
        let rest = (first - 0.2) / 3
        let expected = [0.2, 0.5 - first + rest, first + rest, 0.5 - first + rest]
        for (weight, value) in zip(solution.weights, expected) { #expect(abs(weight - value) < 1e-9) }
        #expect(moved(solution))
        #expect(solution.bindingConstraints.map(\.constraint) == ["/max_weights/A"])
    }

    @Test(arguments: UInt64(1)...30)
    func `the projection is within the limits, and no nearer point is found along the way back`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var mandate = mandate(pairs, (0..<4).map { _ in random.uniform(0...2) })
        mandate.constraints.maxPositionSize = random.uniform(0.2...0.5)
        mandate.constraints.maxTurnover = random.uniform(0.02...0.5)
        mandate.constraints.minPositionSize = random.uniform(0...0.2)
        mandate.constraints.targetVolatility = random.uniform(0.4...1)
        mandate.constraints.maxCash = 0.4
        let problem = try mandate.problem(.riskBudgeting)
        do throws(OptimizationFailure) {
            let solution = try optimizeAllocation(problem) { false }
            #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-9)
            guard moved(solution), mandate.constraints.minPositionSize == 0 else { return }
            let tree = [first, 0.5 - first, first, 0.5 - first]
            let nearer = zip(solution.weights, tree).map { $0 + 1e-4 * ($1 - $0) }
            #expect(worstMiss(problem, nearer, solution.cash * (1 - 1e-4)) > 0)
        } catch {
            #expect(error.code == "infeasible", "\(error.message)")
        }
    }

    @Test func `no trading, no allocation, no variance`() throws {
        var mandate = mandate(pairs)
        mandate.constraints.maxTurnover = 0
        let held = try mandate.solve(.riskBudgeting)
        #expect(held.weights == [0.25, 0.25, 0.25, 0.25] && moved(held))
        mandate.constraints.maxTurnover = nil
        mandate.constraints.maxPositionSize = 0.2
        #expect(try mandate.failure(.riskBudgeting)?.code == "infeasible")
        #expect(try self.mandate([[1, 0], [0, 0]]).failure(.riskBudgeting)?.code == "riskless_instrument")
        #expect(try self.mandate([[0.04]]).solve(.riskBudgeting).weights == [1])
    }
}
