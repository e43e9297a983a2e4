import ConvexSolver
import Matrices
import TestSupport
import Testing

/// A program with a budget over names whose covariance is diagonal.
private func diagonalProgram(
    variances: [Double],
    linear: [Double],
    upper: Double = 1,
    kinks: ParametricProgram.Kinks? = nil
) -> ParametricProgram {
    let n = variances.count
    var covariance = DenseMatrix(rows: n, columns: n)
    for j in 0..<n { covariance[j, j] = variances[j] }
    return ParametricProgram(
        curvature: .dense(covariance),
        linear: [Double](repeating: 0, count: n),
        direction: linear,
        lower: [Double](repeating: 0, count: n),
        upper: [Double](repeating: upper, count: n),
        rows: [ParametricProgram.Row(coefficients: [Double](repeating: 1, count: n), lower: 1, upper: 1)],
        kinks: kinks
    )
}

@Suite("Active sets, worked by hand")
struct ActiveSetHandTests {
    @Test func `the least variance of uncorrelated names is inverse to their variances`() throws {
        let solver = try ActiveSetSolver(diagonalProgram(variances: [1, 2, 4], linear: [0, 0, 0]))
        let solution = try solver.solve()
        for (weight, expected) in zip(solution.point, [4.0 / 7, 2.0 / 7, 1.0 / 7]) {
            #expect(abs(weight - expected) < 1e-15)
        }
    }

    @Test func `the path of two names has its corner where the second one leaves`() throws {
        // w₁ = ½ + λ/4 with variances 1, 1 and returns ½, 0: all in the first from λ = 2 on.
        let solver = try ActiveSetSolver(diagonalProgram(variances: [1, 1], linear: [-0.5, 0]))
        let corners = try solver.path().corners
        #expect(corners.count == 2)
        #expect(abs(corners[0].point[0] - 0.5) < 1e-15)
        #expect(abs((corners.last?.parameter ?? 0) - 2) < 1e-14)
        #expect(abs((corners.last?.point[0] ?? 0) - 1) < 1e-15)
    }

    @Test func `the largest ratio of uncorrelated names weighs them by return over variance`() throws {
        let solver = try ActiveSetSolver(diagonalProgram(variances: [1, 2], linear: [-0.1, -0.1]))
        let solution = try solver.solveLargestRatio()
        #expect(abs(solution.point[0] - 2.0 / 3) < 1e-14)
    }

    @Test func `a name whose gain is below the cost of trading stays where it is`() throws {
        let kinks = ParametricProgram.Kinks(positions: [0.4, 0.6], costs: [0.2, 0.2])
        let solver = try ActiveSetSolver(diagonalProgram(variances: [1, 1], linear: [0, 0], kinks: kinks))
        #expect(try solver.solve().point == [0.4, 0.6])
    }

    @Test func `a limit on trading is used up when more would pay`() throws {
        let kinks = ParametricProgram.Kinks(positions: [0, 1], costs: [0, 0], limit: 0.5)
        let solver = try ActiveSetSolver(diagonalProgram(variances: [1, 1], linear: [0, 0], kinks: kinks))
        let solution = try solver.solve()
        #expect(abs(solution.point[0] - 0.25) < 1e-15)
        #expect(solution.limitMultiplier > 0)
    }

    @Test func `caps that leave too little room are infeasible`() throws {
        let solver = try ActiveSetSolver(diagonalProgram(variances: [1, 1], linear: [0, 0], upper: 0.4))
        #expect(throws: ActiveSetFailure.infeasible) { try solver.solve() }
    }

    @Test func `one name takes the whole budget`() throws {
        let solver = try ActiveSetSolver(diagonalProgram(variances: [1], linear: [-1]))
        #expect(try solver.solve().point == [1])
    }

    @Test func `equal names are solved although their covariance is singular`() throws {
        let covariance = DenseMatrix(rows: 4, columns: 4, repeating: 0.04)
        var program = diagonalProgram(variances: [1, 1, 1, 1], linear: [0, 0, 0, 0])
        program.curvature = .dense(covariance)
        let solution = try ActiveSetSolver(program).solve()
        #expect(abs(solution.check.objective - 0.02) < 1e-12)
    }

    @Test func `bounds that cross are refused`() {
        var program = diagonalProgram(variances: [1, 1], linear: [0, 0])
        program.lower[1] = 2
        #expect(throws: ActiveSetFailure.invalid) { try ActiveSetSolver(program) }
    }
}

@Suite("Active sets, random programs")
struct ActiveSetRandomTests {
    private func solution(_ random: RandomParametricProgram) throws -> ActiveSetSolution {
        try ActiveSetSolver(random.program).solve()
    }

    @Test(arguments: 0..<150)
    func `what is solved has the objective of the interior point`(seed: Int) throws {
        let random = RandomParametricProgram(seed: UInt64(seed), maximumCount: 30)
        let solution = try solution(random)
        let reference = try InteriorPointSolver(random.conic(at: 0)).solve()
        guard reference.status == .solved else { return }
        let difference = solution.check.objective - reference.objective
        #expect(abs(difference) <= 1e-8 + 1e-6 * solution.check.scale, "\(random.description)")
        #expect(solution.check.infeasibility <= 1e-10, "\(random.description)")
    }

    @Test func `every random program is solved, nearly all by active sets alone`() throws {
        let seeds = 0..<300
        var alone = 0
        for seed in seeds where try solution(RandomParametricProgram(seed: UInt64(seed))).method == .activeSet {
            alone += 1
        }
        #expect(alone >= 294)
    }

    /// Programs that active sets alone do not finish, or once called infeasible: short sales that hedge all risk away,
    /// covariances of condition 1e12 with two variables, a single point that meets all rows.
    @Test(arguments: [54, 266, 341, 358, 523, 996, 1128, 1371, 1630, 1683, 2092, 2185, 2225, 2658, 3466, 9576])
    func `programs that are hard for active sets are solved all the same`(seed: Int) throws {
        let random = RandomParametricProgram(seed: UInt64(seed))
        let solution = try solution(random)
        let reference = try InteriorPointSolver(random.conic(at: 0)).solve()
        #expect(reference.status == .solved)
        let difference = solution.check.objective - reference.objective
        #expect(difference <= 1e-8 + 1e-7 * solution.check.scale, "\(random.description)")
        #expect(solution.check.infeasibility <= 1e-8, "\(random.description)")
    }

    @Test func `only a certificate makes a program infeasible`() throws {
        // The rows say x₁ + x₂ = 1 and x₁ + x₂ ≤ 0.9, each of which the bounds allow.
        var program = diagonalProgram(variances: [1, 2], linear: [0, 0])
        program.rows.append(ParametricProgram.Row(coefficients: [1, 1], lower: -.infinity, upper: 0.9))
        let solver = try ActiveSetSolver(program)
        #expect(throws: ActiveSetFailure.infeasible) { try solver.solve() }
    }

    @Test(arguments: 0..<60)
    func `a start from another solution ends at the same one`(seed: Int) throws {
        let random = RandomParametricProgram(seed: UInt64(seed), maximumCount: 40)
        let solver = try ActiveSetSolver(random.program)
        let cold = try solver.solve(at: 0.5)
        let warm = try solver.solve(at: 0.5, from: solver.solve(at: 0.4))
        let difference = abs(warm.check.objective - cold.check.objective)
        #expect(difference <= 1e-9 * max(cold.check.scale, 1e-9), "\(random.description)")
    }

    @Test(arguments: 0..<60)
    func `a path walked both ways from the middle is the path walked up`(seed: Int) throws {
        let random = RandomParametricProgram(seed: UInt64(seed), maximumCount: 20)
        let solver = try ActiveSetSolver(random.program)
        guard let up = try? solver.path(), let both = try? solver.path(through: 0.3), !up.isRegularized,
            !both.isRegularized
        else { return }
        for parameter in [0.01, 0.1, 0.29, 0.31, 1, 10] {
            let points = [up, both].map { path -> [Double] in
                let corner = path.corners.lastIndex { $0.parameter <= parameter } ?? 0
                guard corner + 1 < path.corners.count else { return path.corners[corner].point }
                let (low, high) = (path.corners[corner].parameter, path.corners[corner + 1].parameter)
                return path.point(after: corner, share: (parameter - low) / (high - low))
            }
            let values = points.map { random.objective($0, at: parameter) }
            #expect(abs(values[0] - values[1]) <= 1e-9 * max(1, abs(values[0])), "\(random.description)")
        }
    }

    @Test(arguments: 0..<300)
    func `a path ends where nothing changes any more`(seed: Int) throws {
        let random = RandomParametricProgram(seed: UInt64(seed), maximumCount: 40)
        guard let path = try? ActiveSetSolver(random.program).path(), !path.isRegularized else { return }
        let end = path.checkEnd()
        #expect(end.infeasibility <= 1e-9, "\(random.description)")
        #expect(end.suboptimality <= 1e-8 * max(end.scale, 1e-3), "\(random.description)")
    }

    @Test(arguments: 0..<60)
    func `costs that move with the parameter lie on the path`(seed: Int) throws {
        var random = RandomParametricProgram(seed: UInt64(seed), maximumCount: 20)
        guard let costs = random.program.kinks?.costs else { return }
        random.program.kinks?.costDirection = costs.map { 0.3 * $0 + 0.001 }
        let solver = try ActiveSetSolver(random.program)
        guard let path = try? solver.path(from: 0, to: 2), !path.isRegularized else { return }
        for (first, second) in zip(path.corners, path.corners.dropFirst()) {
            let middle = (first.parameter + second.parameter) / 2
            let solution = try solver.solve(at: middle)
            let corner = path.corners.lastIndex { $0.parameter <= first.parameter } ?? 0
            let check = path.check(after: corner, share: 0.5)
            #expect(check.suboptimality <= 1e-8 * max(check.scale, 1e-9), "\(random.description)")
            let difference = abs(check.objective - solution.check.objective)
            #expect(difference <= 1e-8 * max(check.scale, 1e-9), "\(random.description)")
        }
    }

    @Test(arguments: 0..<20)
    func `the same program gives the same bits`(seed: Int) throws {
        let random = RandomParametricProgram(seed: UInt64(seed))
        #expect(try solution(random).point == solution(random).point)
    }

    @Test(arguments: [1e-6, 1e-3, 1e3, 1e6])
    func `the unit of the objective does not move the solution`(unit: Double) throws {
        let program = diagonalProgram(variances: [1, 2, 4, 8], linear: [-0.1, -0.3, 0.2, 0])
        var scaled = program
        var covariance = DenseMatrix(rows: 4, columns: 4)
        for (j, variance) in [1.0, 2, 4, 8].enumerated() { covariance[j, j] = variance * unit }
        scaled.curvature = .dense(covariance)
        scaled.direction = program.direction?.map { $0 * unit }
        let first = try ActiveSetSolver(program).solve(at: 1).point
        let second = try ActiveSetSolver(scaled).solve(at: 1).point
        for (a, b) in zip(first, second) { #expect(abs(a - b) < 1e-13) }
    }
}
