import JobExecution
import MomentEstimation
import PortfolioDocuments
import PortfolioModel
import Repository
import ResultChecker
import ResultVerification
import TestSupport
import Testing

/// Paths of several periods whose prices prove them the best.
@Suite("Certificates of paths")
struct PathCertificateTests {
    private static let seeds = UInt64(1)...4

    /// A path over three periods with forecasts of its own, under the limits of ``VerificationBook``.
    private static func book(
        seed: UInt64 = 3,
        _ objective: Objective,
        periods: Int = 3,
        inParts: Bool = false,
        adjust: (inout OptimizationRequest, inout MandateSnapshot) throws -> Void = { _, _ in }
    ) throws -> VerificationBook {
        try VerificationBook(seed: seed, objective: objective, inParts: inParts) { request, snapshot in
            var random = SeededGenerator(seed: seed + 100)
            request.type = .multiPeriod
            request.constraints.maxTurnover = 0.2
            let rows = (0..<periods).map { _ in snapshot.instruments.map { _ in random.uniform(0.02...0.12) } }
            request.parameters.horizon = Horizon(periodCount: periods, expectedReturns: rows)
            if objective == .multiObjective { request.parameters.objectives = terms }
            try adjust(&request, &snapshot)
        }
    }

    private static let terms = [
        ObjectiveTerm(.expectedReturn, weight: 1), ObjectiveTerm(.variance, weight: -2),
        ObjectiveTerm(.turnover, weight: -0.002), ObjectiveTerm(.cost, weight: -0.5),
        ObjectiveTerm(.concentration, weight: -0.02), ObjectiveTerm(.trackingError, weight: -0.1),
        ObjectiveTerm(.score, weight: 0.01, scores: ["I2": 1, "I7": -2]),
    ]

    @Test(arguments: Capabilities.objectives(of: .multiPeriod), [1, 3, 7])
    func `the best path proves itself`(_ objective: Objective, _ periods: Int) throws {
        for seed in Self.seeds {
            for inParts in [false, true] {
                let book = try Self.book(seed: seed, objective, periods: periods, inParts: inParts)
                try expectProof(book, "\(objective) over \(periods), seed \(seed), in parts: \(inParts)")
            }
        }
    }

    /// Limits that need a price, a box or a reach of their own.
    enum Kind: String, CaseIterable {
        case changes, target, tightReturn, tightVolatility, tightTracking, impact, noTrading, grandfathered
    }

    @Test(arguments: Kind.allCases, [Objective.maximizeUtility, .minimizeRisk, .multiObjective])
    func `the best path under every limit proves itself`(_ kind: Kind, _ objective: Objective) throws {
        for seed in Self.seeds {
            let book = try Self.book(seed: seed, objective) { request, snapshot in
                try Self.apply(kind, &request, &snapshot)
            }
            try expectProof(book, "\(kind) \(objective) seed \(seed)")
        }
    }

    private static func apply(
        _ kind: Kind,
        _ request: inout OptimizationRequest,
        _ snapshot: inout MandateSnapshot
    ) throws {
        switch kind {
        case .changes:
            request.constraints.maxWeightChange = 0.05
            request.constraints.maxWeightChanges = ["I2": 0.02]
        case .target:
            var target = Dictionary(uniqueKeysWithValues: snapshot.instruments.map { ($0.id, 0.09) })
            target["cash"] = 0.1
            request.parameters.horizon?.terminalTarget = target
            request.constraints.maxTurnover = 0.3
        case .tightReturn, .tightVolatility, .tightTracking:
            let loose = try VerificationBook.solved(request, snapshot)
            let periods = loose.path?.periods ?? []
            let least = periods.map(\.expectedReturn).min() ?? .nan
            let most = periods.map(\.risk).max() ?? .nan
            if kind == .tightReturn { request.constraints.minReturn = least + 0.0005 }
            if kind == .tightVolatility {
                request.constraints.targetVolatility = most * (request.objective == .minimizeRisk ? 1 : 0.995)
            }
            if kind == .tightTracking { request.constraints.maxTrackingError = loose.metrics.trackingError }
        case .impact:
            for index in snapshot.instruments.indices {
                snapshot.instruments[index].cost = TransactionCost(
                    proportional: 0.0005,
                    impact: 0.4,
                    averageDailyValue: 500_000
                )
            }
        case .noTrading:
            request.constraints = Constraints()
            (request.constraints.maxTurnover, request.constraints.maxCash) = (0, 1)
            request.constraints.maxAssetClassExposure = 1
        case .grandfathered:
            request.constraints.maxPositionSize = 0.11
            request.constraints.grandfatherBreaches = true
        }
    }

    @Test func `a path that is not the best has no certificate, whatever the prices say`() throws {
        let book = try Self.book(.maximizeUtility)
        let other = try Self.book(.minimizeRisk)
        let check = try Self.check(book)
        #expect(check.certificate(of: book.result) != nil)
        for period in 0..<3 {
            var mixed = book.result
            let calm = try #require(other.result.path?.periods[period].allocation)
            var weights = try #require(mixed.path?.periods[period].allocation)
            for id in Set(weights.keys).union(calm.keys) {
                weights[id] = (weights[id] ?? 0) + 0.05 * ((calm[id] ?? 0) - (weights[id] ?? 0))
            }
            mixed.path?.periods[period].allocation = weights
            #expect(check.certificate(of: mixed) == nil, "period \(period)")
        }
    }

    @Test func `prices of the budgets are found without the solver's`() throws {
        for seed in Self.seeds {
            var book = try Self.book(seed: seed, .minimizeRisk, periods: 1)
            book.result.certificate = nil
            #expect(try Self.check(book).certificate(of: book.result) != nil)
        }
    }

    @Test func `a certificate that its prices do not make is found out`() throws {
        let book = try Self.book(.maximizeSharpe)
        let certificate = try #require(book.result.certificate)
        #expect(certificate.budgetPrices.count == 3)
        #expect(certificate.budgetPrices.allSatisfy { $0 != 0 })
        func changed(_ change: (inout OptimalityCertificate) -> Void) -> OptimalityCertificate {
            var certificate = certificate
            change(&certificate)
            return certificate
        }
        try book.expectViolation("certificate/objective", in: changed { $0.objective += 1e-6 })
        try book.expectViolation("certificate/bound", in: changed { $0.bound += 1e-6 })
        try book.expectViolation("certificate/budget_price", in: changed { $0.budgetPrice += 1e-6 })
        try book.expectViolation("certificate/budget_prices", in: changed { $0.budgetPrices.removeLast() })
        try book.expectViolation("certificate/budget_prices", in: changed { $0.budgetPrices = [] })
        for period in 0..<3 {
            let moved = changed { $0.budgetPrices[period] += 0.01 }
            try book.expectViolation("certificate/gap", in: moved)
        }
        let weight = ScenarioWeight(scenario: 0, weight: 1)
        try book.expectViolation("certificate/scenario_weights", in: changed { $0.scenarioWeights = [weight] })
    }

    @Test func `a limit's price that is not the path's is found out`() throws {
        let book = try Self.book(.maximizeUtility)
        for period in 0..<3 {
            var result = book.result
            let bindings = try #require(result.path?.periods[period].bindingConstraints)
            let place = try #require(bindings.firstIndex { $0.constraint == "/max_turnover" })
            #expect((bindings[place].shadowPrice ?? 0) > 1e-4)
            result.path?.periods[period].bindingConstraints[place].shadowPrice? *= 0.5
            try book.expectViolation("certificate/gap", in: result)
        }
    }

    @Test func `a result of one period has no prices of several`() throws {
        let book = try VerificationBook(objective: .minimizeRisk)
        var certificate = try #require(book.result.certificate)
        certificate.budgetPrices = [certificate.budgetPrice]
        try book.expectViolation("certificate/budget_prices", in: certificate)
    }

    private static func check(_ book: VerificationBook) throws -> AllocationCheck {
        let moments = try estimateMoments(of: book.snapshot.riskModel).suited(to: book.request, book.snapshot)
            .ofFirstPeriod(book.request.parameters.horizon)
        return AllocationCheck(snapshot: book.snapshot, moments: moments, request: book.request)
    }

    private func expectProof(_ book: VerificationBook, _ comment: Comment) throws {
        try book.expectProof(comment)
        #expect(book.result.certificate?.budgetPrices.count == book.result.path?.periods.count, comment)
    }
}
