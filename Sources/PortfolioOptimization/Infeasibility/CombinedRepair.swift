internal import PortfolioModel

/// The cheapest way to move limits together so that a mandate becomes feasible.
///
/// With a move δₖ ≥ 0 of each of the caller's numbers, Σ δₖ/sizeₖ is minimised under all limits at once, thresholds and
/// positions included: an elastic program. The number of positions is no column of it; it is raised by one as long as that
/// alone costs less than the best repair found.
///
/// - SeeAlso: Chinneck, Feasibility and Infeasibility in Optimization (2008), chapter 6.
extension ConflictFinder {
    /// What a number near 0 is measured by.
    private static let leastSize = 0.01
    /// A move below this share of its size is not worth telling.
    private static let negligible = 1e-7
    /// A move below this share of its size is a rounding of the solver's.
    private static let rounding = 2e-9
    /// How many numbers of positions are tried.
    private static let mostCounts = 12

    /// Moves of the caller's numbers, by their index, with what they cost together.
    private struct Repair {
        var values: [Int: Double]
        var cost: Double
    }

    /// The cheapest repair, checked by solving again; empty when none was found in time.
    func combinedRepair(shouldStop: () -> Bool) -> [ConstraintRepair] {
        guard let best = cheapest(shouldStop: shouldStop) else { return [] }
        return best.values.sorted { $0.key < $1.key }.map { parameter, value in
            let limit = limits.parameters[parameter]
            return ConstraintRepair(constraint: limit.pointer, subject: nil, bound: limit.bound, repaired: value)
        }
    }

    private func cheapest(shouldStop: () -> Bool) -> Repair? {
        guard let positions = limits.positionLimit, let counter = positions.side.parameter else {
            return repair(of: limits, shouldStop: shouldStop)
        }
        let given = positions.side.bound
        let most = Double(positions.counted.count + positions.alwaysHeld)
        var best: Repair?
        for step in 0..<Self.mostCounts {
            let count = given + Double(step)
            let cost = Double(step) / max(given, 1)
            guard count <= most, cost < best?.cost ?? .infinity, !shouldStop() else { break }
            let moved = step == 0 ? limits : limits.moving([counter: count])
            guard var found = repair(of: moved, shouldStop: shouldStop) else { continue }
            if step > 0 { found.values[counter] = count }
            found.cost += cost
            if found.cost < best?.cost ?? .infinity { best = found }
        }
        return best
    }

    /// How near all limits can be met together.
    struct NearestPoint {
        /// Σ δₖ/sizeₖ: 0 where they can all be met.
        var cost: Double
        /// The decision variables.
        var point: [Double]
        fileprivate var moves: [(relaxation: ProgramBuilder.Relaxation, move: Double)]
        /// The weight of each of the caller's numbers in the proof that they cannot be met; empty with integers.
        var weights: [Double]
    }

    /// The point that misses the limits least; nil where not even their moves help, or the solver cannot tell.
    ///
    /// Moves always leave an interior, so that this program is solved where the mandate itself is met, or not, by a hair.
    func nearestPoint(
        to limits: AllocationLimits,
        withIntegers: Bool = true,
        shouldStop: () -> Bool
    ) -> NearestPoint? {
        let relaxations = relaxations(of: limits)
        let builder = builder(of: limits, relaxing: relaxations)
        var objective = zeros(builder)
        for (column, relaxation) in zip(builder.relaxationColumns, relaxations) {
            objective[column] = 1 / size(relaxation.parameter)
        }
        guard let whole = builder.program(quadratic: nil, linear: objective) else { return nil }
        let program = withIntegers ? whole : withoutIntegers(whole)
        guard case .solved(let optimum)? = try? solve(program, shouldStop: shouldStop) else { return nil }
        var nearest = NearestPoint(
            cost: 0,
            point: Array(optimum.primal[..<limits.layout.count]),
            moves: [],
            weights: program.disjunctions.isEmpty ? weights(of: optimum.dual, program, of: limits) : []
        )
        for (column, relaxation) in zip(builder.relaxationColumns, relaxations) {
            let move = max(0, optimum.primal[column])
            let share = move / size(relaxation.parameter)
            if share > Self.rounding { nearest.cost += share }
            nearest.moves.append((relaxation, move))
        }
        return nearest
    }

    /// The cheapest moves of all numbers but the positions'.
    private func repair(of limits: AllocationLimits, shouldStop: () -> Bool) -> Repair? {
        guard let nearest = nearestPoint(to: limits, shouldStop: shouldStop) else { return nil }
        let moves = nearest.moves.filter { $0.move > Self.negligible * size($0.relaxation.parameter) }
        for hair in Self.hairs {
            if shouldStop() { return nil }
            var repair = Repair(values: [:], cost: 0)
            for (relaxation, move) in moves {
                let (parameter, size) = (relaxation.parameter, size(relaxation.parameter))
                let bound = limits.parameters[parameter].bound
                let pushed = min(move + hair * size, relaxation.most ?? .infinity)
                repair.values[parameter] = roundedOutward(
                    bound + relaxation.sign * pushed,
                    sign: relaxation.sign,
                    steps: Self.steps
                )
                repair.cost += pushed / size
            }
            if isMet(limits.moving(repair.values), shouldStop: shouldStop) { return repair }
        }
        return nil
    }

    private func size(_ parameter: Int) -> Double { max(abs(limits.parameters[parameter].bound), Self.leastSize) }

    private func relaxations(of limits: AllocationLimits) -> [ProgramBuilder.Relaxation] {
        limits.parameters.indices.flatMap { parameter -> [ProgramBuilder.Relaxation] in
            guard parameter != limits.positionLimit?.side.parameter else { return [] }
            return limits.parameters[parameter].relaxations(at: parameter).reversed()
        }
    }
}
