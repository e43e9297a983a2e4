import Glibc
import JSON
import TestSupport
import Testing

@Suite("Numbers")
struct NumberScannerTests {
    private func number(_ text: String) -> Double? {
        Array(text.utf8).withUnsafeBytes { NumberScanner.number(in: $0) }
    }

    @Test(
        arguments: [
            ("0", 0), ("-0", 0), ("1", 1), ("-1", -1), ("10", 10), ("0.1", 0.1), ("-0.5", -0.5), ("1e3", 1000),
            ("1E+3", 1000), ("1e-3", 0.001), ("123456789012345678901234567890", 1.2345678901234568e29),
            ("1.7976931348623157e308", Double.greatestFiniteMagnitude), ("5e-324", .leastNonzeroMagnitude),
            ("1e-400", 0),
            ("9007199254740993", 9_007_199_254_740_992), ("18446744073709551615", 18_446_744_073_709_551_616),
            ("0.000000000000000000000000000001", 1e-30), ("2.2250738585072014e-308", .leastNormalMagnitude),
        ] as [(String, Double)]
    )
    func `a JSON number is read`(_ text: String, _ expected: Double) {
        #expect(number(text) == expected)
    }

    @Test(
        arguments: [
            "", "-", "+1", ".5", "1.", "01", "-01", "00", "1e", "1e+", "1e1.5", "0x10", "NaN", "Infinity", "-Infinity",
            "1e400", "-1e400", "1 ", " 1", "1_000", "1,5", "--1", "1.2.3", "1e400000000000000000000",
            String(repeating: "1", count: 65),
        ]
    )
    func `anything else is refused`(_ text: String) {
        #expect(number(text) == nil)
    }

    @Test(arguments: [UInt64(1), 2, 3, 4])
    func `every number is the nearest double, as strtod gives it`(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<50_000 {
            let bits = UInt64.random(in: 0..<UInt64.max, using: &generator)
            let digitCount = Int.random(in: 1...20, using: &generator)
            let digits = String(bits).prefix(digitCount)
            let point = Int.random(in: 0...digits.count, using: &generator)
            let integer = digits.prefix(point).drop { $0 == "0" }
            let fraction = digits.dropFirst(point)
            let exponent = Int.random(in: -40...40, using: &generator)
            var text = (integer.isEmpty ? "0" : String(integer)) + (fraction.isEmpty ? "" : "." + fraction)
            if Bool.random(using: &generator) { text += "e\(exponent)" }
            let expected = strtod(text, nil)
            let actual = number(text)
            #expect(actual?.bitPattern == expected.bitPattern, "\(text)")
        }
    }

    @Test(arguments: [UInt64(5), 6])
    func `the shortest form of a double reads back to its bits`(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<50_000 {
            let value = Double(bitPattern: UInt64.random(in: 0...UInt64.max, using: &generator))
            guard value.isFinite else { continue }
            #expect(number(value.description)?.bitPattern == value.bitPattern, "\(value)")
        }
    }

    @Test func `halfway cases round to even`() {
        // 2^53 + 1 and its neighbours, scaled by powers of ten so that the quotient path meets exact ties.
        for text in ["9007199254740993e-0", "90071992547409930e-1", "900719925474099300e-2", "9007199254740993.0"] {
            #expect(number(text) == 9_007_199_254_740_992, "\(text)")
        }
        #expect(number("9007199254740993.000000000000000001") == 9_007_199_254_740_994)
        #expect(number("4503599627370496.5") == 4_503_599_627_370_496)
        #expect(number("4503599627370497.5") == 4_503_599_627_370_498)
    }
}
