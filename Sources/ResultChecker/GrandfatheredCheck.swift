internal import PortfolioModel

/// What the holdings come to where they break a limit, which is then in force instead of it; recomputed from the snapshot.
struct BreachesLetBe: Sendable {
    private struct Key: Hashable {
        var pointer: String
        var subject: String?
        var isUpper: Bool
    }

    private struct Breach {
        /// The mandate's own limit.
        var limit: Double
        /// What the holdings come to.
        var value: Double
        /// By how much they break it.
        var excess: Double
    }

    private var breaches: [Key: Breach] = [:]

    /// None.
    init() {}

    /// Finds the breaches of a mandate that lets them be.
    init(of mandate: Mandate) {
        guard mandate.limits.grandfatherBreaches == true else { return }
        let holdings = Exposure(
            weights: mandate.moments.instruments.map { mandate.current[$0] ?? 0 },
            cash: mandate.current["cash"] ?? 0,
            moments: mandate.moments
        )
        for (pointer, subject) in Self.candidates(mandate, holding: mandate.current) {
            let named = BindingConstraint(
                constraint: pointer,
                subject: subject,
                bound: .nan,
                value: .nan,
                shadowPrice: nil
            )
            guard let limit = Limit(named, holdings, mandate) else { continue }
            let excess = limit.isUpper ? limit.value - limit.bound : limit.bound - limit.value
            guard excess > 0 else { continue }
            var isUpper = limit.isUpper
            var value = limit.value
            if pointer == "/max_position_size", let id = subject, (mandate.current[id] ?? 0) < 0 {
                (isUpper, value) = (false, -value)
            }
            breaches[Key(pointer: pointer, subject: subject, isUpper: isUpper)] = Breach(
                limit: limit.bound,
                value: value,
                excess: excess
            )
        }
    }

    /// Every limit on a state, with each instrument, sector or class that it is applied to.
    static func candidates(
        _ mandate: Mandate,
        holding: [String: Double]
    ) -> [(pointer: String, subject: String?)] {
        let limits = mandate.limits
        var found: [(pointer: String, subject: String?)] = []
        for id in mandate.moments.instruments where mandate.universe.contains(id) {
            let (most, least) = (limits.maxWeights?[id], limits.minWeights?[id])
            if let held = holding[id], (held < 0 ? least : most) == nil {
                found.append(("/max_position_size", id))
            }
            if most != nil { found.append(("/max_weights/\(id)", nil)) }
            if least != nil { found.append(("/min_weights/\(id)", nil)) }
        }
        for sector in Set(mandate.instruments.values.compactMap(\.sector)) {
            found.append(("/max_sector_exposure", sector))
        }
        for name in Set(mandate.instruments.values.compactMap(\.assetClass)) {
            found.append(("/max_asset_class_exposure", name))
        }
        for index in (limits.groups ?? []).indices {
            found += [("/groups/\(index)/min", nil), ("/groups/\(index)/max", nil)]
        }
        for index in (limits.largestPositions ?? []).indices { found.append(("/largest_positions/\(index)/max", nil)) }
        for name in (limits.factorExposures ?? [:]).keys {
            found += ["min", "max", "max_risk"].map { ("/factor_exposures/\(name)/\($0)", nil) }
        }
        for name in (limits.maxScenarioLosses ?? [:]).keys {
            found.append(("/max_scenario_losses/" + escaped(name), nil))
        }
        for pointer in [
            "/target_volatility", "/max_risk", "/max_tracking_error", "/max_positions", "/max_gross_exposure",
            "/min_cash",
        ] { found.append((pointer, nil)) }
        if limits.maxCash != nil { found.append(("/max_cash", nil)) }
        return found
    }

    /// A limit as it is in force.
    func inForce(_ bound: Double, _ pointer: String, _ subject: String? = nil, isUpper: Bool) -> Double {
        guard !breaches.isEmpty,
            let breach = breaches[Key(pointer: pointer, subject: subject, isUpper: isUpper)]
        else { return bound }
        return isUpper ? max(bound, breach.value) : min(bound, breach.value)
    }

    /// Checks the list of them: each breach is told once, with the mandate's own limit and what is in force.
    func check(_ listed: [GrandfatheredLimit], _ findings: inout Findings) {
        var untold = breaches
        for (index, limit) in listed.enumerated() {
            let claim = "grandfathered_limits/\(index)"
            let keys = [true, false].map { Key(pointer: limit.constraint, subject: limit.subject, isUpper: $0) }
            guard let key = keys.first(where: { untold[$0] != nil }), let breach = untold.removeValue(forKey: key)
            else {
                let named = "\(limit.constraint) of \(limit.subject ?? "all")"
                findings.require(false, claim, expected: "a limit that the holdings break", actual: named)
                continue
            }
            let isSize = limit.constraint == "/max_position_size"
            let value = isSize ? abs(breach.value) : breach.value
            findings.equal(limit.bound, value, "\(claim)/bound")
            findings.equal(limit.grandfatheredFrom, breach.limit, "\(claim)/grandfathered_from")
        }
        // Roundings decide whether what just meets a limit breaks it.
        for (key, breach) in untold where breach.excess > Tolerance.limit {
            let named = "\(key.pointer) of \(key.subject ?? "all"), which the holdings break"
            findings.require(false, "grandfathered_limits", expected: named, actual: "left out")
        }
    }
}

extension Mandate {
    /// An upper limit as it is in force; a soft one holds nobody back.
    func most(_ bound: Double, _ pointer: String, _ subject: String? = nil) -> Double {
        if !penalties.isEmpty, penalties[pointer] != nil { return .infinity }
        return breaches.inForce(bound, pointer, subject, isUpper: true)
    }

    /// A lower limit as it is in force; a soft one holds nobody back.
    func least(_ bound: Double, _ pointer: String, _ subject: String? = nil) -> Double {
        if !penalties.isEmpty, penalties[pointer] != nil { return -.infinity }
        return breaches.inForce(bound, pointer, subject, isUpper: false)
    }
}
