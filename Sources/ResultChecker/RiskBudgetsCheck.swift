internal import PortfolioModel

/// Checks that risk contributions are the budgets, or that the result says they are not and moves them no more than the
/// limits that bind ask for.
func checkRiskBudgets(
    of result: OptimizationResult,
    _ exposure: Exposure,
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    guard mandate.request.type == .riskParity else { return }
    let budgets = budgets(of: mandate, &findings)
    let ids = mandate.moments.instruments
    for (i, id) in ids.enumerated() where budgets[i] == 0 {
        let floor = mandate.limits.minWeights?[id] ?? 0
        findings.equal(exposure.weights[i], floor, "target_allocation/\(id), which has no risk budget")
    }
    let warned = result.warnings.contains { $0.code == "risk_budgets_not_met" }
    let isVolatility = mandate.riskMeasure == .volatility
    guard isVolatility ? exposure.variance > 0 : result.metrics.risk != 0 else {
        findings.require(warned, "warnings", expected: "risk_budgets_not_met", actual: "none")
        return
    }
    // Contributions to other measures may be any of several where losses tie: those claimed must be one of them.
    if !isVolatility { TailShares(result.riskContributions, exposure, mandate).check(&findings) }
    let contributions =
        isVolatility
        ? ids.indices.map { exposure.weights[$0] * exposure.marginal[$0] / exposure.variance }
        : ids.map { result.riskContributions[$0] ?? 0 }
    let worst = ids.indices.reduce(0) { max($0, abs(contributions[$1] - budgets[$1])) }
    findings.require(
        warned ? worst > Tolerance.budget / 10 : worst <= Tolerance.budget,
        "risk contributions against their budgets",
        expected: warned ? "a difference, as the warning says" : "a difference of at most \(Tolerance.budget)",
        actual: "\(worst)"
    )
    if warned { checkProportions(contributions, budgets, of: result, mandate, &findings) }
}

/// Where only limits on single instruments bind, all others have contributions in proportion to their budgets.
private func checkProportions(
    _ contributions: [Double],
    _ budgets: [Double],
    of result: OptimizationResult,
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    guard !result.warnings.contains(where: { $0.code == "risk_budgets_not_proportional" }) else { return }
    var atLimit: Set<String> = []
    for binding in result.bindingConstraints {
        let path = binding.constraint.split(separator: "/").map(String.init)
        switch (path.first, path.count) {
        case ("max_position_size", 1), ("min_position_size", 1): atLimit.insert(binding.subject ?? "")
        case ("max_weights", 2), ("min_weights", 2): atLimit.insert(path[1])
        case ("min_cash", 1), ("max_cash", 1): break
        default: return
        }
    }
    var free: [(id: String, contribution: Double, budget: Double)] = []
    for (i, id) in mandate.moments.instruments.enumerated() where budgets[i] > 0 && !atLimit.contains(id) {
        free.append((id, contributions[i], budgets[i]))
    }
    let ratio = free.reduce(0) { $0 + $1.contribution } / free.reduce(0) { $0 + $1.budget }
    for instrument in free {
        findings.equal(
            instrument.contribution,
            ratio * instrument.budget,
            "the risk contribution of \(instrument.id), which is at no limit",
            within: Tolerance.proportion
        )
    }
}

/// The budgets in force, summing to 1, in the order of the moments' instruments.
///
/// The budget of a sector or a class is that of its instruments in equal parts.
private func budgets(of mandate: Mandate, _ findings: inout Findings) -> [Double] {
    let ids = mandate.moments.instruments
    let by = mandate.request.parameters.effectiveRiskBudgetsBy
    var members: [String: [Int]] = [:]
    for (i, id) in ids.enumerated() where mandate.universe.contains(id) {
        if let owner = owner(of: id, by, mandate) {
            members[owner, default: []].append(i)
        } else {
            findings.require(false, "risk_budgets_by", expected: "that \(id) has a \(by.rawValue)", actual: "none")
        }
    }
    let given = mandate.request.parameters.riskBudgets
    for (name, budget) in (given ?? [:]).sorted(by: { $0.key < $1.key }) where budget > 0 && members[name] == nil {
        findings.require(false, "risk_budgets/\(name)", expected: "a \(by.rawValue) of the universe", actual: "none")
    }
    var budgets = [Double](repeating: 0, count: ids.count)
    for (owner, all) in members {
        let sharing = all.filter { !isHeldAtZero(ids[$0], mandate) }
        let budget = given == nil ? 1 : given?[owner] ?? 0
        for i in sharing { budgets[i] = budget / Double(sharing.count) }
    }
    let total = budgets.reduce(0, +)
    if total > 0 { budgets = budgets.map { $0 / total } }
    return budgets
}

/// Who has the budget an instrument shares in.
private func owner(of id: String, _ by: RiskBudgetOwner, _ mandate: Mandate) -> String? {
    switch by {
    case .instrument: id
    case .sector: mandate.instruments[id]?.sector
    case .assetClass: mandate.instruments[id]?.assetClass
    }
}

/// Whether a limit of 0, on it or on a group it is in, keeps an instrument out.
private func isHeldAtZero(_ id: String, _ mandate: Mandate) -> Bool {
    let limits = mandate.limits
    let instrument = mandate.instruments[id]
    if (limits.maxWeights?[id] ?? limits.maxPositionSize) == 0 { return true }
    if (limits.maxWeightChanges?[id] ?? limits.maxWeightChange) == 0, (mandate.current[id] ?? 0) == 0 { return true }
    if limits.maxSectorExposure == 0, instrument?.sector != nil { return true }
    if limits.maxAssetClassExposure == 0, instrument?.assetClass != nil { return true }
    for group in limits.groups ?? [] where group.max == 0 {
        switch group.members {
        case .instruments(let ids): if ids.contains(id) { return true }
        case .memberships(let parts): if parts[id] != nil { return true }
        case .sector(let name): if instrument?.sector == name { return true }
        case .assetClass(let name): if instrument?.assetClass == name { return true }
        }
    }
    return false
}
