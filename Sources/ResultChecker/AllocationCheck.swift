public import PortfolioModel

/// Recomputes an optimization's result from its inputs, and names every claim that does not hold.
///
/// It stands between the solver and the commit and shares no code with either: weights, limits, figures, trades and
/// taxes are computed anew from the snapshot, by plain loops. What it rejects is never completed.
public struct AllocationCheck {
    let mandate: Mandate
    private let momentsBeforeViews: Moments?

    /// Prepares the check of one request's results.
    ///
    /// - Parameters:
    ///   - snapshot: the inputs at the pinned versions.
    ///   - moments: the estimates the solver worked on.
    ///   - request: the request as the caller gave it.
    ///   - momentsBeforeViews: those of the risk model, which a Black–Litterman request's views are laid over.
    public init(
        snapshot: MandateSnapshot,
        moments: Moments,
        request: OptimizationRequest,
        momentsBeforeViews: Moments? = nil
    ) {
        mandate = Mandate(snapshot: snapshot, moments: moments, request: request)
        self.momentsBeforeViews = momentsBeforeViews
    }

    /// Every claim of the result that does not hold; empty when all do.
    ///
    /// - Complexity: O(n · held) for the risk, O(T · held) for the history; nothing is factorized.
    public func violations(in result: OptimizationResult) -> [Violation] {
        var findings = Findings()
        guard mandate.isUsable else {
            findings.require(false, "moments", expected: "an entry for each instrument", actual: "other sizes")
            return findings.violations
        }
        checkAllocations(of: result, &findings)
        let exposure = targetExposure(of: result)
        checkConstraints(of: exposure, mandate, &findings)
        checkMetrics(of: result, exposure, mandate, &findings)
        checkTrades(of: result, mandate, &findings)
        TradeReasonsCheck(of: result, exposure, mandate).check(&findings)
        checkExcluded(of: result, exposure, mandate, &findings)
        checkReport(of: result, exposure, mandate, &findings)
        checkObjectiveTerms(of: result, exposure, mandate, &findings)
        checkParetoSet(of: result, mandate, &findings)
        checkRiskBudgets(of: result, exposure, mandate, &findings)
        checkHierarchy(of: result, exposure, mandate, &findings)
        checkRobust(of: result, exposure, mandate, &findings)
        checkScenarios(of: result, exposure, mandate, &findings)
        checkCertificate(of: result, exposure, mandate, &findings)
        checkBlackLitterman(of: result, before: momentsBeforeViews ?? mandate.moments, mandate, &findings)
        checkPath(of: result, mandate, &findings)
        return findings.violations
    }

    func targetExposure(of result: OptimizationResult) -> Exposure {
        Exposure(
            weights: mandate.moments.instruments.map { result.targetAllocation[$0] ?? 0 },
            cash: result.targetAllocation["cash"] ?? 0,
            moments: mandate.moments
        )
    }

    /// The maps are complete, clean and sum to 1, and the current one is what the holdings are worth.
    private func checkAllocations(of result: OptimizationResult, _ findings: inout Findings) {
        for id in Set(result.currentAllocation.keys).union(mandate.current.keys).sorted() {
            findings.equal(result.currentAllocation[id], mandate.current[id], "current_allocation/\(id)")
        }
        checkWeights(result.targetAllocation, "target_allocation", mandate, &findings)
    }
}
