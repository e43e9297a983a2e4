internal import LinearAlgebra
internal import Matrices

/// Newton's method on the dual of a program whose curvature is a factor model: where everything rests, at the price of a
/// few products with the exposures.
///
/// With the factor exposures Bᵀx as variables of their own the program falls apart into one variable each, tied by prices u of
/// the factors (F = LLᵀ) and ν of the rows:
///
///     maximise  −½uᵀu + Σᵢ min { ½dᵢxᵢ² + sᵢxᵢ + cᵢ|xᵢ − aᵢ| : lᵢ ≤ xᵢ ≤ uᵢ } − Σᵣ max(Uᵣνᵣ, Lᵣνᵣ),   s = q + BLu + Aᵀν
///
/// This is concave with the gradient (LᵀBᵀx − u, Ax − bound) at the minimisers x, and quadratic wherever the set of free x is the
/// same: a generalised Newton step with an exact line search ends after finitely many of them. It only guesses: the
/// active sets take over where it ends, and check.
///
/// - SeeAlso: Qi & Sun, A nonsmooth version of Newton's method, Mathematical Programming 58 (1993); docs/mathematics.md,
///   "A start from the factors".
struct FactorDual {
    private let program: ParametricProgram
    private let model: FactorCurvature
    private let linear: [Double]
    private let costs: [Double]
    private let positions: [Double]
    private let inverseResidual: [Double]
    /// L, k × k, lower triangle.
    private let root: [Double]
    private let n: Int
    private let k: Int
    /// u, then ν.
    private var prices: [Double]
    /// q + BLu + Aᵀν.
    private var slopes: [Double]
    /// The minimisers.
    private(set) var point: [Double]
    /// Which bound of a row its price stands for: +1 the upper or an equation's, −1 the lower, 0 for a price held at 0.
    private(set) var sides: [Int]
    /// Products with B so far, two a step.
    private(set) var steps = 0

    private static let maximumSteps = 40
    /// A line search ends when the interval that holds the maximum is this share of its end.
    private static let searchWidth = 0.02
    private static let maximumSearch = 30
    /// Added to the diagonal of the system, as a share of it and of its mean: with nothing free a row's price has no curvature.
    private static let damping = (own: 1e-10, mean: 1e-13)

    /// Nil for another curvature, where F is singular or a residual is 0, and with a limit on the kinks.
    init?(_ program: ParametricProgram, linear: [Double], costs: [Double]) {
        guard case .factors(let model) = program.curvature, model.factorCount > 0, model.identityScale == nil,
            program.kinks.map({ $0.limit == .infinity }) ?? true, model.residual.allSatisfy({ $0 > 0 }),
            let root = FactorColumns.root(of: model)
        else { return nil }
        self.program = program
        self.model = model
        self.linear = linear
        n = program.variableCount
        k = model.factorCount
        let none = [Double](repeating: 0, count: n)
        self.costs = costs.isEmpty ? none : costs
        positions = program.kinks?.positions ?? none
        inverseResidual = model.residual.map { 1 / $0 }
        self.root = root
        prices = [Double](repeating: 0, count: k + program.rows.count)
        slopes = linear
        point = none
        sides = [Int](repeating: 0, count: program.rows.count)
    }

    /// Searches for the maximum.
    ///
    /// - Returns: whether a whole step changed nothing about who is free; then `point`, `isFree` and `sides` are a guess.
    mutating func run() -> Bool {
        start()
        var system = System(order: prices.count)
        var isWhole = false
        var before: [Bool] = []
        while steps < Self.maximumSteps {
            steps += 1
            slopes = slopes(of: prices, with: linear)
            respond(along: nil, 0)
            let gradient = gradient()
            chooseSides(gradient)
            let free = (0..<n).map { isFree($0) }
            if isWhole, free == before { return true }
            before = free
            fill(&system, free: free)
            guard let step = step(system, gradient) else { return false }
            let length = lineSearch(step)
            guard length > 0 else { return false }
            isWhole = length == 1
            for i in prices.indices { prices[i] += length * step[i] }
        }
        return false
    }

    /// Whether a minimiser lies between its limits and off its kink.
    func isFree(_ j: Int) -> Bool {
        let x = point[j]
        return x > program.lower[j] && x < program.upper[j] && (costs[j] == 0 || x != positions[j])
    }

    // MARK: The function

    /// vector + BLu + Aᵀν.
    private func slopes(of prices: [Double], with vector: [Double]) -> [Double] {
        var loaded = [Double](repeating: 0, count: k)
        var result = vector
        root.withUnsafeBufferPointer { root in
            guard let root = root.baseAddress else { return }
            for a in 0..<k {
                let column = root + a * k
                for b in a..<k { loaded[b] += column[b] * prices[a] }
            }
        }
        var product = [Double](repeating: 0, count: n)
        model.exposures.elements.withUnsafeBufferPointer { elements in
            guard let start = elements.baseAddress else { return }
            PointerKernels.transposedProduct(
                rows: k,
                columns: n,
                matrix: start,
                stride: k,
                vector: loaded,
                into: &product
            )
        }
        PointerKernels.add(1, product, into: &result, count: n)
        for r in program.rows.indices where prices[k + r] != 0 {
            PointerKernels.add(prices[k + r], program.rows[r].coefficients, into: &result, count: n)
        }
        return result
    }

    /// The minimisers at slopes + length · direction; with a direction its product with them.
    @discardableResult
    private mutating func respond(along direction: [Double]?, _ length: Double) -> Double {
        var product = 0.0
        let (n, inverse, costs, positions, slopes) = (n, inverseResidual, costs, positions, slopes)
        let (lower, upper) = (program.lower, program.upper)
        point.withUnsafeMutableBufferPointer { point in
            if let direction {
                for j in 0..<n {
                    let slope = slopes[j] + length * direction[j]
                    let above = -(slope + costs[j]) * inverse[j]
                    let below = (costs[j] - slope) * inverse[j]
                    let x = min(max(max(above, min(below, positions[j])), lower[j]), upper[j])
                    point[j] = x
                    product += x * direction[j]
                }
            } else {
                for j in 0..<n {
                    let above = -(slopes[j] + costs[j]) * inverse[j]
                    let below = (costs[j] - slopes[j]) * inverse[j]
                    point[j] = min(max(max(above, min(below, positions[j])), lower[j]), upper[j])
                }
            }
        }
        return product
    }

    /// (LᵀBᵀx − u, Ax).
    private func gradient() -> [Double] {
        var exposure = [Double](repeating: 0, count: k)
        var gradient = [Double](repeating: 0, count: prices.count)
        let held = (0..<n).filter { point[$0] != 0 }
        model.exposures.elements.withUnsafeBufferPointer { elements in
            guard let start = elements.baseAddress else { return }
            for j in held { PointerKernels.add(point[j], start + j * k, into: &exposure, count: k) }
        }
        root.withUnsafeBufferPointer { root in
            guard let root = root.baseAddress else { return }
            for a in 0..<k {
                var sum = -prices[a]
                for b in a..<k { sum += root[a * k + b] * exposure[b] }
                gradient[a] = sum
            }
        }
        for (r, row) in program.rows.enumerated() {
            row.coefficients.withUnsafeBufferPointer { coefficients in
                var sum = 0.0
                for j in held { sum += coefficients[j] * point[j] }
                gradient[k + r] = sum
            }
        }
        return gradient
    }

    /// The bound a row's price stands for.
    private func bound(_ r: Int) -> Double {
        sides[r] < 0 ? program.rows[r].lower : sides[r] > 0 ? program.rows[r].upper : 0
    }

    /// Prices stand for the bound of their sign; one that is 0 moves where the row asks for it.
    private mutating func chooseSides(_ gradient: [Double]) {
        for (r, row) in program.rows.enumerated() {
            let (price, value) = (prices[k + r], gradient[k + r])
            if row.lower == row.upper || price > 0 || price == 0 && value > row.upper {
                sides[r] = 1
            } else {
                sides[r] = price < 0 || value < row.lower ? -1 : 0
            }
        }
    }

    // MARK: The start

    /// Factor prices of the kinks, and the price of the first equation at which they and the bounds meet it.
    private mutating func start() {
        for j in 0..<n { point[j] = min(max(positions[j], program.lower[j]), program.upper[j]) }
        let exposures = gradient()
        for a in 0..<k { prices[a] = exposures[a] }
        guard let budget = program.rows.firstIndex(where: { $0.lower == $0.upper }) else { return }
        let target = program.rows[budget].upper
        slopes = slopes(of: prices, with: linear)
        let direction = program.rows[budget].coefficients
        guard direction.allSatisfy({ $0 >= 0 }), target != 0 else { return }
        var (low, high) = (0.0, 0.0)
        for j in 0..<n where direction[j] > 0 {
            low = min(low, -(slopes[j] + costs[j] + program.upper[j] / inverseResidual[j]) / direction[j])
            high = max(high, (costs[j] - slopes[j] - program.lower[j] / inverseResidual[j]) / direction[j])
        }
        for _ in 0..<Self.maximumSearch {
            prices[k + budget] = low + (high - low) / 2
            let value = respond(along: direction, prices[k + budget])
            if abs(value - target) <= Self.searchWidth * abs(target) { break }
            if value > target { low = prices[k + budget] } else { high = prices[k + budget] }
        }
    }

    // MARK: Newton's step

    /// The curvature of the dual: I + Σ cc'/d over the free variables in the factors' prices, and alike in the rows'.
    private func fill(_ system: inout System, free: [Bool]) {
        var names: [Int] = []
        for j in 0..<n where free[j] { names.append(j) }
        let order = prices.count
        var columns = [Double](repeating: 0, count: max(1, order * names.count))
        columns.withUnsafeMutableBufferPointer { columns in
            guard let columns = columns.baseAddress else { return }
            for (position, j) in names.enumerated() {
                let weight = inverseResidual[j].squareRoot()
                let column = columns + position * order
                load(j, weight, into: column)
                for (r, row) in program.rows.enumerated() { column[k + r] = weight * row.coefficients[j] }
            }
            system.setGram(columns, count: names.count)
        }
        for a in 0..<k { system.matrix[a * order + a] += 1 }
        system.dampen(Self.damping.own, Self.damping.mean)
    }

    /// Lᵀb of one variable.
    private func load(_ j: Int, _ weight: Double, into column: UnsafeMutablePointer<Double>) {
        model.exposures.elements.withUnsafeBufferPointer { elements in
            root.withUnsafeBufferPointer { root in
                guard let b = elements.baseAddress.map({ $0 + j * k }), let l = root.baseAddress else { return }
                for a in 0..<k {
                    column[a] = weight * PointerKernels.dot(l + a * k + a, b + a, count: k - a)
                }
            }
        }
    }

    /// The maximum of the quadratic model over the prices whose sign stays: one that would change it goes to 0.
    private func step(_ system: System, _ gradient: [Double]) -> [Double]? {
        var ascent = gradient
        var pinned = [Double?](repeating: nil, count: prices.count)
        for r in program.rows.indices {
            ascent[k + r] -= bound(r)
            if sides[r] == 0 { pinned[k + r] = 0 }
        }
        for _ in 0...program.rows.count {
            guard let step = system.solve(ascent, pinned: pinned) else { return nil }
            var isDone = true
            for (r, row) in program.rows.enumerated() where row.lower < row.upper && pinned[k + r] == nil {
                guard Double(sides[r]) * (prices[k + r] + step[k + r]) < 0 else { continue }
                pinned[k + r] = -prices[k + r]
                isDone = false
            }
            if isDone { return step }
        }
        return nil
    }

    /// How far the function rises along a step, at most all of it.
    private mutating func lineSearch(_ step: [Double]) -> Double {
        let direction = slopes(of: step, with: [Double](repeating: 0, count: n))
        var constant = 0.0
        var curvature = 0.0
        for a in 0..<k {
            constant -= prices[a] * step[a]
            curvature += step[a] * step[a]
        }
        for r in program.rows.indices { constant -= bound(r) * step[k + r] }
        func slope(_ length: Double) -> Double {
            respond(along: direction, length) + constant - length * curvature
        }
        let first = slope(0)
        // The whole step ends where the model is flat; a fall beyond rounding means it went too far.
        guard slope(1) < -1e-12 * abs(first) else { return 1 }
        var (low, high) = (0.0, 1.0)
        for _ in 0..<Self.maximumSearch {
            let middle = low + (high - low) / 2
            if slope(middle) > 0 { low = middle } else { high = middle }
            if high - low < Self.searchWidth * high { break }
        }
        return low > 0 ? low : high
    }
}

/// The linear system of a Newton step: a symmetric matrix of which some unknowns may be fixed.
private struct System {
    let order: Int
    /// Lower triangle.
    var matrix: [Double]

    init(order: Int) {
        self.order = order
        matrix = [Double](repeating: 0, count: order * order)
    }

    /// Sets the matrix to CCᵀ, C order × count.
    mutating func setGram(_ columns: UnsafePointer<Double>, count: Int) {
        guard count > 0 else {
            for i in matrix.indices { matrix[i] = 0 }
            return
        }
        matrix.withUnsafeMutableBufferPointer { buffer in
            guard let target = buffer.baseAddress else { return }
            PointerKernels.outerGram(rows: order, columns: count, matrix: columns, into: target)
        }
    }

    mutating func dampen(_ own: Double, _ mean: Double) {
        var trace = 0.0
        for i in 0..<order { trace += matrix[i * order + i] }
        let shift = mean * trace / Double(max(1, order))
        for i in 0..<order { matrix[i * order + i] += own * matrix[i * order + i] + shift }
    }

    /// Solves for what is not pinned; nil where the matrix is not positive definite there.
    func solve(_ right: [Double], pinned: [Double?]) -> [Double]? {
        let unknown = (0..<order).filter { pinned[$0] == nil }
        let size = unknown.count
        var solution = pinned.map { $0 ?? 0 }
        guard size > 0 else { return solution }
        var reduced = [Double](repeating: 0, count: size * size)
        var values = unknown.map { right[$0] }
        for (column, j) in unknown.enumerated() {
            for row in column..<size { reduced[column * size + row] = matrix[j * order + unknown[row]] }
            for i in 0..<order where solution[i] != 0 {
                values[column] -= solution[i] * matrix[min(i, j) * order + max(i, j)]
            }
        }
        let isDefinite = reduced.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.map { PointerKernels.factorize(order: size, matrix: $0, stride: size) } ?? false
        }
        guard isDefinite else { return nil }
        reduced.withUnsafeBufferPointer { factor in
            guard let factor = factor.baseAddress else { return }
            PointerKernels.solveLower(order: size, factor: factor, stride: size, vector: &values)
            PointerKernels.solveLowerTransposed(order: size, factor: factor, stride: size, vector: &values)
        }
        for (position, j) in unknown.enumerated() { solution[j] = values[position] }
        return solution.allSatisfy(\.isFinite) ? solution : nil
    }
}
