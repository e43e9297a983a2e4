package import PortfolioModel

/// The forms that identifiers have; checked before an identifier reaches the store.
package enum Identifiers {
    /// The longest identifier, in characters; the tables' `VARCHAR(36)`.
    package static let maximumLength = 36

    /// Whether a text may name a portfolio, a risk model or an instrument: 1–36 of letters, digits, `.`, `_`, `-`.
    package static func isCallerMade(_ text: String) -> Bool {
        let bytes = text.utf8
        return (1...maximumLength).contains(bytes.count) && bytes.allSatisfy(isCallerMadeCharacter)
    }

    /// Whether a text has the form of an optimization's identifier: `opt-` and 26 base-32 characters of 128 bits.
    package static func isOptimization(_ text: String) -> Bool {
        isMadeHere(text, prefix: IdentifierSource.optimizationPrefix)
    }

    /// Whether a text has the form of the identifier of a computation of a kind: `fro-`, `reb-` or `fac-` and the same.
    package static func isComputation(_ text: String, _ kind: ComputationKind) -> Bool {
        isMadeHere(text, prefix: kind.identifierPrefix)
    }

    private static func isMadeHere(_ text: String, prefix: String) -> Bool {
        let bytes = Array(text.utf8)
        let prefix = Array(prefix.utf8)
        return bytes.count == prefix.count + CrockfordBase32.length && bytes.starts(with: prefix)
            && CrockfordBase32.isValid(bytes[prefix.count...])
    }

    private static func isCallerMadeCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }
}

/// Crockford's base 32 of 128 bits: 26 characters, in the numbers' order, without I, L, O and U.
package enum CrockfordBase32 {
    /// Characters of an encoded value: 128 bits, padded on the left to 130.
    package static let length = 26

    private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

    /// Encodes 128 bits given as two halves.
    package static func encode(high: UInt64, low: UInt64) -> String {
        var characters = [UInt8](repeating: 0, count: length)
        var (high, low) = (high, low)
        for position in stride(from: length - 1, through: 0, by: -1) {
            characters[position] = alphabet[Int(low & 31)]
            low = low >> 5 | high << 59
            high >>= 5
        }
        return String(decoding: characters, as: UTF8.self)
    }

    /// Whether characters are an encoded value; the first carries three bits only.
    package static func isValid(_ characters: ArraySlice<UInt8>) -> Bool {
        guard characters.count == length, let first = characters.first, first <= UInt8(ascii: "7") else { return false }
        return characters.allSatisfy(alphabet.contains)
    }
}
