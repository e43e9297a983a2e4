internal import Matrices

/// Weights by halving an order of instruments again and again, each half weighted by the reciprocal of its variance.
///
/// The variance of a half is that of its inverse-variance portfolio, yᵀΣy / (Σy)² with yᵢ = 1/Σᵢᵢ. The forms yᵀΣy are built
/// from the smallest halves up, so every pair of instruments is looked at once, and the top pair of halves never.
/// - SeeAlso: López de Prado, J. Portfolio Management 42 (2016), 59–69, stage 3.
struct RecursiveBisection {
    /// A range of the order, with the sums over it.
    private struct Part {
        /// yᵀΣy; not computed for the whole.
        var form = 0.0
        /// Σy.
        var sum = 0.0
        /// The parts it is made of, unless it is a single instrument.
        var halves: (first: Int, second: Int)?
    }

    private let covariance: DenseMatrix
    private let order: [Int]
    private let reciprocals: [Double]
    private var parts: [Part] = []

    /// The weights of all instruments, summing to 1, for an order that holds each once.
    static func weights(covariance: DenseMatrix, order: [Int]) -> [Double] {
        var bisection = RecursiveBisection(covariance: covariance, order: order)
        var weights = [Double](repeating: 0, count: order.count)
        guard !order.isEmpty else { return weights }
        let whole = bisection.add(0..<order.count, isWhole: true)
        bisection.distribute(1, over: whole, 0..<order.count, into: &weights)
        return weights
    }

    private init(covariance: DenseMatrix, order: [Int]) {
        self.covariance = covariance
        self.order = order
        reciprocals = order.map { 1 / covariance[$0, $0] }
        parts.reserveCapacity(2 * order.count)
    }

    /// Adds a part after those it is made of; returns its number.
    private mutating func add(_ range: Range<Int>, isWhole: Bool = false) -> Int {
        if range.count == 1 {
            let y = reciprocals[range.lowerBound]
            parts.append(Part(form: y, sum: y))
        } else {
            let (left, right) = Self.halves(of: range)
            let (first, second) = (add(left), add(right))
            var part = Part(sum: parts[first].sum + parts[second].sum, halves: (first, second))
            if !isWhole { part.form = parts[first].form + parts[second].form + 2 * crossForm(left, right) }
            parts.append(part)
        }
        return parts.count - 1
    }

    /// y₁ᵀ Σ₁₂ y₂.
    private func crossForm(_ left: Range<Int>, _ right: Range<Int>) -> Double {
        let n = covariance.rows
        var total = 0.0
        covariance.elements.withUnsafeBufferPointer { elements in
            for b in right {
                let column = order[b] * n
                var sum = 0.0
                for a in left { sum += reciprocals[a] * elements[column + order[a]] }
                total += reciprocals[b] * sum
            }
        }
        return total
    }

    /// Divides a weight between the halves of a part, and so on down.
    private func distribute(_ weight: Double, over number: Int, _ range: Range<Int>, into weights: inout [Double]) {
        guard let halves = parts[number].halves else {
            weights[order[range.lowerBound]] = weight
            return
        }
        let (first, second) = (variance(halves.first), variance(halves.second))
        // Two halves without risk share alike.
        let share = first + second > 0 ? second / (first + second) : 0.5
        let (left, right) = Self.halves(of: range)
        distribute(weight * share, over: halves.first, left, into: &weights)
        distribute(weight * (1 - share), over: halves.second, right, into: &weights)
    }

    /// Rounding may take the variance of a perfect hedge below zero.
    private func variance(_ number: Int) -> Double {
        max(0, parts[number].form) / (parts[number].sum * parts[number].sum)
    }

    /// The smaller half first when the count is odd.
    private static func halves(of range: Range<Int>) -> (first: Range<Int>, second: Range<Int>) {
        let middle = range.lowerBound + range.count / 2
        return (range.lowerBound..<middle, middle..<range.upperBound)
    }
}
