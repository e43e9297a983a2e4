import FunctionRuntime
import PortfolioAPI
import PortfolioService
import Repository

/// The service's calls for a program that is no FastCGI function: a JSON document in, a JSON document out.
///
/// A call enters at the endpoint that answers its REST twin, so that both read, check, refuse and answer alike. An
/// instance has a database connection of its own and belongs to one thread at a time.
public final class ServiceCalls {
    private let commands: OptimizationCommandsEndpoint
    private let queries: OptimizationQueriesEndpoint
    private let computations: [Computation: ComputationEndpoint]
    private let abandon: AbandonComputation
    private let readiness: CheckReadiness

    /// Names the database; nothing is connected yet.
    public init(_ settings: CallSettings) {
        let configuration = settings.configuration
        let log = configuration.log
        let database = PostgresDatabase(
            url: settings.databaseURL,
            applicationName: settings.name,
            queueLimits: QueueLimits(total: configuration.queueLimit, perTenant: configuration.tenantQueueLimit)
        )
        let read = ReadOptimization(optimizations: database.optimizations)
        commands = OptimizationCommandsEndpoint(
            submit: SubmitOptimization(
                optimizations: database.optimizations,
                keyedSubmissions: database.keyedSubmissions
            ),
            cancel: CancelOptimization(optimizations: database.optimizations),
            log: log
        )
        queries = OptimizationQueriesEndpoint(
            one: OptimizationEndpoint(
                read: read,
                endings: OptimizationEndings(notifications: NoNotifications()),
                log: log
            ),
            read: read,
            list: ListOptimizations(listing: database.listing),
            log: log
        )
        readiness = CheckReadiness(health: database.health)
        abandon = AbandonComputation(computations: database.computations)
        let find = FindOrSubmitComputation(computations: database.computations, isAbandonable: true)
        let stored = ReadComputation(computations: database.computations)
        computations = Computation.resources(read).mapValues { resource in
            ComputationEndpoint(
                resource,
                find: find,
                read: stored,
                endings: OptimizationEndings(notifications: NoNotifications()),
                log: log
            )
        }
    }

    /// Whether calls can be served: the store answers and its migrations are current.
    public func isReady() -> Bool { readiness() }

    /// Queues an optimization.
    ///
    /// - Parameters:
    ///   - document: the body of `POST /api/v1/optimizations`.
    ///   - idempotencyKey: the caller's name for this request, or nil.
    ///   - caller: who calls.
    /// - Returns: the accepted optimization.
    public func createOptimization(_ document: [UInt8], idempotencyKey: String?, _ caller: Caller) -> CallOutcome {
        var headers = ["content-type": "application/json"]
        headers["idempotency-key"] = idempotencyKey
        return perform(commands, caller, "POST", "/api/v1/optimizations", headers: headers, body: document)
    }

    /// An optimization: its state, and its result once there is one.
    ///
    /// - Parameters:
    ///   - id: the optimization.
    ///   - waits: whether an optimization that has not ended is to be waited for.
    ///   - explaining: what else is to be told, as `explain` of the REST twin; nil for nothing.
    ///   - caller: who calls.
    /// - Returns: the document, or that it is to be waited for.
    public func optimization(id: String, waits: Bool, explaining: String? = nil, _ caller: Caller) -> CallOutcome {
        guard let path = path("optimizations", id) else { return .problem(.noSuchOptimization) }
        let query = explaining.map { [(name: "explain", value: $0)] } ?? []
        return perform(queries, caller, "GET", path, query: query, headers: waits ? ["prefer": "wait=1"] : [:])
    }

    /// Cancels an optimization that has not ended.
    public func cancelOptimization(id: String, _ caller: Caller) -> CallOutcome {
        guard let path = path("optimizations", id) else { return .problem(.noSuchOptimization) }
        return perform(commands, caller, "POST", path + "/cancel")
    }

    /// A page of optimizations, newest first.
    ///
    /// - Parameters:
    ///   - query: the parameters of `GET /api/v1/optimizations`.
    ///   - caller: who calls.
    /// - Returns: the page.
    public func optimizations(_ query: [(name: String, value: String)], _ caller: Caller) -> CallOutcome {
        perform(queries, caller, "GET", "/api/v1/optimizations", query: query)
    }

    /// Asks for a computation of a portfolio: the one there is on the newest inputs, or one to wait for.
    ///
    /// - Parameters:
    ///   - kind: what to compute.
    ///   - portfolioID: the portfolio.
    ///   - document: the body of the REST twin's POST; empty for one that is asked for by its query.
    ///   - query: the parameters of the REST twin's GET.
    ///   - caller: who calls.
    /// - Returns: the computation's document, or that it is to be waited for.
    public func compute(
        _ kind: Computation,
        portfolioID: String,
        document: [UInt8] = [],
        query: [(name: String, value: String)] = [],
        _ caller: Caller
    ) -> CallOutcome {
        guard let path = path("portfolios", portfolioID), let endpoint = computations[kind] else {
            return .problem(CallProblem(status: 404, code: "not_found", detail: "There is no such portfolio."))
        }
        var headers = ["prefer": "wait=1"]
        if !document.isEmpty { headers["content-type"] = "application/json" }
        return perform(
            endpoint,
            caller,
            document.isEmpty ? "GET" : "POST",
            "\(path)/\(kind.rawValue)",
            query: query,
            headers: headers,
            body: document
        )
    }

    /// Looks once more for a computation that was asked for; one that failed is a problem.
    public func computed(_ kind: Computation, id: String, _ caller: Caller) -> CallOutcome {
        guard let endpoint = computations[kind] else { return .problem(.internalFault) }
        return settled { endpoint.readAsked(request(caller, "GET", "/"), id: id) }
    }

    /// Ends a computation that a call asked for and waits for no more; one that others wait for, too, goes on.
    ///
    /// - Parameters:
    ///   - kind: what is computed.
    ///   - id: the computation.
    ///   - caller: who asked for it.
    public func abandon(_ kind: Computation, id: String, _ caller: Caller) {
        // Where the store is away the computation goes on, and no harm is done.
        guard let endpoint = computations[kind] else { return }
        _ = try? abandon(id: id, kind: endpoint.kind, tenant: request(caller, "POST", "/").tenant)
    }

    /// The path of a thing; nil for an identifier that would not stay within its segment.
    private func path(_ collection: String, _ id: String) -> String? {
        guard !id.isEmpty, id.utf8.count <= 64, !id.utf8.contains(UInt8(ascii: "/")) else { return nil }
        return "/api/v1/\(collection)/\(id)"
    }

    private func perform(
        _ endpoint: any FunctionHandler,
        _ caller: Caller,
        _ method: String,
        _ path: String,
        query: [(name: String, value: String)] = [],
        headers: [String: String] = [:],
        body: [UInt8] = []
    ) -> CallOutcome {
        let asked = request(caller, method, path, query: query, headers: headers, body: body)
        return settled { endpoint.handle(asked) }
    }

    private func request(
        _ caller: Caller,
        _ method: String,
        _ path: String,
        query: [(name: String, value: String)] = [],
        headers: [String: String] = [:],
        body: [UInt8] = []
    ) -> FunctionRequest {
        var headers = headers
        headers["x-auth-tenant"] = caller.tenant
        return FunctionRequest(
            method: method,
            path: path,
            query: query,
            headers: headers,
            body: body,
            requestID: caller.requestID
        )
    }

    /// What came of a request.
    private func settled(_ handle: () -> FunctionOutcome) -> CallOutcome {
        var outcome = handle()
        while case .gather(let proceed) = outcome { outcome = proceed() }
        switch outcome {
        case .park(let parked): return .waiting(identifier: parked.key)
        case .answer(let response):
            guard (200..<300).contains(response.status) else { return .problem(CallProblem(response)) }
            // The endpoints mark for caches what never changes.
            let isFinal = response.headers.contains { $0.name == "X-Accel-Expires" }
            return .answer(CallAnswer(document: response.bodyBytes, isFinal: isFinal))
        case .gather: return .problem(.internalFault)
        }
    }
}

extension CallProblem {
    static let noSuchOptimization = CallProblem(
        status: 404,
        code: "not_found",
        detail: "There is no such optimization."
    )
}

/// What is computed of a portfolio while its caller waits; the raw value is its address below the portfolio.
public enum Computation: String, Hashable, Sendable {
    /// The efficient frontier.
    case efficientFrontier = "efficient-frontier"
    /// The factor exposures.
    case factorExposures = "factor-exposures"

    /// A rebalancing plan.
    case rebalance

    /// What answers each, and reads the optimizations that a plan may name.
    static func resources(_ optimizations: ReadOptimization) -> [Computation: any ComputationResource] {
        [
            .efficientFrontier: FrontierResource(),
            .factorExposures: FactorAnalysisResource(),
            .rebalance: RebalanceResource(optimizations: optimizations),
        ]
    }
}

/// Endings are heard of elsewhere: calls wait on ``EndedJobs``, all on one connection.
private final class NoNotifications: JobNotifications {
    var fileDescriptor: Int32? { nil }
    func takeEnded() -> [String]? { [] }
}
