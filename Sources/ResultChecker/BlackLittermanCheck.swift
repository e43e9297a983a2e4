internal import Matrices
internal import PortfolioModel

/// Recomputes equilibrium and posterior from the risk model's covariance, and what the result says of them.
///
/// Another way than the estimator's: the k × k system of the views is solved by elimination. Of the covariance the
/// diagonal is recomputed and every pair of what the target or the benchmark holds: no other entry is in any figure.
func checkBlackLitterman(
    of result: OptimizationResult,
    before: Moments,
    _ mandate: Mandate,
    _ findings: inout Findings
) {
    guard mandate.request.type == .blackLitterman else {
        let isThere = result.blackLitterman != nil
        findings.require(!isThere, "black_litterman", expected: "none for this type", actual: "a posterior")
        return
    }
    guard let report = result.blackLitterman else {
        findings.require(false, "black_litterman", expected: "prior and posterior", actual: "none")
        return
    }
    let parameters = mandate.request.parameters
    let marketWeights = parameters.marketWeights ?? mandate.snapshot.portfolio.benchmark ?? [:]
    findings.equal(report.tau, parameters.tau ?? 0.05, "black_litterman/tau")
    findings.equal(report.riskAversion, mandate.preferences.riskAversion ?? 2.5, "black_litterman/risk_aversion")
    findings.require(
        report.marketWeights == marketWeights,
        "black_litterman/market_weights",
        expected: "\(marketWeights.count) weights of the request or the benchmark",
        actual: "others"
    )
    guard let posterior = RecomputedPosterior(before, marketWeights, mandate) else {
        findings.require(false, "black_litterman", expected: "views that have a posterior", actual: "others")
        return
    }
    posterior.compare(report, mandate, &findings)
    let isAdded = parameters.posteriorCovariance ?? true
    findings.require(
        report.hasPosteriorCovariance == isAdded && mandate.moments.expectedReturnsEstimator == "black_litterman",
        "black_litterman/posterior_covariance",
        expected: "\(isAdded)",
        actual: "\(report.hasPosteriorCovariance)"
    )
    var held = Set(result.targetAllocation.keys).union((mandate.snapshot.portfolio.benchmark ?? [:]).keys)
    held.remove("cash")
    posterior.compareCovariance(with: mandate.moments, isAdded: isAdded, held: held, &findings)
}

/// Prior and posterior by plain loops.
private struct RecomputedPosterior {
    private let before: Moments
    private let sigma: DenseMatrix
    private let tau: Double
    private var prior: [Double]
    private var posterior: [Double]
    private var viewVariances: [Double?]
    /// G = τΣPᵀ, a column for each view that counts.
    private var gains: [[Double]] = []
    /// A⁻¹Gᵀ, a row for each view that counts.
    private var solved: [[Double]] = []
    /// How many roundings an ill-conditioned set of views makes of one.
    private var amplification = 1.0

    /// One rounding, with room for those of the sums.
    private static let rounding = 1e-14

    init?(_ before: Moments, _ marketWeights: [String: Double], _ mandate: Mandate) {
        self.before = before
        let n = before.instruments.count
        let parameters = mandate.request.parameters
        let sigma = before.covariance.multipliedOut()
        self.sigma = sigma
        tau = parameters.tau ?? 0.05
        prior = [Double](repeating: 0, count: n)
        for j in 0..<n {
            guard let weight = marketWeights[before.instruments[j]], weight != 0 else { continue }
            for i in 0..<n { prior[i] += (mandate.preferences.riskAversion ?? 2.5) * sigma[i, j] * weight }
        }
        posterior = prior
        let views = parameters.views ?? []
        viewVariances = [Double?](repeating: nil, count: views.count)
        var places: [String: Int] = [:]
        for (i, id) in before.instruments.enumerated() { places[id] = i }
        var rows: [[(place: Int, coefficient: Double)]] = []
        var surprises: [Double] = []
        var variances: [Double] = []
        for (index, view) in views.enumerated() {
            if view.uncertainty == .confidence(0) { continue }
            var row: [(place: Int, coefficient: Double)] = []
            for (id, coefficient) in view.instruments {
                guard let place = places[id] else { return nil }
                row.append((place, coefficient))
            }
            var gain = [Double](repeating: 0, count: n)
            for (place, coefficient) in row {
                for i in 0..<n { gain[i] += tau * coefficient * sigma[place, i] }
            }
            let own = row.reduce(0) { $0 + $1.coefficient * gain[$1.place] }
            let variance: Double
            switch view.uncertainty {
            case .asPrior: variance = own
            case .variance(let given): variance = given
            case .confidence(let confidence): variance = own * (1 / confidence - 1)
            }
            let rate = view.isTotal ? mandate.preferences.riskFreeRate ?? 0 : 0
            let expected = row.reduce(0) { $0 + $1.coefficient * (prior[$1.place] + rate) }
            viewVariances[index] = variance
            rows.append(row)
            gains.append(gain)
            variances.append(variance)
            surprises.append(view.expectedReturn - expected)
        }
        guard solve(rows, variances, surprises) else { return nil }
    }

    /// Solves A X = Gᵀ and A a = Q − PΠ by elimination, A = PG + Ω scaled to unit diagonal.
    private mutating func solve(
        _ rows: [[(place: Int, coefficient: Double)]],
        _ variances: [Double],
        _ surprises: [Double]
    ) -> Bool {
        let k = rows.count
        guard k > 0 else { return true }
        let n = prior.count
        var matrix = rows.map { row in
            gains.map { gain in row.reduce(0) { $0 + $1.coefficient * gain[$1.place] } }
        }
        for i in 0..<k { matrix[i][i] += variances[i] }
        let scales = (0..<k).map { 1 / matrix[$0][$0].squareRoot() }
        // The right sides: the rows of Gᵀ, and the surprises last.
        var right = (0..<k).map { i in gains[i].map { $0 * scales[i] } + [surprises[i] * scales[i]] }
        for i in 0..<k {
            for j in 0..<k { matrix[i][j] *= scales[i] * scales[j] }
        }
        for pivot in 0..<k {
            let value = matrix[pivot][pivot]
            guard value > 0 else { return false }
            amplification = max(amplification, 1 / value)
            for i in 0..<k where i != pivot && matrix[i][pivot] != 0 {
                let factor = matrix[i][pivot] / value
                for j in pivot..<k { matrix[i][j] -= factor * matrix[pivot][j] }
                for j in 0...n { right[i][j] -= factor * right[pivot][j] }
            }
        }
        for i in 0..<k {
            let scale = scales[i] / matrix[i][i]
            solved.append(right[i][..<n].map { $0 * scale })
            let multiplier = right[i][n] * scale
            for j in 0..<n { posterior[j] += gains[i][j] * multiplier }
        }
        return true
    }

    func compare(_ report: BlackLittermanReport, _ mandate: Mandate, _ findings: inout Findings) {
        let largest = (prior + posterior).reduce(0) { max($0, abs($1)) }
        let rate = mandate.preferences.riskFreeRate ?? 0
        let slack = Self.rounding * amplification * largest
        for (i, id) in before.instruments.enumerated() {
            findings.equal(report.prior[id] ?? 0, prior[i], "black_litterman/prior/\(id)", within: slack)
            findings.equal(report.posterior[id] ?? 0, posterior[i], "black_litterman/posterior/\(id)", within: slack)
            let used = mandate.moments.expectedReturns[i]
            findings.equal(used, posterior[i] + rate, "the expected return of \(id)", within: slack)
        }
        findings.require(
            report.viewVariances.count == viewVariances.count,
            "black_litterman/view_variances",
            expected: "\(viewVariances.count)",
            actual: "\(report.viewVariances.count)"
        )
        for (index, pair) in zip(report.viewVariances, viewVariances).enumerated() {
            findings.equal(pair.0, pair.1, "black_litterman/view_variances/\(index)")
        }
    }

    /// Σ or Σ + M = (1 + τ)Σ − G A⁻¹Gᵀ.
    func compareCovariance(with moments: Moments, isAdded: Bool, held: Set<String>, _ findings: inout Findings) {
        guard isAdded else {
            let isSame = moments.covariance == before.covariance
            findings.require(isSame, "the covariance", expected: "that of the risk model", actual: "another")
            return
        }
        let n = before.instruments.count
        let places = (0..<n).filter { held.contains(before.instruments[$0]) }
        func check(_ i: Int, _ j: Int, _ findings: inout Findings) {
            var expected = (1 + tau) * sigma[i, j]
            for view in gains.indices { expected -= gains[view][i] * solved[view][j] }
            let size = (sigma[i, i] * sigma[j, j]).squareRoot()
            let slack = Self.rounding * (amplification + 1) * size
            findings.equal(moments.covariance[i, j], expected, "the covariance of \(i) and \(j)", within: slack)
        }
        for i in 0..<n { check(i, i, &findings) }
        for i in places {
            for j in places where j != i { check(i, j, &findings) }
        }
    }
}
