import CPostgreSQL
import PortfolioModel

/// The rows a statement returned; keeps the memory that readers of its columns may point into.
final class StatementResult {
    private let handle: OpaquePointer

    /// Takes over a libpq result.
    init(owning handle: OpaquePointer) { self.handle = handle }

    deinit { PQclear(handle) }

    /// How many rows there are.
    var count: Int { Int(PQntuples(handle)) }

    /// A reader of row `index`, at its first column.
    func row(_ index: Int) -> RowReader { RowReader(result: self, row: Int32(index)) }

    /// A reader of the first row, or nil when there is none.
    var firstRow: RowReader? { count > 0 ? row(0) : nil }

    /// Each row through `decode`.
    func map<Value>(_ decode: (inout RowReader) throws -> Value) throws -> [Value] {
        try (0..<count).map { index in
            var reader = row(index)
            return try decode(&reader)
        }
    }

    /// The bytes of a value as long as this result lives; nil for null.
    fileprivate func bytes(row: Int32, column: Int32) -> UnsafeRawBufferPointer? {
        guard PQgetisnull(handle, row, column) == 0, let start = PQgetvalue(handle, row, column) else { return nil }
        return UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(handle, row, column)))
    }
}

/// Reads the columns of a row, each once, in the order of the statement's list.
///
/// A null where none may be, or a value of another length than its type's, is ``RepositoryError/unreadable(what:)``.
struct RowReader {
    let result: StatementResult
    let row: Int32
    private var column: Int32 = 0

    init(result: StatementResult, row: Int32) {
        self.result = result
        self.row = row
    }

    /// The next column's bytes, valid as long as `result` lives; nil for null.
    mutating func optionalBytes() -> UnsafeRawBufferPointer? {
        defer { column += 1 }
        return result.bytes(row: row, column: column)
    }

    mutating func optionalText() -> String? { optionalBytes().map { String(decoding: $0, as: UTF8.self) } }

    mutating func text() throws(RepositoryError) -> String { try required(optionalText()) }

    mutating func utf8() throws(RepositoryError) -> [UInt8] { try required(optionalBytes().map(Array.init)) }

    mutating func boolean() throws(RepositoryError) -> Bool { try required(optionalBytes()?.first.map { $0 != 0 }) }

    mutating func optionalBigint() throws(RepositoryError) -> Int64? {
        guard let bytes = optionalBytes() else { return nil }
        guard bytes.count == 8 else { throw unreadable() }
        return Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
    }

    mutating func bigint() throws(RepositoryError) -> Int64 { try required(optionalBigint()) }

    mutating func int() throws(RepositoryError) -> Int { Int(try bigint()) }

    mutating func optionalDouble() throws(RepositoryError) -> Double? {
        try optionalBigint().map { Double(bitPattern: UInt64(bitPattern: $0)) }
    }

    mutating func double() throws(RepositoryError) -> Double { try required(optionalDouble()) }

    mutating func optionalTimestamp() throws(RepositoryError) -> Timestamp? {
        try optionalBigint().map { Timestamp(microseconds: $0 &+ Epoch.microseconds) }
    }

    mutating func timestamp() throws(RepositoryError) -> Timestamp { try required(optionalTimestamp()) }

    /// A `bytea` of little-endian float64.
    mutating func optionalLittleEndianDoubles() throws(RepositoryError) -> [Double]? {
        guard let bytes = optionalBytes() else { return nil }
        guard bytes.count % 8 == 0 else { throw unreadable() }
        return [Double](unsafeUninitializedCapacity: bytes.count / 8) { target, count in
            count = bytes.count / 8
            for index in 0..<count {
                let word = bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
                target.initializeElement(at: index, to: Double(bitPattern: UInt64(littleEndian: word)))
            }
        }
    }

    mutating func optionalTextArray() throws(RepositoryError) -> [String]? {
        try optionalArray()?.map { String(decoding: $0, as: UTF8.self) }
    }

    mutating func textArray() throws(RepositoryError) -> [String] { try required(optionalTextArray()) }

    mutating func optionalDateArray() throws(RepositoryError) -> [CalendarDate]? {
        guard let elements = try optionalArray() else { return nil }
        guard elements.allSatisfy({ $0.count == 4 }) else { throw unreadable() }
        return elements.map { element in
            let days = Int32(bigEndian: element.loadUnaligned(as: Int32.self))
            return CalendarDate(daysSinceEpoch: Int(days) + Epoch.days)
        }
    }

    /// The elements of a one-dimensional array without nulls; the form is that of `StatementParameter.array`.
    private mutating func optionalArray() throws(RepositoryError) -> [UnsafeRawBufferPointer]? {
        guard let bytes = optionalBytes() else { return nil }
        var offset = 0
        func integer() -> Int? {
            guard offset + 4 <= bytes.count else { return nil }
            defer { offset += 4 }
            return Int(Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self)))
        }
        guard let dimensions = integer(), integer() == 0, integer() != nil else { throw unreadable() }
        if dimensions == 0 { return [] }
        guard dimensions == 1, let count = integer(), integer() != nil else { throw unreadable() }
        var elements: [UnsafeRawBufferPointer] = []
        elements.reserveCapacity(count)
        for _ in 0..<count {
            guard let length = integer(), length >= 0, offset + length <= bytes.count else { throw unreadable() }
            elements.append(UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + length)]))
            offset += length
        }
        return elements
    }

    private func required<Value>(_ value: Value?) throws(RepositoryError) -> Value {
        guard let value else { throw unreadable() }
        return value
    }

    /// The column just read is not what the statement promises.
    private func unreadable() -> RepositoryError { .unreadable(what: "column \(column) of a row") }
}
