import JobExecution
import MomentEstimation
import PortfolioDocuments
import PortfolioModel
import Repository
import ResultChecker
import ResultVerification
import Testing

/// Answers with choices in them: who is held, who is traded, what is sold at a loss.
@Suite("Certificates of choices")
struct RelaxationCertificateTests {
    enum Choice: String, CaseIterable {
        case positions, threshold, both, fixedCosts, losses, shortThreshold

        func apply(to request: inout OptimizationRequest, _ snapshot: inout MandateSnapshot) {
            switch self {
            case .positions: request.constraints.maxPositions = 5
            case .threshold: request.constraints.minPositionSize = 0.08
            case .both:
                request.constraints.maxPositions = 6
                request.constraints.minPositionSize = 0.1
            case .fixedCosts:
                request.preferences.includeTransactionCosts = true
                for index in snapshot.instruments.indices { snapshot.instruments[index].cost?.fixed = 25 }
            case .losses:
                request.preferences.considerTaxImplications = true
                request.preferences.longTermTaxRate = 0.2
                for index in snapshot.portfolio.positions.indices where index % 2 == 0 {
                    let id = snapshot.portfolio.positions[index].instrumentID
                    let price = snapshot.instruments.first { $0.id == id }?.price ?? 0
                    snapshot.portfolio.positions[index].taxLots[0].costBasis = 1.2 * price
                }
            case .shortThreshold:
                request.constraints.minPositionSize = 0.06
                request.constraints.allowShort = true
                request.constraints.maxGrossExposure = 1.4
                request.constraints.minWeights = nil
                request.constraints.maxTurnover = 0.8
            }
        }

        /// Turnover leaves no room to hold few of many.
        func widened(_ request: inout OptimizationRequest) {
            if self == .positions || self == .both { request.constraints.maxTurnover = 0.9 }
        }
    }

    private static func book(_ choice: Choice, _ objective: Objective, seed: UInt64) throws -> VerificationBook {
        try VerificationBook(seed: seed, objective: objective) { request, snapshot in
            choice.apply(to: &request, &snapshot)
            choice.widened(&request)
        }
    }

    @Test(
        arguments: Choice.allCases,
        [Objective.minimizeRisk, .maximizeReturn, .maximizeUtility, .maximizeSharpe, .minimizeTransactionCosts]
    )
    func `an answer with choices has a bound that passes`(_ choice: Choice, _ objective: Objective) throws {
        for seed in UInt64(1)...4 {
            let book: VerificationBook
            do { book = try Self.book(choice, objective, seed: seed) } catch {
                #expect((error as? OptimizationFailure)?.code == "infeasible", "\(error)")
                continue
            }
            let certificate = try #require(book.result.certificate, "\(choice) seed \(seed)")
            #expect(certificate.gap >= 0)
            let verdict = try VerifyResult.verdict(on: book.resultBytes, against: book.snapshotBytes())
            #expect(verdict == .passes(certificate), "\(choice) seed \(seed)")
        }
    }

    @Test(
        arguments: [RiskMeasure.conditionalValueAtRisk, .meanAbsoluteDeviation],
        [Objective.minimizeRisk, .maximizeUtility]
    )
    func `thresholds beside a measure over scenarios have a bound that passes`(
        _ measure: RiskMeasure,
        _ objective: Objective
    ) throws {
        for seed in UInt64(1)...3 {
            let book = try VerificationBook(seed: seed, objective: objective) { request, _ in
                request.riskMeasure = measure
                request.preferences.riskAversion = 0.3
                request.preferences.confidenceLevel = 0.85
                request.constraints.minPositionSize = 0.09
            }
            let certificate = try #require(book.result.certificate, "seed \(seed)")
            #expect(certificate.gap >= 0 && certificate.gap < 0.01, "\(certificate) seed \(seed)")
            let verdict = try VerifyResult.verdict(on: book.resultBytes, against: book.snapshotBytes())
            #expect(verdict == .passes(certificate), "seed \(seed)")
        }
    }

    /// What is proved is not beaten: neither by the same mandate searched further nor by any of the allocations looked at.
    @Test(arguments: [Choice.positions, .threshold, .fixedCosts, .losses])
    func `where the prices are right for what was chosen the bound is close`(_ choice: Choice) throws {
        var widest = 0.0
        for seed in UInt64(1)...6 {
            let book = try Self.book(choice, .maximizeReturn, seed: seed)
            let certificate = try #require(book.result.certificate)
            widest = max(widest, certificate.gap / certificate.objective)
        }
        #expect(widest < (choice == .losses ? 1e-6 : 0.05), "\(widest)")
    }

    @Test func `an answer at the end of its time has no certificate of choices`() throws {
        let book = try Self.book(.both, .minimizeRisk, seed: 3)
        #expect(book.result.certificate != nil)
        // The clock stands still until the trades are planned, which asks nobody for the time.
        var isLate = false
        var solver = SolveOptimization(
            clock: { isLate ? .seconds(200) : .zero },
            defaultTimeLimit: .seconds(100)
        )
        var request = book.request
        request.preferences.relativeGap = 1e-6
        let job = OptimizationJob(request: request, createdAt: VerificationBook.created, snapshot: book.snapshot)
        var asked = 0
        _ = solver.outcome(of: job, tenant: "t") {
            asked += 1
            return false
        }
        // The last question but the last few belongs to the search; the certificate's come after.
        var left = asked
        var last: OptimizationResult?
        while left > 0, last == nil || last?.certificate != nil {
            left -= 1
            isLate = false
            var count = 0
            let outcome = solver.outcome(of: job, tenant: "t") {
                count += 1
                if count > left { isLate = true }
                return false
            }
            last = try? outcome.result.get()
        }
        #expect(last != nil && last?.certificate == nil)
    }

    // MARK: Wrong claims

    @Test(
        arguments: [Choice.both, .threshold, .fixedCosts],
        [Objective.maximizeUtility, .maximizeSharpe, .minimizeRisk]
    )
    func `a bound that the prices do not make is found out`(_ choice: Choice, _ objective: Objective) throws {
        if choice == .fixedCosts, objective == .minimizeRisk { return }
        let book = try Self.book(choice, objective, seed: 1)
        let certificate = try #require(book.result.certificate)
        guard certificate.relaxation != nil, certificate.gap > 1e-5 else { return }
        var wrong = book.result
        wrong.certificate?.bound -= certificate.gap / 2
        try book.expectViolation("certificate/bound", in: wrong)
        wrong.certificate?.bound = certificate.objective - 0.01 * abs(certificate.objective)
        try book.expectViolation("certificate/gap", in: wrong)
        wrong = book.result
        wrong.certificate?.objective += 1e-4
        try book.expectViolation("certificate/objective", in: wrong)
        wrong = book.result
        wrong.certificate?.budgetPrice += 1
        try book.expectViolation("certificate/bound", in: wrong)
        wrong = book.result
        wrong.certificate?.relaxation?.allocation["I99"] = 0.1
        try book.expectViolation("certificate/relaxation/target_allocation/I99", in: wrong)
        wrong = book.result
        wrong.certificate?.relaxation?.bindingConstraints.append(
            BindingConstraint(constraint: "/min_return", subject: nil, bound: 0.1, value: 0.1, shadowPrice: -1)
        )
        let count = certificate.relaxation?.bindingConstraints.count ?? 0
        try book.expectViolation("certificate/relaxation/binding_constraints/\(count)/constraint", in: wrong)
    }

    @Test(arguments: [Objective.minimizeRisk, .maximizeUtility, .minimizeTrackingError])
    func `few of many prove themselves nearly by a part of the variances`(_ objective: Objective) throws {
        for seed in UInt64(1)...4 {
            let book = try VerificationBook(seed: seed, objective: objective) { request, snapshot in
                request.constraints.maxPositions = 3
                request.constraints.maxTurnover = 0.9
                request.constraints.maxPositionSize = 0.6
                request.constraints.maxSectorExposure = 0.8
                request.preferences.riskAversion = 40
                snapshot.portfolio.constraints.maxAssetClassExposure = nil
            }
            let certificate = try #require(book.result.certificate, "seed \(seed)")
            let relaxation = try #require(certificate.relaxation, "seed \(seed)")

            let verdict = try VerifyResult.verdict(on: book.resultBytes, against: book.snapshotBytes())
            #expect(verdict == .passes(certificate), "seed \(seed)")
            guard !relaxation.diagonal.isEmpty else { continue }
            #expect(certificate.gap < 0.1 * abs(certificate.objective), "seed \(seed): \(certificate.gap)")
            // A diagonal that leaves the rest indefinite proves nothing, and a smaller one proves less.
            var wrong = book.result
            for id in relaxation.diagonal.keys { wrong.certificate?.relaxation?.diagonal[id]? *= 3 }
            try book.expectViolation("certificate/relaxation/diagonal", in: wrong)
            wrong = book.result
            for id in relaxation.diagonal.keys { wrong.certificate?.relaxation?.diagonal[id]? /= 2 }
            try book.expectViolation("certificate/bound", in: wrong)
            wrong = book.result
            wrong.certificate?.relaxation?.diagonal["I99"] = 0.01
            try book.expectViolation("certificate/relaxation/diagonal/I99", in: wrong)
        }
    }

    @Test func `prices that belong to another allocation make another bound`() throws {
        let book = try Self.book(.both, .maximizeUtility, seed: 1)
        let relaxation = try #require(book.result.certificate?.relaxation)
        let place = try #require(
            relaxation.bindingConstraints.firstIndex {
                ["/max_turnover", "/max_asset_class_exposure", "/max_sector_exposure"].contains($0.constraint)
            }
        )
        var wrong = book.result
        wrong.certificate?.relaxation?.bindingConstraints[place].shadowPrice = 10
        try book.expectViolation("certificate/bound", in: wrong)
        wrong = book.result
        wrong.certificate?.relaxation?.bindingConstraints[place].value += 0.01
        try book.expectViolation("certificate/relaxation/binding_constraints/\(place)/value", in: wrong)
        wrong = book.result
        wrong.certificate?.relaxation?.allocation = book.result.currentAllocation
        try book.expectViolation("certificate/bound", in: wrong)
    }
}
