internal import LinearAlgebra

/// Makes any point of the box the optimum of nearby data, from which a walk leads back to the true data.
///
/// The linear term is shifted until the point's conditions hold and every row is moved to where the point is. The shifts
/// leave a margin, different for each variable, so that the walk starts without ties (docs/mathematics.md, "A start from
/// anywhere").
struct HomotopyStart {
    let set: WorkingSet
    /// The data the walk leads to.
    private let target: [Double]
    private let rowLower: [Double]
    private let rowUpper: [Double]

    /// The margin, as a share of the gradient's scale.
    static let margin = 1e-3

    /// Takes the data of the working set as the target.
    init(_ set: WorkingSet) {
        self.set = set
        target = Array(UnsafeBufferPointer(start: set.linear, count: set.count))
        rowLower = Array(UnsafeBufferPointer(start: set.rowLower, count: set.totalRows))
        rowUpper = Array(UnsafeBufferPointer(start: set.rowUpper, count: set.totalRows))
    }

    /// Shifts the data; the rates then lead from 0 to 1.
    ///
    /// - Returns: false when P is singular on the free variables.
    func prepare(rows wanted: [(row: Int, place: RowPlace)]) -> Bool {
        settlePoint()
        guard set.factorSystem(rows: wanted.filter { isRightSigned($0) }) else { return false }
        for r in 0..<set.totalRows where set.rowPlaces[r] == .inactive && set.rowLower[r] == set.rowUpper[r] {
            guard holdEquation(r) else { return false }
        }
        guard holdLimit() else { return false }
        set.evaluate()
        shiftRows()
        shiftGradient()
        setRates()
        return true
    }

    /// Sets the data to the target exactly, after the walk.
    func finish() {
        target.withUnsafeBufferPointer { source in
            if let start = source.baseAddress { set.linear.update(from: start, count: set.count) }
        }
        set.linearRate.update(repeating: 0, count: set.count)
        for r in 0..<set.totalRows {
            set.rowLower[r] = rowLower[r]
            set.rowUpper[r] = rowUpper[r]
            set.rowLowerRate[r] = 0
            set.rowUpperRate[r] = 0
        }
    }

    /// Free variables outside their piece, or at its end, come to rest there.
    private func settlePoint() {
        for j in 0..<set.count where set.places[j] == .free {
            let room = SupportGuess.pointTolerance + 1e-9 * (set.high[j] - set.low[j])
            let end: Double
            if set.x[j] <= set.low[j] + room {
                end = set.low[j]
            } else if set.x[j] >= set.high[j] - room {
                end = set.high[j]
            } else {
                continue
            }
            let place: Place = end == set.lower[j] ? .lower : end == set.upper[j] ? .upper : .kink
            set.rest(j, at: place)
        }
    }

    private func isRightSigned(_ entry: (row: Int, place: RowPlace)) -> Bool {
        switch entry.place {
        case .upper: set.multiplier[entry.row] > 0
        case .lower: set.multiplier[entry.row] < 0
        case .equality: true
        case .inactive: false
        }
    }

    /// Makes an equation hold that has no free variable of its own, by freeing the resting one that fits best.
    private func holdEquation(_ r: Int) -> Bool {
        if set.activateIfIndependent(r, at: .equality) { return true }
        guard let unexplained = set.unexplained(r) else { return false }
        let largest = unexplained.reduce(0) { max($0, abs($1)) }
        var candidates = (0..<set.count).filter { j in
            set.places[j] != .free && set.lower[j] < set.upper[j] && abs(unexplained[j]) > 1e-6 * largest
        }
        candidates.sort { (abs(set.gradient[$0]), $0) < (abs(set.gradient[$1]), $1) }
        for j in candidates.prefix(32) {
            let place = set.places[j]
            let falls = place == .kink && set.gradient[j] > 0 && set.lower[j] < set.kink[j]
            set.setPiece(j, place == .kink ? (falls ? -1 : 1) : set.slope[j])
            if set.low[j] == set.high[j] { set.setPiece(j, -set.slope[j]) }
            guard set.release(j) else {
                set.rest(j, at: place)
                continue
            }
            if set.activateIfIndependent(r, at: .equality) { return true }
            set.fix(j, at: place)
        }
        return false
    }

    /// Variables that rest at a kink without cost are held there by the limit alone: it has to hold, which takes a
    /// variable that moves up and one that moves down.
    private func holdLimit() -> Bool {
        guard let limitRow = set.limitRow, set.rowPlaces[limitRow] == .inactive else { return true }
        let pinned = (0..<set.count).filter { set.places[$0] == .kink && set.cost[$0] == 0 }
        guard !pinned.isEmpty else { return true }
        if set.multiplier[limitRow] <= 0 {
            set.multiplier[limitRow] = pinned.reduce(0) { max($0, abs(set.gradient[$1])) }
        }
        let multiplier = set.multiplier[limitRow]
        let ranked = pinned.sorted { (set.gradient[$0], $0) < (set.gradient[$1], $1) }
        var next = (rising: 0, falling: ranked.count - 1)
        while next.rising <= next.falling {
            if set.activateIfIndependent(limitRow, at: .upper) { break }
            let rises = next.rising <= ranked.count - 1 - next.falling
            let j = ranked[rises ? next.rising : next.falling]
            if rises { next.rising += 1 } else { next.falling -= 1 }
            set.setPiece(j, rises ? 1 : -1)
            if set.low[j] == set.high[j] || !set.release(j) { set.rest(j, at: .kink) }
        }
        if set.rowPlaces[limitRow] == .inactive, !set.activateIfIndependent(limitRow, at: .upper) { return false }
        set.multiplier[limitRow] = multiplier
        return set.updateSchur()
    }

    private func shiftRows() {
        for r in 0..<set.totalRows {
            let value = set.rowValue[r]
            let slack = Self.margin * max(1e-3, abs(value)) * Self.spread(r)
            switch set.rowPlaces[r] {
            case .equality:
                set.rowLower[r] = value
                set.rowUpper[r] = value
            // The other bound must not cross the one that moved to the value: the walk would take the row for an equation.
            case .upper:
                set.rowUpper[r] = value
                set.rowLower[r] = min(set.rowLower[r], value - slack)
            case .lower:
                set.rowLower[r] = value
                set.rowUpper[r] = max(set.rowUpper[r], value + slack)
            case .inactive:
                if set.rowUpper[r] < value + slack * 1e-3 { set.rowUpper[r] = value + slack }
                if set.rowLower[r] > value - slack * 1e-3 { set.rowLower[r] = value - slack }
            }
        }
    }

    private func shiftGradient() {
        let scale = set.gradientScale * Self.margin
        let (gradient, linear) = (set.gradient, set.linear)
        for j in 0..<set.count {
            var wanted = gradient[j]
            switch set.places[j] {
            case .free: wanted = 0
            case .lower, .upper:
                let value = set.sign[j] * gradient[j]
                if set.sign[j] != 0, value < scale * 1e-6 { wanted = set.sign[j] * scale * Self.spread(j) }
            case .kink:
                let width = set.kinkWidth(j)
                if abs(gradient[j]) > width * (1 - 1e-6) {
                    let inside = max(0, width - min(width / 2, scale * Self.spread(j)))
                    wanted = gradient[j] > 0 ? inside : -inside
                }
            }
            linear[j] += wanted - gradient[j]
            gradient[j] = wanted
        }
    }

    private func setRates() {
        for j in 0..<set.count { set.linearRate[j] = target[j] - set.linear[j] }
        for r in 0..<set.totalRows {
            set.rowLowerRate[r] = rowLower[r] == -.infinity ? 0 : rowLower[r] - set.rowLower[r]
            set.rowUpperRate[r] = rowUpper[r] == .infinity ? 0 : rowUpper[r] - set.rowUpper[r]
        }
    }

    /// A number between 1 and 2 that depends on the index alone: the same problem gives the same bits.
    private static func spread(_ index: Int) -> Double {
        var z = UInt64(truncatingIfNeeded: index) &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return 1 + Double(z >> 11) * 0x1p-53
    }
}
