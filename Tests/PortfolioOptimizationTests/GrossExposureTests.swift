import PortfolioModel
import PortfolioOptimization
import Testing

@Suite("What bounds weights that may be negative")
struct GrossExposureTests {
    /// Three of which the first earns most and the last nothing, held as said.
    private func mandate(holding quantities: [Double] = [1, 1, 1], gross: Double = 1.5) -> TestMandate {
        var mandate = TestMandate(
            expectedReturns: [0.1, 0.05, 0],
            covariance: [[0.04, 0.01, 0], [0.01, 0.03, 0], [0, 0, 0.02]],
            quantities: quantities
        )
        mandate.portfolioConstraints.allowShort = true
        mandate.constraints.allowShort = true
        mandate.constraints.maxGrossExposure = gross
        return mandate
    }

    @Test func `a gross exposure above the limit that is let be leaves the holdings where they are`() throws {
        var mandate = mandate(holding: [3, -1, -1])
        mandate.constraints.grandfatherBreaches = true
        mandate.constraints.maxTurnover = 0
        #expect(try mandate.solve(.minimizeRisk).weights == [3, -1, -1])
        mandate.constraints.maxTurnover = nil
        let weights = try mandate.solve(.maximizeReturn).weights
        #expect(zip(weights, [3, 0, -2]).allSatisfy { abs($0 - $1) <= 1e-9 }, "\(weights)")
    }

    @Test func `where gross exposure has a price no single weight is held back by it`() throws {
        var mandate = mandate()
        mandate.constraints.softLimits = [SoftLimit(limit: "/max_gross_exposure", penalty: 0.001)]
        mandate.preferences.riskAversion = 0.5
        let problem = try mandate.problem(.maximizeUtility)
        let solution = try optimizeAllocation(problem) { false }
        // Beyond 1 each unit of A that C pays for earns 0.1 and costs two units of exposure.
        var best = -Double.infinity
        for step in 0...4000 {
            let (a, b) = (1 + Double(step) * 0.001, solution.weights[1])
            let weights = [a, b, 1 - a - b]
            best = max(best, value(weights, problem))
        }
        #expect(solution.weights[0] > 2.5, "\(solution.weights)")
        #expect(value(solution.weights, problem) >= best - 1e-12)
    }

    private func value(_ weights: [Double], _ problem: AllocationProblem) -> Double {
        let paid = problem.softLimits(weights: weights, cash: 0).reduce(0) { $0 + $1.cost }
        return Figures(problem, weights, 0).value(.maximizeUtility) - paid
    }

    @Test func `a return out of reach clashes with the gross exposure, and either number repairs it`() throws {
        var mandate = mandate()
        mandate.constraints.minReturn = 0.4
        let failure = try #require(throws: OptimizationFailure.self) { try mandate.solve(.minimizeRisk) }
        // A at 4 and C at −3 earn 0.4; A at 1.25 and C at −0.25 earn 0.125.
        let nearest = Dictionary(uniqueKeysWithValues: failure.conflicts.map { ($0.constraint, $0.nearestFeasible) })
        #expect(Set(nearest.keys) == ["/max_gross_exposure", "/min_return"])
        #expect(abs(((nearest["/max_gross_exposure"] ?? nil) ?? .nan) - 7) <= 1e-6, "\(nearest)")
        #expect(abs(((nearest["/min_return"] ?? nil) ?? .nan) - 0.125) <= 1e-6, "\(nearest)")
        for (exposure, isEnough) in [(7.0, true), (6.999, false)] {
            mandate.constraints.maxGrossExposure = exposure
            #expect(((try? mandate.solve(.minimizeRisk)) != nil) == isEnough)
        }
    }

    @Test func `no repair names an exposure that nobody may ask for`() throws {
        var mandate = mandate()
        mandate.constraints.minReturn = 1.2
        let failure = try #require(throws: OptimizationFailure.self) { try mandate.solve(.minimizeRisk) }
        let exposure = failure.conflicts.first { $0.constraint == "/max_gross_exposure" }
        #expect(exposure?.nearestFeasible == nil)
    }

    @Test(arguments: [1.0, 1.5])
    func `a turnover of one or more limits those who may be short`(turnover: Double) throws {
        var mandate = mandate(gross: 7)
        mandate.constraints.maxTurnover = turnover
        let solution = try mandate.solve(.maximizeReturn)
        let traded = solution.weights.reduce(0) { $0 + abs($1 - 1.0 / 3) } / 2
        #expect(abs(traded - turnover) <= 1e-9, "\(solution.weights)")
        let binding = try #require(solution.bindingConstraints.first { $0.constraint == "/max_turnover" })
        // What A buys more of, C is sold for.
        #expect(abs((binding.shadowPrice ?? .nan) - 0.1) <= 1e-7)
    }
}
