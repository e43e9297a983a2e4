/// A convex, piecewise linear function of one weight: the lower hull of what its trades are charged.
struct ConvexPiece: Sendable {
    /// Where it bends, ascending, with both ends.
    private(set) var positions: [Double]
    /// Its values there.
    private(set) var values: [Double]

    /// Points nearer than this are one: a part this short has no slope to speak of.
    private static let leastDistance = 1e-10

    /// The lower hull of points; the positions ascend.
    init(hullOf points: [(position: Double, value: Double)]) {
        positions = []
        values = []
        for point in points {
            if let last = positions.last, point.position <= last {
                guard point.value < (values.last ?? .infinity) else {
                    continue
                }
                positions.removeLast()
                values.removeLast()
            }
            while positions.count >= 2, !isConvex(with: point) {
                positions.removeLast()
                values.removeLast()
            }
            positions.append(point.position)
            values.append(point.value)
        }
    }

    private func isConvex(with point: (position: Double, value: Double)) -> Bool {
        let last = positions.count - 1
        let before = (values[last] - values[last - 1]) / (positions[last] - positions[last - 1])
        let after = (point.value - values[last]) / (point.position - positions[last])
        return after > before
    }

    /// Makes a position inside one of its linear parts the end of two.
    mutating func split(at position: Double) {
        guard let first = positions.first, let last = positions.last, first < position, position < last else { return }
        let segment = segment(at: position)
        guard positions[segment] + Self.leastDistance < position, position + Self.leastDistance < positions[segment + 1]
        else { return }
        values.insert(value(at: position), at: segment + 1)
        positions.insert(position, at: segment + 1)
    }

    /// How many linear parts it has.
    var segmentCount: Int { max(0, positions.count - 1) }

    /// The slope of a linear part.
    func slope(_ segment: Int) -> Double {
        (values[segment + 1] - values[segment]) / (positions[segment + 1] - positions[segment])
    }

    /// The value at a position between the ends.
    func value(at position: Double) -> Double {
        guard positions.count > 1 else { return values.first ?? 0 }
        let segment = segment(at: position)
        return values[segment] + slope(segment) * (position - positions[segment])
    }

    /// The linear part that a position lies in.
    func segment(at position: Double) -> Int {
        for segment in 0..<segmentCount where position < positions[segment + 1] { return segment }
        return max(0, segmentCount - 1)
    }
}
