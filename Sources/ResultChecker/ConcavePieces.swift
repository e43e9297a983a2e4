/// A concave function of one weight, made of lines, between two ends.
///
/// It is what the periods from one on can gain of an instrument, given its weight in that one (docs/mathematics.md,
/// "A certificate").
struct ConcavePieces {
    /// Where the lines meet, from end to end.
    private(set) var marks: [Double]
    /// The slope between each two of them, descending.
    private(set) var slopes: [Double]
    /// The value at the first mark.
    private(set) var first: Double

    /// A line between two weights.
    init(slope: Double, from lower: Double, to upper: Double) {
        marks = upper > lower ? [lower, upper] : [lower]
        slopes = upper > lower ? [slope] : []
        first = slope * lower
    }

    /// Adds a line.
    mutating func add(slope: Double) {
        first += slope * marks[0]
        for index in slopes.indices { slopes[index] += slope }
    }

    /// Subtracts rate · |x − place|.
    mutating func charge(rate: Double, at place: Double) {
        guard rate > 0 else { return }
        first -= rate * abs(marks[0] - place)
        if let index = slopes.indices.first(where: { marks[$0] < place && place < marks[$0 + 1] }) {
            marks.insert(place, at: index + 1)
            slopes.insert(slopes[index], at: index)
        }
        for index in slopes.indices { slopes[index] += marks[index] < place ? rate : -rate }
    }

    /// Leaves the part between two weights, of which at least one point is in the function's own ends.
    mutating func restrict(from lower: Double, to upper: Double) {
        let low = min(max(lower, marks[0]), marks[marks.count - 1])
        let high = max(low, min(upper, marks[marks.count - 1]))
        first = value(at: low)
        let kept = slopes.indices.filter { marks[$0 + 1] > low && marks[$0] < high }
        slopes = kept.map { slopes[$0] }
        marks = [low] + kept.dropLast().map { marks[$0 + 1] } + (kept.isEmpty ? [] : [high])
    }

    /// Makes it the best that can be reached from a weight y: the largest F(x) − rate · |x − y| with |x − y| ≤ reach.
    ///
    /// Of two concave functions put together like this the lines follow one another by their slopes.
    mutating func precede(rate: Double, reach: Double) {
        guard reach > 0 else { return }
        first -= rate * reach
        var joined: [(slope: Double, length: Double)] = []
        joined.reserveCapacity(slopes.count + 2)
        var hasBought = false
        var hasSold = false
        for (index, slope) in slopes.enumerated() {
            if !hasBought, slope <= rate {
                joined.append((rate, reach))
                hasBought = true
            }
            if !hasSold, slope < -rate {
                joined.append((-rate, reach))
                hasSold = true
            }
            joined.append((slope, marks[index + 1] - marks[index]))
        }
        if !hasBought { joined.append((rate, reach)) }
        if !hasSold { joined.append((-rate, reach)) }
        let last = marks[marks.count - 1] + reach
        var place = marks[0] - reach
        marks.removeAll(keepingCapacity: true)
        slopes.removeAll(keepingCapacity: true)
        marks.append(place)
        for piece in joined {
            place += piece.length
            slopes.append(piece.slope)
            marks.append(place)
        }
        marks[marks.count - 1] = last
    }

    /// The function's value at a weight between its ends.
    func value(at weight: Double) -> Double {
        var value = first
        for (index, slope) in slopes.enumerated() where marks[index] < weight {
            value += slope * (min(weight, marks[index + 1]) - marks[index])
        }
        return value
    }

    /// The weight with the largest F(x) − rate · |x − y|, no further than a reach from y.
    func best(from weight: Double, rate: Double, reach: Double) -> Double {
        // Below the one it pays to buy more, above the other to sell more.
        let least = marks[slopes.firstIndex { $0 <= rate } ?? slopes.count]
        let most = marks[slopes.firstIndex { $0 < -rate } ?? slopes.count]
        let wanted = min(max(weight, least), most)
        return min(max(min(max(wanted, weight - reach), weight + reach), marks[0]), marks[marks.count - 1])
    }
}
