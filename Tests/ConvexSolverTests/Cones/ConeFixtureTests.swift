import ConvexSolver
import Foundation
import Matrices
import Testing

@Suite("Cone programs against another solver")
struct ConeFixtureTests {
    @Test(
        arguments: [
            "entropy", "log_sum_exp", "growth", "geometric_mean", "impact", "entropic_value_at_risk",
            "relative_entropy_ball", "mixed",
        ]
    )
    func `the optimum is Clarabel's`(name: String) throws {
        let file = try ConeProgramFile(name)
        let solution = try InteriorPointSolver(file.problem).solve()
        expectOptimal(solution, for: file.problem, name)
        let difference = (solution.objective - file.objective).magnitude
        #expect(difference <= 1e-7 * max(1, file.objective.magnitude), "\(difference)")
    }

    @Test(
        arguments: ["entropy", "log_sum_exp", "impact", "entropic_value_at_risk", "relative_entropy_ball"]
    )
    func `eliminating columns cone by cone changes the work and nothing else`(name: String) throws {
        let file = try ConeProgramFile(name)
        var settings = SolverSettings()
        settings.polishes = false
        settings.leastLocalColumns = 1
        let eliminated = try InteriorPointSolver(file.problem, settings: settings).solve()
        settings.leastLocalColumns = .max
        let whole = try InteriorPointSolver(file.problem, settings: settings).solve()
        expectOptimal(eliminated, for: file.problem, tolerance: 1e-8, name)
        let difference = (eliminated.objective - whole.objective).magnitude
        #expect(difference <= 1e-8 * max(1, file.objective.magnitude), "\(difference)")
    }

    @Test(arguments: ["entropy", "growth", "impact", "mixed"])
    func `a polished point is exact, and what is active is exactly zero`(name: String) throws {
        let file = try ConeProgramFile(name)
        let solution = try InteriorPointSolver(file.problem).solve()
        #expect(max(solution.primalResidual, solution.dualResidual, solution.relativeGap) < 1e-13)
        var first = 0
        for cone in file.problem.cones {
            let rows = first..<(first + cone.dimension)
            first += cone.dimension
            guard case .nonnegative = cone else { continue }
            #expect(rows.allSatisfy { solution.slack[$0] == 0 || solution.dual[$0] == 0 })
        }
    }
}

/// A program in standard form, with the optimum another solver found.
private struct ConeProgramFile: Decodable {
    let problem: ConicProblem
    let objective: Double

    private enum Key: String, CodingKey {
        case n, m, q, A, b, cones, objective
        case quadratic = "P_upper"
    }

    private struct Entry: Decodable {
        let (row, column, value): (Int, Int, Double)

        init(from decoder: any Decoder) throws {
            var container = try decoder.unkeyedContainer()
            row = try container.decode(Int.self)
            column = try container.decode(Int.self)
            value = try container.decode(Double.self)
        }
    }

    private struct ConeEntry: Decodable {
        let cone: Cone

        init(from decoder: any Decoder) throws {
            var container = try decoder.unkeyedContainer()
            let name = try container.decode(String.self)
            let value = try container.decode(Double.self)
            switch name {
            case "zero": cone = .zero(Int(value))
            case "nonnegative": cone = .nonnegative(Int(value))
            case "second_order": cone = .secondOrder(Int(value))
            case "exponential": cone = .exponential
            case "power": cone = .power(value)
            default:
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "no cone is named \(name)")
            }
        }
    }

    init(_ name: String) throws {
        let folder = "Fixtures/Cones"
        let url = try #require(Bundle.module.url(forResource: name, withExtension: "json", subdirectory: folder))
        self = try JSONDecoder().decode(Self.self, from: Data(contentsOf: url))
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        let (n, m) = (try container.decode(Int.self, forKey: .n), try container.decode(Int.self, forKey: .m))
        var quadratic = DenseMatrix(rows: n, columns: n)
        for entry in try container.decode([Entry].self, forKey: .quadratic) {
            quadratic[entry.row, entry.column] = entry.value
            quadratic[entry.column, entry.row] = entry.value
        }
        var constraints = DenseMatrix(rows: m, columns: n)
        for entry in try container.decode([Entry].self, forKey: .A) {
            constraints[entry.row, entry.column] = entry.value
        }
        problem = ConicProblem(
            quadratic: quadratic,
            linear: try container.decode([Double].self, forKey: .q),
            constraints: constraints,
            bounds: try container.decode([Double].self, forKey: .b),
            cones: try container.decode([ConeEntry].self, forKey: .cones).map(\.cone)
        )
        objective = try container.decode(Double.self, forKey: .objective)
    }
}
