/// How far a point is from satisfying disjunctions, and which one to decide next.
struct BranchingRule {
    private let disjunctions: [Disjunction]
    /// The natural size of x, by which violations of rows like xᵢ ≤ 0 are judged.
    private let variableScale: Double
    private let tolerance: Double
    /// How many disjunctions may be on.
    private let mostOn: Int

    init(_ disjunctions: [Disjunction], mostOn: Int?, variableScale: Double, tolerance: Double) {
        self.mostOn = mostOn ?? disjunctions.count
        self.disjunctions = disjunctions
        self.variableScale = variableScale
        self.tolerance = tolerance
    }

    /// A disjunction that a point satisfies on neither side, and by how much it misses each.
    struct Candidate {
        var disjunction: Int
        var off: Double
        var on: Double

        /// The side that is missed by less.
        var nearer: DisjunctionSide { on < off ? .on : .off }

        /// How much a side is missed by.
        func violation(_ side: DisjunctionSide) -> Double { side == .off ? off : on }
    }

    /// The open disjunctions that a point does not settle, the one that is missed most first.
    ///
    /// That is those satisfied on neither side; and when there is none, but more than may be are not off, all of these.
    func unsettled(_ sides: [DisjunctionSide?], at x: [Double]) -> [Candidate] {
        var missed: [Candidate] = []
        var notOff: [Candidate] = []
        var on = 0
        for (index, side) in sides.enumerated() {
            if side == .on { on += 1 }
            guard side == nil else { continue }
            let off = violation(disjunctions[index].off, at: x)
            guard off > tolerance else { continue }
            let candidate = Candidate(disjunction: index, off: off, on: violation(disjunctions[index].on, at: x))
            notOff.append(candidate)
            if candidate.on > tolerance { missed.append(candidate) }
        }
        if on + notOff.count > mostOn {
            // Too many are on: the largest is most likely to stay, and deciding it says most about the rest.
            return notOff.sorted { a, b in a.off != b.off ? a.off > b.off : a.disjunction < b.disjunction }
        }
        // Ties keep the order of the disjunctions, so that a search repeats itself.
        return missed.sorted { a, b in
            let (first, second) = (min(a.off, a.on), min(b.off, b.on))
            return first != second ? first > second : a.disjunction < b.disjunction
        }
    }

    /// The sides with the rest off once as many are on as may be.
    func completed(_ sides: [DisjunctionSide?]) -> [DisjunctionSide?] {
        let on = sides.reduce(0) { $0 + ($1 == .on ? 1 : 0) }
        return on < mostOn ? sides : sides.map { $0 ?? .off }
    }

    /// The sides with every open disjunction put on its nearer side, and those furthest from off first where too many
    /// would be on.
    func rounded(_ sides: [DisjunctionSide?], at x: [Double]) -> [DisjunctionSide] {
        var result = sides.enumerated().map { index, side in side ?? nearerSide(index, at: x).side }
        var excess = result.reduce(0) { $0 + ($1 == .on ? 1 : 0) } - mostOn
        guard excess > 0 else { return result }
        let smallestFirst = result.indices.filter { sides[$0] == nil && result[$0] == .on }
            .map { (index: $0, distance: violation(disjunctions[$0].off, at: x)) }
            .sorted { a, b in a.distance != b.distance ? a.distance < b.distance : a.index > b.index }
        for (index, _) in smallestFirst where excess > 0 {
            result[index] = .off
            excess -= 1
        }
        return result
    }

    /// The side that x violates less, off when equal, and by how much.
    private func nearerSide(_ index: Int, at x: [Double]) -> (side: DisjunctionSide, violation: Double) {
        let off = violation(disjunctions[index].off, at: x)
        let on = violation(disjunctions[index].on, at: x)
        return on < off ? (.on, on) : (.off, off)
    }

    private func violation(_ rows: [LinearRow], at x: [Double]) -> Double {
        var worst = 0.0
        for row in rows {
            var value = -row.upperBound
            var largest = 0.0
            for (column, coefficient) in zip(row.columns, row.coefficients) {
                value += coefficient * x[column]
                largest = max(largest, coefficient.magnitude)
            }
            let size = max(row.upperBound.magnitude, largest * variableScale)
            let excess = row.isEquality ? value.magnitude : value
            if size > 0 { worst = max(worst, excess / size) } else if excess > 0 { worst = .infinity }
        }
        return worst
    }
}
