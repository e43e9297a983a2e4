internal import PortfolioModel

/// Limits on how far single weights may move from what is held, |w − c| ≤ most.
extension ConstraintCompiler {
    /// The sides c − most ≤ w ≤ c + most of each limited instrument: folded into its own bounds, or kept for rows.
    ///
    /// A folded bound is the nearer of two of the caller's numbers. Where a number may move, to explain a clash, both have to
    /// be there: then each limit gets a row, beside the bounds (docs/mathematics.md, "Changes of single weights").
    mutating func addWeightChanges() {
        let constraints = problem.constraints
        let general = constraints.maxWeightChange.map { ($0, parameter("/max_weight_change", $0, .up)) }
        for (index, instrument) in problem.instruments.enumerated() {
            let current = problem.currentWeights[index]
            let (most, source, subject): (Double, Int, String?)
            if let own = constraints.maxWeightChanges?[instrument.id] {
                let pointer = "/max_weight_changes/\(pointerToken(instrument.id))"
                (most, source, subject) = (own, parameter(pointer, own, .up), nil)
            } else if let general {
                (most, source, subject) = (general.0, general.1, instrument.id)
            } else {
                continue
            }
            let limit = LimitedExpression(
                terms: [(index, 1)],
                lower: LimitSide(
                    bound: current - most,
                    parameter: source,
                    subject: subject,
                    slope: -1,
                    offset: current
                ),
                upper: LimitSide(bound: current + most, parameter: source, subject: subject, offset: current)
            )
            if foldsChanges { fold(limit, into: index) } else { changes.append((index, limit)) }
        }
    }

    /// Keeps of each side the one that allows less; of equal ones the instrument's own.
    private mutating func fold(_ limit: LimitedExpression, into index: Int) {
        let own = expressions[index]
        if let lower = limit.lower, lower.bound > (own.lower?.bound ?? 0) {
            // What is left of a holding that is nothing but rounding need not be kept.
            if lower.bound > AllocationLimits.tolerance || (own.lower?.bound ?? 0) < 0 {
                expressions[index].lower = lower
            }
        }
        if let upper = limit.upper, upper.bound < own.upper?.bound ?? Self.everything {
            expressions[index].upper = upper
        }
    }

    /// Adds the rows of the limits that were not folded, and says which they are.
    mutating func addChangeRows() -> [Int: Int] {
        var rows: [Int: Int] = [:]
        for change in changes {
            rows[expressions.count] = change.instrument
            expressions.append(change.limit)
        }
        return rows
    }

    /// Raises to the threshold what may not fall to 0 by a limit on its change, and returns who may still be 0.
    mutating func keepHeld(_ instruments: [Int], aboveThreshold bound: Double, _ source: Int) -> [Int] {
        guard foldsChanges else { return instruments }
        return instruments.filter { index in
            let subject = problem.instruments[index].id
            if let lower = expressions[index].lower, lower.bound > 0 {
                if lower.bound < bound {
                    expressions[index].lower = LimitSide(bound: bound, parameter: source, subject: subject)
                }
                return false
            }
            if let upper = expressions[index].upper, upper.bound < 0 {
                if upper.bound > -bound {
                    expressions[index].upper = LimitSide(bound: -bound, parameter: source, subject: subject, slope: -1)
                }
                return false
            }
            return true
        }
    }
}

extension AllocationLimits {
    /// Whether no weight may differ from what is held, by limits on changes.
    var holdsEveryWeight: Bool {
        guard hasFoldedChanges || changeRows.count == layout.instrumentCount else { return false }
        let limited = hasFoldedChanges ? Array(0..<layout.instrumentCount) : Array(changeRows.keys)
        return limited.allSatisfy { index in
            let expression = expressions[index]
            let current = currentWeights[changeRows[index] ?? index]
            return [expression.lower, expression.upper].allSatisfy { side in
                side.map { $0.excess == nil && abs($0.bound - current) <= Self.noTrading } ?? false
            }
        }
    }
}

extension Constraints {
    /// Whether some weight may only move so far.
    var limitsChanges: Bool { maxWeightChange != nil || !(maxWeightChanges ?? [:]).isEmpty }
}

extension AllocationProblem {
    /// The same mandate with nothing said about how much may be traded.
    var withoutTradeLimits: AllocationProblem {
        var copy = self
        copy.constraints.maxTurnover = nil
        copy.constraints.maxWeightChange = nil
        copy.constraints.maxWeightChanges = nil
        return copy
    }
}
