internal import Matrices
public import PortfolioModel

/// Says what the factors of a risk model make of a portfolio as it is held: exposures, and where risk and return come
/// from.
///
/// With x = Bᵀw the variance is wᵀΣw = Σ x_f (Fx)_f + rest; divided by the volatility these are the Euler contributions
/// of the factors and of `specific`, and they sum to it (docs/mathematics.md, "Factor analysis").
public struct FactorAnalysis {
    private let snapshot: MandateSnapshot
    private let moments: Moments
    private let structure: FactorStructure
    /// The factors named, as positions in the structure, ascending.
    private let named: [Int]
    /// Weights of what is held, in the moments' order.
    public let weights: [Double]
    /// Weights of the benchmark in the moments' order; nil without one that the risk model covers.
    private let benchmark: [Double]?
    private let holdings: Holdings

    /// Prepares an analysis.
    ///
    /// - Parameters:
    ///   - snapshot: the inputs at the pinned versions.
    ///   - moments: the estimates from its risk model.
    ///   - request: the factors to name.
    /// - Throws: an ``OptimizationFailure`` with code `missing_factors` for a risk model without factors,
    ///   `unknown_factor` for a name that is none of them, or `invalid_inputs`.
    public init(
        snapshot: MandateSnapshot,
        moments: Moments,
        request: FactorAnalysisRequest
    ) throws(OptimizationFailure) {
        guard let structure = moments.factors, structure.covariance.exposures.columns == moments.instruments.count
        else {
            throw missingFactors
        }
        holdings = try Holdings(snapshot)
        named = try Self.positions(of: request.factors, in: structure.factors)
        let known = Set(moments.instruments)
        if let missing = holdings.quantities.keys.filter({ !known.contains($0) }).min() {
            throw Holdings.invalid("\(missing) is held but is not in the risk model")
        }
        weights = moments.instruments.map { [holdings] in holdings.weight(of: $0) }
        let isCovered = snapshot.portfolio.benchmark?.allSatisfy {
            known.contains($0.key) || $0.key == "cash" || $0.value == 0
        }
        benchmark =
            isCovered == true ? moments.instruments.map { snapshot.portfolio.benchmark?[$0] ?? 0 } : nil
        self.snapshot = snapshot
        self.moments = moments
        self.structure = structure
    }

    private static func positions(of names: [String], in factors: [String]) throws(OptimizationFailure) -> [Int] {
        guard !names.isEmpty else { return Array(factors.indices) }
        let wanted = Set(names)
        if let unknown = names.first(where: { !factors.contains($0) }) {
            throw unknownFactor(unknown, in: factors)
        }
        return factors.indices.filter { wanted.contains(factors[$0]) }
    }

    /// Computes everything but the regressions, which need more than the exposures.
    ///
    /// - Parameter inputs: what the result is to say it was computed from.
    /// - Returns: the analysis.
    /// - Complexity: O(held · k + k²), and O(T · held) for a history.
    public func result(inputs: ResultInputs) -> FactorAnalysisResult {
        let model = structure.covariance
        let exposure = model.exposure(of: weights)
        let benchmarkExposure = benchmark.map { model.exposure(of: $0) }
        var result = FactorAnalysisResult(
            asOf: snapshot.portfolio.asOf,
            factors: structure.factors,
            exposures: named.map {
                FactorExposure(
                    factor: structure.factors[$0],
                    exposure: exposure[$0],
                    benchmarkExposure: benchmarkExposure?[$0]
                )
            },
            risk: attributedRisk(of: weights),
            loadingsEstimator: structure.loadingsEstimator,
            inputs: inputs,
            warnings: moments.warnings
        )
        if let benchmark {
            result.activeRisk = attributedRisk(of: zip(weights, benchmark).map { $0 - $1 })
        } else {
            let reason =
                snapshot.portfolio.benchmark == nil
                ? "the portfolio has no benchmark" : "the benchmark holds instruments that the risk model does not have"
            for part in ["benchmark_exposure", "active_exposure", "tracking_error", "active_attribution"] {
                result.notes[part] = reason
            }
        }
        addReturns(to: &result, exposure: exposure)
        addSegments(to: &result)
        if result.risk.parts.contains(where: { $0.factor == FactorAttribution.specific && $0.contribution < 0 }) {
            result.warnings.append(
                ResultWarning(
                    code: "factors_exceed_covariance",
                    message: "the factors alone have more variance than the risk model's covariance says: the specific"
                        + " contribution is negative"
                )
            )
        }
        return result
    }

    /// The volatility of weights and the Euler contributions to it.
    private func attributedRisk(of weights: [Double]) -> AttributedTotal {
        let model = structure.covariance
        let exposure = model.exposure(of: weights)
        var parts: [Double] = []
        for f in exposure.indices {
            var marginal = 0.0
            for (value, covariance) in zip(exposure, model.factorCovariance.column(f)) {
                marginal += value * covariance
            }
            parts.append(exposure[f] * marginal)
        }
        let volatility = RiskFigures(weights: weights, covariance: moments.covariance).volatility
        guard volatility > 0 else { return attributed([Double](repeating: 0, count: parts.count), specific: 0) }
        let rest: Double
        switch moments.covariance {
        case .factors:
            rest = weights.indices.reduce(0) { $0 + model.specificVariance[$1] * weights[$1] * weights[$1] }
        case .dense:
            // What the factors leave of the covariance that was given, whatever its shape.
            rest = volatility * volatility - parts.reduce(0, +)
        }
        return attributed(parts.map { $0 / volatility }, specific: rest / volatility)
    }

    /// Parts by name, the factors that were not named summed; the total is their sum.
    private func attributed(_ contributions: [Double], specific: Double?) -> AttributedTotal {
        var rows = named.map { (structure.factors[$0], contributions[$0]) }
        if named.count < contributions.count {
            let isNamed = Set(named)
            let others = contributions.indices.filter { !isNamed.contains($0) }
            rows.append((FactorAttribution.other, others.reduce(0) { $0 + contributions[$1] }))
        }
        if let specific { rows.append((FactorAttribution.specific, specific)) }
        let total = rows.reduce(0) { $0 + $1.1 }
        return AttributedTotal(
            total: total,
            parts: rows.map { name, contribution in
                FactorAttribution(
                    factor: name,
                    contribution: contribution,
                    percentContribution: total == 0 ? nil : contribution / total
                )
            }
        )
    }

    /// The mean return of today's weights over the history: x_f times the factor's mean, and what is left.
    private func addReturns(to result: inout FactorAnalysisResult, exposure: [Double]) {
        guard let factorReturns = structure.factorReturns, factorReturns.rows > 0 else {
            for part in ["attributed_return", "return_attribution"] {
                result.notes[part] = "the risk model has no history of factor returns"
            }
            return
        }
        let probabilities = snapshot.riskModel.probabilities
        let factorMeans = annualMeans(of: factorReturns, probabilities)
        let contributions = exposure.indices.map { exposure[$0] * factorMeans[$0] }
        guard let history = moments.returns, history.rows == factorReturns.rows else {
            result.notes["return_attribution/specific"] = "the risk model has no history of the instruments' returns"
            result.returns = attributed(contributions, specific: nil)
            return
        }
        var earned = 0.0
        for (i, mean) in heldMeans(of: history, probabilities) { earned += weights[i] * mean }
        result.returns = attributed(contributions, specific: earned - contributions.reduce(0, +))
    }

    private func annualMeans(of history: DenseMatrix, _ probabilities: [Double]?) -> [Double] {
        (0..<history.columns).map { annualMean(of: history.column($0), probabilities) }
    }

    private func heldMeans(of history: DenseMatrix, _ probabilities: [Double]?) -> [(instrument: Int, mean: Double)] {
        weights.indices.filter { weights[$0] != 0 }.map { ($0, annualMean(of: history.column($0), probabilities)) }
    }

    private func annualMean(of series: ArraySlice<Double>, _ probabilities: [Double]?) -> Double {
        var sum = 0.0
        if let probabilities, probabilities.count == series.count {
            for (value, probability) in zip(series, probabilities) { sum += value * probability }
        } else {
            sum = series.reduce(0, +) / Double(max(1, series.count))
        }
        return sum * moments.periodsPerYear
    }

    /// Brinson and Fachler's effects of the sectors, on annual mean returns.
    private func addSegments(to result: inout FactorAnalysisResult) {
        guard let benchmark else {
            result.notes["sector_attribution"] = result.notes["active_attribution"]
            return
        }
        guard let history = moments.returns, history.rows > 0 else {
            result.notes["sector_attribution"] = "the risk model has no history of returns"
            return
        }
        var names: [String] = []
        var segments: [String: Segment] = [:]
        for (i, id) in moments.instruments.enumerated() where weights[i] != 0 || benchmark[i] != 0 {
            let name = holdings.instruments[id]?.sector ?? Segment.unclassified
            if segments[name] == nil { names.append(name) }
            let mean = annualMean(of: history.column(i), snapshot.riskModel.probabilities)
            segments[name, default: Segment()].add(weight: weights[i], benchmarkWeight: benchmark[i], mean: mean)
        }
        let (cash, benchmarkCash) = (holdings.cashWeight, snapshot.portfolio.benchmark?["cash"] ?? 0)
        if cash != 0 || benchmarkCash != 0 {
            let rate = snapshot.portfolio.preferences.effectiveRiskFreeRate
            names.append("cash")
            segments["cash", default: Segment()].add(weight: cash, benchmarkWeight: benchmarkCash, mean: rate)
        }
        result.segments = segmentAttribution(names.map { ($0, segments[$0] ?? Segment()) })
    }

    /// The series of today's weights over the history, per period; nil without a history.
    public var portfolioSeries: [Double]? {
        guard let history = moments.returns, history.rows > 0 else { return nil }
        var series = [Double](repeating: 0, count: history.rows)
        for (i, weight) in weights.enumerated() where weight != 0 {
            for (t, value) in history.column(i).enumerated() { series[t] += weight * value }
        }
        return series
    }
}

/// The failure of a request that names a factor which is none.
func unknownFactor(_ name: String, in factors: [String]) -> OptimizationFailure {
    OptimizationFailure(
        code: "unknown_factor",
        message: "the risk model has no factor \(name); it has \(factors.joined(separator: ", "))"
    )
}

/// The failure of a request on factors whose risk model has none.
let missingFactors = OptimizationFailure(
    code: "missing_factors",
    message: "the risk model has no factor_model, with loadings or with the histories to regress them from"
)
