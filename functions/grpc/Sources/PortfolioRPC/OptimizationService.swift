package import GRPCCore
import GRPCProtobuf
import PortfolioCalls
package import PortfolioProtocol
import SwiftProtobuf

/// `portfolio_optimization.v1.PortfolioOptimizationService`: each call enters where its REST twin does.
package struct OptimizationService: Sendable {
    /// Bytes of answers kept in memory.
    private static let cacheBytes = 64 << 20

    private let waiting: WaitingCalls
    private let results = AnswerCache<PortfolioOptimization_V1_GetOptimizationResponse>(capacity: Self.cacheBytes)
    private let log: @Sendable (String, String) -> Void

    /// Makes the service.
    ///
    /// - Parameters:
    ///   - runner: the threads for blocking calls.
    ///   - endings: who tells of jobs that end.
    ///   - isDraining: whether the server is being stopped.
    ///   - log: takes what no caller may see, and the call's id.
    package init(
        runner: CallRunner,
        endings: Endings,
        isDraining: @escaping @Sendable () -> Bool,
        log: @escaping @Sendable (String, String) -> Void
    ) {
        waiting = WaitingCalls(runner: runner, endings: endings, isDraining: isDraining)
        self.log = log
    }

    private func ask(_ call: @escaping @Sendable (ServiceCalls) -> CallOutcome) async throws -> CallAnswer {
        switch try await waiting.runner.run(call) {
        case .answer(let answer): return answer
        case .problem(let problem): throw problem
        case .waiting: throw CallProblem.internalFault
        }
    }

    /// Answers a call for a computation with what its message says, but for the portfolio, whose place is the path.
    private func answer<Input: Message, Answer: Message>(
        _ kind: Computation,
        _ request: ServerRequest<Input>,
        at portfolioID: WritableKeyPath<Input, String>,
        _ context: ServerContext
    ) async throws -> ServerResponse<Answer> {
        let portfolio = request.message[keyPath: portfolioID]
        return try await answer(request, about: .init(type: "portfolio", name: portfolio)) { message, caller in
            var asked = message
            asked[keyPath: portfolioID] = ""
            return try await compute(kind, of: portfolio, try MessageCoding.document(of: asked), caller, context)
        }
    }

    /// Waits for a computation of a portfolio.
    private func compute<Answer: Message>(
        _ kind: Computation,
        of portfolioID: String,
        _ document: [UInt8],
        query: [(name: String, value: String)] = [],
        _ caller: Caller,
        _ context: ServerContext
    ) async throws -> Answer {
        let found = try await waiting.answer(
            within: WaitingCalls.longest,
            context.cancellation,
            first: { $0.compute(kind, portfolioID: portfolioID, document: document, query: query, caller) },
            again: { $0.computed(kind, id: $1, caller) },
            abandon: { $0.abandon(kind, id: $1, caller) }
        )
        guard let found else {
            throw RPCError(
                code: .deadlineExceeded,
                message: "It is still being computed. Ask again: what has been done so far is not lost."
            )
        }
        return try MessageCoding.message(found.document)
    }

    /// Answers a unary call: reads who calls, and turns problems into statuses.
    private func answer<Input: Sendable, Output: Sendable>(
        _ request: ServerRequest<Input>,
        about resource: ProblemStatus.Resource? = nil,
        _ call: (Input, Caller) async throws -> Output
    ) async throws -> ServerResponse<Output> {
        let caller = Caller(request.metadata)
        let metadata: Metadata = ["x-request-id": "\(caller.requestID)"]
        do {
            return ServerResponse(message: try await call(request.message, caller), metadata: metadata)
        } catch let problem as CallProblem {
            let error = RPCError(ProblemStatus.status(of: problem, about: resource))
            throw RPCError(
                code: error.code,
                message: error.message,
                metadata: error.metadata.merging(metadata)
            )
        } catch is CancellationError {
            throw RPCError(code: .unavailable, message: "The server is being stopped.", metadata: metadata)
        } catch let error as RPCError {
            throw error
        } catch {
            log("\(error)", caller.requestID)
            throw RPCError(code: .internalError, message: "Something went wrong.", metadata: metadata)
        }
    }
}

extension OptimizationService: PortfolioOptimization_V1_PortfolioOptimizationService.ServiceProtocol {
    package func createOptimization(
        request: ServerRequest<PortfolioOptimization_V1_CreateOptimizationRequest>,
        context: ServerContext
    ) async throws -> ServerResponse<PortfolioOptimization_V1_CreateOptimizationResponse> {
        let key = request.metadata[stringValues: "idempotency-key"].first { _ in true }
        return try await answer(
            request,
            about: .init(type: "portfolio", name: request.message.portfolioID)
        ) { message, caller in
            let document = try MessageCoding.document(of: message)
            let answer = try await ask { $0.createOptimization(document, idempotencyKey: key, caller) }
            return try MessageCoding.message(answer.document)
        }
    }

    package func getOptimization(
        request: ServerRequest<PortfolioOptimization_V1_GetOptimizationRequest>,
        context: ServerContext
    ) async throws -> ServerResponse<PortfolioOptimization_V1_GetOptimizationResponse> {
        try await answer(
            request,
            about: .init(type: "optimization", name: request.message.optimizationID)
        ) { message, caller in
            let id = message.optimizationID
            let key = AnswerCache<PortfolioOptimization_V1_GetOptimizationResponse>.Key(tenant: caller.tenant, id: id)
            let explaining = message.hasExplain ? message.explain : nil
            if explaining == nil, let known = results.value(for: key) { return known }
            let seconds = try message.waitTime()
            let found = try await waiting.answer(
                within: .seconds(seconds),
                context.cancellation,
                first: { $0.optimization(id: id, waits: seconds > 0, explaining: explaining, caller) },
                again: { calls, id in calls.optimization(id: id, waits: true, explaining: explaining, caller) }
            )
            let answer =
                if let found {
                    found
                } else {
                    try await ask { $0.optimization(id: id, waits: false, explaining: explaining, caller) }
                }
            let response: PortfolioOptimization_V1_GetOptimizationResponse = try MessageCoding.message(answer.document)
            if answer.isFinal, explaining == nil { results.keep(response, bytes: answer.document.count, for: key) }
            return response
        }
    }

    package func cancelOptimization(
        request: ServerRequest<PortfolioOptimization_V1_CancelOptimizationRequest>,
        context: ServerContext
    ) async throws -> ServerResponse<PortfolioOptimization_V1_CancelOptimizationResponse> {
        try await answer(
            request,
            about: .init(type: "optimization", name: request.message.optimizationID)
        ) { message, caller in
            let id = message.optimizationID
            let answer = try await ask { $0.cancelOptimization(id: id, caller) }
            return try MessageCoding.message(answer.document)
        }
    }

    package func listOptimizations(
        request: ServerRequest<PortfolioOptimization_V1_ListOptimizationsRequest>,
        context: ServerContext
    ) async throws -> ServerResponse<PortfolioOptimization_V1_ListOptimizationsResponse> {
        try await answer(request) { message, caller in
            var query: [(name: String, value: String)] = []
            if message.hasPortfolioID { query.append(("portfolio_id", message.portfolioID)) }
            if message.hasStatus { query.append(("status", message.status)) }
            if message.hasLimit { query.append(("limit", "\(message.limit)")) }
            if message.hasCursor { query.append(("cursor", message.cursor)) }
            let wanted = query
            let answer = try await ask { $0.optimizations(wanted, caller) }
            return try MessageCoding.message(answer.document)
        }
    }

    package func generateEfficientFrontier(
        request: ServerRequest<PortfolioOptimization_V1_EfficientFrontierRequest>,
        context: ServerContext
    ) async throws -> ServerResponse<PortfolioOptimization_V1_EfficientFrontierResponse> {
        try await answer(.efficientFrontier, request, at: \.portfolioID, context)
    }

    package func generateRebalancePlan(
        request: ServerRequest<PortfolioOptimization_V1_RebalancePlanRequest>,
        context: ServerContext
    ) async throws -> ServerResponse<PortfolioOptimization_V1_RebalancePlanResponse> {
        try await answer(.rebalance, request, at: \.portfolioID, context)
    }

    package func analyzeFactorExposures(
        request: ServerRequest<PortfolioOptimization_V1_FactorExposureRequest>,
        context: ServerContext
    ) async throws -> ServerResponse<PortfolioOptimization_V1_FactorExposureResponse> {
        try await answer(
            request,
            about: .init(type: "portfolio", name: request.message.portfolioID)
        ) { message, caller in
            let names = message.factors
            if let wrong = names.firstIndex(where: { $0.isEmpty || $0.utf8.contains(UInt8(ascii: ",")) }) {
                throw CallProblem.invalid("/factors/\(wrong)", "a factor's name is not empty and has no comma")
            }
            return try await compute(
                .factorExposures,
                of: message.portfolioID,
                [],
                query: names.isEmpty ? [] : [("factors", names.joined(separator: ","))],
                caller,
                context
            )
        }
    }
}

extension PortfolioOptimization_V1_GetOptimizationRequest {
    /// How long to wait, in seconds.
    fileprivate func waitTime() throws(CallProblem) -> Double {
        guard hasWaitSeconds else { return 0 }
        guard waitSeconds >= 0, waitSeconds.isFinite else {
            throw .invalid("/wait_seconds", "must be 0 or more, and at most 60 s are waited")
        }
        return min(waitSeconds, 60)
    }
}

extension Caller {
    /// Who calls: what the proxy in front says, never the caller.
    init(_ metadata: Metadata) {
        let id = metadata[stringValues: "x-request-id"].first { _ in true }
        self.init(
            tenant: metadata[stringValues: "x-auth-tenant"].first { _ in true },
            requestID: id ?? Caller.newRequestID()
        )
    }

    private static func newRequestID() -> String {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension Metadata {
    fileprivate func merging(_ others: Metadata) -> Metadata {
        var merged = self
        for (key, value) in others { merged.addValue(value, forKey: key) }
        return merged
    }
}

extension Metadata {
    fileprivate mutating func addValue(_ value: Value, forKey key: String) {
        switch value {
        case .string(let text): addString(text, forKey: key)
        case .binary(let bytes): addBinary(bytes, forKey: key)
        }
    }
}
