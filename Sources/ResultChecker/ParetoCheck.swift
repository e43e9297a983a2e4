internal import PortfolioModel

/// How far a weighted sum may lie above that of a point that maximizes it, as a share of the sums' spread.
private let supportTolerance = 1e-6

/// Recomputes a non-dominated set: every point meets the limits, is worth what it says, and is dominated by none.
///
/// A point's weights prove it: no other point, and not the answer itself, has a larger weighted sum.
func checkParetoSet(of result: OptimizationResult, _ mandate: Mandate, _ findings: inout Findings) {
    guard let points = result.paretoSet else { return }
    let most = mandate.request.parameters.paretoPoints ?? 0
    findings.require(
        !points.isEmpty && points.count <= most,
        "pareto_set",
        expected: "1 to \(most) points",
        actual: "\(points.count)"
    )
    let terms = mandate.request.terms
    for (index, point) in points.enumerated() {
        checkPoint(point, "pareto_set/\(index)", terms, mandate, &findings)
    }
    let answer = (result.objectiveTerms ?? []).map(\.value)
    let others = points.map(\.values) + (answer.count == terms.count ? [answer] : [])
    let known = points.filter { $0.values.count == terms.count && $0.objectiveWeights.count == terms.count }
    guard known.count == points.count else { return }
    for (index, point) in points.enumerated() {
        var sums: [Double] = []
        for values in others {
            var sum = 0.0
            for (weight, value) in zip(point.objectiveWeights, values) { sum += weight * value }
            sums.append(sum)
        }
        var size = 0.0
        for axis in terms.indices {
            let own = others.map { $0[axis] }
            size += abs(point.objectiveWeights[axis]) * ((own.max() ?? 0) - (own.min() ?? 0))
        }
        let largest = sums.max() ?? 0
        let slack = supportTolerance * size + Tolerance.absolute
        findings.require(
            sums[index] >= largest - slack,
            "pareto_set/\(index)/objective_weights",
            expected: "no larger weighted sum than its own",
            actual: "\(largest) above \(sums[index])"
        )
    }
}

private func checkPoint(
    _ point: ParetoPoint,
    _ claim: String,
    _ terms: [ObjectiveTerm],
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    guard point.values.count == terms.count, point.objectiveWeights.count == terms.count else {
        findings.require(false, claim, expected: "a value and a weight for each objective", actual: "others")
        return
    }
    for (term, weight) in zip(terms, point.objectiveWeights) {
        findings.require(
            weight * term.weight > 0 && weight.isFinite,
            "\(claim)/objective_weights",
            expected: "the sign of \(term.weight)",
            actual: "\(weight)"
        )
    }
    checkWeights(point.allocation, "\(claim)/weights", mandate, &findings)
    let exposure = Exposure(
        weights: mandate.moments.instruments.map { point.allocation[$0] ?? 0 },
        cash: point.allocation["cash"] ?? 0,
        moments: mandate.moments
    )
    let before = findings.violations.count
    checkConstraints(of: exposure, mandate, &findings)
    findings.place(violationsFrom: before, below: claim)
    for (index, term) in terms.enumerated() {
        let (expected, slack) = worstValue(of: term, exposure, mandate)
        findings.equal(point.values[index], expected, "\(claim)/objectives/\(term.label)", within: slack)
    }
}
