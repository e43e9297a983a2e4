import Foundation
import Matrices
import PortfolioModel
import Testing

import PortfolioOptimization

/// A mandate of `path_terms.json`: terms over several periods, and the best sum that another solver found.
struct PathTerms: Decodable, Sendable, CustomTestStringConvertible {
    struct Term: Decodable, Sendable {
        var term: String
        var weight: Double
    }

    let covariance, returns: [[Double]]
    let quantities, benchmark, proportional, impact, exposures, scores: [Double]
    let cash, max_position_size, max_cash, max_turnover: Double
    let nets_costs: Bool
    let target: [Double]?
    let terms: [Term]
    /// Nil when no path meets the limits.
    let expected: Double?

    var testDescription: String {
        "\(quantities.count) instruments, \(returns.count) periods: \(terms.map(\.term).joined(separator: ", "))"
    }

    static let all: [PathTerms] = {
        guard let url = Bundle.module.url(forResource: "Fixtures/path_terms", withExtension: "json"),
            let data = try? Data(contentsOf: url),
            let cases = try? JSONDecoder().decode([PathTerms].self, from: data)
        else { return [] }
        return cases
    }()

    func mandate(inParts: Bool = false) -> TestMandate {
        var mandate = TestMandate(expectedReturns: returns[0], covariance: covariance, quantities: quantities)
        let ids = mandate.identifiers
        mandate.type = .multiPeriod
        mandate.cash = cash
        mandate.benchmark = Dictionary(uniqueKeysWithValues: zip(ids, benchmark))
        mandate.costs = proportional.indices.map {
            TransactionCost(proportional: proportional[$0], impact: impact[$0], averageDailyValue: 1e6)
        }
        mandate.preferences.riskFreeRate = 0.01
        mandate.preferences.includeTransactionCosts = nets_costs
        mandate.constraints.maxPositionSize = max_position_size
        mandate.constraints.maxCash = max_cash
        mandate.constraints.maxTurnover = max_turnover
        let factors = FactorStructure(
            factors: ["MKT"],
            covariance: FactorCovariance(
                exposuresTransposed: DenseMatrix(rows: 1, columns: exposures.count, columnMajor: exposures),
                factorCovariance: DenseMatrix(rows: 1, columns: 1),
                specificVariance: [Double](repeating: 0, count: exposures.count)
            )
        )
        mandate.exposures = factors
        mandate.parameters.horizon = Horizon(
            periodCount: returns.count,
            expectedReturns: returns,
            terminalTarget: target.map { Dictionary(uniqueKeysWithValues: zip(ids, $0)) }
        )
        mandate.parameters.objectives = terms.compactMap { item in
            guard let kind = ObjectiveTerm.Kind(rawValue: item.term) else { return nil }
            return ObjectiveTerm(
                kind,
                weight: item.weight,
                factor: kind == .factorExposure ? "MKT" : nil,
                scores: kind == .score ? Dictionary(uniqueKeysWithValues: zip(ids, scores)) : nil
            )
        }
        return mandate
    }

    /// What the terms come to on a path, from their definitions and by none of the method's code.
    func value(of path: AllocationPath) -> Double {
        let worth = 100 * quantities.reduce(0, +) + cash
        var before = quantities.map { 100 * $0 / worth }
        var cashBefore = cash / worth
        var sum = 0.0
        for (step, row) in zip(path.steps, returns) {
            let trades = zip(step.weights, before).map { abs($0 - $1) }
            var cost = 0.0
            for (index, trade) in trades.enumerated() {
                cost += proportional[index] * trade + impact[index] * (worth / 1e6 * trade).squareRoot() * trade
            }
            let held = zip(row, step.weights).reduce(0.01 * step.cash) { $0 + $1.0 * $1.1 }
            let values: [String: Double] = [
                "return": held - (nets_costs ? cost : 0), "variance": variance(step.weights),
                "risk": variance(step.weights).squareRoot(), "cost": cost,
                "turnover": (trades.reduce(0, +) + abs(step.cash - cashBefore)) / 2,
                "tracking_error": variance(zip(step.weights, benchmark).map { $0 - $1 }).squareRoot(),
                "concentration": step.weights.reduce(step.cash * step.cash) { $0 + $1 * $1 },
                "factor_exposure": zip(exposures, step.weights).reduce(0) { $0 + $1.0 * $1.1 },
                "score": zip(scores, step.weights).reduce(0) { $0 + $1.0 * $1.1 },
            ]
            for item in terms { sum += item.weight * (values[item.term] ?? .nan) }
            (before, cashBefore) = (step.weights, step.cash)
        }
        return sum
    }

    private func variance(_ weights: [Double]) -> Double {
        var sum = 0.0
        for (i, left) in weights.enumerated() {
            for (j, right) in weights.enumerated() { sum += left * covariance[i][j] * right }
        }
        return max(0, sum)
    }
}

@Suite("Objectives made of terms over several periods")
struct PathTermsTests {
    @Test func `the fixture has every term, costs with impact, and targets`() {
        let solved = PathTerms.all.filter { $0.expected != nil }
        #expect(solved.count > 20)
        #expect(Set(solved.flatMap { $0.terms.map(\.term) }).count == 9)
        #expect(solved.contains { $0.target != nil })
        #expect(solved.contains { $0.returns.count > 1 && $0.impact[0] > 0 && $0.terms.contains { $0.term == "cost" } })
    }

    @Test(arguments: PathTerms.all)
    func `the best path is the reference's`(_ example: PathTerms) throws {
        let mandate = example.mandate()
        guard let expected = example.expected else {
            #expect(try mandate.failure(.multiObjective)?.code == "infeasible")
            return
        }
        for inStages in [false, true] {
            let solution = try optimizePathByProgram(mandate.problem(.multiObjective), inStages: inStages) { false }
            let path = try #require(solution.path)
            #expect(path.steps.count == example.returns.count)
            #expect(path.steps[0].weights == solution.weights)
            let value = example.value(of: path)
            #expect(abs(value - expected) <= 1e-6 * max(abs(expected), 1e-1), "\(value) is not \(expected)")
            #expect(abs(path.objective - value) <= 1e-10)
        }
        let path = try #require(try mandate.solve(.multiObjective).path)
        #expect(abs(path.objective - expected) <= 1e-6 * max(abs(expected), 1e-1))
    }

    @Test(arguments: PathTerms.all.filter { $0.expected != nil })
    func `one period is the single-period optimum`(_ example: PathTerms) throws {
        var several = example.mandate()
        several.parameters.horizon = Horizon(periodCount: 1)
        var single = several
        single.type = .meanVariance
        single.parameters.horizon = nil
        let plain = try single.problem(.multiObjective)
        let best = try optimizeAllocation(plain) { false }
        func sum(_ solution: AllocationSolution) throws -> Double {
            try #require(try termValues(of: plain, at: solution)).reduce(0) { $0 + $1.contribution }
        }
        let answered = try several.solve(.multiObjective)
        #expect(zip(answered.weights, best.weights).allSatisfy { abs($0 - $1) <= 1e-8 })
        #expect(abs((answered.path?.objective ?? .nan) - (try sum(best))) <= 1e-8)
        let programmed = try optimizePathByProgram(several.problem(.multiObjective)) { false }
        #expect(abs(try sum(programmed) - sum(best)) <= 1e-8)
    }

    @Test(
        arguments: [
            ObjectiveTerm(.tax, weight: -1), ObjectiveTerm(.entropy, weight: 0.1),
            ObjectiveTerm(.risk, weight: -1, riskMeasure: .conditionalValueAtRisk),
        ]
    )
    func `a term that a path does not have is named with those that it has`(term: ObjectiveTerm) throws {
        var mandate = try #require(PathTerms.all.first).mandate()
        mandate.parameters.objectives = [ObjectiveTerm(.variance, weight: -1), term]
        let asked = mandate.asked(.multiObjective, returns: DenseMatrix(rows: 4, columns: mandate.quantities.count))
        let problem = try AllocationProblem(snapshot: asked.snapshot, moments: asked.moments, request: asked.request)
        do throws(OptimizationFailure) {
            _ = try optimizeAllocation(problem) { false }
            Issue.record("it was answered")
        } catch {
            #expect(error.code == "invalid_inputs" && error.message.hasPrefix("/objectives/1"), "\(error)")
            #expect(error.message.contains("factor_exposure and score"))
        }
    }

    @Test func `returns net of taxes and sets of allocations are refused`() throws {
        var mandate = try #require(PathTerms.all.first).mandate()
        mandate.parameters.objectives = [
            ObjectiveTerm(.expectedReturn, weight: 1), ObjectiveTerm(.variance, weight: -1),
        ]
        var taxed = mandate
        taxed.preferences.considerTaxImplications = true
        #expect(try taxed.failure(.multiObjective)?.message.hasPrefix("/objectives/0") == true)
        mandate.parameters.paretoPoints = 5
        #expect(try mandate.failure(.multiObjective)?.message.contains("pareto_points") == true)
    }
}
