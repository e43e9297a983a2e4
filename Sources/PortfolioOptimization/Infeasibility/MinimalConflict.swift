internal import PortfolioModel

extension AllocationLimits {
    /// The limits without some of the caller's numbers: as if each could have any value.
    func without(_ dropped: Set<Int>) -> AllocationLimits {
        func isDropped(_ side: LimitSide?) -> Bool { side?.parameter.map { dropped.contains($0) } ?? false }
        var rest = self
        for index in expressions.indices {
            let expression = expressions[index]
            if isDropped(expression.lower) {
                // Whatever floor is dropped, nothing is held short that may not be.
                let mayBeShort = index < layout.cash && layout.shortColumns[index] != nil
                rest.expressions[index].lower = index <= layout.cash && !mayBeShort ? LimitSide(bound: 0) : nil
                // Without max_cash the one number holds cash from both sides.
                if index == layout.cash, expression.upper?.parameter == nil { rest.expressions[index].upper = nil }
            }
            if isDropped(expression.upper) { rest.expressions[index].upper = nil }
        }
        rest.volatilityLimits.removeAll { isDropped($0) }
        if isDropped(riskLimit) { rest.riskLimit = nil }
        if isDropped(trackingLimit?.side) { rest.trackingLimit = nil }
        if isDropped(positionLimit?.side) { rest.positionLimit = nil }
        if isDropped(turnoverLimit) { rest.turnoverLimit = nil }
        if isDropped(threshold) {
            rest.threshold = nil
            rest.thresholdInstruments = []
        }
        return rest
    }
}

/// Narrows numbers that together leave no allocation down to a set of which every one is needed for that.
///
/// What can be dropped without the rest becoming feasible is dropped, many at once where that works: about 2 k log₂(n / k)
/// questions for k of n.
///
/// - Parameters:
///   - suspects: numbers that clash, those that matter most last; the answer is among them.
///   - questions: how often may be asked; what is undecided then stays.
///   - staysInfeasible: whether there is still no allocation without some of the numbers.
/// - Returns: a minimal set, in the order of `suspects`.
/// - SeeAlso: Chinneck & Dravnieks, ORSA Journal on Computing 3 (1991), the deletion filter.
func minimalConflict(
    among suspects: [Int],
    questions: Int,
    staysInfeasible: (Set<Int>) -> Bool
) -> [Int] {
    var dropped: Set<Int> = []
    var remaining = questions
    var chunks = [suspects[...]]
    while let chunk = chunks.popLast(), remaining > 0 {
        guard !chunk.isEmpty else { continue }
        remaining -= 1
        if staysInfeasible(dropped.union(chunk)) {
            dropped.formUnion(chunk)
            continue
        }
        guard chunk.count > 1 else { continue }
        let middle = chunk.startIndex + chunk.count / 2
        // The first half is asked about first: it matters less.
        chunks.append(chunk[middle...])
        chunks.append(chunk[..<middle])
    }
    return suspects.filter { !dropped.contains($0) }
}
