internal import Matrices

/// A node's part of a program with cardinality: the variables that are in or may be, and nothing of the others.
struct PerspectiveProgram {
    /// The variables of the whole program, ascending.
    let variables: [Int]
    /// Whether a variable is in already; the others may choose.
    let isIn: [Bool]
    /// The places of the variables that may choose.
    let free: [Int]
    /// How many of them may be in.
    let mostIn: Int
    /// P + εI.
    let quadratic: DenseMatrix
    /// ε.
    let shift: Double
    let linear: [Double]
    let lower: [Double]
    let upper: [Double]
    let rows: [ParametricProgram.Row]

    init(_ program: CardinalityProgram, variables: [Int], isIn: [Bool], settings: CardinalitySettings) {
        self.variables = variables
        self.isIn = isIn
        free = variables.indices.filter { !isIn[$0] }
        let counted = variables.indices.reduce(0) { $0 + (isIn[$1] && !program.always.contains(variables[$1]) ? 1 : 0) }
        mostIn = min(free.count, max(0, program.mostIn - counted))
        var part = program.quadratic.selecting(rows: variables, columns: variables)
        let trace = part.diagonal.reduce(0, +)
        shift = settings.diagonalShift * max(trace / Double(max(1, variables.count)), .leastNormalMagnitude)
        for i in variables.indices { part[i, i] += shift }
        quadratic = part
        linear = variables.map { program.linear[$0] }
        lower = variables.map { program.lower[$0] }
        // An interval without inside is opened a little: the bound stays one.
        upper = variables.map { j in
            let (low, high) = (program.lower[j], program.upper[j])
            let least = PerspectiveProgram.leastInterval * max(low.magnitude, high.magnitude, 1e-3)
            return max(high, low + least)
        }
        rows = program.rows.map { row in
            ParametricProgram.Row(
                coefficients: variables.map { row.coefficients[$0] },
                lower: row.lower,
                upper: row.upper
            )
        }
    }

    var count: Int { variables.count }

    /// The narrowest interval of a variable, relative to its bounds.
    private static let leastInterval = 1e-6
}

/// A lower bound on a node, and what it says about its choices.
struct PerspectiveBound {
    /// No point of the node has a lower objective.
    var value = -Double.infinity
    /// What having a variable in adds to the bound, for each variable; the bound counts the lowest of those that choose.
    var prices: [Double] = []
}

extension PerspectiveProgram {
    /// The bound that a diagonal d with S = P + εI − diag(d) ⪰ 0, a point and row multipliers prove.
    ///
    /// With xᵀSx ≥ 2x̂ᵀSx − x̂ᵀSx̂ and α = Aᵀν − q − Sx̂ the objective is at least
    /// −½x̂ᵀSx̂ + Σ min(νᵣtᵣ) + Σ min over t of ½(dᵢ − ε)t² − αᵢt, the last sum over the variables that are in.
    /// - Parameters:
    ///   - product: Sx̂.
    ///   - diagonal: d, 0 where a variable is in already.
    ///   - point: x̂.
    ///   - multipliers: ν.
    /// - Returns: the bound and the prices of the variables.
    func bound(product: [Double], diagonal: [Double], point: [Double], multipliers: [Double]) -> PerspectiveBound {
        var value = 0.0
        var slope = linear.map { -$0 }
        for (row, multiplier) in zip(rows, multipliers) {
            let end = multiplier > 0 ? row.lower : row.upper
            // A multiplier that a missing bound does not allow is taken as 0.
            guard end.isFinite, multiplier != 0 else { continue }
            value += multiplier * end
            for i in 0..<count { slope[i] += multiplier * row.coefficients[i] }
        }
        var prices = [Double](repeating: 0, count: count)
        for i in 0..<count {
            value -= 0.5 * product[i] * point[i]
            let alpha = slope[i] - product[i]
            let curvature = diagonal[i] - shift
            func cost(_ t: Double) -> Double { t * (0.5 * curvature * t - alpha) }
            let atEnds = min(cost(lower[i]), cost(upper[i]))
            let best = curvature > 0 ? alpha / curvature : lower[i]
            prices[i] = best > lower[i] && best < upper[i] ? min(atEnds, cost(best)) : atEnds
            if isIn[i] { value += prices[i] }
        }
        let chosen = free.map { prices[$0] }.filter { $0 < 0 }.sorted().prefix(mostIn)
        value += chosen.reduce(0, +)
        return PerspectiveBound(value: value.isNaN ? -.infinity : value, prices: prices)
    }

    /// The choices that a bound settles: out where having a variable in, and in where leaving it out, reaches the cutoff.
    func settled(by bound: PerspectiveBound, cutoff: Double) -> (out: Set<Int>, in: Set<Int>) {
        let byPrice = free.sorted { (bound.prices[$0], $0) < (bound.prices[$1], $1) }
        func gain(_ place: Int) -> Double {
            place >= 0 && place < byPrice.count ? min(0, bound.prices[byPrice[place]]) : 0
        }
        let (last, next) = (gain(mostIn - 1), gain(mostIn))
        var out: Set<Int> = []
        var kept: Set<Int> = []
        for (place, i) in byPrice.enumerated() {
            if place < mostIn, bound.prices[i] < 0 {
                if bound.value - bound.prices[i] + next >= cutoff { kept.insert(i) }
            } else if bound.value - last + bound.prices[i] >= cutoff {
                out.insert(i)
            }
        }
        return (out, kept)
    }
}
