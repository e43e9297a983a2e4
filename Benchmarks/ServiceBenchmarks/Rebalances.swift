import Foundation
import TestSupport

/// From asking for a rebalance plan to holding it: small books in whole lots, large ones in fractions, with costs and tax
/// lots, each towards a target that the service has not seen before.
struct Rebalances: Scenario {
    let name = "rebalance"
    let summary = "POST of a rebalance until the plan is there: 25 names in whole lots, 500 names in fractions"

    /// What is asked for.
    private struct Book {
        var names: Int
        var isWhole: Bool
        var hasTaxes: Bool
        /// Milliseconds that half of the answers may take.
        var limit: Double

        var label: String { "\(names) names in \(isWhole ? "lots" : "fractions")\(hasTaxes ? ", taxes" : "")" }
        var id: String { "bench-rebalance-\(names)" }
    }

    private static let books = [
        Book(names: 25, isWhole: true, hasTaxes: false, limit: 30),
        Book(names: 25, isWhole: true, hasTaxes: true, limit: 30),
        Book(names: 500, isWhole: false, hasTaxes: false, limit: 60),
        Book(names: 500, isWhole: false, hasTaxes: true, limit: 60),
    ]

    func measure(_ site: Site) throws -> [Figure] {
        for names in Set(Self.books.map(\.names)).sorted() { try Self.store(names, on: site) }
        return try Self.books.flatMap { book in
            let times = try Self.times(book, site)
            return [
                Figure(
                    name: "\(book.label), p50",
                    value: median(times.whole),
                    unit: "ms",
                    goal: .atMost(book.limit)
                ),
                Figure(name: "\(book.label), p95", value: percentile(0.95, of: times.whole), unit: "ms"),
                Figure(name: "\(book.label), in the solver", value: median(times.solver), unit: "ms"),
                Figure(name: "\(book.label), a worker's CPU time", value: times.processor, unit: "ms"),
                Figure(name: "\(book.label), answer", value: Double(times.bytes), unit: "bytes"),
            ]
        }
    }

    /// Times plans towards targets that are new to the service; the first ones warm both workers.
    private static func times(
        _ book: Book,
        _ site: Site
    ) throws -> (whole: [Double], solver: [Double], processor: Double, bytes: Int) {
        let client = site.client
        var random = SeededGenerator(seed: UInt64(book.names) + (book.hasTaxes ? 1 : 0))
        let (warming, measured) = (10, site.isQuick ? 20 : 100)
        var (whole, solver, bytes): ([Double], [Double], Int) = ([], [], 0)
        var spent = 0.0
        for question in 0..<(warming + measured) {
            if question == warming { spent = try site.workerMilliseconds() }
            let body = request(book, &random)
            let start = ContinuousClock.now
            let answer = try client.post("/api/v1/portfolios/\(book.id)/rebalance", body)
            let elapsed = (ContinuousClock.now - start).milliseconds
            guard answer.status == 200, let trades = answer.json["trades"] as? [Any], !trades.isEmpty,
                let solution = answer.json["solution"] as? [String: Any]
            else { throw HTTPFailure(description: String(answer.text.prefix(500))) }
            guard question >= warming else { continue }
            whole.append(elapsed)
            solver.append(solution["solve_ms"] as? Double ?? .nan)
            bytes = answer.body.count
        }
        spent = try site.workerMilliseconds() - spent
        return (whole, solver, spent / Double(measured), bytes)
    }

    private static func request(_ book: Book, _ random: inout SeededGenerator) -> String {
        let wishes = (0..<book.names).map { _ in random.uniform(0...1) < 0.85 ? random.uniform(0.3...1) : 0 }
        let total = wishes.reduce(0, +)
        let target = wishes.enumerated().filter { $0.element > 0 }
            .map { #""\#(instrument(book.names, $0.offset))":\#($0.element / total)"# }.joined(separator: ",")
        return
            #"{"target_type":"custom","target_allocation":{\#(target)},"whole_lots":\#(book.isWhole),"#
            + #""constraints":{"max_cash":0.05,"max_position_size":0.2,"max_sector_exposure":0.5},"#
            + #""preferences":{"include_transaction_costs":true,"consider_tax_implications":\#(book.hasTaxes)}}"#
    }

    private static func instrument(_ names: Int, _ index: Int) -> String { "B\(names)X\(index)" }

    /// Puts a book with lots, costs and sectors on the covariance of a market, styles and each name's own.
    private static func store(_ names: Int, on site: Site) throws {
        var random = SeededGenerator(seed: UInt64(names))
        let ids = (0..<names).map { instrument(names, $0) }
        let prices = ids.map { _ in (random.uniform(5...500) * 100).rounded() / 100 }
        let exposures = ids.map { _ in
            [0.16 * random.uniform(0.6...1.4)] + (0..<5).map { _ in 0.03 * random.normal() }
        }
        let own = ids.map { _ in random.uniform(0.02...0.1) }
        let covariance = ids.indices.map { i in
            ids.indices.map { j in zip(exposures[i], exposures[j]).reduce(i == j ? own[i] : 0) { $0 + $1.0 * $1.1 } }
        }
        let instruments: [[String: Any]] = ids.indices.map { index in
            [
                "instrument_id": ids[index], "price": prices[index], "sector": "S\(index % 5)",
                "cost": [
                    "proportional": random.uniform(0.0002...0.001), "impact": index % 2 == 0 ? 0.1 : 0,
                    "average_daily_value": random.uniform(1e6...5e7),
                ],
            ]
        }
        let positions: [[String: Any]] = ids.indices.filter { $0 % 4 != 3 }.map { index in
            let quantity = max(2, (random.uniform(0.2...2) * 1e7 / Double(names) / prices[index]).rounded())
            let sold = (quantity * 0.4).rounded(.up)
            let lots: [[String: Any]] = [
                [
                    "quantity": sold, "cost_basis": prices[index] * random.uniform(0.5...1.2),
                    "acquired_at": "2022-03-0\(1 + index % 9)",
                ],
                [
                    "quantity": quantity - sold, "cost_basis": prices[index] * random.uniform(0.7...1.4),
                    "acquired_at": "2025-01-1\(index % 10)",
                ],
            ]
            return [
                "instrument_id": ids[index], "quantity": quantity,
                "tax_lots": lots.filter { $0["quantity"] as? Double != 0 },
            ]
        }
        let id = "bench-rebalance-\(names)"
        let bodies: [(String, [String: Any])] = [
            ("/api/v1/instruments", ["instruments": instruments]),
            (
                "/api/v1/risk-models/\(id)",
                [
                    "as_of": "2025-06-20T00:00:00Z", "instruments": ids, "periods_per_year": 252,
                    "expected_returns": ids.map { _ in random.uniform(0.02...0.14) }, "covariance": covariance,
                ]
            ),
            (
                "/api/v1/portfolios/\(id)",
                [
                    "base_currency": "USD", "as_of": "2025-06-20T00:00:00Z", "risk_model_id": id, "cash": 1e5,
                    "preferences": ["short_term_tax_rate": 0.35, "long_term_tax_rate": 0.15], "positions": positions,
                ]
            ),
        ]
        for (path, body) in bodies {
            let text = String(decoding: try JSONSerialization.data(withJSONObject: body), as: UTF8.self)
            let answer = try site.client.put(path, text)
            guard answer.status < 300 else { throw HTTPFailure(description: String(answer.text.prefix(500))) }
        }
    }
}
