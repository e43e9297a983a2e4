import Foundation
import Matrices
import PortfolioModel
import PortfolioOptimization
import Testing

/// A mandate of `robust_terms.json`: terms, what is uncertain, and the best worst case that other solvers found.
private struct RobustTerms {
    var mandate: TestMandate
    var measure: RiskMeasure
    var returns: DenseMatrix?
    /// Nil when no allocation meets the limits.
    var expected: Double?

    func problem() throws -> AllocationProblem {
        try mandate.problem(.multiObjective, measure: measure, returns: returns)
    }

    static func all() throws -> [RobustTerms] {
        guard let url = Bundle.module.url(forResource: "Fixtures/robust_terms", withExtension: "json") else {
            return []
        }
        return try JSONDecoder().decode([Document].self, from: Data(contentsOf: url)).flatMap { $0.mandates() }
    }

    private struct Document: Decodable {
        struct Unknown: Decodable {
            var kind: String
            var size: Double
            var given: Bool?
            var norm: String?
        }
        struct Term: Decodable {
            var term: String
            var weight: Double
        }
        struct Limits: Decodable {
            var max_position_size, max_cash, min_return, target_volatility, max_risk: Double?
        }
        struct Case: Decodable {
            var uncertainty: Unknown
            var risk_measure: String
            var terms: [Term]
            var constraints: Limits
            var expected: Double?
        }
        var expected_returns: [Double]
        var covariance, returns: [[Double]]
        var quantities, benchmark: [Double]
        var cash: Double
        var cases: [Case]

        func mandates() -> [RobustTerms] {
            var base = TestMandate(expectedReturns: expected_returns, covariance: covariance, quantities: quantities)
            base.cash = cash
            base.type = .robust
            base.benchmark = Dictionary(uniqueKeysWithValues: zip(base.identifiers, benchmark))
            base.preferences.riskFreeRate = 0.01
            base.preferences.confidenceLevel = 0.9
            return cases.map { item in
                var mandate = base
                mandate.constraints.maxPositionSize = item.constraints.max_position_size
                mandate.constraints.maxCash = item.constraints.max_cash
                mandate.constraints.minReturn = item.constraints.min_return
                mandate.constraints.targetVolatility = item.constraints.target_volatility
                mandate.constraints.maxRisk = item.constraints.max_risk
                mandate.parameters.uncertainty = uncertainty(item.uncertainty)
                mandate.parameters.objectives = item.terms.compactMap { term in
                    ObjectiveTerm.Kind(rawValue: term.term).map { ObjectiveTerm($0, weight: term.weight) }
                }
                return RobustTerms(
                    mandate: mandate,
                    measure: RiskMeasure(rawValue: item.risk_measure) ?? .volatility,
                    returns: DenseMatrix(rows: returns),
                    expected: item.expected
                )
            }
        }

        private func uncertainty(_ unknown: Unknown) -> Uncertainty {
            var made = Uncertainty(kind: Uncertainty.Kind(rawValue: unknown.kind) ?? .box, size: unknown.size)
            made.norm = unknown.norm.flatMap(Uncertainty.Norm.init)
            let count = covariance.count
            var errors = DenseMatrix(rows: count, columns: count)
            var upper = errors
            for j in 0..<count {
                for i in 0..<count {
                    let entry = covariance[i][j]
                    errors[i, j] = 0.1 * entry * (i == j ? 1 : 0.3)
                    upper[i, j] = entry + 0.2 * (covariance[i][i] * covariance[j][j]).squareRoot() * (i == j ? 1 : 0.5)
                }
            }
            if unknown.given == true { made.covariance = errors }
            if made.kind == .covarianceBox { made.upper = upper }
            return made
        }
    }
}

@Suite("Robust objectives made of terms")
struct RobustTermsTests {
    @Test func `the best worst case of terms is what cvxpy and Clarabel find`() throws {
        let mandates = try RobustTerms.all()
        #expect(mandates.count >= 80)
        #expect(Set(mandates.compactMap { $0.mandate.parameters.uncertainty?.kind }).count == 4)
        for item in mandates {
            let problem = try item.problem()
            let what = "\(item.mandate.parameters.uncertainty.map { "\($0.kind) \($0.size)" } ?? "") \(problem.terms)"
            guard let expected = item.expected else {
                #expect(throws: OptimizationFailure.self, "\(what)") { try optimizeAllocation(problem) { false } }
                continue
            }
            do {
                let solution = try optimizeAllocation(problem) { false }
                let values = try #require(try termValues(of: problem, at: solution))
                let value = values.reduce(0) { $0 + $1.contribution }
                #expect(abs(value - expected) <= 1e-6 * max(1e-1, abs(expected)), "\(what): \(value), not \(expected)")
            } catch { Issue.record("\(what): \(error)") }
        }
    }

    @Test func `a size of 0 gives the plain terms' bits`() throws {
        for item in try RobustTerms.all() {
            var mandate = item.mandate
            mandate.parameters.uncertainty?.size = 0
            let robust = Result {
                try optimizeAllocation(
                    mandate.problem(.multiObjective, measure: item.measure, returns: item.returns)
                ) { false }
            }
            mandate.type = .meanVariance
            mandate.parameters.uncertainty = nil
            let plain = Result {
                try optimizeAllocation(
                    mandate.problem(.multiObjective, measure: item.measure, returns: item.returns)
                ) { false }
            }
            switch (robust, plain) {
            case (.success(let robust), .success(let plain)):
                #expect(robust.weights == plain.weights && robust.cash == plain.cash)
                #expect(robust.bindingConstraints == plain.bindingConstraints)
            case (.failure(let robust as OptimizationFailure), .failure(let plain as OptimizationFailure)):
                #expect(robust == plain)
            case (_, _): Issue.record("one has an answer and the other has none")
            }
        }
    }

    /// Two instruments without correlation.
    private func two(_ kind: Uncertainty.Kind, _ terms: [ObjectiveTerm]) -> TestMandate {
        var mandate = TestMandate(expectedReturns: [0.1, 0.05], covariance: [[0.04, 0], [0, 0.01]])
        mandate.type = .robust
        mandate.benchmark = ["A": 0.5, "B": 0.5]
        mandate.parameters.uncertainty = Uncertainty(
            kind: kind,
            size: 1,
            covariance: kind.isOfReturns ? DenseMatrix(rows: [[0.01, 0], [0, 0.0001]]) : nil,
            upper: kind == .covarianceBox ? DenseMatrix(rows: [[0.09, 0], [0, 0.01]]) : nil
        )
        mandate.parameters.objectives = terms
        return mandate
    }

    @Test func `a return term is the least return, and a variance term the largest variance`() throws {
        // 0.1 − 0.1 against 0.05 − 0.01: all in B.
        let mandate = two(.box, [ObjectiveTerm(.expectedReturn, weight: 1)])
        let problem = try mandate.problem(.multiObjective)
        let solution = try optimizeAllocation(problem) { false }
        #expect(abs(solution.weights[1] - 1) < 1e-9)
        #expect(abs((try termValues(of: problem, at: solution)?.first?.value ?? 0) - 0.04) < 1e-12)
        // Variances 0.09 and 0.01 without correlation.
        let wide = two(.covarianceBox, [ObjectiveTerm(.variance, weight: -1)])
        let calm = try wide.solve(.multiObjective)
        #expect(abs(calm.weights[0] - 0.1) < 1e-7)
    }

    @Test func `a term without a known worst case is named with the reason`() throws {
        let refused: [(Uncertainty.Kind, ObjectiveTerm, String, String)] = [
            (.ellipsoidal, ObjectiveTerm(.expectedReturn, weight: -1), "not_convex", "positive weight"),
            (.box, ObjectiveTerm(.expectedReturn, weight: -1), "not_convex", "positive weight"),
            (.covarianceBox, ObjectiveTerm(.trackingError, weight: -1), "invalid_inputs", "signs"),
        ]
        for (kind, term, code, reason) in refused {
            let mandate = two(kind, [ObjectiveTerm(.concentration, weight: -1), term])
            let failure = try #require(try mandate.failure(.multiObjective))
            #expect(failure.code == code && failure.message.hasPrefix("/objectives/1"))
            #expect(failure.message.contains(reason))
        }
        let ball = Uncertainty(kind: .wasserstein, size: 0.01)
        let terms = [
            ObjectiveTerm(.expectedReturn, weight: -1), ObjectiveTerm(.variance, weight: -1),
            ObjectiveTerm(.risk, weight: -1, riskMeasure: .conditionalValueAtRisk),
            ObjectiveTerm(.risk, weight: -1, riskMeasure: .meanAbsoluteDeviation),
        ]
        #expect(terms.withoutWorstCase(under: ball).map(\.index) == [1, 3])
        #expect(terms.withoutWorstCase(under: Uncertainty(kind: .wasserstein, size: 0)).isEmpty)
    }

    @Test func `no point of the non-dominated set has another one better in every worst case`() throws {
        let terms = [ObjectiveTerm(.expectedReturn, weight: 1), ObjectiveTerm(.variance, weight: -1)]
        let mandate = two(.ellipsoidal, terms)
        let problem = try mandate.problem(.multiObjective)
        let points = try traceParetoSet(problem, pointCount: 8) { false }.points
        #expect(points.count == 8)
        func worst(_ w: [Double]) -> [Double] {
            [
                0.1 * w[0] + 0.05 * w[1] - (0.01 * w[0] * w[0] + 0.0001 * w[1] * w[1]).squareRoot(),
                -(0.04 * w[0] * w[0] + 0.01 * w[1] * w[1]),
            ]
        }
        for point in points {
            let own = worst(point.weights)
            #expect(abs(own[0] - point.values[0]) < 1e-12 && abs(own[1] + point.values[1]) < 1e-12)
            for step in 0...1000 {
                let other = worst([Double(step) / 1000, 1 - Double(step) / 1000])
                #expect(other[0] < own[0] + 1e-7 || other[1] < own[1] + 1e-7)
            }
        }
    }
}
