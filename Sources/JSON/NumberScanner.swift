import Glibc

/// Reads JSON numbers out of bytes, each to the nearest double.
///
/// Most numbers take an exact integer path; the rest goes to `strtod`. Both round to nearest, ties to even, so the two
/// agree to the bit.
package enum NumberScanner {
    /// The longest number taken, in characters: a double needs 17 digits, a sign and an exponent.
    package static let maximumLength = 64

    /// Reads text that is one JSON number and nothing else; nil for anything else and for what no double can hold.
    package static func number(in text: UnsafeRawBufferPointer) -> Double? {
        var index = 0
        guard let value = scan(text, &index), index == text.count else { return nil }
        return value
    }

    /// Reads the number that begins at `index` and moves `index` behind it.
    ///
    /// Returns nil, with `index` anywhere, when no number of at most ``maximumLength`` characters begins there or
    /// no double can hold it.
    static func scan(_ bytes: UnsafeRawBufferPointer, _ index: inout Int) -> Double? {
        let start = index
        let isNegative = index < bytes.count && bytes[index] == UInt8(ascii: "-")
        if isNegative { index += 1 }
        var digits = Digits()
        let integerStart = index
        digits.take(bytes, &index)
        let integerDigits = index - integerStart
        guard integerDigits > 0, integerDigits == 1 || bytes[integerStart] != UInt8(ascii: "0") else { return nil }
        var exponent = 0
        if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
            index += 1
            let fractionStart = index
            digits.take(bytes, &index)
            guard index > fractionStart else { return nil }
            exponent = fractionStart - index
        }
        if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
            guard let explicit = scanExponent(bytes, &index) else { return nil }
            exponent += explicit
        }
        guard index - start <= maximumLength else { return nil }
        let magnitude =
            digits.exactValue(timesTenTo: exponent)
            ?? readWithLibrary(bytes, from: isNegative ? start + 1 : start, to: index)
        guard magnitude.isFinite else { return nil }
        return isNegative ? -magnitude : magnitude
    }

    private static func scanExponent(_ bytes: UnsafeRawBufferPointer, _ index: inout Int) -> Int? {
        index += 1
        var isNegative = false
        if index < bytes.count, bytes[index] == UInt8(ascii: "-") || bytes[index] == UInt8(ascii: "+") {
            isNegative = bytes[index] == UInt8(ascii: "-")
            index += 1
        }
        let start = index
        var value = 0
        while index < bytes.count, bytes[index] &- 48 < 10 {
            // Beyond a few thousand every double is 0 or infinite; the cap keeps the sum from overflowing.
            value = Swift.min(value * 10 + Int(bytes[index] &- 48), 100_000)
            index += 1
        }
        guard index > start else { return nil }
        return isNegative ? -value : value
    }

    /// Reads the characters with `strtod`; the process keeps the "C" locale, whose decimal sign is the point.
    private static func readWithLibrary(_ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int) -> Double {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: end - start + 1) { text in
            for offset in start..<end { text[offset - start] = CChar(bitPattern: bytes[offset]) }
            text[end - start] = 0
            guard let first = text.baseAddress else { return .nan }
            return strtod(first, nil)
        }
    }
}

/// The significant digits of a number, as an integer while they fit 64 bits.
private struct Digits {
    private var mantissa: UInt64 = 0
    private var fits = true

    /// Takes the decimal digits at `index` and moves `index` behind them.
    @inline(__always)
    mutating func take(_ bytes: UnsafeRawBufferPointer, _ index: inout Int) {
        while index < bytes.count {
            let digit = bytes[index] &- 48
            guard digit < 10 else { return }
            // 10 · limit + 9 still fits; beyond it the library reads the number.
            if mantissa <= 1_844_674_407_370_955_160 {
                mantissa = mantissa &* 10 &+ UInt64(digit)
            } else {
                fits = false
            }
            index += 1
        }
    }

    /// The double nearest to mantissa · 10^exponent, or nil where integer arithmetic of 128 bits is not enough.
    @inline(__always)
    func exactValue(timesTenTo exponent: Int) -> Double? {
        guard fits else { return nil }
        if exponent == 0 || mantissa == 0 { return Double(mantissa) }
        if mantissa <= 1 << 53, (-22...22).contains(exponent) {
            // Both operands are exact, so the one operation rounds once.
            let value = Double(mantissa)
            return exponent < 0 ? value / powersOfTen[-exponent] : value * powersOfTen[exponent]
        }
        guard exponent < 0, exponent >= -27 else { return nil }
        return quotient(byFiveTo: -exponent)
    }

    /// mantissa / 5^power / 2^power, rounded once.
    ///
    /// Dividend and divisor are shifted until their top bits are set; the quotient then has 63 or 64 bits. A remainder
    /// is kept in its lowest bit, far below the 53 that survive, so that converting it rounds as the exact value would.
    @inline(__always)
    private func quotient(byFiveTo power: Int) -> Double {
        let divisor = powersOfFive[power]
        let dividendShift = mantissa.leadingZeroBitCount
        let divisorShift = divisor.leadingZeroBitCount
        let dividend = mantissa << UInt64(dividendShift)
        let (quotient, remainder) = (divisor << UInt64(divisorShift))
            .dividingFullWidth((dividend >> 1, dividend << 63))
        let scale = divisorShift - dividendShift - power - 63  // never below −153: a normal double
        let rounded = Double(remainder == 0 ? quotient : quotient | 1)
        return rounded * Double(bitPattern: UInt64(1023 + scale) << 52)
    }
}

private let powersOfTen: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
]

/// 5^0 … 5^27, all that fit 64 bits.
private let powersOfFive: [UInt64] = (0...27).map { power in (0..<power).reduce(1) { value, _ in value * 5 } }
