import JSON
import JobExecution
import Matrices
import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("A factor analysis computed")
struct ComputeFactorAnalysisTests {
    /// A job whose risk model has histories of four instruments and of two factors, and nothing else.
    private func job(_ document: String, change: (inout RiskModel) -> Void = { _ in }) -> ComputationJob {
        let test = TestJob().job
        var snapshot = test.snapshot
        var random = SeededGenerator(seed: 5)
        var factors = DenseMatrix(rows: 60, columns: 2)
        for index in factors.elements.indices { factors.elements[index] = 0.02 * random.normal() }
        var returns = DenseMatrix(rows: 60, columns: 4)
        for t in 0..<60 {
            for i in 0..<4 { returns[t, i] = (0.5 + 0.3 * Double(i)) * factors[t, 0] + 0.01 * random.normal() }
        }
        snapshot.riskModel = RiskModel(
            asOf: snapshot.riskModel.asOf,
            instruments: snapshot.riskModel.instruments,
            periodsPerYear: 12,
            returns: returns,
            factorModel: FactorModel(factors: ["MKT", "SIZE"], factorReturns: factors)
        )
        change(&snapshot.riskModel)
        snapshot.portfolio.benchmark = ["N0": 0.5, "N1": 0.5]
        return ComputationJob(
            request: ComputationRequest(kind: .factorAnalysis, portfolioID: "p", document: Array(document.utf8)),
            createdAt: test.createdAt,
            snapshot: snapshot
        )
    }

    private func result(_ job: ComputationJob) -> Result<[UInt8], OptimizationFailure>? {
        var computer = ComputeJob(clock: { .zero }, defaultTimeLimit: .seconds(60))
        let outcome = computer.outcome(of: .computation(job), tenant: "default", isRevoked: { false }).outcome
        guard case .computation(_, let result) = outcome else { return nil }
        return result
    }

    @Test func `exposures, attributions and regressions come out, and the checker agrees`() throws {
        let bytes = try #require(result(job(#"{"factors":["MKT"]}"#))).get()
        let root = try JSONDocument(parsing: bytes).root
        #expect(root["factors"]?.elements.compactMap(\.string) == ["MKT"])
        #expect(root["inputs"]?["loadings"]?.string == "regressed")
        #expect(root["inputs"]?["covariance"]?.string == "factor_model")
        let parts = root["attribution"]?.elements ?? []
        #expect(parts.compactMap { $0["factor"]?.string } == ["MKT", "other", "specific"])
        let shares = parts.compactMap { $0["percent_contribution"]?.double }
        #expect(abs(shares.reduce(0, +) - 1) < 1e-12)
        let regressions = root["regressions"]?.elements ?? []
        #expect(regressions.map { $0["instrument_id"]?.string }.first == .some(nil))
        #expect(regressions.count == 5, "the portfolio and four holdings")
        #expect(regressions.allSatisfy { $0["coefficients"]?.elements.count == 3 })
        for name in ["active_attribution", "return_attribution", "sector_attribution"] {
            #expect(root[name]?.kind == .array, "\(name)")
        }
        #expect(root["result_hash"]?.string?.isEmpty == false)
    }

    @Test func `what the risk model does not have fails by name`() {
        func code(_ job: ComputationJob) -> String? {
            guard case .failure(let failure)? = result(job) else { return nil }
            return failure.code
        }
        #expect(code(job(#"{"factors":["VALUE"]}"#)) == "unknown_factor")
        #expect(code(job(#"{"factors":[]}"#) { $0.factorModel = nil }) == "missing_factors")
        #expect(
            code(job("{}") { $0.factorModel?.factorReturns?.elements = [Double](repeating: 0.01, count: 120) })
                == "dependent_factors"
        )
    }
}
