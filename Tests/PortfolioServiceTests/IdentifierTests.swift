import Testing

import PortfolioService

@Suite("Identifiers")
struct IdentifierTests {
    @Test func `a hundred thousand identifiers are distinct, in order, and of the published form`() {
        let source = IdentifierSource()
        let ids = (0..<100_000).map { _ in source.makeOptimizationID() }

        #expect(Set(ids).count == ids.count)
        #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
        #expect(ids.allSatisfy(Identifiers.isOptimization))
        #expect(ids.allSatisfy { $0.utf8.count == 30 && $0.hasPrefix("opt-") })
    }

    @Test func `a clock that stands still or goes back does not disturb the order`() {
        var clock: UInt64 = 1_750_000_000_000_000_000
        let source = IdentifierSource(nanosecondsSinceEpoch: { clock })
        var ids = (0..<5000).map { _ in source.makeOptimizationID() }
        clock -= 3_600_000_000_000
        ids += (0..<10).map { _ in source.makeOptimizationID() }

        #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test func `the bits are those of a UUID version 7 of the clock's millisecond`() throws {
        let milliseconds: UInt64 = 1_750_377_600_123
        let source = IdentifierSource(nanosecondsSinceEpoch: { milliseconds * 1_000_000 + 500_000 })
        let id = source.makeOptimizationID()
        let (high, low) = try #require(decode(String(id.dropFirst(4))))

        #expect(high >> 16 == milliseconds)
        #expect(high >> 12 & 0xF == 7)
        #expect(high & 0xFFF == 2048)  // half a millisecond in 1/4096
        #expect(low >> 62 == 0b10)
    }

    @Test func `base 32 keeps the numbers' order and pads on the left`() {
        #expect(CrockfordBase32.encode(high: 0, low: 0) == String(repeating: "0", count: 26))
        #expect(CrockfordBase32.encode(high: 0, low: 31) == String(repeating: "0", count: 25) + "Z")
        #expect(CrockfordBase32.encode(high: .max, low: .max) == "7" + String(repeating: "Z", count: 25))
        #expect(CrockfordBase32.encode(high: 1, low: 0) == "0000000000000" + "G000000000000")
    }

    @Test(arguments: [
        "", "opt-", "opt-789012", "opt-0197C7B0Z8ABCDEFGHJKMNPQR", "opt-0197C7B0Z8ABCDEFGHJKMNPQRST",
        "opt-8197C7B0Z8ABCDEFGHJKMNPQRS", "opt-0197c7b0z8abcdefghjkmnpqrs", "opt-0197C7B0Z8ABCDEFGHIKMNPQRS",
        "fro-0197C7B0Z8ABCDEFGHJKMNPQRS", "opt-0197C7B0Z8ABCDEFGHJKMNPQR\0", "opt-0197C7B0Z8ABCDEFGHJKMNPQR'",
    ])
    func `a text of another form is no optimization's identifier`(text: String) {
        #expect(!Identifiers.isOptimization(text))
    }

    @Test func `an identifier of the right form is recognized`() {
        #expect(Identifiers.isOptimization("opt-0197C7B0Z8ABCDEFGHJKMNPQRS"))
    }

    @Test(arguments: [
        ("A", true), ("port-123456", true), ("a.b_c-D9", true), (String(repeating: "x", count: 36), true),
        (String(repeating: "x", count: 37), false), ("", false), ("a b", false), ("a/b", false), ("é", false),
        ("a\0", false), ("'; DROP TABLE", false),
    ])
    func `callers' identifiers have 1 to 36 of the allowed characters`(text: String, valid: Bool) {
        #expect(Identifiers.isCallerMade(text) == valid)
    }

    private func decode(_ text: String) -> (high: UInt64, low: UInt64)? {
        let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
        var (high, low): (UInt64, UInt64) = (0, 0)
        for character in text {
            guard let digit = alphabet.firstIndex(of: character) else { return nil }
            high = high << 5 | low >> 59
            low = low << 5 | UInt64(digit)
        }
        return (high, low)
    }
}
