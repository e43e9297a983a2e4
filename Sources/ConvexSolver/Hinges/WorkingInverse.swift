/// The inverse of the square matrix M of active rows and free variables, updated as either set changes.
///
/// Entry (p, i) belongs to free variable p and active row i. Every update costs O(k²).
struct WorkingInverse {
    /// k, the order of M.
    private(set) var order = 0
    /// M⁻¹, column by column.
    private(set) var elements: [Double] = []

    init() {}

    /// Inverts M (column-major, k × k) by elimination with row exchanges, or nil when it is singular to rounding.
    init?(_ matrix: [Double], order k: Int) {
        var m = matrix
        var inverse = [Double](repeating: 0, count: k * k)
        for i in 0..<k { inverse[i * k + i] = 1 }
        let largest = m.reduce(0) { max($0, $1.magnitude) }
        for column in 0..<k {
            var pivotRow = column
            for i in column..<k where m[column * k + i].magnitude > m[column * k + pivotRow].magnitude { pivotRow = i }
            let pivot = m[column * k + pivotRow]
            guard pivot.magnitude > Self.singularity * largest else { return nil }
            if pivotRow != column {
                for j in 0..<k {
                    m.swapAt(j * k + column, j * k + pivotRow)
                    inverse.swapAt(j * k + column, j * k + pivotRow)
                }
            }
            Self.eliminate(&m, &inverse, column: column, order: k)
        }
        order = k
        elements = inverse
    }

    /// A pivot below this fraction of the largest entry counts as zero.
    private static let singularity = 1e-13

    /// One Gauss–Jordan step on both matrices.
    private static func eliminate(_ m: inout [Double], _ inverse: inout [Double], column: Int, order k: Int) {
        let factors = Array(m[(column * k)..<((column + 1) * k)])
        let pivot = factors[column]
        factors.withUnsafeBufferPointer { f in
            m.withUnsafeMutableBufferPointer { a in
                for j in column..<k { Self.step(a, j * k, f, pivot, column, k) }
            }
            inverse.withUnsafeMutableBufferPointer { a in
                for j in 0..<k { Self.step(a, j * k, f, pivot, column, k) }
            }
        }
    }

    private static func step(
        _ a: UnsafeMutableBufferPointer<Double>,
        _ start: Int,
        _ factors: UnsafeBufferPointer<Double>,
        _ pivot: Double,
        _ column: Int,
        _ k: Int
    ) {
        let value = a[start + column] / pivot
        guard value != 0 else { return }
        for i in 0..<k { a[start + i] -= factors[i] * value }
        a[start + column] = value
    }

    /// Column i of M⁻¹: how the free variables move when row i alone moves by one.
    func column(_ i: Int) -> [Double] { Array(elements[(i * order)..<((i + 1) * order)]) }

    /// M⁻¹ v.
    func times(_ v: [Double]) -> [Double] {
        var result = [Double](repeating: 0, count: order)
        for i in 0..<order where v[i] != 0 {
            for p in 0..<order { result[p] += elements[i * order + p] * v[i] }
        }
        return result
    }

    /// M⁻ᵀ v.
    func transposedTimes(_ v: [Double]) -> [Double] {
        var result = [Double](repeating: 0, count: order)
        for i in 0..<order {
            var sum = 0.0
            for p in 0..<order { sum += elements[i * order + p] * v[p] }
            result[i] = sum
        }
        return result
    }

    /// Row i of M becomes the row with these entries at the free variables.
    mutating func replaceRow(_ i: Int, with row: [Double]) {
        let u = transposedTimes(row)
        for p in 0..<order { elements[i * order + p] /= u[i] }
        for j in 0..<order where j != i && u[j] != 0 {
            for p in 0..<order { elements[j * order + p] -= u[j] * elements[i * order + p] }
        }
    }

    /// Column p of M is exchanged for another, given as z = M⁻¹ (new column).
    mutating func replaceColumn(_ p: Int, withImage z: [Double]) {
        for i in 0..<order {
            let value = elements[i * order + p] / z[p]
            guard value != 0 else { continue }
            for r in 0..<order { elements[i * order + r] -= z[r] * value }
            elements[i * order + p] = value
        }
    }

    /// M grows by a row (its entries at the free variables, and at the new one) and a column, given as its image.
    mutating func append(row: [Double], corner: Double, columnImage z: [Double]) {
        let u = transposedTimes(row)
        var schur = corner
        for p in 0..<order { schur -= row[p] * z[p] }
        let k = order + 1
        var grown = [Double](repeating: 0, count: k * k)
        for i in 0..<order {
            for p in 0..<order { grown[i * k + p] = elements[i * order + p] + z[p] * u[i] / schur }
            grown[i * k + order] = -u[i] / schur
        }
        for p in 0..<order { grown[order * k + p] = -z[p] / schur }
        grown[order * k + order] = 1 / schur
        order = k
        elements = grown
    }

    /// Row i and column p of M leave; the last row and the last column take their places.
    mutating func remove(row i: Int, column p: Int) {
        let pivot = elements[i * order + p]
        let k = order - 1
        var shrunk = [Double](repeating: 0, count: k * k)
        for target in 0..<k {
            let source = target == i ? k : target
            let factor = elements[source * order + p] / pivot
            for q in 0..<k {
                let from = q == p ? k : q
                shrunk[target * k + q] = elements[source * order + from] - elements[i * order + from] * factor
            }
        }
        order = k
        elements = shrunk
    }
}
