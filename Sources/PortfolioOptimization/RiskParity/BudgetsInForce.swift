internal import PortfolioModel

/// The budgets in force, one for each instrument of the problem, summing to 1: those of the request, or equal ones.
///
/// What may not be held has none, unless the request gives it one, which is a mistake. What the limits hold at 0 has none
/// either. The budget of a sector or a class is divided equally among the others of it, so that their contributions sum to
/// it; where none is left, the others share it in proportion to theirs.
///
/// - Throws: `unclassified_instrument` where budgets are of groups and an instrument of the universe is in none;
///   `invalid_inputs` for a budget of nobody, and where nobody has one.
func riskBudgets(
    of problem: AllocationProblem,
    _ limits: AllocationLimits
) throws(OptimizationFailure) -> [Double] {
    let owners = try budgetOwners(of: problem)
    let given = problem.parameters.riskBudgets?.filter { $0.value > 0 }
    if let given {
        let known = Set(owners.compactMap(\.self))
        let unknown = given.keys.filter { !known.contains($0) }.min()
        if let unknown { throw budgetOfNobody(unknown, problem.parameters.effectiveRiskBudgetsBy) }
    }
    let heldAtZero = limits.heldAtZero
    var sharers: [String: Int] = [:]
    for (index, owner) in owners.enumerated() where !heldAtZero.contains(index) {
        if let owner { sharers[owner, default: 0] += 1 }
    }
    let budgets = owners.enumerated().map { index, owner -> Double in
        guard let owner, !heldAtZero.contains(index), let count = sharers[owner] else { return 0 }
        let budget = given.map { $0[owner] ?? 0 } ?? 1
        return budget / Double(count)
    }
    let total = budgets.reduce(0, +)
    guard total > 0 else { throw missingBudgets() }
    return budgets.map { $0 / total }
}

/// Who has each instrument's budget: itself, its sector or its class; nil outside the universe.
private func budgetOwners(of problem: AllocationProblem) throws(OptimizationFailure) -> [String?] {
    var owners: [String?] = []
    for (index, instrument) in problem.instruments.enumerated() {
        guard problem.isTradable[index] else {
            owners.append(nil)
            continue
        }
        let owner =
            switch problem.parameters.effectiveRiskBudgetsBy {
            case .instrument: instrument.id
            case .sector: instrument.sector
            case .assetClass: instrument.assetClass
            }
        guard let owner else { throw unclassified(instrument.id, problem.parameters.effectiveRiskBudgetsBy) }
        owners.append(owner)
    }
    return owners
}

private func unclassified(_ id: String, _ by: RiskBudgetOwner) -> OptimizationFailure {
    OptimizationFailure(
        code: "unclassified_instrument",
        message:
            "\(id) is in no \(described(by)), and risk budgets are those of each: give it one or leave it out of the"
            + " universe."
    )
}

private func budgetOfNobody(_ name: String, _ by: RiskBudgetOwner) -> OptimizationFailure {
    let message =
        by == .instrument
        ? "\(name) has a risk budget but is outside the universe."
        : "\(name) has a risk budget but no instrument of the universe is in a \(described(by)) of that name."
    return OptimizationFailure(code: "invalid_inputs", message: message)
}

/// The failure where nobody that may be held has a budget.
func missingBudgets() -> OptimizationFailure {
    OptimizationFailure(
        code: "invalid_inputs",
        message: "No instrument of the universe that the limits allow to be held has a risk budget."
    )
}

private func described(_ by: RiskBudgetOwner) -> String {
    switch by {
    case .instrument: "instrument"
    case .sector: "sector"
    case .assetClass: "asset class"
    }
}

extension AllocationLimits {
    /// The instruments that an upper limit of 0 keeps out, alone or as one of a sector, class or group.
    fileprivate var heldAtZero: Set<Int> {
        var found: Set<Int> = []
        for expression in expressions where expression.upper?.bound == 0 {
            guard expression.terms.allSatisfy({ $0.coefficient > 0 && $0.variable < layout.cash }) else { continue }
            found.formUnion(expression.terms.map(\.variable))
        }
        return found
    }
}
