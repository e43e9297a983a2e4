import Matrices
import MomentEstimation
import PortfolioDocuments
import PortfolioModel
import Repository
import ResultChecker
import ResultVerification
import TestSupport
import Testing

/// Requests of every kind whose best allocation has a proof, over seeds.
@Suite("Certificates of every kind")
struct CertificateKindsTests {
    /// What is asked for beyond the limits of ``VerificationBook``.
    enum Kind: String, CaseIterable {
        case shorts, sizesOfShorts, impact, taxes, scenarioLosses, gaussian, terms
        case ellipsoid, box, covariances, ball, ballOfSums, ballOfLargest, largest, largestOfShorts, boxOfShorts
    }

    private static let seeds = UInt64(1)...4

    @Test(arguments: Kind.allCases, [Objective.maximizeUtility, .maximizeSharpe])
    func `an optimum proves itself`(_ kind: Kind, _ objective: Objective) throws {
        for seed in Self.seeds {
            let book = try VerificationBook(seed: seed, objective: objective, adjust: kind.apply)
            try book.expectProof("\(kind) seed \(seed)")
        }
    }

    @Test(arguments: [Kind.impact, .taxes])
    func `an optimum at least cost proves itself`(_ kind: Kind) throws {
        for seed in Self.seeds {
            let book = try VerificationBook(seed: seed, objective: .minimizeTransactionCosts, adjust: kind.apply)
            try book.expectProof("\(kind) seed \(seed)")
        }
    }

    @Test(
        arguments: RiskMeasure.allCases.filter { $0 != .volatility && $0 != .valueAtRisk },
        [Objective.minimizeRisk, .maximizeUtility, .maximizeSharpe, .maximizeReturn]
    )
    func `an optimum over scenarios proves itself`(_ measure: RiskMeasure, _ objective: Objective) throws {
        for seed in Self.seeds {
            let book = try Self.book(seed, measure, objective)
            // Where just too few scenarios are the worst, the entropic weights outside of them are smaller than the accuracy
            // of the solve.
            if measure == .entropicValueAtRisk, book.result.certificate == nil, [1, 4].contains(seed) { continue }
            try book.expectProof("\(measure) \(objective) seed \(seed)")
        }
    }

    private static func book(
        _ seed: UInt64,
        _ measure: RiskMeasure,
        _ objective: Objective
    ) throws -> VerificationBook {
        try VerificationBook(seed: seed, objective: objective) { request, snapshot in
            request.riskMeasure = measure
            request.preferences.riskAversion = 0.3
            request.preferences.confidenceLevel = 0.85
            guard objective == .maximizeReturn else { return }
            // A limit on the measure that binds.
            var least = request
            least.objective = .minimizeRisk
            let risk = try VerificationBook.solved(least, snapshot).metrics.risk
            request.constraints.maxRisk = risk + 0.1 * abs(risk)
        }
    }

    @Test(arguments: Kind.allCases.filter { $0 != .terms })
    func `an allocation that is not the best proves nothing`(_ kind: Kind) throws {
        let book = try VerificationBook(objective: .maximizeUtility, adjust: kind.apply)
        let other = try VerificationBook(objective: .minimizeRisk, adjust: kind.apply)
        let moments = try estimateMoments(of: book.snapshot.riskModel).suited(to: book.request, book.snapshot)
        let check = AllocationCheck(snapshot: book.snapshot, moments: moments, request: book.request)
        #expect(check.certificate(of: book.result) != nil)
        #expect(check.certificate(of: book.result(movedTo: other.result, by: 0.05)) == nil)
    }

    /// Weights between the optimum and another allocation within the limits are worse; no shares of scenarios hide it.
    @Test(arguments: [RiskMeasure.conditionalValueAtRisk, .meanAbsoluteDeviation, .maximumDrawdown, .semiDeviation])
    func `an allocation over scenarios that is not the best proves nothing`(_ measure: RiskMeasure) throws {
        let book = try Self.book(3, measure, .minimizeRisk)
        let moments = try estimateMoments(of: book.snapshot.riskModel)
        let check = AllocationCheck(snapshot: book.snapshot, moments: moments, request: book.request)
        #expect(check.certificate(of: book.result) != nil)
        var other = book.result
        let most = try VerificationBook(seed: 3, objective: .maximizeReturn)
        other.targetAllocation = most.result.targetAllocation
        for (id, weight) in book.result.targetAllocation {
            other.targetAllocation[id] = weight + 0.01 * ((other.targetAllocation[id] ?? 0) - weight)
        }
        #expect(check.certificate(of: other) == nil)
    }

    @Test func `weights of scenarios that are none of the measure are found out`() throws {
        let book = try VerificationBook(objective: .minimizeRisk) { request, _ in
            request.riskMeasure = .conditionalValueAtRisk
            request.preferences.confidenceLevel = 0.85
        }
        let certificate = try #require(book.result.certificate)
        #expect(certificate.scenarioWeights.count > 1)
        let places = certificate.scenarioWeights.indices.sorted {
            certificate.scenarioWeights[$0].weight > certificate.scenarioWeights[$1].weight
        }
        var moved = certificate
        moved.scenarioWeights[places[0]].weight -= 0.01
        try book.expectViolation("certificate/scenario_weights", in: moved)
        // The sum is right again, the support is not that of the target.
        moved.scenarioWeights[places[places.count - 1]].weight += 0.01
        try book.expectViolation("certificate/gap", in: moved)
        moved = certificate
        moved.scenarioWeights.append(certificate.scenarioWeights[0])
        try book.expectViolation("certificate/scenario_weights", in: moved)
        moved = certificate
        moved.scenarioWeights[0].scenario = 1_000_000
        try book.expectViolation("certificate/scenario_weights", in: moved)
        moved = certificate
        moved.scenarioWeights = []
        try book.expectViolation("certificate/scenario_weights", in: moved)
    }

    @Test(arguments: [Objective.minimizeRisk, .maximizeUtility, .maximizeSharpe, .maximizeReturn], [false, true])
    func `an optimum under uncertain loadings proves itself`(_ objective: Objective, limitsRisk: Bool) throws {
        for seed in Self.seeds {
            let book = try VerificationBook(seed: seed, objective: objective, inParts: true) { request, snapshot in
                Kind.box.guardAgainst(Uncertainty(kind: .factorLoadings, size: 0.5), &request)
                guard limitsRisk else { return }
                let worst = try #require(VerificationBook.solved(request, snapshot).robust?.worstCaseVolatility)
                request.constraints.targetVolatility = worst * (objective == .minimizeRisk ? 1.01 : 0.99)
            }
            try book.expectProof("\(objective) seed \(seed), limited: \(limitsRisk)")
        }
    }

    @Test(
        arguments: [Uncertainty.Kind.box, .ellipsoidal],
        [Objective.minimizeTrackingError, .maximizeInformationRatio]
    )
    func `an optimum against a benchmark under uncertain returns proves itself`(
        _ kind: Uncertainty.Kind,
        _ objective: Objective
    ) throws {
        var checked = 0
        for seed in UInt64(1)...8 {
            let book: VerificationBook
            do {
                book = try VerificationBook(seed: seed, objective: objective) { request, _ in
                    Kind.box.guardAgainst(Uncertainty(kind: kind, size: 0.02), &request)
                }
            } catch {
                #expect((error as? OptimizationFailure)?.code == "no_active_return")
                continue
            }
            checked += 1
            try book.expectProof("\(kind) \(objective) seed \(seed)")
        }
        #expect(checked >= 4)
    }

    @Test(arguments: [Uncertainty.Kind.box, .ellipsoidal, .covarianceBox, .wasserstein])
    func `an optimum of terms in the worst case proves itself`(_ kind: Uncertainty.Kind) throws {
        for seed in Self.seeds {
            let book = try VerificationBook(seed: seed, objective: .multiObjective) { request, _ in
                let size: Double = kind == .covarianceBox ? 1 : kind == .wasserstein ? 0.0005 : 0.1
                Kind.box.guardAgainst(Uncertainty(kind: kind, size: size), &request)
                request.preferences.confidenceLevel = 0.85
                var terms = [
                    ObjectiveTerm(.expectedReturn, weight: 1), ObjectiveTerm(.turnover, weight: -0.002),
                    ObjectiveTerm(.concentration, weight: -0.02),
                ]
                if kind == .wasserstein {
                    request.riskMeasure = .conditionalValueAtRisk
                    terms.append(ObjectiveTerm(.risk, weight: -2, riskMeasure: .conditionalValueAtRisk))
                } else {
                    terms.append(ObjectiveTerm(.variance, weight: -2))
                    terms.append(ObjectiveTerm(.risk, weight: -0.1, riskMeasure: .volatility))
                }
                request.parameters.objectives = terms
            }
            try book.expectProof("\(kind) seed \(seed)")
        }
    }

    @Test(arguments: [Kind.largest, .ballOfLargest])
    func `shares of tied weights that are none are found out`(_ kind: Kind) throws {
        let book = try VerificationBook(seed: 1, objective: .maximizeUtility, adjust: kind.apply)
        let certificate = try #require(book.result.certificate)
        let shares = certificate.weightShares
        #expect(shares.count > 1)
        #expect(Set(shares.map(\.constraint)) == [kind == .largest ? "/largest_positions/0/max" : "/uncertainty"])
        let places = shares.indices.sorted { shares[$0].share > shares[$1].share }
        var moved = certificate
        moved.weightShares[places[places.count - 1]].share += 0.01
        try book.expectViolation("certificate/weight_shares", in: moved)
        // The sum is right again, the support is not that of the target.
        moved.weightShares[places[0]].share -= 0.01
        try book.expectViolation("certificate/gap", in: moved)
        moved = certificate
        moved.weightShares[places[0]].share = -0.2
        try book.expectViolation("certificate/weight_shares", in: moved)
        moved = certificate
        moved.weightShares.append(shares[0])
        try book.expectViolation("certificate/weight_shares", in: moved)
        moved = certificate
        moved.weightShares[0].instrumentID = "Z"
        try book.expectViolation("certificate/weight_shares", in: moved)
        moved = certificate
        moved.weightShares[0].constraint = "/max_turnover"
        try book.expectViolation("certificate/weight_shares", in: moved)
        moved = certificate
        moved.weightShares = []
        try book.expectViolation("certificate/weight_shares", in: moved)
    }
}

extension CertificateKindsTests.Kind {
    fileprivate func apply(to request: inout OptimizationRequest, _ snapshot: inout MandateSnapshot) {
        switch self {
        case .shorts, .sizesOfShorts:
            request.constraints.allowShort = true
            request.constraints.maxGrossExposure = 1.4
            request.constraints.minWeights = nil
            request.constraints.maxTurnover = 0.8
            if self == .shorts {
                request.constraints.maxSectorExposure = 2
                request.constraints.groups = nil
            }
        case .impact:
            for index in snapshot.instruments.indices {
                snapshot.instruments[index].cost = TransactionCost(
                    proportional: 0.0005,
                    impact: 0.4,
                    averageDailyValue: 500_000
                )
            }
        case .taxes:
            request.preferences.considerTaxImplications = true
            request.preferences.longTermTaxRate = 0.15
            request.preferences.shortTermTaxRate = 0.3
        case .scenarioLosses: useScenarios(&request, snapshot)
        case .gaussian:
            request.riskMeasure = .conditionalValueAtRisk
            request.preferences.riskAversion = 0.3
            useCovariance(&snapshot)
        case .terms: useTerms(&request)
        case .ellipsoid: guardAgainst(Uncertainty(kind: .ellipsoidal, size: 0.3), &request)
        case .box: guardAgainst(Uncertainty(kind: .box, size: 0.1), &request)
        case .covariances: guardAgainst(Uncertainty(kind: .covarianceBox, size: 1), &request)
        case .boxOfShorts:
            Self.shorts.apply(to: &request, &snapshot)
            guardAgainst(Uncertainty(kind: .box, size: 0.1), &request)
            request.constraints.minReturn = 0.02
        case .largest: request.constraints.largestPositions = [LargestPositionsLimit(count: 3, max: 0.5)]
        case .largestOfShorts:
            request.constraints.allowShort = true
            request.constraints.maxGrossExposure = 1.4
            request.constraints.minWeights = nil
            request.constraints.maxTurnover = 0.8
            request.constraints.largestPositions = [
                LargestPositionsLimit(count: 3, max: 0.55), LargestPositionsLimit(count: 5, max: 0.8),
            ]
        case .ball, .ballOfSums, .ballOfLargest:
            let norm: Uncertainty.Norm = self == .ball ? .euclidean : self == .ballOfSums ? .largest : .sum
            guardAgainst(Uncertainty(kind: .wasserstein, size: 0.0005, norm: norm), &request)
            request.riskMeasure = .conditionalValueAtRisk
            request.preferences.riskAversion = 0.3
            request.preferences.confidenceLevel = 0.85
        }
    }

    fileprivate func guardAgainst(_ uncertainty: Uncertainty, _ request: inout OptimizationRequest) {
        request.type = .robust
        request.parameters.uncertainty = uncertainty
        request.preferences.includeTransactionCosts = false
    }

    private func useScenarios(_ request: inout OptimizationRequest, _ snapshot: MandateSnapshot) {
        var random = SeededGenerator(seed: 11)
        request.type = .scenarioBased
        request.riskMeasure = .conditionalValueAtRisk
        request.preferences.riskAversion = 0.3
        request.preferences.confidenceLevel = 0.7
        request.parameters.scenarios = (0..<12).map { index in
            let returns = snapshot.instruments.map { ($0.id, 0.002 + 0.03 * random.normal()) }
            return ReturnScenario(name: "s/\(index)", returns: Dictionary(uniqueKeysWithValues: returns))
        }
        request.constraints.maxScenarioLosses = ["s/3": 0.004]
    }

    private func useCovariance(_ snapshot: inout MandateSnapshot) {
        let count = snapshot.instruments.count
        var covariance = DenseMatrix(rows: count, columns: count)
        for i in 0..<count {
            for j in 0..<count { covariance[i, j] = (i == j ? 0.03 : 0.01) + 0.001 * Double(min(i, j)) }
        }
        snapshot.riskModel.covariance = covariance
        snapshot.riskModel.returns = nil
    }

    private func useTerms(_ request: inout OptimizationRequest) {
        let isCustom = request.objective == .maximizeUtility
        request.type = isCustom ? .custom : .meanVariance
        request.objective = isCustom ? .custom : .multiObjective
        let terms = [
            ObjectiveTerm(.expectedReturn, weight: 1), ObjectiveTerm(.variance, weight: -2),
            ObjectiveTerm(.turnover, weight: -0.002), ObjectiveTerm(.cost, weight: -0.5),
            ObjectiveTerm(.concentration, weight: -0.02), ObjectiveTerm(.trackingError, weight: -0.1),
            ObjectiveTerm(.score, weight: 0.01, scores: ["I2": 1, "I7": -2]),
            ObjectiveTerm(.risk, weight: -0.5, riskMeasure: .meanAbsoluteDeviation),
        ]
        if isCustom { request.parameters.customObjective = terms } else { request.parameters.objectives = terms }
    }
}
