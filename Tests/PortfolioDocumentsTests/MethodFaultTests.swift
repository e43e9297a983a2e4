import JSON
import PortfolioDocuments
import PortfolioModel
import Testing

@Suite("Faults of what single methods are told")
struct MethodFaultTests {
    @Test(
        arguments: [
            blackLitterman(#""views":{}"#, .wrongType, "/views", "array"),
            blackLitterman(#""views":[1]"#, .wrongType, "/views/0", "object"),
            blackLitterman(#""views":[{"return":0.1}]"#, .missingField, "/views/0/instruments", "required"),
            blackLitterman(#""views":[{"instruments":{"A":1}}]"#, .missingField, "/views/0/return", "required"),
            blackLitterman(
                #""views":[{"instruments":{"A":1},"return":"x"}]"#,
                .wrongType,
                "/views/0/return",
                "number"
            ),
            blackLitterman(
                #""views":[{"instruments":{},"return":0.1}]"#,
                .wrongLength,
                "/views/0/instruments",
                "at least one"
            ),
            blackLitterman(
                #""views":[{"instruments":{"A":0},"return":0.1}]"#,
                .wrongLength,
                "/views/0/instruments",
                "other than 0"
            ),
            blackLitterman(
                #""views":[{"instruments":{"cash":1},"return":0.1}]"#,
                .invalidIdentifier,
                "/views/0/instruments/cash",
                "reserved"
            ),
            blackLitterman(
                #""views":[{"instruments":{"A":1},"return":0.1},{"instruments":{"A":1},"return":0,"confidence":1.1}]"#,
                .outOfRange,
                "/views/1/confidence",
                "at most 1"
            ),
            blackLitterman(
                #""views":[{"instruments":{"A":1},"return":0.1,"variance":-1}]"#,
                .outOfRange,
                "/views/0/variance",
                "at least 0"
            ),
            blackLitterman(
                #""views":[{"instruments":{"A":1},"return":0.1,"variance":0,"confidence":1}]"#,
                .contradiction,
                "/views/0",
                "not both"
            ),
            blackLitterman(
                #""views":[{"instruments":{"A":1},"return":0.1,"total":1}]"#,
                .wrongType,
                "/views/0/total",
                "true or false"
            ),
            blackLitterman(
                #""views":[{"instruments":{"A":1},"returns":0.1,"return":0}]"#,
                .unknownField,
                "/views/0/returns",
                "did you mean return?"
            ),
            blackLitterman(#""tau":0"#, .outOfRange, "/tau", "greater than 0"),
            blackLitterman(#""posterior_covariance":1"#, .wrongType, "/posterior_covariance", "true or false"),
            blackLitterman(#""market_weights":{"A":0.5}"#, .wrongSum, "/market_weights", "0.5"),
            blackLitterman(#""market_weights":{"A":2}"#, .outOfRange, "/market_weights/A", "2"),
            budgeting("risk_parity", #""risk_budgets":{"A":0.5}"#, .wrongSum, "/risk_budgets", "not to 1"),
            budgeting("risk_parity", #""risk_budgets":{"A":-0.5}"#, .outOfRange, "/risk_budgets/A", "-0.5"),
            budgeting("risk_parity", #""risk_budgets":{}"#, .wrongSum, "/risk_budgets", "sum to 0"),
            budgeting("risk_parity", #""risk_budgets":{"R e":1}"#, .invalidIdentifier, "/risk_budgets/R e", "R e"),
            budgeting("risk_parity", #""risk_budgets_by":"region""#, .unknownValue, "/risk_budgets_by", "asset_class"),
            budgeting(
                "risk_parity",
                #""risk_budgets_by":"sector","risk_budgets":{"Real estate":0.5}"#,
                .wrongSum,
                "/risk_budgets",
                "not to 1"
            ),
            budgeting(
                "risk_parity",
                #""risk_budgets_by":"asset_class","risk_budgets":{"":1}"#,
                .invalidText,
                "/risk_budgets/",
                "1 to 200"
            ),
            budgeting("hierarchical_risk_parity", #""linkage":"median""#, .unknownValue, "/linkage", "single"),
            budgeting(
                "hierarchical_risk_parity",
                #""cluster_allocation":"herc""#,
                .unknownValue,
                "/cluster_allocation",
                "nested_clusters"
            ),
            budgeting(
                "hierarchical_risk_parity",
                #""cluster_count":3"#,
                .contradiction,
                "/cluster_count",
                "nested_clusters"
            ),
            budgeting(
                "hierarchical_risk_parity",
                #""cluster_allocation":"nested_clusters","cluster_count":0"#,
                .outOfRange,
                "/cluster_count",
                "1"
            ),
            budgeting("hierarchical_risk_parity", #""linkage":1"#, .wrongType, "/linkage", "string"),
            budgeting(
                "hierarchical_risk_parity",
                #""distance_of_distance":"yes""#,
                .wrongType,
                "/distance_of_distance",
                "true or false"
            ),
        ]
    )
    func `a fault of a method's fields is named`(_ expected: ExpectedFault) throws {
        try expected.expect(DocumentDecoder.optimizationRequest)
    }

    @Test(
        arguments: [
            multiPeriod(nil, .missingField, "/horizon", "horizon is required"),
            multiPeriod("[]", .wrongType, "/horizon", "object"),
            multiPeriod("{}", .missingField, "/horizon/periods", "required"),
            multiPeriod(#"{"periods":0}"#, .outOfRange, "/horizon/periods", "at least 1"),
            multiPeriod(#"{"periods":61}"#, .outOfRange, "/horizon/periods", "60"),
            multiPeriod(#"{"periods":1.5}"#, .wrongType, "/horizon/periods", "whole number"),
            multiPeriod(
                #"{"periods":2,"expected_returns":[[0.1]]}"#,
                .wrongLength,
                "/horizon/expected_returns",
                "2 rows"
            ),
            multiPeriod(
                #"{"periods":2,"expected_returns":[[0.1,0.2],[0.1]]}"#,
                .wrongLength,
                "/horizon/expected_returns/1",
                "2 numbers"
            ),
            multiPeriod(
                #"{"periods":1,"expected_returns":[[]]}"#,
                .wrongLength,
                "/horizon/expected_returns",
                "each instrument"
            ),
            multiPeriod(
                #"{"periods":1,"expected_returns":[["x"]]}"#,
                .wrongType,
                "/horizon/expected_returns/0/0",
                "number"
            ),
            multiPeriod(#"{"periods":2,"return":1}"#, .unknownField, "/horizon/return", "return"),
            multiPeriod(#"{"periods":1,"terminal_target":[]}"#, .wrongType, "/horizon/terminal_target", "object"),
            multiPeriod(
                #"{"periods":1,"terminal_target":{"A":0.5}}"#,
                .wrongSum,
                "/horizon/terminal_target",
                "0.5, not to 1"
            ),
            multiPeriod(
                #"{"periods":1,"terminal_target":{"A":2}}"#,
                .outOfRange,
                "/horizon/terminal_target/A",
                "at most 1"
            ),
            multiPeriod(
                #"{"periods":1,"terminal_target":{"other":1}}"#,
                .invalidIdentifier,
                "/horizon/terminal_target/other",
                "reserved"
            ),
        ]
    )
    func `a fault of a horizon is named`(_ expected: ExpectedFault) throws {
        try expected.expect(DocumentDecoder.optimizationRequest)
    }

    @Test func `a horizon belongs to several periods, which take neither thresholds nor a number of positions`() throws
    {
        let kind = #""portfolio_id":"p","objective":"minimize_risk","horizon":{"periods":2}"#
        let other = try faults(
            of: #"{\#(kind),"optimization_type":"mean_variance"}"#,
            DocumentDecoder.optimizationRequest
        )
        #expect(other.map(\.pointer) == ["/horizon"] && other.map(\.code) == [.contradiction])
        let choices = #""constraints":{"min_position_size":0.1,"max_positions":3}"#
        let found = try faults(
            of: #"{\#(kind),"optimization_type":"multi_period",\#(choices)}"#,
            DocumentDecoder.optimizationRequest
        )
        #expect(Set(found.map(\.pointer)) == ["/constraints/min_position_size", "/constraints/max_positions"])
    }

    @Test func `as many views as the limit are read, and no more`() throws {
        func body(_ count: Int) -> String {
            let views = [String](repeating: #"{"instruments":{"A":1},"return":0.1}"#, count: count)
            let kind = #""portfolio_id":"p","optimization_type":"black_litterman","objective":"minimize_risk""#
            return "{\(kind),\"views\":[\(views.joined(separator: ","))]}"
        }
        #expect(try faults(of: body(1000), DocumentDecoder.optimizationRequest) == [])
        let found = try faults(of: body(1001), DocumentDecoder.optimizationRequest)
        #expect(found.map(\.code) == [.tooMany] && found.map(\.pointer) == ["/views"])
    }

    @Test func `what does not go together is refused with what does`() throws {
        for type in OptimizationType.allCases {
            for objective in Objective.allCases {
                for measure in RiskMeasure.allCases { try checkCombination(type, objective, measure) }
            }
        }
    }

    /// What a request of a type must have besides.
    private func required(by type: OptimizationType) -> String {
        switch type {
        case .robust: #","uncertainty":{"kind":"box","size":1}"#
        case .multiPeriod: #","horizon":{"periods":2}"#
        case .scenarioBased: #","scenarios":[{"name":"s","returns":{"A":0.1}}]"#
        default: ""
        }
    }

    private func checkCombination(_ type: OptimizationType, _ objective: Objective, _ measure: RiskMeasure) throws {
        let terms = #"[{"term":"return","weight":1}]"#
        let parameters =
            switch (type, objective) {
            case (.custom, .custom): #","custom_objective":\#(terms)"#
            case (.custom, _), (_, .custom): ""
            case (_, .multiObjective): #","objectives":\#(terms)"#
            case (_, _): ""
            }
        let body = """
            {"portfolio_id":"p","optimization_type":"\(type.rawValue)","objective":"\(objective.rawValue)",
             "risk_measure":"\(measure.rawValue)"\(required(by: type))\(parameters)}
            """
        let found = try faults(of: body, DocumentDecoder.optimizationRequest)
        let combination = Capabilities.combinations.first { $0.type == type && $0.objective == objective }
        guard let combination else {
            #expect(found.map(\.pointer) == ["/objective"] && found.map(\.code) == [.notSupported])
            for allowed in Capabilities.objectives(of: type) {
                #expect(found.first?.message.contains(allowed.rawValue) == true)
            }
            return
        }
        guard !combination.riskMeasures.contains(measure) else { return #expect(found == []) }
        #expect(found.map(\.pointer) == ["/risk_measure"] && found.map(\.code) == [.notSupported])
        for allowed in combination.riskMeasures { #expect(found.first?.message.contains(allowed.rawValue) == true) }
    }
}

private func blackLitterman(
    _ member: String,
    _ code: DocumentFault.Code,
    _ pointer: String,
    _ word: String
) -> ExpectedFault {
    let kind = #""portfolio_id":"p","optimization_type":"black_litterman","objective":"minimize_risk""#
    return ExpectedFault("{\(kind),\(member)}", code, pointer, word)
}

private func multiPeriod(
    _ horizon: String?,
    _ code: DocumentFault.Code,
    _ pointer: String,
    _ word: String
) -> ExpectedFault {
    let kind = #""portfolio_id":"p","optimization_type":"multi_period","objective":"minimize_risk""#
    return ExpectedFault("{\(kind)\(horizon.map { ",\"horizon\":\($0)" } ?? "")}", code, pointer, word)
}

private func budgeting(
    _ type: String,
    _ member: String,
    _ code: DocumentFault.Code,
    _ pointer: String,
    _ word: String
) -> ExpectedFault {
    ExpectedFault(
        #"{"portfolio_id":"p","optimization_type":"\#(type)","objective":"risk_budgeting",\#(member)}"#,
        code,
        pointer,
        word
    )
}
