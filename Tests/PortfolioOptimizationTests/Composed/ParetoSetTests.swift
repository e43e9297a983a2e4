import Matrices
import PortfolioModel
import PortfolioOptimization
import Testing

@Suite("Non-dominated sets")
struct ParetoSetTests {
    /// Nine instruments with a benchmark, costs, lots and a history.
    private func mandate(_ terms: [ObjectiveTerm], limited: Bool = true) throws -> (TestMandate, DenseMatrix?) {
        let item = try #require(try CustomMandate.all().first { $0.mandate.identifiers.count == 9 })
        var mandate = item.mandate
        mandate.constraints = Constraints()
        if limited {
            mandate.constraints.maxPositionSize = 0.4
            mandate.constraints.maxCash = 0.2
        }
        mandate.preferences = Preferences()
        mandate.preferences.longTermTaxRate = 0.15
        mandate.lots = mandate.lots.mapValues { lots in lots.filter { $0.costBasis < 100 } }
        mandate.parameters.objectives = terms
        return (mandate, item.returns)
    }

    private func trace(_ terms: [ObjectiveTerm], _ count: Int, limited: Bool = true) throws -> ParetoSet {
        let (mandate, returns) = try mandate(terms, limited: limited)
        let problem = try mandate.problem(.multiObjective, returns: returns)
        return try traceParetoSet(problem, pointCount: count) { false }
    }

    private static let pairs: [[ObjectiveTerm]] = [
        [ObjectiveTerm(.expectedReturn, weight: 1), ObjectiveTerm(.variance, weight: -1)],
        [ObjectiveTerm(.expectedReturn, weight: 1), ObjectiveTerm(.cost, weight: -1)],
        [ObjectiveTerm(.risk, weight: -1), ObjectiveTerm(.tax, weight: -1)],
        [ObjectiveTerm(.trackingError, weight: -1), ObjectiveTerm(.entropy, weight: 1)],
        [
            ObjectiveTerm(.expectedReturn, weight: 1),
            ObjectiveTerm(.risk, weight: -1, riskMeasure: .conditionalValueAtRisk),
        ],
        [
            ObjectiveTerm(.risk, weight: -1, name: "tail", riskMeasure: .conditionalValueAtRisk),
            ObjectiveTerm(.risk, weight: -1, name: "spread", riskMeasure: .meanAbsoluteDeviation),
        ],
        [
            ObjectiveTerm(.expectedReturn, weight: 1), ObjectiveTerm(.variance, weight: -1),
            ObjectiveTerm(.cost, weight: -1),
        ],
        [
            ObjectiveTerm(.expectedReturn, weight: 1), ObjectiveTerm(.risk, weight: -1),
            ObjectiveTerm(.tax, weight: -1),
        ],
    ]

    /// Gains: values in the sense in which more is better.
    private func gains(_ point: ParetoAllocation, _ terms: [ObjectiveTerm]) -> [Double] {
        zip(point.values, terms).map { $1.weight > 0 ? $0 : -$0 }
    }

    @Test(arguments: pairs)
    func `no point is dominated, and each is best for its weights`(_ terms: [ObjectiveTerm]) throws {
        let points = try trace(terms, 12).points
        #expect(points.count > 4)
        let all = points.map { gains($0, terms) }
        let ranges = terms.indices.map { axis in
            (all.map { $0[axis] }.max() ?? 0) - (all.map { $0[axis] }.min() ?? 0)
        }
        for (i, a) in all.enumerated() {
            for (j, b) in all.enumerated() where i != j {
                let margins = terms.indices.map { (b[$0] - a[$0]) / ranges[$0] }
                #expect(!(margins.allSatisfy { $0 >= 0 } && margins.contains { $0 > 1e-7 }), "\(i) below \(j)")
                let worth = terms.indices.reduce(0) {
                    $0 + points[i].objectiveWeights[$1] * (points[j].values[$1] - points[i].values[$1])
                }
                #expect(worth <= 1e-7, "\(j) is better for the weights of \(i) by \(worth)")
            }
            for (term, weight) in zip(terms, points[i].objectiveWeights) { #expect(term.weight * weight > 0) }
        }
    }

    @Test(arguments: pairs)
    func `more points add to the fewer and dominate none of them`(_ terms: [ObjectiveTerm]) throws {
        let few = try trace(terms, 6).points
        let many = try trace(terms, 11).points
        for point in few { #expect(many.contains { $0.weights == point.weights }, "a point was moved") }
        #expect(many.count > few.count)
    }

    @Test func `return and variance lie on the efficient frontier, and its ends are theirs`() throws {
        let terms = Self.pairs[0]
        let (mandate, _) = try mandate(terms)
        let points = try trace(terms, 15).points
        #expect(points.count == 15)
        var problem = mandate
        for point in points.dropFirst().dropLast() {
            problem.constraints.minReturn = point.values[0]
            let least = try problem.solve(.minimizeRisk)
            let variance = Figures(try problem.problem(.minimizeRisk), least.weights, least.cash).volatility
            #expect(abs(variance * variance - point.values[1]) <= 1e-7 * variance * variance, "\(point.values)")
        }
        problem.constraints.minReturn = nil
        let calm = try problem.solve(.minimizeRisk)
        let rich = try problem.solve(.maximizeReturn)
        let calmest = Figures(try problem.problem(.minimizeRisk), calm.weights, calm.cash)
        let richest = Figures(try problem.problem(.minimizeRisk), rich.weights, rich.cash)
        #expect(abs((points.first?.values[1] ?? 0) - calmest.volatility * calmest.volatility) <= 1e-9)
        #expect(abs((points.last?.values[0] ?? 0) - richest.expectedReturn) <= 1e-9)
    }

    @Test func `among equals in one objective an end is the best in the other`() throws {
        // A and B earn the same, and B is calmer: the end of most return holds no A.
        var mandate = TestMandate(
            expectedReturns: [0.1, 0.1, 0.02],
            covariance: [[0.09, 0, 0], [0, 0.04, 0], [0, 0, 0.01]]
        )
        mandate.parameters.objectives = Self.pairs[0]
        let points = try traceParetoSet(mandate.problem(.multiObjective), pointCount: 5) { false }.points
        let end = try #require(points.last)
        // 0.09 a = 0.04 b: what both at most return and at least variance are held in.
        #expect(abs(end.weights[0] - 0.04 / 0.13) <= 1e-5 && end.weights[2] <= 1e-5)
    }

    @Test func `between the ends of a straight front lie its mixtures`() throws {
        // Return against a score: everything is linear, and the front is the line from B to A.
        var mandate = TestMandate(expectedReturns: [0.1, 0.02], covariance: [[1, 0], [0, 1]])
        mandate.parameters.objectives = [
            ObjectiveTerm(.expectedReturn, weight: 1), ObjectiveTerm(.score, weight: 1, scores: ["B": 1]),
        ]
        let points = try traceParetoSet(mandate.problem(.multiObjective), pointCount: 5) { false }.points
        #expect(points.map { ($0.weights[0] * 4).rounded() } == [0, 1, 2, 3, 4])
        for point in points { #expect(abs(point.values[0] - (0.02 + 0.08 * point.weights[0])) <= 1e-12) }
    }

    @Test func `objectives that agree have one point`() throws {
        var mandate = TestMandate(expectedReturns: [0.1, 0.02], covariance: [[0.01, 0], [0, 0.5]])
        mandate.constraints.minWeights = ["A": 1]
        mandate.parameters.objectives = Self.pairs[0]
        let set = try traceParetoSet(mandate.problem(.multiObjective), pointCount: 9) { false }
        #expect(set.points.count == 1 && !set.isIncomplete)
    }

    @Test func `a buy-in threshold is met at every point`() throws {
        var (mandate, _) = try mandate(Self.pairs[0])
        mandate.constraints.minPositionSize = 0.15
        let points = try traceParetoSet(mandate.problem(.multiObjective), pointCount: 6) { false }.points
        #expect(points.count >= 3)
        for point in points { #expect(point.weights.allSatisfy { $0 == 0 || $0 >= 0.15 - 1e-9 }) }
    }

    @Test func `a search that is stopped keeps its ends, and one stopped before them fails`() throws {
        let (mandate, _) = try mandate(Self.pairs[0])
        let problem = try mandate.problem(.multiObjective)
        var asked = 0
        let set = try traceParetoSet(problem, pointCount: 30) {
            asked += 1
            return asked > 60
        }
        #expect(set.isIncomplete && set.points.count >= 2 && set.points.count < 30)
        #expect(throws: OptimizationFailure.self) { try traceParetoSet(problem, pointCount: 5) { true } }
    }
}
