internal import LinearAlgebra

/// Where a variable stands.
enum Place: UInt8 {
    /// Between its limits; it moves.
    case free
    /// At its lower bound.
    case lower
    /// At its upper bound.
    case upper
    /// At its kink, held there by the jump of the slope.
    case kink
}

/// Which bound of a row holds.
enum RowPlace: UInt8 {
    case inactive, lower, upper, equality
}

/// The variables a parametric program is being solved over, which of them are free, which rows hold, and the factor of
/// the system these make.
///
/// Names are local: variable j of the working set is variable `names[j]` of the program. Variables outside the working
/// set rest at the base point and act through `offset` alone, so the work follows the variables inside.
final class WorkingSet {
    let program: ParametricProgram
    let rowCount: Int
    /// The limit on Σ|x − a| is one more row, whose coefficients are the slopes of the pieces.
    let limitRow: Int?
    let hasKinks: Bool
    /// Added to the diagonal of P; 0 unless P proved singular on the free variables.
    var proximal = 0.0

    // MARK: Variables

    private(set) var count = 0
    private(set) var capacity: Int
    private var arena: UnsafeMutablePointer<Double>
    private static let fieldCount = 16
    private(set) var names: UnsafeMutablePointer<Int32>
    private(set) var places: UnsafeMutablePointer<Place>
    /// The slot of a variable's column, −1 when it has none.
    private(set) var slots: UnsafeMutablePointer<Int32>
    /// The position of a free variable in the factor, −1 for the others.
    private(set) var positions: UnsafeMutablePointer<Int32>

    // MARK: Columns of P, those of the free variables first; a factor model has none

    let factors: FactorColumns?
    private(set) var columns: UnsafeMutablePointer<Double>
    private var columnCapacity: Int
    private(set) var cachedCount = 0
    private(set) var slotOwners: [Int32] = []
    /// Whether the columns of the free variables stand before all others; guesses do not need it.
    private var areFirst = true

    // MARK: The free variables, in the order of the factor

    private(set) var free: UnsafeMutablePointer<Int32>
    let factor: UpdatedCholesky
    var freeCount: Int { factor.order }

    // MARK: Rows

    /// The rows of A, and the limit on the kinks.
    let totalRows: Int
    private let rowArena: UnsafeMutablePointer<Double>
    private static let rowFieldCount = 10
    let rowPlaces: UnsafeMutablePointer<RowPlace>
    let rowValue: UnsafeMutablePointer<Double>
    let rowLower: UnsafeMutablePointer<Double>
    let rowUpper: UnsafeMutablePointer<Double>
    let rowLowerRate: UnsafeMutablePointer<Double>
    let rowUpperRate: UnsafeMutablePointer<Double>
    /// The rate of a row that does not hold, along the walk.
    let rowRate: UnsafeMutablePointer<Double>
    /// What the rows are at the base point.
    let rowOffset: UnsafeMutablePointer<Double>
    /// Multipliers: ≥ 0 at an upper bound, ≤ 0 at a lower one, 0 for a row that does not hold.
    let multiplier: UnsafeMutablePointer<Double>
    let stepY: UnsafeMutablePointer<Double>
    let smallScratch: UnsafeMutablePointer<Double>
    private let activeStorage: UnsafeMutablePointer<Int>
    /// The rows that hold, in the order of the attached columns.
    private(set) var activeRows: UnsafeBufferPointer<Int>

    private var rowStorage: UnsafeMutablePointer<Double>
    /// The Schur complement of the rows that hold, and then its factor.
    private let schur: UnsafeMutablePointer<Double>
    var isSchurFresh = false
    var stepX: UnsafeMutablePointer<Double>
    var scratch: UnsafeMutablePointer<Double>
    var slotVector: UnsafeMutablePointer<Double>
    /// Entries of the last solution below this were rounding, and are zero.
    private(set) var stepNoise = 0.0
    /// Whether a walk took a direction that misses its equations by more than rounding.
    var hasDoubtfulDirection = false
    /// The largest entry of P times the move from the base point, over the free variables, when last evaluated.
    var productScale = 0.0

    init(_ program: ParametricProgram, capacity: Int) {
        self.program = program
        rowCount = program.rows.count
        hasKinks = program.kinks != nil
        limitRow = program.kinks.map { $0.limit < .infinity } == true ? rowCount : nil
        self.capacity = max(8, capacity)
        factors = FactorColumns(program.curvature, capacity: self.capacity)
        columnCapacity = factors == nil ? min(self.capacity, 48) : 1
        arena = .allocate(capacity: self.capacity * Self.fieldCount)
        names = .allocate(capacity: self.capacity)
        places = .allocate(capacity: self.capacity)
        slots = .allocate(capacity: self.capacity)
        positions = .allocate(capacity: self.capacity)
        columns = .allocate(capacity: self.capacity * columnCapacity)
        free = .allocate(capacity: self.capacity)
        stepX = .allocate(capacity: self.capacity)
        scratch = .allocate(capacity: self.capacity)
        slotVector = .allocate(capacity: self.capacity)
        rowStorage = .allocate(capacity: max(1, rowCount) * self.capacity)
        let total = rowCount + (limitRow == nil ? 0 : 1)
        factor = UpdatedCholesky(capacity: min(self.capacity, 48), attachedCapacity: max(1, total))
        totalRows = total
        rowArena = .allocate(capacity: max(1, total) * Self.rowFieldCount)
        rowArena.initialize(repeating: 0, count: max(1, total) * Self.rowFieldCount)
        (rowValue, rowLower, rowUpper) = (rowArena, rowArena + total, rowArena + 2 * total)
        (rowLowerRate, rowUpperRate) = (rowArena + 3 * total, rowArena + 4 * total)
        (rowRate, rowOffset, multiplier) = (rowArena + 5 * total, rowArena + 6 * total, rowArena + 7 * total)
        (stepY, smallScratch) = (rowArena + 8 * total, rowArena + 9 * total)
        rowPlaces = .allocate(capacity: max(1, total))
        rowPlaces.initialize(repeating: .inactive, count: total)
        activeStorage = .allocate(capacity: max(1, total))
        activeRows = UnsafeBufferPointer(start: activeStorage, count: 0)
        schur = .allocate(capacity: max(1, total * total))
        for r in 0..<rowCount {
            rowLower[r] = program.rows[r].lower
            rowUpper[r] = program.rows[r].upper
        }
        if let kinks = program.kinks, let limitRow {
            rowLower[limitRow] = -.infinity
            rowUpper[limitRow] = kinks.limit
        }
    }

    deinit {
        arena.deallocate()
        columns.deallocate()
        stepX.deallocate()
        scratch.deallocate()
        slotVector.deallocate()
        rowStorage.deallocate()
        rowArena.deallocate()
        rowPlaces.deallocate()
        activeStorage.deallocate()
        schur.deallocate()
        names.deallocate()
        places.deallocate()
        slots.deallocate()
        positions.deallocate()
        free.deallocate()
    }

    /// The multipliers of the rows of A.
    var rowMultipliers: [Double] { Array(UnsafeBufferPointer(start: multiplier, count: rowCount)) }

    private func holdRows(_ count: Int) { activeRows = UnsafeBufferPointer(start: activeStorage, count: count) }

    // MARK: Fields of the variables

    private func field(_ index: Int) -> UnsafeMutablePointer<Double> { arena + index * capacity }
    var x: UnsafeMutablePointer<Double> { field(0) }
    /// Px + q + Aᵀy, and the slope of the kink where the variable stands on a piece.
    var gradient: UnsafeMutablePointer<Double> { field(1) }
    var gradientRate: UnsafeMutablePointer<Double> { field(2) }
    var lower: UnsafeMutablePointer<Double> { field(3) }
    var upper: UnsafeMutablePointer<Double> { field(4) }
    /// Ends of the piece a free variable moves on.
    var low: UnsafeMutablePointer<Double> { field(5) }
    var high: UnsafeMutablePointer<Double> { field(6) }
    var kink: UnsafeMutablePointer<Double> { field(7) }
    var cost: UnsafeMutablePointer<Double> { field(8) }
    /// +1 above the kink, −1 below, 0 on it (and without kinks).
    var slope: UnsafeMutablePointer<Double> { field(9) }
    var linear: UnsafeMutablePointer<Double> { field(10) }
    var linearRate: UnsafeMutablePointer<Double> { field(11) }
    /// P times the base point.
    var offset: UnsafeMutablePointer<Double> { field(12) }
    /// +1 where the gradient must stay ≥ 0, −1 where ≤ 0, 0 elsewhere.
    var sign: UnsafeMutablePointer<Double> { field(13) }
    /// The base point: variables outside the working set rest there.
    var base: UnsafeMutablePointer<Double> { field(14) }

    /// The rate of `cost`.
    var costRate: UnsafeMutablePointer<Double> { field(15) }

    /// The coefficients of a row of A over the working set.
    func row(_ r: Int) -> UnsafeMutablePointer<Double> { rowStorage + r * capacity }

    /// The coefficient of a variable in a row, the limit on the kinks included.
    func coefficient(_ r: Int, _ j: Int) -> Double { r < rowCount ? row(r)[j] : slope[j] }

    // MARK: Growth

    /// Takes more variables of the program in.
    ///
    /// `allPlaces`, `basePoint` and `baseProduct` = P · base have an entry for every variable of the program.
    func add(_ newNames: [Int], places allPlaces: [Place], base basePoint: [Double], offset baseProduct: [Double]) {
        reserve(count + newNames.count)
        let old = count
        for (position, name) in newNames.enumerated() {
            let j = old + position
            names[j] = Int32(name)
            slots[j] = -1
            positions[j] = -1
            lower[j] = program.lower[name]
            upper[j] = program.upper[name]
            kink[j] = program.kinks?.positions[name] ?? 0
            cost[j] = program.kinks?.costs[name] ?? 0
            linear[j] = program.linear[name]
            linearRate[j] = 0
            costRate[j] = 0
            base[j] = basePoint[name]
            offset[j] = baseProduct[name]
            gradient[j] = 0
            for r in 0..<rowCount { row(r)[j] = program.rows[r].coefficients[name] }
        }
        count += newNames.count
        if let factors { for j in old..<count { factors.set(j, to: Int(names[j])) } }
        for slot in 0..<cachedCount {
            gather(Int(slotOwners[slot]), from: old, into: columns + slot * capacity)
        }
        for (position, name) in newNames.enumerated() { rest(old + position, at: allPlaces[name]) }
    }

    private func reserve(_ needed: Int) {
        guard needed > capacity else { return }
        let wider = max(needed, capacity + capacity / 2)
        let newArena = UnsafeMutablePointer<Double>.allocate(capacity: wider * Self.fieldCount)
        for k in 0..<Self.fieldCount { (newArena + k * wider).update(from: arena + k * capacity, count: count) }
        arena.deallocate()
        arena = newArena
        let newRows = UnsafeMutablePointer<Double>.allocate(capacity: max(1, rowCount) * wider)
        for r in 0..<rowCount { (newRows + r * wider).update(from: rowStorage + r * capacity, count: count) }
        rowStorage.deallocate()
        rowStorage = newRows
        let newColumns = UnsafeMutablePointer<Double>.allocate(capacity: wider * columnCapacity)
        for k in 0..<cachedCount { (newColumns + k * wider).update(from: columns + k * capacity, count: count) }
        columns.deallocate()
        columns = newColumns
        names = widened(names, to: wider)
        places = widened(places, to: wider)
        slots = widened(slots, to: wider)
        positions = widened(positions, to: wider)
        let newFree = UnsafeMutablePointer<Int32>.allocate(capacity: wider)
        newFree.update(from: free, count: freeCount)
        free.deallocate()
        free = newFree
        for pointer in [stepX, scratch, slotVector] { pointer.deallocate() }
        stepX = .allocate(capacity: wider)
        scratch = .allocate(capacity: wider)
        slotVector = .allocate(capacity: wider)
        factors?.reserve(wider, keeping: count)
        capacity = wider
    }

    private func widened<Element>(
        _ old: UnsafeMutablePointer<Element>,
        to wider: Int
    ) -> UnsafeMutablePointer<Element> {
        let new = UnsafeMutablePointer<Element>.allocate(capacity: wider)
        new.update(from: old, count: count)
        old.deallocate()
        return new
    }

    // MARK: Columns

    private func gather(_ j: Int, from first: Int, into column: UnsafeMutablePointer<Double>) {
        program.curvature.gather(
            column: Int(names[j]),
            rows: names + first,
            count: count - first,
            into: column + first
        )
        if proximal > 0, j >= first { column[j] += proximal }
    }

    /// The column of a variable, read from the program the first time.
    func ensureColumn(_ j: Int) {
        guard slots[j] < 0, factors == nil else { return }
        if cachedCount == columnCapacity {
            let wider = min(max(capacity, columnCapacity + 1), columnCapacity * 2)
            let new = UnsafeMutablePointer<Double>.allocate(capacity: capacity * wider)
            for k in 0..<cachedCount { (new + k * capacity).update(from: columns + k * capacity, count: count) }
            columns.deallocate()
            columns = new
            columnCapacity = wider
        }
        gather(j, from: 0, into: columns + cachedCount * capacity)
        slots[j] = Int32(cachedCount)
        if cachedCount < slotOwners.count { slotOwners[cachedCount] = Int32(j) } else { slotOwners.append(Int32(j)) }
        cachedCount += 1
    }

    /// Forgets every column, after `proximal` has changed.
    func dropColumns() {
        for slot in 0..<cachedCount { slots[Int(slotOwners[slot])] = -1 }
        cachedCount = 0
    }

    private func swapSlots(_ first: Int, _ second: Int) {
        guard first != second, factors == nil, areFirst else { return }
        let a = columns + first * capacity
        let b = columns + second * capacity
        for i in 0..<count { (a[i], b[i]) = (b[i], a[i]) }
        slotOwners.swapAt(first, second)
        slots[Int(slotOwners[first])] = Int32(first)
        slots[Int(slotOwners[second])] = Int32(second)
    }

    private func moveToFront() {
        areFirst = true
        for position in 0..<freeCount { swapSlots(Int(slots[Int(free[position])]), position) }
    }

    /// target ← target + P v over the working set, for a v that is 0 at the resting variables; its entries come in the
    /// order of the factor.
    func addFreeProduct(_ entries: UnsafePointer<Double>, into target: UnsafeMutablePointer<Double>) {
        if let factors {
            factors.addProduct(
                of: entries,
                at: free,
                entryCount: freeCount,
                shift: proximal,
                count: count,
                scratch: slotVector,
                into: target
            )
            return
        }
        if !areFirst { moveToFront() }
        for position in 0..<freeCount { slotVector[Int(slots[Int(free[position])])] = entries[position] }
        PointerKernels.addProduct(
            rows: count,
            columns: freeCount,
            matrix: columns,
            stride: capacity,
            vector: slotVector,
            into: target
        )
    }

    /// target ← target + P (x − base) over the working set.
    func addMovedProduct(into target: UnsafeMutablePointer<Double>) {
        if let factors {
            var moved: [Int32] = []
            var steps: [Double] = []
            for j in 0..<count where x[j] != base[j] {
                moved.append(Int32(j))
                steps.append(x[j] - base[j])
            }
            factors.addProduct(
                of: steps,
                at: moved,
                entryCount: moved.count,
                shift: proximal,
                count: count,
                scratch: slotVector,
                into: target
            )
            return
        }
        for j in 0..<count where x[j] != base[j] { ensureColumn(j) }
        for slot in 0..<cachedCount {
            let j = Int(slotOwners[slot])
            slotVector[slot] = x[j] - base[j]
        }
        PointerKernels.addProduct(
            rows: count,
            columns: cachedCount,
            matrix: columns,
            stride: capacity,
            vector: slotVector,
            into: target
        )
    }

    // MARK: Places

    /// Puts a variable that is not free to rest; its gradient is the caller's affair.
    func rest(_ j: Int, at place: Place) {
        places[j] = place
        switch place {
        case .lower: x[j] = lower[j]
        case .upper: x[j] = upper[j]
        case .kink: x[j] = kink[j]
        case .free: break
        }
        switch place {
        case .lower: sign[j] = upper[j] > lower[j] ? 1 : 0
        case .upper: sign[j] = upper[j] > lower[j] ? -1 : 0
        case .kink, .free: sign[j] = 0
        }
        guard hasKinks else {
            slope[j] = 0
            return
        }
        switch place {
        case .lower: slope[j] = lower[j] < kink[j] ? -1 : 1
        case .upper: slope[j] = upper[j] > kink[j] ? 1 : -1
        case .kink, .free: slope[j] = 0
        }
    }

    /// Sets the piece a variable moves on: above (+1) or below (−1) its kink.
    func setPiece(_ j: Int, _ side: Double) {
        guard hasKinks else {
            low[j] = lower[j]
            high[j] = upper[j]
            return
        }
        slope[j] = side
        low[j] = side > 0 ? max(lower[j], kink[j]) : lower[j]
        high[j] = side > 0 ? upper[j] : min(upper[j], kink[j])
    }

    /// The half-width of the interval that holds a gradient at its kink.
    func kinkWidth(_ j: Int) -> Double { cost[j] + (limitRow.map { multiplier[$0] } ?? 0) }

    // MARK: The free variables

    /// Makes a variable free, on a piece that is already set.
    ///
    /// - Returns: false, and nothing changed, when P is singular on the free variables then.
    func release(_ j: Int) -> Bool {
        let diagonal: Double
        if let factors {
            for position in 0..<freeCount { scratch[position] = factors.common(Int(free[position]), j) }
            diagonal = factors.common(j, j) + factors.residual[j] + proximal
        } else {
            ensureColumn(j)
            let column = columns + Int(slots[j]) * capacity
            for position in 0..<freeCount { scratch[position] = column[Int(free[position])] }
            diagonal = column[j]
        }
        for (k, r) in activeRows.enumerated() { smallScratch[k] = coefficient(r, j) }
        guard factor.append(column: scratch, diagonal: diagonal, attachedRow: smallScratch) else { return false }
        free[freeCount - 1] = Int32(j)
        positions[j] = Int32(freeCount - 1)
        places[j] = .free
        sign[j] = 0
        swapSlots(Int(slots[j]), freeCount - 1)
        isSchurFresh = false
        return true
    }

    /// Takes a variable out of the free ones and lets it rest.
    func fix(_ j: Int, at place: Place) {
        let position = Int(positions[j])
        factor.remove(at: position)
        for p in position..<freeCount {
            free[p] = free[p + 1]
            positions[Int(free[p])] = Int32(p)
        }
        positions[j] = -1
        swapSlots(Int(slots[j]), freeCount)
        rest(j, at: place)
        isSchurFresh = false
    }

    /// Writes a row's coefficients on the free variables, in the order of the factor.
    func gatherRow(_ r: Int, into target: UnsafeMutablePointer<Double>) {
        let source = r < rowCount ? row(r) : slope
        for position in 0..<freeCount { target[position] = source[Int(free[position])] }
    }

    /// Makes a row hold; `column` is L⁻¹a when it is known already.
    func activate(_ r: Int, at place: RowPlace, solvedColumn column: UnsafePointer<Double>? = nil) {
        rowPlaces[r] = place
        activeStorage[activeRows.count] = r
        holdRows(activeRows.count + 1)
        if let column {
            factor.attach(column, isSolved: true)
        } else {
            gatherRow(r, into: scratch)
            factor.attach(scratch)
        }
        isSchurFresh = false
    }

    /// Lets go of a row.
    func deactivate(_ r: Int) {
        guard let index = activeRows.firstIndex(of: r) else { return }
        for k in index..<(activeRows.count - 1) { activeStorage[k] = activeStorage[k + 1] }
        holdRows(activeRows.count - 1)
        factor.detach(at: index)
        rowPlaces[r] = .inactive
        multiplier[r] = 0
        isSchurFresh = false
    }

    /// Forgets which variables are free and which rows hold; places stay.
    func clearSystem() {
        for position in 0..<freeCount { positions[Int(free[position])] = -1 }
        factor.reset()
        holdRows(0)
        for r in 0..<totalRows { rowPlaces[r] = .inactive }
        isSchurFresh = false
    }

    /// Factors the system of the variables whose place is `free` and of no row, from the start.
    func refactor() -> Bool {
        clearSystem()
        var order = 0
        for j in 0..<count where places[j] == .free {
            ensureColumn(j)
            free[order] = Int32(j)
            positions[j] = Int32(order)
            order += 1
        }
        areFirst = false
        factor.reserve(order)
        factors?.gram(of: free, order: order, shift: proximal, stride: factor.stride, into: factor.factor)
        for position in 0..<order where factors == nil {
            let column = columns + Int(slots[Int(free[position])]) * capacity
            let target = factor.factor + position * factor.stride
            let names = free
            for i in position..<order { target[i] = column[Int(names[i])] }
        }
        return factor.refactor(order: order)
    }

    // MARK: The system

    /// What a solve may be wrong by, relative to the numbers it is made of.
    static let rounding = 1e-15

    /// A row whose part that the rows before it do not explain is below this share of it, squared, depends on them.
    ///
    /// Lengths are measured by P⁻¹, which makes rows look alike where P is nearly singular; hence so small a share.
    static let dependence = 1e-13
    /// The share at which the Schur complement cannot be factored any more.
    static let singularity = 1e-15

    /// Factors VᵀV, the Schur complement of the rows that hold.
    func updateSchur(tolerance: Double = WorkingSet.singularity) -> Bool {
        guard !isSchurFresh else { return true }
        let r = activeRows.count
        let s = schur
        for k in 0..<r {
            let v = factor.attached + k * factor.stride
            for i in k..<r {
                s[k * r + i] = PointerKernels.dot(factor.attached + i * factor.stride, v, count: freeCount)
            }
            smallScratch[k] = s[k * r + k]
        }
        var isRegular = PointerKernels.factorize(order: r, matrix: s, stride: r)
        for k in 0..<r where isRegular {
            let pivot = s[k * r + k]
            if !(pivot * pivot > tolerance * smallScratch[k]) { isRegular = false }
        }
        isSchurFresh = isRegular
        return isRegular
    }

    /// Solves in place with the factored Schur complement.
    func solveSchur(_ y: UnsafeMutablePointer<Double>) {
        let r = activeRows.count
        PointerKernels.solveLower(order: r, factor: schur, stride: r, vector: y)
        PointerKernels.solveLowerTransposed(order: r, factor: schur, stride: r, vector: y)
    }

    /// Solves P dx + Aᵀ dy = −h, A dx = e on the free variables and the rows that hold.
    ///
    /// `h` comes in `stepX` in the order of the factor and `e` in `stepY` in the order of `activeRows`; dx and dy
    /// replace them.
    func solveSystem() -> Bool {
        guard updateSchur() else { return false }
        let f = freeCount
        factor.solveLower(stepX)
        let (entries, stride) = (factor.factor, factor.stride)
        // What the rows cancel of this vector comes back as rounding of its size.
        let size = PointerKernels.dot(stepX, stepX, count: f).squareRoot()
        var smallest = Double.infinity
        for i in 0..<f { smallest = min(smallest, entries[i * stride + i]) }
        stepNoise = f > 0 ? Self.rounding * size / smallest : 0
        let r = activeRows.count
        for k in 0..<r {
            let v = factor.attached + k * factor.stride
            stepY[k] = -(PointerKernels.dot(v, stepX, count: f) + stepY[k])
        }
        solveSchur(stepY)
        for k in 0..<r { PointerKernels.add(stepY[k], factor.attached + k * factor.stride, into: stepX, count: f) }
        factor.solveLowerTransposed(stepX)
        let (step, noise) = (stepX, stepNoise)
        for i in 0..<f { step[i] = abs(step[i]) > noise ? -step[i] : 0 }
        return true
    }
}
