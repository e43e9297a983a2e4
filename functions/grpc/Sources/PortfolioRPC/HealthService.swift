package import GRPCCore
import PortfolioCalls
package import PortfolioProtocol
import SwiftProtobuf

/// `grpc.health.v1.Health`: serving means that the database answers and its migrations are current.
package struct HealthService: Grpc_Health_V1_Health.SimpleServiceProtocol {
    /// How often those who watch are looked after.
    private static let period = Duration.seconds(1)
    private static let services = ["", "portfolio_optimization.v1.PortfolioOptimizationService"]

    private let runner: CallRunner
    private let isDraining: @Sendable () -> Bool

    package init(runner: CallRunner, isDraining: @escaping @Sendable () -> Bool) {
        self.runner = runner
        self.isDraining = isDraining
    }

    package func check(
        request: Grpc_Health_V1_HealthCheckRequest,
        context: ServerContext
    ) async throws -> Grpc_Health_V1_HealthCheckResponse {
        guard Self.services.contains(request.service) else {
            throw RPCError(code: .notFound, message: "There is no such service.")
        }
        let status = try await status()
        return .with { $0.status = status }
    }

    package func watch(
        request: Grpc_Health_V1_HealthCheckRequest,
        response: RPCWriter<Grpc_Health_V1_HealthCheckResponse>,
        context: ServerContext
    ) async throws {
        guard Self.services.contains(request.service) else {
            try await response.write(.with { $0.status = .serviceUnknown })
            return
        }
        var last: Grpc_Health_V1_HealthCheckResponse.ServingStatus?
        while !context.cancellation.isCancelled, !isDraining() {
            let now = try await status()
            if now != last { try await response.write(.with { $0.status = now }) }
            last = now
            try await Task.sleep(for: Self.period)
        }
    }

    private func status() async throws -> Grpc_Health_V1_HealthCheckResponse.ServingStatus {
        if isDraining() { return .notServing }
        return try await runner.run { $0.isReady() } ? .serving : .notServing
    }
}
