import JSON
import PortfolioDocuments
import Testing

@Suite("Other forms of a result")
struct ResultViewTests {
    private static let answer = #"""
        {"optimization_id":"opt-1","portfolio_id":"p","status":"completed","metrics":{"sharpe_ratio":null,"risk":1e-05},
        "current_allocation":{"A":0.5,"B":0.3,"C":0.2},
        "target_allocation":{"-D":0.4,"A":0.1,"B":0.25,"C":-0.15,"cash":0.4},
        "trades":[{"instrument_id":"-D","action":"buy","quantity":12,"estimated_value":1200.5,"weight_change":0.4,
        "priority":2,"price":100.04,"cost":0.6,"tax_lots":[]},{"instrument_id":"C","action":"sell","quantity":3,
        "estimated_value":30,"weight_change":-0.35,"priority":1,"price":10,"cost":0,"tax_lots":[{"quantity":3}]}],
        "binding_constraints":[{"subject":null,"bound":0.4}],"warnings":[{"code":"x","message":"say \"ä\""}]}
        """#.replacing("\n", with: "")

    private func result(_ text: String = answer) throws -> StoredResult {
        var text = text
        return try #require(try text.withUTF8 { try StoredResult(parsing: UnsafeRawBufferPointer($0)) })
    }

    @Test func `folding keeps the largest by size and sums the others`() {
        let weights = ["A": 0.5, "B": -0.3, "C": 0.2, "D": 0.1]
        #expect(FoldedAllocations.folded(weights, keeping: 2) == ["A": 0.5, "B": -0.3, "other": 0.2 + 0.1])
        #expect(FoldedAllocations.folded(weights, keeping: 4) == weights)
        #expect(FoldedAllocations.folded(weights, keeping: 9) == weights)
        #expect(FoldedAllocations.folded([:], keeping: 1) == [:])
        #expect(FoldedAllocations.folded(["B": 0.5, "A": 0.5], keeping: 1) == ["A": 0.5, "other": 0.5])
        #expect(FoldedAllocations.folded(["A": 0.5, "B": 0.25, "C": -0.25], keeping: 1) == ["A": 0.5])
    }

    @Test func `a folded document is the stored one but for its allocations`() throws {
        let folded = String(decoding: FoldedAllocations.document(try result(), keeping: 2), as: UTF8.self)
        let expected = Self.answer
            .replacing(#"{"A":0.5,"B":0.3,"C":0.2}"#, with: #"{"A":0.5,"B":0.3,"other":0.2}"#)
            .replacing(
                #"{"-D":0.4,"A":0.1,"B":0.25,"C":-0.15,"cash":0.4}"#,
                with: #"{"-D":0.4,"cash":0.4,"other":0.19999999999999998}"#
            )
        #expect(folded == expected)
        let whole = String(decoding: FoldedAllocations.document(try result(), keeping: 9), as: UTF8.self)
        #expect(whole == Self.answer)
    }

    @Test func `rows stand side by side, the largest first, cash and the rest last`() throws {
        let rows = AllocationRows(try result(), keeping: nil).rows
        #expect(rows.map(\.name) == ["A", "-D", "B", "C", "cash"])
        #expect(rows.map(\.current) == [0.5, 0, 0.3, 0.2, 0])
        #expect(rows.map(\.target) == [0.1, 0.4, 0.25, -0.15, 0.4])
        let folded = AllocationRows(try result(), keeping: 2).rows
        #expect(folded.map(\.name) == ["A", "-D", "other"])
        #expect(folded.last?.current == 0.3 + 0.2 && folded.last?.target == 0.25 + -0.15 + 0.4)
    }

    @Test func `the allocations as a table`() throws {
        let table = String(
            decoding: ResultTables.allocations(AllocationRows(try result(), keeping: nil)),
            as: UTF8.self
        )
        #expect(
            table
                == "instrument_id,current_weight,target_weight,weight_change\r\nA,0.5,0.1,-0.4\r\n\"'-D\",0,0.4,0.4\r\n"
                + "B,0.3,0.25,-0.04999999999999999\r\nC,0.2,-0.15,-0.35\r\ncash,0,0.4,0.4\r\n"
        )
    }

    @Test func `the trades as a table`() throws {
        let table = String(decoding: ResultTables.trades(try result()), as: UTF8.self)
        #expect(
            table == "priority,action,instrument_id,quantity,price,estimated_value,weight_change,cost\r\n"
                + "2,buy,\"'-D\",12,100.04,1200.5,0.4,0.6\r\n1,sell,C,3,10,30,-0.35,0\r\n"
        )
    }

    @Test(arguments: [
        ("AAPL", "AAPL"), ("", ""), ("a-b", "a-b"), ("-1", "\"'-1\""), ("=1+1", "\"'=1+1\""), ("+1", "\"'+1\""),
        ("@x", "\"'@x\""), ("\tx", "\"'\tx\""), ("a,b", "\"a,b\""), ("say \"x\"", "\"say \"\"x\"\"\""),
        ("two\r\nlines", "\"two\r\nlines\""), ("=HYPERLINK(\"u\")", "\"'=HYPERLINK(\"\"u\"\")\""),
    ])
    func `a cell is quoted where it must be, and never a formula`(text: String, cell: String) {
        #expect(ResultTables.text(text) == cell)
    }

    @Test(arguments: [
        "{}", "[]", "null", #"{"current_allocation":{},"target_allocation":[]}"#,
        #"{"current_allocation":{"A":"x"},"target_allocation":{}}"#,
    ])
    func `an answer without allocations is none`(text: String) throws {
        var text = text
        #expect(try text.withUTF8 { try StoredResult(parsing: UnsafeRawBufferPointer($0)) } == nil)
    }
}
