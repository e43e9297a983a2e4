import LinearAlgebra
import Matrices
import MomentEstimation
import TestSupport
import Testing

/// Rounding of a posterior of a few instruments, relative to the numbers in it.
private let rounding = 1e-12

@Suite("Black–Litterman")
struct BlackLittermanTests {
    // MARK: He & Litterman (1999)

    @Test func `the equilibrium of seven countries is the published one`() throws {
        let prior = try SevenCountries.prior()
        let expected = [3.9, 6.9, 8.4, 9.0, 4.3, 6.8, 7.6]
        for (value, published) in zip(prior, expected) {
            #expect((100 * value - published).magnitude < SevenCountries.tolerance)
        }
    }

    @Test(arguments: SevenCountries.tables)
    func `posterior returns and optimal weights of seven countries are the published ones`(
        table: SevenCountries.Table
    ) throws {
        let covariance = SevenCountries.covariance
        let views = zip(table.rows, table.views).map { BlackLittermanView(row: $0, expectedReturn: $1) }
        let posterior = try blackLittermanPosterior(
            prior: try SevenCountries.prior(),
            covariance: covariance,
            views: views,
            tau: 0.05
        )
        for (value, published) in zip(posterior.excessReturns, table.returns) {
            #expect((100 * value - published).magnitude < SevenCountries.tolerance, "table \(table.number)")
        }
        let weights = try CholeskyFactorization(posterior.covariance).solve(posterior.excessReturns)
        for (weight, published) in zip(weights, table.weights) {
            #expect((100 * weight / 2.5 - published).magnitude < SevenCountries.tolerance, "table \(table.number)")
        }
        for (variance, published) in zip(posterior.viewVariances, table.variancesOverTau) {
            #expect(((variance ?? 0) / 0.05 - published).magnitude < 5.1e-4, "table \(table.number)")
        }
    }

    // MARK: The formula

    @Test(arguments: 0..<30)
    func `the posterior is the one of the master formula with its inverses`(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let n = Int.random(in: 2...12, using: &generator)
        let covariance = randomCovariance(n, &generator)
        let prior = (0..<n).map { _ in 0.05 * generator.normal() }
        let tau = generator.uniform(0.01...1)
        let views = (0..<Int.random(in: 1...6, using: &generator)).map { _ in
            BlackLittermanView(
                row: (0..<n).map { _ in generator.normal() },
                expectedReturn: 0.05 * generator.normal(),
                uncertainty: .variance(generator.uniform(0.0001...0.01))
            )
        }
        let posterior = try blackLittermanPosterior(prior: prior, covariance: covariance, views: views, tau: tau)
        let direct = try masterFormula(prior, covariance, views, tau)
        for (a, b) in zip(posterior.excessReturns, direct.mean) {
            #expect((a - b).magnitude < 1e-9, "seed \(seed)")
        }
        for (a, b) in zip(posterior.covariance.elements, direct.covariance.elements) {
            #expect((a - b).magnitude < 1e-9, "seed \(seed)")
        }
        let transposed = posterior.covariance.transposed
        #expect(posterior.covariance == transposed)
    }

    @Test func `one view on one instrument is the average of two estimates, weighed by their precision`() throws {
        let covariance = DenseMatrix(rows: 1, columns: 1, columnMajor: [0.04])
        // Prior 4 % with variance 0.1 · 0.04 = 0.004, view 10 % with variance 0.012: (3 · 4 % + 10 %)/4 = 5.5 %.
        let view = BlackLittermanView(row: [1], expectedReturn: 0.10, uncertainty: .variance(0.012))
        let posterior = try blackLittermanPosterior(prior: [0.04], covariance: covariance, views: [view], tau: 0.1)
        #expect((posterior.excessReturns[0] - 0.055).magnitude < rounding)
        #expect((posterior.covariance[0, 0] - 0.043).magnitude < rounding)
    }

    @Test func `without views the prior stays, and its uncertainty is added`() throws {
        let posterior = try posterior(of: [])
        #expect(posterior.excessReturns == example.prior)
        for (a, b) in zip(posterior.covariance.elements, example.covariance.elements) {
            #expect((a - 1.05 * b).magnitude < rounding)
        }
    }

    // MARK: Confidence

    @Test func `a view without confidence is dropped`() throws {
        let dropped = BlackLittermanView(row: [1, -1, 0], expectedReturn: 0.5, uncertainty: .confidence(0))
        let kept = BlackLittermanView(row: [0, 1, 0], expectedReturn: 0.08, uncertainty: .confidence(0.3))
        let both = try posterior(of: [dropped, kept])
        let alone = try posterior(of: [kept])
        #expect(both.excessReturns == alone.excessReturns)
        #expect(both.covariance == alone.covariance)
        #expect(both.viewVariances[0] == nil)
        #expect(both.viewVariances[1] == alone.viewVariances[0])
    }

    @Test func `a certain view holds exactly`() throws {
        let view = BlackLittermanView(row: [1, -1, 0], expectedReturn: 0.03, uncertainty: .confidence(1))
        let posterior = try posterior(of: [view])
        #expect((posterior.excessReturns[0] - posterior.excessReturns[1] - 0.03).magnitude < rounding)
        #expect(posterior.viewVariances == [0])
    }

    @Test func `the tilt towards a view grows in proportion to its confidence`() throws {
        // Idzorek: with one view the departure from the prior is the confidence times that of a certain view.
        let certain = try tilt(.confidence(1))
        for confidence in [0.1, 0.25, 0.5, 0.9] {
            let tilt = try tilt(.confidence(confidence))
            for (a, b) in zip(tilt, certain) { #expect((a - confidence * b).magnitude < rounding) }
        }
        #expect(try tilt(.confidence(0.5)) == tilt(.asPrior))
    }

    // MARK: Total and excess returns

    @Test func `a view on a total return is one on an excess return, less the risk-free rate`() throws {
        let total = BlackLittermanView(row: [0.5, 0.5, 0], expectedReturn: 0.09, isTotal: true)
        let excess = BlackLittermanView(row: [0.5, 0.5, 0], expectedReturn: 0.07)
        let first = try posterior(of: [total], riskFreeRate: 0.02).excessReturns
        let second = try posterior(of: [excess], riskFreeRate: 0.02).excessReturns
        for (a, b) in zip(first, second) { #expect((a - b).magnitude < rounding) }
        // The risk-free rate cancels in the difference of two instruments.
        let spread = BlackLittermanView(row: [1, -1, 0], expectedReturn: 0.01, isTotal: true)
        #expect(
            try posterior(of: [spread], riskFreeRate: 0.02).excessReturns == posterior(of: [spread]).excessReturns
        )
    }

    // MARK: Degenerate cases

    @Test func `a singular covariance is no obstacle`() throws {
        let covariance = DenseMatrix(rows: 2, columns: 2, repeating: 0.04)
        let view = BlackLittermanView(row: [1, 0], expectedReturn: 0.1, uncertainty: .confidence(0.5))
        let posterior = try blackLittermanPosterior(prior: [0.02, 0.02], covariance: covariance, views: [view])
        for value in posterior.excessReturns { #expect((value - 0.06).magnitude < rounding) }
    }

    @Test func `the unit of a view does not matter`() throws {
        let plain = BlackLittermanView(row: [1, -1, 0], expectedReturn: 0.03)
        let large = BlackLittermanView(row: [1e6, -1e6, 0], expectedReturn: 0.03e6)
        let other = BlackLittermanView(row: [0, 0, 1], expectedReturn: 0.01)
        let first = try posterior(of: [plain, other]).excessReturns
        let second = try posterior(of: [large, other]).excessReturns
        for (a, b) in zip(first, second) { #expect((a - b).magnitude < rounding) }
    }

    @Test func `mistakes are named`() {
        func expect(_ error: BlackLittermanError, _ views: [BlackLittermanView]) {
            #expect(throws: error) { try posterior(of: views) }
        }
        let certain = BlackLittermanView(row: [1, 0, 0], expectedReturn: 0.1, uncertainty: .confidence(1))
        expect(.dependentViews, [certain, certain])
        expect(
            .viewWithoutRisk(view: 0),
            [BlackLittermanView(terms: [], expectedReturn: 0.1)]
        )
        expect(
            .unknownInstrument(view: 0, instrument: 3),
            [BlackLittermanView(terms: [.init(instrument: 3, coefficient: 1)], expectedReturn: 0.1)]
        )
        for uncertainty in [
            BlackLittermanView.Uncertainty.confidence(1.5), .confidence(-0.1), .confidence(.nan), .variance(-1),
            .variance(.infinity),
        ] {
            expect(
                .unusableUncertainty(view: 1),
                [certain, BlackLittermanView(row: [0, 1, 0], expectedReturn: 0.1, uncertainty: uncertainty)]
            )
        }
        expect(.notFinite(view: 0), [BlackLittermanView(row: [1, 0, 0], expectedReturn: .nan)])
        #expect(throws: BlackLittermanError.unusableTau) {
            try blackLittermanPosterior(prior: example.prior, covariance: example.covariance, views: [], tau: 0)
        }
        #expect(throws: BlackLittermanError.wrongSize(part: "prior", expected: 3, actual: 1)) {
            try blackLittermanPosterior(prior: [0], covariance: example.covariance, views: [])
        }
        #expect(throws: EstimationError.wrongSize(part: "market_weights", expected: 3, actual: 1)) {
            try equilibriumReturns(covariance: example.covariance, marketWeights: [1], riskAversion: 2.5)
        }
    }

    // MARK: Support

    private let example = (
        prior: [0.03, 0.05, 0.02],
        covariance: DenseMatrix(
            rows: 3,
            columns: 3,
            columnMajor: [0.04, 0.012, 0.002, 0.012, 0.09, 0.004, 0.002, 0.004, 0.01]
        )
    )

    private func posterior(
        of views: [BlackLittermanView],
        riskFreeRate: Double = 0
    ) throws -> BlackLittermanPosterior {
        try blackLittermanPosterior(
            prior: example.prior,
            covariance: example.covariance,
            views: views,
            riskFreeRate: riskFreeRate
        )
    }

    private func tilt(_ uncertainty: BlackLittermanView.Uncertainty) throws -> [Double] {
        let view = BlackLittermanView(row: [1, -0.5, -0.5], expectedReturn: 0.04, uncertainty: uncertainty)
        return zip(try posterior(of: [view]).excessReturns, example.prior).map { $0 - $1 }
    }
}

/// [(τΣ)⁻¹ + PᵀΩ⁻¹P]⁻¹ as it stands in the paper.
private func masterFormula(
    _ prior: [Double],
    _ covariance: DenseMatrix,
    _ views: [BlackLittermanView],
    _ tau: Double
) throws -> (mean: [Double], covariance: DenseMatrix) {
    let n = prior.count
    var scaled = covariance
    for k in scaled.elements.indices { scaled.elements[k] *= tau }
    var precision = try CholeskyFactorization(scaled).solve(DenseMatrix.identity(n))
    var right = precision.times(prior)
    for view in views {
        guard case .variance(let variance) = view.uncertainty else { continue }
        for one in view.terms {
            right[one.instrument] += one.coefficient * view.expectedReturn / variance
            for other in view.terms {
                precision[one.instrument, other.instrument] += one.coefficient * other.coefficient / variance
            }
        }
    }
    let factorization = try CholeskyFactorization(precision)
    var sum = factorization.solve(DenseMatrix.identity(n))
    for k in sum.elements.indices { sum.elements[k] += covariance.elements[k] }
    return (factorization.solve(right), sum)
}

private func randomCovariance(_ n: Int, _ generator: inout SeededGenerator) -> DenseMatrix {
    let factor = DenseMatrix(
        rows: n + 3,
        columns: n,
        columnMajor: (0..<(n * (n + 3))).map { _ in 0.1 * generator.normal() }
    )
    return factor.gram()
}

/// He & Litterman, The Intuition Behind Black–Litterman Model Portfolios (1999), tables 1, 2 and 4 to 6.
enum SevenCountries {
    struct Table: Sendable, CustomTestStringConvertible {
        let number: Int
        let rows: [[Double]]
        let views: [Double]
        let returns: [Double]
        let weights: [Double]
        let variancesOverTau: [Double]
        var testDescription: String { "table \(number)" }
    }

    /// Per cent; the paper prints one decimal, of inputs rounded to three digits.
    static let tolerance = 0.06

    static let volatilities = [0.16, 0.203, 0.248, 0.271, 0.21, 0.2, 0.187]
    static let marketWeights = [0.016, 0.022, 0.052, 0.055, 0.116, 0.124, 0.615]
    /// Australia, Canada, France, Germany, Japan, United Kingdom, United States.
    static let correlations: [[Double]] = [
        [1.0, 0.488, 0.478, 0.515, 0.439, 0.512, 0.491],
        [0.488, 1.0, 0.664, 0.655, 0.31, 0.608, 0.779],
        [0.478, 0.664, 1.0, 0.861, 0.355, 0.783, 0.668],
        [0.515, 0.655, 0.861, 1.0, 0.354, 0.777, 0.653],
        [0.439, 0.31, 0.355, 0.354, 1.0, 0.405, 0.306],
        [0.512, 0.608, 0.783, 0.777, 0.405, 1.0, 0.652],
        [0.491, 0.779, 0.668, 0.653, 0.306, 0.652, 1.0],
    ]

    static let germany = [0.0, 0.0, -0.295, 1.0, 0.0, -0.705, 0.0]
    static let canada = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, -1.0]

    static let tables = [
        Table(
            number: 4,
            rows: [germany],
            views: [0.05],
            returns: [4.3, 7.6, 9.3, 11.0, 4.5, 7.0, 8.1],
            weights: [1.5, 2.1, -4.0, 35.4, 11.0, -9.5, 58.6],
            variancesOverTau: [0.021]
        ),
        Table(
            number: 5,
            rows: [germany, canada],
            views: [0.05, 0.03],
            returns: [4.4, 8.7, 9.5, 11.2, 4.6, 7.0, 7.5],
            weights: [1.5, 41.9, -3.4, 33.6, 11.0, -8.2, 18.8],
            variancesOverTau: [0.021, 0.017]
        ),
        Table(
            number: 6,
            rows: [germany, canada],
            views: [0.05, 0.04],
            returns: [4.4, 9.1, 9.5, 11.3, 4.6, 7.0, 7.3],
            weights: [1.5, 53.3, -3.3, 33.1, 11.0, -7.8, 7.3],
            variancesOverTau: [0.021, 0.017]
        ),
    ]

    static var covariance: DenseMatrix {
        var result = DenseMatrix(rows: 7, columns: 7)
        for i in 0..<7 {
            for j in 0..<7 { result[i, j] = correlations[i][j] * volatilities[i] * volatilities[j] }
        }
        return result
    }

    static func prior() throws -> [Double] {
        try equilibriumReturns(covariance: covariance, marketWeights: marketWeights, riskAversion: 2.5)
    }
}
