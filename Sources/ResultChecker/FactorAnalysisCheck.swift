internal import Matrices
public import PortfolioModel

/// Recomputes a factor analysis from its inputs, and names every claim that does not hold.
///
/// As ``AllocationCheck`` it shares no code with what it checks: exposures, Euler contributions, sums and the regressions'
/// normal equations are computed anew by plain loops.
public struct FactorAnalysisCheck {
    private let mandate: Mandate
    private let request: FactorAnalysisRequest

    /// Prepares the check of one request's results.
    ///
    /// - Parameters:
    ///   - snapshot: the inputs at the pinned versions.
    ///   - moments: the estimates the analysis worked on.
    ///   - request: the request as the caller gave it.
    public init(snapshot: MandateSnapshot, moments: Moments, request: FactorAnalysisRequest) {
        self.request = request
        mandate = Mandate(
            snapshot: snapshot,
            moments: moments,
            request: OptimizationRequest(
                portfolioID: request.portfolioID,
                type: .meanVariance,
                objective: .minimizeRisk
            )
        )
    }

    /// Every claim of the result that does not hold; empty when all do.
    ///
    /// - Complexity: O(held · k² + T · (held + k)), and O(n · held) for a dense covariance.
    public func violations(in result: FactorAnalysisResult) -> [Violation] {
        var findings = Findings()
        guard let structure = mandate.moments.factors, structure.covariance.exposures.rows == structure.factors.count,
            structure.covariance.exposures.columns == mandate.moments.instruments.count
        else {
            findings.require(false, "moments", expected: "factors", actual: "none")
            return findings.violations
        }
        let subject = Subject(mandate, structure, request)
        checkReport(of: result, structure, &findings)
        checkExposures(of: result, subject, &findings)
        checkRisk(result.risk, of: subject.weights, subject, "attribution", &findings)
        checkActiveRisk(of: result, subject, &findings)
        checkReturns(of: result, subject, &findings)
        checkSegments(of: result, subject, &findings)
        checkRegressions(of: result, subject, &findings)
        return findings.violations
    }

    /// What the analysis is of.
    struct Subject {
        let mandate: Mandate
        let structure: FactorStructure
        /// Positions of the factors named, ascending.
        let named: [Int]
        /// Weights held, in the moments' order.
        let weights: [Double]
        /// Benchmark weights; nil without one that the risk model covers.
        let benchmark: [Double]?

        init(_ mandate: Mandate, _ structure: FactorStructure, _ request: FactorAnalysisRequest) {
            self.mandate = mandate
            self.structure = structure
            named = structure.factors.indices.filter {
                request.factors.isEmpty || request.factors.contains(structure.factors[$0])
            }
            weights = mandate.moments.instruments.map { mandate.current[$0] ?? 0 }
            var foreign = mandate.snapshot.portfolio.benchmark ?? [:]
            foreign["cash"] = nil
            let given = foreign
            for id in mandate.moments.instruments { foreign[id] = nil }
            let isCovered = mandate.snapshot.portfolio.benchmark != nil && foreign.values.allSatisfy { $0 == 0 }
            benchmark = isCovered ? mandate.moments.instruments.map { given[$0] ?? 0 } : nil
        }

        /// Σ wᵢ bᵢf for each factor.
        func exposure(of weights: [Double]) -> [Double] {
            var sums = [Double](repeating: 0, count: structure.factors.count)
            for (i, weight) in weights.enumerated() where weight != 0 {
                for f in sums.indices { sums[f] += weight * structure.covariance.exposures[f, i] }
            }
            return sums
        }

        /// The mean of a series over a year, by the risk model's probabilities where it has some.
        func annualMean(_ value: (Int) -> Double, periods: Int) -> Double {
            let probabilities = mandate.snapshot.riskModel.probabilities
            var sum = 0.0
            for t in 0..<periods {
                let share = probabilities?.count == periods ? probabilities?[t] ?? 0 : 1 / Double(periods)
                sum += value(t) * share
            }
            return sum * mandate.moments.periodsPerYear
        }
    }

    private func checkReport(of result: FactorAnalysisResult, _ structure: FactorStructure, _ findings: inout Findings)
    {
        let moments = mandate.moments
        findings.require(
            result.asOf == mandate.snapshot.portfolio.asOf,
            "as_of",
            expected: "\(mandate.snapshot.portfolio.asOf)",
            actual: "\(result.asOf)"
        )
        let names = structure.factors
        findings.require(result.factors == names, "factors", expected: "\(names)", actual: "\(result.factors)")
        let source = structure.loadingsEstimator
        let claimed = result.loadingsEstimator
        findings.require(claimed == source, "inputs/loadings", expected: source, actual: claimed)
        let isSameInput =
            result.inputs.versions == mandate.snapshot.versions
            && result.inputs.covarianceEstimator == moments.covarianceEstimator
            && result.inputs.expectedReturnsEstimator == moments.expectedReturnsEstimator
        findings.require(isSameInput, "inputs", expected: "those of the snapshot", actual: "others")
        for warning in moments.warnings {
            let isListed = result.warnings.contains(warning)
            findings.require(isListed, "warnings", expected: "\(warning.code) of the estimation", actual: "left out")
        }
    }

    private func checkExposures(of result: FactorAnalysisResult, _ subject: Subject, _ findings: inout Findings) {
        let own = subject.exposure(of: subject.weights)
        let benchmark = subject.benchmark.map { subject.exposure(of: $0) }
        let names = subject.named.map { subject.structure.factors[$0] }
        let claimed = result.exposures.map(\.factor)
        guard claimed == names else {
            findings.require(false, "exposures", expected: "\(names)", actual: "\(claimed)")
            return
        }
        for (row, factor) in zip(result.exposures, subject.named) {
            let claim = "exposures/\(row.factor)"
            findings.equal(row.exposure, own[factor], "\(claim)/exposure", within: scale(subject, factor))
            findings.equal(row.benchmarkExposure, benchmark?[factor], "\(claim)/benchmark_exposure")
            let active = benchmark.map { own[factor] - $0[factor] }
            let isSame = zip2(row.activeExposure, active) { abs($0 - $1) <= 1e-9 + 1e-9 * abs($1) }
            findings.require(isSame, "\(claim)/active_exposure", expected: "\(active ?? .nan)", actual: "another")
        }
        let hasReason = result.notes["benchmark_exposure"]?.isEmpty == false
        findings.require(
            hasReason == (benchmark == nil),
            "notes/benchmark_exposure",
            expected: "a reason exactly when null",
            actual: hasReason ? "a reason" : "none"
        )
    }

    /// A sum of many terms rounds by their size, not by its own.
    private func scale(_ subject: Subject, _ factor: Int) -> Double {
        var size = 0.0
        for (i, weight) in subject.weights.enumerated() where weight != 0 {
            size += abs(weight * subject.structure.covariance.exposures[factor, i])
        }
        return 1e-12 * size
    }

    private func zip2(_ left: Double?, _ right: Double?, _ agrees: (Double, Double) -> Bool) -> Bool {
        switch (left, right) {
        case (let left?, let right?): agrees(left, right)
        case (nil, nil): true
        case (_, _): false
        }
    }
}
