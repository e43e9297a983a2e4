import Foundation
import TestSupport
import Testing

extension RealParts {
    /// What callers lean on besides the plain request, through nginx and to PostgreSQL.
    @Suite("What callers lean on")
    struct CallersConveniencesTests {
        let client: HTTPClient

        init() throws { client = try LocalStack.shared.get().client() }

        private static let request =
            #"{"portfolio_id":"port-123456","optimization_type":"mean_variance","objective":"minimize_risk","#
            + #""constraints":{"max_position_size":0.2}}"#

        private func completed() throws -> String {
            let result = try client.optimize(Self.request)
            #expect(result["status"] as? String == "completed")
            return try #require(result["optimization_id"] as? String)
        }

        @Test func `a keyed request sent twice is one job, and another body under its key is refused`() throws {
            let headers = ["Content-Type": "application/json", "Idempotency-Key": "journey-\(UUID().uuidString)"]
            func post(_ body: String) throws -> HTTPResponse {
                try client.send("POST", "/api/v1/optimizations", headers: headers, body: Array(body.utf8))
            }
            let first = try post(Self.request)
            let second = try post(Self.request)
            #expect(first.status == 202 && second.status == 202)
            #expect(first.text == second.text)
            #expect(first.headers["idempotent-replayed"] == nil)
            #expect(second.headers["idempotent-replayed"] == "true")
            let other = try post(Self.request.replacingOccurrences(of: "0.2", with: "0.3"))
            #expect(other.status == 409)
            #expect(other.json["type"] as? String == "/problems/idempotency_key_reused")
        }

        @Test func `the list walks page by page, newest first`() throws {
            let ids = try [completed(), completed(), completed()]
            let first = try client.get("/api/v1/optimizations?portfolio_id=port-123456&limit=2")
            #expect(first.status == 200, "\(first.text)")
            let rows = try #require(first.json["optimizations"] as? [[String: Any]])
            #expect(rows.map { $0["optimization_id"] as? String } == [ids[2], ids[1]])
            let cursor = try #require(first.json["next_cursor"] as? String)
            let second = try client.get("/api/v1/optimizations?portfolio_id=port-123456&limit=2&cursor=\(cursor)")
            let next = try #require(second.json["optimizations"] as? [[String: Any]])
            #expect(next.first?["optimization_id"] as? String == ids[0])
            #expect(try client.get("/api/v1/optimizations?cursor=nonsense").status == 422)
            #expect(try client.get("/api/v1/optimizations?limit=0").status == 422)
        }

        @Test func `a compressed answer's tag still spares its transfer`() throws {
            let path = "/api/v1/optimizations/\(try completed())"
            let answer = try client.get(path, ["Accept-Encoding": "gzip"])
            #expect(answer.status == 200)
            #expect(answer.headers["content-encoding"] == "gzip")
            let tag = try #require(answer.headers["etag"])
            #expect(tag.hasPrefix("W/"))
            #expect(try client.get(path, ["Accept-Encoding": "gzip", "If-None-Match": tag]).status == 304)
            #expect(try client.get(path, ["If-None-Match": tag]).status == 304)
        }

        @Test func `a result comes as tables, as a drawing and folded`() throws {
            let path = "/api/v1/optimizations/\(try completed())"
            let table = try client.get(path, ["Accept": "text/csv"])
            #expect(table.status == 200)
            #expect(table.text.hasPrefix("instrument_id,current_weight,target_weight,weight_change"))
            let trades = try client.get(path + "?format=csv&part=trades")
            #expect(trades.status == 200 && trades.text.hasPrefix("priority") || trades.text.contains("action"))
            let drawing = try client.get(path + "?format=svg")
            #expect(drawing.status == 200 && drawing.text.contains("<svg"))
            let folded = try client.get(path + "?top=3")
            let target = try #require(folded.json["target_allocation"] as? [String: Double])
            #expect(target.count == 4 && target["other"] != nil, "\(target)")
            #expect(abs(target.values.reduce(0, +) - 1) < 1e-9)
            // The plain document is still the stored one, whatever was asked for in between.
            let plain = try client.get(path)
            #expect((plain.json["target_allocation"] as? [String: Double])?["other"] == nil)
            #expect(try client.get(path, ["Accept": "application/pdf"]).status == 406)
            #expect(try client.get(path + "?top=0").status == 422)
        }

        @Test func `an input is stored only over the version its caller saw`() throws {
            let path = "/api/v1/portfolios/journey-1"
            let body =
                #"{"name":"Journey","base_currency":"USD","as_of":"2022-12-30T00:00:00Z","risk_model_id":"demo","#
                + #""cash":1000,"positions":[]}"#
            func put(_ body: String, _ condition: [String: String]) throws -> HTTPResponse {
                let headers = ["Content-Type": "application/json"].merging(condition) { $1 }
                return try client.send("PUT", path, headers: headers, body: Array(body.utf8))
            }
            let model = try client.get("/api/v1/portfolios/port-123456").json["risk_model_id"] as? String
            let mine = body.replacingOccurrences(of: "\"demo\"", with: "\"\(try #require(model))\"")
            let created = try put(mine, ["If-None-Match": "*"])
            #expect(created.status == 201, "\(created.text)")
            let seen = try #require(created.headers["etag"])
            #expect(try put(mine, ["If-None-Match": "*"]).status == 412)
            let given = try client.get(path)
            #expect(given.headers["etag"] == seen)
            // What a GET gave goes back as it is.
            #expect(try put(given.text, ["If-Match": seen]).status == 200)
            let late = try put(mine, ["If-Match": seen])
            #expect(late.status == 412)
            #expect(late.json["type"] as? String == "/problems/precondition_failed")
        }

        @Test func `a risk model comes as a NumPy array`() throws {
            var header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }"
            while (10 + header.utf8.count + 1) % 64 != 0 { header += " " }
            header += "\n"
            let count = UInt16(header.utf8.count)
            var file: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(count & 255), UInt8(count >> 8)]
            file += Array(header.utf8)
            for value in [0.04, 0.002, 0.002, 0.0025] {
                withUnsafeBytes(of: value.bitPattern.littleEndian) { file += Array($0) }
            }
            let path = "/api/v1/risk-models/journey-npy"
            let headers = ["Content-Type": "application/x-npy", "X-Instruments": "AAPL,MSFT"]
            let stored = try client.send("PUT", path + "?kind=covariance", headers: headers, body: file)
            #expect(stored.status == 201, "\(stored.text)")
            let given = try client.get(path + "?include=matrices")
            #expect(given.json["covariance"] as? [[Double]] == [[0.04, 0.002], [0.002, 0.0025]])
            let cut = try client.send("PUT", path + "?kind=covariance", headers: headers, body: file.dropLast(8))
            #expect(cut.status == 400)
        }
    }
}
