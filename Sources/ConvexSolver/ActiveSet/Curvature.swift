internal import LinearAlgebra
public import Matrices

/// The matrix P of a parametric program, read a column at a time.
///
/// An active-set method needs the columns of the free variables and products with the variables that are not zero, and
/// nothing else; so a factor model is never multiplied out.
public indirect enum Curvature: Sendable {
    /// P itself, n × n, both triangles stored.
    case dense(DenseMatrix)
    /// P = B F Bᵀ + diag(d).
    case factors(FactorCurvature)
    /// The curvature of the first variables, none of `more` further ones, and a constant added to every entry.
    ///
    /// Where an equation fixes Σx, the constant changes the objective by a constant only (with the linear term lowered
    /// by constant · Σx), and P is regular although a variable has no curvature of its own.
    case padded(Curvature, more: Int, constant: Double)
    /// A curvature for each of several stages, and none between them: variables stand in the order of their stages.
    case stages([Curvature])

    /// n.
    public var order: Int {
        switch self {
        case .dense(let matrix): matrix.rows
        case .factors(let model): model.residual.count
        case .padded(let base, let more, _): base.order + more
        case .stages(let stages): stages.reduce(0) { $0 + $1.order }
        }
    }

    /// The mean of P's diagonal.
    public var meanDiagonal: Double {
        let n = order
        return n > 0 ? (0..<n).reduce(0) { $0 + diagonal($1) } / Double(n) : 0
    }

    /// P_jj.
    func diagonal(_ j: Int) -> Double {
        switch self {
        case .dense(let matrix): matrix.elements[j * matrix.rows + j]
        case .factors(let model): model.diagonal(j)
        case .padded(let base, _, let constant): constant + (j < base.order ? base.diagonal(j) : 0)
        case .stages(let stages):
            stage(of: j, among: stages).map { stages[$0.index].diagonal(j - $0.first) } ?? 0
        }
    }

    /// The stage of a variable and its first variable.
    private func stage(of j: Int, among stages: [Curvature]) -> (index: Int, first: Int)? {
        var first = 0
        for (index, stage) in stages.enumerated() {
            if j < first + stage.order { return (index, first) }
            first += stage.order
        }
        return nil
    }

    /// Writes the entries of column j in the given rows.
    func gather(
        column j: Int,
        rows: UnsafePointer<Int32>,
        count: Int,
        into target: UnsafeMutablePointer<Double>
    ) {
        switch self {
        case .dense(let matrix):
            matrix.elements.withUnsafeBufferPointer { elements in
                guard let column = elements.baseAddress.map({ $0 + j * matrix.rows }) else { return }
                for i in 0..<count { target[i] = column[Int(rows[i])] }
            }
        case .factors(let model): model.gather(column: j, rows: rows, count: count, into: target)
        case .padded(let base, _, let constant):
            gatherPadded(base, constant: constant, column: j, rows: rows, count: count, into: target)
        case .stages(let stages):
            for i in 0..<count { target[i] = 0 }
            guard let own = stage(of: j, among: stages) else { return }
            let range = own.first..<(own.first + stages[own.index].order)
            for i in 0..<count where range.contains(Int(rows[i])) {
                let row = Int32(Int(rows[i]) - own.first)
                withUnsafePointer(to: row) {
                    stages[own.index].gather(column: j - own.first, rows: $0, count: 1, into: target + i)
                }
            }
        }
    }

    /// Adds P x to a vector of length n, for an x that is zero outside the held variables.
    func addProduct(
        held: UnsafeBufferPointer<Int32>,
        values: UnsafePointer<Double>,
        into target: UnsafeMutablePointer<Double>
    ) {
        switch self {
        case .dense(let matrix):
            matrix.elements.withUnsafeBufferPointer { elements in
                guard let start = elements.baseAddress else { return }
                addColumns(start, order: matrix.rows, held: held, values: values, into: target)
            }
        case .factors(let model): model.addProduct(held: held, values: values, into: target)
        case .padded(let base, let more, let constant):
            let order = base.order
            let own = held.indices.filter { Int(held[$0]) < order }
            let ownValues = own.map { values[$0] }
            own.map { held[$0] }.withUnsafeBufferPointer { names in
                base.addProduct(held: names, values: ownValues, into: target)
            }
            let shift = constant * held.indices.reduce(0) { $0 + values[$1] }
            for i in 0..<(order + more) { target[i] += shift }
        case .stages(let stages):
            var first = 0
            for stage in stages {
                let own = held.indices.filter { (first..<(first + stage.order)).contains(Int(held[$0])) }
                let ownValues = own.map { values[$0] }
                own.map { held[$0] - Int32(first) }.withUnsafeBufferPointer { names in
                    stage.addProduct(held: names, values: ownValues, into: target + first)
                }
                first += stage.order
            }
        }
    }
}

/// The entries of a padded column: those of the base in runs between the variables that have no curvature.
private func gatherPadded(
    _ base: Curvature,
    constant: Double,
    column j: Int,
    rows: UnsafePointer<Int32>,
    count: Int,
    into target: UnsafeMutablePointer<Double>
) {
    let order = base.order
    var i = 0
    while i < count {
        var end = i
        while end < count, Int(rows[end]) < order { end += 1 }
        if j < order {
            base.gather(column: j, rows: rows + i, count: end - i, into: target + i)
        } else {
            (target + i).update(repeating: 0, count: end - i)
        }
        if end < count { target[end] = 0 }
        i = end + 1
    }
    for i in 0..<count { target[i] += constant }
}

/// target ← target + Σ x_j column j, four columns at a time so that the target is read and written a quarter as often.
private func addColumns(
    _ matrix: UnsafePointer<Double>,
    order: Int,
    held: UnsafeBufferPointer<Int32>,
    values: UnsafePointer<Double>,
    into target: UnsafeMutablePointer<Double>
) {
    var k = 0
    while k + 4 <= held.count {
        let first = matrix + Int(held[k]) * order
        let second = matrix + Int(held[k + 1]) * order
        let third = matrix + Int(held[k + 2]) * order
        let fourth = matrix + Int(held[k + 3]) * order
        let (a, b, c, d) = (values[k], values[k + 1], values[k + 2], values[k + 3])
        for i in 0..<order {
            target[i] += (a * first[i] + b * second[i]) + (c * third[i] + d * fourth[i])
        }
        k += 4
    }
    while k < held.count {
        PointerKernels.add(values[k], matrix + Int(held[k]) * order, into: target, count: order)
        k += 1
    }
}

/// The curvature of a factor model, B F Bᵀ + diag(d), kept in its parts.
public struct FactorCurvature: Sendable {
    /// The exposures transposed: k × n, so that the k exposures of one variable lie together.
    public let exposures: DenseMatrix
    /// F, k × k, symmetric.
    public let factorCovariance: DenseMatrix
    /// d, n, none of them negative.
    public let residual: [Double]
    /// The number F is a multiple of the identity by, where it was made so.
    let identityScale: Double?

    /// Makes the curvature of its parts.
    public init(exposuresTransposed: DenseMatrix, factorCovariance: DenseMatrix, residual: [Double]) {
        exposures = exposuresTransposed
        self.factorCovariance = factorCovariance
        self.residual = residual
        identityScale = nil
    }

    /// Makes the curvature s XᵀX + diag(d) of a matrix X that is never multiplied out: a covariance of returns whose observations
    /// are fewer than their instruments, s = 1/(T − 1), with what a shrinkage adds to the diagonal.
    ///
    /// - Parameters:
    ///   - observations: X, T × n, each column less its mean.
    ///   - scale: s, positive.
    ///   - residual: d, n, none of them negative.
    public init(observations: DenseMatrix, scale: Double, residual: [Double]) {
        exposures = observations
        var covariance = DenseMatrix(rows: observations.rows, columns: observations.rows)
        for t in 0..<observations.rows { covariance[t, t] = scale }
        factorCovariance = covariance
        self.residual = residual
        identityScale = scale
    }

    /// k.
    var factorCount: Int { exposures.rows }

    /// F b_j.
    private func loadedFactors(_ j: Int) -> [Double] { loaded(Array(exposures.column(j))) }

    /// F b.
    private func loaded(_ exposure: [Double]) -> [Double] {
        guard let identityScale else { return factorCovariance.symmetricTimes(exposure) }
        return exposure.map { identityScale * $0 }
    }

    func diagonal(_ j: Int) -> Double {
        guard let identityScale else {
            return residual[j] + factorCovariance.quadraticForm(Array(exposures.column(j)))
        }
        return exposures.elements.withUnsafeBufferPointer { elements in
            guard let b = elements.baseAddress.map({ $0 + j * factorCount }) else { return residual[j] }
            return residual[j] + identityScale * PointerKernels.dot(b, b, count: factorCount)
        }
    }

    func gather(
        column j: Int,
        rows: UnsafePointer<Int32>,
        count: Int,
        into target: UnsafeMutablePointer<Double>
    ) {
        let factors = loadedFactors(j)
        exposures.elements.withUnsafeBufferPointer { elements in
            guard let start = elements.baseAddress else { return }
            for i in 0..<count {
                let row = Int(rows[i])
                var entry = PointerKernels.dot(start + row * factorCount, factors, count: factorCount)
                if row == j { entry += residual[j] }
                target[i] = entry
            }
        }
    }

    func addProduct(
        held: UnsafeBufferPointer<Int32>,
        values: UnsafePointer<Double>,
        into target: UnsafeMutablePointer<Double>
    ) {
        var total = [Double](repeating: 0, count: factorCount)
        exposures.elements.withUnsafeBufferPointer { elements in
            guard let start = elements.baseAddress else { return }
            for (position, j) in held.enumerated() {
                PointerKernels.add(values[position], start + Int(j) * factorCount, into: &total, count: factorCount)
            }
            let factors = loaded(total)
            var product = [Double](repeating: 0, count: residual.count)
            PointerKernels.transposedProduct(
                rows: factorCount,
                columns: residual.count,
                matrix: start,
                stride: factorCount,
                vector: factors,
                into: &product
            )
            PointerKernels.add(1, product, into: target, count: residual.count)
        }
        for (position, j) in held.enumerated() { target[Int(j)] += residual[Int(j)] * values[position] }
    }
}
