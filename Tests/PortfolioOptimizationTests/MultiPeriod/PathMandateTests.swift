import PortfolioModel
import Testing

import PortfolioOptimization

@Suite("Paths over several periods against cvxpy")
struct PathMandateTests {
    @Test func `the fixture has more than a hundred paths of all objectives`() {
        #expect(PathMandate.all.count > 100)
        let solved = PathMandate.all.filter { $0.plain.status == "optimal" && $0.periods > 1 }
        #expect(Set(solved.map(\.plain.objective)).count == 8)
    }

    @Test(arguments: PathMandate.all)
    func `the optimum is the reference's and every period meets every limit`(_ example: PathMandate) throws {
        let objective = try #require(Objective(rawValue: example.plain.objective))
        let mandate = example.mandate()
        guard example.plain.status == "optimal" else {
            let failure = try #require(try mandate.failure(objective))
            let isGain = ["no_excess_return", "no_active_return"].contains(failure.code)
            #expect(example.plain.status == "no_gain" ? isGain : failure.code == example.plain.status, "\(failure)")
            #expect(failure.code != "infeasible" || !failure.conflicts.isEmpty)
            return
        }
        let solution = try mandate.solve(objective)
        let path = try #require(solution.path)
        #expect(path.steps.count == example.periods)
        #expect(path.steps[0].weights == solution.weights)
        let figures = try PathFigures(mandate, objective, path)
        let sign = objective.isMinimized ? -1.0 : 1.0
        let expected = try #require(example.plain.expected)
        let value = sign * figures.value(objective)
        // A tracking error near 0 is the root of what a solver leaves: the reference's has more of it.
        let slack = objective == .minimizeTrackingError && expected < 1e-3 ? 5e-6 : 1e-6 * max(abs(expected), 1e-2)
        #expect(abs(value - expected) <= slack, "\(value) is not \(expected)")
        #expect(abs(path.objective - value) <= 1e-9 + 1e-7 * abs(value))
        #expect(figures.worstMiss <= 1e-7)
        if let target = example.terminalTarget, let last = path.steps.last {
            for (id, weight) in zip(mandate.identifiers, last.weights) {
                #expect(abs(weight - (target[id] ?? 0)) <= 1e-9)
            }
        }
    }

    @Test(arguments: PathMandate.all.filter { $0.plain.status == "optimal" })
    func `solved stage by stage it is the same optimum, with the covariance as a matrix and in parts`(
        _ example: PathMandate
    ) throws {
        let objective = try #require(Objective(rawValue: example.plain.objective))
        for inParts in [false, true] {
            let mandate = example.mandate(inParts: inParts)
            let solution = try optimizePathByProgram(mandate.problem(objective), inStages: true) { false }
            let figures = try PathFigures(mandate, objective, try #require(solution.path))
            let expected = try #require(example.plain.expected)
            let value = (objective.isMinimized ? -1.0 : 1.0) * figures.value(objective)
            let slack = objective == .minimizeTrackingError && expected < 1e-3 ? 5e-6 : 1e-6 * max(abs(expected), 1e-2)
            #expect(abs(value - expected) <= slack, "\(value) is not \(expected), in parts: \(inParts)")
            #expect(figures.worstMiss <= 1e-7)
        }
    }
}
