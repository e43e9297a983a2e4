internal import LinearAlgebra
internal import Matrices

/// Improves a support by exchanging one variable at a time until no exchange helps.
///
/// Every exchange is judged by a bound in closed form: the least value over the first equation alone, its variables free.
/// With L the factor of P over those that stay, a newcomer is one more row of L. Only exchanges whose bound is below the
/// value at hand are solved exactly, the most promising first, so that the result is the best of all neighbours.
struct SupportExchange {
    /// One variable in for one out; nil where none comes or goes.
    private struct Exchange {
        var bound: Double
        var leaving: Int?
        var entering: Int?
    }

    private let program: CardinalityProgram
    /// The variables that may be in.
    private let candidates: [Int]
    private let equation: ParametricProgram.Row?
    private let settings: CardinalitySettings

    init(_ program: CardinalityProgram, settings: CardinalitySettings) {
        self.program = program
        self.settings = settings
        candidates = (0..<program.variableCount).filter {
            !program.always.contains($0) && program.lower[$0] <= program.upper[$0]
        }
        equation = program.rows.first { $0.lower == $0.upper }
    }

    /// The best support reached from a given one, with its point; nil when it has none.
    func improve(
        _ support: [Int],
        exactly: inout SupportProgram,
        shouldStop: () -> Bool
    ) -> (support: [Int], answer: SupportProgram.Answer)? {
        guard case .solved(var answer) = exactly.solve(support) else { return nil }
        var support = support
        for _ in 0..<settings.maximumExchanges {
            if shouldStop() { break }
            guard let better = bestNeighbour(of: support, below: answer.objective, exactly: &exactly) else { break }
            (support, answer) = better
        }
        return (support, answer)
    }

    /// The best support that differs by one exchange, if it is better.
    private func bestNeighbour(
        of support: [Int],
        below objective: Double,
        exactly: inout SupportProgram
    ) -> (support: [Int], answer: SupportProgram.Answer)? {
        var best: (support: [Int], answer: SupportProgram.Answer)?
        var cutoff = objective - settings.leastImprovement * objective.magnitude
        let promising = exchanges(of: support, below: cutoff)
            .sorted {
                ($0.bound, $0.leaving ?? -1, $0.entering ?? -1) < ($1.bound, $1.leaving ?? -1, $1.entering ?? -1)
            }
        for exchange in promising.prefix(settings.exchangeTrials) where exchange.bound < cutoff {
            var neighbour = support.filter { $0 != exchange.leaving }
            if let entering = exchange.entering {
                neighbour.insert(entering, at: neighbour.firstIndex { $0 > entering } ?? neighbour.count)
            }
            guard !exactly.isKnown(neighbour), case .solved(let answer) = exactly.solve(neighbour) else { continue }
            if answer.objective < cutoff {
                cutoff = answer.objective
                best = (neighbour, answer)
            }
        }
        return best
    }

    /// All exchanges whose bound is below a value.
    private func exchanges(of support: [Int], below cutoff: Double) -> [Exchange] {
        var isIn = [Bool](repeating: false, count: program.variableCount)
        for j in support { isIn[j] = true }
        let optional = support.filter { !program.always.contains($0) }
        let newcomers = candidates.filter { !isIn[$0] }
        var result: [Exchange] = []
        if optional.count < program.mostIn {
            result += exchanges(of: support, leaving: nil, entering: newcomers, below: cutoff)
        }
        for leaving in optional {
            result += exchanges(of: support, leaving: leaving, entering: newcomers, below: cutoff)
        }
        return result
    }

    /// The exchanges in which one variable leaves.
    private func exchanges(
        of support: [Int],
        leaving: Int?,
        entering: [Int],
        below cutoff: Double
    ) -> [Exchange] {
        guard let factor = BorderedFactor(program, support.filter { $0 != leaving }, equation) else { return [] }
        var result: [Exchange] = []
        if leaving != nil, factor.value < cutoff {
            result.append(Exchange(bound: factor.value, leaving: leaving, entering: nil))
        }
        for j in entering {
            let bound = factor.value(adding: j)
            if bound < cutoff { result.append(Exchange(bound: bound, leaving: leaving, entering: j)) }
        }
        return result
    }
}

/// The factor of P over a support, and what one more variable would make of the value over one equation.
private struct BorderedFactor {
    private let program: CardinalityProgram
    private let support: [Int]
    private let equation: ParametricProgram.Row?
    private let factor: [Double]
    /// L⁻¹(−q) and L⁻¹e, e the coefficients of the equation.
    private let slope: [Double]
    private let share: [Double]
    private let squares: (slope: Double, mixed: Double, share: Double)

    /// Factors P over the support; nil when it is singular there.
    init?(_ program: CardinalityProgram, _ support: [Int], _ equation: ParametricProgram.Row?) {
        self.program = program
        self.support = support
        self.equation = equation
        let k = support.count
        var matrix = program.quadratic.selecting(rows: support, columns: support).elements
        var slope = support.map { -program.linear[$0] }
        var share = support.map { equation?.coefficients[$0] ?? 0 }
        let isFactored = matrix.withUnsafeMutableBufferPointer { entries -> Bool in
            guard let start = entries.baseAddress else { return true }
            guard PointerKernels.factorize(order: k, matrix: start, stride: k) else { return false }
            slope.withUnsafeMutableBufferPointer { x in
                if let x = x.baseAddress { PointerKernels.solveLower(order: k, factor: start, stride: k, vector: x) }
            }
            share.withUnsafeMutableBufferPointer { x in
                if let x = x.baseAddress { PointerKernels.solveLower(order: k, factor: start, stride: k, vector: x) }
            }
            return true
        }
        guard isFactored else { return nil }
        factor = matrix
        self.slope = slope
        self.share = share
        squares = (dot(slope, slope), dot(slope, share), dot(share, share))
    }

    /// min ½xᵀPx + qᵀx over eᵀx = b, from ‖y‖², yᵀv and ‖v‖² with y = L⁻¹(−q), v = L⁻¹e.
    private func value(_ slope: Double, _ mixed: Double, _ share: Double) -> Double {
        guard let equation else { return -0.5 * slope }
        let missing = equation.upper - mixed
        if share <= 0 { return missing == 0 ? -0.5 * slope : .infinity }
        return -0.5 * slope + 0.5 * missing * missing / share
    }

    /// The value without a newcomer.
    var value: Double { value(squares.slope, squares.mixed, squares.share) }

    /// The value with one more variable.
    func value(adding j: Int) -> Double {
        let k = support.count
        let n = program.variableCount
        return withUnsafeTemporaryAllocation(of: Double.self, capacity: k + 1) { row in
            guard let start = row.baseAddress else { return .infinity }
            program.quadratic.elements.withUnsafeBufferPointer { entries in
                for (place, i) in support.enumerated() { start[place] = entries[j * n + i] }
            }
            var (pivot, slopeEntry) = (program.quadratic[j, j], -program.linear[j])
            var shareEntry = equation?.coefficients[j] ?? 0
            factor.withUnsafeBufferPointer { matrix in
                if let matrix = matrix.baseAddress {
                    PointerKernels.solveLower(order: k, factor: matrix, stride: k, vector: start)
                }
            }
            for place in 0..<k {
                pivot -= start[place] * start[place]
                slopeEntry -= start[place] * slope[place]
                shareEntry -= start[place] * share[place]
            }
            // Without curvature of its own the newcomer may gain anything.
            guard pivot > 0 else { return -.infinity }
            let scale = 1 / pivot
            return value(
                squares.slope + slopeEntry * slopeEntry * scale,
                squares.mixed + slopeEntry * shareEntry * scale,
                squares.share + shareEntry * shareEntry * scale
            )
        }
    }
}
