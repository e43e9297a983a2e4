internal import LinearAlgebra

/// One solve: the working set, what rests outside it, and the rounds that bring them together.
struct ActiveSetSearch {
    let program: ParametricProgram
    let settings: ActiveSetSettings
    let set: WorkingSet
    private var basePoint: BasePoint
    /// P times the base point.
    private var baseProduct: [Double]
    private var isInSet: [Bool]
    /// q + λp, for all variables.
    private var linear: [Double]
    private(set) var effort = ActiveSetEffort()
    private var shadow: [Double] = []

    init(_ program: ParametricProgram, settings: ActiveSetSettings) {
        self.program = program
        self.settings = settings
        let n = program.variableCount
        basePoint = BasePoint(program)
        let isSmall = n <= settings.smallProgram
        set = WorkingSet(program, capacity: isSmall ? n : min(n, 320))
        baseProduct = [Double](repeating: 0, count: n)
        isInSet = [Bool](repeating: false, count: n)
        linear = program.linear
        addBaseProduct()
    }

    private mutating func addBaseProduct() {
        let held = basePoint.point.indices.filter { basePoint.point[$0] != 0 }.map { Int32($0) }
        guard !held.isEmpty else { return }
        let values = held.map { basePoint.point[Int($0)] }
        let curvature = program.curvature
        held.withUnsafeBufferPointer { names in
            curvature.addProduct(held: names, values: values, into: &baseProduct)
        }
    }

    // MARK: One point

    mutating func solve(at parameter: Double, shouldStop: () -> Bool) throws(ActiveSetFailure) -> ActiveSetSolution {
        setParameter(parameter)
        begin()
        while true {
            guard !shouldStop() else { throw .stopped }
            try solveWorkingSet()
            effort.pricings += 1
            let entering = price()
            if entering.isEmpty { break }
            guard effort.pricings < settings.maximumPricings else { throw .unfinished }
            enter(entering)
        }
        return try solution(at: parameter)
    }

    /// Sets the linear term of the whole program to q + λp.
    mutating func setParameter(_ parameter: Double) {
        linear = program.linear
        guard let direction = program.direction, parameter != 0 else { return }
        for j in linear.indices { linear[j] += parameter * direction[j] }
    }

    /// Chooses the first working set and the point to start from.
    mutating func begin() {
        let n = program.variableCount
        let hasKinks = basePoint.places.contains(.kink)
        if !hasKinks { basePoint.fill(program, ranking: ranking(linear)) }
        var chosen = Array(0..<n)
        if n > settings.smallProgram { chosen = firstWorkingSet() }
        enter(chosen)
        setRowOffsets()
        for entry in basePoint.start {
            guard let j = localIndex(of: entry.variable) else { continue }
            if entry.value >= program.upper[entry.variable] {
                set.rest(j, at: .upper)
            } else {
                set.setPiece(j, set.hasKinks ? (entry.value > set.kink[j] ? 1 : -1) : 0)
                set.places[j] = .free
                set.sign[j] = 0
                set.x[j] = entry.value
            }
        }
        if hasKinks { releaseTrades() }
    }

    private func localIndex(of variable: Int) -> Int? {
        (0..<set.count).first { set.names[$0] == variable }
    }

    private func ranking(_ key: [Double]) -> [Int] { key.indices.sorted { (key[$0], $0) < (key[$1], $1) } }

    /// The variables whose gradient at the starting point promises most.
    private func firstWorkingSet() -> [Int] {
        var gradient = baseProduct
        let moved = basePoint.start.map { Int32($0.variable) }
        let values = basePoint.start.map { $0.value - basePoint.point[$0.variable] }
        moved.withUnsafeBufferPointer { names in
            program.curvature.addProduct(held: names, values: values, into: &gradient)
        }
        for j in gradient.indices { gradient[j] += linear[j] }
        let order = ranking(gradient)
        var isChosen = [Bool](repeating: false, count: gradient.count)
        for entry in basePoint.start { isChosen[entry.variable] = true }
        let size = max(settings.smallProgram, moved.count * 2)
        for j in order.prefix(size) { isChosen[j] = true }
        if basePoint.places.contains(.kink) {
            var falling = 0
            for j in order.reversed() where basePoint.point[j] > program.lower[j] {
                isChosen[j] = true
                falling += 1
                if falling == size { break }
            }
        }
        return isChosen.indices.filter { isChosen[$0] }
    }

    /// Lets the trades that promise most begin.
    private func releaseTrades() {
        // Filled in by the walk: at the kinks every variable rests.
        guard let limitRow = set.limitRow else { return }
        set.rowPlaces[limitRow] = .upper
    }

    /// Takes variables into the working set.
    private mutating func enter(_ variables: [Int]) {
        let first = set.count
        set.add(variables, places: basePoint.places, base: basePoint.point, offset: baseProduct)
        for j in first..<set.count {
            isInSet[Int(set.names[j])] = true
            set.linear[j] = linear[Int(set.names[j])]
        }
        effort.considered = set.count
    }

    private func setRowOffsets() {
        let held = basePoint.point.indices.filter { basePoint.point[$0] != 0 }
        for r in 0..<program.rows.count {
            var sum = 0.0
            for j in held { sum += program.rows[r].coefficients[j] * basePoint.point[j] }
            set.rowOffset[r] = sum
        }
        if let limitRow = set.limitRow, let kinks = program.kinks {
            var sum = 0.0
            for j in basePoint.point.indices { sum += abs(basePoint.point[j] - kinks.positions[j]) }
            set.rowOffset[limitRow] = sum
        }
    }

    // MARK: The working set

    /// Solves the program over the working set from where it stands.
    mutating func solveWorkingSet() throws(ActiveSetFailure) {
        var guess = SupportGuess(set)
        let isSolved = guess.run(maximumRounds: settings.guessRounds)
        effort.guesses += guess.rounds
        if !isSolved { try walkFromGuess() }
        effort.free = set.freeCount
    }

    /// The working set as it stands: which rows are to hold.
    private func standingRows() -> [(row: Int, place: RowPlace)] {
        (0..<set.totalRows).compactMap { r in
            if set.rowLower[r] == set.rowUpper[r] { return (r, .equality) }
            return set.rowPlaces[r] == .inactive ? nil : (r, set.rowPlaces[r])
        }
    }

    private mutating func walkFromGuess() throws(ActiveSetFailure) {
        let start = HomotopyStart(set)
        guard start.prepare(rows: standingRows()) else { throw .unfinished }
        let limit = settings.stepsPerVariable * (set.count + set.totalRows) + 50
        var walk = ParametricWalk(set, from: 0, maximumSteps: limit)
        let end = walk.run(to: 1)
        effort.steps += walk.steps
        switch end {
        case .reached, .halted: break
        case .infeasible: throw .infeasible
        case .singular, .stalled: throw .unfinished
        }
        start.finish()
        try refine()
    }

    /// Removes what rounding has left in the equations.
    func refine() throws(ActiveSetFailure) {
        for _ in 0..<2 {
            set.evaluate()
            guard set.correct() else { throw .unfinished }
        }
        set.evaluate()
        for position in 0..<set.freeCount {
            let j = Int(set.free[position])
            set.x[j] = min(max(set.x[j], set.low[j]), set.high[j])
        }
    }

    // MARK: Pricing

    /// The gradient of all variables, q + λp + Px + Aᵀy; kinks are left out.
    mutating func fullGradient() -> [Double] {
        var gradient = baseProduct
        var moved: [Int32] = []
        var values: [Double] = []
        for j in 0..<set.count where set.x[j] != set.base[j] {
            moved.append(set.names[j])
            values.append(set.x[j] - set.base[j])
        }
        moved.withUnsafeBufferPointer { names in
            program.curvature.addProduct(held: names, values: values, into: &gradient)
        }
        PointerKernels.add(1, linear, into: &gradient, count: gradient.count)
        for r in 0..<program.rows.count where set.multiplier[r] != 0 {
            PointerKernels.add(set.multiplier[r], program.rows[r].coefficients, into: &gradient, count: gradient.count)
        }
        return gradient
    }

    /// Variables outside the working set whose gradient has the wrong sign, those that promise most first.
    mutating func price() -> [Int] {
        guard set.count < program.variableCount else { return [] }
        let gradient = fullGradient()
        var scale = 0.0
        for j in 0..<set.count { scale = max(scale, abs(set.offset[j] + set.linear[j]), abs(set.linear[j])) }
        let tolerance = scale * settings.gradientTolerance
        let limitMultiplier = set.limitRow.map { set.multiplier[$0] } ?? 0
        var found: [(variable: Int, wrong: Double)] = []
        for j in gradient.indices where !isInSet[j] {
            let wrong = wrongness(of: j, gradient: gradient[j], limitMultiplier: limitMultiplier)
            if wrong > tolerance { found.append((j, wrong)) }
        }
        let most = max(settings.entering, set.count / 3)
        if found.count > most {
            found.sort { ($0.wrong, $1.variable) > ($1.wrong, $0.variable) }
            found.removeLast(found.count - most)
            found.sort { $0.variable < $1.variable }
        }
        return found.map(\.variable)
    }

    /// How far a resting variable's gradient is beyond what its place allows.
    private func wrongness(of j: Int, gradient: Double, limitMultiplier: Double) -> Double {
        guard program.lower[j] < program.upper[j] else { return 0 }
        guard let kinks = program.kinks else { return basePoint.places[j] == .lower ? -gradient : gradient }
        let width = kinks.costs[j] + limitMultiplier
        switch basePoint.places[j] {
        case .lower: return -(gradient + (program.lower[j] < kinks.positions[j] ? -width : width))
        case .upper: return gradient + (program.upper[j] > kinks.positions[j] ? width : -width)
        case .kink, .free: return abs(gradient) - width
        }
    }

    // MARK: Result

    mutating func solution(at parameter: Double) throws(ActiveSetFailure) -> ActiveSetSolution {
        var point = basePoint.point
        for j in 0..<set.count { point[Int(set.names[j])] = set.x[j] }
        let limitMultiplier = set.limitRow.map { set.multiplier[$0] } ?? 0
        let check = ActiveSetCheck(
            program,
            linear: linear,
            point: point,
            gradient: fullGradient(),
            multipliers: Array(set.multiplier.prefix(program.rows.count)),
            limitMultiplier: limitMultiplier
        )
        guard check.infeasibility <= settings.infeasibility, check.suboptimality <= settings.suboptimality * check.scale
        else { throw .unfinished }
        return ActiveSetSolution(
            point: point,
            multipliers: Array(set.multiplier.prefix(program.rows.count)),
            limitMultiplier: limitMultiplier,
            parameter: parameter,
            check: check,
            effort: effort
        )
    }
}
