import ConvexSolver
import Matrices
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
        1988, 2185, 2574, 2675, 2952, 3771, 4504, 4531, 4734, 5533, 6356, 6667, 6756, 6964, 7090,
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

    @Test func `the last corner of a path is the portfolio of most return, and its end is proved`() throws {
        // Two names of the same return: of the most return the least risk, not a corner of the box.
        let n = 6
        var covariance = DenseMatrix(rows: n, columns: n)
        for i in 0..<n { for j in 0..<n { covariance[i, j] = i == j ? 0.04 + 0.01 * Double(i) : 0.01 } }
        let returns = [0.02, 0.05, 0.08, 0.03, 0.08, 0.01]
        let program = ParametricProgram(
            curvature: .dense(covariance),
            linear: [Double](repeating: 0, count: n),
            direction: returns.map { -$0 },
            lower: [Double](repeating: 0, count: n),
            upper: [Double](repeating: 1, count: n),
            rows: [ParametricProgram.Row(coefficients: [Double](repeating: 1, count: n), lower: 1, upper: 1)]
        )
        let path = try ActiveSetSolver(program).path()
        let last = try #require(path.corners.last)
        // (σ₄² − c) / (σ₂² + σ₄² − 2c) of the third: 0.07/0.12.
        #expect(abs(last.point[2] - 0.07 / 0.12) < 1e-12)
        #expect(abs(last.point[4] - 0.05 / 0.12) < 1e-12)
        #expect(path.checkEnd().suboptimality < 1e-14)
        #expect(path.corners.first?.parameter == 0)
        let before = path.corners[path.corners.count - 2]
        #expect(before.point != last.point)
    }

    @Test func `a path that is stopped says so`() throws {
        let solver = try ActiveSetSolver(RandomParametricProgram(seed: 62).program)
        #expect(throws: ActiveSetFailure.stopped) { try solver.path(shouldStop: { true }) }
    }
}
