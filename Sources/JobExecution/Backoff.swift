/// How long to wait before another try: doubling from 50 ms to 5 s, with jitter so that workers do not return as one.
struct Backoff {
    private static let shortest = 0.05
    private static let longest = 5.0
    private var step = shortest

    /// The pause before the next try.
    ///
    /// - Parameter jitter: a uniform number in [0, 1).
    /// - Returns: between half and all of the current step.
    mutating func next(jitter: Double) -> Duration {
        let pause = step * (0.5 + 0.5 * jitter)
        step = min(Self.longest, step * 2)
        return .milliseconds(pause * 1000)
    }

    /// A try succeeded.
    mutating func reset() { step = Self.shortest }
}
