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
    var untold = Dictionary(mandate.softLimitsExceeded(by: exposure).map { ($0.name, $0.excess) }) { first, _ in first }
    for (index, soft) in result.softLimits.enumerated() {
        let claim = "soft_limits/\(index)"
        let named = named(soft.constraint, soft.subject)
        guard let penalty = mandate.penalties[soft.constraint], let limit = Limit(named, exposure, mandate) else {
            let what = "\(soft.constraint) of \(soft.subject ?? "all")"
            findings.require(false, claim, expected: "a soft limit in force", actual: what)
            continue
        }
        untold[SoftExcess.name(soft.constraint, soft.subject)] = nil
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

/// A soft limit that weights exceed, where a general one is applied to one instrument, sector or class.
struct SoftExcess {
    var constraint: String
    var subject: String?
    var isUpper: Bool
    var excess: Double
    /// What a unit of it costs the objective.
    var penalty: Double

    var name: String { Self.name(constraint, subject) }

    static func name(_ constraint: String, _ subject: String?) -> String { "\(constraint) \(subject ?? "")" }
}

extension Mandate {
    /// Every soft limit that weights exceed, wherever it is applied, in an order that follows from their names.
    func softLimitsExceeded(by exposure: Exposure) -> [SoftExcess] {
        guard !penalties.isEmpty else { return [] }
        var weights: [String: Double] = [:]
        for (id, weight) in zip(moments.instruments, exposure.weights) where weight != 0 { weights[id] = weight }
        var candidates = BreachesLetBe.candidates(self, holding: weights)
        candidates += [("/max_turnover", nil), ("/min_return", nil)]
        for id in moments.instruments {
            candidates += [("/max_weight_change", id), ("/max_weight_changes/\(id)", nil)]
        }
        var found: [SoftExcess] = []
        for (pointer, subject) in candidates {
            guard let penalty = penalties[pointer], let limit = Limit(named(pointer, subject), exposure, self) else {
                continue
            }
            let excess = limit.isUpper ? limit.value - limit.bound : limit.bound - limit.value
            guard excess > 0 else { continue }
            found.append(
                SoftExcess(
                    constraint: pointer,
                    subject: subject,
                    isUpper: limit.isUpper,
                    excess: excess,
                    penalty: penalty
                )
            )
        }
        return found.sorted { $0.name < $1.name }
    }
}

private func named(_ pointer: String, _ subject: String?) -> BindingConstraint {
    BindingConstraint(constraint: pointer, subject: subject, bound: .nan, value: .nan, shadowPrice: nil)
}
