// Solves random programs by active sets and compares with the interior point; prints what fails.
//
//   solver-stress FIRST COUNT [LARGEST]
//   solver-stress returns N T: a mean-variance program of N names over T days, its covariance as the days and multiplied out
//   solver-stress structured SIZE SEED: programs in their parts by the interior point, with and without a cone
import ConvexSolver
import Glibc
import LinearAlgebra
import Matrices
import TestSupport

func numberArgument(_ index: Int, otherwise value: Int) -> Int {
    CommandLine.arguments.count > index ? Int(CommandLine.arguments[index]) ?? value : value
}

/// What the runs came to.
struct Tally {
    var solved = 0
    var failed = 0
    var differing = 0
    var worst = 0.0
}

func compare(_ random: RandomParametricProgram, _ solution: ActiveSetSolution, _ tally: inout Tally) throws {
    let reference = try InteriorPointSolver(random.conic(at: 0)).solve()
    guard reference.status == .solved else {
        print("\(random.description): the interior point ended \(reference.status)")
        return
    }
    let scale = random.program.check(
        solution.point,
        multipliers: solution.multipliers,
        limitMultiplier: solution.limitMultiplier
    ).scale
    let size = max(scale, 1e-12)
    let difference = (solution.check.objective - reference.objective) / size
    tally.worst = max(tally.worst, difference)
    // Both are feasible: a lower objective than the interior point's is its inaccuracy.
    if difference > 1e-6 || solution.check.infeasibility > 1e-8 {
        tally.differing += 1
        print("\(random.description): objective \(solution.check.objective) against \(reference.objective)")
    }
}

func checkPath(_ random: RandomParametricProgram, _ tally: inout Tally) {
    do {
        let solver = try ActiveSetSolver(random.program)
        let corners = try solver.path(from: 0, to: .infinity).corners
        for (first, second) in zip(corners, corners.dropFirst()) where second.parameter < 1e3 {
            let middle = (first.parameter + second.parameter) / 2
            let point = zip(first.point, second.point).map { ($0 + $1) / 2 }
            let solution: ActiveSetSolution
            do { solution = try solver.solve(at: middle) } catch {
                tally.failed += 1
                print("\(random.description): solve at \(middle) \(error)")
                return
            }
            let objective = random.objective(point, at: middle)
            // Near λ = 0 risk may be hedged away; then it is measured by what the variables have without each other.
            let scale = random.program.check(
                solution.point,
                at: middle,
                multipliers: solution.multipliers,
                limitMultiplier: solution.limitMultiplier
            ).scale
            let difference = (objective - solution.check.objective) / max(scale, 1e-12)
            if abs(difference) > 1e-7 {
                tally.differing += 1
                print("\(random.description): path at \(middle): \(objective) against \(solution.check.objective)")
                return
            }
        }
    } catch {
        tally.failed += 1
        print("\(random.description): path \(error)")
    }
}

/// Solves programs of one size in their parts, and says how each ended.
func solveStructured(size: Int, seed: UInt64) throws {
    for (hasCone, isHomogeneous, isLinear) in [
        (false, false, false), (true, false, false), (true, true, false), (true, false, true), (false, false, true),
    ] {
        let program = FactorProgram(
            seed: seed,
            hasCone: hasCone,
            isHomogeneous: isHomogeneous,
            isLinear: isLinear,
            size: size,
            factorCount: size > 1_000 ? 60 : nil
        ).program
        let start = ContinuousClock.now
        let solution = try InteriorPointSolver(program).solve()
        print(
            "cone \(hasCone), homogeneous \(isHomogeneous), linear \(isLinear): \(solution.status), "
                + "\(solution.iterations) iterations, residuals \(solution.primalResidual), \(solution.dualResidual), "
                + "\(solution.relativeGap), \(ContinuousClock.now - start)"
        )
    }
}

/// Milliseconds of processor time that a piece of work takes, the least of five.
func processorTime(_ work: () throws -> Void) rethrows -> Double {
    var least = Double.infinity
    for _ in 0..<5 {
        let begin = clock()
        try work()
        least = min(least, Double(clock() - begin) / 1e3)
    }
    return least
}

/// Solves a program whose covariance has fewer days than names as its days, and multiplied out first.
func compareReturns(names n: Int, days count: Int) throws {
    var generator = SeededGenerator(seed: 1)
    let betas = (0..<n).map { _ in generator.uniform(0.5...1.5) }
    var observations = DenseMatrix(rows: count, columns: n)
    for t in 0..<count {
        let market = 0.01 * generator.normal()
        for j in 0..<n { observations[t, j] = betas[j] * market + 0.015 * generator.normal() }
    }
    for j in 0..<n {
        let mean = (0..<count).reduce(0) { $0 + observations[$1, j] } / Double(count)
        for t in 0..<count { observations[t, j] -= mean }
    }
    let means = (0..<n).map { _ in 0.05 + 0.05 * generator.normal() }
    let (scale, shrinkage) = (252 / Double(count - 1), 0.01)
    func solve(_ curvature: Curvature) throws -> ActiveSetSolution {
        let program = ParametricProgram(
            curvature: curvature,
            linear: means.map { -$0 / 5 },
            lower: [Double](repeating: 0, count: n),
            upper: [Double](repeating: 0.1, count: n),
            rows: [ParametricProgram.Row(coefficients: [Double](repeating: 1, count: n), lower: 1, upper: 1)]
        )
        return try ActiveSetSolver(program).solve()
    }
    func multiplied() -> DenseMatrix {
        var covariance = observations.gram()
        for index in covariance.elements.indices { covariance.elements[index] *= scale }
        for j in 0..<n { covariance[j, j] += shrinkage }
        return covariance
    }
    let days = Curvature.factors(
        FactorCurvature(observations: observations, scale: scale, residual: [Double](repeating: shrinkage, count: n))
    )
    let (first, second) = (try solve(days), try solve(.dense(multiplied())))
    let difference = zip(first.point, second.point).reduce(0) { max($0, abs($1.0 - $1.1)) }
    let byDays = try processorTime { _ = try solve(days) }
    let product = processorTime { _ = multiplied() }
    let dense = multiplied()
    let byMatrix = try processorTime { _ = try solve(.dense(dense)) }
    print("as days \(byDays) ms; multiplied out \(product) + \(byMatrix) ms; weights differ by \(difference)")
}

if CommandLine.arguments.dropFirst().first == "returns" {
    try compareReturns(names: numberArgument(2, otherwise: 1_000), days: numberArgument(3, otherwise: 252))
    exit(0)
}
if CommandLine.arguments.dropFirst().first == "structured" {
    try solveStructured(size: numberArgument(2, otherwise: 2_000), seed: UInt64(numberArgument(3, otherwise: 1)))
    exit(0)
}

let first = numberArgument(1, otherwise: 0)
let count = numberArgument(2, otherwise: 1000)
let largest = numberArgument(3, otherwise: 60)
let comparesEvery = numberArgument(4, otherwise: 1)
var tally = Tally()
for seed in first..<(first + count) {
    let random = RandomParametricProgram(seed: UInt64(seed), maximumCount: largest)
    do {
        let solution = try ActiveSetSolver(random.program).solve()
        tally.solved += 1
        if seed % comparesEvery == 0 { try compare(random, solution, &tally) }
        if seed % comparesEvery == 0 { checkPath(random, &tally) }
    } catch {
        tally.failed += 1
        print("\(random.description): \(error)")
    }
}
print("\(tally.solved) solved, \(tally.failed) failed, \(tally.differing) differ; worst excess \(tally.worst)")
