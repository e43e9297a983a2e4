import FunctionRuntime
import JSON
import Matrices
import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("NumPy arrays over HTTP")
struct ArrayEndpointTests {
    private let api: APIUnderTest

    init() throws { api = try APIUnderTest() }

    /// A covariance of AAPL and BND as `numpy.save` writes it.
    private static let covariance: [UInt8] = {
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }".padded(to: 117) + "\n"
        let numbers = [0.04, 0.002, 0.002, 0.0025].flatMap {
            withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init)
        }
        return [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(header.utf8) + numbers
    }()

    private func put(
        _ query: String,
        _ body: [UInt8] = covariance,
        instruments: String? = "AAPL, BND",
        type: String = "application/x-npy"
    ) -> Answer {
        var headers = ["content-type": type]
        headers["x-instruments"] = instruments
        var request = api.request("PUT", "/api/v1/risk-models/m" + query, headers: headers)
        request.body = body
        return api.send(request)
    }

    @Test func `an array is a risk model like any other`() throws {
        let answer = put("?kind=covariance&periods_per_year=12&as_of=2025-07-01T00:00:00Z")
        #expect(answer.status == 201, "\(answer.text)")
        #expect(answer.headers["ETag"] == "\"1\"")
        let model = try #require(
            try api.world.inputs.riskModel(id: "m", includingMatrices: true, tenant: InMemoryWorld.tenant)?.value
        )
        #expect(model.instruments == ["AAPL", "BND"])
        #expect(model.periodsPerYear == 12)
        #expect(model.asOf.rfc3339 == "2025-07-01T00:00:00Z")
        #expect(model.covariance == DenseMatrix(rows: 2, columns: 2, columnMajor: [0.04, 0.002, 0.002, 0.0025]))
        let read = api.send("GET", "/api/v1/risk-models/m?include=matrices")
        #expect(read.json("covariance")?[1]?[0]?.double == 0.002)
    }

    @Test func `without a moment it is of the moment it is put`() throws {
        #expect(put("?kind=covariance").status == 201)
        let model = try #require(
            try api.world.inputs.riskModel(id: "m", includingMatrices: false, tenant: InMemoryWorld.tenant)?.value
        )
        #expect(model.asOf > Timestamp(microseconds: 1_750_000_000_000_000))
        #expect(model.asOf.microseconds % 1_000_000 == 0)
    }

    @Test func `the eigenvalues are looked at as in any covariance`() {
        let indefinite =
            Self.covariance.dropLast(24)
            + [0.9, 0.9, 0.04].flatMap {
                withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init)
            }
        let answer = put("?kind=covariance", Array(indefinite))
        #expect(answer.status == 422)
        #expect(answer.faults.first?.code == "not_positive_semidefinite")
    }

    @Test(
        arguments: [
            ("", "AAPL,BND", 422, "kind"), ("?kind=weights", "AAPL,BND", 422, "kind"),
            ("?kind=covariance&x=1", "AAPL,BND", 422, "'x'"), ("?kind=covariance&as_of=now", "AAPL,BND", 422, "as_of"),
            ("?kind=covariance", nil, 400, "X-Instruments"), ("?kind=covariance", " ", 400, "X-Instruments"),
            ("?kind=covariance", "AAPL", 422, "X-Instruments names 1"),
            ("?kind=covariance", "AAPL,BND,", 422, "X-Instruments"),
            ("?kind=covariance", "AAPL,AAPL", 422, "repeats AAPL"),
            ("?kind=prices", "AAPL,BND", 422, "at least 3 rows"),
        ] as [(String, String?, Int, String)]
    )
    func `what the query and the header must say is named`(query: String, ids: String?, status: Int, says: String)
        throws
    {
        let answer = put(query, instruments: ids)
        #expect(answer.status == status, "\(answer.text)")
        #expect(answer.text.contains(says), "\(answer.text)")
        #expect(try api.world.inputs.riskModelInstruments(id: "m", tenant: InMemoryWorld.tenant) == nil)
    }

    @Test func `a broken file and another type are told apart`() {
        let broken = put("?kind=covariance", Array(Self.covariance.dropLast(1)))
        #expect(broken.status == 400)
        #expect(broken.json("type")?.string == "/problems/not_npy")
        let other = put("?kind=covariance", type: "application/octet-stream")
        #expect(other.status == 415)
        #expect(other.headers["Accept"] == "application/json, text/csv, application/x-npy")
    }
}

extension String {
    fileprivate func padded(to length: Int) -> String { self + String(repeating: " ", count: length - utf8.count) }
}
