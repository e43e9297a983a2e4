import Matrices
import PortfolioDocuments
import PortfolioModel
import Testing

@Suite("Risk models as tables")
struct RiskModelCSVTests {
    private func faults(_ text: String, _ kind: DocumentDecoder.HistoryKind = .returns) -> [DocumentFault] {
        do throws(DocumentFaults) {
            _ = try DocumentDecoder.riskModelCSV(Array(text.utf8), kind: kind)
            return []
        } catch {
            return error.faults
        }
    }

    @Test(arguments: ["\n", "\r\n"])
    func `prices read with their days, whichever way lines end`(_ end: String) throws {
        let lines = [
            "\u{FEFF}date,AAPL, \"BND\"", "2025-06-18,174.2,72.9", "2025-06-19,175,7.3e1", "2025-06-20,176, 74",
        ]
        let bytes = Array(lines.joined(separator: end).utf8)
        let model = try DocumentDecoder.riskModelCSV(bytes, kind: .prices, periodsPerYear: 12)
        #expect(model.instruments == ["AAPL", "BND"])
        #expect(model.periodsPerYear == 12)
        #expect(model.prices == DenseMatrix(rows: [[174.2, 72.9], [175, 73], [176, 74]]))
        #expect(model.returns == nil)
        #expect(model.dates?.map(\.description) == ["2025-06-18", "2025-06-19", "2025-06-20"])
        #expect(model.asOf.rfc3339 == "2025-06-20T00:00:00Z")
    }

    @Test func `returns read too, with or without a last line end`() throws {
        for text in ["date,A\n2025-01-01,0.1\n2025-01-02,-0.1", "date,A\n2025-01-01,0.1\n2025-01-02,-0.1\n"] {
            let model = try DocumentDecoder.riskModelCSV(Array(text.utf8), kind: .returns)
            #expect(model.returns == DenseMatrix(rows: [[0.1], [-0.1]]))
            #expect(model.periodsPerYear == 252)
        }
    }

    @Test(
        arguments: [
            ("", .invalidRow, "empty"), ("\n", .invalidRow, "line 1, column 1"), ("day,A\n", .invalidRow, "header"),
            ("date\n", .invalidRow, "header"), ("date,A,A\n2025-01-01,1,1\n", .duplicate, "line 1, column 3"),
            ("date,cash\n2025-01-01,1\n", .invalidIdentifier, "line 1, column 2"),
            ("date,A B\n2025-01-01,1\n", .invalidIdentifier, "A B"), ("date,A\n", .wrongLength, "at least 2"),
            ("date,A\n2025-01-01,0.1\n", .wrongLength, "at least 2"),
            ("date,A\n2025-01-01,0.1\n\n2025-01-02,0.1\n", .wrongLength, "line 3, column 1"),
            ("date,A\n2025-01-01,0.1,0.2\n2025-01-02,0.1\n", .wrongLength, "line 2, column 1"),
            ("date,A\n2025-01-01,0.1\n2025-01-01,0.1\n", .notAscending, "line 3, column 1"),
            ("date,A\n2025-02-30,0.1\n2025-03-01,0.1\n", .invalidTime, "2025-02-30"),
            ("date,A,B\n2025-01-01,0.1,x\n2025-01-02,0,0\n", .wrongType, "line 2, column 3"),
            ("date,A\n2025-01-01,\n2025-01-02,0.1\n", .wrongType, "line 2, column 2"),
            ("date,A\n2025-01-01,NaN\n2025-01-02,0.1\n", .wrongType, "NaN"),
            ("date,A\n2025-01-01,1e999\n2025-01-02,0.1\n", .wrongType, "1e999"),
            ("date,A\n2025-01-01,-1\n2025-01-02,0.1\n", .outOfRange, "greater than -1"),
        ] as [(String, DocumentFault.Code, String)]
    )
    func `a fault of the table is named with its line`(_ text: String, _ code: DocumentFault.Code, _ words: String) {
        let found = faults(text)
        #expect(found.first?.code == code, "\(found)")
        #expect(found.first?.message.contains(words) == true, "\(found)")
    }

    @Test func `prices of 0 are refused and every bad cell is listed`() {
        let found = faults("date,A,B\n2025-01-01,0,x\n2025-01-02,1,-1\n", .prices)
        #expect(found.map(\.code) == [.outOfRange, .wrongType, .outOfRange])
    }

    @Test func `periods in a year must be positive`() {
        #expect(throws: DocumentFaults.self) {
            try DocumentDecoder.riskModelCSV(
                Array("date,A\n2025-01-01,1\n2025-01-02,1\n".utf8),
                kind: .returns,
                periodsPerYear: 0
            )
        }
    }
}
