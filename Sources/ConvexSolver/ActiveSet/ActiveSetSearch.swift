internal import LinearAlgebra

/// One solve: the working set, what rests outside it, and the rounds that bring them together.
struct ActiveSetSearch {
    let program: ParametricProgram
    let settings: ActiveSetSettings
    let set: WorkingSet
    private(set) var basePoint: BasePoint
    /// P times the base point.
    private var baseProduct: [Double]
    private(set) var isInSet: [Bool]
    /// q + λp, for all variables.
    private var linear: [Double]
    /// c + λd, for all variables; empty without kinks.
    private var costs: [Double]
    private(set) var effort = ActiveSetEffort()

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
        costs = program.kinks?.costs ?? []
        for r in program.redundantEquations() {
            set.rowLower[r] = -.infinity
            set.rowUpper[r] = .infinity
        }
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

    mutating func solve(
        at parameter: Double,
        from previous: ActiveSetStart? = nil,
        shouldStop: () -> Bool
    ) throws(ActiveSetFailure) -> ActiveSetSolution {
        setParameter(parameter)
        if let previous, previous.point.count == program.variableCount {
            begin(from: previous)
        } else {
            begin()
        }
        try solveRounds(shouldStop: shouldStop)
        return try solution(at: parameter)
    }

    /// Solves over the working set and takes in what is priced wrong, until nothing is.
    mutating func solveRounds(shouldStop: () -> Bool) throws(ActiveSetFailure) {
        while true {
            guard !shouldStop() else { throw .stopped }
            try solveWorkingSet()
            effort.pricings += 1
            let entering = price()
            if entering.isEmpty { return }
            guard effort.pricings < settings.maximumPricings else { throw .unfinished(.pricing) }
            enter(entering)
        }
    }

    /// Sets the linear term of the whole program to q + λp.
    mutating func setParameter(_ parameter: Double) {
        linear = program.linear
        costs = program.kinks?.costs ?? []
        guard parameter != 0 else { return }
        if let direction = program.direction { for j in linear.indices { linear[j] += parameter * direction[j] } }
        if let direction = program.kinks?.costDirection {
            for j in costs.indices { costs[j] += parameter * direction[j] }
        }
    }

    /// Sets the linear term of the working set to q + λp, centred anew where a proximal term is added.
    mutating func setLinear(_ parameter: Double) {
        setParameter(parameter)
        for j in 0..<set.count { set.linear[j] = linear[Int(set.names[j])] }
        guard program.kinks?.costDirection != nil else { return }
        for j in 0..<set.count { set.cost[j] = costs[Int(set.names[j])] }
    }

    /// Lets the data of the working set move along the program's line, forwards or backwards.
    func setRates(_ side: Double) {
        if let direction = program.direction {
            for j in 0..<set.count { set.linearRate[j] = side * direction[Int(set.names[j])] }
        }
        if let direction = program.kinks?.costDirection {
            for j in 0..<set.count { set.costRate[j] = side * direction[Int(set.names[j])] }
        }
    }

    /// Lets the data of the working set rest.
    func clearRates() {
        set.linearRate.update(repeating: 0, count: set.count)
        set.costRate.update(repeating: 0, count: set.count)
    }

    mutating func countPricing() { effort.pricings += 1 }

    mutating func countSteps(_ steps: Int) { effort.steps += steps }

    /// E at the base point, −pᵀx − Σ d|x − a|.
    var baseGain: Double {
        guard let direction = program.direction else { return 0 }
        let gain = -basePoint.point.indices.reduce(0) { $0 + direction[$1] * basePoint.point[$1] }
        guard let kinks = program.kinks, let moving = kinks.costDirection else { return gain }
        return basePoint.point.indices.reduce(gain) {
            $0 - moving[$1] * abs(basePoint.point[$1] - kinks.positions[$1])
        }
    }

    /// V at the base point, xᵀPx.
    var baseVariance: Double {
        basePoint.point.indices.reduce(0) { $0 + baseProduct[$1] * basePoint.point[$1] }
    }

    /// Chooses the first working set and the point to start from.
    mutating func begin() {
        let n = program.variableCount
        if n > settings.smallProgram, beginFromFactors() { return }
        let hasKinks = basePoint.places.contains(.kink)
        if hasKinks {
            var gradient = baseProduct
            for j in gradient.indices { gradient[j] += linear[j] }
            basePoint.trade(program, costs: costs, gradient: gradient)
        } else {
            basePoint.fill(program, ranking: ranking(startingKey()))
        }
        enter(n > settings.smallProgram ? firstWorkingSet() : Array(0..<n))
        setRowOffsets()
        placeStart()
        if !hasKinks { freeLastFilled() }
        if let limitRow = set.limitRow, hasKinks { set.rowPlaces[limitRow] = .upper }
    }

    /// Begins where Newton's method on the dual ends, everything at rest where that has it; false where it does not apply.
    private mutating func beginFromFactors() -> Bool {
        guard var dual = FactorDual(program, linear: linear, costs: costs), dual.run() else { return false }
        let free = (0..<program.variableCount).filter { dual.isFree($0) }
        guard !free.isEmpty else { return false }
        effort.guesses += dual.steps
        basePoint = BasePoint(program, restingAt: dual.point, free: free)
        for j in baseProduct.indices { baseProduct[j] = 0 }
        addBaseProduct()
        enter(free)
        setRowOffsets()
        placeStart()
        for r in program.rows.indices where set.rowLower[r] < set.rowUpper[r] && dual.sides[r] != 0 {
            set.rowPlaces[r] = dual.sides[r] > 0 ? .upper : .lower
        }
        return true
    }

    /// Moves the variables of the working set to where the start has them.
    private func placeStart() {
        // The names of the first working set ascend.
        var order = basePoint.start
        order.sort { $0.variable < $1.variable }
        var j = 0
        for entry in order {
            while j < set.count, Int(set.names[j]) < entry.variable { j += 1 }
            guard j < set.count, Int(set.names[j]) == entry.variable else { continue }
            moveToStart(j, entry.value)
        }
    }

    /// Where the start is a corner of the box, the variable that was filled last is the one that gives way: with nothing
    /// free the equation has no multiplier, and every sign is guessed wrong.
    private func freeLastFilled() {
        guard let last = basePoint.start.last, !(0..<set.count).contains(where: { set.places[$0] == .free }),
            let j = (0..<set.count).first(where: { Int(set.names[$0]) == last.variable })
        else { return }
        set.setPiece(j, set.slope[j])
        set.places[j] = .free
        set.sign[j] = 0
    }

    /// Starts from the point of another solution: its working set is the first guess.
    mutating func begin(from previous: ActiveSetStart) {
        for j in 0..<program.variableCount {
            let value = min(max(previous.point[j], program.lower[j]), program.upper[j])
            if value != basePoint.point[j] { basePoint.start.append((j, value)) }
        }
        let isSmall = program.variableCount <= settings.smallProgram
        enter(isSmall ? Array(0..<program.variableCount) : firstWorkingSet())
        setRowOffsets()
        placeStart()
        for r in program.rows.indices where r < previous.multipliers.count {
            guard set.rowLower[r] < set.rowUpper[r], previous.multipliers[r] != 0 else { continue }
            set.rowPlaces[r] = previous.multipliers[r] > 0 ? .upper : .lower
        }
        if let limitRow = set.limitRow, previous.limitMultiplier > 0 { set.rowPlaces[limitRow] = .upper }
    }

    private func moveToStart(_ j: Int, _ value: Double) {
        if value >= set.upper[j] {
            set.rest(j, at: .upper)
        } else if value <= set.lower[j] {
            set.rest(j, at: .lower)
        } else {
            set.setPiece(j, value > set.kink[j] ? 1 : -1)
            set.places[j] = .free
            set.sign[j] = 0
            set.x[j] = value
        }
    }

    private func ranking(_ key: [Double]) -> [Int] { key.indices.sorted { (key[$0], $0) < (key[$1], $1) } }

    /// What the first equation is filled by: the linear term, or without one the curvature against the rows that ask
    /// for more.
    private func startingKey() -> [Double] {
        if linear.contains(where: { $0 != 0 }) { return linear }
        let n = linear.count
        var key = (0..<n).map { program.curvature.diagonal($0) }
        let mean = key.reduce(0, +) / Double(n)
        guard mean > 0 else { return key }
        for j in 0..<n { key[j] /= mean }
        for row in program.rows where row.lower > -.infinity && row.upper > row.lower {
            let center = row.coefficients.reduce(0, +) / Double(n)
            let spread = row.coefficients.reduce(0) { $0 + abs($1 - center) } / Double(n)
            if spread > 0 { for j in 0..<n { key[j] -= 2 * (row.coefficients[j] - center) / spread } }
        }
        return key
    }

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

    /// Takes variables into the working set.
    mutating func enter(_ variables: [Int]) {
        let first = set.count
        set.add(variables, places: basePoint.places, base: basePoint.point, offset: baseProduct)
        for j in first..<set.count {
            isInSet[Int(set.names[j])] = true
            set.linear[j] = linear[Int(set.names[j])]
            if !costs.isEmpty { set.cost[j] = costs[Int(set.names[j])] }
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
    ///
    /// Where P is singular on the free variables a small multiple of the identity is added and taken back by proximal
    /// rounds: each solves with the addition centred on the last point.
    mutating func solveWorkingSet() throws(ActiveSetFailure) {
        if set.proximal == 0 {
            if try solvePlainly() { return }
            regularize()
        }
        for _ in 0..<settings.proximalRounds {
            let center = centerProximalTerm()
            guard try solvePlainly() else { throw .unfinished(.singular) }
            var largest = 0.0
            for j in 0..<set.count { largest = max(largest, set.proximal * abs(set.x[j] - center[j])) }
            if largest <= set.gradientScale * settings.gradientTolerance / 10 { return }
        }
    }

    /// Adds a small multiple of the identity to P.
    mutating func addProximalTerm() {
        var mean = 0.0
        for j in 0..<program.variableCount { mean += program.curvature.diagonal(j) }
        mean /= Double(program.variableCount)
        set.proximal = max(mean * settings.proximal, .leastNormalMagnitude)
    }

    private mutating func regularize() {
        set.clearSystem()
        set.dropColumns()
        addProximalTerm()
        for j in 0..<set.count where set.places[j] == .free {
            set.x[j] = set.x[j].isFinite ? min(max(set.x[j], set.low[j]), set.high[j]) : set.low[j]
        }
    }

    /// Centres the proximal term on the point: its gradient there becomes zero.
    private func centerProximalTerm() -> [Double] {
        let center = Array(UnsafeBufferPointer(start: set.x, count: set.count))
        for j in 0..<set.count {
            set.linear[j] = linear[Int(set.names[j])] + set.proximal * (set.base[j] - center[j])
        }
        return center
    }

    /// Solves by guess and walk; false when P is singular on the free variables.
    private mutating func solvePlainly() throws(ActiveSetFailure) -> Bool {
        var guess = SupportGuess(set)
        let isSolved = guess.run(maximumRounds: settings.guessRounds)
        effort.guesses += guess.rounds
        defer { effort.free = set.freeCount }
        guard isSolved else { return try walkFromGuess() }
        if set.residual > set.gradientScale * settings.gradientTolerance / 10 { try refine() }
        keepOnPieces()
        return true
    }

    /// The last part of a walk, in which infeasibility may be rounding.
    private static let lastHair = 1e-9

    /// The working set as it stands: which rows are to hold.
    private func standingRows() -> [(row: Int, place: RowPlace)] {
        (0..<set.totalRows).compactMap { r in
            if set.rowLower[r] == set.rowUpper[r] { return (r, .equality) }
            return set.rowPlaces[r] == .inactive ? nil : (r, set.rowPlaces[r])
        }
    }

    private mutating func walkFromGuess() throws(ActiveSetFailure) -> Bool {
        let start = HomotopyStart(set)
        let rows = standingRows()
        guard start.prepare(rows: rows) else {
            start.finish()
            return false
        }
        let limit = settings.stepsPerVariable * (set.count + set.totalRows) + 50
        var walk = ParametricWalk(set, from: 0, maximumSteps: limit)
        let end = walk.run(to: 1)
        effort.steps += walk.steps
        start.finish()
        switch end {
        case .reached, .halted: break
        case .infeasible:
            // Rounding may miss by a hair what is feasible; the check of the solution tells.
            guard 1 - walk.parameter < Self.lastHair else { throw .infeasible }
        case .singular: return false
        case .stalled, .lost: throw .unfinished(.stalled)
        }
        try refine()
        return true
    }

    /// Removes what rounding has left in the equations.
    func refine() throws(ActiveSetFailure) {
        for _ in 0..<2 {
            set.evaluate()
            guard set.correct() else { throw .unfinished(.singular) }
        }
        set.evaluate()
        keepOnPieces()
    }

    /// Moves free variables that rounding has put beyond the end of their piece back to it: beyond a kink the slope is
    /// another one.
    private func keepOnPieces() {
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
        let width = costs[j] + limitMultiplier
        switch basePoint.places[j] {
        case .lower: return -(gradient + (program.lower[j] < kinks.positions[j] ? -width : width))
        case .upper: return gradient + (program.upper[j] > kinks.positions[j] ? width : -width)
        case .kink, .free: return abs(gradient) - width
        }
    }

    // MARK: Result

    mutating func solution(at parameter: Double) throws(ActiveSetFailure) -> ActiveSetSolution {
        let point = currentPoint()
        let limitMultiplier = set.limitRow.map { set.multiplier[$0] } ?? 0
        var check = ActiveSetCheck(
            program.kinks?.costDirection == nil ? program : program.at(parameter),
            linear: linear,
            point: point,
            gradient: fullGradient(),
            multipliers: set.rowMultipliers,
            limitMultiplier: limitMultiplier
        )
        if !check.isWithin(settings) { check.scale = max(check.scale, program.objectiveScale(at: point)) }
        guard check.isWithin(settings) else { throw .unfinished(.inaccurate) }
        return ActiveSetSolution(
            point: point,
            multipliers: set.rowMultipliers,
            limitMultiplier: limitMultiplier,
            parameter: parameter,
            check: check,
            effort: effort
        )
    }
}
