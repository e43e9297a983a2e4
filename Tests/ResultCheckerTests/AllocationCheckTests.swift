import PortfolioModel
import ResultChecker
import TestSupport
import Testing

@Suite("The checker and right results")
struct AllocationCheckTests {
    @Test func `what planner and metrics make of any book passes`() throws {
        for seed in UInt64(1)...500 {
            let book = try RandomBook(seed: seed)
            let check = AllocationCheck(snapshot: book.snapshot, moments: book.moments, request: book.request)
            #expect(check.violations(in: book.result) == [], "seed \(seed)")
        }
    }

    @Test func `a book with everything passes`() throws {
        for seed in UInt64(1)...50 {
            let book = try RandomBook(seed: seed, isRich: true)
            let check = AllocationCheck(snapshot: book.snapshot, moments: book.moments, request: book.request)
            #expect(check.violations(in: book.result) == [], "seed \(seed)")
        }
    }

    /// Limits that the target breaks by a little more than the tolerance.
    @Test(arguments: [
        "max_position_size", "min_position_size", "max_sector_exposure", "max_asset_class_exposure", "max_turnover",
        "target_volatility", "max_risk", "min_return", "min_cash", "max_cash", "min_weights", "max_weights",
        "groups/0/max", "groups/0/min", "universe",
    ])
    func `a limit that is broken is named`(limit: String) throws {
        var book = try RandomBook(seed: 11, isRich: true)
        let step = 2e-7
        let metrics = book.result.metrics
        var limits = book.result.constraints
        let first = book.moments.instruments[0]
        switch limit {
        case "max_position_size":
            limits.maxWeights = nil
            limits.maxPositionSize = (book.result.targetAllocation[first] ?? 0) - step
        case "min_position_size":
            limits.minWeights = nil
            limits.minPositionSize = limits.minPositionSize.map { $0 + step }
        case "max_sector_exposure": limits.maxSectorExposure = limits.maxSectorExposure.map { $0 - step }
        case "max_asset_class_exposure": limits.maxAssetClassExposure = limits.maxAssetClassExposure.map { $0 - step }
        case "max_turnover": limits.maxTurnover = metrics.turnover - step
        case "target_volatility": limits.targetVolatility = metrics.expectedVolatility - step
        case "max_risk": limits.maxRisk = metrics.risk - step
        case "min_return": limits.minReturn = metrics.expectedReturn + step
        case "min_cash": limits.minCash = limits.minCash.map { $0 + step }
        case "max_cash": limits.maxCash = 0.05 - step
        case "min_weights": limits.minWeights?[first]? += step
        case "max_weights": limits.maxWeights?[first]? -= step
        case "groups/0/max": limits.groups?[0].max? -= step
        case "groups/0/min": limits.groups?[0].min? += step
        case "universe": book.snapshot.portfolio.universe = Array(book.moments.instruments.dropFirst())
        default: Issue.record("no such limit")
        }
        book.request.constraints = limits
        book.result.constraints = limits
        let check = AllocationCheck(snapshot: book.snapshot, moments: book.moments, request: book.request)
        let claims = check.violations(in: book.result).map(\.claim)
        #expect(claims.contains { $0.contains(limit) }, "\(claims)")
    }

    @Test func `a result without what the portfolio limits is caught though the request says nothing`() throws {
        var book = try RandomBook(seed: 5, isRich: true)
        book.snapshot.portfolio.constraints.maxTurnover = 1e-3
        let check = AllocationCheck(snapshot: book.snapshot, moments: book.moments, request: book.request)
        let claims = check.violations(in: book.result).map(\.claim)
        #expect(claims.contains("constraints") && claims.contains("constraints/max_turnover"))
    }

    @Test func `moments of another size are a violation, not a crash`() throws {
        var book = try RandomBook(seed: 5, isRich: true)
        book.moments.expectedReturns.removeLast()
        let check = AllocationCheck(snapshot: book.snapshot, moments: book.moments, request: book.request)
        #expect(check.violations(in: book.result).map(\.claim) == ["moments"])
    }
}
