import ConvexSolver
import TestSupport
import Testing

/// Expects a whole path whose points between corners have the objective of a solve by itself.
private func expectOptimalPath(_ random: RandomParametricProgram) throws {
    let solver = try ActiveSetSolver(random.program)
    let path = try solver.path()
    let corners = path.corners
    #expect(zip(corners, corners.dropFirst()).allSatisfy { $0.parameter < $1.parameter }, "\(random.description)")
    for (i, corner) in corners.enumerated().dropLast() where corners[i + 1].parameter < 1e3 {
        let middle = path.parameter(after: i, share: 0.5)
        let solution = try solver.solve(at: middle)
        let scale = random.program.check(
            solution.point,
            at: middle,
            multipliers: solution.multipliers,
            limitMultiplier: solution.limitMultiplier
        ).scale
        let excess = random.objective(path.point(after: i, share: 0.5), at: middle) - solution.check.objective
        #expect(abs(excess) <= 1e-7 * max(scale, 1e-12), "\(random.description) after \(corner.parameter)")
    }
}

@Suite("Solution paths")
struct PathTests {
    /// Singular and ill-conditioned curvatures, equal variables, dependent rows and kinks at once: corners at which walks turned
    /// in circles, found nothing regular, or left the path without noticing.
    @Test(arguments: [
        62, 83, 101, 202, 206, 254, 275, 287, 300, 341, 349, 363, 404, 470, 523, 733, 854, 996, 1034, 1059, 1094, 1254,
        1988, 2185, 2574, 2675, 2952, 3771, 4504, 4531, 4734, 5533, 6356, 6667, 6964, 7090,
    ])
    func `programs that once stopped a walk have their whole path`(seed: Int) throws {
        try expectOptimalPath(RandomParametricProgram(seed: UInt64(seed)))
    }

    @Test func `every random program has its whole path`() throws {
        for seed in 0..<200 { try expectOptimalPath(RandomParametricProgram(seed: UInt64(seed))) }
    }

    @Test(arguments: [62, 341, 523, 4734])
    func `a mended path has the same bits again`(seed: Int) throws {
        let solver = try ActiveSetSolver(RandomParametricProgram(seed: UInt64(seed)).program)
        let (first, second) = (try solver.path(), try solver.path())
        #expect(first.corners.map(\.point) == second.corners.map(\.point))
        #expect(first.corners.map(\.parameter) == second.corners.map(\.parameter))
    }

    @Test func `a path that is stopped says so`() throws {
        let solver = try ActiveSetSolver(RandomParametricProgram(seed: 62).program)
        #expect(throws: ActiveSetFailure.stopped) { try solver.path(shouldStop: { true }) }
    }
}
