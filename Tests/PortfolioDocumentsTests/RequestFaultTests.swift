import PortfolioDocuments
import PortfolioModel
import Testing

@Suite("Faults of optimization requests")
struct RequestFaultTests {
    @Test(
        arguments: [
            ExpectedFault("[]", .wrongType, "", "object", "array"),
            ExpectedFault("1", .wrongType, "", "object", "1"),
            request(portfolio: "", .missingField, "/portfolio_id", "portfolio_id is required"),
            request(portfolio: "\"portfolio_id\":null,", .missingField, "/portfolio_id", "required"),
            request(portfolio: "\"portfolio_id\":7,", .wrongType, "/portfolio_id", "string", "7"),
            request(portfolio: "\"portfolio_id\":\"\",", .invalidIdentifier, "/portfolio_id", "1 to 36"),
            request(portfolio: "\"portfolio_id\":\"a b\",", .invalidIdentifier, "/portfolio_id", "a b"),
            request(
                portfolio: "\"portfolio_id\":\"\(String(repeating: "x", count: 37))\",",
                .invalidIdentifier,
                "/portfolio_id",
                "1 to 36"
            ),
            ExpectedFault(
                #"{"portfolio_id":"p","objective":"minimize_risk"}"#,
                .missingField,
                "/optimization_type",
                "required"
            ),
            ExpectedFault(
                #"{"portfolio_id":"p","optimization_type":"mean_variance"}"#,
                .missingField,
                "/objective",
                "required"
            ),
            kind("robust", "minimize_risk", .missingField, "/uncertainty", "required"),
            kind("risk_parity", "minimize_risk", .notSupported, "/objective", "risk_budgeting"),
            kind("mean_variance", "risk_budgeting", .notSupported, "/objective", "maximize_sharpe"),
            with("\"risk_budgets\":{\"A\":1}", .contradiction, "/risk_budgets", "risk_parity"),
            with("\"risk_budgets_by\":\"sector\"", .contradiction, "/risk_budgets_by", "risk_parity"),
            with("\"linkage\":\"ward\"", .contradiction, "/linkage", "hierarchical_risk_parity"),
            kind("mean_varianc", "minimize_risk", .unknownValue, "/optimization_type", "did you mean mean_variance?"),
            kind("foo", "minimize_risk", .unknownValue, "/optimization_type", "foo", "mean_variance"),
            kind("mean_variance", "custom", .notSupported, "/objective", "maximize_sharpe"),
            kind("risk_parity", "multi_objective", .notSupported, "/objective", "multi_objective"),
            kind("mean_variance", "be_rich", .unknownValue, "/objective", "be_rich", "maximize_utility"),
            with("\"risk_measure\":\"cvarr\"", .unknownValue, "/risk_measure", "cvarr", "cvar"),
            with("\"risk_measure\":\"vol\"", .unknownValue, "/risk_measure", "vol"),
            with("\"risk_measure\":1", .wrongType, "/risk_measure", "string"),
            with("\"frontier_points\":1", .outOfRange, "/frontier_points", "1", "at least 2"),
            with("\"frontier_points\":501", .outOfRange, "/frontier_points", "501"),
            with("\"frontier_points\":-1", .outOfRange, "/frontier_points", "-1"),
            with("\"frontier_points\":\"0\"", .wrongType, "/frontier_points", "number"),
            with("\"views\":[]", .contradiction, "/views", "black_litterman"),
            with("\"tau\":0.1", .contradiction, "/tau", "black_litterman"),
            with("\"estimation\":{\"covariance\":\"x\"}", .unknownValue, "/estimation/covariance", "x", "oas"),
            with("\"estimation\":{\"half_life\":0}", .outOfRange, "/estimation/half_life", "half_life"),
            with("\"estimation\":{\"missing\":\"drop\"}", .unknownField, "/estimation/missing", "missing"),
            with("\"uncertainty\":{\"kind\":\"box\",\"size\":1}", .contradiction, "/uncertainty", "robust"),
            with("\"pareto_points\":3", .contradiction, "/pareto_points", "multi_objective"),
            with("\"posterior_covariance\":false", .contradiction, "/posterior_covariance", "black_litterman"),
            with("\"constrains\":{}", .unknownField, "/constrains", "did you mean constraints?"),
            with("\"foo\":1", .unknownField, "/foo", "unknown field foo"),
            with("\"a/b~c\":1", .unknownField, "/a~1b~0c", "a/b~c"),
            with("\"constraints\":[]", .wrongType, "/constraints", "constraints must be an object"),
            with("\"preferences\":\"x\"", .wrongType, "/preferences", "preferences must be an object"),
        ]
    )
    func `a fault of the request is named`(_ expected: ExpectedFault) throws {
        try expected.expect(DocumentDecoder.optimizationRequest)
    }

    @Test(
        arguments: [
            ExpectedFault(#"{"max_turnovr":0.1}"#, .unknownField, "/max_turnovr", "did you mean max_turnover?"),
            ExpectedFault(#"{"max_position_size":0}"#, .outOfRange, "/max_position_size", "greater than 0", "not 0"),
            ExpectedFault(#"{"max_position_size":1.01}"#, .outOfRange, "/max_position_size", "at most 1", "1.01"),
            ExpectedFault(#"{"min_position_size":-0.1}"#, .outOfRange, "/min_position_size", "-0.1"),
            ExpectedFault(#"{"max_sector_exposure":2}"#, .outOfRange, "/max_sector_exposure", "2"),
            ExpectedFault(#"{"max_asset_class_exposure":"0.5"}"#, .wrongType, "/max_asset_class_exposure", "\"0.5\""),
            ExpectedFault(#"{"max_turnover":1.5}"#, .outOfRange, "/max_turnover", "at most 1", "1.5"),
            ExpectedFault(#"{"max_turnover":true}"#, .wrongType, "/max_turnover", "number", "true"),
            ExpectedFault(#"{"target_volatility":0}"#, .outOfRange, "/target_volatility", "greater than 0"),
            ExpectedFault(#"{"min_return":101}"#, .outOfRange, "/min_return", "101"),
            ExpectedFault(#"{"max_risk":-1}"#, .outOfRange, "/max_risk", "-1"),
            ExpectedFault(#"{"min_cash":-0.01}"#, .outOfRange, "/min_cash", "-0.01"),
            ExpectedFault(#"{"max_cash":{}}"#, .wrongType, "/max_cash", "an object"),
            ExpectedFault(#"{"min_cash":0.3,"max_cash":0.2}"#, .contradiction, "/min_cash", "0.3", "0.2"),
            ExpectedFault(
                #"{"min_position_size":0.3,"max_position_size":0.2}"#,
                .contradiction,
                "/min_position_size",
                "max_position_size"
            ),
            ExpectedFault(
                #"{"min_weights":{"A":0.3,"B":0.1},"max_weights":{"A":0.2,"B":0.1}}"#,
                .contradiction,
                "/min_weights/A",
                "max_weights.A 0.2"
            ),
            ExpectedFault(#"{"max_weights":[0.1]}"#, .wrongType, "/max_weights", "array"),
            ExpectedFault(#"{"max_weights":{"A":2}}"#, .outOfRange, "/max_weights/A", "max_weights.A", "2"),
            ExpectedFault(#"{"max_weights":{"A":null}}"#, .wrongType, "/max_weights/A", "null"),
            ExpectedFault(#"{"max_weights":{"cash":0.2}}"#, .invalidIdentifier, "/max_weights/cash", "reserved"),
            ExpectedFault(#"{"min_weights":{"a/b":0.2}}"#, .invalidIdentifier, "/min_weights/a~1b", "a/b"),
            ExpectedFault(#"{"max_positions":0}"#, .outOfRange, "/max_positions", "0"),
            ExpectedFault(#"{"max_positions":2.5}"#, .wrongType, "/max_positions", "whole number"),
            ExpectedFault(#"{"allow_short":"yes"}"#, .wrongType, "/allow_short", "true or false"),
            ExpectedFault(
                #"{"soft_limits":[{"limit":"/max_positions","penalty":1}]}"#,
                .unknownValue,
                "/soft_limits/0/limit",
                "/max_positions",
                "/max_turnover"
            ),
            ExpectedFault(
                #"{"soft_limits":[{"limit":"max_turnover","penalty":1}]}"#,
                .unknownValue,
                "/soft_limits/0/limit",
                "max_turnover"
            ),
            ExpectedFault(
                #"{"soft_limits":[{"limit":"/max_turnover"}]}"#,
                .missingField,
                "/soft_limits/0/penalty",
                "penalty"
            ),
            ExpectedFault(
                #"{"soft_limits":[{"limit":"/max_turnover","penalty":0}]}"#,
                .outOfRange,
                "/soft_limits/0/penalty",
                "0"
            ),
            ExpectedFault(
                #"{"soft_limits":[{"limit":"/max_turnover","penalty":1},{"limit":"/max_turnover","penalty":2}]}"#,
                .contradiction,
                "/soft_limits/1/limit",
                "/max_turnover"
            ),
            ExpectedFault(#"{"largest_positions":{}}"#, .wrongType, "/largest_positions", "array"),
            ExpectedFault(
                #"{"largest_positions":[{"max":0.4}]}"#,
                .missingField,
                "/largest_positions/0/count",
                "count"
            ),
            ExpectedFault(#"{"largest_positions":[{"count":5}]}"#, .missingField, "/largest_positions/0/max", "max"),
            ExpectedFault(
                #"{"largest_positions":[{"count":1,"max":0.1},{"count":0,"max":0.4}]}"#,
                .outOfRange,
                "/largest_positions/1/count",
                "1"
            ),
            ExpectedFault(
                #"{"largest_positions":[{"count":2.5,"max":0.4}]}"#,
                .wrongType,
                "/largest_positions/0/count",
                "whole number"
            ),
            ExpectedFault(
                #"{"largest_positions":[{"count":5,"max":1.4}]}"#,
                .outOfRange,
                "/largest_positions/0/max",
                "1"
            ),
            ExpectedFault(
                #"{"largest_positions":[{"count":5,"max":0.4,"min":0.1}]}"#,
                .unknownField,
                "/largest_positions/0/min",
                "min"
            ),
            ExpectedFault(#"{"grandfather_breaches":1}"#, .wrongType, "/grandfather_breaches", "true or false"),
            ExpectedFault(#"{"max_gross_exposure":0}"#, .outOfRange, "/max_gross_exposure", "0"),
            ExpectedFault(#"{"min_weights":{"A":-0.1}}"#, .outOfRange, "/min_weights/A", "0"),
            ExpectedFault(#"{"max_position_size":1.5}"#, .outOfRange, "/max_position_size", "1"),
            ExpectedFault(#"{"allow_short":true,"min_weights":{"A":-21}}"#, .outOfRange, "/min_weights/A", "-20"),
            ExpectedFault(#"{"max_tracking_error":0}"#, .outOfRange, "/max_tracking_error", "0"),
            ExpectedFault(#"{"factor_exposures":[]}"#, .wrongType, "/factor_exposures", "factor to limits"),
            ExpectedFault(#"{"factor_exposures":{"MKT":1}}"#, .wrongType, "/factor_exposures/MKT", "object"),
            ExpectedFault(
                #"{"factor_exposures":{"MKT":{}}}"#,
                .missingField,
                "/factor_exposures/MKT",
                "min, max or max_risk"
            ),
            ExpectedFault(
                #"{"factor_exposures":{"MKT":{"max_risk":0}}}"#,
                .outOfRange,
                "/factor_exposures/MKT/max_risk",
                "greater than 0"
            ),
            ExpectedFault(
                #"{"factor_exposures":{"MKT":{"min":2,"max":1}}}"#,
                .contradiction,
                "/factor_exposures/MKT/min",
                "2"
            ),
            ExpectedFault(
                #"{"factor_exposures":{"MKT":{"target":1,"min":0}}}"#,
                .unknownField,
                "/factor_exposures/MKT/target",
                "target"
            ),
            ExpectedFault(
                #"{"factor_exposures":{"a/b":{"min":0}}}"#,
                .invalidIdentifier,
                "/factor_exposures/a~1b",
                "a/b"
            ),
            ExpectedFault(#"{"groups":{}}"#, .wrongType, "/groups", "array"),
            ExpectedFault(#"{"groups":[1]}"#, .wrongType, "/groups/0", "object"),
            ExpectedFault(#"{"groups":[{"sector":"IT","max":0.5}]}"#, .missingField, "/groups/0/name", "name"),
            ExpectedFault(#"{"groups":[{"name":"","sector":"IT","max":0.5}]}"#, .invalidText, "/groups/0/name", "1 to"),
            ExpectedFault(#"{"groups":[{"name":"g","max":0.5}]}"#, .missingField, "/groups/0", "exactly one"),
            ExpectedFault(
                #"{"groups":[{"name":"g","sector":"IT","asset_class":"equity","max":0.5}]}"#,
                .contradiction,
                "/groups/0",
                "sector and asset_class"
            ),
            ExpectedFault(#"{"groups":[{"name":"g","sector":"IT"}]}"#, .missingField, "/groups/0", "min, max"),
            ExpectedFault(
                #"{"groups":[{"name":"g","sector":"IT","min":0.6,"max":0.5}]}"#,
                .contradiction,
                "/groups/0/min",
                "0.6"
            ),
            ExpectedFault(
                #"{"groups":[{"name":"g","instruments":[],"max":0.5}]}"#,
                .wrongLength,
                "/groups/0/instruments",
                "at least one"
            ),
            ExpectedFault(
                #"{"groups":[{"name":"g","memberships":{},"max":0.5}]}"#,
                .wrongLength,
                "/groups/0/memberships",
                "at least one"
            ),
            ExpectedFault(
                #"{"groups":[{"name":"g","memberships":{"A":0.5,"B":1.5},"max":0.5}]}"#,
                .outOfRange,
                "/groups/0/memberships/B",
                "1.5"
            ),
            ExpectedFault(
                #"{"groups":[{"name":"g","memberships":{"A":0.5},"sector":"IT","max":0.5}]}"#,
                .contradiction,
                "/groups/0",
                "memberships and sector"
            ),
            ExpectedFault(
                #"{"groups":[{"name":"g","instruments":["A","B","A"],"max":0.5}]}"#,
                .duplicate,
                "/groups/0/instruments/2",
                "repeats A"
            ),
            ExpectedFault(
                #"{"groups":[{"name":"g","instruments":["A",1],"max":0.5}]}"#,
                .wrongType,
                "/groups/0/instruments/1",
                "string"
            ),
            ExpectedFault(
                #"{"groups":[{"name":"g","sector":"IT","maximum":1,"max":1}]}"#,
                .unknownField,
                "/groups/0/maximum",
                "maximum"
            ),
        ]
    )
    func `a fault of the constraints is named`(_ expected: ExpectedFault) throws {
        try expected.expect(DocumentDecoder.constraints)
    }

    @Test(
        arguments: [
            ExpectedFault(#"{"risk_aversion":0}"#, .outOfRange, "/risk_aversion", "greater than 0"),
            ExpectedFault(
                #"{"include_transaction_costs":1}"#,
                .wrongType,
                "/include_transaction_costs",
                "true or false"
            ),
            ExpectedFault(#"{"consider_tax_implications":"yes"}"#, .wrongType, "/consider_tax_implications", "yes"),
            ExpectedFault(#"{"transaction_cost_model":0.51}"#, .outOfRange, "/transaction_cost_model", "0.5"),
            ExpectedFault(#"{"risk_free_rate":11}"#, .outOfRange, "/risk_free_rate", "11"),
            ExpectedFault(#"{"confidence_level":1}"#, .outOfRange, "/confidence_level", "less than 1"),
            ExpectedFault(#"{"confidence_level":0}"#, .outOfRange, "/confidence_level", "greater than 0"),
            ExpectedFault(#"{"cost_horizon_years":0}"#, .outOfRange, "/cost_horizon_years", "greater than 0"),
            ExpectedFault(#"{"short_term_tax_rate":1.2}"#, .outOfRange, "/short_term_tax_rate", "1.2"),
            ExpectedFault(#"{"long_term_tax_rate":-1}"#, .outOfRange, "/long_term_tax_rate", "-1"),
            ExpectedFault(#"{"time_limit_seconds":601}"#, .outOfRange, "/time_limit_seconds", "600"),
            ExpectedFault(#"{"time_limit_seconds":0}"#, .outOfRange, "/time_limit_seconds", "greater than 0"),
            ExpectedFault(#"{"relative_gap":0.6}"#, .outOfRange, "/relative_gap", "0.5"),
            ExpectedFault(#"{"risk_averson":2}"#, .unknownField, "/risk_averson", "did you mean risk_aversion?"),
        ]
    )
    func `a fault of the preferences is named`(_ expected: ExpectedFault) throws {
        try expected.expect(DocumentDecoder.preferences)
    }

    @Test(
        arguments: [
            #"{"max_position_size":1,"min_position_size":0,"max_turnover":0,"max_sector_exposure":0}"#,
            #"{"min_cash":0.2,"max_cash":0.2}"#, #"{"min_return":-1,"max_risk":0.1}"#, #"{"max_turnover":null}"#,
            #"{"allow_short":null}"#, #"{"allow_short":true,"max_gross_exposure":1.6,"max_position_size":1.2}"#,
            #"{"allow_short":true,"min_weights":{"A":-0.3},"max_weights":{"A":-0.1}}"#,
            #"{"min_weights":{},"max_weights":{},"groups":[]}"#, "{}",
            #"{"min_weights":{"A":0.3},"max_position_size":0.2}"#,
        ]
    )
    func `limits at the edge of their range are taken`(_ body: String) throws {
        #expect(try faults(of: body, DocumentDecoder.constraints).isEmpty)
    }

    @Test func `unset and 0 are different`() throws {
        let constraints = try DocumentDecoder.constraints(Array(#"{"max_turnover":0,"max_cash":null}"#.utf8))
        #expect(constraints.maxTurnover == 0)
        #expect(constraints.maxCash == nil)
    }

    @Test func `frontier points of 0 are taken and the risk measure defaults to volatility`() throws {
        let body =
            #"{"portfolio_id":"p","optimization_type":"mean_variance","objective":"minimize_risk","frontier_points":0}"#
        let request = try DocumentDecoder.optimizationRequest(Array(body.utf8))
        #expect(request.riskMeasure == .volatility)
        #expect(request.constraints == Constraints())
        #expect(request.preferences == Preferences())
    }

    @Test func `all faults of a body are listed at once`() throws {
        let body = """
            {"portfolio_id":"a b","optimization_type":"robustt","objective":"x","risk_measure":2,"typo":1,
             "constraints":{"max_turnover":3,"min_cash":0.5,"max_cash":0.1,"max_weights":{"A":7}},
             "preferences":{"confidence_level":2,"nope":null}}
            """
        let pointers = try faults(of: body, DocumentDecoder.optimizationRequest).map(\.pointer)
        #expect(
            Set(pointers) == [
                "/typo", "/portfolio_id", "/optimization_type", "/objective", "/risk_measure",
                "/constraints/max_turnover", "/constraints/min_cash", "/constraints/max_weights/A",
                "/preferences/confidence_level", "/preferences/nope",
            ]
        )
        #expect(pointers.count == 10)
    }

    @Test func `a fault echoes little of a long value`() throws {
        let long = String(repeating: "é", count: 10_000)
        let body = #"{"\#(long)":1,"max_turnover":"\#(long)","max_weights":{"\#(long)":0.1}}"#
        let found = try faults(of: body, DocumentDecoder.constraints)
        #expect(found.count == 3)
        for fault in found {
            #expect(fault.message.utf8.count < 300)
            #expect(fault.pointer.utf8.count < 150)
        }
    }

    @Test func `the list of faults ends at its limit`() throws {
        let members = (0..<5_000).map { "\"field_\($0)\":1" }.joined(separator: ",")
        #expect(try faults(of: "{\(members)}", DocumentDecoder.constraints).count == DocumentLimits.faults)
    }
}

private func request(
    portfolio: String,
    _ code: DocumentFault.Code,
    _ pointer: String,
    _ words: String...
) -> ExpectedFault {
    let body = "{\(portfolio)\"optimization_type\":\"mean_variance\",\"objective\":\"minimize_risk\"}"
    var fault = ExpectedFault(body, code, pointer)
    fault.words = words
    return fault
}

private func kind(
    _ type: String,
    _ objective: String,
    _ code: DocumentFault.Code,
    _ pointer: String,
    _ words: String...
) -> ExpectedFault {
    let body = "{\"portfolio_id\":\"p\",\"optimization_type\":\"\(type)\",\"objective\":\"\(objective)\"}"
    var fault = ExpectedFault(body, code, pointer)
    fault.words = words
    return fault
}

private func with(
    _ member: String,
    _ code: DocumentFault.Code,
    _ pointer: String,
    _ words: String...
) -> ExpectedFault {
    let head = #"{"portfolio_id":"p","optimization_type":"mean_variance","objective":"minimize_risk","#
    var fault = ExpectedFault(head + member + "}", code, pointer)
    fault.words = words
    return fault
}
