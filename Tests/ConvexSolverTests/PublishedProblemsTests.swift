import ConvexSolver
import Foundation
import Matrices
import Testing

@Suite("Problems with published answers")
struct PublishedProblemsTests {
    /// The published values have eight digits.
    private static let published = 1e-7

    @Test(
        arguments: [
            "HS21", "HS35", "HS51", "HS53", "HS118", "QPTEST", "TAME", "LOTSCHD", "QAFIRO", "CVXQP1_S", "QPCBLEND",
            "DUALC1", "DUALC5", "PRIMALC1", "DUAL1", "DPKLO1", "CVXQP3_S", "QSC205", "QSHARE1B", "QSHARE2B", "QSCTAP1",
            "QBRANDY", "QBORE3D", "QISRAEL", "afiro",
        ]
    )
    func `the published optimum is met`(name: String) throws {
        let file = try ProblemFile(name)
        let solution = try InteriorPointSolver(file.problem).solve()

        expectOptimal(solution, for: file.problem, name)
        let expected = try #require(file.expectedObjective)
        let difference = (solution.objective + file.constant - expected).magnitude
        #expect(difference <= Self.published * max(1, expected.magnitude), "\(name)")
    }

    @Test func `HS268, of condition 1e7, is met to six digits of its constant`() throws {
        // The published 5.7e-7 is the authors' rounding; the optimum is 0, the difference of numbers near 14463.
        let file = try ProblemFile("HS268")
        let solution = try InteriorPointSolver(file.problem).solve()
        expectOptimal(solution, for: file.problem)
        #expect((solution.objective + file.constant).magnitude < 1e-8)
    }

    @Test(arguments: ["galenet", "forest6", "ex72a", "refinery", "bgetam"])
    func `infeasible programs of netlib are proven infeasible`(name: String) throws {
        let file = try ProblemFile(name)
        expectPrimalCertificate(try InteriorPointSolver(file.problem).solve(), for: file.problem, name)
    }
}

/// A problem with bounds on rows and variables, brought into standard form.
private struct ProblemFile {
    let problem: ConicProblem
    let constant: Double
    let expectedObjective: Double?

    init(_ name: String) throws {
        let url = try #require(Bundle.module.url(forResource: name, withExtension: "json", subdirectory: "Fixtures"))
        let json = try JSONSerialization.jsonObject(with: Data(contentsOf: url))
        let data = try #require(json as? [String: Any])
        func numbers(_ key: String) -> [Double?] {
            (data[key] as? [Any] ?? []).map { ($0 as? NSNumber)?.doubleValue }
        }
        func triples(_ key: String) -> [(Int, Int, Double)] {
            (data[key] as? [[NSNumber]] ?? []).map { ($0[0].intValue, $0[1].intValue, $0[2].doubleValue) }
        }
        let cost = data["q"] == nil ? numbers("cost") : numbers("q")
        var builder = ProblemBuilder(cost.count)
        builder.linear = cost.map { $0 ?? 0 }
        for (i, j, value) in triples("P_upper") {
            builder.quadratic[i, j] = value
            builder.quadratic[j, i] = value
        }
        let (lower, upper) = (numbers("row_lower"), numbers("row_upper"))
        var rows = [[Double]](repeating: [Double](repeating: 0, count: cost.count), count: lower.count)
        for (i, j, value) in triples("A") { rows[i][j] = value }
        for (i, row) in rows.enumerated() {
            if let bound = upper[i], lower[i] == bound {
                builder.equalities.append((row, bound))
                continue
            }
            if let bound = upper[i] { builder.inequalities.append((row, bound)) }
            if let bound = lower[i] { builder.inequalities.append((row.map { -$0 }, -bound)) }
        }
        for (j, bound) in numbers("var_upper").enumerated() {
            if let bound { builder.inequalities.append((builder.unit(j), bound)) }
        }
        for (j, bound) in numbers("var_lower").enumerated() {
            if let bound { builder.inequalities.append((builder.unit(j, -1), -bound)) }
        }
        problem = builder.problem
        constant = ((data["objective_constant"] ?? data["constant"]) as? NSNumber)?.doubleValue ?? 0
        expectedObjective = (data["expected_objective"] as? NSNumber)?.doubleValue
    }
}
