import MomentEstimation
import PortfolioDocuments
import PortfolioModel
import ResultChecker
import ResultVerification
import Testing

/// Limits that may be exceeded at a price stand in the proof with a price of at most that.
@Suite("Certificates under soft limits")
struct SoftLimitCertificateTests {
    private static let objectives: [Objective] = [
        .minimizeRisk, .maximizeReturn, .maximizeUtility, .minimizeTrackingError, .minimizeTransactionCosts,
    ]

    /// Every limit of the book is soft at one penalty.
    private static func book(
        _ objective: Objective,
        penalty: Double,
        seed: UInt64 = 3,
        adjust: (inout OptimizationRequest) -> Void = { _ in }
    ) throws -> VerificationBook {
        try VerificationBook(seed: seed, objective: objective) { request, _ in
            request.constraints.maxPositionSize = 0.2
            request.constraints.targetVolatility = 0.05
            request.constraints.maxTrackingError = 0.02
            request.constraints.minReturn = 0.09
            request.constraints.maxWeights = ["I2": 0.1]
            adjust(&request)
            let pointers = [
                "/max_position_size", "/max_sector_exposure", "/max_turnover", "/max_cash", "/min_weights/I3",
                "/groups/0/min", "/groups/0/max", "/target_volatility", "/max_tracking_error", "/min_return",
                "/max_weights/I2", "/max_asset_class_exposure",
            ]
            request.constraints.softLimits = pointers.map { SoftLimit(limit: $0, penalty: penalty) }
        }
    }

    @Test(arguments: objectives, [0.003, 0.03, 0.3])
    func `an optimum that pays penalties proves itself`(_ objective: Objective, _ penalty: Double) throws {
        var (exceeded, priced) = (0, 0)
        for seed in UInt64(1)...4 {
            let book = try Self.book(objective, penalty: penalty, seed: seed)
            // A root has no slope at 0: what proves such an optimum is not in the result.
            let figures = book.result.metrics
            if (objective == .minimizeRisk ? figures.risk : figures.trackingError ?? 1) < 1e-7 { continue }
            exceeded += book.result.softLimits.filter { $0.excess > 1e-7 }.count
            priced += book.result.bindingConstraints.filter { abs($0.shadowPrice ?? 0) > 1e-9 }.count
            try book.expectProof("seed \(seed)")
        }
        let isMinimal = objective == .minimizeRisk || objective == .minimizeTrackingError
        #expect((isMinimal && penalty < 0.1) || (exceeded > 0 && priced + exceeded > 4))
    }

    @Test func `shorts and changes of weights prove themselves where sizes may be exceeded`() throws {
        for seed in UInt64(1)...4 {
            let book = try Self.book(.maximizeUtility, penalty: 0.01, seed: seed) { request in
                request.constraints.allowShort = true
                request.constraints.maxGrossExposure = 1.3
                request.constraints.minWeights = ["I3": 0.05]
                request.constraints.maxWeightChange = 0.15
            }
            try book.expectProof("seed \(seed)")
        }
    }

    @Test(arguments: objectives)
    func `an allocation that pays more than it must proves nothing`(_ objective: Objective) throws {
        let book = try Self.book(objective, penalty: 0.3)
        let other = try Self.book(objective == .maximizeReturn ? .minimizeRisk : .maximizeReturn, penalty: 0.003)
        let moments = try estimateMoments(of: book.snapshot.riskModel)
        let check = AllocationCheck(snapshot: book.snapshot, moments: moments, request: book.request)
        #expect(check.certificate(of: book.result) != nil)
        #expect(check.certificate(of: book.result(movedTo: other.result, by: 0.05)) == nil)
    }

    @Test func `a better bound than the prices prove, and a price above the penalty, are found out`() throws {
        let book = try Self.book(.maximizeUtility, penalty: 0.03)
        var result = book.result
        result.certificate?.objective += 1e-4
        result.certificate?.bound += 1e-4
        try book.expectViolation("certificate/objective", in: result)
        result = book.result
        result.certificate?.bound -= 1e-4
        try book.expectViolation("certificate/bound", in: result)
        result = book.result
        let place = try #require(
            result.bindingConstraints.firstIndex { binding in
                binding.shadowPrice ?? 0 > 1e-4
                    && book.request.constraints.softLimits?.contains { $0.limit == binding.constraint } == true
            }
        )
        result.bindingConstraints[place].shadowPrice = 0.05
        try book.expectViolation("binding_constraints/\(place)/shadow_price", in: result)
        result.bindingConstraints[place].shadowPrice = 0
        try book.expectViolation("certificate/gap", in: result)
    }
}
