import Foundation
import Matrices
import PortfolioModel
import TestSupport
import Testing

import PortfolioOptimization

/// A portfolio on a small factor model, for tests.
struct FactorBook {
    var snapshot: MandateSnapshot
    var moments: Moments

    /// Two instruments, two factors, no correlation: by hand.
    ///
    /// Weights ½ and ½; B = (1 0; 1 2); F = diag(0.04, 0.01); D = diag(0.02, 0.06).
    init(benchmark: [String: Double]? = nil, cash: Double = 0, history: DenseMatrix? = nil, factors: DenseMatrix? = nil)
    {
        let asOf = Timestamp(microseconds: 1_750_000_000_000_000)
        let structure = FactorStructure(
            factors: ["MKT", "SIZE"],
            covariance: FactorCovariance(
                exposuresTransposed: DenseMatrix(rows: 2, columns: 2, columnMajor: [1, 0, 1, 2]),
                factorCovariance: DenseMatrix(rows: 2, columns: 2, columnMajor: [0.04, 0, 0, 0.01]),
                specificVariance: [0.02, 0.06]
            ),
            factorReturns: factors
        )
        moments = Moments(
            instruments: ["A", "B"],
            expectedReturns: [0.05, 0.1],
            covariance: .factors(structure.covariance),
            returns: history,
            periodsPerYear: 12,
            factors: structure
        )
        snapshot = MandateSnapshot(
            portfolio: Portfolio(
                baseCurrency: "USD",
                asOf: asOf,
                riskModelID: "model",
                cash: cash,
                positions: [Position(instrumentID: "A", quantity: 5), Position(instrumentID: "B", quantity: 1)],
                benchmark: benchmark
            ),
            riskModel: RiskModel(
                asOf: asOf,
                instruments: ["A", "B"],
                periodsPerYear: 12,
                factorModel: FactorModel(factors: ["MKT", "SIZE"])
            ),
            instruments: [
                Instrument(id: "A", sector: "X", price: 10), Instrument(id: "B", sector: "Y", price: 50),
            ],
            versions: SnapshotVersions(portfolio: 1, riskModelID: "model", riskModel: 1, instruments: 1)
        )
    }

    static let inputs = ResultInputs(
        versions: SnapshotVersions(portfolio: 1, riskModelID: "model", riskModel: 1, instruments: 1),
        expectedReturnsEstimator: "provided",
        covarianceEstimator: "provided",
        kernel: "test"
    )

    func analyze(_ factors: [String] = []) throws -> FactorAnalysisResult {
        let request = FactorAnalysisRequest(portfolioID: "p", factors: factors)
        return try FactorAnalysis(snapshot: snapshot, moments: moments, request: request).result(inputs: Self.inputs)
    }
}

@Suite("Factor analysis")
struct FactorAnalysisTests {
    private func expectExact(_ total: AttributedTotal) {
        let largest = total.parts.reduce(abs(total.total)) { max($0, abs($1.contribution)) }
        #expect(abs(total.parts.reduce(0) { $0 + $1.contribution } - total.total) <= 1e-12 * largest)
        let shares = total.parts.compactMap(\.percentContribution)
        #expect(shares.count == total.parts.count || total.total == 0)
        if total.total != 0 { #expect(abs(shares.reduce(0, +) - 1) <= 1e-12 * largest / abs(total.total)) }
    }

    @Test func `a case worked by hand comes out`() throws {
        let result = try FactorBook(benchmark: ["A": 1]).analyze()
        // x = (1, 1), Fx = (0.04, 0.01), variance 0.04 + 0.01 + ¼ (0.02 + 0.06) = 0.07.
        #expect(result.exposures.map(\.exposure) == [1, 1])
        #expect(result.exposures.map(\.benchmarkExposure) == [1, 0])
        #expect(result.exposures.map(\.activeExposure) == [0, 1])
        let volatility = 0.07.squareRoot()
        #expect(abs(result.risk.total - volatility) < 1e-15)
        #expect(result.risk.parts.map(\.factor) == ["MKT", "SIZE", "specific"])
        for (part, variance) in zip(result.risk.parts, [0.04, 0.01, 0.02]) {
            #expect(abs(part.contribution - variance / volatility) < 1e-15)
            #expect(abs((part.percentContribution ?? 0) - variance / 0.07) < 1e-15)
        }
        // Active: w − b = (−½, ½), x = (0, 1), variance 0.01 + ¼ · 0.08 = 0.03.
        let active = try #require(result.activeRisk)
        #expect(abs(active.total - 0.03.squareRoot()) < 1e-15)
        #expect(active.parts[0].contribution == 0)
        expectExact(result.risk)
        expectExact(active)
    }

    @Test func `factors that are not named are summed in other`() throws {
        let result = try FactorBook().analyze(["SIZE"])
        #expect(result.exposures.map(\.factor) == ["SIZE"])
        #expect(result.risk.parts.map(\.factor) == ["SIZE", "other", "specific"])
        #expect(abs(result.risk.parts[1].contribution - 0.04 / 0.07.squareRoot()) < 1e-15)
        expectExact(result.risk)
    }

    @Test func `return is the factors' means by exposure, and what is left is specific`() throws {
        let factors = DenseMatrix(rows: 2, columns: 2, columnMajor: [0.02, 0.00, 0.01, -0.03])
        let history = DenseMatrix(rows: 2, columns: 2, columnMajor: [0.03, 0.01, 0.00, 0.02])
        let result = try FactorBook(history: history, factors: factors).analyze()
        // Means over a year: MKT 0.12, SIZE −0.12; the portfolio ½ · 0.24 + ½ · 0.12 = 0.18.
        let returns = try #require(result.returns)
        #expect(abs(returns.total - 0.18) < 1e-15)
        for (part, value) in zip(returns.parts, [0.12, -0.12, 0.18]) {
            #expect(abs(part.contribution - value) < 1e-15)
        }
        expectExact(returns)
    }

    @Test func `without a benchmark or a history the reasons are given`() throws {
        let result = try FactorBook().analyze()
        #expect(result.activeRisk == nil && result.returns == nil && result.segments == nil)
        #expect(result.exposures.allSatisfy { $0.benchmarkExposure == nil && $0.activeExposure == nil })
        let missing = [
            "active_attribution", "active_exposure", "attributed_return", "benchmark_exposure", "return_attribution",
            "sector_attribution", "tracking_error",
        ]
        #expect(result.notes.keys.sorted() == missing)
    }

    @Test func `nothing held has no risk, and no shares of it`() throws {
        var book = FactorBook(cash: 100)
        book.snapshot.portfolio.positions = []
        let result = try book.analyze()
        #expect(result.risk.total == 0)
        #expect(result.risk.parts.allSatisfy { $0.contribution == 0 && $0.percentContribution == nil })
    }

    @Test func `against a covariance that is given, specific is all that the factors leave`() throws {
        var book = FactorBook()
        book.moments.covariance = .dense(DenseMatrix(rows: 2, columns: 2, columnMajor: [0.1, 0.05, 0.05, 0.2]))
        let result = try book.analyze()
        #expect(abs(result.risk.total - 0.1.squareRoot()) < 1e-15)
        #expect(abs(result.risk.parts[2].contribution - 0.05 / 0.1.squareRoot()) < 1e-15)
        expectExact(result.risk)
        book.moments.covariance = .dense(DenseMatrix(rows: 2, columns: 2, columnMajor: [0.01, 0, 0, 0.01]))
        #expect(try book.analyze().warnings.map(\.code) == ["factors_exceed_covariance"])
    }

    @Test func `names that are no factors, and models without factors, are refused`() throws {
        func code(_ book: FactorBook, _ factors: [String]) -> String? {
            do throws(OptimizationFailure) {
                let request = FactorAnalysisRequest(portfolioID: "p", factors: factors)
                _ = try FactorAnalysis(snapshot: book.snapshot, moments: book.moments, request: request)
                return nil
            } catch { return error.code }
        }
        #expect(code(FactorBook(), ["MKT", "VALUE"]) == "unknown_factor")
        var none = FactorBook()
        none.moments.factors = nil
        #expect(code(none, []) == "missing_factors")
    }

    @Test(arguments: [UInt64](1...20))
    func `contributions sum to their totals whatever the model`(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let (n, k) = (Int.random(in: 2...40, using: &random), Int.random(in: 1...9, using: &random))
        let model = CovarianceModelTests.model(n, k, seed: seed)
        let names = (0..<n).map { "N\($0)" }
        var book = FactorBook()
        book.moments = Moments(
            instruments: names,
            expectedReturns: [Double](repeating: 0, count: n),
            covariance: .factors(model),
            periodsPerYear: 252,
            factors: FactorStructure(factors: (0..<k).map { "F\($0)" }, covariance: model)
        )
        book.snapshot.instruments = names.map { Instrument(id: $0, price: random.uniform(1...100)) }
        book.snapshot.portfolio.positions = names.map { Position(instrumentID: $0, quantity: random.uniform(0...50)) }
        book.snapshot.portfolio.benchmark = Dictionary(uniqueKeysWithValues: names.map { ($0, 1 / Double(n)) })
        let result = try book.analyze((0..<k).filter { _ in Bool.random(using: &random) }.map { "F\($0)" })
        expectExact(result.risk)
        expectExact(try #require(result.activeRisk))
    }
}

extension FactorAnalysisTests {
    @Test func `ten thousand instruments on sixty factors are analysed as few are`() throws {
        let (n, k) = (10_000, 60)
        let model = CovarianceModelTests.model(n, k, seed: 2)
        let names = (0..<n).map { "N\($0)" }
        var book = FactorBook()
        book.moments = Moments(
            instruments: names,
            expectedReturns: [Double](repeating: 0, count: n),
            covariance: .factors(model),
            periodsPerYear: 252,
            factors: FactorStructure(factors: (0..<k).map { "F\($0)" }, covariance: model)
        )
        book.snapshot.instruments = names.map { Instrument(id: $0, price: 10) }
        book.snapshot.portfolio.positions = names.map { Position(instrumentID: $0, quantity: 1) }
        let result = try book.analyze(["F7"])
        #expect(result.risk.parts.map(\.factor) == ["F7", "other", "specific"])
        let sum = result.risk.parts.reduce(0) { $0 + $1.contribution }
        #expect(abs(sum - result.risk.total) <= 1e-12 * result.risk.total)
    }
}

@Suite("Attribution to segments")
struct SegmentAttributionTests {
    /// Bacon (2008), tables 5.2 and 5.3 and the four periods of chapter 8: UK, Japanese and US equities.
    struct Period {
        let weights, benchmarkWeights, returns, benchmarkReturns, allocation, selection: [Double]
    }

    @Test func `Bacon's four periods come out`() throws {
        let url = try #require(Bundle.module.url(forResource: "Fixtures/bacon_attribution", withExtension: "json"))
        struct File: Decodable {
            var portfolio_weights, benchmark_weights, portfolio_returns, benchmark_returns: [[Double]]
            var expected: Expected
        }
        struct Expected: Decodable { var allocation, selection_with_interaction: [[Double]] }
        let file = try JSONDecoder().decode(File.self, from: Data(contentsOf: url))
        #expect(file.portfolio_weights.count == 4)
        for period in file.portfolio_weights.indices {
            let effects = segmentAttribution(
                (0..<3).map { s in
                    (
                        "\(s)",
                        Segment(
                            weight: file.portfolio_weights[period][s],
                            benchmarkWeight: file.benchmark_weights[period][s],
                            return: file.portfolio_returns[period][s],
                            benchmarkReturn: file.benchmark_returns[period][s]
                        )
                    )
                }
            )
            for s in 0..<3 {
                #expect(abs(effects[s].allocation - file.expected.allocation[period][s]) < 1e-9)
                #expect(abs(effects[s].selection - file.expected.selection_with_interaction[period][s]) < 1e-9)
            }
        }
    }

    @Test func `a segment outside the benchmark adds by selection alone`() {
        let effects = segmentAttribution([
            ("in", Segment(weight: 0.5, benchmarkWeight: 1, return: 0.1, benchmarkReturn: 0.08)),
            ("out", Segment(weight: 0.5, benchmarkWeight: 0, return: 0.2, benchmarkReturn: 0)),
        ])
        #expect(effects[1].allocation == 0)
        #expect(abs(effects[1].selection - 0.5 * (0.2 - 0.08)) < 1e-15)
        let active = 0.5 * 0.1 + 0.5 * 0.2 - 0.08
        #expect(abs(effects.reduce(0) { $0 + $1.allocation + $1.selection } - active) < 1e-15)
    }
}
