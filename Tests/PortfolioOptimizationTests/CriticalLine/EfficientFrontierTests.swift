import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

@Suite("Efficient frontier, published and worked by hand")
struct EfficientFrontierTests {
    private func largestDifference(_ left: [Double], _ right: [Double]) -> Double {
        zip(left, right).reduce(0) { max($0, abs($1.0 - $1.1)) }
    }

    @Test func `the corner portfolios of Bailey and López de Prado are found to twelve digits`() throws {
        let example = try #require(PublishedCases.all?.critical_line.first)
        let frontier = try trace(TestMandate(expectedReturns: example.mean, covariance: example.covariance))
        let corners = try #require(frontier.corners)
        #expect(corners.count == example.corners.count)
        for (corner, published) in zip(corners, example.corners.reversed()) {
            #expect(largestDifference(corner.weights, published.weights) < 1e-12)
        }
    }

    @Test(arguments: PublishedCases.all?.critical_line ?? [])
    func `every published corner is a corner`(_ example: PublishedCases.CriticalLine) throws {
        let frontier = try trace(TestMandate(expectedReturns: example.mean, covariance: example.covariance))
        let corners = try #require(frontier.corners)
        for published in example.corners {
            let nearest = corners.map { largestDifference($0.weights, published.weights) }.min()
            #expect((nearest ?? 1) < 1e-6, "\(published.mean)")
        }
    }

    @Test func `the tangency of Bailey and López de Prado is exact between the points`() throws {
        let example = try #require(PublishedCases.all?.critical_line.first)
        let weights = try #require(example.max_sharpe_weights)
        let frontier = try trace(TestMandate(expectedReturns: example.mean, covariance: example.covariance), points: 2)
        let optimal = try #require(frontier.optimal)
        #expect(largestDifference(optimal.weights, weights) < 1e-9)
    }

    @Test func `points stand evenly on the axis of return`() throws {
        let frontier = try trace(TestMandate.market(count: 8, seed: 3), points: 7)
        #expect(frontier.points.count == 7)
        let (low, high) = (frontier.minimumRisk.expectedReturn, frontier.maximumReturn.expectedReturn)
        for (index, point) in frontier.points.enumerated() {
            #expect(abs(point.expectedReturn - (low + (high - low) * Double(index) / 6)) < 1e-13)
        }
    }

    @Test func `two uncorrelated instruments give the parabola of the textbook`() throws {
        // With w in the first, σ² = 0.04 w² + 0.01 (1 − w)² and μ = 0.05 + 0.05 w.
        let frontier = try trace(TestMandate.uncorrelated(returns: [0.1, 0.05], volatilities: [0.2, 0.1]), points: 5)
        #expect(abs(frontier.minimumRisk.weights[0] - 0.2) < 1e-14)
        for point in frontier.points {
            let w = (point.expectedReturn - 0.05) / 0.05
            #expect(abs(point.risk * point.risk - (0.04 * w * w + 0.01 * (1 - w) * (1 - w))) < 1e-15)
        }
    }

    @Test func `with cash the frontier begins without risk and runs straight to the tangency`() throws {
        var mandate = TestMandate.uncorrelated(returns: [0.1, 0.05], volatilities: [0.2, 0.1])
        mandate.constraints.maxCash = 1
        mandate.preferences.riskFreeRate = 0.02
        let frontier = try trace(mandate)
        #expect(frontier.minimumRisk.cash == 1)
        #expect(frontier.minimumRisk.risk == 0)
        let optimal = try #require(frontier.optimal)
        // The tangency of uncorrelated instruments weighs them by excess return over variance: 2 to 3, without cash.
        #expect(optimal.cash == 0)
        #expect(abs(optimal.weights[0] - 0.4) < 1e-13)
        let ratio = (optimal.expectedReturn - 0.02) / optimal.risk
        for point in frontier.points where point.risk > 0 && point.expectedReturn < optimal.expectedReturn {
            #expect(abs((point.expectedReturn - 0.02) / point.risk - ratio) < 1e-12)
        }
    }

    @Test func `cuts by return and risk move the ends and nothing else`() throws {
        let mandate = TestMandate.market(count: 10, seed: 5)
        let whole = try trace(mandate, points: 101)
        let cut = try trace(
            mandate,
            points: 3,
            minimumReturn: whole.points[20].expectedReturn,
            maximumRisk: whole.points[60].risk
        )
        #expect(largestDifference(cut.points[0].weights, whole.points[20].weights) < 1e-10)
        #expect(largestDifference(cut.points[1].weights, whole.points[40].weights) < 1e-8)
        #expect(largestDifference(cut.points[2].weights, whole.points[60].weights) < 1e-8)
        #expect(cut.minimumRisk == cut.points[0])
        #expect(cut.maximumReturn == cut.points[2])
    }

    @Test func `a target volatility of the mandate is a cut as well`() throws {
        var mandate = TestMandate.market(count: 10, seed: 5)
        let whole = try trace(mandate)
        let middle = (whole.minimumRisk.risk + whole.maximumReturn.risk) / 2
        mandate.constraints.targetVolatility = middle
        let frontier = try trace(mandate)
        #expect(abs(frontier.maximumReturn.risk - middle) < 1e-12)
        #expect(frontier.report.solver == "critical_line")
    }

    @Test func `a return out of reach is told with the range that is attainable`() throws {
        let mandate = TestMandate.uncorrelated(returns: [0.1, 0.05], volatilities: [0.2, 0.1])
        let failure = try #require(try frontierFailure(mandate, minimumReturn: 0.2))
        #expect(failure.code == "infeasible")
        #expect(failure.nearest("/min_return") == 0.1)
        #expect(failure.message.contains("0.06") && failure.message.contains("0.1"))
        let risk = try #require(try frontierFailure(mandate, maximumRisk: 0.01))
        #expect(abs(risk.nearest("/max_risk") - 0.08.squareRoot() / 10 * 10.squareRoot()) < 1e-12)
    }

    @Test func `a return and a risk that exclude each other are both named`() throws {
        let mandate = TestMandate.uncorrelated(returns: [0.1, 0.05], volatilities: [0.2, 0.1])
        let failure = try #require(try frontierFailure(mandate, minimumReturn: 0.09, maximumRisk: 0.1))
        #expect(failure.conflicts.map(\.constraint).sorted() == ["/max_risk", "/min_return"])
        let needed = (0.04 * 0.64 + 0.01 * 0.04).squareRoot()
        #expect(abs(failure.nearest("/max_risk") - needed) < 1e-12)
        #expect(failure.nearest("/min_return") > 0.06 && failure.nearest("/min_return") < 0.09)
    }

    @Test func `the attainable end of a range may be asked for`() throws {
        let mandate = TestMandate.market(count: 6, seed: 9)
        let whole = try trace(mandate)
        #expect(try trace(mandate, minimumReturn: whole.maximumReturn.expectedReturn).points.count == 1)
        #expect(try trace(mandate, maximumRisk: whole.minimumRisk.risk).points.count == 1)
    }

    @Test func `limits that nothing meets end in the limits that clash`() throws {
        var mandate = TestMandate.market(count: 4, seed: 1)
        mandate.constraints.maxPositionSize = 0.2
        let failure = try #require(try frontierFailure(mandate))
        #expect(failure.code == "infeasible")
        #expect(failure.nearest("/max_position_size") == 0.25)
    }

    @Test func `buy-in thresholds are traced by solves`() throws {
        var mandate = TestMandate.market(count: 5, seed: 2)
        mandate.constraints.minPositionSize = 0.15
        let problem = try mandate.problem(.minimizeRisk)
        let frontier = try trace(problem, points: 4)
        #expect(frontier.corners == nil)
        for point in frontier.points { #expect(worstMiss(problem, point.weights, point.cash) <= 1e-9) }
        for (first, second) in zip(frontier.points, frontier.points.dropFirst()) {
            #expect(first.risk <= second.risk + 1e-9)
        }
    }

    @Test func `transaction costs are said to stay out`() throws {
        var mandate = TestMandate.market(count: 5, seed: 2)
        mandate.preferences.includeTransactionCosts = true
        mandate.preferences.transactionCostModel = 0.01
        #expect(try trace(mandate).warnings.map(\.code).contains("costs_not_in_frontier"))
    }

    @Test func `an allocation is dressed with names, cash and ratio`() throws {
        var mandate = TestMandate.uncorrelated(returns: [0.1, 0.05], volatilities: [0.2, 0.1])
        mandate.preferences.riskFreeRate = 0.01
        let problem = try mandate.problem(.minimizeRisk)
        let allocation = FrontierAllocation(weights: [0.75, 0], cash: 0.25, expectedReturn: 0.08, risk: 0.14)
        let point = FrontierPoint(allocation, of: problem)
        #expect(point.weights == ["A": 0.75, "cash": 0.25])
        #expect(point.sharpe.map { abs($0 - 0.5) < 1e-15 } == true)
    }
}
