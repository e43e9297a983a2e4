import Matrices
import PortfolioModel
import Testing

import PortfolioOptimization

@Suite("Limits on factor exposures")
struct FactorLimitTests {
    @Test func `the fixture has enough mandates of both ends`() {
        #expect(RandomMandate.onFactors.filter { $0.status == "optimal" }.count >= 80)
        #expect(RandomMandate.onFactors.filter { $0.status == "infeasible" }.count >= 20)
    }

    @Test(arguments: RandomMandate.onFactors)
    func `the optimum is the reference's and meets every limit`(_ example: RandomMandate) throws {
        let objective = try #require(Objective(rawValue: example.objective))
        let mandate = example.mandate(inParts: true)
        guard example.status == "optimal" else {
            let failure = try #require(try mandate.failure(objective))
            #expect(failure.code == example.status, "\(failure)")
            #expect(failure.code != "infeasible" || !failure.conflicts.isEmpty)
            return
        }
        let problem = try mandate.problem(objective)
        let solution = try optimizeAllocation(problem) { false }
        let expected = try #require(example.expected.map { objective == .minimizeRisk ? -$0 : $0 })
        let value = Figures(problem, solution.weights, solution.cash).value(objective)
        #expect(abs(value - expected) <= 1e-6 * max(abs(expected), 1e-2), "\(value) is not \(expected)")
        #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-8)
        // And by the interior point in parts alone, which production asks where active sets do not finish.
        let other = try optimizeByInteriorPoint(problem) { false }
        let otherValue = Figures(problem, other.weights, other.cash).value(objective)
        #expect(abs(otherValue - expected) <= 1e-6 * max(abs(expected), 1e-2), "\(otherValue) is not \(expected)")
        #expect(worstMiss(problem, other.weights, other.cash) <= 1e-8)
    }

    /// A, B and C with exposures 0.5, 1 and 1.5 to one factor.
    private func mandate() -> TestMandate {
        var mandate = TestMandate(
            expectedReturns: [0.04, 0.06, 0.08],
            covariance: [[0, 0, 0], [0, 0, 0], [0, 0, 0]]
        )
        mandate.factors = FactorStructure(
            factors: ["MKT"],
            covariance: FactorCovariance(
                exposuresTransposed: DenseMatrix(rows: 1, columns: 3, columnMajor: [0.5, 1, 1.5]),
                factorCovariance: DenseMatrix(rows: 1, columns: 1, columnMajor: [0.04]),
                specificVariance: [0.01, 0.01, 0.01]
            )
        )
        return mandate
    }

    @Test func `a limit that binds is listed by its pointer, with what another unit of it would gain`() throws {
        var mandate = mandate()
        mandate.constraints.factorExposures = ["MKT": FactorLimit(max: 1.2)]
        let solution = try mandate.solve(.maximizeReturn)
        #expect(abs(0.5 * solution.weights[0] + solution.weights[1] + 1.5 * solution.weights[2] - 1.2) < 1e-12)
        let binding = try #require(solution.bindingConstraints.first { $0.constraint == "/factor_exposures/MKT/max" })
        // Return rises by 0.04 for each unit of exposure.
        #expect(abs((binding.shadowPrice ?? 0) - 0.04) < 1e-9)
        #expect(binding.subject == nil && binding.bound == 1.2)
    }

    @Test func `equal limits are a target that is met exactly`() throws {
        var mandate = mandate()
        mandate.constraints.factorExposures = ["MKT": FactorLimit(min: 0.9, max: 0.9)]
        for objective in [Objective.minimizeRisk, .maximizeReturn, .maximizeUtility, .maximizeSharpe] {
            let weights = try mandate.solve(objective).weights
            #expect(abs(0.5 * weights[0] + weights[1] + 1.5 * weights[2] - 0.9) <= 1e-8, "\(objective)")
        }
    }

    @Test func `a risk budget bounds the factor's volatility on both sides, and is priced by it`() throws {
        var mandate = mandate()
        // √F = 0.2: exposure may be 1.1.
        mandate.constraints.factorExposures = ["MKT": FactorLimit(maxRisk: 0.22)]
        let solution = try mandate.solve(.maximizeReturn)
        #expect(abs(0.5 * solution.weights[0] + solution.weights[1] + 1.5 * solution.weights[2] - 1.1) < 1e-12)
        let binding = try #require(solution.bindingConstraints.first)
        #expect(binding.constraint == "/factor_exposures/MKT/max_risk" && binding.bound == 0.22)
        #expect(abs(binding.value - 0.22) < 1e-12)
        // 0.04 for each unit of exposure, which is 0.2 of risk.
        #expect(abs((binding.shadowPrice ?? 0) - 0.2) < 1e-9)
    }

    @Test func `a portfolio short of a factor meets its risk budget from below`() throws {
        var mandate = mandate()
        mandate.expectedReturns = [0.08, 0.04, 0]
        mandate.constraints.allowShort = true
        mandate.constraints.maxGrossExposure = 3
        mandate.constraints.factorExposures = ["MKT": FactorLimit(maxRisk: 0.02)]
        let solution = try mandate.solve(.maximizeReturn)
        #expect(abs(0.5 * solution.weights[0] + solution.weights[1] + 1.5 * solution.weights[2] + 0.1) < 1e-9)
        let binding = try #require(
            solution.bindingConstraints.first { $0.constraint == "/factor_exposures/MKT/max_risk" }
        )
        #expect(abs(binding.value - 0.02) < 1e-9 && (binding.shadowPrice ?? 0) > 0)
        // Against the mandate solved again with a little more.
        mandate.constraints.factorExposures = ["MKT": FactorLimit(maxRisk: 0.0201)]
        let more = try mandate.solve(.maximizeReturn)
        func earned(_ solution: AllocationSolution) -> Double {
            zip(solution.weights, mandate.expectedReturns).reduce(0) { $0 + $1.0 * $1.1 }
        }
        let slope = (earned(more) - earned(solution)) / 1e-4
        #expect(abs(slope - (binding.shadowPrice ?? 0)) <= 1e-4 * slope)
    }

    @Test func `a risk budget out of reach fails with the least that is in reach`() throws {
        var mandate = mandate()
        mandate.constraints.factorExposures = ["MKT": FactorLimit(maxRisk: 0.06)]
        let failure = try #require(try mandate.failure(.minimizeRisk))
        #expect(failure.conflicts.map(\.constraint) == ["/factor_exposures/MKT/max_risk"])
        #expect(abs((failure.conflicts.first?.nearestFeasible ?? 0) - 0.1) < 1e-8)
    }

    @Test func `a risk budget of a factor without variance is refused`() throws {
        var mandate = mandate()
        mandate.factors?.covariance.factorCovariance = DenseMatrix(rows: 1, columns: 1, columnMajor: [0])
        mandate.constraints.factorExposures = ["MKT": FactorLimit(maxRisk: 0.1)]
        do {
            _ = try mandate.problem(.minimizeRisk)
            Issue.record("it was accepted")
        } catch let failure as OptimizationFailure {
            #expect(failure.code == "riskless_factor")
            #expect(failure.message.contains("/MKT/max_risk"))
        }
        mandate.constraints.factorExposures = ["MKT": FactorLimit(max: 1)]
        #expect(throws: Never.self) { try mandate.problem(.minimizeRisk) }
    }

    @Test func `exposures out of reach fail with the nearest that is in reach`() throws {
        var mandate = mandate()
        mandate.constraints.factorExposures = ["MKT": FactorLimit(min: 2)]
        let failure = try #require(try mandate.failure(.minimizeRisk))
        #expect(failure.code == "infeasible")
        #expect(failure.conflicts.map(\.constraint) == ["/factor_exposures/MKT/min"])
        #expect(abs((failure.conflicts.first?.nearestFeasible ?? 0) - 1.5) < 1e-6)
    }

    @Test func `factors that the risk model does not have are refused`() throws {
        var mandate = mandate()
        mandate.constraints.factorExposures = ["SIZE": FactorLimit(max: 1)]
        #expect(throws: OptimizationFailure.self) { try mandate.problem(.minimizeRisk) }
        mandate.factors = nil
        #expect(throws: OptimizationFailure.self) { try mandate.problem(.minimizeRisk) }
    }

    @Test(arguments: [-1.0, 1])
    func `the first bound of a search tells a factor's risk as the number that limits it, whatever its sign`(
        sign: Double
    ) throws {
        var mandate = mandate()
        mandate.factors = FactorStructure(
            factors: ["MKT"],
            covariance: FactorCovariance(
                exposuresTransposed: DenseMatrix(rows: 1, columns: 3, columnMajor: [0.5 * sign, sign, 1.5 * sign]),
                factorCovariance: DenseMatrix(rows: 1, columns: 1, columnMajor: [0.04]),
                specificVariance: [0.01, 0.01, 0.01]
            )
        )
        mandate.constraints.factorExposures = ["MKT": FactorLimit(maxRisk: 0.3)]
        mandate.constraints.maxPositions = 2
        mandate.constraints.maxPositionSize = 0.6
        let root = try #require(try mandate.solve(.minimizeRisk).searchRoot)
        let told = root.bindingConstraints.filter { $0.constraint == "/factor_exposures/MKT/max_risk" }
        #expect(told.count <= 1)
        #expect(told.allSatisfy { $0.value > 0 }, "\(told)")
    }
}
