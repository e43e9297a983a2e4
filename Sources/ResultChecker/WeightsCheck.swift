internal import PortfolioModel

/// Checks that weights are those of instruments of the model, that none is dust, and that they sum to 1.
///
/// What is held may be as little as a single unit: that is no dust.
func checkWeights(
    _ allocation: [String: Double],
    _ claim: String,
    isHeld: Bool = false,
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    let known = Set(mandate.moments.instruments)
    // What was rounded off each sum is added in the end, so that many weights are no excuse.
    var (sum, lost) = (0.0, 0.0)
    for (id, weight) in allocation.sorted(by: { $0.key < $1.key }) {
        let size = mandate.permitsShorts && id != "cash" ? abs(weight) : weight
        findings.require(
            isHeld ? weight.isFinite : size >= Tolerance.dust,
            "\(claim)/\(id)",
            expected: "a weight above dust",
            actual: "\(weight)"
        )
        findings.require(
            id == "cash" || known.contains(id),
            "\(claim)/\(id)",
            expected: "an instrument of the model",
            actual: "unknown"
        )
        let next = sum + weight
        lost += abs(sum) >= abs(weight) ? (sum - next) + weight : (weight - next) + sum
        sum = next
    }
    let total = sum + lost
    findings.require(abs(total - 1) <= Tolerance.sum, claim, expected: "a sum of 1", actual: "\(total)")
}
