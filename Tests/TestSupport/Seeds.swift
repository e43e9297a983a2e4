/// A small, seeded generator (SplitMix64), so that a failing case can be made again from the seed it prints.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed &+ 0x9E37_79B9_7F4A_7C15 }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A standard normal number (Box–Muller needs logarithms; the sum of twelve uniforms is near enough for data).
    package mutating func normal() -> Double {
        (0..<12).reduce(0) { sum, _ in sum + Double.random(in: 0..<1, using: &self) } - 6
    }

    /// A uniform number of a range.
    package mutating func uniform(_ range: ClosedRange<Double>) -> Double { Double.random(in: range, using: &self) }
}
