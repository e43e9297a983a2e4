package import JSON
package import PortfolioModel

/// A completed optimization's answer, read back as the values it was written from.
package struct ReadResult: Sendable {
    /// What the answer says of its request: kind, limits and preferences in force.
    package var request: OptimizationRequest
    /// The result.
    package var result: OptimizationResult
    /// The fingerprint the answer gives itself.
    package var hash: String
    /// Whether the answer tells what is not held.
    package var showsExcluded: Bool
}

extension DocumentDecoder {
    /// A completed optimization: the body of `GET /api/v1/optimizations/{id}`.
    package static func optimizationResult(_ value: JSONValue) throws(DocumentFaults) -> ReadResult {
        let faults = FaultCollector()
        return try faults.finish(readResult(DocumentFields(value, at: "", faults), faults))
    }
}

private func readResult(_ fields: DocumentFields, _ faults: FaultCollector) -> ReadResult? {
    guard fields.value.kind == .object else {
        faults.report(.wrongType, at: "", "the result must be an object, not \(fields.value.described)")
        return nil
    }
    let status = fields.text("status")
    guard status == JobStatus.completed.rawValue else {
        faults.report(
            .unknownValue,
            at: "/status",
            "only a completed optimization has a result, not one that is \(status)"
        )
        return nil
    }
    let constraints = fields.required("constraints").flatMap { readConstraints($0.value, at: "/constraints", faults) }
    let preferences = fields.required("preferences").flatMap { readPreferences($0.value, at: "/preferences", faults) }
    guard let type = fields.choice("optimization_type", OptimizationType.self),
        let objective = fields.choice("objective", Objective.self),
        let measure = fields.choice("risk_measure", RiskMeasure.self), let constraints, let preferences,
        let metrics = fields.required("metrics").map(readMetrics),
        let solution = fields.required("solution").flatMap(readSolution),
        let inputs = fields.required("inputs").flatMap(readInputs)
    else { return nil }
    var result = OptimizationResult(
        metrics: metrics,
        currentAllocation: fields.map("current_allocation"),
        targetAllocation: fields.map("target_allocation"),
        trades: fields.list("trades", readTrade),
        solution: solution,
        bindingConstraints: fields.list("binding_constraints", readBinding),
        riskContributions: fields.map("risk_contributions"),
        constraints: constraints,
        preferences: preferences,
        inputs: inputs,
        warnings: fields.list("warnings") { ResultWarning(code: $0.text("code"), message: $0.text("message")) }
    )
    result.certificate = fields.optional("certificate").map(readCertificate)
    if fields.optional("soft_limits") != nil {
        result.softLimits = fields.list("soft_limits") {
            SoftLimitValue(
                constraint: $0.text("constraint"),
                subject: $0.optionalText("subject"),
                bound: $0.number("bound"),
                value: $0.number("value"),
                excess: $0.number("excess"),
                penalty: $0.number("penalty")
            )
        }
    }
    if fields.optional("grandfathered_limits") != nil {
        result.grandfatheredLimits = fields.list("grandfathered_limits", readGrandfathered)
    }
    result.blackLitterman = fields.optional("black_litterman").map(readBlackLitterman)
    if fields.optional("path") != nil {
        result.path = PlannedPath(
            objective: fields.number("path_objective"),
            periods: fields.list("path", readPlannedPeriod)
        )
    }
    result.robust = fields.optional("robust").flatMap(readRobust)
    result.scenarioOutcomes = fields.optional("scenario_outcomes").map(readScenarioOutcomes)
    if fields.optional("excluded") != nil {
        result.excluded = fields.list("excluded") {
            ExcludedInstrument(
                instrumentID: $0.text("instrument_id"),
                reducedCost: $0.optionalNumber("reduced_cost")
            )
        }
    }
    if fields.optional("efficient_frontier") != nil {
        result.efficientFrontier = fields.list("efficient_frontier", readFrontierPoint)
    }
    var request = OptimizationRequest(
        portfolioID: fields.text("portfolio_id"),
        type: type,
        objective: objective,
        riskMeasure: measure,
        constraints: constraints,
        preferences: preferences,
        frontierPointCount: result.efficientFrontier?.count ?? 0
    )
    readTermResults(fields, &result, &request)
    return ReadResult(
        request: request,
        result: result,
        hash: fields.text("result_hash"),
        showsExcluded: fields.optional("excluded") != nil
    )
}

private func readMetrics(_ fields: DocumentFields) -> AllocationMetrics {
    AllocationMetrics(
        expectedReturn: fields.number("expected_return"),
        expectedVolatility: fields.number("expected_volatility"),
        sharpeRatio: fields.optionalNumber("sharpe_ratio"),
        maxDrawdown: fields.optionalNumber("max_drawdown"),
        turnover: fields.number("turnover"),
        turnoverTwoWay: fields.number("turnover_two_way"),
        informationRatio: fields.optionalNumber("information_ratio"),
        risk: fields.number("risk"),
        returnRiskRatio: fields.optionalNumber("return_risk_ratio"),
        expectedReturnNet: fields.number("expected_return_net"),
        transactionCosts: fields.number("transaction_costs"),
        tax: fields.number("tax"),
        trackingError: fields.optionalNumber("tracking_error"),
        diversificationRatio: fields.optionalNumber("diversification_ratio"),
        effectivePositions: fields.number("effective_positions"),
        riskFreeRate: fields.number("risk_free_rate"),
        notes: fields.texts("metric_notes")
    )
}

private func readTrade(_ fields: DocumentFields) -> Trade? {
    guard let action = fields.choice("action", Trade.Action.self) else { return nil }
    return Trade(
        instrumentID: fields.text("instrument_id"),
        action: action,
        quantity: fields.number("quantity"),
        price: fields.number("price"),
        estimatedValue: fields.number("estimated_value"),
        weightChange: fields.number("weight_change"),
        cost: fields.number("cost"),
        priority: fields.integer("priority"),
        taxLots: fields.list("tax_lots", readSoldLot),
        reasons: fields.optional("reasons").map(readReasons)
    )
}

private func readReasons(_ fields: DocumentFields) -> TradeReasons {
    TradeReasons(
        expectedReturn: fields.number("return"),
        risk: fields.number("risk"),
        cost: fields.number("cost"),
        tax: fields.number("tax"),
        constraints: fields.number("constraints")
    )
}

private func readSoldLot(_ fields: DocumentFields) -> SoldLot? {
    guard let term = fields.choice("term", SoldLot.Term.self), let day = fields.day("acquired_at") else { return nil }
    return SoldLot(
        acquiredAt: day,
        quantity: fields.number("quantity"),
        costBasis: fields.number("cost_basis"),
        gain: fields.number("gain"),
        term: term,
        disallowedLoss: fields.number("disallowed_loss")
    )
}

private func readSolution(_ fields: DocumentFields) -> SolutionReport? {
    guard let status = fields.choice("status", SolutionReport.Status.self) else { return nil }
    return SolutionReport(
        status: status,
        solver: fields.text("solver"),
        iterations: fields.integer("iterations"),
        solveMilliseconds: fields.number("solve_ms"),
        primalResidual: fields.number("primal_residual"),
        dualResidual: fields.number("dual_residual"),
        relativeGap: fields.number("relative_gap")
    )
}

private func readBinding(_ fields: DocumentFields) -> BindingConstraint? {
    var binding = BindingConstraint(
        constraint: fields.text("constraint"),
        subject: fields.optionalText("subject"),
        bound: fields.number("bound"),
        value: fields.number("value"),
        shadowPrice: fields.optionalNumber("shadow_price")
    )
    binding.grandfatheredFrom = fields.optional("grandfathered_from")?.value.double
    return binding
}

private func readGrandfathered(_ fields: DocumentFields) -> GrandfatheredLimit? {
    GrandfatheredLimit(
        constraint: fields.text("constraint"),
        subject: fields.optionalText("subject"),
        bound: fields.number("bound"),
        grandfatheredFrom: fields.number("grandfathered_from")
    )
}

private func readCertificate(_ fields: DocumentFields) -> OptimalityCertificate {
    var certificate = OptimalityCertificate(
        objective: fields.number("objective"),
        bound: fields.number("bound"),
        budgetPrice: fields.number("budget_price")
    )
    if fields.optional("budget_prices") != nil {
        certificate.budgetPrices = fields.list("budget_prices") { $0.value.double }
    }
    if fields.optional("scenario_weights") != nil {
        certificate.scenarioWeights = fields.list("scenario_weights") {
            ScenarioWeight(scenario: $0.integer("scenario"), weight: $0.number("weight"))
        }
    }
    certificate.relaxation = fields.optional("relaxation").map { fields in
        var priced = PricedAllocation(
            allocation: fields.map("target_allocation"),
            bindingConstraints: fields.list("binding_constraints", readBinding)
        )
        if fields.optional("diagonal") != nil { priced.diagonal = fields.map("diagonal") }
        return priced
    }
    return certificate
}

private func readInputs(_ fields: DocumentFields) -> ResultInputs? {
    guard let portfolio = fields.required("portfolio"), let model = fields.required("risk_model"),
        let instruments = fields.required("instruments")
    else { return nil }
    return ResultInputs(
        versions: SnapshotVersions(
            portfolio: portfolio.integer("version"),
            riskModelID: model.text("id"),
            riskModel: model.integer("version"),
            instruments: instruments.integer("version")
        ),
        expectedReturnsEstimator: fields.text("expected_returns"),
        covarianceEstimator: fields.text("covariance"),
        covarianceConditionNumber: fields.optionalNumber("covariance_condition_number"),
        kernel: fields.text("kernel")
    )
}

private func readBlackLitterman(_ fields: DocumentFields) -> BlackLittermanReport {
    BlackLittermanReport(
        prior: fields.map("prior"),
        posterior: fields.map("posterior"),
        marketWeights: fields.map("market_weights"),
        tau: fields.number("tau"),
        riskAversion: fields.number("risk_aversion"),
        hasPosteriorCovariance: fields.bool("posterior_covariance"),
        viewVariances: fields.required("view_variances")?.value.elements.map(\.double) ?? []
    )
}

private func readPlannedPeriod(_ fields: DocumentFields) -> PlannedPeriod? {
    PlannedPeriod(
        allocation: fields.map("weights"),
        turnover: fields.number("turnover"),
        cost: fields.number("cost"),
        expectedReturn: fields.number("expected_return"),
        risk: fields.number("risk"),
        bindingConstraints: fields.list("binding_constraints", readBinding)
    )
}

private func readFrontierPoint(_ fields: DocumentFields) -> FrontierPoint? {
    FrontierPoint(
        expectedReturn: fields.number("return"),
        risk: fields.number("risk"),
        sharpe: fields.optionalNumber("sharpe"),
        weights: fields.map("weights")
    )
}
