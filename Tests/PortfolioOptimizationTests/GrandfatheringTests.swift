import PortfolioModel
import PortfolioOptimization
import ResultChecker
import Testing

@Suite("Existing breaches that are let be")
struct GrandfatheringTests {
    static let solvable = RandomMandate.grandfathered.filter { $0.status == "optimal" }
    static let refused = RandomMandate.grandfathered.filter { $0.status != "optimal" }

    /// A holds half, B a third, C the rest; nobody may hold more than 0.4.
    private var mandate: TestMandate {
        var mandate = TestMandate(
            expectedReturns: [0.12, 0.05, 0.04],
            covariance: [[0.09, 0.01, 0], [0.01, 0.04, 0.005], [0, 0.005, 0.02]],
            quantities: [30, 20, 10]
        )
        mandate.sectors = ["tech", "tech", "bank"]
        mandate.constraints.maxPositionSize = 0.4
        mandate.constraints.grandfatherBreaches = true
        return mandate
    }

    @Test func `a holding above its cap may stay where it is, and nobody else may follow`() throws {
        let mandate = mandate
        let problem = try mandate.problem(.maximizeReturn)
        let solution = try optimizeAllocation(problem) { false }
        #expect(abs(solution.weights[0] - 0.5) <= 1e-12)
        #expect(abs(solution.weights[1] - 0.4) <= 1e-12)
        #expect(
            problem.grandfatheredLimits == [
                GrandfatheredLimit(constraint: "/max_position_size", subject: "A", bound: 0.5, grandfatheredFrom: 0.4)
            ]
        )
        let ofA = try #require(solution.bindingConstraints.first { $0.subject == "A" })
        #expect((ofA.bound, ofA.value, ofA.grandfatheredFrom) == (0.5, 0.5, 0.4))
        // What A may hold more comes from C: 0.12 − 0.04.
        #expect(abs((ofA.shadowPrice ?? .nan) - 0.08) <= 1e-9)
        let ofB = try #require(solution.bindingConstraints.first { $0.subject == "B" })
        #expect((ofB.bound, ofB.grandfatheredFrom) == (0.4, nil))
    }

    @Test func `without the word the limit holds for all`() throws {
        var mandate = mandate
        mandate.constraints.grandfatherBreaches = nil
        let problem = try mandate.problem(.maximizeReturn)
        let solution = try optimizeAllocation(problem) { false }
        #expect(abs(solution.weights[0] - 0.4) <= 1e-12)
        #expect(problem.grandfatheredLimits.isEmpty)
    }

    @Test func `the portfolio's word holds until the request takes it back`() throws {
        var mandate = mandate
        mandate.constraints.grandfatherBreaches = nil
        mandate.portfolioConstraints.grandfatherBreaches = true
        #expect(try mandate.problem(.maximizeReturn).grandfatheredLimits.count == 1)
        mandate.constraints.grandfatherBreaches = false
        #expect(try mandate.problem(.maximizeReturn).grandfatheredLimits.isEmpty)
    }

    @Test func `every limit on a state takes part, and limits on trades and expectations do not`() throws {
        var mandate = mandate
        mandate.benchmark = ["C": 1]
        mandate.cash = 2000
        let limits = [
            ("/max_sector_exposure", "tech"), ("/groups/0/max", nil), ("/groups/1/min", nil), ("/max_weights/B", nil),
            ("/min_weights/C", nil), ("/max_cash", nil), ("/target_volatility", nil), ("/max_risk", nil),
            ("/max_tracking_error", nil), ("/max_positions", nil), ("/max_gross_exposure", nil),
        ]
        mandate.constraints = Constraints()
        mandate.constraints.grandfatherBreaches = true
        mandate.constraints.maxSectorExposure = 0.5
        mandate.constraints.groups = [
            GroupLimit(name: "a", members: .instruments(["A"]), max: 0.1),
            GroupLimit(name: "c", members: .sector("bank"), min: 0.4),
        ]
        mandate.constraints.maxWeights = ["B": 0.1]
        mandate.constraints.minWeights = ["C": 0.3]
        mandate.constraints.maxCash = 0.01
        mandate.constraints.targetVolatility = 0.1
        mandate.constraints.maxRisk = 0.09
        mandate.constraints.maxTrackingError = 0.05
        mandate.constraints.maxPositions = 2
        mandate.constraints.maxGrossExposure = 0.5
        mandate.constraints.maxTurnover = 0
        mandate.constraints.minReturn = -0.5
        mandate.constraints.minPositionSize = 0.2
        let problem = try mandate.problem(.minimizeRisk)
        let listed = problem.grandfatheredLimits
        for (pointer, subject) in limits {
            #expect(listed.contains { $0.constraint == pointer && $0.subject == subject }, "\(pointer)")
        }
        #expect(listed.count == limits.count, "\(listed)")
        // The threshold stays: C is below it, but has a floor of its own, and nothing may be traded.
        let solution = try optimizeAllocation(problem) { false }
        #expect(zip(solution.weights, problem.currentWeights).allSatisfy { abs($0 - $1) <= 1e-9 })
        mandate.constraints.grandfatherBreaches = false
        #expect(try mandate.verdict(.minimizeRisk) == "infeasible")
    }

    @Test func `what is outside the universe must be sold all the same`() throws {
        var mandate = mandate
        mandate.universe = ["B", "C"]
        mandate.constraints.maxPositionSize = 0.6
        let solution = try mandate.solve(.minimizeRisk)
        #expect(solution.weights[0] == 0)
        mandate.constraints.minWeights = ["A": 0.9]
        let failure = try #require(try mandate.failure(.minimizeRisk))
        #expect(failure.code == "infeasible")
        #expect(failure.conflicts.map(\.constraint) == ["/min_weights/A"])
    }

    @Test func `the value that repairs a mandate counts those whose breach it overtakes`() throws {
        // A 0.5, B 0.15 and cash, of which none may be kept: B overtakes its breach on the way to what is enough.
        var mandate = mandate
        mandate.quantities = [50, 15, 0]
        mandate.cash = 3500
        mandate.constraints.maxPositionSize = 0.1
        let failure = try #require(try mandate.failure(.minimizeRisk))
        #expect(failure.code == "infeasible")
        #expect(abs(failure.nearest("/max_position_size") - 0.25) <= 1e-8)
        mandate.constraints.maxPositionSize = failure.nearest("/max_position_size")
        #expect(try mandate.verdict(.minimizeRisk) == nil)
        mandate.constraints.maxPositionSize = 0.2499
        #expect(try mandate.verdict(.minimizeRisk) == "infeasible")
    }

    @Test func `a short of more than the largest size may stay short, and not turn long`() throws {
        var mandate = TestMandate(
            expectedReturns: [0.2, 0.05],
            covariance: [[0.04, 0], [0, 0.04]],
            quantities: [-50, 150]
        )
        mandate.constraints.allowShort = true
        mandate.constraints.maxGrossExposure = 3
        mandate.constraints.maxPositionSize = 0.4
        mandate.constraints.maxWeights = ["B": 2]
        mandate.constraints.grandfatherBreaches = true
        let most = try mandate.solve(.maximizeReturn)
        #expect(abs(most.weights[0] - 0.4) <= 1e-9)
        mandate.expectedReturns = [0.05, 0.2]
        let least = try mandate.solve(.maximizeReturn)
        #expect(abs(least.weights[0] + 0.5) <= 1e-9)
        let binding = try #require(least.bindingConstraints.first { $0.subject == "A" })
        #expect(abs(binding.bound - 0.5) <= 1e-12)
        #expect(binding.grandfatheredFrom == 0.4)
    }

    @Test func `a frontier is cut at the risk of the holdings where that is above the limit`() throws {
        var mandate = mandate
        mandate.constraints.maxRisk = 0.13
        let asked = mandate.asked(.minimizeRisk)
        let request = FrontierRequest(portfolioID: "portfolio", constraints: mandate.constraints)
        let problem = try mandate.problem(.minimizeRisk)
        let traced = try traceFrontier(problem, request) { false }
        let held = problem.currentWeights
        let risk = problem.covariance.quadraticForm(held).squareRoot()
        #expect(risk > 0.13)
        #expect(abs((traced.points.last?.risk ?? 0) - risk) <= 1e-8)
        let check = FrontierCheck(snapshot: asked.snapshot, moments: asked.moments, request: request)
        #expect(check.violations(in: traced.points.map { FrontierPoint($0, of: problem) }) == [])
        var strict = request
        strict.constraints.grandfatherBreaches = false
        let strictly = FrontierCheck(snapshot: asked.snapshot, moments: asked.moments, request: strict)
        #expect(strictly.violations(in: traced.points.map { FrontierPoint($0, of: problem) }) != [])
    }

    @Test func `a plan in lots keeps what is broken where it is, or nearer to its limit`() throws {
        var mandate = mandate
        mandate.constraints.maxSectorExposure = 0.6
        mandate.constraints.maxTurnover = 0.1
        let asked = mandate.asked(.minimizeRisk)
        let request = RebalanceRequest(
            portfolioID: "portfolio",
            target: .custom,
            targetAllocation: ["A": 0.6, "B": 0.3, "C": 0.1],
            constraints: mandate.constraints
        )
        let plan = try planRebalance(request, snapshot: asked.snapshot, moments: asked.moments)
        let result = try plan.result(of: request, snapshot: asked.snapshot, moments: asked.moments)
        #expect((result.targetAllocation["A"] ?? 0) <= 0.5 + 1e-7)
        #expect(result.grandfatheredLimits.map(\.constraint) == ["/max_position_size", "/max_sector_exposure"])
        let check = RebalanceCheck(snapshot: asked.snapshot, moments: asked.moments, request: request)
        #expect(check.violations(in: result) == [])
        var forgetful = result
        forgetful.grandfatheredLimits.removeLast()
        #expect(check.violations(in: forgetful).map(\.claim) == ["grandfathered_limits"])
    }

    // MARK: Against another solver

    @Test func `the fixture holds mandates whose breaches matter`() throws {
        #expect(Self.solvable.count >= 120)
        #expect(!Self.refused.isEmpty)
        let moved = try Self.solvable.filter { example in
            guard let objective = Objective(rawValue: example.objective) else { return false }
            return try !example.whole.problem(objective).grandfatheredLimits.isEmpty
        }
        #expect(moved.count >= 60)
    }

    @Test(arguments: solvable)
    func `the optimum is the reference's, and the checker accepts all that is said of it`(
        _ example: RandomMandate
    ) throws {
        try expectReference(example)
    }

    @Test(arguments: refused)
    func `what has no allocation is refused by both`(_ example: RandomMandate) throws {
        let objective = try #require(Objective(rawValue: example.objective))
        #expect(try example.whole.verdict(objective) == example.status)
    }

    // MARK: The checker

    @Test func `the checker finds a breach that grew, one that is not told, and one that is none`() throws {
        let mandate = mandate
        let asked = mandate.asked(.maximizeReturn)
        let problem = try mandate.problem(.maximizeReturn)
        let solution = try optimizeAllocation(problem) { false }
        let honest = try LanguageMandateTests.result(of: solution, problem, asked.snapshot, asked.moments)
        let check = AllocationCheck(snapshot: asked.snapshot, moments: asked.moments, request: asked.request)
        #expect(check.violations(in: honest) == [])

        var grown = honest
        grown.targetAllocation["A"] = 0.51
        grown.targetAllocation["C"] = 0.09
        #expect(check.violations(in: grown).contains { $0.claim == "constraints/max_position_size of A" })
        var silent = honest
        silent.grandfatheredLimits = []
        #expect(check.violations(in: silent).contains { $0.claim == "grandfathered_limits" })
        var generous = honest
        generous.grandfatheredLimits[0].bound = 0.55
        #expect(check.violations(in: generous).contains { $0.claim == "grandfathered_limits/0/bound" })
        var invented = honest
        invented.grandfatheredLimits.append(
            GrandfatheredLimit(constraint: "/max_position_size", subject: "C", bound: 0.5, grandfatheredFrom: 0.4)
        )
        #expect(check.violations(in: invented).contains { $0.claim == "grandfathered_limits/1" })
        var unsaid = honest
        for index in unsaid.bindingConstraints.indices { unsaid.bindingConstraints[index].grandfatheredFrom = nil }
        #expect(check.violations(in: unsaid).contains { $0.claim.hasSuffix("/grandfathered_from") })
    }
}

/// Requires the reference's optimum, and that the checker accepts what is said of it.
func expectReference(_ example: RandomMandate) throws {
    let objective = try #require(Objective(rawValue: example.objective))
    let mandate = example.whole
    let problem = try mandate.problem(objective)
    let solution = try optimizeAllocation(problem) { false }
    let isLeast = objective.rawValue.hasPrefix("minimize")
    // With penalties the reference's objective is oriented as ours is.
    let isOriented = example.constraints.soft_limits != nil
    let expected = try #require(example.expected.map { isLeast && !isOriented ? -$0 : $0 })
    let penalties = problem.softLimits(weights: solution.weights, cash: solution.cash).reduce(0) { $0 + $1.cost }
    let value = Figures(problem, solution.weights, solution.cash).value(objective) - penalties
    let allowed = 1e-6 * max(abs(expected), 1e-4)
    // A tracking error near 0 is the root of what the reference's own tolerance leaves: the answer may be better.
    let isSmall = objective == .minimizeTrackingError && expected > -1e-3
    #expect(value - expected >= -allowed && (isSmall || value - expected <= allowed), "\(value), not \(expected)")
    #expect(abs(solution.weights.reduce(solution.cash, +) - 1) <= 1e-12)
    #expect(solution.weights.allSatisfy { $0 == 0 || abs($0) >= 1e-9 }, "dust")
    let asked = mandate.asked(objective)
    let check = AllocationCheck(snapshot: asked.snapshot, moments: asked.moments, request: asked.request)
    var result = try LanguageMandateTests.result(of: solution, problem, asked.snapshot, asked.moments)
    result.certificate = check.certificate(of: result)
    #expect(check.violations(in: result).isEmpty, "\(check.violations(in: result))")
}
