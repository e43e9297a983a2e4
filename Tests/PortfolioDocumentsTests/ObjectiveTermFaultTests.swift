import JSON
import PortfolioDocuments
import PortfolioModel
import Testing

@Suite("Faults of terms of objectives")
struct ObjectiveTermFaultTests {
    @Test(
        arguments: [
            custom(#"{}"#, .wrongType, "/custom_objective", "array"),
            custom(#"[]"#, .wrongLength, "/custom_objective", "at least one"),
            custom(#"[1]"#, .wrongType, "/custom_objective/0", "object"),
            custom(#"[{"weight":1}]"#, .missingField, "/custom_objective/0/term", "required"),
            custom(#"[{"term":"return"}]"#, .missingField, "/custom_objective/0/weight", "required"),
            custom(#"[{"term":"profit","weight":1}]"#, .unknownValue, "/custom_objective/0/term", "one of"),
            custom(
                #"[{"term":"concentratoin","weight":-1}]"#,
                .unknownValue,
                "/custom_objective/0/term",
                "mean concentration?"
            ),
            custom(#"[{"term":"return","weight":0}]"#, .outOfRange, "/custom_objective/0/weight", "not be 0"),
            custom(#"[{"term":"return","weight":1e10}]"#, .outOfRange, "/custom_objective/0/weight", "at most"),
            custom(#"[{"term":"return","weight":"w*x"}]"#, .wrongType, "/custom_objective/0/weight", "number"),
            custom(#"[{"term":"return","weight":1,"code":"x"}]"#, .unknownField, "/custom_objective/0/code", "code"),
            custom(
                #"[{"term":"factor_exposure","weight":1}]"#,
                .missingField,
                "/custom_objective/0/factor",
                "required"
            ),
            custom(#"[{"term":"score","weight":1}]"#, .missingField, "/custom_objective/0/scores", "required"),
            custom(
                #"[{"term":"score","weight":1,"scores":{"cash":1}}]"#,
                .invalidIdentifier,
                "/custom_objective/0/scores/cash",
                "reserved"
            ),
            custom(
                #"[{"term":"variance","weight":-1,"risk_measure":"cvar"}]"#,
                .contradiction,
                "/custom_objective/0/risk_measure",
                "risk only"
            ),
            custom(
                #"[{"term":"return","weight":1},{"term":"return","weight":2}]"#,
                .duplicate,
                "/custom_objective/1",
                "the same"
            ),
            custom(
                #"[{"term":"risk","weight":-1},{"term":"risk","weight":-1,"risk_measure":"cvar"}]"#,
                .duplicate,
                "/custom_objective/1",
                "name"
            ),
            ExpectedFault(
                #"{"portfolio_id":"p","optimization_type":"custom","objective":"custom"}"#,
                .missingField,
                "/custom_objective",
                "required"
            ),
            ExpectedFault(
                #"{"portfolio_id":"p","optimization_type":"mean_variance","objective":"multi_objective"}"#,
                .missingField,
                "/objectives",
                "required"
            ),
            ExpectedFault(
                #"{"portfolio_id":"p","optimization_type":"mean_variance","objective":"minimize_risk","pareto_points":5}"#,
                .contradiction,
                "/pareto_points",
                "multi_objective"
            ),
            several(#"[{"term":"return","weight":1}]"#, points: "5", .contradiction, "/pareto_points", "2 or 3"),
            several(
                #"[{"term":"return","weight":1},{"term":"risk","weight":-1}]"#,
                points: "1",
                .outOfRange,
                "/pareto_points",
                "at least 2"
            ),
        ]
    )
    func `a fault of a term is named`(_ expected: ExpectedFault) throws {
        try expected.expect(DocumentDecoder.optimizationRequest)
    }

    /// Disciplined convex programming, term by term: the sign that each kind takes, and the one that it does not.
    @Test(arguments: ObjectiveTerm.Kind.allCases)
    func `a sign that bends the sum the wrong way is refused with the reason`(_ kind: ObjectiveTerm.Kind) throws {
        let option =
            switch kind {
            case .factorExposure: #","factor":"MKT""#
            case .score: #","scores":{"A":1}"#
            default: ""
            }
        for sign in [1, -1] {
            let term = #"{"term":"\#(kind.rawValue)","weight":\#(sign)\#(option)}"#
            let found = try faults(of: body("[\(term)]"), DocumentDecoder.optimizationRequest)
            let isAllowed = kind.shape == .linear || (kind.shape == .concave) == (sign > 0)
            guard !isAllowed else {
                #expect(found == [])
                continue
            }
            #expect(found.map(\.code) == [.notConvex] && found.map(\.pointer) == ["/custom_objective/0"])
            let message = found.first?.message ?? ""
            #expect(message.contains(kind.rawValue) && message.contains("local optima") && message.contains("weight"))
        }
    }

    @Test func `value-at-risk is refused with the measure that bounds it`() throws {
        let term = #"[{"term":"risk","weight":-1,"risk_measure":"var"}]"#
        let found = try faults(of: body(term), DocumentDecoder.optimizationRequest)
        #expect(found.map(\.code) == [.notConvex])
        #expect(found.first?.message.contains("cvar") == true)
    }

    @Test func `a return net of costs may not be punished`() throws {
        let net = #","preferences":{"include_transaction_costs":true}"#
        let term = #"[{"term":"return","weight":-1}]"#
        #expect(try faults(of: body(term), DocumentDecoder.optimizationRequest) == [])
        let found = try faults(of: body(term, net), DocumentDecoder.optimizationRequest)
        #expect(found.map(\.code) == [.notConvex] && found.first?.message.contains("net of costs") == true)
    }

    @Test func `as many terms as the limit are read, and no more`() throws {
        func terms(_ count: Int) -> String {
            let list = (0..<count).map {
                #"{"term":"factor_exposure","weight":1,"factor":"F\#($0)","name":"f\#($0)"}"#
            }
            return "[\(list.joined(separator: ","))]"
        }
        #expect(try faults(of: body(terms(20)), DocumentDecoder.optimizationRequest) == [])
        let found = try faults(of: body(terms(21)), DocumentDecoder.optimizationRequest)
        #expect(found.map(\.code) == [.tooMany] && found.map(\.pointer) == ["/custom_objective"])
    }
}

private func body(_ terms: String, _ more: String = "") -> String {
    #"{"portfolio_id":"p","optimization_type":"custom","objective":"custom","custom_objective":\#(terms)\#(more)}"#
}

private func custom(
    _ terms: String,
    _ code: DocumentFault.Code,
    _ pointer: String,
    _ word: String
) -> ExpectedFault {
    ExpectedFault(body(terms), code, pointer, word)
}

private func several(
    _ terms: String,
    points: String,
    _ code: DocumentFault.Code,
    _ pointer: String,
    _ word: String
) -> ExpectedFault {
    let kind = #""portfolio_id":"p","optimization_type":"mean_variance","objective":"multi_objective""#
    return ExpectedFault("{\(kind),\"objectives\":\(terms),\"pareto_points\":\(points)}", code, pointer, word)
}

@Suite("Faults of terms over several periods")
struct PathTermFaultTests {
    @Test(
        arguments: [
            (#"{"term":"tax","weight":-1}"#, "", "/objectives/1"),
            (#"{"term":"entropy","weight":1}"#, "", "/objectives/1"),
            (#"{"term":"risk","risk_measure":"cvar","weight":-1}"#, "", "/objectives/1"),
            (#"{"term":"return","weight":1}"#, #","preferences":{"consider_tax_implications":true}"#, "/objectives/1"),
            (#"{"term":"return","weight":1}"#, #","pareto_points":5"#, "/pareto_points"),
            (#"{"term":"risk","weight":-1}"#, "", nil), (#"{"term":"cost","weight":-1}"#, "", nil),
        ]
    )
    func `what a path does not have is named`(term: String, more: String, pointer: String?) throws {
        let body = """
            {"portfolio_id":"p","optimization_type":"multi_period","objective":"multi_objective",
             "horizon":{"periods":3},"objectives":[{"term":"concentration","weight":-1},\(term)]\(more)}
            """
        let found = try faults(of: body, DocumentDecoder.optimizationRequest)
        #expect(found.map(\.pointer) == (pointer.map { [$0] } ?? []))
        #expect(found.allSatisfy { $0.code == .notSupported })
        let isOfTerm = pointer?.hasPrefix("/objectives") == true
        #expect(!isOfTerm || found.first?.message.contains("there are return, variance") == true)
    }
}
