/// Products in single precision: half the time of doubles, for comparisons that doubles decide where they are close.
package enum SinglePrecision {
    /// AᵀA, both triangles filled.
    ///
    /// - Parameters:
    ///   - rows: the rows of A.
    ///   - columns: its columns, n.
    ///   - elements: its entries, column by column.
    /// - Returns: n × n entries.
    package static func gram(rows: Int, columns: Int, elements: [Float]) -> [Float] {
        precondition(elements.count == rows * columns, "a matrix needs rows × columns entries")
        var result = [Float](repeating: 0, count: columns * columns)
        guard rows > 0, columns > 0 else { return result }
        BLAS.syrk(order: columns, inner: rows, matrix: elements, result: &result)
        result.withUnsafeMutableBufferPointer { entries in
            for first in stride(from: 0, to: columns, by: tile) {
                for low in stride(from: first, to: columns, by: tile) {
                    for j in first..<min(first + tile, columns) {
                        for i in max(low, j + 1)..<max(min(low + tile, columns), low, j + 1) {
                            entries[i * columns + j] = entries[j * columns + i]
                        }
                    }
                }
            }
        }
        return result
    }

    /// How far the product of two vectors of length 1, rounded to single precision, may be from the exact one.
    ///
    /// Whatever the order of the sum: |error| ≤ γ Σ|xᵢyᵢ| ≤ γ with γ = (k + 2)u/(1 − (k + 2)u); entries that underflow
    /// add less than the last bit.
    /// - Parameter count: k, the number of entries.
    /// - Returns: γ; infinite where it says nothing.
    /// - SeeAlso: Higham, Accuracy and Stability of Numerical Algorithms (2002), section 3.1.
    package static func innerProductError(count: Int) -> Double {
        let units = Double(count + 4) * Double(Float.ulpOfOne) / 2
        return units < 0.5 ? units / (1 - units) : .infinity
    }

    /// Rows and columns of a tile of the copy.
    private static let tile = 32
}
