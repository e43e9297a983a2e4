import Matrices
import PortfolioModel
import PortfolioOptimization
import ResultChecker
import TestSupport
import Testing

/// An analysis with everything in it: benchmark, histories, regressions of a portfolio and of a holding.
private struct AnalyzedBook {
    let snapshot: MandateSnapshot
    let moments: Moments
    let request = FactorAnalysisRequest(portfolioID: "p", factors: ["F0", "F2"])
    var result: FactorAnalysisResult

    init(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let (n, k, periods) = (6, 3, 24)
        let names = (0..<n).map { "N\($0)" }
        func matrix(_ rows: Int, _ columns: Int, _ scale: Double, _ random: inout SeededGenerator) -> DenseMatrix {
            var matrix = DenseMatrix(rows: rows, columns: columns)
            for index in matrix.elements.indices { matrix.elements[index] = scale * random.normal() }
            return matrix
        }
        let factorReturns = matrix(periods, k, 0.02, &random)
        let structure = FactorStructure(
            factors: (0..<k).map { "F\($0)" },
            covariance: FactorCovariance(
                exposuresTransposed: matrix(k, n, 1, &random),
                factorCovariance: DenseMatrix(
                    rows: 3,
                    columns: 3,
                    columnMajor: [4, 1, 0, 1, 3, 1, 0, 1, 2].map { $0 / 100 }
                ),
                specificVariance: (0..<n).map { _ in random.uniform(0.01...0.1) }
            ),
            factorReturns: factorReturns,
            loadingsEstimator: "regressed"
        )
        moments = Moments(
            instruments: names,
            expectedReturns: [Double](repeating: 0, count: n),
            covariance: .factors(structure.covariance),
            returns: matrix(periods, n, 0.03, &random),
            periodsPerYear: 12,
            factors: structure
        )
        let asOf = Timestamp(microseconds: 1_750_000_000_000_000)
        let versions = SnapshotVersions(portfolio: 1, riskModelID: "m", riskModel: 2, instruments: 3)
        var portfolio = Portfolio(
            baseCurrency: "USD",
            asOf: asOf,
            riskModelID: "m",
            cash: 40,
            positions: names.map { Position(instrumentID: $0, quantity: random.uniform(1...9)) },
            benchmark: ["N0": 0.4, "N1": 0.5, "cash": 0.1]
        )
        portfolio.preferences.riskFreeRate = 0.02
        snapshot = MandateSnapshot(
            portfolio: portfolio,
            riskModel: RiskModel(asOf: asOf, instruments: names, periodsPerYear: 12),
            instruments: names.enumerated().map { Instrument(id: $1, sector: "S\($0 % 2)", price: 10) },
            versions: versions
        )
        let inputs = ResultInputs(
            versions: versions,
            expectedReturnsEstimator: moments.expectedReturnsEstimator,
            covarianceEstimator: moments.covarianceEstimator,
            kernel: "test"
        )
        result = try FactorAnalysis(snapshot: snapshot, moments: moments, request: request).result(inputs: inputs)
    }

    var violations: [Violation] {
        FactorAnalysisCheck(snapshot: snapshot, moments: moments, request: request).violations(in: result)
    }
}

@Suite("Factor analyses under the checker")
struct FactorAnalysisCheckTests {
    @Test(arguments: [UInt64](1...10))
    func `what the analysis computes passes`(_ seed: UInt64) throws {
        #expect(try AnalyzedBook(seed: seed).violations.isEmpty)
    }

    private static let changes: [(String, @Sendable (inout FactorAnalysisResult) -> Void)] = [
        ("an exposure", { $0.exposures[0].exposure += 1e-6 }),
        ("a benchmark exposure", { $0.exposures[1].benchmarkExposure? += 1e-6 }),
        ("a missing factor", { $0.exposures.removeLast() }),
        ("the total of risk", { $0.risk.total *= 1 + 1e-7 }),
        ("a contribution", { $0.risk.parts[0].contribution += 1e-7 }),
        (
            "contributions moved from one to another",
            {
                $0.risk.parts[0].contribution += 1e-6
                $0.risk.parts[1].contribution -= 1e-6
            }
        ),
        ("a share", { $0.risk.parts[0].percentContribution = 0.5 }),
        ("no active risk", { $0.activeRisk = nil }),
        ("active risk", { $0.activeRisk?.parts[0].contribution += 1e-7 }),
        ("no returns", { $0.returns = nil }),
        ("returns", { $0.returns?.parts[1].contribution -= 1e-7 }),
        ("no segments", { $0.segments = nil }),
        ("an effect", { $0.segments?[0].selection += 1e-7 }),
        ("a segment's weight", { $0.segments?[1].weight += 1e-7 }),
        ("the moment", { $0.asOf = Timestamp(microseconds: 0) }),
        ("the factors", { $0.factors.reverse() }),
        ("the versions", { $0.inputs.versions.riskModel = 9 }),
        ("the source of loadings", { $0.loadingsEstimator = "provided" }),
        ("a reason for what is there", { $0.notes["benchmark_exposure"] = "none" }),
        (
            "a regression that explains nothing",
            {
                let zeros = [Double](repeating: 0, count: 4)
                let fit = FactorRegression(
                    coefficients: zeros,
                    standardErrors: zeros,
                    neweyWestStandardErrors: zeros,
                    lags: 1,
                    rSquared: 0,
                    residualVariance: 0.001,
                    observationCount: 24
                )
                $0.regressions = [NamedRegression(instrumentID: "N0", regression: fit)]
            }
        ),
    ]

    @Test func `every wrong claim is found`() throws {
        for (name, change) in Self.changes {
            var book = try AnalyzedBook(seed: 3)
            change(&book.result)
            #expect(!book.violations.isEmpty, "\(name)")
        }
    }
}
