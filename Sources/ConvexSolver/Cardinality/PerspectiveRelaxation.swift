internal import LinearAlgebra
internal import Matrices

/// Solves the relaxation of a node: the perspective of each variable that may choose, with the best diagonal.
///
/// A diagonal d with P − diag(d) ⪰ 0 splits the objective; the variables' own part ½dᵢxᵢ² costs ½dᵢxᵢ²/zᵢ for a choice zᵢ
/// between out (0) and in (1). The largest bound over all d is that of a semidefinite program, found here as a saddle.
/// - SeeAlso: Frangioni & Gentile, Mathematical Programming 106 (2006); Zheng, Sun & Li, INFORMS J. Computing 26 (2014);
///   docs/mathematics.md, "Few of many".
struct PerspectiveRelaxation {
    /// What a relaxation found.
    struct Outcome {
        var bound: PerspectiveBound
        /// How far in each variable is, from 0 to 1.
        var choices: [Double]
        var diagonal: [Double]
        var steps: Int
        var isStopped = false
        /// What the bound follows from.
        var proof: Proof?
    }

    /// The diagonal, the point and the multipliers of rows that a bound follows from.
    struct Proof {
        var diagonal: [Double]
        var point: [Double]
        var rows: [Double]
    }

    private let program: PerspectiveProgram
    private let settings: CardinalitySettings
    private var point: PerspectiveIterate
    private var best = PerspectiveBound()
    private var proof: Proof?
    private var lastLength = 1.0
    private var steps = 0

    /// Begins at a point inside, with the parent's diagonal if there is one; nil when S has no factor.
    init?(_ program: PerspectiveProgram, diagonal: [Double]?, settings: CardinalitySettings) {
        guard let start = PerspectiveIterate(program, diagonal: diagonal, settings: settings) else { return nil }
        self.program = program
        self.settings = settings
        point = start
    }

    /// Raises the bound until it reaches the cutoff, or cannot come near it.
    mutating func solve(cutoff: Double, shouldStop: () -> Bool) -> Outcome {
        while steps < settings.maximumSteps {
            let curvature = point.curvature(program)
            let product = curvature.times(point.x)
            raise(product)
            if best.value >= cutoff || isDone(curvature, product, cutoff: cutoff) { break }
            if shouldStop() { return outcome(isStopped: true) }
            guard
                let factor = try? CholeskyFactorization(curvature),
                let step = direction(curvature, product, inverse: factor.inverse),
                move(along: step, curvature)
            else { break }
            steps += 1
        }
        return outcome(isStopped: false)
    }

    private func outcome(isStopped: Bool) -> Outcome {
        Outcome(bound: best, choices: point.z, diagonal: point.d, steps: steps, isStopped: isStopped, proof: proof)
    }

    /// Takes the bound that the point proves, if it is the highest.
    private mutating func raise(_ product: [Double]) {
        let bound = program.bound(product: product, diagonal: point.d, point: point.x, multipliers: point.rows)
        guard bound.value > best.value || best.prices.isEmpty else { return }
        best = bound
        proof = Proof(diagonal: point.d, point: point.x, rows: point.rows)
    }

    /// Whether what may still be gained is little, of the gap or of what is missing to the cutoff.
    private func isDone(_ curvature: DenseMatrix, _ product: [Double], cutoff: Double) -> Bool {
        let value = point.value(program, product: product)
        let gain = max(point.complementarity(program, curvature).sum, value - best.value)
        let size = max(value.magnitude, best.value.magnitude)
        if gain < settings.relativeGap * Self.shareOfGap * size { return true }
        guard value < cutoff, point.rowResidual(program) < Self.smallResidual else { return false }
        let missing = cutoff == .infinity ? Self.gainWithoutCutoff * size : cutoff - value
        return gain < settings.usefulGain * missing
    }

    private func direction(_ curvature: DenseMatrix, _ product: [Double], inverse: DenseMatrix) -> PerspectiveStep? {
        let complementarity = point.complementarity(program, curvature)
        // A short step means that the products are far from alike: then they are aimed less far down.
        let centering =
            switch lastLength {
            case 0.7...: 0.05
            case 0.5...: 0.1
            case 0.2...: 0.3
            default: 0.6
            }
        return PerspectiveStep(
            program,
            from: point,
            product: product,
            inverse: inverse,
            target: centering * complementarity.sum / Double(complementarity.terms)
        )
    }

    /// Moves as far as the bounds allow; false when that is nowhere.
    private mutating func move(along step: PerspectiveStep, _ curvature: DenseMatrix) -> Bool {
        let fraction = settings.stepFraction
        var (primal, dual) = point.room(along: step, program)
        (primal, dual) = (min(1, fraction * primal), min(1, fraction * dual))
        while !isInside(curvature, step.d, -primal / fraction) {
            primal *= settings.backtracking
            if primal < settings.smallestStep { return false }
        }
        while !isInside(point.matrix, step.matrix, dual / fraction) {
            dual *= settings.backtracking
            if dual < settings.smallestStep { return false }
        }
        point.move(along: step, primal: primal, dual: dual)
        lastLength = min(primal, dual)
        return lastLength > settings.smallestStep
    }

    private func isInside(_ matrix: DenseMatrix, _ diagonal: [Double], _ length: Double) -> Bool {
        var moved = matrix
        for i in diagonal.indices { moved[i, i] += length * diagonal[i] }
        return (try? CholeskyFactorization(moved)) != nil
    }

    private func isInside(_ matrix: DenseMatrix, _ change: DenseMatrix, _ length: Double) -> Bool {
        var moved = matrix
        axpy(length, change.elements, into: &moved.elements)
        return (try? CholeskyFactorization(moved)) != nil
    }

    /// The share of the gap asked for at which a relaxation counts as solved.
    private static let shareOfGap = 0.1
    /// How nearly rows must hold before the value of the saddle says anything.
    private static let smallResidual = 1e-3
    /// The gain, relative to the bound, that is worth a step while there is no cutoff.
    private static let gainWithoutCutoff = 0.01
}

extension PerspectiveIterate {
    /// How far the point and its multipliers may go along a step before one of them meets its bound.
    func room(along step: PerspectiveStep, _ program: PerspectiveProgram) -> (primal: Double, dual: Double) {
        var (primal, dual) = (Double.infinity, Double.infinity)
        for i in 0..<program.count {
            let (l, u) = (program.lower[i], program.upper[i])
            primal = min(primal, Self.reach(x[i] - l * z[i], step.x[i] - l * step.z[i]))
            primal = min(primal, Self.reach(u * z[i] - x[i], u * step.z[i] - step.x[i]))
            dual = min(dual, Self.reach(low[i], step.low[i]), Self.reach(high[i], step.high[i]))
            guard !program.isIn[i] else { continue }
            primal = min(primal, Self.reach(1 - z[i], -step.z[i]), Self.reach(d[i], step.d[i]))
            dual = min(dual, Self.reach(one[i], step.one[i]), Self.reach(positive[i], step.positive[i]))
        }
        primal = min(primal, Self.reach(room(program), -program.free.reduce(0) { $0 + step.z[$1] }))
        dual = min(dual, Self.reach(count, step.count))
        for (r, row) in program.rows.enumerated() where row.lower != row.upper {
            if row.lower > -.infinity {
                primal = min(primal, Self.reach(t[r] - row.lower, step.t[r]))
                dual = min(dual, Self.reach(rowLow[r], step.rowLow[r]))
            }
            if row.upper < .infinity {
                primal = min(primal, Self.reach(row.upper - t[r], -step.t[r]))
                dual = min(dual, Self.reach(rowHigh[r], step.rowHigh[r]))
            }
        }
        return (primal, dual)
    }

    private static func reach(_ value: Double, _ change: Double) -> Double {
        change < 0 ? -value / change : .infinity
    }

    /// Moves: x, z, d and the rows by one length, the multipliers of bounds by another.
    mutating func move(along step: PerspectiveStep, primal: Double, dual: Double) {
        axpy(primal, step.x, into: &x)
        axpy(primal, step.z, into: &z)
        axpy(primal, step.d, into: &d)
        axpy(primal, step.t, into: &t)
        axpy(primal, step.rows, into: &rows)
        axpy(dual, step.low, into: &low)
        axpy(dual, step.high, into: &high)
        axpy(dual, step.one, into: &one)
        axpy(dual, step.positive, into: &positive)
        axpy(dual, step.rowLow, into: &rowLow)
        axpy(dual, step.rowHigh, into: &rowHigh)
        axpy(dual, step.matrix.elements, into: &matrix.elements)
        count += dual * step.count
    }
}
