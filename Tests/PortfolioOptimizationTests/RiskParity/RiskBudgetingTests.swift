import Matrices
import PortfolioOptimization
import TestSupport
import Testing

/// A contribution may miss its budget by this much, relative to the budget.
private let budgetTolerance = 1e-10

@Suite("Risk budgeting")
struct RiskBudgetingTests {
    // MARK: Published cases

    @Test(arguments: publishedPortfolios)
    func `published portfolios are found`(published: PublishedRiskParity) throws {
        let portfolio = try riskBudgetPortfolio(covariance: published.covariance)
        for (weight, expected) in zip(portfolio.weights, published.weights) {
            #expect((weight - expected).magnitude <= published.tolerance, "\(published.source)")
        }
        expectBudgets(portfolio, equalBudgets(published.weights.count))
    }

    // MARK: Cases worked by hand

    @Test(arguments: [-0.9, -0.3, 0, 0.5, 0.999])
    func `two instruments with equal budgets weigh as the reciprocals of their volatilities`(rho: Double) throws {
        let covariance = DenseMatrix(rows: 2, columns: 2, columnMajor: [0.04, 0.06 * rho, 0.06 * rho, 0.09])
        let portfolio = try riskBudgetPortfolio(covariance: covariance)
        #expect((portfolio.weights[0] - 0.6).magnitude < 1e-12)
        #expect((portfolio.weights[1] - 0.4).magnitude < 1e-12)
    }

    @Test func `uncorrelated instruments weigh as the root of the budget over the volatility`() throws {
        var covariance = DenseMatrix(rows: 3, columns: 3)
        for (i, volatility) in [0.1, 0.2, 0.4].enumerated() { covariance[i, i] = volatility * volatility }
        let budgets = [0.64, 0.32, 0.04]
        let portfolio = try riskBudgetPortfolio(covariance: covariance, budgets: budgets)
        let raw = [0.8 / 0.1, 0.32.squareRoot() / 0.2, 0.2 / 0.4]
        for (weight, value) in zip(portfolio.weights, raw) {
            #expect((weight - value / raw.reduce(0, +)).magnitude < 1e-12)
        }
    }

    @Test func `one instrument is the whole portfolio`() throws {
        let covariance = DenseMatrix(rows: 1, columns: 1, columnMajor: [0.09])
        let portfolio = try riskBudgetPortfolio(covariance: covariance, budgets: [3])
        #expect(portfolio.weights == [1])
        #expect(portfolio.riskContributions == [1])
    }

    @Test func `equal instruments get equal weights`() throws {
        let n = 7
        var covariance = DenseMatrix(rows: n, columns: n, repeating: 0.04)
        for i in 0..<n { covariance[i, i] = 0.04 }
        let portfolio = try riskBudgetPortfolio(covariance: covariance)
        for weight in portfolio.weights { #expect((weight - 1 / Double(n)).magnitude < 1e-12) }
    }

    // MARK: Properties

    @Test(arguments: 0..<60)
    func `contributions equal the budgets, whichever algorithm finds them`(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let n = Int.random(in: 2...40, using: &generator)
        let covariance = randomCovariance(n, &generator)
        let budgets = (0..<n).map { _ in generator.uniform(0.05...1) }
        let portfolio = try riskBudgetPortfolio(covariance: covariance, budgets: budgets)
        expectBudgets(portfolio, budgets, "seed \(seed)")
        expectContributionsAreTrue(portfolio, covariance, "seed \(seed)")

        var settings = RiskBudgetingSettings()
        settings.maximumProducts = 0  // leaves everything to Cholesky
        let other = try riskBudgetPortfolio(covariance: covariance, budgets: budgets, settings: settings)
        #expect(other.method == .choleskyNewton)
        expectBudgets(other, budgets, "seed \(seed)")
        let descent = coordinateDescent(covariance, budgets, sweeps: 3000)
        for i in 0..<n {
            #expect((portfolio.weights[i] - other.weights[i]).magnitude < 1e-8, "seed \(seed)")
            #expect((portfolio.weights[i] - descent[i]).magnitude < 1e-8, "seed \(seed)")
        }
    }

    @Test(arguments: [1e-6, 1, 1e6], [1e-6, 1e6])
    func `units of the covariance and of the budgets do not matter`(unit: Double, budgetUnit: Double) throws {
        var generator = SeededGenerator(seed: 11)
        let covariance = randomCovariance(25, &generator)
        let budgets = (0..<25).map { _ in generator.uniform(0.05...1) }
        let plain = try riskBudgetPortfolio(covariance: covariance, budgets: budgets)
        var scaled = covariance
        for k in scaled.elements.indices { scaled.elements[k] *= unit }
        let other = try riskBudgetPortfolio(covariance: scaled, budgets: budgets.map { $0 * budgetUnit })
        for (a, b) in zip(plain.weights, other.weights) { #expect((a - b).magnitude < 1e-12) }
    }

    @Test func `volatilities a million apart keep their budgets`() throws {
        var generator = SeededGenerator(seed: 12)
        var covariance = randomCovariance(20, &generator)
        for j in 0..<20 {
            for i in 0..<20 { covariance[i, j] *= (i < 10 ? 1 : 1e-6) * (j < 10 ? 1 : 1e-6) }
        }
        expectBudgets(try riskBudgetPortfolio(covariance: covariance), equalBudgets(20))
    }

    @Test(arguments: 0..<20)
    func `a covariance of low rank keeps its budgets`(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(1000 + seed))
        let n = 30
        // Long-only combinations cannot lose the risk of a common factor with positive loadings.
        var factors = [(0..<n).map { _ in generator.uniform(0.5...1.5) }]
        for _ in 0..<3 { factors.append((0..<n).map { _ in 0.3 * generator.normal() }) }
        var covariance = DenseMatrix(rows: n, columns: n)
        for factor in factors {
            for j in 0..<n {
                for i in 0..<n { covariance[i, j] += factor[i] * factor[j] }
            }
        }
        expectBudgets(try riskBudgetPortfolio(covariance: covariance), equalBudgets(n), "seed \(seed)")
    }

    @Test func `an ill-conditioned covariance keeps its budgets`() throws {
        // Correlation 1 − 5e-13 between neighbours: condition number 4e12.
        let n = 12
        var covariance = DenseMatrix(rows: n, columns: n, repeating: 0.02)
        for i in 0..<n { covariance[i, i] = 0.06 }
        for i in stride(from: 0, to: n, by: 2) {
            covariance[i, i + 1] = 0.06 * (1 - 5e-13)
            covariance[i + 1, i] = 0.06 * (1 - 5e-13)
        }
        expectBudgets(try riskBudgetPortfolio(covariance: covariance), equalBudgets(n))
    }

    @Test func `hedges with strongly negative correlations keep their budgets`() throws {
        // Marginal risks change sign on the way, where logarithms end and Cholesky takes over.
        var covariance = DenseMatrix(rows: 3, columns: 3)
        let correlations: [[Double]] = [[1, -0.95, 0.2], [-0.95, 1, -0.45], [0.2, -0.45, 1]]
        for i in 0..<3 {
            for j in 0..<3 { covariance[i, j] = correlations[i][j] * [0.1, 0.5, 0.3][i] * [0.1, 0.5, 0.3][j] }
        }
        let budgets = [0.02, 0.9, 0.08]
        expectBudgets(try riskBudgetPortfolio(covariance: covariance, budgets: budgets), budgets)
    }

    // MARK: Zero budgets

    @Test func `an instrument without a budget is not held`() throws {
        var generator = SeededGenerator(seed: 21)
        let covariance = randomCovariance(6, &generator)
        let budgets = [1, 0, 2, 0, 3, 4.0]
        let portfolio = try riskBudgetPortfolio(covariance: covariance, budgets: budgets)
        #expect(portfolio.weights[1] == 0)
        #expect(portfolio.weights[3] == 0)
        let kept = [0, 2, 4, 5]
        let smaller = try riskBudgetPortfolio(
            covariance: covariance.selecting(rows: kept, columns: kept),
            budgets: kept.map { budgets[$0] }
        )
        for (position, instrument) in kept.enumerated() {
            #expect(portfolio.weights[instrument] == smaller.weights[position])
        }
    }

    @Test func `an instrument without variance may be there when it has no budget`() throws {
        let covariance = DenseMatrix(rows: 2, columns: 2, columnMajor: [0, 0, 0, 0.04])
        #expect(try riskBudgetPortfolio(covariance: covariance, budgets: [0, 1]).weights == [0, 1])
        #expect(throws: RiskBudgetingError.noVariance(instrument: 0)) {
            try riskBudgetPortfolio(covariance: covariance)
        }
    }

    // MARK: No answer

    @Test func `a combination without risk has none to budget`() {
        let covariance = DenseMatrix(rows: 2, columns: 2, columnMajor: [0.04, -0.06, -0.06, 0.09])
        #expect(throws: RiskBudgetingError.riskless) { try riskBudgetPortfolio(covariance: covariance) }
        var three = DenseMatrix.identity(3)
        three[0, 1] = -1
        three[1, 0] = -1
        #expect(throws: RiskBudgetingError.riskless) {
            try riskBudgetPortfolio(covariance: three, budgets: [0.5, 0.2, 0.3])
        }
    }

    @Test func `mistakes are named`() {
        let covariance = DenseMatrix.identity(2)
        func solve(_ matrix: DenseMatrix, _ budgets: [Double]?) throws {
            _ = try riskBudgetPortfolio(covariance: matrix, budgets: budgets)
        }
        #expect(throws: RiskBudgetingError.dimensionMismatch(what: "budgets", expected: 2, actual: 1)) {
            try solve(covariance, [1])
        }
        #expect(throws: RiskBudgetingError.negativeBudget(instrument: 1)) { try solve(covariance, [1, -1]) }
        #expect(throws: RiskBudgetingError.noBudget) { try solve(covariance, [0, 0]) }
        #expect(throws: RiskBudgetingError.noBudget) { try solve(DenseMatrix(rows: 0, columns: 0), nil) }
        #expect(throws: RiskBudgetingError.notFinite(what: "budgets", index: 0)) { try solve(covariance, [.nan, 1]) }
        var broken = covariance
        broken[1, 0] = .nan
        #expect(throws: RiskBudgetingError.notFinite(what: "Σ", index: 1)) { try solve(broken, nil) }
        broken = covariance
        broken[0, 0] = -1
        #expect(throws: RiskBudgetingError.notPositiveSemidefinite) { try solve(broken, nil) }
    }

    @Test func `a solve that is told to stop stops`() {
        #expect(throws: RiskBudgetingError.stopped) {
            try riskBudgetPortfolio(covariance: .identity(2), shouldStop: { true })
        }
    }
}

// MARK: Support

private func equalBudgets(_ n: Int) -> [Double] { [Double](repeating: 1, count: n) }

private func expectBudgets(
    _ portfolio: RiskBudgetPortfolio,
    _ budgets: [Double],
    _ comment: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let total = budgets.reduce(0, +)
    #expect(portfolio.budgetError <= budgetTolerance, "\(comment)", sourceLocation: sourceLocation)
    #expect(portfolio.weights.allSatisfy { $0 > 0 }, "\(comment)", sourceLocation: sourceLocation)
    #expect((portfolio.weights.reduce(0, +) - 1).magnitude < 1e-14, "\(comment)", sourceLocation: sourceLocation)
    for (contribution, budget) in zip(portfolio.riskContributions, budgets) {
        #expect(
            (contribution * total / budget - 1).magnitude <= 2 * budgetTolerance,
            "\(comment)",
            sourceLocation: sourceLocation
        )
    }
}

/// Recomputes every contribution from Σ and the weights, in plain loops.
private func expectContributionsAreTrue(
    _ portfolio: RiskBudgetPortfolio,
    _ covariance: DenseMatrix,
    _ comment: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let w = portfolio.weights
    let marginal = w.indices.map { i in zip(covariance.row(i), w).reduce(0) { $0 + $1.0 * $1.1 } }
    let variance = zip(w, marginal).reduce(0) { $0 + $1.0 * $1.1 }
    for i in w.indices {
        let contribution = w[i] * marginal[i] / variance
        #expect(
            (portfolio.riskContributions[i] - contribution).magnitude < 1e-12,
            "\(comment)",
            sourceLocation: sourceLocation
        )
    }
}

/// A covariance of correlations of either sign.
private func randomCovariance(_ n: Int, _ generator: inout SeededGenerator) -> DenseMatrix {
    var result = DenseMatrix(rows: n, columns: n)
    let common = generator.uniform(0...1)
    for _ in 0..<(n + 3) {
        let market = common * generator.normal()
        let factor = (0..<n).map { _ in market + generator.normal() }
        for j in 0..<n {
            for i in 0..<n { result[i, j] += factor[i] * factor[j] / Double(n + 3) }
        }
    }
    let volatilities = (0..<n).map { _ in generator.uniform(0.05...0.5) }
    for j in 0..<n {
        for i in 0..<n { result[i, j] *= volatilities[i] * volatilities[j] }
    }
    return result
}

/// Cyclical coordinate descent on ½ xᵀΣx − Σ bᵢ ln xᵢ (Griveau-Billion, Richard & Roncalli, 2013), in plain loops.
private func coordinateDescent(_ covariance: DenseMatrix, _ budgets: [Double], sweeps: Int) -> [Double] {
    let n = budgets.count
    var x = (0..<n).map { 1 / covariance[$0, $0].squareRoot() }
    for _ in 0..<sweeps {
        for i in 0..<n {
            let a = covariance[i, i]
            var rest = -a * x[i]
            for j in 0..<n { rest += covariance[i, j] * x[j] }
            x[i] = (-rest + (rest * rest + 4 * a * budgets[i]).squareRoot()) / (2 * a)
        }
    }
    let total = x.reduce(0, +)
    return x.map { $0 / total }
}

/// An equal risk contribution portfolio that somebody else computed.
struct PublishedRiskParity: Sendable, CustomTestStringConvertible {
    let source: String
    let volatilities: [Double]
    /// Correlations above the diagonal, row by row.
    let correlations: [Double]
    let weights: [Double]
    /// Half a unit of the last printed digit, or what rounding of the printed inputs allows.
    let tolerance: Double

    var testDescription: String { source }

    var covariance: DenseMatrix {
        let n = volatilities.count
        var result = DenseMatrix(rows: n, columns: n)
        var next = 0
        for i in 0..<n {
            result[i, i] = volatilities[i] * volatilities[i]
            for j in (i + 1)..<max(n, i + 1) {
                result[i, j] = correlations[next] * volatilities[i] * volatilities[j]
                result[j, i] = result[i, j]
                next += 1
            }
        }
        return result
    }
}

let publishedPortfolios = [
    PublishedRiskParity(
        source: "Maillard, Roncalli & Teiletche, J. Portfolio Management 36 (2010), p. 65, uncorrelated",
        volatilities: [0.1, 0.2, 0.3, 0.4],
        correlations: [0, 0, 0, 0, 0, 0],
        weights: [0.48, 0.24, 0.16, 0.12],
        tolerance: 1e-12
    ),
    PublishedRiskParity(
        source: "Maillard, Roncalli & Teiletche, J. Portfolio Management 36 (2010), p. 65, two blocks",
        volatilities: [0.1, 0.2, 0.3, 0.4],
        correlations: [0.8, 0, 0, 0, 0, -0.5],
        weights: [0.384, 0.192, 0.243, 0.182],
        tolerance: 6e-4
    ),
    PublishedRiskParity(
        source: "Richard & Roncalli, Constrained Risk Budgeting Portfolios (2019), table 1",
        volatilities: [0.10, 0.15, 0.20, 0.30],
        correlations: [0.5, 0.5, 0.5, 0.5, 0.5, 0.75],
        weights: [0.4101, 0.2734, 0.1899, 0.1266],
        tolerance: 1e-4
    ),
    PublishedRiskParity(
        source: "Richard & Roncalli, Constrained Risk Budgeting Portfolios (2019), table 9",
        volatilities: [0.05, 0.05, 0.07, 0.10, 0.15, 0.15, 0.15, 0.18],
        correlations: [
            0.8, 0.6, -0.2, -0.1, -0.2, -0.2, -0.2,
            0.4, -0.2, -0.2, -0.1, -0.2, -0.2,
            0.5, 0.3, 0.2, 0.2, 0.3,
            0.6, 0.6, 0.5, 0.6,
            0.9, 0.7, 0.7,
            0.6, 0.7,
            0.7,
        ],
        weights: [0.268306, 0.286769, 0.114095, 0.097985, 0.056135, 0.059029, 0.066560, 0.051121],
        tolerance: 1e-6
    ),
]
