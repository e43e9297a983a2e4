import JSON
import PortfolioDocuments
import PortfolioModel
import Testing

@Suite("Bodies of answers")
struct AnswerTests {
    private let createdAt = Timestamp(microseconds: 1_750_429_800_000_000)
    private let completedAt = Timestamp(microseconds: 1_750_429_905_250_000)

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private func completed(_ result: OptimizationResult, id: String = "opt-789012", _ portfolio: String = "port-1")
        -> String
    {
        text(
            DocumentEncoder.optimizationResult(
                id: id,
                request: request(portfolio),
                createdAt: createdAt,
                completedAt: completedAt,
                result: result
            )
        )
    }

    private func request(_ portfolioID: String = "port-1") -> OptimizationRequest {
        var request = OptimizationRequest(portfolioID: portfolioID, type: .meanVariance, objective: .maximizeSharpe)
        request.constraints.maxTurnover = 0
        return request
    }

    @Test func `a completed optimization is written as the contract has it`() throws {
        let body = completed(sampleResult())
        let hash = DocumentEncoder.resultHash(of: request(), sampleResult())
        let expected =
            #"{"optimization_id":"opt-789012","portfolio_id":"port-1","status":"completed","#
            + #""created_at":"2025-06-20T14:30:00Z","completed_at":"2025-06-20T14:31:45.250Z","#
            + #""optimization_type":"mean_variance","objective":"maximize_sharpe","risk_measure":"volatility","#
            + #""metrics":{"expected_return":0.085,"expected_volatility":0.145,"sharpe_ratio":0.586,"max_drawdown":null,"#
            + #""turnover":0.175,"information_ratio":null,"risk":0.145,"return_risk_ratio":0.586,"#
            + #""turnover_two_way":0.35,"expected_return_net":0.084,"transaction_costs":12.5,"tax":-3,"#
            + #""tracking_error":null,"diversification_ratio":1.25,"effective_positions":2.5,"risk_free_rate":0,"#
            + #""metric_notes":{"information_ratio":"no benchmark","max_drawdown":"no history"}},"#
            + #""current_allocation":{"AAPL":0.4,"cash":0.6},"target_allocation":{"AAPL":0.5,"BND":0.5},"#
            + #""trades":[{"instrument_id":"AAPL","action":"sell","quantity":100,"estimated_value":17500,"#
            + #""weight_change":-0.03,"priority":1,"price":175,"cost":8.75,"tax_lots":[{"acquired_at":"2023-01-05","#
            + #""quantity":100,"cost_basis":120,"gain":5500,"term":"long","disallowed_loss":0}]}],"#
            + #""constraints":{"max_turnover":0.2},"preferences":{"risk_aversion":4},"#
            + #""binding_constraints":[{"constraint":"/max_turnover","subject":null,"bound":0.2,"value":0.2,"#
            + #""shadow_price":0.5},{"constraint":"/max_sector_exposure","subject":"Energy","bound":0.3,"value":0.3,"#
            + #""shadow_price":null}],"risk_contributions":{"AAPL":0.9,"BND":0.1},"#
            + #""solution":{"status":"optimal","solver":"interior_point","iterations":9,"solve_ms":1.5,"#
            + #""primal_residual":1e-12,"dual_residual":2e-12,"relative_gap":0},"#
            + #""inputs":{"portfolio":{"id":"port-1","version":2},"risk_model":{"id":"demo","version":3},"#
            + #""instruments":{"version":4},"expected_returns":"provided","covariance":"ledoit_wolf","#
            + #""kernel":"Haswell"},"result_hash":"\#(hash)","warnings":[{"code":"no_tax_lots","message":"No lots."}]}"#
        #expect(body == expected)
        #expect(try JSONDocument(parsing: Array(body.utf8)).root.count == 20)
    }

    @Test func `the hash ignores identifiers, versions, moments and the time taken, and nothing else`() {
        let hash = DocumentEncoder.resultHash(of: request(), sampleResult())
        #expect(hash.hasPrefix("fnv1a128:"))
        #expect(hash.utf8.count == 9 + 32)
        var same = sampleResult()
        same.solution.solveMilliseconds = 99
        same.inputs.versions = SnapshotVersions(portfolio: 7, riskModelID: "other", riskModel: 8, instruments: 9)
        #expect(DocumentEncoder.resultHash(of: request("port-2"), same) == hash)

        var changes: [OptimizationResult] = []
        func change(_ edit: (inout OptimizationResult) -> Void) {
            var result = sampleResult()
            edit(&result)
            changes.append(result)
        }
        change { $0.metrics.expectedReturn = 0.085.nextUp }
        change { $0.targetAllocation["BND"] = 0.5.nextUp }
        change { $0.currentAllocation["GLD"] = 0.1 }
        change { $0.trades[0].quantity = 101 }
        change { $0.constraints.maxTurnover = nil }
        change { $0.preferences.riskAversion = nil }
        change { $0.bindingConstraints[0].shadowPrice = nil }
        change { $0.riskContributions = [:] }
        change { $0.solution.iterations = 10 }
        change { $0.inputs.kernel = "Zen" }
        change { $0.warnings = [] }
        let hashes = Set(changes.map { DocumentEncoder.resultHash(of: request(), $0) } + [hash])
        #expect(hashes.count == changes.count + 1)
    }

    @Test func `exact zeros are left out of maps of weights`() {
        #expect(text(DocumentEncoder.weights(["A": 0, "B": 0.5, "C": -0.0])) == #"{"B":0.5}"#)
        #expect(text(DocumentEncoder.weights([:])) == "{}")
    }

    @Test func `a failed optimization names its conflicts`() {
        let failure = OptimizationFailure(
            code: "infeasible",
            message: "The limits clash.",
            conflicts: [
                ConstraintConflict(constraint: "/max_position_size", subject: nil, bound: 0.05, nearestFeasible: 0.125),
                ConstraintConflict(constraint: "/min_weights/A", subject: "A", bound: 0.9, nearestFeasible: nil),
            ]
        )
        let body = text(
            DocumentEncoder.failedOptimization(
                id: "opt-1",
                request: request(),
                createdAt: createdAt,
                completedAt: completedAt,
                failure: failure
            )
        )
        let error =
            #"{"code":"infeasible","message":"The limits clash.","conflicts":["#
            + #"{"constraint":"/max_position_size","subject":null,"bound":0.05,"nearest_feasible":0.125},"#
            + #"{"constraint":"/min_weights/A","subject":"A","bound":0.9,"nearest_feasible":null}]}"#
        #expect(text(DocumentEncoder.failure(failure)) == error)
        #expect(
            body == #"{"optimization_id":"opt-1","portfolio_id":"port-1","status":"failed","#
                + #""created_at":"2025-06-20T14:30:00Z","completed_at":"2025-06-20T14:31:45.250Z","#
                + #""optimization_type":"mean_variance","objective":"maximize_sharpe","risk_measure":"volatility","#
                + #""constraints":{"max_turnover":0},"preferences":{},"error":"# + error + "}"
        )
    }

    @Test func `an optimization without an answer tells its state`() {
        func body(_ status: JobStatus, _ completedAt: Timestamp?) -> String {
            text(
                DocumentEncoder.pendingOptimization(
                    id: "opt-1",
                    portfolioID: "p",
                    status: status,
                    type: "mean_variance",
                    objective: "minimize_risk",
                    riskMeasure: "volatility",
                    createdAt: createdAt,
                    completedAt: completedAt
                )
            )
        }
        let kind = #""optimization_type":"mean_variance","objective":"minimize_risk","risk_measure":"volatility"}"#
        #expect(
            body(.processing, nil) == #"{"optimization_id":"opt-1","portfolio_id":"p","status":"processing","#
                + #""created_at":"2025-06-20T14:30:00Z","# + kind
        )
        #expect(
            body(.cancelled, completedAt) == #"{"optimization_id":"opt-1","portfolio_id":"p","status":"cancelled","#
                + #""created_at":"2025-06-20T14:30:00Z","completed_at":"2025-06-20T14:31:45.250Z","# + kind
        )
    }

    @Test func `an accepted optimization is as the service document has it`() {
        let body = text(
            DocumentEncoder.acceptedOptimization(
                id: "opt-789012",
                portfolioID: "port-123456",
                status: .pending,
                createdAt: createdAt,
                estimatedCompletion: Timestamp(microseconds: createdAt.microseconds + 120_000_000)
            )
        )
        #expect(
            body == #"{"optimization_id":"opt-789012","portfolio_id":"port-123456","status":"pending","#
                + #""created_at":"2025-06-20T14:30:00Z","estimated_completion_time":"2025-06-20T14:32:00Z"}"#
        )
    }

    @Test func `inputs are answered with their version`() {
        let portfolio = Portfolio(
            baseCurrency: "USD",
            asOf: createdAt,
            riskModelID: "demo",
            positions: [Position(instrumentID: "A", quantity: 1)]
        )
        #expect(
            text(DocumentEncoder.portfolio(portfolio, id: "p", version: 2, storedAt: completedAt))
                == #"{"portfolio_id":"p","version":2,"stored_at":"2025-06-20T14:31:45.250Z","base_currency":"USD","#
                + #""as_of":"2025-06-20T14:30:00Z","risk_model_id":"demo","cash":0,"constraints":{},"preferences":{},"#
                + #""positions":[{"instrument_id":"A","quantity":1}],"recent_trades":[]}"#
        )
        #expect(
            text(DocumentEncoder.instruments([Instrument(id: "A", price: 2)], nextCursor: "A"))
                == #"{"instruments":[{"instrument_id":"A","price":2,"lot_size":1}],"next_cursor":"A"}"#
        )
    }
}

private func sampleResult() -> OptimizationResult {
    var (constraints, preferences) = (Constraints(), Preferences())
    constraints.maxTurnover = 0.2
    preferences.riskAversion = 4
    let metrics = AllocationMetrics(
        expectedReturn: 0.085,
        expectedVolatility: 0.145,
        sharpeRatio: 0.586,
        maxDrawdown: nil,
        turnover: 0.175,
        turnoverTwoWay: 0.35,
        informationRatio: nil,
        risk: 0.145,
        returnRiskRatio: 0.586,
        expectedReturnNet: 0.084,
        transactionCosts: 12.5,
        tax: -3,
        trackingError: nil,
        diversificationRatio: 1.25,
        effectivePositions: 2.5,
        riskFreeRate: 0,
        notes: ["max_drawdown": "no history", "information_ratio": "no benchmark"]
    )
    let lot = SoldLot(
        acquiredAt: CalendarDate(daysSinceEpoch: 19_362),
        quantity: 100,
        costBasis: 120,
        gain: 5_500,
        term: .long
    )
    let trade = Trade(
        instrumentID: "AAPL",
        action: .sell,
        quantity: 100,
        price: 175,
        estimatedValue: 17_500,
        weightChange: -0.03,
        cost: 8.75,
        priority: 1,
        taxLots: [lot]
    )
    return OptimizationResult(
        metrics: metrics,
        currentAllocation: ["AAPL": 0.4, "cash": 0.6, "GLD": 0],
        targetAllocation: ["AAPL": 0.5, "BND": 0.5],
        trades: [trade],
        solution: SolutionReport(
            status: .optimal,
            solver: "interior_point",
            iterations: 9,
            solveMilliseconds: 1.5,
            primalResidual: 1e-12,
            dualResidual: 2e-12,
            relativeGap: 0
        ),
        bindingConstraints: [
            BindingConstraint(constraint: "/max_turnover", subject: nil, bound: 0.2, value: 0.2, shadowPrice: 0.5),
            BindingConstraint(
                constraint: "/max_sector_exposure",
                subject: "Energy",
                bound: 0.3,
                value: 0.3,
                shadowPrice: nil
            ),
        ],
        riskContributions: ["AAPL": 0.9, "BND": 0.1],
        constraints: constraints,
        preferences: preferences,
        inputs: ResultInputs(
            versions: SnapshotVersions(portfolio: 2, riskModelID: "demo", riskModel: 3, instruments: 4),
            expectedReturnsEstimator: "provided",
            covarianceEstimator: "ledoit_wolf",
            kernel: "Haswell"
        ),
        warnings: [ResultWarning(code: "no_tax_lots", message: "No lots.")]
    )
}
