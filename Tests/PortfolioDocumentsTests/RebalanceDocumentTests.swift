import JSON
import PortfolioDocuments
import PortfolioModel
import Testing

private func read(_ body: String) throws -> RebalanceRequest {
    try DocumentDecoder.rebalanceRequest(JSONDocument(parsing: Array(body.utf8)).root, portfolioID: "p")
}

private func faultsOf(_ body: String) -> [(code: String, pointer: String)] {
    do {
        _ = try read(body)
        return []
    } catch let error as DocumentFaults {
        return error.faults.map { ($0.code.rawValue, $0.pointer) }
    } catch {
        return [("\(error)", "")]
    }
}

@Suite("Requests for rebalance plans")
struct RebalanceDocumentTests {
    @Test func `the service document's sample reads as it is written`() throws {
        let request = try read(
            """
            {"target_type":"optimal","constraints":{"max_turnover":0.15,"min_trade_size":1000.00,"max_trades":10,
             "consider_tax_implications":true}}
            """
        )
        #expect(request.target == .optimal)
        #expect(request.constraints.maxTurnover == 0.15)
        #expect(request.minTradeSize == 1000)
        #expect(request.maxTrades == 10)
        #expect(request.preferences.considerTaxImplications == true)
        #expect(request.objective == .maximizeSharpe)
        #expect(request.wholeLots)
    }

    @Test(arguments: [
        #"{"target_type":"optimal","constraints":{"max_turnover":0,"max_trades":0,"min_trade_size":0}}"#,
        #"{"target_type":"custom","target_allocation":{"AAPL":0.6,"cash":0.4},"whole_lots":false}"#,
        #"{"target_type":"benchmark","drift_band":0.05,"tax_lot_method":"fifo"}"#,
        #"{"target_type":"equal_weight","tax_lot_method":"specific","lot_order":{"A":["2023-01-05","2022-01-05"]}}"#,
        #"{"target_type":"risk_parity","preferences":{"consider_tax_implications":false}}"#,
        #"{"target_type":"optimal","objective":"minimize_risk","constraints":{"groups":[{"name":"g","sector":"s","max":0.5}]}}"#,
    ])
    func `a request reads back from what is stored of it`(body: String) throws {
        let request = try read(body)
        let stored = DocumentEncoder.rebalanceRequest(request)
        #expect(try DocumentDecoder.rebalanceRequest(stored, portfolioID: "p") == request)
    }

    @Test func `what an optimization recommends is stored with the request and taken from nobody else`() throws {
        var request = try read(#"{"target_type":"optimal","optimization_id":"opt-1"}"#)
        request.referencedAllocation = ["AAPL": 1]
        let stored = DocumentEncoder.rebalanceRequest(request)
        #expect(try DocumentDecoder.rebalanceRequest(stored, portfolioID: "p") == request)
        let body = #"{"target_type":"optimal","optimization_id":"opt-1","referenced_allocation":{"AAPL":1}}"#
        #expect(faultsOf(body).map(\.pointer) == ["/referenced_allocation"])
    }

    @Test(arguments: [
        (#"{}"#, "missing_field", "/target_type"),
        (#"{"target_type":"best"}"#, "unknown_value", "/target_type"),
        (#"{"target_type":"custom"}"#, "missing_field", "/target_allocation"),
        (#"{"target_type":"custom","target_allocation":{"A":0.6}}"#, "wrong_sum", "/target_allocation"),
        (#"{"target_type":"custom","target_allocation":{"A":1.5}}"#, "out_of_range", "/target_allocation/A"),
        (#"{"target_type":"benchmark","target_allocation":{"A":1}}"#, "contradiction", "/target_allocation"),
        (#"{"target_type":"benchmark","objective":"minimize_risk"}"#, "contradiction", "/objective"),
        (
            #"{"target_type":"optimal","optimization_id":"o","objective":"minimize_risk"}"#, "contradiction",
            "/objective"
        ),
        (#"{"target_type":"optimal","constraints":{"max_trades":1.5}}"#, "wrong_type", "/constraints/max_trades"),
        (#"{"target_type":"optimal","constraints":{"max_trades":-1}}"#, "out_of_range", "/constraints/max_trades"),
        (
            #"{"target_type":"optimal","constraints":{"min_trade_size":-1}}"#, "out_of_range",
            "/constraints/min_trade_size"
        ),
        (#"{"target_type":"optimal","constraints":{"max_trade":1}}"#, "unknown_field", "/constraints/max_trade"),
        (#"{"target_type":"optimal","tax_lot_method":"specific"}"#, "missing_field", "/lot_order"),
        (#"{"target_type":"optimal","lot_order":{"A":[]}}"#, "contradiction", "/lot_order"),
        (#"{"target_type":"optimal","drift_band":2}"#, "out_of_range", "/drift_band"),
        (
            #"{"target_type":"optimal","constraints":{"consider_tax_implications":true},"preferences":{"consider_tax_implications":false}}"#,
            "contradiction", "/constraints/consider_tax_implications"
        ),
    ])
    func `a fault is told with its place`(body: String, code: String, pointer: String) {
        let found = faultsOf(body)
        #expect(found.contains { $0.code == code && $0.pointer == pointer }, "\(found)")
    }
}
