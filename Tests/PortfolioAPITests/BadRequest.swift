import Testing

/// A request that must be refused, and how.
struct BadRequest: CustomTestStringConvertible, Sendable {
    let method: String
    let target: String
    let headers: [String: String]
    let body: String?
    let status: Int
    /// A pointer that the problem document must list; nil when it lists none.
    let pointer: String?
    /// What the problem document must contain.
    let says: String

    init(
        _ method: String,
        _ target: String,
        headers: [String: String] = [:],
        body: String? = nil,
        _ status: Int,
        at pointer: String? = nil,
        _ says: String
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.status = status
        self.pointer = pointer
        self.says = says
    }

    var testDescription: String { "\(method) \(target) \(body?.prefix(60) ?? "") → \(status) \(pointer ?? "") \(says)" }
}

/// A POST of an optimization whose body is wrong.
func badOptimization(_ body: String, _ status: Int, at pointer: String? = nil, _ says: String) -> BadRequest {
    BadRequest("POST", "/api/v1/optimizations", body: body, status, at: pointer, says)
}

/// A POST of an optimization that is right but for one member, set to something else.
func badMember(_ member: String, at pointer: String, _ says: String) -> BadRequest {
    let body = #"{"portfolio_id":"demo","optimization_type":"mean_variance","objective":"minimize_risk",\#(member)}"#
    return badOptimization(body, 422, at: pointer, says)
}

/// A POST of an optimization that is right but for one constraint.
func badConstraint(_ member: String, at pointer: String, _ says: String) -> BadRequest {
    badMember(#""constraints":{\#(member)}"#, at: "/constraints" + pointer, says)
}

/// A PUT of an input whose body is wrong.
func badInput(_ path: String, _ body: String, _ status: Int = 422, at pointer: String, _ says: String) -> BadRequest {
    BadRequest("PUT", "/api/v1/\(path)", body: body, status, at: pointer, says)
}

/// A PUT of a risk model of AAPL and BND that is right but for the members given.
func badRiskModel(_ members: String, at pointer: String, _ says: String) -> BadRequest {
    let body = #"{"as_of":"2025-06-20T00:00:00Z","instruments":["AAPL","BND"],"periods_per_year":252,\#(members)}"#
    return badInput("risk-models/m", body, at: pointer, says)
}

/// A PUT of a portfolio that is right but for the members given, which follow the required ones.
func badPortfolio(_ members: String, at pointer: String, _ says: String) -> BadRequest {
    let base = #""base_currency":"USD","as_of":"2025-06-20T00:00:00Z","risk_model_id":"two","cash":1"#
    return badInput("portfolios/p", "{\(base),\(members)}", at: pointer, says)
}
