/// GET of a completed 8 KB answer past nginx's cache, against the same row by pgbench: what HTTP costs on top.
struct UncachedRead: Scenario {
    let name = "uncached-read"
    let summary = "GET of a completed 8 KB answer from its source, against pgbench's prepared SELECT of the row"

    func measure(_ site: Site) throws -> [Figure] {
        let answer = try site.completed(Site.seedRequest)
        let statement = """
            SELECT status, portfolio_id, optimization_type, objective, risk_measure, created_at, completed_at,
            entity_tag, body FROM queries.portfolio_optimizations
            WHERE optimization_id = '\(answer.id)' AND tenant_id = 'default';
            """.split(separator: "\n").joined(separator: " ")
        let url = "\(site.url)/api/v1/optimizations/\(answer.id)"
        let rates = try site.compare(
            { try site.wrk(url, seconds: $0, headers: ["Cache-Control: no-cache"]) },
            with: { try site.pgbench(statement, role: "portfolio_get_optimization", seconds: $0) }
        )
        return [
            Figure(name: "answer", value: Double(answer.body.count), unit: "bytes"),
            Figure(name: "GET, 32 connections", value: rates.subject, unit: "/s"),
            Figure(name: "pgbench SELECT, 32 clients", value: rates.reference, unit: "/s"),
            Figure(name: "ratio", value: median(rates.ratios), unit: "", goal: .atLeast(0.30), samples: rates.ratios),
        ]
    }
}
