import Matrices
import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("Inputs in PostgreSQL")
struct InputRepositoryTests {
    @Test func `instruments come back as they were put, and the newest of each`() throws {
        let inputs = try Fixture().inputs
        #expect(try inputs.putInstruments([.apple, .bond], tenant: "a") == 1)
        var dearer = Instrument.bond
        dearer.price = 80
        #expect(try inputs.putInstruments([dearer], tenant: "a") == 2)

        #expect(try inputs.instruments(ids: ["BND", "NONE", "AAPL", "BND"], tenant: "a") == [.apple, dearer])
        #expect(try inputs.instruments(ids: [], tenant: "a").isEmpty)
    }

    @Test func `an instrument put twice at once is what it is last`() throws {
        let inputs = try Fixture().inputs
        var dearer = Instrument.bond
        dearer.price = 80
        #expect(try inputs.putInstruments([.bond, dearer], tenant: "a") == 1)
        #expect(try inputs.instruments(ids: ["BND"], tenant: "a") == [dearer])
    }

    @Test func `pages of instruments follow each other in the order of their bytes`() throws {
        let inputs = try Fixture().inputs
        let ids = ["a", "B", "b-1", "b.1", "b_1", "Z", "z"]
        _ = try inputs.putInstruments(ids.map { Instrument(id: $0, price: 1) }, tenant: "a")
        _ = try inputs.putInstruments([Instrument(id: "b.1", price: 2)], tenant: "a")

        var seen: [String] = []
        var cursor: String?
        while true {
            let page = try inputs.instruments(after: cursor, limit: 2, tenant: "a")
            guard let last = page.last else { break }
            #expect(page.count <= 2)
            seen += page.map(\.id)
            cursor = last.id
        }
        #expect(seen == ids.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) })
    }

    @Test func `a risk model comes back to the bit, with and without its matrices`() throws {
        let inputs = try Fixture().inputs
        var model = RiskModel.sample
        model.volatilities = [0.2, .leastNonzeroMagnitude]
        model.correlations = .identity(2)
        model.returns = DenseMatrix(rows: 3, columns: 2, columnMajor: [1, 2, 3, -0.0, .leastNonzeroMagnitude, 1e308])
        model.prices = DenseMatrix(rows: 4, columns: 2, repeating: 7)
        model.dates = [19_000, 19_001, -5].map { CalendarDate(daysSinceEpoch: $0) }
        model.probabilities = [0.2, 0.3, 0.5]
        model.factorModel = FactorModel(
            factors: ["MKT"],
            loadings: DenseMatrix(rows: 2, columns: 1, columnMajor: [1.2, 0.1]),
            factorCovariance: DenseMatrix(rows: 1, columns: 1, columnMajor: [0.03]),
            specificVariance: [0.01, 0.001],
            factorReturns: DenseMatrix(rows: 3, columns: 1, columnMajor: [1, 2, 3])
        )
        let stored = try inputs.putRiskModel(model, id: "m", tenant: "a")
        #expect(stored.version == 1 && stored.isNew)
        let whole = try #require(try inputs.riskModel(id: "m", includingMatrices: true, tenant: "a"))
        #expect(whole.value == model)
        #expect(whole.value.returns?.elements.map(\.bitPattern) == model.returns?.elements.map(\.bitPattern))
        #expect(whole.version == 1 && whole.storedAt == stored.storedAt)

        let light = try #require(try inputs.riskModel(id: "m", includingMatrices: false, tenant: "a")).value
        #expect(light.covariance == nil && light.returns == nil && light.factorModel?.loadings == nil)
        #expect(light.expectedReturns == model.expectedReturns && light.dates == model.dates)
        #expect(try inputs.riskModelInstruments(id: "m", tenant: "a") == ["AAPL", "BND"])
        #expect(try inputs.riskModelInstruments(id: "none", tenant: "a") == nil)
        #expect(try inputs.riskModel(id: "none", includingMatrices: true, tenant: "a") == nil)
    }

    @Test func `a portfolio comes back as it was put, each put a version more`() throws {
        let inputs = try Fixture().inputs
        #expect(try inputs.portfolio(id: "p", tenant: "a") == nil)
        #expect(try inputs.putPortfolio(.sample, id: "p", tenant: "a").isNew)
        var richer = Portfolio.sample
        richer.cash = 99
        richer.universe = ["AAPL"]
        let second = try inputs.putPortfolio(richer, id: "p", tenant: "a")
        #expect(second.version == 2 && !second.isNew)
        let newest = try #require(try inputs.portfolio(id: "p", tenant: "a"))
        #expect(newest.value == richer && newest.version == 2)
    }

    @Test func `an identifier belongs to the tenant that put it first`() throws {
        let inputs = try Fixture().inputs
        _ = try inputs.putPortfolio(.sample, id: "p", tenant: "a")
        _ = try inputs.putRiskModel(.sample, id: "m", tenant: "a")
        #expect(performing: { try inputs.putPortfolio(.sample, id: "p", tenant: "b") }, throws: isTaken)
        #expect(performing: { try inputs.putRiskModel(.sample, id: "m", tenant: "b") }, throws: isTaken)
        #expect(try inputs.portfolio(id: "p", tenant: "b") == nil)
        #expect(try inputs.riskModel(id: "m", includingMatrices: false, tenant: "b") == nil)
        #expect(try inputs.putPortfolio(.sample, id: "p", tenant: "a").version == 2)
    }

    @Test func `tenants share no instruments and no versions`() throws {
        let inputs = try Fixture().inputs
        _ = try inputs.putInstruments([.apple], tenant: "a")
        _ = try inputs.putInstruments([.bond], tenant: "a")
        #expect(try inputs.putInstruments([.bond], tenant: "b") == 1)
        #expect(try inputs.instruments(after: nil, limit: 10, tenant: "b") == [.bond])
        #expect(try inputs.instruments(after: nil, limit: 10, tenant: "c").isEmpty)
    }

    @Test func `versions put at once by many are all there, each once`() throws {
        let fixture = try Fixture()
        let versions = try inParallel(threads: 6) { _ in
            let inputs = fixture.inputs
            return try (0..<5).map { _ in try inputs.putPortfolio(.sample, id: "p", tenant: "a").version }
        }
        #expect(versions.flatMap { $0 }.sorted() == Array(1...30))
    }

    @Test func `a hostile text is data, not SQL`() throws {
        let inputs = try Fixture().inputs
        let hostile = "'; DROP TABLE inputs.portfolios; --\\ \" $1 \u{1F600}"
        let instrument = Instrument(id: "X", name: hostile, sector: "", price: 1)
        _ = try inputs.putInstruments([instrument], tenant: hostile)
        #expect(try inputs.instruments(ids: ["X", hostile], tenant: hostile) == [instrument])
    }
}
