internal import LinearAlgebra
internal import Matrices

/// How far an edge is followed: past kinks while the objective falls, never past a bound or a row.
struct HingeStep {
    enum Blocker: Equatable {
        /// A hinge (t) or a row (T + i) becomes active.
        case row(Int)
        /// A variable comes to a bound.
        case variable(Int)
    }

    struct End {
        var length: Double
        var blocker: Blocker
        /// Hinges that change sides on the way.
        var passed: [Int]
        /// How fast each activity changes.
        var rates: [Double]
        /// How fast each row's product changes.
        var rowRates: [Double]
    }

    private struct Kink {
        var length: Double
        var hinge: Int

        func comesBefore(_ other: Kink) -> Bool {
            length < other.length || (length == other.length && hinge < other.hinge)
        }
    }

    private let state: HingeState
    private let edge: HingeWalk.Edge
    private let direction: [Double]
    private let bland: Bool
    private let size: Double

    /// A rate below this fraction of the numbers it is the sum of is rounding.
    private static let rateRounding = 1e-12

    /// A slope this fraction of the first is the rounding of the weights' sum; stopping at a kink is never wrong.
    private static let slopeRounding = 1e-12

    /// A step below this is rounding.
    private static let rounding = 1e-13

    init(_ state: HingeState, edge: HingeWalk.Edge, direction: [Double], bland: Bool) {
        self.state = state
        self.edge = edge
        self.direction = direction
        self.bland = bland
        size = normInfinity(direction)
    }

    /// Where the edge ends, or nil when the objective falls along it for ever.
    mutating func run() -> End? {
        let program = state.program
        let rates = hingeRates()
        let rowRates = program.rows.times(direction)
        var limit = Double.infinity
        var blocker: Blocker?
        boundLimit(&limit, &blocker)
        rowLimit(rowRates, &limit, &blocker)
        var kinks = crossings(rates, before: limit)
        Self.makeHeap(&kinks)
        var slope = edge.slope
        var passed: [Int] = []
        while let kink = kinks.first {
            slope += program.weights[kink.hinge] * rates[kink.hinge].magnitude
            if slope >= Self.slopeRounding * edge.slope || bland {
                (limit, blocker) = (kink.length, .row(kink.hinge))
                break
            }
            passed.append(kink.hinge)
            Self.removeFirst(&kinks)
        }
        guard let blocker, limit.isFinite else { return nil }
        return End(length: limit, blocker: blocker, passed: passed, rates: rates, rowRates: rowRates)
    }

    /// A length that is none is 0; under Bland's rule one that is rounding is 0 too, so that ties are ties.
    private func settled(_ length: Double) -> Double { length < (bland ? Self.rounding : 0) ? 0 : length }

    /// L times the direction, the columns of moving variables only.
    private func hingeRates() -> [Double] {
        let (count, hinges) = (state.program.hingeCount, state.program.hinges)
        var rates = [Double](repeating: 0, count: count)
        hinges.elements.withUnsafeBufferPointer { elements in
            rates.withUnsafeMutableBufferPointer { target in
                for j in 0..<direction.count where direction[j] != 0 {
                    let (factor, start) = (direction[j], j * count)
                    for t in 0..<count { target[t] += factor * elements[start + t] }
                }
            }
        }
        return rates
    }

    private func boundLimit(_ limit: inout Double, _ blocker: inout Blocker?) {
        var pivot = 0.0
        for j in 0..<direction.count where direction[j].magnitude > Self.rateRounding * size {
            let bound = direction[j] < 0 ? state.program.lower[j] : state.program.upper[j]
            guard bound.isFinite else { continue }
            let length = settled((bound - state.x[j]) / direction[j])
            let isTie = limit.isFinite && (length - limit).magnitude <= 1e-14 * max(1, limit)
            if isTie ? (!bland && direction[j].magnitude > pivot) : length < limit {
                (limit, blocker, pivot) = (min(length, limit), .variable(j), direction[j].magnitude)
            }
        }
    }

    private func rowLimit(_ rowRates: [Double], _ limit: inout Double, _ blocker: inout Blocker?) {
        let program = state.program
        for i in 0..<program.rowCount where !state.isActive[program.hingeCount + i] {
            var largest = 0.0
            for j in 0..<direction.count { largest = max(largest, (program.rows[i, j] * direction[j]).magnitude) }
            guard rowRates[i].magnitude > Self.rateRounding * largest else { continue }
            // An equation that is not active holds at this point; any move along it is one too many.
            let blocks = i < program.equationCount || rowRates[i] > 0
            let length = i < program.equationCount ? 0 : settled(state.slacks[i] / rowRates[i])
            if blocks, length < limit { (limit, blocker) = (length, .row(program.hingeCount + i)) }
        }
    }

    /// The kinks ahead, in no order.
    private func crossings(_ rates: [Double], before limit: Double) -> [Kink] {
        let threshold = Self.rateRounding * size * state.largestHinge
        var kinks: [Kink] = []
        for t in 0..<rates.count {
            let rate = rates[t]
            guard rate.magnitude > threshold, (rate < 0) == state.above[t], !state.isActive[t] else { continue }
            let length = settled(-state.activities[t] / rate)
            if length < limit { kinks.append(Kink(length: length, hinge: t)) }
        }
        return kinks
    }

    // MARK: Heap, nearest kink first

    private static func makeHeap(_ kinks: inout [Kink]) {
        var i = kinks.count / 2 - 1
        while i >= 0 {
            sink(&kinks, i)
            i -= 1
        }
    }

    private static func removeFirst(_ kinks: inout [Kink]) {
        let last = kinks.removeLast()
        guard !kinks.isEmpty else { return }
        kinks[0] = last
        sink(&kinks, 0)
    }

    private static func sink(_ kinks: inout [Kink], _ start: Int) {
        kinks.withUnsafeMutableBufferPointer { heap in
            var i = start
            while true {
                var child = 2 * i + 1
                guard child < heap.count else { return }
                if child + 1 < heap.count, heap[child + 1].comesBefore(heap[child]) { child += 1 }
                guard heap[child].comesBefore(heap[i]) else { return }
                heap.swapAt(i, child)
                i = child
            }
        }
    }
}
