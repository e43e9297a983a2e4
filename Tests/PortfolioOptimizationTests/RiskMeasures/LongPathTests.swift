import ConvexSolver
import Matrices
import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

@Suite("Drawdowns of long paths")
struct LongPathTests {
    /// Returns of a market with names of their own, with falls that last.
    private static func returns(_ periods: Int, _ names: Int, seed: UInt64) -> DenseMatrix {
        var random = SeededGenerator(seed: seed)
        let betas = (0..<names).map { _ in random.uniform(0.5...1.5) }
        var matrix = DenseMatrix(rows: periods, columns: names)
        var drift = 0.0
        for t in 0..<periods {
            drift = 0.97 * drift + 0.001 * random.normal()
            let market = drift + 0.008 * random.normal()
            for j in 0..<names { matrix[t, j] = 0.0003 + betas[j] * market + 0.01 * random.normal() }
        }
        return matrix
    }

    private static func caps(_ returns: DenseMatrix) -> [Double] { [Double](repeating: 1, count: returns.columns) }

    /// The measure from its definition.
    private static func risk(_ weights: [Double], _ returns: DenseMatrix, confidence: Double?) -> Double {
        let path = (0..<returns.rows).map { t in weights.indices.reduce(0) { $0 + weights[$1] * returns[t, $1] } }
        let p = [Double](repeating: 1 / Double(path.count), count: path.count)
        return definedRisk(
            confidence == nil ? .maximumDrawdown : .conditionalDrawdown,
            path,
            p,
            confidence: confidence ?? 0
        )
    }

    @Test(arguments: [(600, 8, 0.9), (900, 25, 0.95), (400, 60, 0.5), (300, 3, 0)] as [(Int, Int, Double)])
    func `the least conditional drawdown is what its weights have, and no neighbour has less`(
        periods: Int,
        names: Int,
        confidence: Double
    ) throws {
        let returns = Self.returns(periods, names, seed: UInt64(names))
        let problem = ScenarioProblem(returns: returns, largestWeights: [Double](repeating: 0.5, count: names))
        let minimum = try ConditionalDrawdown(confidence: confidence).minimize(problem)

        #expect(minimum.status == .solved)
        let least = Self.risk(minimum.weights, returns, confidence: confidence)
        #expect(abs(minimum.value - least) <= 1e-10)
        #expect(minimum.relativeGap <= 1e-9)
        // Of a tail that reaches to where the path is at its high, the rest counts nothing.
        let total = minimum.scenarioMultipliers.reduce(0, +)
        #expect(confidence == 0 ? total <= 1 : abs(total - 1) <= 1e-9)
        var random = SeededGenerator(seed: 7)
        for _ in 0..<200 {
            var other = minimum.weights
            let (from, to) = (
                Int(random.uniform(0...Double(names) - 0.01)), Int(random.uniform(0...Double(names) - 0.01))
            )
            let step = min(random.uniform(0...0.02), other[from], 0.5 - other[to])
            other[from] -= step
            other[to] += step
            #expect(Self.risk(other, returns, confidence: confidence) >= least - 1e-12)
        }
    }

    @Test func `the least maximum drawdown of a long path is met by its weights`() throws {
        let returns = Self.returns(1_500, 20, seed: 5)
        let minimum = try MaximumDrawdown().minimize(
            ScenarioProblem(returns: returns, largestWeights: Self.caps(returns))
        )

        #expect(minimum.status == .solved)
        #expect(abs(minimum.value - Self.risk(minimum.weights, returns, confidence: nil)) <= 1e-10)
        #expect(minimum.relativeGap <= 1e-9)
    }

    @Test func `a path that only rises has no drawdown`() throws {
        var returns = DenseMatrix(rows: 50, columns: 3)
        for t in 0..<50 { for j in 0..<3 { returns[t, j] = 0.001 * Double(j + 1) } }
        let minimum = try ConditionalDrawdown(confidence: 0.9).minimize(
            ScenarioProblem(returns: returns, largestWeights: Self.caps(returns))
        )

        #expect(minimum.status == .solved)
        #expect(minimum.value == 0)
    }

    @Test func `a return floor that nothing meets is infeasible`() throws {
        let returns = Self.returns(100, 4, seed: 3)
        let problem = ScenarioProblem(
            returns: returns,
            largestWeights: Self.caps(returns),
            target: (expectedReturns: [0.01, 0.02, 0.01, 0.01], least: 0.5)
        )
        #expect(try ConditionalDrawdown().minimize(problem).status == .primalInfeasible)
    }
}
