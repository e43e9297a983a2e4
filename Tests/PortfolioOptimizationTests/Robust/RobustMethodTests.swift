import Matrices
import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

@Suite("Robust optimization")
struct RobustMethodTests {
    // MARK: Against other programs

    @Test func `the fixture has mandates of every kind`() {
        let completed = RobustMandate.all.filter { $0.base.status == "optimal" }
        #expect(completed.count >= 60)
        #expect(Set(completed.map(\.unknown.kind)).count == 3)
        #expect(Set(completed.map(\.base.objective)).count == 5)
        #expect(completed.contains { $0.base.constraints.min_return != nil && $0.unknown.kind == "ellipsoidal" })
    }

    @Test(arguments: RobustMandate.all)
    func `the worst case is the best there is and meets every limit`(_ example: RobustMandate) throws {
        let objective = try #require(Objective(rawValue: example.base.objective))
        let (mandate, returns) = example.mandate()
        let problem = try mandate.problem(objective, returns: returns)
        guard example.base.status == "optimal" else {
            #expect(failure(problem)?.code == example.base.status)
            return
        }
        let solution = try optimizeAllocation(problem) { false }
        let expected = try #require(example.base.expected) * (objective == .minimizeRisk ? -1 : 1)
        let value = example.value(objective, problem, solution)
        #expect(value >= expected - 1e-6 * max(abs(expected), 1e-2), "\(value) is worse than \(expected)")
        #expect(abs(value - expected) <= 1e-5 * max(abs(expected), 1e-1), "\(value) is not \(expected)")
        #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-9)
        #expect(example.worstMiss(problem, solution) <= 1e-9)
    }

    private func failure(_ problem: AllocationProblem) -> OptimizationFailure? {
        do throws(OptimizationFailure) {
            _ = try optimizeAllocation(problem) { false }
            return nil
        } catch { return error }
    }

    // MARK: Without uncertainty

    @Test(arguments: RobustMandate.all.prefix(40))
    func `a size of 0 gives the plain problem's bits`(_ example: RobustMandate) throws {
        let objective = try #require(Objective(rawValue: example.base.objective))
        var (mandate, _) = example.mandate()
        mandate.parameters.uncertainty?.size = 0
        let robust = Result { try mandate.solve(objective) }
        mandate.type = .meanVariance
        mandate.parameters.uncertainty = nil
        let plain = Result { try mandate.solve(objective) }
        switch (robust, plain) {
        case (.success(let robust), .success(let plain)):
            #expect(robust.weights == plain.weights && robust.cash == plain.cash)
            #expect(robust.bindingConstraints == plain.bindingConstraints)
        case (.failure(let robust as OptimizationFailure), .failure(let plain as OptimizationFailure)):
            #expect(robust == plain)
        case (_, _): Issue.record("one has an answer and the other has none")
        }
    }

    // MARK: Worked by hand

    /// Two instruments without correlation.
    private func two(_ returns: [Double], variances: [Double]) -> TestMandate {
        var mandate = TestMandate(
            expectedReturns: returns,
            covariance: [[variances[0], 0], [0, variances[1]]]
        )
        mandate.type = .robust
        return mandate
    }

    private func covariance(_ rows: [[Double]]) throws -> DenseMatrix { try #require(DenseMatrix(rows: rows)) }

    @Test func `the most return of an ellipsoid is where its slope is level`() throws {
        // Equal means, Ω = diag(a, b): the penalty is least at w₁ = b/(a + b).
        var mandate = two([0.06, 0.06], variances: [0.04, 0.09])
        mandate.parameters.uncertainty = Uncertainty(
            kind: .ellipsoidal,
            size: 1.5,
            covariance: try covariance([[0.01, 0], [0, 0.03]])
        )
        let solution = try mandate.solve(.maximizeReturn)
        #expect(abs(solution.weights[0] - 0.75) < 1e-7)
    }

    @Test func `a box gives all to the instrument whose worst return is the best`() throws {
        var mandate = two([0.10, 0.07], variances: [0.04, 0.04])
        mandate.parameters.uncertainty = Uncertainty(
            kind: .box,
            size: 1,
            covariance: try covariance([[0.0049, 0], [0, 0.0001]])
        )
        let solution = try mandate.solve(.maximizeReturn)
        // 0.10 − 0.07 against 0.07 − 0.01.
        #expect(solution.weights == [0, 1])
    }

    @Test func `the largest robust ratio of one uncertain and one certain instrument is the one derived`() throws {
        // No covariance, rate 0: (0.1 w − 0.05 w + 0.04 (1 − w)) / √(0.04 w² + 0.01 (1 − w)²) is largest at
        // w : 1 − w = (0.05/0.04) : (0.04/0.01).
        var mandate = two([0.10, 0.04], variances: [0.04, 0.01])
        mandate.parameters.uncertainty = Uncertainty(
            kind: .ellipsoidal,
            size: 0.5,
            covariance: try covariance([[0.01, 0], [0, 0]])
        )
        let solution = try mandate.solve(.maximizeSharpe)
        #expect(abs(solution.weights[0] - 1.25 / 5.25) < 1e-6)
    }

    @Test func `the least return is that of the worst case, and its price is the slope of the objective`() throws {
        var mandate = two([0.08, 0.03], variances: [0.04, 0.0025])
        mandate.parameters.uncertainty = Uncertainty(
            kind: .ellipsoidal,
            size: 1,
            covariance: try covariance([[0.0004, 0.0001], [0.0001, 0.0002]])
        )
        func least(_ bound: Double) throws -> AllocationSolution {
            mandate.constraints.minReturn = bound
            return try mandate.solve(.minimizeRisk)
        }
        let solution = try least(0.035)
        let w = solution.weights
        let error = (0.0004 * w[0] * w[0] + 0.0002 * w[0] * w[1] + 0.0002 * w[1] * w[1]).squareRoot()
        #expect(abs(0.08 * w[0] + 0.03 * w[1] - error - 0.035) < 1e-8)
        func volatility(_ w: [Double]) -> Double { (0.04 * w[0] * w[0] + 0.0025 * w[1] * w[1]).squareRoot() }
        let step = 1e-4
        let slope =
            -(volatility(try least(0.035 + step).weights) - volatility(try least(0.035 - step).weights)) / (2 * step)
        let binding = try #require(solution.bindingConstraints.first { $0.constraint == "/min_return" })
        #expect(abs((binding.shadowPrice ?? 0) - slope) < 1e-3 * abs(slope))
        #expect(abs(binding.value - 0.035) < 1e-8)
        mandate.constraints.minReturn = 0.09
        let failure = try #require(try mandate.failure(.minimizeRisk))
        #expect(failure.code == "infeasible" && failure.conflicts.map(\.constraint) == ["/min_return"])
        // All in the first: 0.08 − 0.02.
        #expect(abs(failure.nearest("/min_return") - 0.06) < 1e-7)
    }

    @Test func `a threshold is searched over in the worst case`() throws {
        var mandate = TestMandate(
            expectedReturns: [0.08, 0.075, 0.07],
            covariance: [[0.04, 0.006, 0], [0.006, 0.03, 0.002], [0, 0.002, 0.02]]
        )
        mandate.type = .robust
        let omega = try covariance([[0.004, 0.0006, 0], [0.0006, 0.003, 0.0002], [0, 0.0002, 0.002]])
        mandate.parameters.uncertainty = Uncertainty(kind: .ellipsoidal, size: 1, covariance: omega)
        mandate.constraints.minPositionSize = 0.4
        let solution = try mandate.solve(.maximizeReturn)
        func worst(_ w: [Double]) -> Double {
            var variance = 0.0
            for i in 0..<3 { for j in 0..<3 { variance += w[i] * omega[i, j] * w[j] } }
            return 0.08 * w[0] + 0.075 * w[1] + 0.07 * w[2] - variance.squareRoot()
        }
        var best = -Double.infinity
        for step in 0...200 {
            let a = 0.4 + 0.2 * Double(step) / 200
            for w in [[a, 1 - a, 0], [a, 0, 1 - a], [0, a, 1 - a]] { best = max(best, worst(w)) }
        }
        #expect(worst(solution.weights) >= best - 1e-7)
        #expect(solution.weights.allSatisfy { $0 == 0 || $0 >= 0.4 - 1e-9 })
    }

    // MARK: The worst covariance

    @Test func `a box of covariances is as bad as its upper end`() throws {
        var mandate = TestMandate(
            expectedReturns: [0.05, 0.05],
            covariance: [[0.04, 0.01], [0.01, 0.03]]
        )
        mandate.type = .robust
        mandate.parameters.uncertainty = Uncertainty(
            kind: .covarianceBox,
            size: 1,
            upper: try covariance([[0.05, 0.012], [0.012, 0.06]])
        )
        let solution = try mandate.solve(.minimizeRisk)
        #expect(abs(solution.weights[0] - 0.048 / 0.086) < 1e-9)
        mandate.parameters.uncertainty?.upper = try covariance([[0.05, 0.09], [0.09, 0.06]])
        #expect(throws: OptimizationFailure.self) { try mandate.solve(.minimizeRisk) }
    }

    @Test func `the worst-case minimum variance is the published one`() throws {
        let published = try PublishedWorstCase.read()
        var mandate = TestMandate(
            expectedReturns: [Double](repeating: 0, count: published.weights.count),
            covariance: published.lower
        )
        mandate.type = .robust
        mandate.parameters.uncertainty = Uncertainty(
            kind: .covarianceBox,
            size: 1,
            lower: try covariance(published.lower),
            upper: try covariance(published.upper)
        )
        let solution = try mandate.solve(.minimizeRisk)
        for (weight, expected) in zip(solution.weights, published.weights) { #expect(abs(weight - expected) <= 2e-5) }
    }

    // MARK: Other measures of risk

    @Test(arguments: [Uncertainty.Kind.ellipsoidal, .box, .wasserstein])
    func `the worst case on scenarios is the best there is`(_ kind: Uncertainty.Kind) throws {
        let mandates = try RiskMandate.all("robust_risk_mandates").filter { $0.uncertainty?.kind == kind }
        #expect(mandates.count >= 60)
        for item in mandates {
            let problem = try item.problem()
            let solution = try optimizeAllocation(problem) { false }
            let value = item.value(solution, problem)
            let expected = try #require(item.expected)
            let size = max(expected.magnitude, item.objective == .minimizeRisk ? 1e-3 : 1e-2)
            #expect(value >= expected - 1e-6 * size, "\(item.name): \(value), \(solution.report)")
            #expect(value <= expected + 2e-6 * size, "\(item.name): \(value), \(solution.report)")
            #expect(solution.report.status == .optimal && solution.report.relativeGap <= 1e-6, "\(item.name)")
            if let limit = problem.constraints.maxRisk { #expect(item.risk(solution.weights) <= limit + 1e-9) }
            if let limit = problem.constraints.minReturn {
                let gross = Figures(problem, solution.weights, solution.cash).expectedReturn
                #expect(gross - item.returnPenalty(solution.weights) >= limit - 1e-9)
            }
        }
    }
}
