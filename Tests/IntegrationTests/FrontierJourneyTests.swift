import Foundation
import Glibc
import TestSupport
import Testing

/// A point of a frontier as its caller reads it.
private struct Point {
    var value: Double
    var risk: Double
    var sharpe: Double?
    var weights: [String: Double]

    init?(_ json: Any?) {
        guard let json = json as? [String: Any], let value = json["return"] as? Double,
            let risk = json["risk"] as? Double
        else { return nil }
        self.value = value
        self.risk = risk
        sharpe = json["sharpe"] as? Double
        weights = json["weights"] as? [String: Double] ?? [:]
    }

    static func all(_ json: Any?) -> [Point] { (json as? [Any] ?? []).compactMap(Point.init) }
}

/// A mandate stored under names of its own.
private struct StoredMandate {
    let portfolio: String
    let names: [String]
    let returns: [Double]
    let covariance: [[Double]]

    /// Puts instruments, a risk model and a portfolio that holds the first instrument alone.
    init(_ client: HTTPClient, returns: [Double], covariance: [[Double]]) throws {
        let tag = String(UInt32.random(in: 0 ... .max), radix: 36)
        names = returns.indices.map { "\(tag)\($0)" }
        portfolio = "p-\(tag)"
        self.returns = returns
        self.covariance = covariance
        let instruments = names.map {
            ["instrument_id": $0, "price": 10.0, "sector": "s\($0.count % 2)"] as [String: Any]
        }
        let puts: [(path: String, body: [String: Any])] = [
            ("/api/v1/instruments", ["instruments": instruments]),
            (
                "/api/v1/risk-models/\(portfolio)",
                [
                    "as_of": "2025-06-20T00:00:00Z", "instruments": names, "periods_per_year": 52,
                    "expected_returns": returns, "covariance": covariance,
                ]
            ),
            (
                "/api/v1/portfolios/\(portfolio)",
                [
                    "base_currency": "USD", "as_of": "2025-06-20T00:00:00Z", "risk_model_id": portfolio,
                    "positions": [["instrument_id": names[0], "quantity": 100]],
                ]
            ),
        ]
        for put in puts {
            let text = String(decoding: try JSONSerialization.data(withJSONObject: put.body), as: UTF8.self)
            let answer = try client.put(put.path, text)
            guard answer.status < 300 else { throw HTTPFailure(description: "\(put.path): \(answer.text)") }
        }
    }

    var path: String { "/api/v1/portfolios/\(portfolio)/efficient-frontier" }

    func vector(_ weights: [String: Double]) -> [Double] { names.map { weights[$0] ?? 0 } }

    func variance(_ weights: [Double]) -> Double {
        let held = weights.indices.filter { weights[$0] != 0 }
        return held.reduce(0) { total, i in
            total + weights[i] * held.reduce(0) { $0 + covariance[i][$1] * weights[$1] }
        }
    }

    func expectedReturn(_ weights: [Double]) -> Double { zip(weights, returns).reduce(0) { $0 + $1.0 * $1.1 } }
}

/// Problems of OR-Library with their published frontiers; the file's script names the source.
private struct PublishedProblem: Decodable {
    let name: String
    let means: [Double]
    let deviations: [Double]
    let correlations: [Double]
    let frontierMeans: [Double]
    let frontierVariances: [Double]

    enum CodingKeys: String, CodingKey {
        case name, means, deviations, correlations
        case frontierMeans = "frontier_means"
        case frontierVariances = "frontier_variances"
    }

    static func all() throws -> [PublishedProblem] {
        let file = LocalStack.root.appending(path: "Tests/PortfolioOptimizationTests/Fixtures/orlib.json")
        return try JSONDecoder().decode([PublishedProblem].self, from: Data(contentsOf: file))
    }

    var covariance: [[Double]] {
        var next = correlations.makeIterator()
        var result = means.map { _ in [Double](repeating: 0, count: means.count) }
        for i in means.indices {
            for j in i..<means.count {
                result[i][j] = (next.next() ?? .nan) * deviations[i] * deviations[j]
                result[j][i] = result[i][j]
            }
        }
        return result
    }
}

extension RealParts {
    /// Efficient frontiers, end to end through nginx.
    @Suite("A frontier's journey", .serialized)
    struct FrontierJourneyTests {
        let stack: LocalStack
        let client: HTTPClient

        init() throws {
            stack = try LocalStack.shared.get()
            client = stack.client()
        }

        private func trace(_ path: String) throws -> [String: Any] {
            let answer = try client.get(path)
            guard answer.status == 200 else { throw HTTPFailure(description: "\(answer.status): \(answer.text)") }
            return answer.json
        }

        private let demo = "/api/v1/portfolios/port-123456/efficient-frontier"

        // MARK: Against published figures

        @Test func `OR-Library's variances come out at each of the returns published`() throws {
            for problem in try PublishedProblem.all() {
                let mandate = try StoredMandate(client, returns: problem.means, covariance: problem.covariance)
                let json = try trace(mandate.path + "?points=2&corner_portfolios=true")
                // Between two corners the weights are linear in the return.
                let corners = Point.all(json["corner_portfolios"]).map { ($0.value, mandate.vector($0.weights)) }
                try #require(corners.count > 10)
                var worst = 0.0
                for (mean, published) in zip(problem.frontierMeans, problem.frontierVariances) {
                    let index = (corners.firstIndex { $0.0 >= mean } ?? corners.count - 1)
                    let (low, high) = (corners[max(index - 1, 0)], corners[max(index, 1)])
                    let share = min(max((mean - low.0) / (high.0 - low.0), 0), 1)
                    let weights = zip(low.1, high.1).map { $0 + share * ($1 - $0) }
                    worst = max(worst, abs(mandate.variance(weights) - published) / published)
                }
                #expect(problem.frontierMeans.count == 2000 && worst < 1e-6, "\(problem.name): \(worst)")
                // And at points that the service places itself.
                for point in Point.all(try trace(mandate.path + "?points=100")["efficient_frontier"]) {
                    #expect(abs(mandate.variance(mandate.vector(point.weights)) / (point.risk * point.risk) - 1) < 1e-9)
                }
            }
        }

        // MARK: Properties

        @Test func `the curve is ordered and concave, and its optimum the best`() throws {
            let json = try trace(demo + "?points=60")
            let points = Point.all(json["efficient_frontier"])
            try #require(points.count == 60)
            for index in points.indices.dropFirst().dropLast() {
                let (left, point, right) = (points[index - 1], points[index], points[index + 1])
                #expect(left.risk <= point.risk && left.value <= point.value)
                let share = (point.value - left.value) / (right.value - left.value)
                #expect(point.risk <= left.risk + share * (right.risk - left.risk) + 1e-9)
            }
            let best = try #require(Point(json["optimal_portfolio"])?.sharpe)
            #expect(points.compactMap(\.sharpe).allSatisfy { $0 <= best + 1e-9 })
        }

        @Test func `no random feasible portfolio dominates a point`() throws {
            var random = SeededGenerator(seed: 7)
            let count = 12
            let factors = (0..<count).map { _ in (0..<count + 3).map { _ in random.normal() } }
            let covariance = factors.map { a in factors.map { b in zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } * 0.004 } }
            let returns = (0..<count).map { _ in random.uniform(0.01...0.12) }
            let mandate = try StoredMandate(client, returns: returns, covariance: covariance)
            let points = Point.all(try trace(mandate.path + "?points=40")["efficient_frontier"])
            try #require(points.count == 40)
            for _ in 0..<10_000 {
                // Few names at a time, so that the cloud reaches the corners.
                var weights = (0..<count).map { _ in random.uniform(0...1) < 0.3 ? -log(random.uniform(1e-9...1)) : 0 }
                if weights.allSatisfy({ $0 == 0 }) { weights[0] = 1 }
                let total = weights.reduce(0, +)
                for index in weights.indices { weights[index] /= total }
                let (value, risk) = (mandate.expectedReturn(weights), mandate.variance(weights).squareRoot())
                let beaten = points.first { $0.value < value - 1e-9 && $0.risk > risk + 1e-9 }
                #expect(beaten == nil, "\(value) at \(risk)")
            }
        }

        @Test func `adding a constraint never moves the curve outward`() throws {
            let limits = ["", "&max_sector_exposure=0.4", "&max_sector_exposure=0.4&max_turnover=0.3"]
            for (fewer, more) in zip(limits, limits.dropFirst()) {
                let narrow = Point.all(try trace(demo + "?points=8" + more)["efficient_frontier"])
                #expect(narrow.count == 8)
                for point in narrow {
                    // The least risk that fewer limits allow at this return.
                    let wide = try trace(demo + "?points=2&min_return=\(point.value)" + fewer)["min_risk_portfolio"]
                    #expect((Point(wide)?.risk ?? .infinity) <= point.risk + 1e-9, "\(more) at \(point.value)")
                }
            }
        }

        // MARK: Asking again

        @Test func `the same question is the same computation until an input changes`() throws {
            let mandate = try StoredMandate(
                client,
                returns: [0.04, 0.08],
                covariance: [[0.01, 0.002], [0.002, 0.04]]
            )
            let first = try client.get(mandate.path + "?points=5")
            let id = try #require(first.json["frontier_id"] as? String)
            let again = try client.get(mandate.path + "?points=5")
            #expect(again.body == first.body && again.headers["etag"] == first.headers["etag"])
            let posted = try client.post(mandate.path, #"{"points":5,"risk_measure":"volatility"}"#)
            #expect(posted.body == first.body, "a GET and a POST that ask the same")
            #expect(first.headers["content-location"] == "/api/v1/efficient-frontiers/\(id)")
            #expect(try client.get("/api/v1/efficient-frontiers/\(id)").body == first.body)
            let tag = try #require(first.headers["etag"])
            #expect(try client.get(mandate.path + "?points=5", ["If-None-Match": tag]).status == 304)

            let dearer = #"{"instruments":[{"instrument_id":"\#(mandate.names[1])","price":11}]}"#
            _ = try client.put("/api/v1/instruments", dearer)
            let changed = try client.get(mandate.path + "?points=5")
            #expect(changed.status == 200 && changed.json["frontier_id"] as? String != id)
            #expect(try stack.query("SELECT type FROM events.outbox WHERE subject = '\(id)'") == ["frontier.completed"])
        }

        @Test func `many who ask the same at once share one job`() throws {
            let mandate = try StoredMandate(
                client,
                returns: [0.04, 0.08],
                covariance: [[0.01, 0.002], [0.002, 0.04]]
            )
            let clients = (0..<24).map { _ in stack.client() }
            for other in clients { try other.begin("GET", mandate.path + "?points=33") }
            let bodies = try clients.map { try $0.finish() }
            #expect(bodies.allSatisfy { $0.status == 200 && $0.body == bodies[0].body })
            let stored =
                "SELECT count(*) FROM commands.efficient_frontier_requests WHERE portfolio_id = '\(mandate.portfolio)'"
            #expect(try stack.query(stored) == ["1"])
        }

        @Test func `a curve kept by nginx is read without the function`() throws {
            let id = try #require(try trace(demo + "?points=4")["frontier_id"] as? String)
            let path = "/api/v1/efficient-frontiers/\(id)"
            let first = try client.get(path)
            try stack.supervise("stop", "efficient-frontier:*")
            defer { _ = try? stack.supervise("start", "efficient-frontier:*") }
            #expect(try client.get(path).body == first.body)
            #expect(try client.get(demo + "?points=4").status == 503)
        }

        @Test func `with no worker the caller learns where the answer will be, and finds it there`() throws {
            try stack.supervise("stop", "worker:*")
            let mandate = try StoredMandate(
                client,
                returns: [0.04, 0.08],
                covariance: [[0.01, 0.002], [0.002, 0.04]]
            )
            let accepted = try client.get(mandate.path, ["Prefer": "wait=1"])
            try stack.supervise("start", "worker:*")
            #expect(accepted.status == 202 && accepted.headers["retry-after"] == "1")
            let place = try #require(accepted.headers["location"])
            let answer = try client.get(place, ["Prefer": "wait=30"])
            #expect(answer.status == 200 && answer.json["status"] as? String == "completed")
        }

        @Test func `workers killed while callers wait cost them time, not their curves`() throws {
            let mandate = try StoredMandate(
                client,
                returns: [0.04, 0.08],
                covariance: [[0.01, 0.002], [0.002, 0.04]]
            )
            let clients = (0..<12).map { _ in stack.client() }
            for (index, other) in clients.enumerated() {
                try other.begin("GET", mandate.path + "?points=\(10 + index)")
                guard index % 6 == 5, let worker = try stack.processes().first(where: { $0.name.hasPrefix("worker:") })
                else { continue }
                kill(worker.pid, SIGKILL)
            }
            let answers = try clients.map { try $0.finish() }
            #expect(answers.allSatisfy { $0.status == 200 }, "\(answers.map(\.status))")
            let ids = answers.compactMap { $0.json["frontier_id"] as? String }
            #expect(Set(ids).count == clients.count)
            let list = ids.map { "'\($0)'" }.joined(separator: ",")
            let events = "SELECT DISTINCT type, count(*) FROM events.outbox WHERE subject IN (\(list)) GROUP BY type"
            #expect(try stack.query(events) == ["frontier.completed|\(clients.count)"])
        }

        // MARK: Degenerate and impossible

        @Test func `degenerate inputs get a right answer`() throws {
            let single = try trace(StoredMandate(client, returns: [0.05], covariance: [[0.04]]).path)
            let one = Point.all(single["efficient_frontier"])
            #expect(one.count == 1 && one.allSatisfy { abs($0.risk - 0.2) < 1e-12 && abs($0.value - 0.05) < 1e-12 })

            let covariance = [[0.04, 0.0], [0.0, 0.01]]
            let equal = try StoredMandate(client, returns: [0.05, 0.05], covariance: covariance)
            let flat = Point.all(try trace(equal.path)["efficient_frontier"])
            #expect(flat.count == 1 && flat.allSatisfy { abs($0.risk * $0.risk - 0.008) < 1e-12 })

            let poor = try trace(equal.path + "?risk_free_rate=0.06")
            #expect(poor["optimal_portfolio"] is NSNull)

            let singular = try StoredMandate(
                client,
                returns: [0.04, 0.08],
                covariance: [[0.04, 0.04], [0.04, 0.04]]
            )
            #expect(
                Point.all(try trace(singular.path + "?points=3")["efficient_frontier"]).allSatisfy {
                    abs($0.risk - 0.2) < 1e-9
                }
            )
        }

        @Test func `out of reach is a problem with the attainable range`() throws {
            let mandate = try StoredMandate(client, returns: [0.04, 0.08], covariance: [[0.01, 0.0], [0.0, 0.04]])
            for (query, limit, nearest) in [
                ("?min_return=0.2", "/min_return", 0.08),
                ("?max_risk=0.01", "/max_risk", 0.008.squareRoot()),
            ] {
                let answer = try client.get(mandate.path + query)
                #expect(answer.status == 422 && answer.headers["content-type"] == "application/problem+json")
                #expect(answer.json["type"] as? String == "/problems/infeasible")
                let conflicts = answer.json["conflicts"] as? [[String: Any]] ?? []
                #expect(conflicts.first?["constraint"] as? String == limit)
                let told = conflicts.first?["nearest_feasible"] as? Double ?? .nan
                #expect(abs(told - nearest) < 1e-7, "\(query): \(told)")
            }
            let cut = Point.all(
                try trace(mandate.path + "?points=5&min_return=0.06&max_risk=0.15")["efficient_frontier"]
            )
            #expect(cut.count == 5 && abs((cut.first?.value ?? 0) - 0.06) < 1e-9)
            #expect(abs((cut.last?.risk ?? 0) - 0.15) < 1e-9)
        }

        // MARK: Forms, and beside an optimization

        @Test func `a curve is drawn, listed and compressed on the way`() throws {
            let chart = try client.get(demo + "?points=10", ["Accept": "image/svg+xml"])
            #expect(chart.headers["content-type"] == "image/svg+xml" && chart.text.contains("prefers-color-scheme"))
            #expect(try client.get(demo + "?points=10&format=csv").text.split(separator: "\r\n").count == 11)
            let small = try client.get(demo + "?points=10", ["Accept-Encoding": "gzip"])
            #expect(small.headers["content-encoding"] == "gzip")
            let head = try client.send("HEAD", demo + "?points=10")
            #expect(head.status == 200 && head.body.isEmpty)
        }

        @Test func `an optimization shows the curve beside its allocation`() throws {
            let result = try client.optimize(
                """
                {"portfolio_id": "port-123456", "optimization_type": "mean_variance", "objective": "maximize_sharpe",
                 "frontier_points": 12}
                """
            )
            let points = Point.all(result["efficient_frontier"])
            #expect(points.count == 12)
            let best = (result["metrics"] as? [String: Any])?["sharpe_ratio"] as? Double ?? .nan
            #expect(points.compactMap(\.sharpe).allSatisfy { $0 <= best + 1e-9 })
            let id = try #require(result["optimization_id"] as? String)
            let column = "SELECT jsonb_array_length(efficient_frontier) FROM commands.optimization_results"
            #expect(try stack.query("\(column) WHERE optimization_id = '\(id)'") == ["12"])
        }
    }
}
