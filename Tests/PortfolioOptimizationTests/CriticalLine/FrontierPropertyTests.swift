import Matrices
import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

@Suite("Efficient frontier, properties")
struct FrontierPropertyTests {
    /// A random mandate without threshold and without limits on return and risk.
    private func open(_ example: RandomMandate, shift: UInt64 = 0) -> TestMandate? {
        guard example.constraints.min_position_size == nil else { return nil }
        var mandate = example.mandate(shift: shift)
        mandate.constraints.minReturn = nil
        mandate.constraints.maxRisk = nil
        mandate.constraints.targetVolatility = nil
        mandate.preferences.includeTransactionCosts = nil
        return mandate
    }

    @Test(arguments: RandomMandate.all)
    func `each point has the least risk at its return, whatever the limits`(_ example: RandomMandate) throws {
        guard var mandate = open(example), try mandate.failure(.minimizeRisk) == nil else { return }
        let frontier = try trace(mandate, points: 5)
        #expect(frontier.report.solver == "critical_line", "\(frontier.report)")
        // At the end of the line a hair of return is worth much risk: there the return is compared.
        let best = try optimizeByInteriorPoint(mandate.problem(.maximizeReturn)) { false }
        let most = Figures(try mandate.problem(.maximizeReturn), best.weights, best.cash).expectedReturn
        #expect(abs(frontier.maximumReturn.expectedReturn - most) <= 1e-9)
        for point in frontier.points.dropLast() {
            mandate.constraints.minReturn = point.expectedReturn - 1e-10
            let problem = try mandate.problem(.minimizeRisk)
            #expect(worstMiss(problem, point.weights, point.cash) <= 1e-9)
            let solution = try optimizeByInteriorPoint(problem) { false }
            let volatility = Figures(problem, solution.weights, solution.cash).volatility
            #expect(abs(point.risk - volatility) <= 1e-7 * max(volatility, 1e-3), "\(point.risk) \(volatility)")
        }
    }

    @Test(arguments: RandomMandate.all)
    func `the largest ratio is that of the optimization and no point's is larger`(_ example: RandomMandate) throws {
        guard let mandate = open(example), try mandate.failure(.maximizeSharpe) == nil else { return }
        let frontier = try trace(mandate, points: 50)
        let problem = try mandate.problem(.maximizeSharpe)
        let optimal = try #require(frontier.optimal)
        let figures = Figures(problem, optimal.weights, optimal.cash)
        let solution = try optimizeByInteriorPoint(problem) { false }
        let reference = Figures(problem, solution.weights, solution.cash)
        let ratio = figures.value(.maximizeSharpe)
        #expect(abs(ratio - reference.value(.maximizeSharpe)) <= 1e-7 * abs(ratio))
        #expect(abs(optimal.cash - solution.cash) <= 1e-5)
        for point in frontier.points where point.risk > 0 {
            let other = Figures(problem, point.weights, point.cash).value(.maximizeSharpe)
            #expect(other <= ratio * (1 + 1e-12))
        }
    }

    @Test(arguments: RandomMandate.all)
    func `the curve is concave and ordered by risk and return`(_ example: RandomMandate) throws {
        guard let mandate = open(example, shift: 5000), try mandate.failure(.minimizeRisk) == nil else { return }
        let points = try trace(mandate, points: 30).points
        for (first, second) in zip(points, points.dropFirst()) {
            #expect(second.risk > first.risk)
            #expect(second.expectedReturn > first.expectedReturn)
        }
        for index in points.indices.dropFirst().dropLast() {
            let (low, middle, high) = (points[index - 1], points[index], points[index + 1])
            // Evenly spaced returns: volatility is convex in return.
            #expect(middle.risk <= (low.risk + high.risk) / 2 + 1e-12)
        }
    }

    @Test(arguments: UInt64(0)..<6)
    func `no random feasible portfolio dominates the frontier`(seed: UInt64) throws {
        let mandate = TestMandate.market(count: 12, seed: seed)
        let problem = try mandate.problem(.minimizeRisk)
        var stream = UniformStream(seed: seed)
        let weights = (0..<10_000).map { index -> [Double] in
            // Some spread over all instruments, some over a few.
            let power = [1.0, 4, 16][index % 3]
            var weights = (0..<12).map { _ in
                var value = stream.next()
                for _ in 1..<Int(power) { value *= stream.next() }
                return value
            }
            let total = weights.reduce(0, +)
            for j in weights.indices { weights[j] /= total }
            return weights
        }
        let figures = weights.map { Figures(problem, $0, 0) }
        let order = figures.indices.sorted { figures[$0].expectedReturn < figures[$1].expectedReturn }
        let targets = order.map { figures[$0].expectedReturn }
        let frontier = try #require(try leastVolatilities(problem, atReturns: targets))
        for (index, point) in zip(order, frontier) {
            #expect(figures[index].volatility >= point.risk * (1 - 1e-12))
        }
    }

    @Test(arguments: UInt64(0)..<10)
    func `a further limit never moves the curve outward`(seed: UInt64) throws {
        var mandate = TestMandate.market(count: 9, seed: seed)
        mandate.cash = 50
        mandate.constraints.maxCash = 0.2
        let limits: [(inout Constraints) -> Void] = [
            { $0.maxPositionSize = 0.4 }, { $0.maxSectorExposure = 0.5 }, { $0.minWeights = ["A": 0.05] },
            { $0.groups = [GroupLimit(name: "g", members: .instruments(["B", "C"]), min: 0.1, max: 0.3)] },
            { $0.maxTurnover = 0.3 }, { $0.maxCash = 0.1 }, { $0.minCash = 0.02 },
        ]
        var wider = try mandate.problem(.minimizeRisk)
        for limit in limits {
            limit(&mandate.constraints)
            let problem = try mandate.problem(.minimizeRisk)
            let tighter = try trace(problem, points: 40).points
            let most = try trace(wider, points: 2).maximumReturn.expectedReturn
            let inside = try #require(try leastVolatilities(wider, atReturns: tighter.map(\.expectedReturn)))
            for (point, calmest) in zip(tighter, inside) {
                #expect(worstMiss(problem, point.weights, point.cash) <= 1e-9)
                #expect(point.expectedReturn <= most + 1e-12)
                #expect(point.risk >= calmest.risk * (1 - 1e-12))
            }
            wider = problem
        }
    }
}

@Suite("Efficient frontier, degenerate inputs")
struct DegenerateFrontierTests {
    @Test func `one instrument is one point`() throws {
        let frontier = try trace(TestMandate.uncorrelated(returns: [0.07], volatilities: [0.2]))
        #expect(frontier.points.map(\.weights) == [[1]])
        #expect(frontier.warnings.map(\.code).contains("single_portfolio"))
        #expect(frontier.minimumRisk == frontier.maximumReturn)
        #expect(frontier.optimal == frontier.minimumRisk)
    }

    @Test func `equal returns leave the portfolio of least risk`() throws {
        let frontier = try trace(TestMandate.uncorrelated(returns: [0.05, 0.05, 0.05], volatilities: [0.1, 0.1, 0.2]))
        #expect(frontier.points.count == 1)
        #expect(abs(frontier.points[0].weights[0] - 4.0 / 9) < 1e-13)
    }

    @Test func `a single feasible portfolio is the whole frontier`() throws {
        var mandate = TestMandate.uncorrelated(returns: [0.1, 0.05], volatilities: [0.2, 0.1])
        mandate.constraints.maxPositionSize = 0.5
        let frontier = try trace(mandate)
        #expect(frontier.points.map(\.weights) == [[0.5, 0.5]])
    }

    @Test func `no turnover leaves what is held`() throws {
        var mandate = TestMandate.uncorrelated(returns: [0.1, 0.05], volatilities: [0.2, 0.1])
        mandate.quantities = [3, 1]
        mandate.constraints.maxTurnover = 0
        let frontier = try trace(mandate)
        #expect(frontier.points.map(\.weights) == [[0.75, 0.25]])
    }

    @Test func `negative excess returns have no optimal portfolio`() throws {
        var mandate = TestMandate.uncorrelated(returns: [-0.01, -0.05], volatilities: [0.2, 0.1])
        let frontier = try trace(mandate)
        #expect(frontier.optimal == nil)
        #expect(frontier.points.count == 20)
        mandate.preferences.riskFreeRate = -0.02
        #expect(try trace(mandate).optimal != nil)
        mandate.preferences.riskFreeRate = 0
        mandate.constraints.maxCash = 1
        // Cash beats everything in risk and in return.
        #expect(try trace(mandate).points.map(\.cash) == [1])
    }

    @Test func `the same instrument twice is no difficulty`() throws {
        let row = [0.04, 0.04, 0.01]
        let mandate = TestMandate(
            expectedReturns: [0.1, 0.1, 0.05],
            covariance: [row, row, [0.01, 0.01, 0.01]]
        )
        let frontier = try trace(mandate)
        #expect(frontier.points.count == 20)
        for point in frontier.points {
            let first = point.weights[0] + point.weights[1]
            let exact = 0.04 * first * first + 0.02 * first * (1 - first) + 0.01 * (1 - first) * (1 - first)
            #expect(abs(point.risk * point.risk - exact) < 1e-15)
        }
    }

    @Test func `of equal risk the most return is where the curve begins`() throws {
        // Two instruments that move as one: the second earns more at the same risk.
        let mandate = TestMandate(expectedReturns: [0.03, 0.06], covariance: [[0.04, 0.04], [0.04, 0.04]])
        let frontier = try trace(mandate)
        #expect(frontier.minimumRisk.expectedReturn > 0.06 - 1e-9)
    }

    @Test func `a riskless instrument that beats the risk-free rate has no largest ratio`() throws {
        let mandate = TestMandate(expectedReturns: [0.03, 0.1], covariance: [[0, 0], [0, 0.04]])
        let frontier = try trace(mandate)
        #expect(frontier.optimal == nil)
        #expect(frontier.warnings.map(\.code).contains("unbounded_ratio"))
        #expect(frontier.minimumRisk.risk == 0)
    }

    @Test func `fewer observations than instruments are no difficulty`() throws {
        var stream = UniformStream(seed: 4)
        let n = 30
        let rows = (0..<12).map { _ in (0..<n).map { _ in 0.2 * (stream.next() - 0.5) } }
        let covariance = (0..<n).map { i in
            (0..<n).map { j in rows.reduce(0) { $0 + $1[i] * $1[j] } / 11 }
        }
        var mandate = TestMandate(
            expectedReturns: (0..<n).map { _ in 0.1 * stream.next() },
            covariance: covariance
        )
        let frontier = try trace(mandate)
        for point in frontier.points.dropFirst() {
            mandate.constraints.minReturn = point.expectedReturn - 1e-10
            let problem = try mandate.problem(.minimizeRisk)
            let solution = try optimizeByInteriorPoint(problem) { false }
            let volatility = Figures(problem, solution.weights, solution.cash).volatility
            #expect(point.risk <= volatility * (1 + 1e-6) + 1e-8)
        }
    }
}
