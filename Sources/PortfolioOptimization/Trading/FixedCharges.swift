internal import ConvexSolver
internal import PortfolioModel

/// What trading an instrument at all costs the objective, by a column z that is 1 where it is traded and 0 where not.
///
/// Between lie only relaxations: w − c ≤ (u − c) z and c − w ≤ (c − l) z, the convex hull of the choice
/// (docs/mathematics.md, "Costs and taxes in the objective").
struct FixedCharge: Equatable, Sendable {
    var instrument: Int
    var column: Int
    /// What a trade costs the objective.
    var price: Double
}

extension AllocationProblem {
    /// What one trade of each instrument costs the objective whatever its size; all 0 where fixed costs stay out.
    var objectiveFixedCosts: [Double] {
        let none = [Double](repeating: 0, count: instruments.count)
        guard takesFixedCosts(objective, preferences, riskMeasure, type, constraints, count: instruments.count) else {
            return none
        }
        let horizon = objective == .minimizeTransactionCosts ? 1 : preferences.effectiveCostHorizonYears
        return instruments.map { max(0, $0.cost?.fixed ?? 0) / portfolioValue / horizon }
    }
}

/// Whether costs of trading at all enter an objective: a search over who is traded, which other searches leave no room for.
func takesFixedCosts(
    _ objective: Objective,
    _ preferences: Preferences,
    _ riskMeasure: RiskMeasure,
    _ type: OptimizationType,
    _ constraints: Constraints,
    count: Int
) -> Bool {
    let isAsked =
        objective == .minimizeTransactionCosts
        || (preferences.includeTransactionCosts == true && objective.needsExpectedReturns && !objective.isOfTerms)
    let choosesPositions = constraints.maxPositions != nil || (constraints.minPositionSize ?? 0) > 0
    return isAsked && riskMeasure == .volatility && type != .multiPeriod && !choosesPositions
        && count <= Capabilities.fixedCostInstruments(of: objective)
}

extension ConstraintCompiler {
    /// Adds z ≥ 0 and the two rows of the hull for each instrument whose trades have a fixed cost.
    mutating func addFixedCharges() -> [FixedCharge] {
        var charges: [FixedCharge] = []
        for (index, price) in problem.objectiveFixedCosts.enumerated() {
            guard let column = layout.fixedColumns[index] else { continue }
            let current = problem.currentWeights[index]
            let most = expressions[index].upper?.bound ?? Self.everything
            let least = expressions[index].lower?.bound ?? 0
            expressions.append(LimitedExpression(terms: [(column, 1)], lower: LimitSide(bound: 0), upper: nil))
            expressions.append(
                LimitedExpression(
                    terms: [(index, 1), (column, -max(0, most - current))],
                    lower: nil,
                    upper: LimitSide(bound: current)
                )
            )
            expressions.append(
                LimitedExpression(
                    terms: [(index, 1), (column, max(0, current - least))],
                    lower: LimitSide(bound: current),
                    upper: nil
                )
            )
            charges.append(FixedCharge(instrument: index, column: column, price: price))
        }
        return charges
    }
}

extension ProgramBuilder {
    /// For each instrument with a fixed cost: it stays as it is, or the cost is paid.
    func fixedChoices() -> [Disjunction] {
        limits.charges.fixed.map { charge in
            let current = limits.currentWeights[charge.instrument]
            var kept = LinearRow(
                columns: [charge.instrument],
                coefficients: [1],
                upperBound: current,
                isEquality: true
            )
            var paid = LinearRow(columns: [charge.column], coefficients: [-1], upperBound: -1)
            homogenise(&kept)
            homogenise(&paid)
            return Disjunction(off: [kept], on: [paid])
        }
    }
}
