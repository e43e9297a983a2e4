internal import LinearAlgebra

/// A primal–dual active-set method: solve the equations of the guessed working set, move every member whose sign is
/// wrong to the other side at once, and repeat.
///
/// It needs a handful of rounds where a walk needs one event for each change, but nothing guarantees that it ends. So it
/// only guesses: where it does not converge, the walk starts from what it left.
///
/// - SeeAlso: Hintermüller, Ito & Kunisch, SIAM J. Optimization 13 (2002).
struct SupportGuess {
    let set: WorkingSet
    /// Rounds taken.
    var rounds = 0

    /// A sign counts as wrong beyond this share of the gradient's scale, a bound as passed beyond this distance.
    static let gradientTolerance = 1e-12
    static let pointTolerance = 1e-13

    init(_ set: WorkingSet) { self.set = set }

    /// Guesses from the places as they stand.
    ///
    /// - Returns: whether the guess satisfies every condition; then point, multipliers and gradient are the solution.
    mutating func run(maximumRounds: Int) -> Bool {
        var best = Int.max
        var worse = 0
        while rounds < maximumRounds {
            rounds += 1
            guard solveGuess() else { return false }
            let wrong = moveWrongMembers(tolerance: set.gradientScale * Self.gradientTolerance)
            if wrong == 0 { return true }
            if wrong >= best {
                worse += 1
                if worse == 3 { return false }
            } else {
                best = wrong
            }
        }
        return false
    }

    /// The rows that are to hold: equations always, the others where they stand.
    private func wantedRows() -> [(row: Int, place: RowPlace)] {
        var wanted: [(row: Int, place: RowPlace)] = []
        for r in 0..<set.totalRows {
            if set.rowLower[r] == set.rowUpper[r] {
                wanted.append((r, .equality))
            } else if set.rowPlaces[r] != .inactive {
                wanted.append((r, set.rowPlaces[r]))
            }
        }
        return wanted
    }

    /// Solves the equations of the guessed working set.
    private func solveGuess() -> Bool {
        guard set.factorSystem(rows: wantedRows()) else { return false }
        set.evaluate()
        guard set.correct() else { return false }
        set.evaluate()
        return true
    }

    private func moveWrongMembers(tolerance: Double) -> Int {
        var wrong = moveRows()
        let places = set.places
        for j in 0..<set.count {
            switch places[j] {
            case .free:
                let isLow = set.x[j] < set.low[j] - Self.pointTolerance
                guard isLow || set.x[j] > set.high[j] + Self.pointTolerance else { continue }
                wrong += 1
                stopFree(j, isHigh: !isLow)
            case .lower, .upper:
                guard set.sign[j] * set.gradient[j] < -tolerance else { continue }
                wrong += 1
                set.setPiece(j, set.slope[j])
                places[j] = .free
                set.sign[j] = 0
            case .kink:
                let width = set.kinkWidth(j) + tolerance
                guard abs(set.gradient[j]) > width else { continue }
                wrong += 1
                set.setPiece(j, set.gradient[j] > 0 ? -1 : 1)
                places[j] = .free
            }
        }
        return wrong
    }

    private func stopFree(_ j: Int, isHigh: Bool) {
        let end = isHigh ? set.high[j] : set.low[j]
        if end == set.upper[j] {
            set.rest(j, at: .upper)
        } else if end == set.lower[j] {
            set.rest(j, at: .lower)
        } else if set.kinkWidth(j) > 0 {
            set.rest(j, at: .kink)
        } else {
            set.setPiece(j, -set.slope[j])
        }
    }

    private func moveRows() -> Int {
        var wrong = 0
        for r in 0..<set.totalRows {
            let size = max(1, abs(set.rowValue[r])) * Self.pointTolerance * 10
            if set.rowLower[r] == set.rowUpper[r] {
                // An equation that could not hold for want of free variables.
                if set.rowPlaces[r] == .inactive, abs(set.rowValue[r] - set.rowUpper[r]) > size { wrong += 1 }
                continue
            }
            switch set.rowPlaces[r] {
            case .inactive:
                if set.rowValue[r] > set.rowUpper[r] + size {
                    set.rowPlaces[r] = .upper
                    wrong += 1
                } else if set.rowValue[r] < set.rowLower[r] - size {
                    set.rowPlaces[r] = .lower
                    wrong += 1
                }
            case .upper, .lower:
                let sign: Double = set.rowPlaces[r] == .upper ? 1 : -1
                if sign * set.multiplier[r] < 0 {
                    set.rowPlaces[r] = .inactive
                    wrong += 1
                }
            case .equality: break
            }
        }
        return wrong
    }
}
