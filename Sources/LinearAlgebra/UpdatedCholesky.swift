/// A Cholesky factor L of a symmetric positive definite matrix to which rows and columns are added, and from which they
/// are taken, in O(order²) each; attached columns V = L⁻¹A follow every change.
///
/// With the attached columns the few rows A of an equality-constrained program need no solve of their own: the Schur
/// complement A P⁻¹ Aᵀ is VᵀV.
///
/// - SeeAlso: Gill, Golub, Murray & Saunders, Methods for Modifying Matrix Factorizations, Mathematics of Computation 28
///   (1974); a row is taken out by their method C1, rotations of neighbouring columns.
package final class UpdatedCholesky {
    /// The order of the matrix.
    package private(set) var order = 0
    /// The number of attached columns.
    package private(set) var attachedCount = 0
    /// The distance between two columns of the factor and of the attached columns.
    package private(set) var stride: Int
    /// L, in the lower triangle.
    package private(set) var factor: UnsafeMutablePointer<Double>
    /// V, order × attached.
    package private(set) var attached: UnsafeMutablePointer<Double>
    private var attachedCapacity: Int
    private var scratch: UnsafeMutablePointer<Double>
    private var cosines: UnsafeMutablePointer<Double>
    private var sines: UnsafeMutablePointer<Double>

    /// A pivot below this share of the diagonal it came from says that the matrix is singular.
    package var pivotTolerance = 1e-13

    /// Makes an empty factor with room for an order and a number of attached columns; both grow when needed.
    package init(capacity: Int, attachedCapacity: Int) {
        stride = max(8, capacity)
        self.attachedCapacity = max(1, attachedCapacity)
        factor = .allocate(capacity: stride * stride)
        attached = .allocate(capacity: stride * self.attachedCapacity)
        scratch = .allocate(capacity: stride)
        cosines = .allocate(capacity: stride)
        sines = .allocate(capacity: stride)
    }

    deinit {
        factor.deallocate()
        attached.deallocate()
        scratch.deallocate()
        cosines.deallocate()
        sines.deallocate()
    }

    /// Forgets the matrix and the attached columns.
    package func reset() {
        order = 0
        attachedCount = 0
    }

    /// Makes room for a matrix of this order.
    package func reserve(_ needed: Int) {
        guard needed > stride else { return }
        let wider = max(needed, stride * 2)
        factor = moved(factor, columns: order, to: wider, newColumns: wider)
        attached = moved(attached, columns: attachedCount, to: wider, newColumns: attachedCapacity)
        for pointer in [scratch, cosines, sines] { pointer.deallocate() }
        scratch = .allocate(capacity: wider)
        cosines = .allocate(capacity: wider)
        sines = .allocate(capacity: wider)
        stride = wider
    }

    private func moved(
        _ old: UnsafeMutablePointer<Double>,
        columns: Int,
        to wider: Int,
        newColumns: Int
    ) -> UnsafeMutablePointer<Double> {
        let new = UnsafeMutablePointer<Double>.allocate(capacity: wider * newColumns)
        for j in 0..<columns { (new + j * wider).update(from: old + j * stride, count: order) }
        old.deallocate()
        return new
    }

    /// Replaces the matrix by the lower triangle the caller has written to `factor` (columns `stride` apart).
    ///
    /// - Returns: false, and an empty factor, when the matrix is not positive definite.
    package func refactor(order newOrder: Int) -> Bool {
        attachedCount = 0
        order = newOrder
        for i in 0..<newOrder { scratch[i] = factor[i * stride + i] }
        var isDefinite = PointerKernels.factorize(order: newOrder, matrix: factor, stride: stride)
        if isDefinite {
            for i in 0..<newOrder {
                let pivot = factor[i * stride + i]
                if !(pivot * pivot > pivotTolerance * scratch[i]) { isDefinite = false }
            }
        }
        if !isDefinite { order = 0 }
        return isDefinite
    }

    /// Adds a row and column at the end.
    ///
    /// - Parameters:
    ///   - column: the entries above the new diagonal, `order` of them.
    ///   - diagonal: the new diagonal entry.
    ///   - attachedRow: the new row's entries in the attached columns' A, one for each of them.
    /// - Returns: false, and nothing changed, when the larger matrix is singular.
    package func append(
        column: UnsafePointer<Double>,
        diagonal: Double,
        attachedRow: UnsafePointer<Double>
    ) -> Bool {
        reserve(order + 1)
        let row = scratch
        row.update(from: column, count: order)
        PointerKernels.solveLower(order: order, factor: factor, stride: stride, vector: row)
        let square = diagonal - PointerKernels.dot(row, row, count: order)
        guard square > pivotTolerance * diagonal, square.isFinite else { return false }
        let pivot = square.squareRoot()
        for j in 0..<order { factor[j * stride + order] = row[j] }
        factor[order * stride + order] = pivot
        for k in 0..<attachedCount {
            let v = attached + k * stride
            v[order] = (attachedRow[k] - PointerKernels.dot(row, v, count: order)) / pivot
        }
        order += 1
        return true
    }

    /// Takes out row and column `index`.
    package func remove(at index: Int) {
        let last = order - 1
        for j in 0..<index {
            let column = factor + j * stride
            var i = index
            while i < last {
                column[i] = column[i + 1]
                i += 1
            }
        }
        let carried = scratch
        let removed = factor + index * stride
        for i in (index + 1)..<max(order, index + 1) { carried[i] = removed[i] }
        var p = index
        while p < last {
            let next = factor + (p + 1) * stride
            let target = factor + p * stride - 1
            let a = carried[p + 1]
            let b = next[p + 1]
            let radius = (a * a + b * b).squareRoot()
            let c = a / radius
            let s = b / radius
            cosines[p] = c
            sines[p] = s
            var i = p + 1
            while i < order {
                let left = carried[i]
                let right = next[i]
                target[i] = c * left + s * right
                carried[i] = c * right - s * left
                i += 1
            }
            p += 1
        }
        for k in 0..<attachedCount { rotate(attached + k * stride, from: index, to: last) }
        order = last
    }

    private func rotate(_ v: UnsafeMutablePointer<Double>, from index: Int, to last: Int) {
        var carried = v[index]
        var p = index
        while p < last {
            let right = v[p + 1]
            v[p] = cosines[p] * carried + sines[p] * right
            carried = cosines[p] * right - sines[p] * carried
            p += 1
        }
    }

    /// Attaches the column L⁻¹a, given as a (or as L⁻¹a itself when `isSolved`).
    package func attach(_ column: UnsafePointer<Double>, isSolved: Bool = false) {
        if attachedCount == attachedCapacity {
            let wider = attachedCapacity * 2
            attached = moved(attached, columns: attachedCount, to: stride, newColumns: wider)
            attachedCapacity = wider
        }
        let v = attached + attachedCount * stride
        v.update(from: column, count: order)
        if !isSolved { solveLower(v) }
        attachedCount += 1
    }

    /// Takes out attached column `index`; those after it move up.
    package func detach(at index: Int) {
        for k in index..<(attachedCount - 1) {
            (attached + k * stride).update(from: attached + (k + 1) * stride, count: order)
        }
        attachedCount -= 1
    }

    /// x ← L⁻¹ x.
    package func solveLower(_ x: UnsafeMutablePointer<Double>) {
        PointerKernels.solveLower(order: order, factor: factor, stride: stride, vector: x)
    }

    /// x ← L⁻ᵀ x.
    package func solveLowerTransposed(_ x: UnsafeMutablePointer<Double>) {
        PointerKernels.solveLowerTransposed(order: order, factor: factor, stride: stride, vector: x)
    }
}
