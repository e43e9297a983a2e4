import ConvexSolver
import TestSupport
import Testing

@Suite("Programs in their parts")
struct StructuredProgramTests {
    @Test(arguments: [UInt64](1...40))
    func `the optimum is that of the program multiplied out`(_ seed: UInt64) throws {
        for (hasCone, isHomogeneous) in [(false, false), (true, false), (false, true), (true, true)] {
            let program = FactorProgram(seed: seed, hasCone: hasCone, isHomogeneous: isHomogeneous).program
            let whole = program.multipliedOut
            let parts = try InteriorPointSolver(program).solve()
            let reference = try InteriorPointSolver(whole).solve()
            let name = "seed \(seed), cone \(hasCone), homogeneous \(isHomogeneous)"
            #expect(parts.status == reference.status, "\(name): \(parts.status), not \(reference.status)")
            guard reference.status == .solved else { continue }
            expectOptimal(parts, for: whole, name)
            #expect(abs(parts.objective - reference.objective) <= 1e-9 * max(1, abs(reference.objective)), "\(name)")
        }
    }

    @Test(arguments: [UInt64](1...40))
    func `a linear objective under a cone is no harder`(_ seed: UInt64) throws {
        for size in [nil, 200] {
            let program = FactorProgram(seed: seed, hasCone: true, isHomogeneous: false, isLinear: true, size: size)
                .program
            let parts = try InteriorPointSolver(program).solve()
            let reference = try InteriorPointSolver(program.multipliedOut).solve()
            #expect(parts.status == reference.status, "\(seed): \(parts.status), not \(reference.status)")
            guard reference.status == .solved else { continue }
            #expect(abs(parts.objective - reference.objective) <= 1e-9 * max(1, abs(reference.objective)), "\(seed)")
            #expect(
                parts.iterations <= 2 * reference.iterations,
                "\(seed): \(parts.iterations), \(reference.iterations)"
            )
        }
    }

    @Test(arguments: [UInt64](1...10))
    func `what cannot be met is proved so`(_ seed: UInt64) throws {
        let program = FactorProgram(seed: seed, hasCone: seed % 2 == 0, isHomogeneous: false, infeasible: true).program
        let solution = try InteriorPointSolver(program).solve()
        #expect(solution.status == .primalInfeasible)
        #expect(InfeasibilityCertificate.primalDefect(program.multipliedOut, dual: solution.dual) <= 1e-6)
    }

    @Test func `parts that do not fit together are refused`() {
        func error(_ change: (inout SparseProgram) -> Void) -> SolverError? {
            var program = FactorProgram(seed: 1, hasCone: false, isHomogeneous: false).program
            change(&program)
            do throws(SolverError) {
                _ = try InteriorPointSolver(program).solve()
                return nil
            } catch { return error }
        }
        #expect(error { $0.bounds.removeLast() } != nil)
        #expect(error { $0.rows[0].columns[0] = 10_000 } != nil)
        #expect(error { $0.rows[0].coefficients[0] = .nan } == .notFinite(what: "A", index: 0))
        #expect(error { $0.linear.removeLast() } != nil)
        #expect(error { $0.cones.removeLast() } != nil)
    }
}
