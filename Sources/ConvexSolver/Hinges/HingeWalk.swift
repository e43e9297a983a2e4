internal import LinearAlgebra
internal import Matrices

/// The pivots from one vertex of a hinge program to an optimal one.
struct HingeWalk {
    /// What lets go at a vertex, and how the objective falls with it.
    struct Edge {
        /// The active row that lets go, or nil when a variable is freed.
        var activeRow: Int?
        /// The variable that is freed, or nil.
        var variable: Int?
        /// The sign of the row's activity, or of the variable, along the edge.
        var sign: Double
        /// The objective's slope, negative.
        var slope: Double
    }

    private(set) var state: HingeState
    var pivots = 0
    private let program: HingeProgram
    private let settings: SolverSettings
    /// Steps of length zero in a row; past the limit Bland's rule chooses.
    private var standing = 0
    private var sinceRefactor = 0

    init(_ program: HingeProgram, settings: SolverSettings, state: HingeState) {
        self.program = program
        self.settings = settings
        self.state = state
    }

    mutating func run(shouldStop: () -> Bool) -> SolverStatus {
        guard state.refactor() else { return .stalled }
        while true {
            let y = state.multipliers()
            let reduced = state.reducedCosts(y)
            let images = state.images()
            guard let edge = steepestEdge(multipliers: y, reducedCosts: reduced, images: images) else {
                if sinceRefactor == 0 { return .solved }
                guard refactor() else { return .stalled }
                continue
            }
            if shouldStop() { return .stopped }
            if pivots >= settings.maximumPivots { return .iterationLimit }
            let direction = self.direction(edge, images: images)
            var search = HingeStep(state, edge: edge, direction: direction, bland: usesBland)
            guard let end = search.run() else {
                if sinceRefactor == 0 { return .dualInfeasible }
                guard refactor() else { return .stalled }
                continue
            }
            standing = end.length > settings.standingStep ? 0 : standing + 1
            advance(edge, direction, end, image: edge.variable.map { Self.row($0, of: images) } ?? [])
            pivots += 1
            sinceRefactor += 1
            if sinceRefactor >= settings.pivotsBetweenFactorizations, !refactor() { return .stalled }
        }
    }

    private var usesBland: Bool { standing > settings.standingSteps }

    private mutating func refactor() -> Bool {
        sinceRefactor = 0
        return state.refactor()
    }

    private static func row(_ j: Int, of images: DenseMatrix) -> [Double] { (0..<images.columns).map { images[j, $0] } }

    // MARK: Pricing

    /// The edge along which the objective falls most for the distance that x moves, or nil at an optimum.
    private func steepestEdge(multipliers y: [Double], reducedCosts: [Double], images: DenseMatrix) -> Edge? {
        if usesBland { return firstEdge(multipliers: y, reducedCosts: reducedCosts) }
        var best: (edge: Edge, score: Double)?
        let k = state.active.count
        for i in 0..<k {
            guard let (violation, sign) = violation(ofRow: i, y[i]) else { continue }
            var norm = 0.0
            for p in 0..<k {
                let entry = state.inverse.elements[i * k + p]
                norm += entry * entry
            }
            let score = violation * violation / norm
            if best.map({ score > $0.score }) ?? true {
                best = (Edge(activeRow: i, variable: nil, sign: sign, slope: -violation), score)
            }
        }
        let norms = Self.rowNorms(images)
        for j in 0..<program.variableCount {
            guard let (violation, sign) = violation(ofVariable: j, reducedCosts[j]) else { continue }
            let score = violation * violation / norms[j]
            if best.map({ score > $0.score }) ?? true {
                best = (Edge(activeRow: nil, variable: j, sign: sign, slope: -violation), score)
            }
        }
        return best?.edge
    }

    /// The first edge along which the objective falls: variables before rows before hinges, by index.
    ///
    /// The step decides ties in the same order, which is what Bland's rule asks for.
    private func firstEdge(multipliers y: [Double], reducedCosts: [Double]) -> Edge? {
        for j in 0..<program.variableCount {
            guard let (violation, sign) = violation(ofVariable: j, reducedCosts[j]) else { continue }
            return Edge(activeRow: nil, variable: j, sign: sign, slope: -violation)
        }
        let count = program.hingeCount
        func rank(_ code: Int) -> Int { code >= count ? code - count : code + program.rowCount }
        for i in state.active.indices.sorted(by: { rank(state.active[$0]) < rank(state.active[$1]) }) {
            guard let (violation, sign) = violation(ofRow: i, y[i]) else { continue }
            return Edge(activeRow: i, variable: nil, sign: sign, slope: -violation)
        }
        return nil
    }

    private static func rowNorms(_ images: DenseMatrix) -> [Double] {
        var norms = [Double](repeating: 1, count: images.rows)
        images.elements.withUnsafeBufferPointer { w in
            norms.withUnsafeMutableBufferPointer { target in
                for p in 0..<images.columns {
                    for j in 0..<images.rows { target[j] += w[p * images.rows + j] * w[p * images.rows + j] }
                }
            }
        }
        return norms
    }

    /// How far the multiplier of an active row is outside its interval, and the side on which the row would go.
    private func violation(ofRow i: Int, _ y: Double) -> (Double, Double)? {
        let code = state.active[i]
        if code < program.hingeCount {
            let weight = program.weights[code]
            let tolerance = settings.hingeOptimality * max(weight, state.largestGradient * 1e-3 / state.largestHinge)
            if y < -tolerance { return (-y, -1) }
            if y > weight + tolerance { return (y - weight, 1) }
            return nil
        }
        let row = code - program.hingeCount
        guard row >= program.equationCount else { return nil }
        var size = 0.0
        for j in 0..<program.variableCount { size = max(size, program.rows[row, j].magnitude) }
        return y < -settings.hingeOptimality * state.largestGradient / max(size, 1e-300) ? (-y, -1) : nil
    }

    /// The slope of a variable that is not free and could move, and the sign of its move.
    private func violation(ofVariable j: Int, _ d: Double) -> (Double, Double)? {
        guard !state.isFree[j], d.magnitude > settings.hingeOptimality * state.largestGradient else { return nil }
        if d > 0 { return state.x[j] > program.lower[j] ? (d, -1) : nil }
        return state.x[j] < program.upper[j] ? (-d, 1) : nil
    }

    // MARK: Moving

    /// How x moves along the edge: the other active rows stay as they are.
    private func direction(_ edge: Edge, images: DenseMatrix) -> [Double] {
        var direction = [Double](repeating: 0, count: program.variableCount)
        if let i = edge.activeRow {
            let column = state.inverse.column(i)
            for (p, j) in state.free.enumerated() { direction[j] = edge.sign * column[p] }
        }
        if let j = edge.variable {
            for (p, variable) in state.free.enumerated() { direction[variable] = -edge.sign * images[j, p] }
            direction[j] = edge.sign
        }
        return direction
    }

    private mutating func advance(_ edge: Edge, _ direction: [Double], _ end: HingeStep.End, image: [Double]) {
        axpy(end.length, direction, into: &state.x)
        axpy(end.length, end.rates, into: &state.activities)
        axpy(-end.length, end.rowRates, into: &state.slacks)
        for t in end.passed { state.setSide(t, above: !state.above[t]) }
        if let i = edge.activeRow, state.active[i] < program.hingeCount {
            let leaving = state.active[i]
            state.activities[leaving] = edge.sign * end.length
            state.setSide(leaving, above: edge.sign > 0)
        }
        switch end.blocker {
        case .row(let code):
            if code < program.hingeCount {
                state.setSide(code, above: false)
                state.activities[code] = 0
            } else {
                state.slacks[code - program.hingeCount] = 0
            }
            if let i = edge.activeRow { state.exchangeRow(i, for: code) }
            if let j = edge.variable { state.add(row: code, variable: j, image: image) }
        case .variable(let j):
            state.x[j] = direction[j] < 0 ? program.lower[j] : program.upper[j]
            guard let p = state.free.firstIndex(of: j) else { return }
            if let i = edge.activeRow { state.remove(row: i, variable: p) }
            if let entering = edge.variable { state.exchangeVariable(p, for: entering, image: image) }
        }
    }
}
