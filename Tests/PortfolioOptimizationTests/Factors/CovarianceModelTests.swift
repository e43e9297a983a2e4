import Matrices
import PortfolioModel
import TestSupport
import Testing

import PortfolioOptimization

@Suite("A covariance in its parts")
struct CovarianceModelTests {
    /// A factor model of n instruments on k factors, some of them without specific risk.
    static func model(_ n: Int, _ k: Int, seed: UInt64) -> FactorCovariance {
        var random = SeededGenerator(seed: seed)
        var exposures = DenseMatrix(rows: k, columns: n)
        for index in exposures.elements.indices { exposures.elements[index] = random.normal() }
        var root = DenseMatrix(rows: k, columns: k)
        for index in root.elements.indices { root.elements[index] = 0.1 * random.normal() }
        var factors = DenseMatrix(rows: k, columns: k)
        for i in 0..<k {
            for j in 0..<k { for l in 0..<k { factors[i, j] += root[l, i] * root[l, j] } }
        }
        return FactorCovariance(
            exposuresTransposed: exposures,
            factorCovariance: factors,
            specificVariance: (0..<n).map { $0 % 5 == 4 ? 0 : random.uniform(0.001...0.1) }
        )
    }

    private func expectClose(_ left: [Double], _ right: [Double], _ what: String) {
        #expect(left.count == right.count)
        let scale = max(1e-300, right.reduce(0) { max($0, abs($1)) })
        for (a, b) in zip(left, right) { #expect(abs(a - b) <= 1e-13 * scale, "\(what): \(a), not \(b)") }
    }

    @Test(arguments: [UInt64](1...12))
    func `every product is that of the matrix it stands for`(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let n = Int.random(in: 1...40, using: &random)
        let parts = CovarianceModel.factors(Self.model(n, Int.random(in: 1...8, using: &random), seed: seed))
        let whole = CovarianceModel.dense(parts.multipliedOut())
        #expect(parts.count == n && parts.isUsable && whole.isUsable)
        let weights = (0..<n).map { _ in Bool.random(using: &random) ? 0 : random.normal() }
        expectClose(parts.times(weights), whole.times(weights), "Σw")
        expectClose([parts.quadraticForm(weights)], [whole.quadraticForm(weights)], "wᵀΣw")
        expectClose(parts.diagonal, whole.diagonal, "diagonal")
        expectClose(parts.scaled(by: 3).times(weights), whole.scaled(by: 3).times(weights), "3Σw")
        let chosen = (1..<max(n, 1)).filter { _ in Bool.random(using: &random) }.reversed() + [0]
        let few = parts.selecting(chosen)
        expectClose(few.multipliedOut().elements, whole.selecting(chosen).multipliedOut().elements, "selection")
        #expect(few.storedCount <= parts.storedCount + parts.storedCount / n + 8)
    }

    @Test func `parts that do not fit together, or are no numbers, are not usable`() {
        let good = Self.model(4, 2, seed: 3)
        var bad = good
        bad.specificVariance[1] = -1e-9
        #expect(!CovarianceModel.factors(bad).isUsable)
        bad = good
        bad.exposures.elements[3] = .nan
        #expect(!CovarianceModel.factors(bad).isUsable)
        bad = good
        bad.factorCovariance = .identity(3)
        #expect(!CovarianceModel.factors(bad).isUsable)
        bad = good
        bad.specificVariance.removeLast()
        #expect(!CovarianceModel.factors(bad).isUsable)
    }

    @Test func `figures of risk do not depend on whether the covariance is multiplied out`() {
        let model = Self.model(30, 4, seed: 9)
        let weights = (0..<30).map { $0 % 3 == 0 ? 0.1 : 0 }
        let parts = RiskFigures(weights: weights, covariance: .factors(model))
        let whole = RiskFigures(weights: weights, covariance: .dense(CovarianceModel.factors(model).multipliedOut()))
        expectClose(parts.contributions, whole.contributions, "contributions")
        expectClose(
            [parts.volatility, parts.undiversifiedVolatility],
            [whole.volatility, whole.undiversifiedVolatility],
            "volatility"
        )
    }
}

@Suite("Mandates on a factor model")
struct FactorModelMandateTests {
    @Test(arguments: RandomMandate.all)
    func `the optimum is the reference's, whether or not the covariance is multiplied out`(
        _ example: RandomMandate
    ) throws {
        let objective = try #require(Objective(rawValue: example.objective))
        let mandate = example.mandate(inParts: true)
        guard example.status == "optimal" else {
            #expect(try mandate.failure(objective)?.code == example.status)
            return
        }
        let problem = try mandate.problem(objective)
        let solution = try optimizeAllocation(problem) { false }
        let expected = try #require(example.expected.map { objective == .minimizeRisk ? -$0 : $0 })
        let value = Figures(problem, solution.weights, solution.cash).value(objective)
        #expect(abs(value - expected) <= 1e-6 * max(abs(expected), 1e-2), "\(value) is not \(expected)")
        #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-7)
    }
}
