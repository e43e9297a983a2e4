internal import ConvexSolver
internal import LinearAlgebra
internal import Matrices

/// A program whose objective holds the drawdowns of a path, solved over the few times and peaks that matter.
///
/// The drawdown at t is Mₜ − Cₜᵀw, Mₜ the highest of 0 and the path so far. With the highs M₁ ≤ M₂ ≤ … of some candidate
/// peaks as variables, Mₖ ≥ C_pₖᵀw, the hinges Mₖ₍ₜ₎ − Cₜᵀw − α of some times bound the measure from below, for a high that
/// no candidate sees is left out, and so are the times that are. Each round solves that program by the hinge simplex and
/// takes in the peaks and times of the deepest drawdowns at its point, until the measure there is the bound
/// (docs/mathematics.md, "Drawdowns of long paths").
struct DrawdownProgram {
    /// Everything but the path: variables, rows, bounds, and no hinges.
    let base: HingeProgram
    /// The column of α.
    let level: Int
    /// C, T × n: sums of returns up to each time, in the program's unit.
    let path: DenseMatrix
    /// q, one a time: 1/(T(1 − β)), or 1 for the deepest drawdown alone.
    let weight: Double

    /// How a solve ended.
    struct Outcome {
        var solution: HingeSolution
        /// The program of the last round: multipliers are of its rows.
        var program: HingeProgram
        /// y, T.
        var timeMultipliers: [Double]
        /// The objective at the point, with the measure as it is.
        var objective: Double
        /// No point is better than this.
        var bound: Double
        var iterations: Int
    }

    /// Candidate peaks, ascending.
    private var peaks: [Int] = []
    /// Times whose hinges are in the program, ascending.
    private var times: [Int] = []

    /// Rounds at most.
    private static let mostRounds = 200
    /// The gap at which the bounds count as met, relative to the objective.
    private static let tolerance = 1e-11
    /// Times of the first round, as a multiple of those in the tail.
    private static let firstShare = 1.5
    /// The least number of them.
    private static let fewestTimes = 40

    init(base: HingeProgram, level: Int, path: DenseMatrix, weight: Double) {
        self.base = base
        self.level = level
        self.path = path
        self.weight = weight
    }

    /// Times that the tail is made of.
    private var tailCount: Int { max(1, Int((1 / weight).rounded(.up))) }

    /// The optimum.
    ///
    /// - Parameters:
    ///   - weights: where the first times and peaks are taken from.
    ///   - scale: what a gap is compared with at least.
    ///   - shouldStop: asked once a pivot.
    /// - Returns: the outcome; its solution tells infeasible and stopped programs.
    /// - Throws: ``SolverError`` when the parts do not fit together.
    mutating func solve(
        near weights: [Double],
        scale: Double,
        shouldStop: () -> Bool
    ) throws(SolverError) -> Outcome {
        var flat = base
        flat.lower[level] = max(0, flat.lower[level])
        let feasible = try HingeSimplex(flat).solve(shouldStop: shouldStop)
        var iterations = feasible.iterations
        guard feasible.status == .solved else {
            return Outcome(
                solution: feasible,
                program: flat,
                timeMultipliers: [],
                objective: .infinity,
                bound: -.infinity,
                iterations: iterations
            )
        }
        takeIn(drawdowns(weights), more: max(Self.fewestTimes, Int(Double(tailCount) * Self.firstShare)))
        takeIn(drawdowns(Array(feasible.primal.prefix(path.columns))), more: Self.fewestTimes)
        var corner = PathCorner(
            primal: feasible.vertex.primal,
            free: feasible.vertex.free,
            rows: feasible.vertex.rows,
            holds: []
        )
        var round = 0
        while true {
            round += 1
            let (program, vertex) = program(at: corner)
            let solution = try HingeSimplex(program).solve(from: vertex, shouldStop: shouldStop)
            iterations += solution.iterations
            var outcome = Outcome(
                solution: solution,
                program: program,
                timeMultipliers: [],
                objective: .infinity,
                bound: -.infinity,
                iterations: iterations
            )
            guard solution.status == .solved else { return outcome }
            let timesSolved = times
            let depths = drawdowns(Array(solution.primal.prefix(path.columns)))
            outcome.bound = solution.check.objective
            outcome.objective = objective(solution.primal, depths.depths)
            if let next = self.corner(solution.vertex, program) { corner = next }
            let gap = outcome.objective - outcome.bound
            let size = max(outcome.objective.magnitude, scale)
            if gap <= Self.tolerance * size || round == Self.mostRounds || !takeIn(depths, more: tailCount) {
                outcome.timeMultipliers = [Double](repeating: 0, count: path.rows)
                for (i, t) in timesSolved.enumerated() {
                    outcome.timeMultipliers[t] = solution.hingeMultipliers[i]
                }
                return outcome
            }
        }
    }

    /// Depths below the last peak, and that peak: −1 for the start.
    private struct Drawdowns {
        var depths: [Double]
        var peaks: [Int]
    }

    private func drawdowns(_ weights: [Double]) -> Drawdowns {
        let values = path.times(weights)
        var depths = [Double](repeating: 0, count: values.count)
        var peaks = [Int](repeating: -1, count: values.count)
        var (high, peak) = (0.0, -1)
        for t in values.indices {
            if values[t] >= high { (high, peak) = (values[t], t) }
            (depths[t], peaks[t]) = (high - values[t], peak)
        }
        return Drawdowns(depths: depths, peaks: peaks)
    }

    /// The objective at a point whose drawdowns are known: α is the best one for them.
    private func objective(_ x: [Double], _ depths: [Double]) -> Double {
        var value = dot(base.linear, Array(x.prefix(base.variableCount))) - base.linear[level] * x[level]
        let deepest = depths.sorted(by: >)
        var left = 1.0
        for depth in deepest where left > 0 {
            let share = min(weight, left)
            value += base.linear[level] * share * depth
            left -= share
        }
        return value
    }

    /// Takes in the deepest times and their peaks; false when all are there already.
    @discardableResult
    private mutating func takeIn(_ drawdowns: Drawdowns, more: Int) -> Bool {
        let order = drawdowns.depths.indices.sorted {
            (drawdowns.depths[$1], $0) < (drawdowns.depths[$0], $1)
        }
        var known = Set(times)
        var knownPeaks = Set(peaks)
        var isNew = false
        for t in order.prefix(more) where drawdowns.depths[t] > 0 {
            if known.insert(t).inserted { isNew = true }
            if drawdowns.peaks[t] >= 0, knownPeaks.insert(drawdowns.peaks[t]).inserted { isNew = true }
        }
        times = known.sorted()
        peaks = knownPeaks.sorted()
        return isNew
    }

    // MARK: Programs

    /// The last candidate peak up to each time of the program; −1 before the first.
    private func candidates() -> [Int] {
        var last = -1
        var next = 0
        return times.map { t in
            while next < peaks.count, peaks[next] <= t {
                last = next
                next += 1
            }
            return last
        }
    }

    /// The program over the times and peaks so far, and a corner of the last one as a vertex of it.
    ///
    /// Its variables are the base's and the highs; its hinges the times' and, of no weight, what holds the corner and is not
    /// among them.
    private func program(at corner: PathCorner) -> (HingeProgram, HingeVertex) {
        let (n, own) = (path.columns, base.variableCount)
        let highs = highs(Array(corner.primal.prefix(n)))
        let candidates = candidates()
        var held: [Int] = []
        var extra: [PathCorner.Hold] = []
        for hold in corner.holds {
            // A time whose high is still the same holds the corner itself.
            if hold.hasLevel, let i = times.firstIndex(of: hold.time),
                (candidates[i] < 0 ? -1 : highs.peaks[candidates[i]]) == hold.peak
            {
                held.append(i)
            } else {
                held.append(times.count + extra.count)
                extra.append(hold)
            }
        }
        let width = own + peaks.count
        var hinges = DenseMatrix(rows: times.count + extra.count, columns: width)
        for j in 0..<n {
            for (i, t) in times.enumerated() { hinges[i, j] = -path[t, j] }
            for (i, hold) in extra.enumerated() {
                hinges[times.count + i, j] = (hold.peak < 0 ? 0 : path[hold.peak, j]) - path[hold.time, j]
            }
        }
        for (i, candidate) in candidates.enumerated() {
            hinges[i, level] = -1
            if candidate >= 0 { hinges[i, own + candidate] = 1 }
        }
        for (i, hold) in extra.enumerated() where hold.hasLevel { hinges[times.count + i, level] = -1 }
        var lower = base.lower
        // No drawdown is negative, and so is no mean of the deepest.
        lower[level] = max(0, lower[level])
        let weights = [Double](repeating: base.linear[level] * weight, count: times.count)
        let (rows, tight) = rows(highs)
        let program = HingeProgram(
            linear: base.linear + [Double](repeating: 0, count: peaks.count),
            hinges: hinges,
            offsets: [Double](repeating: 0, count: hinges.rows),
            weights: weights + [Double](repeating: 0, count: extra.count),
            rows: rows,
            bounds: base.bounds + [Double](repeating: 0, count: rows.rows - base.rowCount),
            equationCount: base.equationCount,
            lower: lower + [Double](repeating: 0, count: peaks.count),
            upper: base.upper + [Double](repeating: .infinity, count: peaks.count)
        )
        // A high of 0 rests at its bound and needs no row.
        let raised = peaks.indices.filter { highs.values[$0] > 0 }
        let vertex = HingeVertex(
            primal: corner.primal + highs.values,
            free: corner.free + raised.map { own + $0 },
            hinges: held,
            rows: corner.rows + raised.map { tight[$0] }
        )
        return (program, vertex)
    }

    /// The highs at weights, and the peak each of them is of; −1 for the start.
    private func highs(_ weights: [Double]) -> (values: [Double], peaks: [Int]) {
        var (high, peak) = (0.0, -1)
        var values: [Double] = []
        var owners: [Int] = []
        for t in peaks {
            var value = 0.0
            for j in weights.indices where weights[j] != 0 { value += weights[j] * path[t, j] }
            if value > high { (high, peak) = (value, t) }
            values.append(high)
            owners.append(peak)
        }
        return (values, owners)
    }

    /// The base's rows, Mₖ ≥ C_pₖᵀw and Mₖ ≥ Mₖ₋₁; and of each high the row that it is tight in.
    private func rows(_ highs: (values: [Double], peaks: [Int])) -> (rows: DenseMatrix, tight: [Int]) {
        let (n, own, count) = (path.columns, base.variableCount, base.rowCount)
        var rows = DenseMatrix(rows: count + peaks.count + max(0, peaks.count - 1), columns: own + peaks.count)
        for j in 0..<own { for i in 0..<count { rows[i, j] = base.rows[i, j] } }
        var tight: [Int] = []
        for (k, t) in peaks.enumerated() {
            for j in 0..<n { rows[count + k, j] = path[t, j] }
            rows[count + k, own + k] = -1
            if k > 0 {
                rows[count + peaks.count + k - 1, own + k - 1] = 1
                rows[count + peaks.count + k - 1, own + k] = -1
            }
            tight.append(highs.peaks[k] == t ? count + k : count + peaks.count + k - 1)
        }
        return (rows, tight)
    }

    /// A vertex of a program as a corner in the base's variables; nil where a high is held by something else than its rows.
    private func corner(_ vertex: HingeVertex, _ program: HingeProgram) -> PathCorner? {
        let (own, count) = (base.variableCount, base.rowCount)
        let active = Set(vertex.rows)
        let free = Set(vertex.free)
        var owners: [Int] = []
        var holds: [PathCorner.Hold] = []
        for (k, t) in peaks.enumerated() {
            let before = owners.last ?? -1
            let isOwn = active.contains(count + k)
            let isChained = k > 0 && active.contains(count + peaks.count + k - 1)
            let isAtBound = !free.contains(own + k)
            // A high at 0 is the start's.
            let base = isAtBound ? -1 : isChained && !isOwn ? before : t
            guard isAtBound || isOwn || isChained else { return nil }
            if isOwn, isAtBound { holds.append(PathCorner.Hold(time: t, peak: -1, hasLevel: false)) }
            if isChained, isOwn || isAtBound, base != before {
                holds.append(
                    PathCorner.Hold(time: isAtBound ? before : t, peak: isAtBound ? -1 : before, hasLevel: false)
                )
            }
            owners.append(base)
        }
        let candidates = candidates()
        for hinge in vertex.hinges {
            // What held an earlier corner and still holds this one has no weight, and lets go when there is better.
            guard hinge < times.count else { return nil }
            let candidate = candidates[hinge]
            holds.append(
                PathCorner.Hold(time: times[hinge], peak: candidate < 0 ? -1 : owners[candidate], hasLevel: true)
            )
        }
        let corner = PathCorner(
            primal: Array(vertex.primal.prefix(own)),
            free: vertex.free.filter { $0 < own },
            rows: vertex.rows.filter { $0 < count },
            holds: holds
        )
        return corner.free.count == corner.rows.count + corner.holds.count ? corner : nil
    }
}

/// A vertex of a path's program told without its highs.
private struct PathCorner {
    /// That a drawdown is α, or that two points of the path are equal.
    struct Hold {
        var time: Int
        /// −1 for the start.
        var peak: Int
        var hasLevel: Bool
    }

    var primal: [Double]
    var free: [Int]
    var rows: [Int]
    var holds: [Hold]
}

extension DenseMatrix {
    /// The sums of the rows up to each one, divided by a unit: a path of returns.
    func summedDown(unit: Double) -> DenseMatrix {
        var sums = elements
        for j in 0..<columns {
            var sum = 0.0
            for t in (j * rows)..<((j + 1) * rows) {
                sum += elements[t]
                sums[t] = sum / unit
            }
        }
        return DenseMatrix(rows: rows, columns: columns, columnMajor: sums)
    }
}
