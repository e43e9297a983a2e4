/// An axis over values, with ticks at round numbers: 1, 2 or 5 times a power of ten apart.
struct AxisScale {
    /// The ticks' values, ascending, with 0 among them; the first and the last enclose every value.
    let ticks: [Double]
    /// The distance of two ticks.
    let step: Double

    /// The fewest and the most steps an axis is divided into.
    private static let steps = 4.0
    /// The same of an axis that ends where its values do.
    private static let stepsBetween = 7.0

    /// Makes an axis that holds 0 and all of the values.
    init(holding values: some Sequence<Double>) {
        let finite = values.filter(\.isFinite)
        let lower = min(0, finite.min() ?? 0)
        let upper = max(0, finite.max() ?? 0)
        // Nothing to show is shown on an axis to 10 %.
        let span = upper > lower ? upper - lower : 0.1
        let step = Self.roundStep(span / Self.steps)
        let first = Int((lower / step).rounded(.down))
        let last = max(Int((upper / step).rounded(.up)), first + 1)
        self.step = step
        ticks = (first...last).map { Double($0) * step }
    }

    /// Makes an axis from one value to a larger one, with ticks inside; 0 need not be among them.
    init(between lower: Double, and upper: Double) {
        let step = Self.roundStep((upper - lower) / Self.stepsBetween)
        self.step = step
        // Two values that are as good as one have no ticks between them.
        if let first = Int(exactly: (lower / step).rounded(.up)),
            let last = Int(exactly: (upper / step).rounded(.down)),
            first <= last, last - first < 100
        {
            ticks = (first...last).map { Double($0) * step }
        } else {
            ticks = [lower]
        }
    }

    /// The least of 1, 2, 5, 10 times a power of ten that is not below a distance.
    private static func roundStep(_ distance: Double) -> Double {
        // From 1e-6 to 1e6: weights beyond are drawn all the same, with more or fewer ticks.
        var power = 1e-6
        while power < 1e6, power * 10 <= distance { power *= 10 }
        return [1.0, 2, 5, 10].map { $0 * power }.first { $0 >= distance * (1 - 1e-9) } ?? distance
    }

    /// Decimals that tell two ticks apart when they are written as percentages.
    var percentDecimals: Int { Self.decimals(telling: step * 100, atMost: 4) }

    /// Decimals that tell two ticks apart when they are written as they are.
    var plainDecimals: Int { Self.decimals(telling: step, atMost: 8) }

    private static func decimals(telling step: Double, atMost most: Int) -> Int {
        var decimals = 0
        var distance = step
        while decimals < most, distance < 0.999_999 {
            distance *= 10
            decimals += 1
        }
        return decimals
    }
}
