import JSON
import Matrices
import PortfolioModel

/// Reads a history as a table: header `date,AAPL,BND`, then a day and one number an instrument on each line.
///
/// The model is of the last day. Lines end in LF or CRLF; cells may stand in double quotes; a byte order mark, which
/// spreadsheets write, is skipped; empty lines are not.
func readRiskModelCSV(
    _ bytes: UnsafeRawBufferPointer,
    _ kind: DocumentDecoder.HistoryKind,
    _ periodsPerYear: Double,
    _ faults: FaultCollector
) -> RiskModel? {
    if !periodsPerYearRange.contains(periodsPerYear) {
        let message = "periods_per_year must be \(periodsPerYearRange.demand), not \(decimal(periodsPerYear))"
        faults.report(.outOfRange, at: "/periods_per_year", message)
    }
    var table = HistoryTable(bytes, range: kind == .prices ? .positive : periodReturnRange, faults)
    guard table.readHeader() else { return nil }
    table.readRows()
    let least = kind == .prices ? 3 : 2
    if table.dates.count < least, faults.faults.isEmpty {
        let message = "the table must have at least \(least) rows of \(kind.rawValue), not \(table.dates.count)"
        faults.report(.wrongLength, at: "", message)
    }
    guard faults.faults.isEmpty, let last = table.dates.last else { return nil }
    var model = RiskModel(
        asOf: Timestamp(microseconds: Int64(last.daysSinceEpoch) * 86_400_000_000),
        instruments: table.instruments,
        periodsPerYear: periodsPerYear,
        dates: table.dates
    )
    switch kind {
    case .prices: model.prices = table.matrix
    case .returns: model.returns = table.matrix
    }
    return model
}

/// A table as it is read, line by line.
private struct HistoryTable {
    private(set) var instruments: [String] = []
    private(set) var dates: [CalendarDate] = []
    private var rowMajor: [Double] = []
    private var position = 0
    private var lineNumber = 0
    private let bytes: UnsafeRawBufferPointer
    private let range: NumberRange
    private let faults: FaultCollector

    init(_ bytes: UnsafeRawBufferPointer, range: NumberRange, _ faults: FaultCollector) {
        self.bytes = bytes
        self.range = range
        self.faults = faults
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    /// The numbers, one row a line.
    var matrix: DenseMatrix {
        DenseMatrix(rows: instruments.count, columns: dates.count, columnMajor: rowMajor).transposed
    }

    /// Reads the first line; false when nothing below it can be understood.
    mutating func readHeader() -> Bool {
        guard let line = nextLine() else {
            faults.report(.invalidRow, at: "", "the table is empty; it must begin with a header such as date,AAPL,BND")
            return false
        }
        let cells = cells(of: line).map { String(decoding: bytes[$0], as: UTF8.self) }
        guard cells.first == "date", cells.count > 1 else {
            report(.invalidRow, column: 1, "the header must be date and the instruments, such as date,AAPL,BND")
            return false
        }
        guard cells.count - 1 <= DocumentLimits.denseInstruments else {
            let message = "the table may have at most \(DocumentLimits.denseInstruments) instruments"
            report(.tooMany, column: 2, "\(message), not \(cells.count - 1)")
            return false
        }
        var seen: [String: Int] = [:]
        for (index, cell) in cells.enumerated().dropFirst() {
            checkIdentifier(cell, .instrument, place(column: index + 1) + "an instrument", at: "", faults)
            if let first = seen.updateValue(index + 1, forKey: cell) {
                report(.duplicate, column: index + 1, "\(shortened(cell)) stands in column \(first) already")
            }
        }
        instruments = Array(cells.dropFirst())
        return true
    }

    /// Reads the lines below the header until they end or the list of faults is full.
    mutating func readRows() {
        while !faults.isFull, let line = nextLine() {
            guard dates.count < DocumentLimits.periods else {
                report(.tooMany, column: 1, "the table may have at most \(DocumentLimits.periods) rows")
                return
            }
            readRow(cells(of: line))
        }
    }

    private mutating func readRow(_ cells: [Range<Int>]) {
        guard cells.count == instruments.count + 1 else {
            let message = "the row must have \(instruments.count + 1) cells as the header has, not \(cells.count)"
            return report(.wrongLength, column: 1, message)
        }
        let dayText = String(decoding: bytes[cells[0]], as: UTF8.self)
        guard let date = CalendarDate(dayText) else {
            return report(.invalidTime, column: 1, "a day such as 2025-06-20 is needed, not \"\(shortened(dayText))\"")
        }
        if let previous = dates.last, date <= previous {
            report(.notAscending, column: 1, "dates must ascend: \(date) follows \(previous)")
        }
        dates.append(date)
        for (index, cell) in cells.enumerated().dropFirst() {
            let content = UnsafeRawBufferPointer(rebasing: bytes[cell])
            let number = NumberScanner.number(in: content)
            if number == nil || number.map(range.contains) == false {
                let shown = shortened(String(decoding: content, as: UTF8.self))
                let code: DocumentFault.Code = number == nil ? .wrongType : .outOfRange
                let demand = number == nil ? "a number is needed" : "the number must be \(range.demand)"
                report(code, column: index + 1, "\(demand), not \"\(shown)\"")
            }
            rowMajor.append(number ?? 0)
        }
    }

    /// The next line without its end, or nil at the end of the table.
    private mutating func nextLine() -> Range<Int>? {
        guard position < bytes.count else { return nil }
        lineNumber += 1
        let start = position
        while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { position += 1 }
        var end = position
        position += 1
        if end > start, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        return start..<end
    }

    /// The cells of a line, without surrounding quotes and blanks.
    private func cells(of line: Range<Int>) -> [Range<Int>] {
        var cells: [Range<Int>] = []
        cells.reserveCapacity(instruments.count + 1)
        var start = line.lowerBound
        for index in line where bytes[index] == UInt8(ascii: ",") {
            cells.append(trimmed(start..<index))
            start = index + 1
        }
        cells.append(trimmed(start..<line.upperBound))
        return cells
    }

    private func trimmed(_ cell: Range<Int>) -> Range<Int> {
        var (start, end) = (cell.lowerBound, cell.upperBound)
        while start < end, bytes[start] == UInt8(ascii: " ") { start += 1 }
        while end > start, bytes[end - 1] == UInt8(ascii: " ") { end -= 1 }
        if end - start >= 2, bytes[start] == UInt8(ascii: "\""), bytes[end - 1] == UInt8(ascii: "\"") {
            start += 1
            end -= 1
        }
        return start..<end
    }

    private func place(column: Int) -> String { "line \(lineNumber), column \(column): " }

    private func report(_ code: DocumentFault.Code, column: Int, _ message: String) {
        faults.report(code, at: "", place(column: column) + message)
    }
}
