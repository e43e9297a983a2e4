internal import PortfolioModel

/// Checks every limit in force against recomputed weights.
func checkConstraints(of exposure: Exposure, _ mandate: Mandate, _ findings: inout Findings) {
    checkPositions(of: exposure, mandate, &findings)
    checkGroups(of: exposure, mandate, &findings)
    checkChanges(of: exposure, mandate, &findings)
    let limits = mandate.limits
    if let limit = limits.maxTurnover {
        findings.atMost(
            oneWayTurnover(exposure, mandate),
            mandate.most(limit, "/max_turnover"),
            "constraints/max_turnover"
        )
    }
    if limits.targetVolatility != nil || limits.maxRisk != nil || limits.minReturn != nil {
        let worst = WorstCase(exposure, mandate)
        if let limit = limits.targetVolatility {
            findings.atMost(
                worst?.volatility ?? .nan,
                mandate.most(limit, "/target_volatility"),
                "constraints/target_volatility"
            )
        }
        if let limit = limits.maxRisk {
            findings.atMost(worst?.risk ?? .nan, mandate.most(limit, "/max_risk"), "constraints/max_risk")
        }
        if let limit = limits.minReturn {
            findings.atLeast(
                worst?.expectedReturn ?? .nan,
                mandate.least(limit, "/min_return"),
                "constraints/min_return"
            )
        }
    }
    if let limit = limits.maxPositions.map({ mandate.most(Double($0), "/max_positions") }) {
        let held = exposure.weights.reduce(0) { $0 + ($1 != 0 ? 1 : 0) }
        findings.require(
            Double(held) <= limit,
            "constraints/max_positions",
            expected: "at most \(limit) instruments",
            actual: "\(held)"
        )
    }
    if let limit = limits.maxTrackingError {
        findings.atMost(
            trackingError(exposure, mandate),
            mandate.most(limit, "/max_tracking_error"),
            "constraints/max_tracking_error"
        )
    }
    if let limit = limits.maxGrossExposure {
        findings.atMost(exposure.gross, mandate.most(limit, "/max_gross_exposure"), "constraints/max_gross_exposure")
    }
    for (index, limit) in (limits.largestPositions ?? []).enumerated() {
        let pointer = "/largest_positions/\(index)/max"
        findings.atMost(exposure.largest(limit.count), mandate.most(limit.max, pointer), "constraints\(pointer)")
    }
    checkFactorLimits(of: exposure, mandate, &findings)
    checkScenarioLosses(of: exposure, mandate, &findings)
    let mostCash = limits.maxCash ?? limits.minCash ?? 0
    findings.atLeast(exposure.cash, mandate.least(limits.minCash ?? 0, "/min_cash"), "constraints/min_cash")
    findings.atMost(exposure.cash, mandate.most(mostCash, "/max_cash"), "constraints/max_cash")
}

/// √((w − b)ᵀΣ(w − b)); infinite without a benchmark.
func trackingError(_ exposure: Exposure, _ mandate: Mandate) -> Double {
    guard let benchmark = mandate.snapshot.portfolio.benchmark else { return .infinity }
    let active = mandate.moments.instruments.enumerated().map { index, id in
        exposure.weights[index] - (benchmark[id] ?? 0)
    }
    return Exposure(weights: active, cash: 0, moments: mandate.moments).volatility
}

/// ½ Σ|target − current| over instruments and cash.
func oneWayTurnover(_ exposure: Exposure, _ mandate: Mandate) -> Double {
    var target: [String: Double] = ["cash": exposure.cash]
    for (i, id) in mandate.moments.instruments.enumerated() { target[id] = exposure.weights[i] }
    var moved = 0.0
    for id in Set(target.keys).union(mandate.current.keys).sorted() {
        moved += abs((target[id] ?? 0) - (mandate.current[id] ?? 0))
    }
    return 0.5 * moved
}

private func checkPositions(of exposure: Exposure, _ mandate: Mandate, _ findings: inout Findings) {
    let limits = mandate.limits
    let instruments = mandate.moments.instruments
    for (index, weight) in exposure.weights.enumerated() where weight != 0 {
        let id = instruments[index]
        if !mandate.universe.contains(id) {
            findings.require(false, "universe", expected: "\(id) sold, it is outside", actual: "\(weight)")
        }
        if let general = limits.maxPositionSize, limits.maxWeights?[id] == nil {
            let most = mandate.most(general, "/max_position_size", id)
            findings.atMost(weight, most, "constraints/max_position_size of \(id)")
        }
        if weight < 0 {
            findings.require(mandate.permitsShorts, "allow_short", expected: "\(id) not short", actual: "\(weight)")
            if let general = limits.maxPositionSize, limits.minWeights?[id] == nil {
                let least = mandate.least(-general, "/max_position_size", id)
                findings.atLeast(weight, least, "constraints/max_position_size of \(id)")
            }
        }
        if let threshold = limits.minPositionSize, limits.minWeights?[id] == nil {
            findings.atLeast(abs(weight), threshold, "constraints/min_position_size of \(id)")
        }
    }
    guard limits.maxWeights != nil || limits.minWeights != nil else { return }
    let target = Dictionary(zip(instruments, exposure.weights)) { first, _ in first }
    for (id, limit) in (limits.maxWeights ?? [:]).sorted(by: { $0.key < $1.key }) {
        findings.atMost(target[id] ?? 0, mandate.most(limit, "/max_weights/\(id)"), "constraints/max_weights/\(id)")
    }
    for (id, limit) in (limits.minWeights ?? [:]).sorted(by: { $0.key < $1.key }) {
        findings.atLeast(target[id] ?? 0, mandate.least(limit, "/min_weights/\(id)"), "constraints/min_weights/\(id)")
    }
}

/// |w − c| of every instrument against its own limit, or the general one.
private func checkChanges(of exposure: Exposure, _ mandate: Mandate, _ findings: inout Findings) {
    guard mandate.limits.maxWeightChange != nil || mandate.limits.maxWeightChanges != nil else { return }
    for (index, id) in mandate.moments.instruments.enumerated() {
        guard let most = mandate.limits.maxWeightChanges?[id] ?? mandate.limits.maxWeightChange else { continue }
        let isOwn = mandate.limits.maxWeightChanges?[id] != nil
        let claim = isOwn ? "constraints/max_weight_changes/\(id)" : "constraints/max_weight_change of \(id)"
        let inForce = mandate.most(most, isOwn ? "/max_weight_changes/\(id)" : "/max_weight_change")
        findings.atMost(abs(exposure.weights[index] - (mandate.current[id] ?? 0)), inForce, claim)
    }
}

private func checkGroups(of exposure: Exposure, _ mandate: Mandate, _ findings: inout Findings) {
    let limits = mandate.limits
    let instruments = mandate.instruments
    if let limit = limits.maxSectorExposure {
        for sector in Set(instruments.values.compactMap(\.sector)).sorted() {
            let total = exposure.size(mandate.moments) { instruments[$0]?.sector == sector }
            let most = mandate.most(limit, "/max_sector_exposure", sector)
            findings.atMost(total, most, "constraints/max_sector_exposure of \(sector)")
        }
    }
    if let limit = limits.maxAssetClassExposure {
        for assetClass in Set(instruments.values.compactMap(\.assetClass)).sorted() {
            let total = exposure.size(mandate.moments) { instruments[$0]?.assetClass == assetClass }
            let most = mandate.most(limit, "/max_asset_class_exposure", assetClass)
            findings.atMost(total, most, "constraints/max_asset_class_exposure of \(assetClass)")
        }
    }
    for (index, group) in (limits.groups ?? []).enumerated() {
        let total = groupTotal(group, exposure, mandate)
        let pointer = "/groups/\(index)"
        if let limit = group.max.map({ mandate.most($0, pointer + "/max") }) {
            findings.atMost(total, limit, "constraints\(pointer)/max")
        }
        if let limit = group.min.map({ mandate.least($0, pointer + "/min") }) {
            findings.atLeast(total, limit, "constraints\(pointer)/min")
        }
    }
}

func groupTotal(_ group: GroupLimit, _ exposure: Exposure, _ mandate: Mandate) -> Double {
    var total = 0.0
    for (part, weight) in zip(memberships(in: group, mandate), exposure.weights) where part != 0 {
        total += part * weight
    }
    return total
}

/// The part of each instrument of the moments that belongs to a group.
func memberships(in group: GroupLimit, _ mandate: Mandate) -> [Double] {
    let ids = mandate.moments.instruments
    switch group.members {
    case .instruments(let named):
        let members = Set(named)
        return ids.map { members.contains($0) ? 1 : 0 }
    case .memberships(let parts): return ids.map { parts[$0] ?? 0 }
    case .sector(let sector): return ids.map { mandate.instruments[$0]?.sector == sector ? 1 : 0 }
    case .assetClass(let assetClass): return ids.map { mandate.instruments[$0]?.assetClass == assetClass ? 1 : 0 }
    }
}
