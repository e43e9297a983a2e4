internal import PortfolioModel

/// Recomputes what the target has for its soft limits: each that is told is right, and each that is exceeded is told.
func checkSoftLimits(
    of result: OptimizationResult,
    _ exposure: Exposure,
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    guard !mandate.penalties.isEmpty else {
        findings.require(result.softLimits.isEmpty, "soft_limits", expected: "none", actual: "some")
        return
    }
    var untold = exceeded(result, exposure, mandate)
    for (index, soft) in result.softLimits.enumerated() {
        let claim = "soft_limits/\(index)"
        let named = named(soft.constraint, soft.subject)
        guard let penalty = mandate.penalties[soft.constraint], let limit = Limit(named, exposure, mandate) else {
            let what = "\(soft.constraint) of \(soft.subject ?? "all")"
            findings.require(false, claim, expected: "a soft limit in force", actual: what)
            continue
        }
        untold["\(soft.constraint) \(soft.subject ?? "")"] = nil
        let excess = max(0, limit.isUpper ? limit.value - limit.bound : limit.bound - limit.value)
        findings.equal(soft.bound, limit.bound, "\(claim)/bound")
        findings.equal(soft.value, limit.value, "\(claim)/value", within: Tolerance.limit)
        findings.equal(soft.excess, excess, "\(claim)/excess", within: Tolerance.limit)
        findings.equal(soft.penalty, penalty, "\(claim)/penalty")
    }
    for (name, excess) in untold.sorted(by: { $0.key < $1.key }) where excess > Tolerance.limit {
        findings.require(false, "soft_limits", expected: "\(name), exceeded by \(excess)", actual: "left out")
    }
}

/// By how much the target exceeds each soft limit, wherever it is applied.
private func exceeded(
    _ result: OptimizationResult,
    _ exposure: Exposure,
    _ mandate: Mandate
) -> [String: Double] {
    var candidates = BreachesLetBe.candidates(mandate, holding: result.targetAllocation)
    candidates += [("/max_turnover", nil), ("/min_return", nil)]
    for id in mandate.moments.instruments {
        candidates += [("/max_weight_change", id), ("/max_weight_changes/\(id)", nil)]
    }
    var found: [String: Double] = [:]
    for (pointer, subject) in candidates where mandate.penalties[pointer] != nil {
        guard let limit = Limit(named(pointer, subject), exposure, mandate) else { continue }
        let excess = limit.isUpper ? limit.value - limit.bound : limit.bound - limit.value
        if excess > 0 { found["\(pointer) \(subject ?? "")"] = excess }
    }
    return found
}

private func named(_ pointer: String, _ subject: String?) -> BindingConstraint {
    BindingConstraint(constraint: pointer, subject: subject, bound: .nan, value: .nan, shadowPrice: nil)
}
