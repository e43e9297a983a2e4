import Foundation

/// GET of a completed 8 KB answer that nginx keeps, against a static file of the same bytes from the same nginx.
struct CachedRead: Scenario {
    let name = "cached-read"
    let summary = "GET of a completed 8 KB answer from nginx's cache, against a static file of the same size"

    func measure(_ site: Site) throws -> [Figure] {
        let answer = try site.completed(Site.seedRequest)
        let folder = "\(site.runDirectory)/static"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(answer.body).write(to: URL(filePath: "\(folder)/answer.json"))
        let port = try freePort()
        try site.addSite(
            "static",
            port: port,
            """
            server {
                listen 127.0.0.1:\(port) backlog=1024;
                root static;
                types { application/json json; }
                include snippets/response_headers.conf;
            }
            """
        )
        let url = "\(site.url)/api/v1/optimizations/\(answer.id)"
        _ = try site.wrk(url, seconds: 1)
        let rates = try site.compare(
            { try site.wrk(url, seconds: $0) },
            with: { try site.wrk("http://127.0.0.1:\(port)/answer.json", seconds: $0) }
        )
        return [
            Figure(name: "GET, 32 connections", value: rates.subject, unit: "/s"),
            Figure(name: "static file, 32 connections", value: rates.reference, unit: "/s"),
            Figure(name: "ratio", value: median(rates.ratios), unit: "", goal: .atLeast(0.8), samples: rates.ratios),
        ]
    }
}
