internal import Matrices
public import PortfolioModel

/// Trades that lead towards a desired allocation, with what they aim at, reach and cost.
public struct RebalancePlan: Sendable {
    /// What was aimed at: cash under `cash`, zeros left out.
    public var desiredAllocation: [String: Double]
    /// What the trades reach, likewise, as fractions of the value before trading.
    public var targetAllocation: [String: Double]
    /// The trades in priority order.
    public var trades: [PlannedTrade]
    /// The plan's figures.
    public var metrics: RebalanceMetrics
    /// How the plan was found; `solveMilliseconds` is 0, for the mathematics has no clock.
    public var report: SolutionReport
    /// The limits in force.
    public var constraints: Constraints
    /// The limits among them that the holdings break already, as they are in force.
    public var grandfatheredLimits: [GrandfatheredLimit] = []
    /// The preferences in force.
    public var preferences: Preferences
    /// Which lots are sold first.
    public var taxLotMethod: TaxLotSelection
    /// What the caller should know.
    public var warnings: [ResultWarning]
}

extension RebalancePlan {
    /// The plan as the answer to its request, with what it was computed from.
    ///
    /// - Parameters:
    ///   - request: the request.
    ///   - snapshot: the inputs it was planned on.
    ///   - moments: the estimates it was planned with.
    /// - Returns: the answer.
    /// - Throws: ``OptimizationFailure`` with the code `invalid_inputs`, where the plan would have thrown it.
    public func result(
        of request: RebalanceRequest,
        snapshot: MandateSnapshot,
        moments: Moments
    ) throws(OptimizationFailure) -> RebalanceResult {
        var all: [ResultWarning] = []
        for warning in moments.warnings + warnings where !all.contains(warning) { all.append(warning) }
        var result = RebalanceResult(
            target: request.target,
            currentAllocation: try Holdings(snapshot).allocation,
            desiredAllocation: desiredAllocation,
            targetAllocation: targetAllocation,
            trades: trades,
            metrics: metrics,
            solution: report,
            constraints: constraints,
            minTradeSize: request.minTradeSize,
            maxTrades: request.maxTrades,
            driftBand: request.driftBand,
            preferences: preferences,
            wholeLots: request.wholeLots,
            taxLotMethod: taxLotMethod,
            inputs: ResultInputs(
                versions: snapshot.versions,
                expectedReturnsEstimator: moments.expectedReturnsEstimator,
                covarianceEstimator: moments.covarianceEstimator,
                kernel: computingKernel
            ),
            warnings: all
        )
        result.grandfatheredLimits = grandfatheredLimits
        return result
    }
}

/// Plans the trades of a rebalance.
///
/// The plan minimizes its active risk to the desired allocation plus costs and taxes, as fractions of the value, over
/// the cost horizon, under all limits in force (docs/mathematics.md, "Rebalance plans"). Costs are left out where
/// `include_transaction_costs` is false, taxes unless `consider_tax_implications` is true.
///
/// - Parameters:
///   - request: what to aim at and what to keep.
///   - snapshot: holdings, lots, prices and limits.
///   - moments: annual expected returns and covariance.
///   - shouldStop: asked often; true ends the search with the best plan found when there is one.
/// - Returns: the trades in priority order, along which cash never turns negative, costs included.
/// - Throws: ``OptimizationFailure``: `infeasible` with the limits that clash, `missing_expected_returns`,
///   `missing_benchmark`, `invalid_inputs`, `time_limit`, and what finding the desired allocation may throw.
public func planRebalance(
    _ request: RebalanceRequest,
    snapshot: MandateSnapshot,
    moments: Moments,
    shouldStop: () -> Bool = { false }
) throws(OptimizationFailure) -> RebalancePlan {
    try RebalancePlanner(request, snapshot, moments).plan(shouldStop: shouldStop)
}

/// The steps of planning: what to aim at, what may be traded, the search, and what is told about the plan.
private struct RebalancePlanner {
    let request: RebalanceRequest
    let snapshot: MandateSnapshot
    let moments: Moments
    /// Weights that something names, rather than a method finds.
    let named: [String: Double]?
    let problem: AllocationProblem
    /// Σ in full.
    let covariance: DenseMatrix
    /// The limits in force, as the caller knows them.
    let limits: Constraints

    init(
        _ request: RebalanceRequest,
        _ snapshot: MandateSnapshot,
        _ moments: Moments
    ) throws(OptimizationFailure) {
        self.request = request
        self.moments = moments
        named = try Self.namedAllocation(request, snapshot)
        limits = snapshot.portfolio.constraints.overridden(by: request.constraints)
        if let refusal = refusalInPlans(of: limits) { throw refusal }
        let objective: Objective = request.target == .optimal ? request.objective : .minimizeRisk
        let needsReturns = request.target == .optimal && named == nil && objective.needsExpectedReturns
        if needsReturns || limits.minReturn != nil, moments.expectedReturnsEstimator == "none" {
            throw OptimizationFailure(
                code: "missing_expected_returns",
                message: "the risk model has neither expected returns nor a history to estimate them from"
            )
        }
        if limits.maxRisk != nil, request.riskMeasure != .volatility {
            throw OptimizationFailure(
                code: "not_supported",
                message:
                    "max_risk limits the trades of a rebalance by volatility only, not by \(request.riskMeasure.rawValue)."
            )
        }
        self.snapshot = snapshot.holdingNothingMore(named ?? [:])
        problem = try AllocationProblem(
            snapshot: self.snapshot,
            moments: moments,
            request: OptimizationRequest(
                portfolioID: request.portfolioID,
                type: request.target == .optimal ? request.type : .meanVariance,
                objective: objective,
                riskMeasure: request.riskMeasure,
                constraints: request.constraints,
                preferences: request.preferences
            )
        )
        covariance = try problem.covariance.matrix(for: "rebalance plans")
    }

    private static func namedAllocation(
        _ request: RebalanceRequest,
        _ snapshot: MandateSnapshot
    ) throws(OptimizationFailure) -> [String: Double]? {
        switch request.target {
        case .custom:
            guard let allocation = request.targetAllocation else {
                throw OptimizationFailure(code: "invalid_inputs", message: "A custom target needs a target_allocation.")
            }
            return allocation
        case .benchmark:
            guard let benchmark = snapshot.portfolio.benchmark else {
                throw OptimizationFailure(
                    code: "missing_benchmark",
                    message: "The portfolio has no benchmark to aim at."
                )
            }
            return benchmark
        case .optimal: return request.optimizationID == nil ? nil : request.referencedAllocation ?? [:]
        case .equalWeight, .riskParity, .minRisk: return nil
        }
    }

    // MARK: Steps

    func plan(shouldStop: () -> Bool) throws(OptimizationFailure) -> RebalancePlan {
        let desired = try DesiredAllocation(request, named: named, problem: problem, shouldStop: shouldStop)
        var warnings = problem.warnings.filter { Self.passedOn.contains($0.code) }
        let inBand = instrumentsInBand(desired)
        if let band = request.driftBand, inBand.allSatisfy({ $0 }), abs(problem.currentCash - desired.cash) <= band {
            warnings.append(
                ResultWarning(
                    code: "within_bands",
                    message: "Nothing has left its drift band: there is nothing to trade."
                )
            )
            return finish(PlanProblem.resting(planProblem(desired, frozen: inBand)), desired, warnings)
        }
        if request.driftBand != nil, inBand.contains(true) {
            let banded = planProblem(desired, frozen: inBand)
            if let found = PlanSearch.run(banded, settings: settings, shouldStop: shouldStop) {
                return finish(found, desired, warnings)
            }
            warnings.append(
                ResultWarning(
                    code: "bands_not_kept",
                    message: "The holdings outside their drift bands cannot be rebalanced alone; all may be traded."
                )
            )
        }
        let program = planProblem(desired, frozen: [Bool](repeating: false, count: problem.instruments.count))
        guard let found = PlanSearch.run(program, settings: settings, shouldStop: shouldStop) else {
            if shouldStop() { throw timeLimit() }
            throw try clash(desired, shouldStop)
        }
        return finish(found, desired, warnings)
    }

    /// Warnings of an allocation problem that mean something for a plan.
    private static let passedOn: Set<String> = ["no_tax_rates", "no_tax_lots"]

    private var settings: PlanSearchSettings {
        var settings = PlanSearchSettings()
        if let gap = problem.preferences.relativeGap { settings.relativeGap = gap }
        if problem.preferences.timeLimitSeconds != nil { settings.searchUntilStopped() }
        return settings
    }

    private func instrumentsInBand(_ desired: DesiredAllocation) -> [Bool] {
        problem.instruments.indices.map { index in
            guard let band = request.driftBand else { return false }
            return abs(problem.currentWeights[index] - desired.weights[index]) <= band
        }
    }

    private func planProblem(_ desired: DesiredAllocation, frozen: [Bool], rules: TradingRules? = nil) -> PlanProblem {
        PlanProblem(
            problem,
            portfolio: snapshot.portfolio,
            covariance: covariance,
            desired: desired.weights,
            desiredCash: desired.cash,
            rules: rules ?? self.rules,
            frozen: frozen
        )
    }

    private var lotSelection: TaxLotSelection {
        request.taxLotMethod ?? (problem.preferences.considerTaxImplications == true ? .minTax : .hifo)
    }

    private var rules: TradingRules {
        var rules = TradingRules(
            minTradeSize: request.minTradeSize,
            maxTrades: request.maxTrades,
            wholeLots: request.wholeLots,
            lotMethods: [:],
            defaultLotMethod: .hifo
        )
        switch lotSelection {
        case .fifo: rules.defaultLotMethod = .fifo
        case .lifo: rules.defaultLotMethod = .lifo
        case .hifo: rules.defaultLotMethod = .hifo
        case .minTax: rules.defaultLotMethod = .minimumTax
        case .specific: rules.lotMethods = request.lotOrder.mapValues { .specific($0) }
        }
        return rules
    }

    private func finish(
        _ found: (program: PlanProblem, outcome: PlanOutcome),
        _ desired: DesiredAllocation,
        _ warnings: [ResultWarning]
    ) -> RebalancePlan {
        let listing = TradeListing(
            program: found.program,
            changes: found.outcome.changes,
            instruments: problem.instruments,
            portfolio: snapshot.portfolio,
            preferences: problem.preferences,
            rules: rules
        )
        let trades = listing.trades
        let gap = found.outcome.relativeGap
        return RebalancePlan(
            desiredAllocation: desired.allocation(problem.instruments),
            targetAllocation: listing.targetAllocation(trades),
            trades: trades,
            metrics: listing.metrics(trades, moments: moments),
            report: SolutionReport(
                status: gap <= Self.optimalGap ? .optimal : .withinGap,
                solver: "lot_search",
                iterations: found.outcome.solves,
                solveMilliseconds: 0,
                primalResidual: 0,
                dualResidual: 0,
                relativeGap: gap
            ),
            constraints: limits,
            grandfatheredLimits: problem.grandfatheredLimits,
            preferences: problem.preferences,
            taxLotMethod: lotSelection,
            warnings: warnings + listing.warnings(trades)
        )
    }

    /// A proven gap up to this is optimal.
    private static let optimalGap = 1e-6

    // MARK: Clashes

    /// Why no plan was found: limits that clash even over fractions, else the rules of trading.
    private func clash(
        _ desired: DesiredAllocation,
        _ shouldStop: () -> Bool
    ) throws(OptimizationFailure) -> OptimizationFailure {
        var relaxed = problem.minimizingRisk
        let program = planProblem(desired, frozen: [Bool](repeating: false, count: problem.instruments.count))
        relaxed.constraints.maxCash = program.cashCeiling
        do throws(OptimizationFailure) {
            _ = try optimizeAllocation(relaxed, shouldStop: shouldStop)
        } catch {
            return error
        }
        var conflicts: [ConstraintConflict] = []
        var reached: PlanOutcome? = nil
        if let limit = request.maxTrades {
            var rules = rules
            rules.maxTrades = nil
            let outcome = outcome(desired, rules, shouldStop)
            let count = outcome.map { $0.changes.count { $0 != 0 } }
            conflicts.append(
                ConstraintConflict(
                    constraint: "/max_trades",
                    subject: nil,
                    bound: Double(limit),
                    nearestFeasible: count.map(Double.init)
                )
            )
            reached = reached ?? outcome
        }
        if let least = request.minTradeSize {
            var rules = rules
            rules.minTradeSize = nil
            let outcome = outcome(desired, rules, shouldStop)
            let smallest = outcome.flatMap { outcome in
                outcome.changes.indices.filter { outcome.changes[$0] != 0 }
                    .map { abs(outcome.changes[$0]) * problem.instruments[$0].price }.min()
            }
            conflicts.append(
                ConstraintConflict(
                    constraint: "/min_trade_size",
                    subject: nil,
                    bound: least,
                    nearestFeasible: smallest
                )
            )
        }
        return OptimizationFailure(
            code: "infeasible",
            message: "No plan of whole trades that keeps the limits and pays its costs was found, though fractions "
                + "of trades without costs would keep the limits.",
            conflicts: conflicts
        )
    }

    private func outcome(_ desired: DesiredAllocation, _ rules: TradingRules, _ shouldStop: () -> Bool) -> PlanOutcome?
    {
        let frozen = [Bool](repeating: false, count: problem.instruments.count)
        let program = planProblem(desired, frozen: frozen, rules: rules)
        return PlanSearch.run(program, settings: PlanSearchSettings(), shouldStop: shouldStop)?.outcome
    }
}

extension PlanProblem {
    /// A problem with the plan that trades nothing.
    fileprivate static func resting(_ problem: PlanProblem) -> (program: PlanProblem, outcome: PlanOutcome) {
        let changes = [Double](repeating: 0, count: problem.count)
        let score = PlanState(problem, changes: changes).score
        let outcome = PlanOutcome(changes: changes, score: score, bound: score.objective, solves: 0, nodes: 0)
        return (problem, outcome)
    }
}

extension MandateSnapshot {
    /// The snapshot with what is aimed at in its universe, so that its risk counts, and with what was not in it
    /// limited to nothing.
    fileprivate func holdingNothingMore(_ named: [String: Double]) -> MandateSnapshot {
        guard let universe = portfolio.universe else { return self }
        let held = Set(portfolio.positions.filter { $0.quantity != 0 }.map(\.instrumentID))
        let extra = named.keys.filter { $0 != "cash" && !universe.contains($0) && !held.contains($0) }.sorted()
        guard !extra.isEmpty else { return self }
        var copy = self
        copy.portfolio.universe = universe + extra
        let known = Set(instruments.map(\.id))
        for id in extra {
            copy.portfolio.constraints.maxWeights = (copy.portfolio.constraints.maxWeights ?? [:]).merging([id: 0]) {
                $1
            }
            if !known.contains(id) { copy.instruments.append(Instrument(id: id, price: 1)) }
        }
        return copy
    }
}
