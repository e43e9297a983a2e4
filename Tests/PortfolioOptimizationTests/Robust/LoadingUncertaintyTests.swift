import Foundation
import Matrices
import PortfolioModel
import PortfolioOptimization
import Testing

/// A mandate of `loading_mandates.json`: how far loadings may be off, and the best objective that other solvers found.
struct LoadingMandate: Decodable, Sendable, CustomTestStringConvertible {
    struct Unknown: Decodable, Sendable {
        var size: Double
        /// How many of the three factors there are.
        var factors: Int
        var years: Double?
        /// Every so many instruments have no variance of their own.
        var certain_every: Int?
    }

    let base: RandomMandate
    let unknown: Unknown

    var testDescription: String { "\(unknown.factors) factors \(unknown.size), \(base)" }

    private enum CodingKeys: String, CodingKey { case uncertainty }

    init(from decoder: any Decoder) throws {
        base = try RandomMandate(from: decoder)
        unknown = try decoder.container(keyedBy: CodingKeys.self).decode(Unknown.self, forKey: .uncertainty)
    }

    static let all: [LoadingMandate] = {
        guard let url = Bundle.module.url(forResource: "Fixtures/loading_mandates", withExtension: "json"),
            let data = try? Data(contentsOf: url),
            let cases = try? JSONDecoder().decode([LoadingMandate].self, from: data)
        else { return [] }
        return cases
    }()

    /// The mandate with its uncertainty; a history is given where the radii are standard errors.
    func mandate() -> (mandate: TestMandate, returns: DenseMatrix?) {
        var mandate = base.mandate(inParts: true)
        mandate.type = .robust
        if var factors = mandate.factors {
            // Factors that are left out have no variance: F is singular.
            for f in unknown.factors..<3 { factors.covariance.factorCovariance[f, f] = 0 }
            if let every = unknown.certain_every {
                for index in stride(from: 0, to: base.size, by: every) {
                    factors.covariance.specificVariance[index] = 0
                }
            }
            mandate.factors = factors
        }
        var uncertainty = Uncertainty(kind: .factorLoadings, size: unknown.size)
        if unknown.years == nil {
            let radii = mandate.identifiers.enumerated().map { ($1, 0.02 * Double($0 % 3)) }
            uncertainty.radii = Dictionary(uniqueKeysWithValues: radii)
        }
        mandate.parameters.uncertainty = uncertainty
        return (mandate, unknown.years.map { DenseMatrix(rows: Int($0) * 252, columns: base.size) })
    }

    /// The worst volatility, from the definition.
    func worstVolatility(_ weights: [Double], _ model: FactorCovariance) -> Double {
        var (common, specific, spread) = (0.0, 0.0, 0.0)
        for f in 0..<unknown.factors {
            let exposure = weights.indices.reduce(0) { $0 + model.exposures[f, $1] * weights[$1] }
            common += exposure * exposure
        }
        for (index, weight) in weights.enumerated() {
            let variance = model.specificVariance[index]
            specific += variance * weight * weight
            let radius = unknown.years.map { (variance / (252 * $0)).squareRoot() } ?? 0.02 * Double(index % 3)
            spread += unknown.size * radius * weight.magnitude
        }
        let most = common.squareRoot() + spread
        return (most * most + specific).squareRoot()
    }
}

@Suite("Uncertain factor loadings")
struct LoadingUncertaintyTests {
    @Test func `the fixture has mandates of every kind`() {
        let completed = LoadingMandate.all.filter { $0.base.status == "optimal" }
        #expect(completed.count >= 60)
        #expect(Set(completed.map(\.base.objective)).count == 4)
        #expect(completed.contains { $0.base.constraints.allow_short == true })
        #expect(completed.contains { $0.unknown.factors == 1 && $0.unknown.certain_every != nil })
    }

    @Test(arguments: LoadingMandate.all)
    func `the worst volatility is the best there is and meets every limit`(_ example: LoadingMandate) throws {
        let objective = try #require(Objective(rawValue: example.base.objective))
        let (mandate, returns) = example.mandate()
        let problem = try mandate.problem(objective, returns: returns)
        guard example.base.status == "optimal" else {
            #expect(failure(problem)?.code == example.base.status)
            return
        }
        let model = try #require(mandate.factors?.covariance)
        let solution = try optimizeAllocation(problem) { false }
        let figures = Figures(problem, solution.weights, solution.cash)
        let places = problem.instruments.map { mandate.identifiers.firstIndex(of: $0.id) ?? 0 }
        var weights = [Double](repeating: 0, count: example.base.size)
        for (place, weight) in zip(places, solution.weights) { weights[place] = weight }
        let volatility = example.worstVolatility(weights, model)
        let rate = problem.preferences.riskFreeRate ?? 0
        let value =
            switch objective {
            case .minimizeRisk: -volatility
            case .maximizeReturn: figures.netReturn
            case .maximizeUtility:
                figures.netReturn - (problem.preferences.riskAversion ?? 2.5) / 2 * volatility * volatility
            default: (figures.netReturn - rate) / volatility
            }
        let expected = try #require(example.base.expected) * (objective == .minimizeRisk ? -1 : 1)
        #expect(abs(value - expected) <= 1e-6 * max(abs(expected), 1e-1), "\(value) is not \(expected)")
        #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-9)
        for bound in [problem.constraints.targetVolatility, problem.constraints.maxRisk] {
            if let bound { #expect(volatility <= bound + 1e-9) }
        }
    }

    private func failure(_ problem: AllocationProblem) -> OptimizationFailure? {
        do throws(OptimizationFailure) {
            _ = try optimizeAllocation(problem) { false }
            return nil
        } catch { return error }
    }

    @Test(arguments: LoadingMandate.all.prefix(40))
    func `a size of 0, and loadings that are certain, give the plain problem's bits`(
        _ example: LoadingMandate
    ) throws {
        let objective = try #require(Objective(rawValue: example.base.objective))
        let (given, _) = example.mandate()
        var plain = given
        plain.type = .meanVariance
        plain.parameters.uncertainty = nil
        for (size, radii) in [(0.0, nil), (1, [:]), (2, ["I00": 0])] as [(Double, [String: Double]?)] {
            var mandate = given
            mandate.parameters.uncertainty = Uncertainty(kind: .factorLoadings, size: size, radii: radii)
            let robust = Result { try mandate.solve(objective) }
            switch (robust, Result { try plain.solve(objective) }) {
            case (.success(let robust), .success(let plain)):
                #expect(robust.weights == plain.weights && robust.cash == plain.cash)
                #expect(robust.bindingConstraints == plain.bindingConstraints)
            case (.failure(let robust as OptimizationFailure), .failure(let plain as OptimizationFailure)):
                #expect(robust == plain)
            case (_, _): Issue.record("one has an answer and the other has none")
            }
        }
    }

    /// Two instruments on one factor of variance 0.04.
    private func two(loadings: [Double], specific: [Double], radii: [String: Double]?) -> TestMandate {
        var mandate = TestMandate(expectedReturns: [0.08, 0.05], covariance: [[1, 0], [0, 1]])
        mandate.type = .robust
        var variance = DenseMatrix.identity(1)
        variance[0, 0] = 0.04
        mandate.factors = FactorStructure(
            factors: ["MKT"],
            covariance: FactorCovariance(
                exposuresTransposed: DenseMatrix(rows: 1, columns: 2, columnMajor: loadings),
                factorCovariance: variance,
                specificVariance: specific
            )
        )
        mandate.parameters.uncertainty = Uncertainty(kind: .factorLoadings, size: 1, radii: radii)
        return mandate
    }

    @Test func `the least worst volatility of two instruments is the one derived`() throws {
        // Both load 1; the first may be off by 0.05: (0.2 + 0.05w)² + 0.01w² + 0.04(1 − w)² is least where
        // 0.05·0.2 + 0.0025w + 0.01w − 0.04(1 − w) = 0.
        let mandate = two(loadings: [1, 1], specific: [0.01, 0.04], radii: ["A": 0.05])
        let solution = try mandate.solve(.minimizeRisk)
        #expect(abs(solution.weights[0] - 0.03 / 0.0525) < 1e-7)
    }

    @Test func `loadings that cancel do not once they are uncertain`() throws {
        // 1 and −1: half each has no factor risk, but 0.1·½ + 0.1·½ remain.
        var mandate = two(loadings: [1, -1], specific: [0, 0], radii: ["A": 0.1, "B": 0.1])
        let solution = try mandate.solve(.minimizeRisk)
        #expect(abs(solution.weights[0] - 0.5) < 1e-6)
        mandate.constraints.targetVolatility = 0.11
        #expect(try mandate.failure(.maximizeReturn) == nil)
        mandate.constraints.targetVolatility = 0.09
        let failure = try #require(try mandate.failure(.maximizeReturn))
        #expect(failure.code == "infeasible" && abs(failure.nearest("/target_volatility") - 0.1) < 1e-7)
    }

    @Test func `a limit on the worst volatility has the price that the objective's slope shows`() throws {
        var mandate = two(loadings: [1, 0.4], specific: [0.02, 0.01], radii: ["A": 0.04, "B": 0.01])
        func best(_ bound: Double) throws -> AllocationSolution {
            mandate.constraints.targetVolatility = bound
            return try mandate.solve(.maximizeReturn)
        }
        func earned(_ solution: AllocationSolution) -> Double {
            0.08 * solution.weights[0] + 0.05 * solution.weights[1]
        }
        let solution = try best(0.19)
        let step = 1e-4
        let slope = (earned(try best(0.19 + step)) - earned(try best(0.19 - step))) / (2 * step)
        let binding = try #require(solution.bindingConstraints.first { $0.constraint == "/target_volatility" })
        #expect(abs((binding.shadowPrice ?? 0) - slope) < 1e-3 * abs(slope))
        #expect(abs(binding.value - 0.19) < 1e-8)
    }

    @Test func `a threshold is searched over with the worst volatility`() throws {
        var mandate = two(loadings: [1, 0.9], specific: [0.01, 0.04], radii: ["A": 0.05])
        mandate.constraints.minPositionSize = 0.6
        let solution = try mandate.solve(.minimizeRisk)
        func worst(_ w: [Double]) -> Double {
            let common = 0.2 * (w[0] + 0.9 * w[1]) + 0.05 * w[0]
            return (common * common + 0.01 * w[0] * w[0] + 0.04 * w[1] * w[1]).squareRoot()
        }
        #expect(abs(worst(solution.weights) - min(worst([1, 0]), worst([0, 1]))) < 1e-9)
    }

    @Test func `factors without variance make uncertain loadings matter for nothing`() throws {
        var mandate = two(loadings: [1, 1], specific: [0.01, 0.04], radii: ["A": 0.5])
        mandate.factors?.covariance.factorCovariance[0, 0] = 0
        let solution = try mandate.solve(.minimizeRisk)
        #expect(abs(solution.weights[0] - 0.8) < 1e-9)
    }

    @Test func `what cannot be told or does not fit is refused by name`() throws {
        func code(_ mandate: TestMandate, _ objective: Objective = .minimizeRisk) -> String? {
            do throws(OptimizationFailure) {
                let asked = mandate.asked(objective)
                _ = try AllocationProblem(snapshot: asked.snapshot, moments: asked.moments, request: asked.request)
                return nil
            } catch { return error.code }
        }
        let known = two(loadings: [1, 1], specific: [0.01, 0.04], radii: ["A": 0.05])
        #expect(code(known) == nil)
        #expect(code(two(loadings: [1, 1], specific: [0.01, 0.04], radii: nil)) == "missing_history")
        #expect(code(two(loadings: [1, 1], specific: [0.01, 0.04], radii: ["Z": 0.05])) == "invalid_inputs")
        var matrix = known
        matrix.factors = nil
        #expect(code(matrix) == "missing_factors")
        var limited = known
        limited.constraints.factorExposures = ["MKT": FactorLimit(min: 0, max: 1)]
        #expect(code(limited) == "unsupported_constraint")
        limited.parameters.uncertainty?.size = 0
        #expect(code(limited) == nil)
        #expect(code(known, .maximizeDiversification) == "invalid_inputs")
        #expect(code(known, .multiObjective) == "invalid_inputs")
    }
}
