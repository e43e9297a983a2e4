import Foundation
import Glibc
import TestSupport
import Testing

extension RealParts {
    /// What nginx keeps, and what it must not keep.
    ///
    /// That an answer comes from the cache shows when the function is away.
    @Suite("Kept answers", .serialized)
    struct CacheTests {
        let stack: LocalStack
        let client: HTTPClient

        init() throws {
            stack = try LocalStack.shared.get()
            client = stack.client()
        }

        /// An optimization that has ended and that nobody has read without a preference.
        private func ended() throws -> (id: String, path: String) {
            let result = try client.optimize(Load.smallRequest)
            let id = try #require(result["optimization_id"] as? String)
            return (id, "/api/v1/optimizations/\(id)")
        }

        /// Runs with the reading function stopped.
        private func withoutFunction<Value>(_ body: () throws -> Value) throws -> Value {
            try stack.supervise("stop", "get-optimization:*")
            defer { _ = try? stack.supervise("start", "get-optimization:*") }
            return try body()
        }

        @Test func `an ended optimization is answered without its function, another is not`() throws {
            let (kept, unread) = (try ended(), try ended())
            let first = try client.get(kept.path)
            let tag = try #require(first.headers["etag"])
            try withoutFunction {
                let again = try client.get(kept.path)
                #expect(again.status == 200 && again.body == first.body)
                #expect(again.headers["etag"] == tag)
                #expect(again.headers["cache-control"] == "private, no-cache")
                #expect(again.headers["x-accel-expires"] == nil)
                #expect(again.headers["x-request-id"] != first.headers["x-request-id"])
                #expect(try client.get(kept.path, ["Accept": "application/json"]).status == 200)
                // 304s come from the cache, for the caller's own copy alone.
                #expect(try client.get(kept.path, ["If-None-Match": tag]).status == 304)
                #expect(try client.get(kept.path, ["If-None-Match": "W/\(tag)"]).status == 304)
                #expect(try client.get(kept.path, ["If-None-Match": "\"other\""]).body == first.body)
                // What would be another answer is not this one.
                #expect(try client.get(kept.path, ["Accept": "text/html"]).status == 503)
                #expect(try client.get(kept.path + "?x=1").status == 503)
                #expect(try client.get(kept.path, ["Cache-Control": "no-cache"]).status == 503)
                #expect(try client.get(unread.path).status == 503)
            }
            #expect(try client.get(kept.path, ["Accept": "text/html"]).status == 406)
        }

        @Test func `a 304, a HEAD, or an answer to a preference is not kept in the answer's place`() throws {
            let path = try ended().path
            let waited = try client.get(path, ["Prefer": "wait=5"])
            let tag = try #require(waited.headers["etag"])
            #expect(waited.headers["preference-applied"] == "wait=5")
            #expect(try client.get(path, ["If-None-Match": tag]).status == 304)
            #expect(try client.send("HEAD", path).body.isEmpty)
            #expect(try client.send("HEAD", path).headers["content-length"] == String(waited.body.count))
            let plain = try client.get(path)
            #expect(plain.status == 200 && plain.body == waited.body)
            #expect(plain.headers["preference-applied"] == nil)
            #expect(try client.get(path).body == waited.body)
        }

        @Test func `what has not ended, or is not there, is not kept`() throws {
            try stack.supervise("stop", "worker:*")
            let accepted: HTTPResponse
            do {
                defer { _ = try? stack.supervise("start", "worker:*") }
                accepted = try client.post("/api/v1/optimizations", Load.smallRequest)
                let id = try #require(accepted.json["optimization_id"] as? String)
                let pending = try client.get("/api/v1/optimizations/\(id)")
                #expect(pending.json["status"] as? String == "pending")
                let tag = try #require(pending.headers["etag"])
                #expect(try client.get("/api/v1/optimizations/\(id)", ["If-None-Match": tag]).status == 304)
                let kept = try withoutFunction { try client.get("/api/v1/optimizations/\(id)").status }
                #expect(kept == 503)
            }
            let id = try #require(accepted.json["optimization_id"] as? String)
            #expect(try client.result(of: id)["status"] as? String == "completed")
            #expect(try client.get("/api/v1/optimizations/\(id)").json["status"] as? String == "completed")
            let nobodys = "/api/v1/optimizations/opt-00000000000000000000000000"
            #expect(try client.get(nobodys).status == 404)
            let kept = try withoutFunction { try client.get(nobodys).status }
            #expect(kept == 503)
        }

        @Test func `what is kept for one tenant or one set of portfolios is not given to another`() throws {
            let path = try ended().path
            #expect(try client.get(path).status == 200)
            let file = "\(stack.runDirectory.path)/etc/nginx/conf.d/cache.conf"
            let original = try String(contentsOfFile: file, encoding: .utf8)
            // Who is asking comes from authorization, which is not there yet: a header plays its part.
            let changed =
                original
                .replacingOccurrences(
                    of: #"map "" $auth_tenant     { default "default"; }"#,
                    with: #"map $http_test_tenant $auth_tenant { default $http_test_tenant; "" "default"; }"#
                )
                .replacingOccurrences(
                    of: #"map "" $auth_portfolios { default ""; }"#,
                    with: #"map $http_test_portfolios $auth_portfolios { default $http_test_portfolios; }"#
                )
            #expect(changed.contains("test_tenant") && changed.contains("test_portfolios"))
            try changed.write(toFile: file, atomically: false, encoding: .utf8)
            defer {
                try? original.write(toFile: file, atomically: false, encoding: .utf8)
                _ = try? stack.supervise("signal", "HUP", "nginx")
                usleep(500_000)
            }
            try stack.supervise("signal", "HUP", "nginx")
            var other = 0
            for _ in 0..<50 where other != 404 {
                usleep(100_000)
                other = try stack.client().get(path, ["Test-Tenant": "other"]).status
            }
            #expect(other == 404)
            let reader = stack.client()
            #expect(try reader.get(path).status == 200)
            #expect(try reader.get(path, ["Test-Tenant": "other"]).status == 404)
            // Parts of the key cannot be shifted into one another.
            #expect(try reader.get(path, ["Test-Tenant": "default|"]).status == 404)
            let callers = [[:], ["Test-Tenant": "other"], ["Test-Portfolios": "port-2"]]
            let kept = try withoutFunction { try callers.map { try reader.get(path, $0).status } }
            #expect(kept == [200, 503, 503])
        }

        @Test func `nobody but the service's user can enter the cache`() throws {
            let path = try ended().path
            _ = try client.get(path)
            let cache = stack.runDirectory.appending(path: "cache").resolvingSymlinksInPath()
            let attributes = try FileManager.default.attributesOfItem(atPath: cache.path)
            #expect(attributes[.posixPermissions] as? Int == 0o700)
            let files = FileManager.default.enumerator(atPath: cache.path)?.allObjects ?? []
            #expect(!files.isEmpty)
        }
    }
}
