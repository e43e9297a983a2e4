package import GRPCCore
import GRPCProtobuf
import PortfolioCalls
import PortfolioProtocol
import SwiftProtobuf

/// `portfolio_optimization.v1.PortfolioOptimizationService`: each call enters where its REST twin does.
package struct OptimizationService: Sendable {
    /// Bytes of answers kept in memory.
    private static let cacheBytes = 64 << 20

    private let waiting: WaitingCalls
    private let results = AnswerCache(capacity: Self.cacheBytes)
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

    /// A call as it came in: its message, who makes it, and whether it is still wanted.
    private struct Call<Input: Sendable>: Sendable {
        var message: Input
        var metadata: Metadata
        var caller: Caller
        var cancellation: ServerContext.RPCCancellationHandle
    }

    /// Asks once, and writes the answer as a message of a kind.
    private func ask<Answer: Message>(
        for kind: Answer.Type,
        _ call: @escaping @Sendable (ServiceCalls) throws -> CallOutcome
    ) async throws -> EncodedMessage {
        try await waiting.runner.run { calls in
            switch try call(calls) {
            case .answer(let answer): return try MessageCoding.message(answer.document, as: kind)
            case .problem(let problem): throw problem
            case .waiting: throw CallProblem.internalFault
            }
        }
    }

    /// Waits for a computation of a portfolio, and writes it as a message of a kind.
    private func compute<Input: Sendable, Answer: Message>(
        _ computation: Computation,
        of portfolioID: String,
        for kind: Answer.Type,
        query: [(name: String, value: String)] = [],
        _ call: Call<Input>,
        document: @escaping @Sendable () throws -> [UInt8]
    ) async throws -> EncodedMessage {
        let caller = call.caller
        let found = try await waiting.answer(
            within: WaitingCalls.longest,
            call.cancellation,
            first: {
                $0.compute(computation, portfolioID: portfolioID, document: try document(), query: query, caller)
            },
            again: { $0.computed(computation, id: $1, caller) },
            abandon: { $0.abandon(computation, id: $1, caller) }
        )
        guard let found else {
            throw RPCError(
                code: .deadlineExceeded,
                message: "It is still being computed. Ask again: what has been done so far is not lost."
            )
        }
        return try await waiting.runner.work { try MessageCoding.message(found.document, as: kind) }
    }

    /// Computes what a call's message says, but for the portfolio, whose place is the path.
    private func compute<Input: Message, Answer: Message>(
        _ computation: Computation,
        for kind: Answer.Type,
        at portfolioID: any WritableKeyPath<Input, String> & Sendable,
        _ call: Call<Input>
    ) async throws -> EncodedMessage {
        try await compute(computation, of: call.message[keyPath: portfolioID], for: kind, call) {
            var asked = call.message
            asked[keyPath: portfolioID] = ""
            return try MessageCoding.document(of: asked)
        }
    }

    /// Answers a unary call: reads who calls, and turns problems into statuses.
    private func answer<Input: Sendable>(
        _ request: ServerRequest<Input>,
        about resource: ProblemStatus.Resource?,
        _ context: ServerContext,
        _ call: (Call<Input>) async throws -> EncodedMessage
    ) async throws -> ServerResponse<EncodedMessage> {
        let caller = Caller(request.metadata)
        let metadata: Metadata = ["x-request-id": "\(caller.requestID)"]
        do {
            let asked = Call(
                message: request.message,
                metadata: request.metadata,
                caller: caller,
                cancellation: context.cancellation
            )
            return ServerResponse(message: try await call(asked), metadata: metadata)
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

extension OptimizationService: RegistrableRPCService {
    private typealias Method = PortfolioOptimization_V1_PortfolioOptimizationService.Method

    package func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        register(Method.CreateOptimization.descriptor, with: &router, "portfolio", \.portfolioID, createOptimization)
        register(Method.GetOptimization.descriptor, with: &router, "optimization", \.optimizationID, getOptimization)
        register(
            Method.CancelOptimization.descriptor,
            with: &router,
            "optimization",
            \.optimizationID,
            cancelOptimization
        )
        register(Method.ListOptimizations.descriptor, with: &router, "portfolio", \.portfolioID, listOptimizations)
        register(
            Method.GenerateEfficientFrontier.descriptor,
            with: &router,
            "portfolio",
            \.portfolioID,
            generateEfficientFrontier
        )
        register(
            Method.GenerateRebalancePlan.descriptor,
            with: &router,
            "portfolio",
            \.portfolioID,
            generateRebalancePlan
        )
        register(
            Method.AnalyzeFactorExposures.descriptor,
            with: &router,
            "portfolio",
            \.portfolioID,
            analyzeFactorExposures
        )
    }

    /// Has calls of a method answered.
    ///
    /// Not by the generated protocol: that takes messages, which would be encoded anew for every call.
    private func register<Input: Message, Transport: ServerTransport>(
        _ method: MethodDescriptor,
        with router: inout RPCRouter<Transport>,
        _ resource: String,
        _ name: any KeyPath<Input, String> & Sendable,
        _ call: @escaping @Sendable (Call<Input>) async throws -> EncodedMessage
    ) {
        router.registerHandler(
            forMethod: method,
            deserializer: ProtobufDeserializer<Input>(),
            serializer: EncodedMessageSerializer()
        ) { stream, context in
            let request = try await ServerRequest(stream: stream)
            let about = ProblemStatus.Resource(type: resource, name: request.message[keyPath: name])
            return StreamingServerResponse(single: try await answer(request, about: about, context, call))
        }
    }

    private func createOptimization(
        _ call: Call<PortfolioOptimization_V1_CreateOptimizationRequest>
    ) async throws -> EncodedMessage {
        let key = call.metadata[stringValues: "idempotency-key"].first { _ in true }
        return try await ask(for: PortfolioOptimization_V1_CreateOptimizationResponse.self) {
            $0.createOptimization(try MessageCoding.document(of: call.message), idempotencyKey: key, call.caller)
        }
    }

    private func getOptimization(
        _ call: Call<PortfolioOptimization_V1_GetOptimizationRequest>
    ) async throws -> EncodedMessage {
        let id = call.message.optimizationID
        let caller = call.caller
        let key = AnswerCache.Key(tenant: caller.tenant, id: id)
        let explaining = call.message.hasExplain ? call.message.explain : nil
        if explaining == nil, let known = results.value(for: key) { return known }
        let seconds = try call.message.waitTime()
        let found = try await waiting.answer(
            within: .seconds(seconds),
            call.cancellation,
            first: { $0.optimization(id: id, waits: seconds > 0, explaining: explaining, caller) },
            again: { calls, id in calls.optimization(id: id, waits: true, explaining: explaining, caller) }
        )
        guard let found else {
            return try await ask(for: PortfolioOptimization_V1_GetOptimizationResponse.self) {
                $0.optimization(id: id, waits: false, explaining: explaining, caller)
            }
        }
        return try await waiting.runner.work {
            let message = try MessageCoding.message(
                found.document,
                as: PortfolioOptimization_V1_GetOptimizationResponse.self
            )
            if found.isFinal, explaining == nil { results.keep(message, for: key) }
            return message
        }
    }

    private func cancelOptimization(
        _ call: Call<PortfolioOptimization_V1_CancelOptimizationRequest>
    ) async throws -> EncodedMessage {
        try await ask(for: PortfolioOptimization_V1_CancelOptimizationResponse.self) {
            $0.cancelOptimization(id: call.message.optimizationID, call.caller)
        }
    }

    private func listOptimizations(
        _ call: Call<PortfolioOptimization_V1_ListOptimizationsRequest>
    ) async throws -> EncodedMessage {
        let message = call.message
        var query: [(name: String, value: String)] = []
        if message.hasPortfolioID { query.append(("portfolio_id", message.portfolioID)) }
        if message.hasStatus { query.append(("status", message.status)) }
        if message.hasLimit { query.append(("limit", "\(message.limit)")) }
        if message.hasCursor { query.append(("cursor", message.cursor)) }
        let wanted = query
        return try await ask(for: PortfolioOptimization_V1_ListOptimizationsResponse.self) {
            $0.optimizations(wanted, call.caller)
        }
    }

    private func generateEfficientFrontier(
        _ call: Call<PortfolioOptimization_V1_EfficientFrontierRequest>
    ) async throws -> EncodedMessage {
        let answer = PortfolioOptimization_V1_EfficientFrontierResponse.self
        return try await compute(.efficientFrontier, for: answer, at: \.portfolioID, call)
    }

    private func generateRebalancePlan(
        _ call: Call<PortfolioOptimization_V1_RebalancePlanRequest>
    ) async throws -> EncodedMessage {
        let answer = PortfolioOptimization_V1_RebalancePlanResponse.self
        return try await compute(.rebalance, for: answer, at: \.portfolioID, call)
    }

    private func analyzeFactorExposures(
        _ call: Call<PortfolioOptimization_V1_FactorExposureRequest>
    ) async throws -> EncodedMessage {
        let names = call.message.factors
        if let wrong = names.firstIndex(where: { $0.isEmpty || $0.utf8.contains(UInt8(ascii: ",")) }) {
            throw CallProblem.invalid("/factors/\(wrong)", "a factor's name is not empty and has no comma")
        }
        return try await compute(
            .factorExposures,
            of: call.message.portfolioID,
            for: PortfolioOptimization_V1_FactorExposureResponse.self,
            query: names.isEmpty ? [] : [("factors", names.joined(separator: ","))],
            call
        ) { [] }
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
