internal import LinearAlgebra
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

    /// Where the forms come from.
    private enum Source {
        case covariance(DenseMatrix)
        /// Returns with their means taken off: the form of a part is the square of its sum Σ yᵢxᵢ over time.
        case history(DenseMatrix)
    }

    private let source: Source
    /// The sums of the parts at hand, one period after the other, the larger ones first.
    private var sums: [Double] = []
    private let order: [Int]
    private let reciprocals: [Double]
    private var parts: [Part] = []

    /// The weights of all instruments, summing to 1, for an order that holds each once.
    static func weights(covariance: DenseMatrix, order: [Int]) -> [Double] {
        let reciprocals = order.map { 1 / covariance[$0, $0] }
        var bisection = RecursiveBisection(source: .covariance(covariance), order: order, reciprocals: reciprocals)
        return bisection.weights()
    }

    /// The same for the sample covariance of a history with its means taken off, of which only the squares are known.
    static func weights(history: DenseMatrix, squares: [Double], order: [Int]) -> [Double] {
        let reciprocals = order.map { 1 / squares[$0] }
        var bisection = RecursiveBisection(source: .history(history), order: order, reciprocals: reciprocals)
        let levels = Int.bitWidth - order.count.leadingZeroBitCount + 2
        bisection.sums = [Double](repeating: 0, count: history.rows * levels)
        return bisection.weights()
    }

    private init(source: Source, order: [Int], reciprocals: [Double]) {
        self.source = source
        self.order = order
        self.reciprocals = reciprocals
        parts.reserveCapacity(2 * order.count)
    }

    private mutating func weights() -> [Double] {
        var weights = [Double](repeating: 0, count: order.count)
        guard !order.isEmpty else { return weights }
        let whole = add(0..<order.count, isWhole: true, level: 0)
        distribute(1, over: whole, 0..<order.count, into: &weights)
        return weights
    }

    /// Adds a part after those it is made of; returns its number.
    private mutating func add(_ range: Range<Int>, isWhole: Bool = false, level: Int) -> Int {
        if range.count == 1 {
            let y = reciprocals[range.lowerBound]
            parts.append(Part(form: y, sum: y))
            if case .history(let history) = source { setSum(history, range.lowerBound, level: level) }
        } else {
            let (left, right) = Self.halves(of: range)
            let first = add(left, level: level)
            let second = add(right, level: level + 1)
            var part = Part(sum: parts[first].sum + parts[second].sum, halves: (first, second))
            switch source {
            case _ where isWhole: break
            case .covariance(let covariance):
                part.form = parts[first].form + parts[second].form + 2 * crossForm(covariance, left, right)
            case .history(let history): part.form = joinSums(periods: history.rows, level: level)
            }
            parts.append(part)
        }
        return parts.count - 1
    }

    /// Puts the weighted returns of one instrument in the place of a level.
    private mutating func setSum(_ history: DenseMatrix, _ place: Int, level: Int) {
        let periods = history.rows
        let y = reciprocals[place]
        let start = order[place] * periods
        history.elements.withUnsafeBufferPointer { source in
            sums.withUnsafeMutableBufferPointer { target in
                for k in 0..<periods { target[level * periods + k] = y * source[start + k] }
            }
        }
    }

    /// Adds the sum of the next level to that of this one; the square of the result.
    private mutating func joinSums(periods: Int, level: Int) -> Double {
        sums.withUnsafeMutableBufferPointer { entries in
            guard let start = entries.baseAddress else { return 0 }
            let sum = start + level * periods
            PointerKernels.add(1, sum + periods, into: sum, count: periods)
            return PointerKernels.longDot(sum, sum, count: periods)
        }
    }

    /// y₁ᵀ Σ₁₂ y₂.
    private func crossForm(_ covariance: DenseMatrix, _ left: Range<Int>, _ right: Range<Int>) -> Double {
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
