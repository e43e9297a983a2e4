import JSON
import PortfolioDocuments
import PortfolioModel
import Testing

@Suite("What is written reads back")
struct RoundTripTests {
    @Test(arguments: UInt64(0)..<200)
    func `a request reads back to itself`(_ seed: UInt64) throws {
        var samples = Samples(seed: seed)
        let request = samples.request()
        #expect(try DocumentDecoder.optimizationRequest(DocumentEncoder.optimizationRequest(request)) == request)
        #expect(
            try DocumentDecoder.constraints(DocumentEncoder.constraints(request.constraints)) == request.constraints
        )
        #expect(
            try DocumentDecoder.preferences(DocumentEncoder.preferences(request.preferences)) == request.preferences
        )
    }

    @Test(arguments: UInt64(0)..<200)
    func `instruments read back to themselves`(_ seed: UInt64) throws {
        var samples = Samples(seed: seed)
        let instruments = samples.instruments()
        for instrument in instruments {
            #expect(try DocumentDecoder.instrument(DocumentEncoder.instrument(instrument)) == instrument)
        }
        let page = String(decoding: DocumentEncoder.instruments(instruments, nextCursor: nil), as: UTF8.self)
        let tail = #","next_cursor":null}"#
        #expect(page.hasSuffix(tail))
        let body = page.dropLast(tail.count) + "}"
        #expect(try DocumentDecoder.instruments(Array(body.utf8)) == instruments)
    }

    @Test(arguments: UInt64(0)..<200)
    func `a portfolio reads back to itself`(_ seed: UInt64) throws {
        var samples = Samples(seed: seed)
        let portfolio = samples.portfolio()
        #expect(try DocumentDecoder.portfolio(DocumentEncoder.portfolio(portfolio)) == portfolio)
    }

    @Test(arguments: UInt64(0)..<200)
    func `a risk model reads back to itself, its metadata to itself without matrices`(_ seed: UInt64) throws {
        var samples = Samples(seed: seed)
        let model = samples.riskModel()
        let bytes = DocumentEncoder.riskModel(
            model,
            id: "m",
            version: 1,
            storedAt: Timestamp(microseconds: 0),
            includingMatrices: true
        )
        let envelope = #"{"risk_model_id":"m","version":1,"stored_at":"1970-01-01T00:00:00Z","#
        let body = "{" + String(decoding: bytes, as: UTF8.self).dropFirst(envelope.count)
        #expect(try DocumentDecoder.riskModel(Array(body.utf8)) == model)

        var metadata = model
        metadata.covariance = nil
        metadata.correlations = nil
        metadata.returns = nil
        metadata.prices = nil
        metadata.factorModel?.loadings = nil
        metadata.factorModel?.factorCovariance = nil
        metadata.factorModel?.factorReturns = nil
        #expect(try DocumentDecoder.riskModelMetadata(DocumentEncoder.riskModelMetadata(model)) == metadata)
    }

    @Test func `equal values give equal bytes`() {
        let keys = (0..<100).map { "K\($0)" }
        var (first, second) = (Constraints(), Constraints())
        first.maxWeights = Dictionary(uniqueKeysWithValues: keys.map { ($0, 0.1) })
        second.maxWeights = Dictionary(uniqueKeysWithValues: keys.reversed().map { ($0, 0.1) })
        #expect(DocumentEncoder.constraints(first) == DocumentEncoder.constraints(second))
    }
}
