internal import LinearAlgebra
internal import Matrices

/// Solves programs of a few dozen variables from the inverse of P, where a working set costs more to set up than to solve.
///
/// With P⁻¹ and P⁻¹Aᵀ formed once, a guess of the bounds and rows C that hold, and at what t, is one system in their multipliers:
///
///     C P⁻¹ Cᵀ y = −(t + C P⁻¹ q),   x = −P⁻¹ (q + Cᵀ y)
///
/// All members on the wrong side change it at once; where that does not make them fewer, the last of them alone (block principal
/// pivoting, which ends). With q = λp the multipliers are linear in λ and
/// V − λE = −tᵀy, so that the largest ratio is a guess whose λ is the root. Nothing is believed: the solution is corrected by
/// what its equations miss, and one that the check from the data does not pass is none.
///
/// - SeeAlso: Júdice & Pires, Computers & Operations Research 21 (1994); Kunisch & Rendl, SIAM J. Optimization 14 (2003).
final class InverseGuess {
    private let program: ParametricProgram
    private let n: Int
    private let m: Int
    private let storage: UnsafeMutablePointer<Double>
    /// P⁻¹, n × n.
    private let inverse: UnsafeMutablePointer<Double>
    /// A and AP⁻¹, m × n, a row after the other, and AP⁻¹Aᵀ, m × m.
    private let rows: UnsafeMutablePointer<Double>
    private let solvedRows: UnsafeMutablePointer<Double>
    private let products: UnsafeMutablePointer<Double>
    private let lower: UnsafeMutablePointer<Double>
    private let upper: UnsafeMutablePointer<Double>
    /// P⁻¹q, and AP⁻¹q.
    private let solvedLinear: UnsafeMutablePointer<Double>
    private let linearRows: UnsafeMutablePointer<Double>
    private let x: UnsafeMutablePointer<Double>
    private let gradient: UnsafeMutablePointer<Double>
    /// The factor of the members' system, a row after the other, and two right-hand sides.
    private let system: UnsafeMutablePointer<Double>
    private let first: UnsafeMutablePointer<Double>
    private let second: UnsafeMutablePointer<Double>
    /// +1 at the upper bound, −1 at the lower, 0 free; for rows 0 does not hold.
    private let places: UnsafeMutablePointer<Int8>
    private let rowPlaces: UnsafeMutablePointer<Int8>
    /// Variables that hold by their index, rows by n more; and who of all is on the wrong side.
    private let memberStorage: UnsafeMutablePointer<Int>
    private var members: UnsafeBufferPointer<Int>
    private let wrong: UnsafeMutablePointer<(member: Int, place: Int8)>
    private var wrongCount = 0
    private var rounds = 0

    /// A pivot below this share of the diagonal says that the inverse would be too coarse.
    private static let pivotTolerance = 1e-6
    private static let maximumRounds = 12
    /// Rounds without fewer wrong members after which one at a time is moved.
    private static let patience = 2
    /// A sign counts as wrong beyond this share of the gradient's scale, a bound as passed beyond this distance.
    private static let gradientTolerance = 1e-12
    private static let pointTolerance = 1e-12

    /// Nil for many variables or rows, kinks, another curvature than a matrix, or one that is nearly singular.
    private init?(_ program: ParametricProgram, most: Int) {
        guard case .dense(let matrix) = program.curvature, program.kinks == nil, program.variableCount <= most,
            program.rows.count <= most
        else { return nil }
        self.program = program
        (n, m) = (program.variableCount, program.rows.count)
        let total = n + m
        storage = .allocate(capacity: n * n + 2 * m * n + m * m + 6 * n + m + total * total + 2 * total)
        inverse = storage
        rows = inverse + n * n
        solvedRows = rows + m * n
        products = solvedRows + m * n
        lower = products + m * m
        upper = lower + n
        solvedLinear = upper + n
        linearRows = solvedLinear + n
        x = linearRows + m
        gradient = x + n
        system = gradient + n
        first = system + total * total
        second = first + total
        places = .allocate(capacity: total)
        places.initialize(repeating: 0, count: total)
        rowPlaces = places + n
        memberStorage = .allocate(capacity: total)
        members = UnsafeBufferPointer(start: memberStorage, count: 0)
        wrong = .allocate(capacity: total)
        for j in 0..<n {
            (lower[j], upper[j]) = (program.lower[j], program.upper[j])
            if lower[j] == upper[j] { places[j] = -1 }
        }
        for r in 0..<m {
            program.rows[r].coefficients.withUnsafeBufferPointer { source in
                if let start = source.baseAddress { (rows + r * n).update(from: start, count: n) }
            }
            if program.rows[r].lower == program.rows[r].upper { rowPlaces[r] = 1 }
        }
        guard invert(matrix) else { return nil }
        solveRows()
    }

    deinit {
        storage.deallocate()
        places.deallocate()
        memberStorage.deallocate()
        wrong.deallocate()
    }

    // MARK: What is asked for

    /// The optimum at a parameter, if it is found and passes the check.
    static func solution(
        _ program: ParametricProgram,
        at parameter: Double,
        _ settings: ActiveSetSettings
    ) -> ActiveSetSolution? {
        guard let guess = InverseGuess(program, most: settings.tinyProgram) else { return nil }
        var linear = program.linear
        if parameter != 0, let direction = program.direction {
            for j in linear.indices { linear[j] += parameter * direction[j] }
        }
        guess.setLinear(linear)
        let scale = linear.reduce(0) { max($0, abs($1)) }
        guard guess.settle(scale: scale, parameter: nil) != nil else { return nil }
        return guess.checked(linear, at: parameter, settings)
    }

    /// The point of the largest ratio −pᵀx / √(xᵀPx), if it is found and passes the check.
    static func largestRatio(_ program: ParametricProgram, _ settings: ActiveSetSettings) -> ActiveSetSolution? {
        guard let direction = program.direction, program.linear.allSatisfy({ $0 == 0 }),
            let guess = InverseGuess(program, most: settings.tinyProgram)
        else { return nil }
        guess.setLinear(direction)
        let scale = direction.reduce(0) { max($0, abs($1)) }
        guard let parameter = guess.settle(scale: scale, parameter: 1), parameter > 0 else { return nil }
        return guess.checked(direction.map { parameter * $0 }, at: parameter, settings)
    }

    // MARK: What is formed once

    /// P⁻¹ = JᵀJ with J = L⁻¹.
    private func invert(_ matrix: DenseMatrix) -> Bool {
        let (n, factor, rowsOfInverse) = (n, system, inverse)
        matrix.elements.withUnsafeBufferPointer { source in
            if let start = source.baseAddress { factor.update(from: start, count: n * n) }
        }
        guard PointerKernels.factorize(order: n, matrix: factor, stride: n) else { return false }
        for j in 0..<n {
            let pivot = factor[j * n + j]
            guard pivot * pivot > Self.pivotTolerance * matrix.elements[j * n + j] else { return false }
        }
        // J row by row above the factor's own columns: row j is done before it is used.
        let solved = rowsOfInverse
        solved.update(repeating: 0, count: n * n)
        for j in 0..<n {
            let row = solved + j * n
            let reciprocal = 1 / factor[j * n + j]
            for k in 0..<j { row[k] *= reciprocal }
            row[j] = reciprocal
            for i in (j + 1)..<max(n, j + 1) {
                let share = factor[j * n + i]
                let target = solved + i * n
                for k in 0...j { target[k] -= share * row[k] }
            }
        }
        factor.update(repeating: 0, count: n * n)
        for i in 0..<n {
            let row = solved + i * n
            for a in 0...i {
                let share = row[a]
                let target = factor + a * n
                for b in 0...a { target[b] += share * row[b] }
            }
        }
        for a in 0..<n {
            for b in 0...a {
                inverse[a * n + b] = factor[a * n + b]
                inverse[b * n + a] = factor[a * n + b]
            }
        }
        return true
    }

    private func solveRows() {
        for r in 0..<m {
            let (row, solved) = (rows + r * n, solvedRows + r * n)
            solved.update(repeating: 0, count: n)
            for j in 0..<n where row[j] != 0 { PointerKernels.add(row[j], inverse + j * n, into: solved, count: n) }
            for s in 0...r {
                let product = PointerKernels.dot(solved, rows + s * n, count: n)
                products[r * m + s] = product
                products[s * m + r] = product
            }
        }
    }

    private func setLinear(_ linear: [Double]) {
        linear.withUnsafeBufferPointer { linear in
            guard let linear = linear.baseAddress else { return }
            setLinear(linear)
        }
    }

    private func setLinear(_ linear: UnsafePointer<Double>) {
        solvedLinear.update(repeating: 0, count: n)
        for j in 0..<n where linear[j] != 0 {
            PointerKernels.add(linear[j], inverse + j * n, into: solvedLinear, count: n)
        }
        for r in 0..<m { linearRows[r] = PointerKernels.dot(solvedRows + r * n, linear, count: n) }
    }

    // MARK: Rounds

    /// Guesses until nothing is wrong; with a parameter the linear term is a multiple of it, which is found as well.
    ///
    /// - Returns: the parameter, 1 without one; nil where the guesses do not settle.
    private func settle(scale: Double, parameter start: Double?) -> Double? {
        var parameter = 1.0
        var best = Int.max
        var patience = Self.patience
        while rounds < Self.maximumRounds {
            rounds += 1
            factor()
            setRightHandSides()
            solve(first)
            solve(second)
            if start != nil {
                // Σ ty = 0 with y = first + λ second.
                var (constant, slope) = (0.0, 0.0)
                for (k, member) in members.enumerated() {
                    let target = target(member)
                    constant += target * first[k]
                    slope += target * second[k]
                }
                let root = -constant / slope
                guard root.isFinite, root > 0 else { return nil }
                parameter = root
            }
            for k in members.indices { first[k] += parameter * second[k] }
            setPoint(parameter)
            findWrongMembers(tolerance: Self.gradientTolerance * scale * parameter)
            guard wrongCount > 0 else { return parameter }
            if wrongCount < best {
                best = wrongCount
                patience = Self.patience
            } else if patience > 0 {
                patience -= 1
            } else {
                move(wrong[wrongCount - 1])
                continue
            }
            for i in 0..<wrongCount { move(wrong[i]) }
        }
        return nil
    }

    /// Where a member holds.
    private func target(_ member: Int) -> Double {
        guard member < n else {
            let row = program.rows[member - n]
            return rowPlaces[member - n] > 0 ? row.upper : row.lower
        }
        return places[member] > 0 ? upper[member] : lower[member]
    }

    /// The factor of CP⁻¹Cᵀ, a row for each member as it joins; a row of A that depends on those before it does not hold.
    private func factor() {
        members = UnsafeBufferPointer(start: memberStorage, count: 0)
        for j in 0..<n where places[j] != 0 { join(j) }
        for r in 0..<m where rowPlaces[r] != 0 && !join(n + r) && program.rows[r].lower < program.rows[r].upper {
            rowPlaces[r] = 0
        }
    }

    @discardableResult
    private func join(_ member: Int) -> Bool {
        let order = members.count
        guard order < n else { return false }
        let row = system + order * (n + m)
        let source = member < n ? inverse + member * n : solvedRows + (member - n) * n
        for (k, other) in members.enumerated() {
            let entry = other < n ? source[other] : products[(member - n) * m + other - n]
            let column = system + k * (n + m)
            row[k] = (entry - PointerKernels.dot(row, column, count: k)) * column[k]
        }
        let own = member < n ? source[member] : products[(member - n) * (m + 1)]
        let square = own - PointerKernels.dot(row, row, count: order)
        guard square > WorkingSet.dependence * 10 * own else { return false }
        // The reciprocal of the pivot stands in its place: it is only ever divided by.
        row[order] = 1 / square.squareRoot()
        memberStorage[order] = member
        members = UnsafeBufferPointer(start: memberStorage, count: order + 1)
        return true
    }

    /// −t and −CP⁻¹q.
    private func setRightHandSides() {
        for (k, member) in members.enumerated() {
            first[k] = -target(member)
            second[k] = -(member < n ? solvedLinear[member] : linearRows[member - n])
        }
    }

    private func solve(_ vector: UnsafeMutablePointer<Double>) {
        let (order, stride) = (members.count, n + m)
        for k in 0..<order {
            let row = system + k * stride
            vector[k] = (vector[k] - PointerKernels.dot(row, vector, count: k)) * row[k]
        }
        var k = order - 1
        while k >= 0 {
            let row = system + k * stride
            let value = vector[k] * row[k]
            vector[k] = value
            for i in 0..<k { vector[i] -= value * row[i] }
            k -= 1
        }
    }

    /// x = −P⁻¹(λq + Cᵀy), bounds met exactly.
    private func setPoint(_ parameter: Double) {
        for j in 0..<n { x[j] = -parameter * solvedLinear[j] }
        for (k, member) in members.enumerated() {
            let source = member < n ? inverse + member * n : solvedRows + (member - n) * n
            PointerKernels.add(-first[k], source, into: x, count: n)
        }
        for member in members where member < n { x[member] = target(member) }
    }

    private func move(_ change: (member: Int, place: Int8)) {
        if change.member < n {
            places[change.member] = change.place
        } else {
            rowPlaces[change.member - n] = change.place
        }
    }

    private func note(_ member: Int, _ place: Int8) {
        wrong[wrongCount] = (member, place)
        wrongCount += 1
    }

    /// Who is on the wrong side, by index, and which is the right one.
    private func findWrongMembers(tolerance: Double) {
        wrongCount = 0
        var k = 0
        for j in 0..<n {
            if places[j] != 0 {
                // The multiplier is ≥ 0 at an upper bound and ≤ 0 at a lower one.
                if lower[j] < upper[j], Double(places[j]) * first[k] < -tolerance { note(j, 0) }
                k += 1
            } else if x[j] < lower[j] - Self.pointTolerance {
                note(j, -1)
            } else if x[j] > upper[j] + Self.pointTolerance {
                note(j, 1)
            }
        }
        for r in 0..<m {
            let row = program.rows[r]
            if k < members.count, members[k] == n + r {
                if row.lower < row.upper, Double(rowPlaces[r]) * first[k] < 0 { note(n + r, 0) }
                k += 1
                continue
            }
            let value = PointerKernels.dot(rows + r * n, x, count: n)
            let room = Self.pointTolerance * max(1, abs(value))
            if value > row.upper + room {
                note(n + r, 1)
            } else if value < row.lower - room {
                note(n + r, -1)
            }
        }
    }

    // MARK: The solution

    /// Corrects the point by what its equations miss, and checks it from the data.
    private func checked(
        _ linear: [Double],
        at parameter: Double,
        _ settings: ActiveSetSettings
    ) -> ActiveSetSolution? {
        var multipliers = [Double](repeating: 0, count: m)
        for (k, member) in members.enumerated() where member >= n { multipliers[member - n] = first[k] }
        setGradient(linear, multipliers)
        for j in 0..<n where places[j] != 0 { gradient[j] = 0 }
        setLinear(gradient)
        for (k, member) in members.enumerated() {
            let missed = member < n ? 0 : target(member) - PointerKernels.dot(rows + (member - n) * n, x, count: n)
            first[k] = -missed - (member < n ? solvedLinear[member] : linearRows[member - n])
        }
        solve(first)
        for j in 0..<n { x[j] -= solvedLinear[j] }
        for (k, member) in members.enumerated() {
            let source = member < n ? inverse + member * n : solvedRows + (member - n) * n
            PointerKernels.add(-first[k], source, into: x, count: n)
            if member >= n { multipliers[member - n] += first[k] }
        }
        for j in 0..<n {
            x[j] = places[j] == 0 ? min(max(x[j], lower[j]), upper[j]) : target(j)
        }
        setGradient(linear, multipliers)
        let point = Array(UnsafeBufferPointer(start: x, count: n))
        var check = ActiveSetCheck(
            program,
            linear: linear,
            point: point,
            gradient: Array(UnsafeBufferPointer(start: gradient, count: n)),
            multipliers: multipliers,
            limitMultiplier: 0
        )
        if !check.isWithin(settings) { check.scale = max(check.scale, program.objectiveScale(at: point)) }
        guard check.isWithin(settings) else { return nil }
        var effort = ActiveSetEffort()
        (effort.guesses, effort.considered, effort.free) = (rounds, n, (0..<n).count { places[$0] == 0 })
        effort.pricings = 1
        return ActiveSetSolution(
            point: point,
            multipliers: multipliers,
            limitMultiplier: 0,
            parameter: parameter,
            check: check,
            effort: effort
        )
    }

    /// Px + q + Aᵀy.
    private func setGradient(_ linear: [Double], _ multipliers: [Double]) {
        guard case .dense(let matrix) = program.curvature else { return }
        for j in 0..<n { gradient[j] = linear[j] }
        matrix.elements.withUnsafeBufferPointer { elements in
            guard let elements = elements.baseAddress else { return }
            for j in 0..<n where x[j] != 0 { PointerKernels.add(x[j], elements + j * n, into: gradient, count: n) }
        }
        for r in 0..<m where multipliers[r] != 0 {
            PointerKernels.add(multipliers[r], rows + r * n, into: gradient, count: n)
        }
    }
}
