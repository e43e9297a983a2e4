/// A limit on how many instruments are held.
struct PositionLimit: Equatable, Sendable {
    /// How many at most.
    var side: LimitSide
    /// Who may be held or not.
    var counted: [Int]
    /// How many have a floor, and are held whatever is chosen.
    var alwaysHeld: Int

    /// How many of those counted may be held; negative when the floors alone are too many.
    var room: Int { Int(exactly: side.bound).map { $0 - alwaysHeld } ?? 0 }
}

/// What a search over who is held has to know beyond the rows.
struct PositionChoice: Equatable, Sendable {
    /// How many may be held of those who may be held or not.
    var most: Int
    /// The columns of these.
    var columns: [Int]
    /// The least that each is held of, if it is held.
    var least: [Double]
    /// Whether some of them may be held short.
    var mayBeShort = false
}
