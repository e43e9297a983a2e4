internal import LinearAlgebra

/// Solves exactly for the active set that a converged interior point shows.
///
/// The set is guessed from the point, its equations are solved, and the solution corrects the guess: a negative
/// multiplier leaves, a violated row enters. A few rounds settle it (this is the primal–dual active set method).
/// - SeeAlso: Hintermüller, Ito & Kunisch, SIAM J. Optimization 13 (2002).
struct Polish {
    /// A polished point and its largest residual.
    struct Candidate {
        var x: [Double]
        var s: [Double]
        var z: [Double]
        var worst: Double
    }

    private let problem: PreparedProblem
    private let settings: SolverSettings

    init(_ problem: PreparedProblem, settings: SolverSettings) {
        self.problem = problem
        self.settings = settings
    }

    /// The best candidate of all rounds.
    ///
    /// - Parameters:
    ///   - x: the primal point, scaled like the problem.
    ///   - s: its slacks.
    ///   - z: its multipliers.
    ///   - judge: the largest residual of a point, recomputed from the data.
    /// - Returns: nil when no system could be factored.
    func run(
        x: [Double],
        s: [Double],
        z: [Double],
        judge: (_ x: [Double], _ s: [Double], _ z: [Double]) -> Double
    ) -> Candidate? {
        var active = ActiveSet(problem.blocks, s: s, z: z)
        var tried: [ActiveSet] = []
        var best: Candidate?
        let hasNonsymmetricCone = problem.hasNonsymmetricCone
        for _ in 0..<settings.polishRounds {
            tried.append(active)
            var system = ActiveSetSystem(problem, active: active, x: x, s: s, z: z, settings: settings)
            if hasNonsymmetricCone, system.order > settings.largestCurvedPolish { break }
            guard system.solve() else { break }
            let point = completed(system)
            let worst = judge(point.x, point.s, point.z)
            if worst < best?.worst ?? .infinity {
                best = Candidate(x: point.x, s: point.s, z: point.z, worst: worst)
            }
            let next = corrected(active, system)
            // The same set again means the equations hold with all signs right; an older one means a cycle.
            if tried.contains(next) { break }
            active = next
        }
        return best
    }

    /// The point with slacks recomputed: exactly zero where active, inside the cone elsewhere.
    private func completed(_ system: ActiveSetSystem) -> (x: [Double], s: [Double], z: [Double]) {
        let x = system.x
        var z = system.z
        var s = [Double](repeating: 0, count: problem.rowCount)
        var isEquation = [Bool](repeating: false, count: problem.rowCount)
        for row in system.equationRows { isEquation[row] = true }
        for block in problem.blocks {
            switch block.kind {
            case .zero: continue
            case .nonnegative:
                for row in block.rows {
                    z[row] = max(0, z[row])
                    if !isEquation[row] { s[row] = max(0, roundedSlack(row, x)) }
                }
            case .secondOrder:
                guard !isEquation[block.rows.lowerBound] else { continue }
                for row in block.rows { s[row] = problem.bounds[row] - problem.rows.dot(row: row, x) }
                // On the boundary rounding may leave either vector a hair outside.
                let first = block.rows.lowerBound
                s[first] = max(s[first], SecondOrderCone.tailNorm(s, block.rows))
                z[first] = max(z[first], SecondOrderCone.tailNorm(z, block.rows))
            case .exponential, .power:
                guard !isEquation[block.rows.lowerBound], let cone = block.kind.nonsymmetricCone else { continue }
                for row in block.rows { s[row] = problem.bounds[row] - problem.rows.dot(row: row, x) }
                let first = block.rows.lowerBound
                cone.roundedInside(Vector3(s, at: first)).store(in: &s, at: first)
                cone.roundedInsideDual(Vector3(z, at: first)).store(in: &z, at: first)
            }
        }
        return (x, s, z)
    }

    /// b − aᵀx, or zero when that is nothing but rounding.
    private func roundedSlack(_ row: Int, _ x: [Double]) -> Double {
        let slack = problem.bounds[row] - problem.rows.dot(row: row, x)
        let size = problem.bounds[row].magnitude + problem.rows.magnitude(row: row, x)
        return slack.magnitude <= settings.slackRounding * size ? 0 : slack
    }

    /// The active set that the signs of a solution suggest.
    private func corrected(_ active: ActiveSet, _ system: ActiveSetSystem) -> ActiveSet {
        var next = active
        let tolerance = settings.polishTolerance
        var isEquation = [Bool](repeating: false, count: problem.rowCount)
        for row in system.equationRows { isEquation[row] = true }
        for (index, block) in problem.blocks.enumerated() {
            switch block.kind {
            case .zero: continue
            case .nonnegative:
                for row in block.rows {
                    if isEquation[row] {
                        next.isActive[row] = system.z[row] >= -tolerance
                    } else {
                        let slack = problem.bounds[row] - problem.rows.dot(row: row, system.x)
                        // A second bound on a fixed variable stays as it is while it holds.
                        next.isActive[row] = slack < -tolerance || (active.isActive[row] && slack < tolerance)
                    }
                }
            case .secondOrder: next.coneStates[index] = correctedState(active.coneStates[index], index, system)
            case .exponential, .power:
                guard let cone = block.kind.nonsymmetricCone else { continue }
                next.coneStates[index] = correctedState(active.coneStates[index], index, cone, system)
            }
        }
        return next
    }

    private func correctedState(
        _ state: ActiveSet.ConeState,
        _ index: Int,
        _ system: ActiveSetSystem
    ) -> ActiveSet.ConeState {
        let rows = problem.blocks[index].rows
        let tolerance = settings.polishTolerance
        switch state {
        case .apex:
            return SecondOrderCone.margin(system.z, rows) < -tolerance ? .boundary : .apex
        case .inactive, .boundary:
            let slack = rows.map { problem.bounds[$0] - problem.rows.dot(row: $0, system.x) }
            let local = 0..<slack.count
            if state == .inactive { return SecondOrderCone.margin(slack, local) < -tolerance ? .boundary : .inactive }
            if slack[0] < -tolerance { return .apex }
            let multiplier = system.boundaryMultipliers.first { $0.block == index }?.value ?? 0
            return multiplier < -tolerance ? .inactive : .boundary
        }
    }

    /// The same for a nonsymmetric cone.
    private func correctedState(
        _ state: ActiveSet.ConeState,
        _ index: Int,
        _ cone: any NonsymmetricCone,
        _ system: ActiveSetSystem
    ) -> ActiveSet.ConeState {
        let rows = problem.blocks[index].rows
        let tolerance = settings.polishTolerance
        let slack = Vector3(rows.map { problem.bounds[$0] - problem.rows.dot(row: $0, system.x) }, at: 0)
        switch state {
        case .apex:
            return cone.distanceOutsideDual(Vector3(system.z, at: rows.lowerBound)) > tolerance ? .boundary : .apex
        case .inactive: return cone.distanceOutside(slack) > tolerance ? .boundary : .inactive
        case .boundary:
            let multiplier = system.boundaryMultipliers.first { $0.block == index }?.value ?? 0
            return multiplier < -tolerance ? .inactive : .boundary
        }
    }
}
