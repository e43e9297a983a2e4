package import ConvexSolver
import Matrices

/// A random program for active-set methods, made from a seed: every kind of curvature, bound, row and kink they know,
/// feasible at a point it carries.
package struct RandomParametricProgram {
    package var program: ParametricProgram
    /// A point that meets every bound and row.
    package let feasible: [Double]
    /// What was drawn, for the message of a failing test.
    package let description: String

    package init(seed: UInt64, maximumCount: Int = 60) {
        var generator = SeededGenerator(seed: seed)
        let n = Int.random(in: 1...maximumCount, using: &generator)
        let shape = Int.random(in: 0..<6, using: &generator)
        let curvature = Self.curvature(shape, n, &generator)
        let box = Self.box(n, &generator)
        let point = Self.point(in: box, &generator)
        let kinks = Self.kinks(n, box, point, &generator)
        let returns = (0..<n).map { _ in 0.05 + 0.05 * generator.normal() }
        let aversion = [0.5, 1, 5, 50][Int.random(in: 0..<4, using: &generator)]
        let isPureRisk = Int.random(in: 0..<5, using: &generator) == 0
        program = ParametricProgram(
            curvature: curvature,
            linear: returns.map { isPureRisk ? 0 : -$0 / aversion },
            direction: returns.map { -$0 },
            lower: box.map(\.lower),
            upper: box.map(\.upper),
            rows: Self.rows(n, point, returns, &generator),
            kinks: kinks
        )
        feasible = point
        description = "seed \(seed): n \(n), curvature \(shape), rows \(program.rows.count), kinks \(kinks != nil)"
    }

    private static func curvature(_ shape: Int, _ n: Int, _ generator: inout SeededGenerator) -> Curvature {
        switch shape {
        case 0: return .dense(gram(n, observations: 2 * n + 2, &generator))
        case 1: return .dense(gram(n, observations: max(1, n / 2), &generator))
        case 2: return .dense(illConditioned(n, &generator))
        case 3: return .dense(withTwins(gram(n, observations: 2 * n + 2, &generator), &generator))
        case 4: return .factors(factors(n, hasResidual: true, &generator))
        default: return .factors(factors(n, hasResidual: false, &generator))
        }
    }

    /// A covariance of a market with some noise, from a number of observations that may be below its order.
    private static func gram(_ n: Int, observations: Int, _ generator: inout SeededGenerator) -> DenseMatrix {
        var returns = DenseMatrix(rows: observations, columns: n)
        let betas = (0..<n).map { _ in generator.uniform(0.5...1.5) }
        for t in 0..<observations {
            let market = 0.15 * generator.normal()
            for j in 0..<n { returns[t, j] = betas[j] * market + 0.2 * generator.normal() }
        }
        var result = DenseMatrix(rows: n, columns: n)
        for j in 0..<n {
            for i in 0...j {
                var sum = 0.0
                for t in 0..<observations { sum += returns[t, i] * returns[t, j] }
                result[i, j] = sum / Double(observations)
                result[j, i] = result[i, j]
            }
        }
        return result
    }

    /// Variances from 1e-12 to 1 along random directions.
    private static func illConditioned(_ n: Int, _ generator: inout SeededGenerator) -> DenseMatrix {
        var result = DenseMatrix(rows: n, columns: n)
        for k in 0..<n {
            var direction = (0..<n).map { _ in generator.normal() }
            let length = direction.reduce(0) { $0 + $1 * $1 }.squareRoot()
            if length > 0 { for j in 0..<n { direction[j] /= length } }
            var weight = 1.0
            for _ in 0..<(n > 1 ? 12 * k / (n - 1) : 0) { weight /= 10 }
            for j in 0..<n {
                for i in 0..<n { result[i, j] += weight * (direction[i] * direction[j]) }
            }
        }
        for j in 0..<n { for i in 0..<j { result[i, j] = result[j, i] } }
        return result
    }

    /// The same matrix with some instruments made equal to others.
    private static func withTwins(_ matrix: DenseMatrix, _ generator: inout SeededGenerator) -> DenseMatrix {
        let n = matrix.rows
        let origin = (0..<n).map { j in
            generator.uniform(0...1) < 0.3 ? Int.random(in: 0...j, using: &generator) : j
        }
        return matrix.selecting(rows: origin, columns: origin)
    }

    private static func factors(_ n: Int, hasResidual: Bool, _ generator: inout SeededGenerator) -> FactorCurvature {
        let k = Int.random(in: 1...5, using: &generator)
        var exposures = DenseMatrix(rows: k, columns: n)
        for index in exposures.elements.indices { exposures.elements[index] = generator.normal() }
        let covariance = gram(k, observations: 2 * k + 2, &generator)
        let residual = (0..<n).map { _ in hasResidual ? generator.uniform(0.001...0.1) : 0 }
        return FactorCurvature(exposuresTransposed: exposures, factorCovariance: covariance, residual: residual)
    }

    private static func box(_ n: Int, _ generator: inout SeededGenerator) -> [(lower: Double, upper: Double)] {
        let kind = Int.random(in: 0..<4, using: &generator)
        return (0..<n).map { _ in
            switch kind {
            case 0: return (0, 1)
            case 1: return (0, max(1.2 / Double(n), 0.1))
            case 2: return (-0.3, 0.5)
            default:
                let low = generator.uniform(-0.2...0.1)
                let isFixed = Int.random(in: 0..<8, using: &generator) == 0
                return (low, isFixed ? low : low + generator.uniform(0...0.5))
            }
        }
    }

    private static func point(
        in box: [(lower: Double, upper: Double)],
        _ generator: inout SeededGenerator
    ) -> [Double] {
        box.map { side in
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: side.lower
            case 1: side.upper
            default: side.lower + (side.upper - side.lower) * generator.uniform(0...1)
            }
        }
    }

    private static func kinks(
        _ n: Int,
        _ box: [(lower: Double, upper: Double)],
        _ point: [Double],
        _ generator: inout SeededGenerator
    ) -> ParametricProgram.Kinks? {
        let kind = Int.random(in: 0..<5, using: &generator)
        guard kind > 1 else { return nil }
        let positions = (0..<n).map { j in
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: box[j].lower
            case 1: point[j]
            default: box[j].lower + (box[j].upper - box[j].lower) * generator.uniform(0...1)
            }
        }
        let distance = (0..<n).reduce(0) { $0 + abs(positions[$1] - point[$1]) }
        let costs = (0..<n).map { _ in kind == 2 ? 0 : generator.uniform(0...0.01) }
        let slack = [0, 0.1, 1][Int.random(in: 0..<3, using: &generator)]
        return ParametricProgram.Kinks(
            positions: positions,
            costs: costs,
            limit: kind == 3 ? .infinity : distance + slack
        )
    }

    private static func rows(
        _ n: Int,
        _ point: [Double],
        _ returns: [Double],
        _ generator: inout SeededGenerator
    ) -> [ParametricProgram.Row] {
        func value(_ coefficients: [Double]) -> Double { (0..<n).reduce(0) { $0 + coefficients[$1] * point[$1] } }
        var rows: [ParametricProgram.Row] = []
        let ones = [Double](repeating: 1, count: n)
        if Int.random(in: 0..<6, using: &generator) > 0 {
            rows.append(ParametricProgram.Row(coefficients: ones, lower: value(ones), upper: value(ones)))
        }
        for _ in 0..<Int.random(in: 0...4, using: &generator) {
            var group = [Double](repeating: 0, count: n)
            for j in 0..<n where generator.uniform(0...1) < 0.4 { group[j] = 1 }
            let at = value(group)
            let room = [0, 0.05, 0.3][Int.random(in: 0..<3, using: &generator)]
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: rows.append(ParametricProgram.Row(coefficients: group, lower: -.infinity, upper: at + room))
            case 1: rows.append(ParametricProgram.Row(coefficients: group, lower: at - room, upper: .infinity))
            default: rows.append(ParametricProgram.Row(coefficients: group, lower: at - room, upper: at + room))
            }
        }
        if Int.random(in: 0..<3, using: &generator) == 0 {
            rows.append(ParametricProgram.Row(coefficients: returns, lower: value(returns), upper: .infinity))
        }
        return rows
    }

    /// The same program for the interior point: each kink becomes a variable sᵢ ≥ |xᵢ − aᵢ|.
    package func conic(at parameter: Double) -> ConicProblem {
        let n = program.variableCount
        let hasKinks = program.kinks != nil
        let columns = hasKinks ? 2 * n : n
        var quadratic = DenseMatrix(rows: columns, columns: columns)
        for j in 0..<n { for i in 0..<n { quadratic[i, j] = entry(i, j) } }
        var linear = (0..<n).map { program.linear[$0] + parameter * (program.direction?[$0] ?? 0) }
        if let kinks = program.kinks { linear += kinks.costs }
        var equations: [([Double], Double)] = []
        var inequalities: [([Double], Double)] = []
        let padding = [Double](repeating: 0, count: columns - n)
        for row in program.rows {
            if row.lower == row.upper {
                equations.append((row.coefficients + padding, row.upper))
                continue
            }
            if row.upper < .infinity { inequalities.append((row.coefficients + padding, row.upper)) }
            if row.lower > -.infinity { inequalities.append((row.coefficients.map { -$0 } + padding, -row.lower)) }
        }
        func unit(_ entries: [(Int, Double)]) -> [Double] {
            var row = [Double](repeating: 0, count: columns)
            for (index, value) in entries { row[index] = value }
            return row
        }
        for j in 0..<n {
            inequalities.append((unit([(j, 1)]), program.upper[j]))
            inequalities.append((unit([(j, -1)]), -program.lower[j]))
            guard let kinks = program.kinks else { continue }
            inequalities.append((unit([(j, 1), (n + j, -1)]), kinks.positions[j]))
            inequalities.append((unit([(j, -1), (n + j, -1)]), -kinks.positions[j]))
        }
        if let limit = program.kinks?.limit, limit < .infinity {
            inequalities.append((unit((0..<n).map { (n + $0, 1) }), limit))
        }
        let all = equations + inequalities
        var constraints = DenseMatrix(rows: all.count, columns: columns)
        for (i, row) in all.enumerated() { for j in 0..<columns { constraints[i, j] = row.0[j] } }
        return ConicProblem(
            quadratic: quadratic,
            linear: linear,
            constraints: constraints,
            bounds: all.map(\.1),
            cones: [.zero(equations.count), .nonnegative(inequalities.count)]
        )
    }

    /// P(i, j).
    private func entry(_ i: Int, _ j: Int) -> Double { Self.entry(program.curvature, i, j) }

    private static func entry(_ curvature: Curvature, _ i: Int, _ j: Int) -> Double {
        switch curvature {
        case .dense(let matrix): return matrix[i, j]
        case .padded(let base, _, let constant):
            return constant + (max(i, j) < base.order ? entry(base, i, j) : 0)
        case .stages(let stages):
            var first = 0
            for stage in stages {
                let own = first..<(first + stage.order)
                if own.contains(i), own.contains(j) { return entry(stage, i - first, j - first) }
                first += stage.order
            }
            return 0
        case .factors(let model):
            var sum = i == j ? model.residual[i] : 0
            let k = model.factorCovariance.rows
            for a in 0..<k {
                for b in 0..<k { sum += model.exposures[a, i] * model.factorCovariance[a, b] * model.exposures[b, j] }
            }
            return sum
        }
    }
}

extension RandomParametricProgram {
    /// ½xᵀPx + (q + λp)ᵀx + Σ c|x − a|.
    package func objective(_ point: [Double], at parameter: Double) -> Double {
        var sum = 0.0
        for i in point.indices {
            for j in point.indices { sum += 0.5 * point[i] * entry(i, j) * point[j] }
            sum += (program.linear[i] + parameter * (program.direction?[i] ?? 0)) * point[i]
            if let kinks = program.kinks { sum += kinks.costs[i] * abs(point[i] - kinks.positions[i]) }
        }
        return sum
    }
}
