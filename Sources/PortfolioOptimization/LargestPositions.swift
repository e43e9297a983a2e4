internal import PortfolioModel

/// A limit on the sum of the k largest sizes: kt + Σu ≤ m with u ≥ size − t and u, t ≥ 0 in columns of their own.
///
/// At the least of kt + Σu for given weights t is the k-th largest size and the left-hand side the sum of the k largest
/// (docs/mathematics.md, "The largest positions").
///
/// - SeeAlso: Ogryczak & Tamir, Information Processing Letters 85 (2003), on sums of the k largest in linear programs.
struct LargestSum: Equatable, Sendable {
    /// k.
    var count: Int
    /// Who may be held.
    var members: [Int]
    /// The column of t.
    var level: Int
    /// The columns of u, one a member.
    var excess: [Int]
    /// The first of the expressions that belong to it; the last is the limit itself.
    var expressions: ClosedRange<Int>

    /// The limit's own expression.
    var limit: Int { expressions.upperBound }
}

extension ConstraintCompiler {
    /// Adds the limits on sums of the largest positions.
    mutating func addLargestPositions() -> [LargestSum] {
        let members = problem.instruments.indices.filter { index in
            // What is held counts in a breach, even if it must be sold.
            expressions[index].upper?.bound != 0 || (expressions[index].lower?.bound ?? 0) < 0
                || problem.currentWeights[index] != 0
        }
        var sums: [LargestSum] = []
        for (place, limit) in (problem.constraints.largestPositions ?? []).enumerated()
        where !members.isEmpty && (limit.max < Self.everything || problem.constraints.permitsShorts) {
            let pointer = "/largest_positions/\(place)/max"
            let side = LimitSide(bound: limit.max, parameter: parameter(pointer, limit.max, .up))
            // As many as there are, or more: all of them count.
            guard limit.count < members.count else {
                expressions.append(LimitedExpression(terms: sizes(of: members), lower: nil, upper: side))
                continue
            }
            sums.append(addLargest(limit.count, of: members, side))
        }
        return sums
    }

    private mutating func addLargest(_ count: Int, of members: [Int], _ side: LimitSide) -> LargestSum {
        let first = expressions.count
        let level = layout.addColumn()
        let excess = members.map { _ in layout.addColumn() }
        for column in [level] + excess {
            expressions.append(LimitedExpression(terms: [(column, 1)], lower: LimitSide(bound: 0), upper: nil))
        }
        for (member, column) in zip(members, excess) {
            let size = sizes(of: [member]).map { (variable: $0.variable, coefficient: -$0.coefficient) }
            expressions.append(
                LimitedExpression(terms: [(column, 1), (level, 1)] + size, lower: LimitSide(bound: 0), upper: nil)
            )
        }
        expressions.append(
            LimitedExpression(
                terms: [(level, Double(count))] + excess.map { ($0, 1) },
                lower: nil,
                upper: side
            )
        )
        return LargestSum(
            count: count,
            members: members,
            level: level,
            excess: excess,
            expressions: first...(expressions.count - 1)
        )
    }
}

extension AllocationLimits {
    /// Sets the columns of sums of the largest positions from the weights.
    func settleLargest(_ point: inout [Double]) {
        for sum in largestSums {
            let sizes = sum.members.map { abs(point[$0]) }
            let level = sizes.sorted(by: >)[sum.count - 1]
            point[sum.level] = level
            for (column, size) in zip(sum.excess, sizes) { point[column] = max(0, size - level) }
        }
    }
}

/// A sum of the largest positions held to its limit for some of the instruments alone: what the limit says of them.
struct LargestCut: Equatable, Sendable {
    /// Which sum.
    var sum: Int
    /// As many instruments as it counts.
    var members: [Int]
}

extension AllocationLimits {
    /// The cuts that a point violates, one a sum: its largest positions are more than their limit.
    func violatedCuts(at point: [Double]) -> [LargestCut] {
        largestSums.indices.compactMap { index in
            let sum = largestSums[index]
            let limit = expressions[sum.limit]
            guard let most = limit.upper?.bound, limit.value(at: point) - most > Self.tolerance / 2 else { return nil }
            let largest = sum.members.sorted { (point[$0], $1) > (point[$1], $0) }.prefix(sum.count)
            return LargestCut(sum: index, members: largest.sorted())
        }
    }
}
