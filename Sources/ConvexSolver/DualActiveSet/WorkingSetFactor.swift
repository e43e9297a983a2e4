/// The factorization G = L D Lᵀ of the Gram matrix of a working set, kept up to date as rows come and go.
///
/// L is unit lower triangular and is stored row by row. Adding a row costs O(k²), removing one O((k − i)²).
/// - SeeAlso: Gill, Golub, Murray & Saunders, Mathematics of Computation 28 (1974), method C1 for the removal.
struct WorkingSetFactor {
    /// k, the rows of the working set.
    private(set) var order = 0
    /// D.
    private(set) var diagonal: [Double] = []
    /// The most rows there is room for.
    private let capacity: Int
    /// Row i of L, without its unit diagonal, begins at i · capacity.
    private var lower: [Double]
    private var work: [Double]

    init(capacity: Int) {
        self.capacity = capacity
        lower = [Double](repeating: 0, count: capacity * capacity)
        work = [Double](repeating: 0, count: capacity)
        diagonal.reserveCapacity(capacity)
    }

    /// Whether there is room for one more row.
    var hasRoom: Bool { order < capacity }

    /// Forgets all rows.
    mutating func reset() {
        order = 0
        diagonal.removeAll(keepingCapacity: true)
    }

    /// Appends a row with the given inner products with the rows before it, and with itself.
    mutating func append(products: [Double], square: Double) {
        precondition(products.count == order && order < capacity, "a row has a product with each row before it")
        let k = order
        let stride = capacity
        var pivot = square
        lower.withUnsafeMutableBufferPointer { l in
            diagonal.withUnsafeBufferPointer { d in
                products.withUnsafeBufferPointer { g in
                    // L (D l) = g, row by row; the entries are divided by D once all are known.
                    let target = k * stride
                    for i in 0..<k {
                        var sum = g[i]
                        let row = i * stride
                        for j in 0..<i { sum -= l[row + j] * l[target + j] }
                        l[target + i] = sum
                    }
                    for i in 0..<k {
                        let value = l[target + i]
                        let scaled = value / d[i]
                        l[target + i] = scaled
                        pivot -= value * scaled
                    }
                }
            }
        }
        diagonal.append(pivot)
        order += 1
    }

    /// Removes row `index`.
    mutating func remove(_ index: Int) {
        precondition(index < order, "only a row of the working set leaves it")
        let k = order
        let stride = capacity
        var alpha = diagonal[index]
        lower.withUnsafeMutableBufferPointer { l in
            diagonal.withUnsafeMutableBufferPointer { d in
                work.withUnsafeMutableBufferPointer { v in
                    // The rows below keep their products with the rest when the column that leaves is added back.
                    for i in (index + 1)..<max(k, index + 1) { v[i] = l[i * stride + index] }
                    for j in (index + 1)..<max(k, index + 1) {
                        let p = v[j]
                        let pivot = d[j] + alpha * p * p
                        // A pivot of zero leaves the column as it is: nothing depends on it.
                        let beta = pivot != 0 ? alpha * p / pivot : 0
                        alpha = pivot != 0 ? alpha * d[j] / pivot : alpha
                        d[j] = pivot
                        for i in (j + 1)..<max(k, j + 1) {
                            let entry = l[i * stride + j]
                            v[i] -= p * entry
                            l[i * stride + j] = entry + beta * v[i]
                        }
                    }
                    // Close the gap: rows move up, columns move left.
                    for i in (index + 1)..<max(k, index + 1) {
                        let from = i * stride
                        let to = (i - 1) * stride
                        for j in 0..<index { l[to + j] = l[from + j] }
                        for j in (index + 1)..<max(i, index + 1) { l[to + j - 1] = l[from + j] }
                    }
                }
            }
        }
        diagonal.remove(at: index)
        order -= 1
    }

    /// Solves G x = b in place; every pivot must be positive.
    func solve(_ b: inout [Double]) {
        let k = order
        let stride = capacity
        lower.withUnsafeBufferPointer { l in
            diagonal.withUnsafeBufferPointer { d in
                b.withUnsafeMutableBufferPointer { x in
                    for i in 0..<k {
                        var sum = x[i]
                        let row = i * stride
                        for j in 0..<i { sum -= l[row + j] * x[j] }
                        x[i] = sum
                    }
                    for i in 0..<k { x[i] /= d[i] }
                    Self.backward(l, stride, k, x)
                }
            }
        }
    }

    /// The vector x with G x = 0 and last entry 1, when the last pivot is zero.
    func nullVector() -> [Double] {
        let k = order
        var result = [Double](repeating: 0, count: k)
        guard k > 0 else { return result }
        result[k - 1] = 1
        let stride = capacity
        lower.withUnsafeBufferPointer { l in
            result.withUnsafeMutableBufferPointer { x in Self.backward(l, stride, k, x) }
        }
        return result
    }

    /// Solves Lᵀ x = x in place, by columns of Lᵀ so that the rows of L are read in order.
    private static func backward(
        _ l: UnsafeBufferPointer<Double>,
        _ stride: Int,
        _ k: Int,
        _ x: UnsafeMutableBufferPointer<Double>
    ) {
        var i = k - 1
        while i > 0 {
            let value = x[i]
            let row = i * stride
            if value != 0 {
                for j in 0..<i { x[j] -= l[row + j] * value }
            }
            i -= 1
        }
    }
}
