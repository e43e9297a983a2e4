import PortfolioDocuments
import PortfolioModel
import Testing

@Suite("Faults of instruments and portfolios")
struct InputFaultTests {
    @Test(
        arguments: [
            ExpectedFault("{}", .missingField, "/instruments", "required"),
            ExpectedFault(#"{"instruments":{}}"#, .wrongType, "/instruments", "array"),
            ExpectedFault(#"{"instruments":["A"]}"#, .wrongType, "/instruments/0", "object"),
            instrument(#""price":1"#, .missingField, "/instrument_id", "required"),
            instrument(#""instrument_id":"A""#, .missingField, "/price", "required"),
            instrument(#""instrument_id":"A","price":0"#, .outOfRange, "/price", "greater than 0"),
            instrument(#""instrument_id":"A","price":-3"#, .outOfRange, "/price", "-3"),
            instrument(#""instrument_id":"A","price":"3""#, .wrongType, "/price", "number"),
            instrument(#""instrument_id":"cash","price":3"#, .invalidIdentifier, "/instrument_id", "reserved"),
            instrument(#""instrument_id":"other","price":3"#, .invalidIdentifier, "/instrument_id", "reserved"),
            instrument(#""instrument_id":"A*","price":3"#, .invalidIdentifier, "/instrument_id", "A*"),
            instrument(#""instrument_id":"A","price":3,"lot_size":0"#, .outOfRange, "/lot_size", "0"),
            instrument(#""instrument_id":"A","price":3,"currency":"usd""#, .invalidText, "/currency", "usd"),
            instrument(#""instrument_id":"A","price":3,"currency":"USDX""#, .invalidText, "/currency", "USDX"),
            instrument(#""instrument_id":"A","price":3,"name":"""#, .invalidText, "/name", "1 to 200"),
            instrument(#""instrument_id":"A","price":3,"sectr":"IT""#, .unknownField, "/sectr", "did you mean sector?"),
            instrument(#""instrument_id":"A","price":3,"cost":0.1"#, .wrongType, "/cost", "object"),
            instrument(#""instrument_id":"A","price":3,"cost":{"fixed":-1}"#, .outOfRange, "/cost/fixed", "-1"),
            instrument(
                #""instrument_id":"A","price":3,"cost":{"impact":0.1}"#,
                .missingField,
                "/cost/average_daily_value",
                "impact"
            ),
            ExpectedFault(
                #"{"instruments":[{"instrument_id":"A","price":1},{"instrument_id":"A","price":2}]}"#,
                .duplicate,
                "/instruments/1/instrument_id",
                "instruments[0]"
            ),
        ]
    )
    func `a fault of the instruments is named`(_ expected: ExpectedFault) throws {
        try expected.expect(DocumentDecoder.instruments)
    }

    @Test(
        arguments: [
            portfolio("", .missingField, "/positions"),
            portfolio(#""positions":1"#, .wrongType, "/positions"),
            portfolio(#""positions":[],"cash":-1"#, .outOfRange, "/cash"),
            portfolio(#""positions":[],"universe":[]"#, .wrongLength, "/universe"),
            portfolio(#""positions":[],"universe":["A","A"]"#, .duplicate, "/universe/1"),
            portfolio(#""positions":[],"universe":["cash"]"#, .invalidIdentifier, "/universe/0"),
            portfolio(#""positions":[],"benchmark":{"A":0.5,"B":0.4}"#, .wrongSum, "/benchmark"),
            portfolio(#""positions":[],"benchmark":{"A":1.5}"#, .outOfRange, "/benchmark/A"),
            portfolio(#""positions":[],"benchmark":{}"#, .wrongSum, "/benchmark"),
            portfolio(#""positions":[],"constraints":{"max_turnover":2}"#, .outOfRange, "/constraints/max_turnover"),
            portfolio(#""positions":[],"preferences":{"x":2}"#, .unknownField, "/preferences/x"),
            portfolio(#""positions":[],"versions":2"#, .unknownField, "/versions"),
            portfolio(#""positions":[{"quantity":1}]"#, .missingField, "/positions/0/instrument_id"),
            portfolio(#""positions":[{"instrument_id":"A"}]"#, .missingField, "/positions/0/quantity"),
            portfolio(#""positions":[{"instrument_id":"A","quantity":-1}]"#, .outOfRange, "/positions/0/quantity"),
            portfolio(
                #""constraints":{"allow_short":true},"positions":[{"instrument_id":"A","quantity":-1,"#
                    + #""tax_lots":[{"quantity":1,"cost_basis":1,"acquired_at":"2025-01-02"}]}]"#,
                .contradiction,
                "/positions/0/tax_lots"
            ),
            portfolio(
                #""positions":[{"instrument_id":"A","quantity":1},{"instrument_id":"A","quantity":1}]"#,
                .duplicate,
                "/positions/1/instrument_id"
            ),
            lots(#"{"quantity":4,"cost_basis":1,"acquired_at":"2024-01-01"}"#, .wrongSum, ""),
            lots(#"{"quantity":5,"cost_basis":1,"acquired_at":"2023-02-29"}"#, .invalidTime, "/0/acquired_at"),
            lots(
                #"{"quantity":5,"cost_basis":1,"acquired_at":"2023-02-28T00:00:00Z"}"#,
                .invalidTime,
                "/0/acquired_at"
            ),
            lots(#"{"quantity":5,"cost_basis":-1,"acquired_at":"2024-01-01"}"#, .outOfRange, "/0/cost_basis"),
            lots(#"{"quantity":0,"cost_basis":1,"acquired_at":"2024-01-01"}"#, .outOfRange, "/0/quantity"),
            lots(#"{"quantity":5,"acquired_at":"2024-01-01"}"#, .missingField, "/0/cost_basis"),
            lots(Array(repeating: "{}", count: 101).joined(separator: ","), .tooMany, ""),
            trade(#""instrument_id":"A","quantity":0,"price":1,"date":"2025-01-01""#, .outOfRange, "quantity"),
            trade(#""instrument_id":"A","quantity":1,"price":0,"date":"2025-01-01""#, .outOfRange, "price"),
            trade(#""instrument_id":"A","quantity":1,"price":1,"date":"2025-13-01""#, .invalidTime, "date"),
            trade(#""instrument_id":"A","quantity":1,"price":1"#, .missingField, "date"),
            ExpectedFault(
                #"{"as_of":"2025-06-20T00:00:00Z","risk_model_id":"m","positions":[]}"#,
                .missingField,
                "/base_currency"
            ),
            ExpectedFault(#"{"base_currency":"USD","risk_model_id":"m","positions":[]}"#, .missingField, "/as_of"),
            ExpectedFault(
                #"{"base_currency":"USD","as_of":"2025-06-20","risk_model_id":"m","positions":[]}"#,
                .invalidTime,
                "/as_of",
                "RFC 3339"
            ),
            ExpectedFault(
                #"{"base_currency":"USD","as_of":"2025-06-20T00:00:00Z","positions":[]}"#,
                .missingField,
                "/risk_model_id"
            ),
        ]
    )
    func `a fault of the portfolio is named`(_ expected: ExpectedFault) throws {
        try expected.expect(DocumentDecoder.portfolio)
    }

    @Test func `a lot size of null is any fraction and an absent one is one unit`() throws {
        let body = #"{"instruments":[{"instrument_id":"A","price":1,"lot_size":null},{"instrument_id":"B","price":1}]}"#
        let instruments = try DocumentDecoder.instruments(Array(body.utf8))
        #expect(instruments.map(\.lotSize) == [nil, 1])
    }

    @Test func `lots that sum to the quantity but for rounding are taken`() throws {
        let lot = #"{"quantity":0.1,"cost_basis":0,"acquired_at":"2024-02-29"}"#
        let body = position(quantity: "0.3", lots: [lot, lot, lot].joined(separator: ","))
        #expect(try DocumentDecoder.portfolio(Array(body.utf8)).positions.first?.taxLots.count == 3)
    }

    @Test func `the number of instruments is limited`() throws {
        func body(_ count: Int) -> String {
            let list = (0..<count).map { #"{"instrument_id":"I\#($0)","price":1}"# }.joined(separator: ",")
            return "{\"instruments\":[\(list)]}"
        }
        let limit = DocumentLimits.instrumentsPerPut
        #expect(try faults(of: body(limit), DocumentDecoder.instruments).isEmpty)
        #expect(try faults(of: body(limit + 1), DocumentDecoder.instruments).map(\.code) == [.tooMany])
    }
}

private func instrument(
    _ members: String,
    _ code: DocumentFault.Code,
    _ pointer: String,
    _ words: String
) -> ExpectedFault {
    ExpectedFault("{\"instruments\":[{\(members)}]}", code, "/instruments/0" + pointer, words)
}

private func portfolio(_ members: String, _ code: DocumentFault.Code, _ pointer: String) -> ExpectedFault {
    let head = #"{"base_currency":"USD","as_of":"2025-06-20T00:00:00Z","risk_model_id":"m""#
    return ExpectedFault(head + (members.isEmpty ? "" : ",") + members + "}", code, pointer)
}

private func position(quantity: String, lots: String) -> String {
    let head = #"{"base_currency":"USD","as_of":"2025-06-20T00:00:00Z","risk_model_id":"m","#
    return head + #""positions":[{"instrument_id":"A","quantity":\#(quantity),"tax_lots":[\#(lots)]}]}"#
}

private func lots(_ lots: String, _ code: DocumentFault.Code, _ pointer: String) -> ExpectedFault {
    ExpectedFault(position(quantity: "5", lots: lots), code, "/positions/0/tax_lots" + pointer)
}

private func trade(_ members: String, _ code: DocumentFault.Code, _ field: String) -> ExpectedFault {
    portfolio("\"positions\":[],\"recent_trades\":[{\(members)}]", code, "/recent_trades/0/\(field)")
}
