public import PortfolioModel

/// Recomputes an efficient frontier from its inputs, and names every claim that does not hold.
///
/// Like ``AllocationCheck`` it shares no code with what traced the curve. Each portfolio's return, risk and ratio are
/// computed anew and each meets every limit; the curve ascends, bends as a frontier of a convex measure must, and none of
/// the portfolios named beside it is beaten by one on it.
public struct FrontierCheck {
    private let mandate: Mandate
    private let request: FrontierRequest

    /// Prepares the check of one request's curves.
    ///
    /// - Parameters:
    ///   - snapshot: the inputs at the pinned versions.
    ///   - moments: the estimates the curve was traced on.
    ///   - request: the request as the caller gave it.
    public init(snapshot: MandateSnapshot, moments: Moments, request: FrontierRequest) {
        self.request = request
        var parameters = MethodParameters()
        parameters.scenarios = request.scenarios
        mandate = Mandate(
            snapshot: snapshot,
            moments: moments,
            request: OptimizationRequest(
                portfolioID: request.portfolioID,
                type: .meanVariance,
                objective: .minimizeRisk,
                riskMeasure: request.riskMeasure,
                constraints: request.constraints,
                preferences: request.preferences,
                parameters: parameters
            )
        )
    }

    /// Every claim of the result that does not hold; empty when all do.
    ///
    /// - Complexity: O(n + held²) for each portfolio of the curve.
    public func violations(in result: FrontierResult) -> [Violation] {
        var findings = Findings()
        let moments = mandate.moments
        guard moments.expectedReturns.count == moments.instruments.count,
            moments.covariance.count == moments.instruments.count, moments.covariance.isUsable
        else {
            findings.require(false, "moments", expected: "an entry for each instrument", actual: "other sizes")
            return findings.violations
        }
        checkCurve(result.points, &findings)
        checkNamed(result, &findings)
        checkSurroundings(result, &findings)
        return findings.violations
    }

    /// The same of a curve that stands in an optimization's result.
    public func violations(in points: [FrontierPoint]) -> [Violation] {
        var findings = Findings()
        checkCurve(points, &findings)
        return findings.violations
    }

    // MARK: The curve

    private func checkCurve(_ points: [FrontierPoint], _ findings: inout Findings) {
        let count = points.count
        findings.require(
            count == request.pointCount || count == 1,
            "efficient_frontier",
            expected: "\(request.pointCount) points, or 1",
            actual: "\(count)"
        )
        for (index, point) in points.enumerated() {
            check(point, "efficient_frontier/\(index)", &findings)
        }
        for (index, (left, right)) in zip(points, points.dropFirst()).enumerated() {
            let claim = "efficient_frontier/\(index + 1)"
            findings.atLeast(right.expectedReturn, left.expectedReturn, "\(claim): the order of returns")
            findings.atLeast(right.risk, left.risk, "\(claim): the order of risks")
        }
        if isConvex { checkShape(of: points, &findings) }
    }

    /// Whether the set of allocations and the measure are convex, so that the curve is concave.
    private var isConvex: Bool {
        guard mandate.limits.minPositionSize == nil, mandate.limits.maxPositions == nil else { return false }
        // Value-at-risk over scenarios is not convex; of normal returns it is.
        return request.riskMeasure != .valueAtRisk || mandate.moments.returns == nil
    }

    /// No point has more risk than the mixture of its neighbours with the same return.
    private func checkShape(of points: [FrontierPoint], _ findings: inout Findings) {
        for index in points.indices.dropFirst().dropLast() {
            let (left, point, right) = (points[index - 1], points[index], points[index + 1])
            let width = right.expectedReturn - left.expectedReturn
            guard width > 0 else { continue }
            let share = min(max((point.expectedReturn - left.expectedReturn) / width, 0), 1)
            let mixed = left.risk + share * (right.risk - left.risk)
            findings.atMost(point.risk, mixed, "efficient_frontier/\(index): the bend")
        }
    }

    // MARK: A portfolio

    /// Checks a portfolio that must meet the limits.
    private func check(_ point: FrontierPoint, _ claim: String, _ findings: inout Findings) {
        let exposure = checkFigures(of: point, claim, &findings)
        let found = findings.violations.count
        checkConstraints(of: exposure, mandate, &findings)
        if let bound = request.minimumReturn { findings.atLeast(point.expectedReturn, bound, "min_return") }
        if let bound = request.maximumRisk { findings.atMost(point.risk, bound, "max_risk") }
        findings.place(violationsFrom: found, below: claim)
    }

    /// Checks the weights and the three figures of a portfolio; gives what follows from its weights.
    @discardableResult
    private func checkFigures(
        of point: FrontierPoint,
        _ claim: String,
        isHeld: Bool = false,
        _ findings: inout Findings
    ) -> Exposure {
        let moments = mandate.moments
        var weights = [Double](repeating: 0, count: moments.instruments.count)
        for (index, id) in moments.instruments.enumerated() { weights[index] = point.weights[id] ?? 0 }
        let cash = point.weights["cash"] ?? 0
        checkWeights(point.weights, "\(claim)/weights", isHeld: isHeld, mandate, &findings)
        let exposure = Exposure(weights: weights, cash: cash, moments: moments)
        let rate = mandate.preferences.riskFreeRate ?? 0
        let expected = exposure.expectedReturn(moments, riskFreeRate: rate)
        findings.equal(point.expectedReturn, expected, "\(claim)/return")
        let (risk, noise) = measured(exposure)
        findings.equal(point.risk, risk, "\(claim)/risk", within: noise)
        if point.risk > 0 {
            let ratio = (point.expectedReturn - rate) / point.risk
            findings.equal(point.sharpe ?? .nan, ratio, "\(claim)/sharpe")
        } else {
            findings.equal(point.sharpe, nil, "\(claim)/sharpe")
        }
        return exposure
    }

    /// The risk in the request's measure, and how far roundings alone may move it.
    private func measured(_ exposure: Exposure) -> (risk: Double, noise: Double) {
        switch request.riskMeasure {
        case .volatility:
            // Near 0 the variance is a difference of large terms: its rounding is measured by those, not by itself.
            let scale = 1e-14 * exposure.undiversified * exposure.undiversified
            return (exposure.volatility, exposure.volatility > 0 ? scale / exposure.volatility : scale.squareRoot())
        default:
            let size = exposure.weights.reduce(0) { $0 + abs($1) }
            return (chosenRisk(of: exposure, mandate), 1e-12 * size)
        }
    }

    // MARK: The portfolios named beside the curve

    private func checkNamed(_ result: FrontierResult, _ findings: inout Findings) {
        check(result.minimumRiskPortfolio, "min_risk_portfolio", &findings)
        check(result.maximumReturnPortfolio, "max_return_portfolio", &findings)
        if let optimal = result.optimalPortfolio { check(optimal, "optimal_portfolio", &findings) }
        for (index, corner) in (result.cornerPortfolios ?? []).enumerated() {
            check(corner, "corner_portfolios/\(index)", &findings)
        }
        checkFigures(of: result.currentPortfolio, "current_portfolio", isHeld: true, &findings)
        for id in Set(result.currentPortfolio.weights.keys).union(mandate.current.keys).sorted() {
            findings.equal(
                result.currentPortfolio.weights[id],
                mandate.current[id],
                "current_portfolio/weights/\(id)"
            )
        }
        let points = result.points + (result.cornerPortfolios ?? [])
        for point in points {
            findings.atLeast(point.risk, result.minimumRiskPortfolio.risk, "min_risk_portfolio is the least risk")
            findings.atMost(
                point.expectedReturn,
                result.maximumReturnPortfolio.expectedReturn,
                "max_return_portfolio is the most return"
            )
        }
        if let first = result.points.first, let last = result.points.last {
            let ends = [result.minimumRiskPortfolio, result.maximumReturnPortfolio]
            findings.equal(first.risk, ends[0].risk, "efficient_frontier begins with min_risk_portfolio")
            findings.equal(
                last.expectedReturn,
                (result.points.count == 1 ? first : ends[1]).expectedReturn,
                "efficient_frontier ends with max_return_portfolio"
            )
        }
        checkOptimal(result, points, &findings)
    }

    /// The ratio of the optimal portfolio is not below any other's; there is none only where no ratio is positive, or
    /// where a portfolio without risk earns more than the risk-free rate.
    private func checkOptimal(_ result: FrontierResult, _ points: [FrontierPoint], _ findings: inout Findings) {
        let rate = mandate.preferences.riskFreeRate ?? 0
        let largest = points.compactMap(\.sharpe).max() ?? -.infinity
        if let optimal = result.optimalPortfolio {
            findings.require(
                optimal.expectedReturn > rate,
                "optimal_portfolio",
                expected: "more than the risk-free rate",
                actual: "\(optimal.expectedReturn)"
            )
            let ratio = optimal.sharpe ?? .infinity
            findings.atLeast(ratio, largest * (1 - Tolerance.optimal), "optimal_portfolio has the largest ratio")
        } else {
            let isUnbounded = result.warnings.contains { $0.code == "unbounded_ratio" }
            let gain = points.map { $0.expectedReturn - rate }.max() ?? 0
            let scale = mandate.moments.expectedReturns.reduce(abs(rate)) { max($0, abs($1)) }
            findings.require(
                isUnbounded || gain <= Tolerance.optimal * scale,
                "optimal_portfolio",
                expected: "the largest ratio, since an excess return of \(gain) can be had",
                actual: "null"
            )
        }
    }

    // MARK: What the result says of itself

    private func checkSurroundings(_ result: FrontierResult, _ findings: inout Findings) {
        let moments = mandate.moments
        func same(_ holds: Bool, _ claim: String) {
            findings.require(holds, claim, expected: "that of the inputs", actual: "another")
        }
        same(result.constraints == mandate.limits, "constraints")
        mandate.breaches.check(result.grandfatheredLimits, &findings)
        same(result.preferences == mandate.preferences, "preferences")
        same(result.inputs.versions == mandate.snapshot.versions, "inputs/versions")
        same(result.inputs.expectedReturnsEstimator == moments.expectedReturnsEstimator, "inputs/expected_returns")
        same(result.inputs.covarianceEstimator == moments.covarianceEstimator, "inputs/covariance")
        for warning in moments.warnings { same(result.warnings.contains(warning), "warnings") }
        checkSolution(result.solution, &findings)
        let indices = Dictionary(moments.instruments.enumerated().map { ($1, $0) }) { first, _ in first }
        for point in result.instruments {
            guard let id = point.weights.keys.first, point.weights == [id: 1], let index = indices[id] else {
                findings.require(false, "instruments", expected: "one instrument alone", actual: "\(point.weights)")
                continue
            }
            var weights = [Double](repeating: 0, count: moments.instruments.count)
            weights[index] = 1
            let (risk, noise) = measured(Exposure(weights: weights, cash: 0, moments: moments))
            findings.equal(point.expectedReturn, moments.expectedReturns[index], "instruments/\(id)/return")
            findings.equal(point.risk, risk, "instruments/\(id)/risk", within: noise)
        }
    }
}
