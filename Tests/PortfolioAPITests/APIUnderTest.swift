import FunctionRuntime
import JSON
import Matrices
import PortfolioAPI
import PortfolioService
import Repository
import TestSupport

/// All endpoints on in-memory repositories, behind one door: a request goes where nginx would send it.
final class APIUnderTest {
    let world: InMemoryWorld
    let notifications = InMemoryJobNotifications()
    let health = InMemoryDatabaseHealth()
    let commands: OptimizationCommandsEndpoint
    let reader: OptimizationQueriesEndpoint
    let inputs: InputsEndpoint
    let healthEndpoint: HealthEndpoint
    let frontiers: ComputationEndpoint
    let factorAnalyses: ComputationEndpoint

    init() throws {
        world = try InMemoryWorld()
        // Descriptor -1: nothing is written, and the tests' output stays readable.
        let log = Log(function: "test", minimumLevel: .error, descriptor: -1)
        commands = OptimizationCommandsEndpoint(
            submit: SubmitOptimization(optimizations: world.optimizations, keyedSubmissions: world.optimizations),
            cancel: CancelOptimization(optimizations: world.optimizations),
            log: log
        )
        reader = OptimizationQueriesEndpoint(
            one: OptimizationEndpoint(
                read: ReadOptimization(optimizations: world.optimizations),
                endings: OptimizationEndings(notifications: notifications),
                log: log
            ),
            read: ReadOptimization(optimizations: world.optimizations),
            list: ListOptimizations(listing: world.optimizations),
            log: log
        )
        inputs = InputsEndpoint(
            putInstruments: PutInstruments(inputs: world.inputs),
            listInstruments: ListInstruments(inputs: world.inputs),
            putRiskModel: PutRiskModel(inputs: world.inputs, inspectCovariance: inspectTwoByTwo),
            getRiskModel: GetRiskModel(inputs: world.inputs),
            putPortfolio: PutPortfolio(inputs: world.inputs),
            getPortfolio: GetPortfolio(inputs: world.inputs),
            log: log
        )
        frontiers = ComputationEndpoint(
            FrontierResource(),
            find: FindOrSubmitComputation(computations: world.computations),
            read: ReadComputation(computations: world.computations),
            endings: OptimizationEndings(notifications: notifications),
            log: log
        )
        factorAnalyses = ComputationEndpoint(
            FactorAnalysisResource(),
            find: FindOrSubmitComputation(computations: world.computations),
            read: ReadComputation(computations: world.computations),
            endings: OptimizationEndings(notifications: notifications),
            log: log
        )
        healthEndpoint = HealthEndpoint(isReady: CheckReadiness(health: health), log: log)
    }

    /// What comes of a request once the loop has heard all that were there.
    func outcome(_ request: FunctionRequest) -> FunctionOutcome {
        var outcome = firstOutcome(request)
        while case .gather(let finish) = outcome { outcome = finish() }
        return outcome
    }

    private func firstOutcome(_ request: FunctionRequest) -> FunctionOutcome {
        if request.path.hasPrefix("/api/v1/optimizations") {
            let isList = request.path == "/api/v1/optimizations"
            let isRead =
                isList
                ? ["GET", "HEAD"].contains(request.method)
                : request.path.split(separator: "/").count == 4 && request.method != "POST"
                    || request.path.hasSuffix("/pareto")
            return isRead ? reader.handle(request) : commands.handle(request)
        }
        if request.path.contains("/efficient-frontier") { return frontiers.handle(request) }
        if request.path == "/api/v1/capabilities" { return reader.handle(request) }
        if request.path.contains("/factor-exposures") || request.path.hasPrefix("/api/v1/factor-analyses") {
            return factorAnalyses.handle(request)
        }
        return request.path.hasPrefix("/api/") ? inputs.handle(request) : healthEndpoint.handle(request)
    }

    /// The answer to a request that is not parked.
    func send(
        _ method: String,
        _ target: String,
        headers: [String: String] = [:],
        body: String? = nil
    ) -> Answer {
        send(request(method, target, headers: headers, body: body))
    }

    func send(_ request: FunctionRequest) -> Answer {
        switch outcome(request) {
        case .answer(let response): Answer(response)
        case .park, .gather: Answer(FunctionResponse(status: 0))
        }
    }

    /// A request, with `Content-Type: application/json` when it has a body and says nothing else.
    func request(
        _ method: String,
        _ target: String,
        headers: [String: String] = [:],
        body: String? = nil,
        keepsEmptyHeaders: Bool = false
    ) -> FunctionRequest {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let query = (parts.count > 1 ? parts[1] : "").split(separator: "&").map { pair in
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (name: String(sides[0]), value: sides.count > 1 ? String(sides[1]) : "")
        }
        var headers = headers
        if body != nil, headers["content-type"] == nil { headers["content-type"] = "application/json" }
        return FunctionRequest(
            method: method,
            path: String(parts[0]),
            query: query,
            headers: headers.filter { keepsEmptyHeaders || !$0.value.isEmpty },
            body: Array((body ?? "").utf8),
            requestID: "req-1"
        )
    }

    /// Submits a request that is right, and returns its optimization's identifier.
    func submit() -> String {
        let answer = send("POST", "/api/v1/optimizations", body: Bodies.optimization)
        return answer.json("optimization_id")?.string ?? "none"
    }
}

/// A response as its caller sees it.
struct Answer {
    let status: Int
    let headers: [String: String]
    let body: [UInt8]

    init(_ response: FunctionResponse) {
        status = response.status
        headers = Dictionary(response.headers.map { ($0.name, $0.value) }) { first, second in first + ", " + second }
        switch response.body {
        case .empty: body = []
        case .bytes(let bytes): body = bytes
        case .borrowed(let bytes, let owner): body = withExtendedLifetime(owner) { Array(bytes) }
        }
    }

    var text: String { String(decoding: body, as: UTF8.self) }

    /// A member of the body, by the names that lead to it.
    func json(_ names: String...) -> JSONValue? {
        names.reduce(try? JSONDocument(parsing: body).root) { value, name in value?[name] }
    }

    /// The faults of a problem document.
    var faults: [(pointer: String, code: String, message: String)] {
        (json("errors")?.elements ?? []).map { fault in
            (fault["pointer"]?.string ?? "?", fault["code"]?.string ?? "?", fault["message"]?.string ?? "?")
        }
    }
}

/// Bodies that are right.
enum Bodies {
    static let optimization = #"""
        {"portfolio_id":"demo","optimization_type":"mean_variance","objective":"maximize_sharpe",
         "risk_measure":"volatility","constraints":{"max_position_size":0.7,"max_weights":{"BND":0.6}},
         "preferences":{"risk_aversion":4.0}}
        """#
    static let instruments = #"""
        {"instruments":[{"instrument_id":"AAPL","name":"Apple Inc.","sector":"Information Technology",
          "asset_class":"equity","currency":"USD","price":175.0,"lot_size":1,
          "cost":{"proportional":0.0005,"fixed":0.0,"impact":0.0,"average_daily_value":5.0e9}},
         {"instrument_id":"NEW","price":1.5,"lot_size":null}]}
        """#
    static let riskModel = #"""
        {"as_of":"2025-06-20T00:00:00Z","instruments":["AAPL","BND"],"periods_per_year":252,
         "expected_returns":[0.08,0.03],"covariance":[[0.04,0.002],[0.002,0.0025]]}
        """#
    static let table = """
        date,AAPL,BND
        2025-06-18,174.2,72.9
        2025-06-19,175.0,73.0
        2025-06-20,176.0,72.8

        """
    static let portfolio = #"""
        {"name":"Balanced","base_currency":"USD","as_of":"2025-06-20T00:00:00Z","risk_model_id":"two","cash":0.0,
         "constraints":{"max_weights":{"BND":0.4}},
         "positions":[{"instrument_id":"AAPL","quantity":100,
           "tax_lots":[{"quantity":60,"cost_basis":120.0,"acquired_at":"2023-01-05"},
                       {"quantity":40,"cost_basis":190.0,"acquired_at":"2025-03-01"}]}],
         "universe":["AAPL","BND"],"benchmark":{"AAPL":0.6,"BND":0.4},"preferences":{"long_term_tax_rate":0.15},
         "recent_trades":[{"instrument_id":"BND","quantity":-10,"price":72.5,"date":"2025-06-02"}]}
        """#
}

/// The inspection of a 2 × 2 covariance by the closed form of its eigenvalues; larger ones pass.
private func inspectTwoByTwo(_ matrix: DenseMatrix) -> CovarianceVerdict {
    guard matrix.rows == 2, matrix.columns == 2 else { return .positiveSemidefinite }
    let middle = (matrix[0, 0] + matrix[1, 1]) / 2
    let half = (matrix[0, 0] - matrix[1, 1]) / 2
    let radius = (half * half + matrix[0, 1] * matrix[0, 1]).squareRoot()
    let (smallest, largest) = (middle - radius, middle + radius)
    if smallest >= -1e-15 * largest { return .positiveSemidefinite }
    return smallest >= -1e-6 * largest
        ? .repairable(smallestEigenvalue: smallest, largestEigenvalue: largest)
        : .indefinite(smallestEigenvalue: smallest, largestEigenvalue: largest)
}
