import Foundation
import Matrices
import PortfolioDocuments
import PortfolioModel
import Testing

@Suite("Risk models as NumPy arrays")
struct RiskModelNPYTests {
    private static let head = RiskModel(
        asOf: Timestamp(microseconds: 1),
        instruments: ["AAPL", "BND"],
        periodsPerYear: 12
    )

    private static func fixture(_ name: String) throws -> [UInt8] {
        let url = Bundle.module.bundleURL.appending(path: "Fixtures/\(name).npy")
        return Array(try Data(contentsOf: url))
    }

    /// A file with a header as given, of version 1.
    private static func file(_ header: String, _ data: [UInt8] = [], version: UInt8 = 1) -> [UInt8] {
        var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [version, 0]
        let length = header.utf8.count
        bytes += [UInt8(length & 0xFF), UInt8(length >> 8)] + (version == 1 ? [] : [0, 0])
        return bytes + Array(header.utf8) + data
    }

    private static func numbers(_ values: [Double]) -> [UInt8] {
        values.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init) }
    }

    private static func header(_ shape: String, descr: String = "'<f8'", fortran: String = "False") -> String {
        "{'descr': \(descr), 'fortran_order': \(fortran), 'shape': \(shape), }\n"
    }

    @Test(arguments: ["C", "F"], ["f4", "f8"])
    func `what NumPy writes is read, in every version, order and precision`(order: String, kind: String) throws {
        for version in [1, 2] {
            let bytes = try Self.fixture("returns_\(order)_\(kind)_v\(version)")
            let model = try DocumentDecoder.riskModelNPY(bytes, kind: .returns, head: Self.head)
            var expected = Self.head
            expected.returns = DenseMatrix(
                rows: 3,
                columns: 2,
                columnMajor: [0.5, 0.125, -0.03125, -0.25, 0.0625, 2]
            )
            #expect(model == expected, "\(order) \(kind) version \(version)")
        }
    }

    @Test func `a covariance is the same model as in JSON`() throws {
        let model = try DocumentDecoder.riskModelNPY(try Self.fixture("covariance"), kind: .covariance, head: Self.head)
        let json = #"""
            {"as_of":"1970-01-01T00:00:00.000001Z","instruments":["AAPL","BND"],"periods_per_year":12,
             "covariance":[[0.04,0.002],[0.002,0.0025]]}
            """#
        #expect(try model == DocumentDecoder.riskModel(Array(json.utf8)))
    }

    @Test func `a matrix larger than the bands it is read in keeps its order`() throws {
        let (rows, columns) = (70, 3)
        let values = (0..<(rows * columns)).map { 1 + Double($0) }
        let bytes = Self.file(Self.header("(70, 3)"), Self.numbers(values))
        var head = Self.head
        head.instruments = ["A", "B", "C"]
        let prices = try DocumentDecoder.riskModelNPY(bytes, kind: .prices, head: head).prices
        for i in 0..<rows { #expect(prices?.row(i) == [1, 2, 3].map { $0 + Double(3 * i) }) }
    }

    /// Files that are broken, and what must be said of them.
    private static let broken: [(bytes: [UInt8], says: String)] = [
        ([], "begins with"), (Array("PK".utf8), "begins with"), (Array(file("").prefix(7)), "ends after 7 bytes"),
        (Array(file("", version: 2).prefix(11)), "ends after 11 bytes"),
        (file(header("(3, 2)"), version: 3), "version 3.0 is not taken"),
        ([0x93] + Array("NUMPY".utf8) + [1, 1, 0, 0], "version 1.1"),
        ([0x93] + Array("NUMPY".utf8) + [1, 0, 0x76, 0, 0x7B], "should have 118 bytes, but the file ends 1 after"),
        ([0x93] + Array("NUMPY".utf8) + [2, 0, 0xFF, 0xFF, 0xFF, 0xFF], "at most 10000 bytes, not 4294967295"),
        (file(""), "'{' should come, and its end comes"), (file("[]"), "'{' should come"),
        (file("{}"), "lacks descr and fortran_order and shape"),
        (file("{'descr': '<f8', 'shape': (3, 2)}"), "lacks fortran_order"),
        (file("{'descr': '<f8', 'descr': '<f8'}"), "names descr twice"),
        (file("{'colour': 'red'}"), "unknown member \"colour\""),
        (file("{descr: '<f8'}"), "a member's name should be a string"), (file("{'descr' '<f8'}"), "':' should come"),
        (file("{'descr': '<f8' 'shape': (3, 2)}"), "'}' should come"), (file("{'descr': '<f8"), "end with a quote"),
        (file("{'descr': '<\\x66'}"), "without escapes"), (file("{'descr': '\u{E9}'}"), "printable ASCII"),
        (file(header("(3, 2)", descr: "[('a', '<f8')]")), "descr should be a string"),
        (file(header("(3, 2)", fortran: "0")), "True or False"), (file(header("3")), "'(' should come"),
        (file(header("(3)")), "a tuple such as"), (file(header("(-3, 2)")), "not negative"),
        (file(header("(3.0, 2)")), "a tuple such as"), (file(header("(3, 2")), "should hold whole numbers"),
        (file(header("(3, 2.0)")), "')' should come"),
        (file(header("(1234567890123456789, 2)")), "at most 18 digits"),
        (file(header("(" + String(repeating: "1, ", count: 65) + ")")), "too many dimensions"),
        (file(header("(3, 2)") + "x"), "the header should end"),
        (file(header("(3, 2)"), numbers([1, 2, 3, 4, 5])), "take 48 bytes, but 40 follow"),
        (file(header("(3, 2)"), numbers([1, 2, 3, 4, 5, 6]) + [0]), "take 48 bytes, but 49 follow"),
        (file(header("(3, 2)", descr: "'<f4'"), numbers([1, 2])), "take 24 bytes, but 16 follow"),
    ]

    @Test(arguments: broken.indices)
    func `a broken file is refused with what was found in it`(index: Int) {
        let (bytes, says) = Self.broken[index]
        let fault = #expect(throws: NPYSyntaxFault.self) {
            try DocumentDecoder.riskModelNPY(bytes, kind: .prices, head: Self.head)
        }
        #expect(fault?.message.contains(says) == true, "\(fault?.message ?? "taken")")
    }

    /// Whole files that hold something else.
    private static let wrong:
        [(bytes: [UInt8], kind: DocumentDecoder.ArrayKind, code: DocumentFault.Code, says: String)] = [
            (file(header("(3, 2)", descr: "'>f8'")), .prices, .invalidArray, "big-endian"),
            (file(header("(3, 2)", descr: "'<i8'")), .prices, .invalidArray, "not <i8"),
            (file(header("(3, 2)", descr: "'|O'")), .prices, .invalidArray, "not |O"),
            (file(header("()")), .prices, .invalidArray, "2 dimensions, not 0"),
            (file(header("(6,)")), .prices, .invalidArray, "2 dimensions, not 1"),
            (file(header("(3, 2, 1)")), .prices, .invalidArray, "2 dimensions, not 3"),
            (file(header("(3, 3)")), .prices, .wrongLength, "3 columns, X-Instruments names 2"),
            (file(header("(3, 0)")), .prices, .wrongLength, "0 columns"),
            (file(header("(3, 2)")), .covariance, .wrongLength, "square, not 3 × 2"),
            (file(header("(2, 2)")), .prices, .wrongLength, "at least 3 rows, not 2"),
            (file(header("(1, 2)")), .returns, .wrongLength, "at least 2 rows, not 1"),
            (file(header("(100001, 2)")), .returns, .tooMany, "at most 100000 rows"),
            (file(header("(999999999999999999, 2)")), .returns, .tooMany, "at most 100000 rows"),
            (file(header("(3, 999999999999999999)")), .returns, .tooMany, "at most 4000 columns"),
            (file(header("(999999999999999999, 999999999999999999)")), .covariance, .tooMany, "at most 4000 columns"),
            (file(header("(2, 2)"), numbers([1, .nan, 0, 1])), .covariance, .outOfRange, "covariance[0][1]"),
            (file(header("(2, 2)"), numbers([-1, 0, 0, 1])), .covariance, .outOfRange, "covariance[0][0]"),
            (file(header("(2, 2)"), numbers([1, 0.5, 0.4, 1])), .covariance, .notSymmetric, "row 0, column 1"),
            (file(header("(2, 2)"), numbers([0.1, -1, 0, 0])), .returns, .outOfRange, "returns[0][1]"),
            (file(header("(3, 2)"), numbers([1, 2, 3, 0, 5, 6])), .prices, .outOfRange, "prices[1][1]"),
        ]

    @Test(arguments: wrong.indices)
    func `a file that holds something else is refused with what was found`(index: Int) {
        let (bytes, kind, code, says) = Self.wrong[index]
        let faults =
            #expect(throws: DocumentFaults.self) {
                try DocumentDecoder.riskModelNPY(bytes, kind: kind, head: Self.head)
            }?.faults ?? []
        #expect(faults.contains { $0.code == code && $0.message.contains(says) }, "\(faults)")
    }

    @Test(arguments: [
        (["AAPL", "AAPL"], DocumentFault.Code.duplicate, "instrument 2 of X-Instruments repeats AAPL"),
        (["AAPL", ""], .invalidIdentifier, "instrument 2"), (["AAPL", "a b"], .invalidIdentifier, "instrument 2"),
        (["cash", "BND"], .invalidIdentifier, "instrument 1"),
    ])
    func `the instruments must be identifiers, each once`(ids: [String], code: DocumentFault.Code, says: String) throws
    {
        var head = Self.head
        head.instruments = ids
        let bytes = try Self.fixture("covariance")
        let faults =
            #expect(throws: DocumentFaults.self) {
                try DocumentDecoder.riskModelNPY(bytes, kind: .covariance, head: head)
            }?.faults ?? []
        #expect(faults.contains { $0.code == code && $0.message.contains(says) }, "\(faults)")
    }

    @Test func `no file cut short anywhere is taken`() throws {
        let whole = try Self.fixture("returns_C_f8_v1")
        for length in 0..<whole.count {
            #expect(throws: NPYSyntaxFault.self) {
                try DocumentDecoder.riskModelNPY(Array(whole.prefix(length)), kind: .returns, head: Self.head)
            }
        }
    }
}
