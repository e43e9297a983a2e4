import PortfolioModel
import PortfolioOptimization
import ResultChecker
import Testing

/// A random book with the frontier that is traced of it.
private struct TracedBook {
    var book: RandomBook
    var request: FrontierRequest
    var result: FrontierResult

    init(seed: UInt64, limited: Bool) throws {
        book = try RandomBook(seed: seed, isRich: true)
        request = FrontierRequest(portfolioID: "p", pointCount: 9, includesCornerPortfolios: true)
        request.preferences.riskFreeRate = 0.01
        if limited {
            request.constraints.maxPositionSize = 0.4
            request.constraints.maxSectorExposure = 0.7
            request.constraints.minCash = 0.02
            request.constraints.maxTurnover = 0.5
        }
        let asked = OptimizationRequest(
            portfolioID: "p",
            type: .meanVariance,
            objective: .minimizeRisk,
            constraints: request.constraints,
            preferences: request.preferences
        )
        let problem = try AllocationProblem(snapshot: book.snapshot, moments: book.moments, request: asked)
        let traced = try traceFrontier(problem, request) { false }
        func dressed(_ allocation: FrontierAllocation) -> FrontierPoint { FrontierPoint(allocation, of: problem) }
        result = FrontierResult(
            points: traced.points.map(dressed),
            currentPortfolio: dressed(problem.currentFrontierAllocation),
            optimalPortfolio: traced.optimal.map(dressed),
            minimumRiskPortfolio: dressed(traced.minimumRisk),
            maximumReturnPortfolio: dressed(traced.maximumReturn),
            cornerPortfolios: traced.corners?.map(dressed),
            instruments: problem.singleInstrumentAllocations.map(dressed),
            solution: traced.report,
            constraints: problem.constraints,
            preferences: problem.preferences,
            inputs: book.result.inputs,
            warnings: book.moments.warnings + traced.warnings
        )
    }

    func violations(_ change: (inout FrontierResult) -> Void = { _ in }) -> [String] {
        var changed = result
        change(&changed)
        return FrontierCheck(snapshot: book.snapshot, moments: book.moments, request: request)
            .violations(in: changed).map(\.claim)
    }
}

@Suite("The check of frontiers")
struct FrontierCheckTests {
    @Test(arguments: 0..<24)
    func `what is traced passes`(_ seed: Int) throws {
        let book = try TracedBook(seed: UInt64(seed), limited: seed % 2 == 0)
        #expect(book.violations() == [])
    }

    /// A change that no reader should see, and a part of what is said of it.
    private struct Mutation: Sendable {
        let name: String
        let claim: String
        let change: @Sendable (inout FrontierResult) -> Void

        init(_ name: String, _ claim: String, _ change: @escaping @Sendable (inout FrontierResult) -> Void) {
            self.name = name
            self.claim = claim
            self.change = change
        }
    }

    private static let mutations: [Mutation] = [
        Mutation("a return", "efficient_frontier/3/return") { $0.points[3].expectedReturn += 1e-6 },
        Mutation("a risk", "efficient_frontier/3/risk") { $0.points[3].risk *= 1 - 1e-6 },
        Mutation("a ratio", "efficient_frontier/3/sharpe") { $0.points[3].sharpe = 9 },
        Mutation("a weight", "efficient_frontier/3/weights") { $0.points[3].weights["cash", default: 0] += 1e-6 },
        Mutation("an instrument", "efficient_frontier/3/weights") { $0.points[3].weights["XYZ"] = 0 },
        Mutation("a limit", "max_position_size") { $0.points[3] = alone(in: $0.points[3]) },
        Mutation("a point left out", "efficient_frontier") { $0.points.removeLast() },
        Mutation("the order", "the order of r") { $0.points.swapAt(2, 3) },
        Mutation("a dominated point", "bend") { result in
            // Half way between a point and cash: feasible nowhere near the curve.
            result.points[4] = result.points[3]
            result.points[4].risk = result.points[5].risk
        },
        Mutation("the least risk", "min_risk_portfolio") { $0.minimumRiskPortfolio = $0.points[4] },
        Mutation("the most return", "max_return_portfolio") { $0.maximumReturnPortfolio = $0.points[4] },
        Mutation("the optimum", "optimal_portfolio") { $0.optimalPortfolio = $0.points[0] },
        Mutation("no optimum", "optimal_portfolio") { $0.optimalPortfolio = nil },
        Mutation("a corner", "corner_portfolios/1") { $0.cornerPortfolios?[1].risk += 1e-6 },
        Mutation("the holdings", "current_portfolio") { $0.currentPortfolio.weights["cash", default: 0] += 0.01 },
        Mutation("an instrument's risk", "instruments/") { $0.instruments[0].risk *= 1.01 },
        Mutation("the limits in force", "constraints") { $0.constraints.maxPositionSize = 0.3 },
        Mutation("the preferences in force", "preferences") { $0.preferences.riskFreeRate = 0 },
        Mutation("the versions", "inputs/versions") { $0.inputs.versions.portfolio += 1 },
        Mutation("a residual", "primal_residual") { $0.solution.primalResidual = 1 },
        Mutation("a warning left out", "warnings") { $0.warnings = [] },
    ]

    /// All of a portfolio in one of its instruments.
    private static func alone(in point: FrontierPoint) -> FrontierPoint {
        var point = point
        let first = point.weights.keys.filter { $0 != "cash" }.min() ?? "cash"
        point.weights = [first: 1]
        return point
    }

    @Test func `each claim that is changed is found`() throws {
        let book = try TracedBook(seed: 4, limited: true)
        try #require(book.violations() == [] && book.result.points.count == 9)
        for mutation in Self.mutations {
            let found = book.violations(mutation.change)
            #expect(found.contains { $0.contains(mutation.claim) }, "\(mutation.name): \(found)")
        }
    }
}
