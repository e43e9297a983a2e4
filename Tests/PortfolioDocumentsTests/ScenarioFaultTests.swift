import PortfolioDocuments
import PortfolioModel
import Testing

@Suite("Faults of scenarios")
struct ScenarioFaultTests {
    @Test(
        arguments: [
            scenarios("{}", .wrongType, "", "array"),
            scenarios("[]", .wrongLength, "", "at least one"),
            scenarios("[1]", .wrongType, "/0", "object"),
            scenarios(#"[{"returns":{"A":0.1}}]"#, .missingField, "/0/name", "required"),
            scenarios(#"[{"name":"a"}]"#, .missingField, "/0/returns", "required"),
            scenarios(#"[{"name":"a","returns":{}}]"#, .wrongLength, "/0/returns", "at least one"),
            scenarios(#"[{"name":"a","returns":{"A":"x"}}]"#, .wrongType, "/0/returns/A", "number"),
            scenarios(#"[{"name":"a","returns":{"cash":0}}]"#, .invalidIdentifier, "/0/returns/cash", "reserved"),
            scenarios(#"[{"name":"a","returns":{"A":0},"weight":1}]"#, .unknownField, "/0/weight", "weight"),
            scenarios(
                #"[{"name":"a","returns":{"A":0}},{"name":"a","returns":{"A":0}}]"#,
                .duplicate,
                "/1/name",
                "already"
            ),
            scenarios(
                #"[{"name":"a","probability":0.4,"returns":{"A":0}},{"name":"b","returns":{"A":0}}]"#,
                .missingField,
                "/1/probability",
                "required"
            ),
            scenarios(
                #"[{"name":"a","probability":0.4,"returns":{"A":0}},{"name":"b","probability":0.5,"returns":{"A":0}}]"#,
                .wrongSum,
                "",
                "0.9"
            ),
            scenarios(
                #"[{"name":"a","probability":1.5,"returns":{"A":0}}]"#,
                .outOfRange,
                "/0/probability",
                "at most 1"
            ),
            scenarios(
                #"[{"name":"a","returns":{"A":0,"B":0}},{"name":"b","returns":{"A":0}}]"#,
                .missingField,
                "/1/returns/B",
                "no return of B"
            ),
        ]
    )
    func `a fault of scenarios is named`(_ expected: ExpectedFault) throws {
        try expected.expect(DocumentDecoder.optimizationRequest)
    }

    @Test(
        arguments: [
            losses("1", .wrongType, "", "object"),
            losses(#"{"a":"x"}"#, .wrongType, "/a", "number"),
            losses(#"{"a":11}"#, .outOfRange, "/a", "at most 10"),
            losses(#"{"aa":0.1}"#, .unknownValue, "/aa", "did you mean a?"),
            losses(#"{"x/y":0.1}"#, .unknownValue, "/x~1y", "no scenario x/y"),
        ]
    )
    func `a fault of a limit on a scenario is named`(_ expected: ExpectedFault) throws {
        try expected.expect(DocumentDecoder.optimizationRequest)
    }

    @Test func `scenarios belong to one type, which needs them, and so do limits on them`() throws {
        func body(_ type: String, _ more: String) -> String {
            #"{"portfolio_id":"p","optimization_type":"\#(type)","objective":"minimize_risk"\#(more)}"#
        }
        let scenarios = #","scenarios":[{"name":"a","returns":{"A":0}}]"#
        let strange = try faults(of: body("mean_variance", scenarios), DocumentDecoder.optimizationRequest)
        #expect(strange.map(\.pointer) == ["/scenarios"] && strange.map(\.code) == [.contradiction])
        let missing = try faults(of: body("scenario_based", ""), DocumentDecoder.optimizationRequest)
        #expect(missing.map(\.pointer) == ["/scenarios"] && missing.map(\.code) == [.missingField])
        #expect(try faults(of: body("scenario_based", scenarios), DocumentDecoder.optimizationRequest) == [])
        let limits = #","constraints":{"max_scenario_losses":{"a":0.1}}"#
        let refused = try faults(of: body("mean_variance", limits), DocumentDecoder.optimizationRequest)
        #expect(refused.map(\.pointer) == ["/constraints/max_scenario_losses"])
        #expect(try faults(of: body("scenario_based", scenarios + limits), DocumentDecoder.optimizationRequest) == [])
    }

    @Test func `as many scenarios as the limit are read, and no more`() throws {
        func body(_ count: Int) -> String {
            let list = (0..<count).map { #"{"name":"\#($0)","returns":{"A":0}}"# }.joined(separator: ",")
            let kind = #""portfolio_id":"p","optimization_type":"scenario_based","objective":"minimize_risk""#
            return "{\(kind),\"scenarios\":[\(list)]}"
        }
        #expect(try faults(of: body(10_000), DocumentDecoder.optimizationRequest) == [])
        let found = try faults(of: body(10_001), DocumentDecoder.optimizationRequest)
        #expect(found.map(\.code) == [.tooMany] && found.map(\.pointer) == ["/scenarios"])
    }
}

private let kind = #""portfolio_id":"p","optimization_type":"scenario_based","objective":"minimize_risk""#

private func scenarios(
    _ scenarios: String,
    _ code: DocumentFault.Code,
    _ pointer: String,
    _ word: String
) -> ExpectedFault {
    ExpectedFault("{\(kind),\"scenarios\":\(scenarios)}", code, "/scenarios" + pointer, word)
}

private func losses(_ losses: String, _ code: DocumentFault.Code, _ pointer: String, _ word: String) -> ExpectedFault {
    let scenarios = #""scenarios":[{"name":"a","returns":{"A":0}}]"#
    return ExpectedFault(
        "{\(kind),\(scenarios),\"constraints\":{\"max_scenario_losses\":\(losses)}}",
        code,
        "/constraints/max_scenario_losses" + pointer,
        word
    )
}
