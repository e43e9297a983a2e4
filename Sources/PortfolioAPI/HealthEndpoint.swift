package import FunctionRuntime
import JSON
package import PortfolioService

/// `/healthz`: this process lives; `/readyz`: requests can be served; `/metrics`: both and a little more, for Prometheus.
package final class HealthEndpoint: Endpoint {
    package let log: Log
    private let isReady: CheckReadiness

    package init(isReady: CheckReadiness, log: Log) {
        self.isReady = isReady
        self.log = log
    }

    package func answer(_ request: FunctionRequest) throws -> FunctionOutcome {
        let answer =
            switch request.path {
            case "/healthz": liveness
            case "/readyz": readiness
            case "/metrics": metrics
            default: throw RequestError.noSuchPath
            }
        try request.require(methods: ["GET", "HEAD"])
        return .answer(answer(request))
    }

    private func liveness(_ request: FunctionRequest) -> FunctionResponse { Self.status(200, "alive") }

    private func readiness(_ request: FunctionRequest) -> FunctionResponse {
        guard isReady() else {
            let away = ServiceError.unavailable(reason: "not ready: no database, or not its newest migration")
            return ErrorMapping.response(to: request, for: away, log: log)
        }
        return Self.status(200, "ready")
    }

    private func metrics(_ request: FunctionRequest) -> FunctionResponse {
        FunctionResponse(
            status: 200,
            headers: [("Content-Type", "text/plain; version=0.0.4; charset=utf-8"), ("Cache-Control", "no-store")],
            body: .bytes(Array(ProcessFigures().prometheusText(ready: isReady()).utf8))
        )
    }

    private static func status(_ code: Int, _ word: String) -> FunctionResponse {
        var writer = JSONWriter()
        writer.object { $0.member("status", word) }
        return .json(code, writer.bytes, headers: [("Cache-Control", "no-store")])
    }
}
