internal import PortfolioModel

/// Checks what a result says of itself: limits and preferences in force, inputs, the solver's report, binding limits.
func checkReport(
    of result: OptimizationResult,
    _ exposure: Exposure,
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    let moments = mandate.moments
    func same(
        _ holds: Bool,
        _ claim: String,
        _ expected: @autoclosure () -> String,
        _ actual: @autoclosure () -> String
    ) {
        findings.require(holds, claim, expected: expected(), actual: actual())
    }
    same(result.constraints == mandate.limits, "constraints", "those in force", "others")
    mandate.breaches.check(result.grandfatheredLimits, &findings)
    checkSoftLimits(of: result, exposure, mandate, &findings)
    same(result.preferences == mandate.preferences, "preferences", "those in force", "others")
    let inputs = result.inputs
    same(
        inputs.versions == mandate.snapshot.versions,
        "inputs/versions",
        "\(mandate.snapshot.versions)",
        "\(inputs.versions)"
    )
    same(
        inputs.expectedReturnsEstimator == moments.expectedReturnsEstimator,
        "inputs/expected_returns",
        moments.expectedReturnsEstimator,
        inputs.expectedReturnsEstimator
    )
    same(
        inputs.covarianceEstimator == moments.covarianceEstimator,
        "inputs/covariance",
        moments.covarianceEstimator,
        inputs.covarianceEstimator
    )
    same(
        isSameCondition(inputs.covarianceConditionNumber, moments.covarianceConditionNumber),
        "inputs/covariance_condition_number",
        "\(moments.covarianceConditionNumber ?? .nan)",
        "\(inputs.covarianceConditionNumber ?? .nan)"
    )
    same(!inputs.kernel.isEmpty, "inputs/kernel", "a name", "none")
    for warning in moments.warnings {
        same(result.warnings.contains(warning), "warnings", "\(warning.code) of the estimation", "left out")
    }
    for warning in result.warnings {
        same(!warning.code.isEmpty && !warning.message.isEmpty, "warnings", "a code and a message", "\(warning)")
    }
    checkSolution(result.solution, &findings)
    for (index, binding) in result.bindingConstraints.enumerated() {
        checkBinding(binding, "binding_constraints/\(index)", exposure, mandate, &findings)
    }
}

/// Another machine's eigenvalues differ by roundings, which the smallest of them feels most.
private func isSameCondition(_ actual: Double?, _ expected: Double?) -> Bool {
    guard let actual, let expected else { return actual == nil && expected == nil }
    return abs(actual - expected) <= Tolerance.condition * expected
}

func checkSolution(_ solution: SolutionReport, _ findings: inout Findings) {
    var figures = [
        (solution.primalResidual, "primal_residual"), (solution.dualResidual, "dual_residual"),
        (solution.relativeGap, "relative_gap"),
    ]
    if solution.status == .withinGap { figures.removeLast() }
    for (value, name) in figures {
        findings.require(
            value >= 0 && value <= Tolerance.optimal,
            "solution/\(name)",
            expected: "at most \(Tolerance.optimal)",
            actual: "\(value)"
        )
    }
    let gap = solution.relativeGap
    findings.require(gap >= 0 && gap.isFinite, "solution/relative_gap", expected: "a gap", actual: "\(gap)")
    let spent = solution.solveMilliseconds
    findings.require(spent >= 0 && spent.isFinite, "solution/solve_ms", expected: "a time", actual: "\(spent)")
    let count = solution.iterations
    findings.require(count >= 0, "solution/iterations", expected: "a count", actual: "\(count)")
    findings.require(!solution.solver.isEmpty, "solution/solver", expected: "a name", actual: "none")
}

func checkBinding(
    _ binding: BindingConstraint,
    _ claim: String,
    _ exposure: Exposure,
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    guard let limit = Limit(binding, claim, exposure, mandate, &findings) else { return }
    findings.equal(binding.bound, limit.bound, "\(claim)/bound")
    checkOwnLimit(of: binding, claim, exposure, mandate, &findings)
    findings.equal(binding.value, limit.value, "\(claim)/value", within: Tolerance.limit)
    findings.require(
        abs(limit.value - limit.bound) <= Tolerance.binding,
        "\(claim)/value",
        expected: "the bound \(limit.bound) met",
        actual: "\(limit.value)"
    )
    guard let price = binding.shadowPrice else { return }
    let oriented = limit.isUpper ? price : -price
    findings.require(
        oriented >= -Tolerance.optimal,
        "\(claim)/shadow_price",
        expected: limit.isUpper ? "not negative" : "not positive",
        actual: "\(price)"
    )
    guard let penalty = mandate.penalties[binding.constraint] else { return }
    findings.require(
        oriented <= penalty + Tolerance.optimal * max(1, penalty),
        "\(claim)/shadow_price",
        expected: "at most the penalty \(penalty)",
        actual: "\(price)"
    )
}

/// A binding limit tells the mandate's own where what the holdings come to is in force instead, and only there.
private func checkOwnLimit(
    of binding: BindingConstraint,
    _ claim: String,
    _ exposure: Exposure,
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    guard mandate.limits.grandfatherBreaches == true || binding.grandfatheredFrom != nil else { return }
    var strict = mandate
    strict.breaches = BreachesLetBe()
    guard let own = Limit(binding, exposure, strict)?.bound else { return }
    let isLetBe = abs(own - binding.bound) > Tolerance.absolute
    findings.equal(binding.grandfatheredFrom, isLetBe ? own : nil, "\(claim)/grandfathered_from")
}

/// A limit in force that a JSON pointer names, with the value that the target has for it.
struct Limit {
    var bound: Double
    var value: Double
    var isUpper: Bool

    /// The limit that an entry claims to be of; nil, with a finding, where none in force has its name.
    init?(
        _ binding: BindingConstraint,
        _ claim: String,
        _ exposure: Exposure,
        _ mandate: Mandate,
        _ findings: inout Findings
    ) {
        guard let limit = Limit(binding, exposure, mandate) else {
            findings.require(
                false,
                "\(claim)/constraint",
                expected: "a limit in force",
                actual: "\(binding.constraint) of \(binding.subject ?? "null")"
            )
            return nil
        }
        self = limit
    }

    init?(_ binding: BindingConstraint, _ exposure: Exposure, _ mandate: Mandate) {
        let path = binding.constraint.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
        let limits = mandate.limits
        func weight(_ id: String?) -> Double? {
            guard let id, let index = mandate.moments.instruments.firstIndex(of: id) else { return nil }
            return exposure.weights[index]
        }
        func change(_ id: String?) -> Double? {
            weight(id).map { abs($0 - (id.flatMap { mandate.current[$0] } ?? 0)) }
        }
        func total(_ attribute: KeyPath<Instrument, String?>) -> Double? {
            guard let subject = binding.subject else { return nil }
            return exposure.size(mandate.moments) { mandate.instruments[$0]?[keyPath: attribute] == subject }
        }
        if path.first == "max_scenario_losses" {
            // A scenario's name may hold any character, a slash among them.
            let names = (limits.maxScenarioLosses ?? [:]).keys
            guard let name = names.first(where: { "/max_scenario_losses/" + escaped($0) == binding.constraint }),
                let bound = limits.maxScenarioLosses?[name], let earned = scenarioReturn(name, exposure, mandate)
            else { return nil }
            (self.bound, value, isUpper) = (
                mandate.breaches.inForce(bound, binding.constraint, isUpper: true), -earned, true
            )
            return
        }
        let found: (bound: Double?, value: Double?, isUpper: Bool)
        switch (path.first, path.count) {
        case ("max_position_size", 1): found = (limits.maxPositionSize, weight(binding.subject).map { abs($0) }, true)
        case ("min_position_size", 1): found = (limits.minPositionSize, weight(binding.subject).map { abs($0) }, false)
        case ("max_gross_exposure", 1): found = (limits.maxGrossExposure, exposure.gross, true)
        case ("max_weights", 2): found = (limits.maxWeights?[path[1]], weight(path[1]), true)
        case ("min_weights", 2): found = (limits.minWeights?[path[1]], weight(path[1]), false)
        case ("max_weight_change", 1):
            let isGeneral = binding.subject.map { limits.maxWeightChanges?[$0] == nil } ?? false
            found = (isGeneral ? limits.maxWeightChange : nil, change(binding.subject), true)
        case ("max_weight_changes", 2): found = (limits.maxWeightChanges?[path[1]], change(path[1]), true)
        case ("max_sector_exposure", 1): found = (limits.maxSectorExposure, total(\.sector), true)
        case ("max_asset_class_exposure", 1): found = (limits.maxAssetClassExposure, total(\.assetClass), true)
        case ("max_turnover", 1): found = (limits.maxTurnover, oneWayTurnover(exposure, mandate), true)
        case ("target_volatility", 1):
            found = (limits.targetVolatility, WorstCase(exposure, mandate)?.volatility, true)
        case ("max_risk", 1): found = (limits.maxRisk, WorstCase(exposure, mandate)?.risk, true)
        case ("max_tracking_error", 1): found = (limits.maxTrackingError, trackingError(exposure, mandate), true)
        case ("max_positions", 1):
            let held = exposure.weights.reduce(0.0) { $0 + ($1 != 0 ? 1 : 0) }
            found = (limits.maxPositions.map(Double.init), held, true)
        case ("min_return", 1): found = (limits.minReturn, WorstCase(exposure, mandate)?.expectedReturn, false)
        case ("min_cash", 1): found = (limits.minCash, exposure.cash, false)
        case ("max_cash", 1): found = (limits.maxCash ?? limits.minCash ?? 0, exposure.cash, true)
        case ("factor_exposures", 3):
            guard let limit = limits.factorExposures?[path[1]] else { return nil }
            let value = factorExposure(path[1], exposure.weights, mandate.moments)
            switch path[2] {
            case "min": found = (limit.min, value, false)
            case "max": found = (limit.max, value, true)
            case "max_risk": found = (limit.maxRisk, factorRisk(path[1], exposure.weights, mandate.moments), true)
            default: return nil
            }
        case ("largest_positions", 3):
            guard let sums = limits.largestPositions, let index = Int(path[1]), sums.indices.contains(index),
                path[2] == "max"
            else { return nil }
            found = (sums[index].max, exposure.largest(sums[index].count), true)
        case ("groups", 3):
            guard let groups = limits.groups, let index = Int(path[1]), groups.indices.contains(index),
                path[2] == "min" || path[2] == "max"
            else { return nil }
            let group = groups[index]
            let isUpper = path[2] == "max"
            found = (isUpper ? group.max : group.min, groupTotal(group, exposure, mandate), isUpper)
        case (_, _): return nil
        }
        guard let bound = found.bound, let value = found.value else { return nil }
        self.value = value
        isUpper = found.isUpper
        guard path[0] == "max_position_size" else {
            let breaches = mandate.breaches
            self.bound = breaches.inForce(bound, binding.constraint, isUpper: isUpper)
            if let subject = binding.subject, isUpper {
                self.bound = breaches.inForce(bound, binding.constraint, subject, isUpper: true)
            }
            return
        }
        // A size has two sides, and the holding breaks one of them.
        let isShort = (weight(binding.subject) ?? 0) < 0
        let own = isShort ? -bound : bound
        self.bound = abs(
            mandate.breaches.inForce(own, binding.constraint, binding.subject, isUpper: !isShort)
        )
    }
}

/// A name as a token of a JSON pointer (RFC 6901).
func escaped(_ name: String) -> String {
    var token = ""
    for character in name { token += character == "~" ? "~0" : character == "/" ? "~1" : String(character) }
    return token
}
