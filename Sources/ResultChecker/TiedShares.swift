internal import Glibc

/// Finds the shares of what is at a kink for which the target is the best: those that leave no weight a reason to move.
///
/// Scenarios at the kink of a risk measure have shares, and weights of one size at that of a sum of the largest. A weight
/// stays where its slope, less the budget's price ν, lies between the slopes of its charge on either side, or
/// beyond where a bound is met. The distances from that are linear in shares and ν, piecewise; the sum of their squares is
/// made 0 by steps of Newton's method over the shares that are not at a bound (Gauss–Newton with projections).
struct TiedShares {
    /// Shares of scenarios, and of weights by sum.
    struct Found {
        var ofScenarios: [Double]
        var ofSizes: [[Double]]

        /// Whether they are such as may be.
        func areAllowed(by support: RiskSupport?, _ sums: [TiedSizes]) -> Bool {
            (support?.allows(ofScenarios) ?? true) && zip(sums, ofSizes).allSatisfy { $0.allows($1) }
        }
    }

    private let bound: OptimalityBound
    private let support: RiskSupport?
    private let ties: [RiskSupport.Tie]
    private let sums: [TiedSizes]
    /// The first column of each sum's shares.
    private var firstColumns: [Int] = []
    /// Shares and, last, ν.
    private var point: [Double]
    private var least: [Double]
    private var most: [Double]
    private let columns: Int
    /// What shares are worth in slopes: rows for sums of shares are scaled with it.
    private let unit: Double

    /// More shares than this are not looked for.
    static let mostTies = 400
    private static let mostSteps = 60
    /// A weight this close to its bound is at it.
    private static let atBound = 1e-9
    /// A weight this close to a kink of its charge is at it: what is held differs from what is kept by roundings.
    private static let atKink = 1e-11

    /// Nil where there are too many shares to look for.
    init?(_ bound: OptimalityBound, _ support: RiskSupport?) {
        self.bound = bound
        self.support = support
        (ties, sums) = (support?.ties ?? [], bound.tiedSizes)
        var largest = 0.0
        for tie in ties { for loss in tie.losses { largest = max(largest, abs(loss)) } }
        unit = bound.riskPrice * largest
        point = ties.map { $0.least + ($0.most - $0.least) / 2 }
        (least, most) = (ties.map(\.least), ties.map(\.most))
        if let support, let total = support.total, support.sharing > 0 {
            for index in 0..<support.sharing { point[index] = total / Double(support.sharing) }
        }
        for sum in sums {
            firstColumns.append(point.count)
            point += sum.members.map { _ in sum.left / Double(sum.members.count) }
            least += sum.members.map { _ in 0 }
            most += sum.members.map { _ in 1 }
        }
        columns = point.count + 1
        point.append(0)
        guard columns <= Self.mostTies + 1 else { return nil }
    }

    /// The shares found; whether they prove anything is for the bound to say.
    mutating func found() -> Found {
        var residuals = self.residuals(at: point)
        var error = Self.square(residuals)
        // The budget's price first: it may be far from 0.
        for _ in 0..<Self.mostSteps where error > 0 {
            guard let step = step(residuals) else { break }
            var share = 1.0
            var isBetter = false
            while share > 1e-12, !isBetter {
                let next = moved(step, by: share)
                let tried = self.residuals(at: next)
                let square = Self.square(tried)
                if square < error * (1 - 1e-4 * share) {
                    (point, residuals, error, isBetter) = (next, tried, square, true)
                }
                share /= 2
            }
            guard isBetter else { break }
        }
        let scenarios = Array(point[..<ties.count])
        return Found(
            ofScenarios: support?.settled(scenarios) ?? [],
            ofSizes: sums.indices.map { sums[$0].settled(shares(of: $0, at: point)) }
        )
    }

    private func shares(of sum: Int, at point: [Double]) -> [Double] {
        Array(point[firstColumns[sum]..<(firstColumns[sum] + sums[sum].members.count)])
    }

    private static func square(_ residuals: [Double]) -> Double { residuals.reduce(0) { $0 + $1 * $1 } }

    private func moved(_ step: [Double], by share: Double) -> [Double] {
        var next = point
        for index in next.indices { next[index] += share * step[index] }
        for index in least.indices { next[index] = min(max(next[index], least[index]), most[index]) }
        return next
    }

    /// How far each weight's slope is from where it must lie, then the sums of shares.
    private func residuals(at point: [Double]) -> [Double] {
        let price = point[columns - 1]
        var slopes = bound.slopes
        if let support {
            for (index, value) in support.gradient(Array(point[..<ties.count])).enumerated() {
                slopes[index] -= bound.riskPrice * value
            }
        }
        for (place, sum) in sums.enumerated() {
            let coefficients = sum.coefficients(shares(of: place, at: point), slopes.count - 1)
            for (index, coefficient) in coefficients.enumerated() where coefficient != 0 {
                slopes[index] -= sum.multiplier * coefficient * sign(of: index)
            }
        }
        var residuals: [Double] = []
        residuals.reserveCapacity(bound.weights.count + 1 + sums.count + (support?.flows.count ?? 0))
        for (index, weight) in bound.weights.enumerated() {
            let slope = slopes[index] - price
            var (least, most) = bound.charges[index].slopes(at: weight, tolerance: Self.atKink)
            if weight <= bound.lower[index] + Self.atBound { least = -.infinity }
            if weight >= bound.upper[index] - Self.atBound { most = .infinity }
            residuals.append(slope < least ? slope - least : slope > most ? slope - most : 0)
        }
        for (place, sum) in sums.enumerated() {
            let missing = sum.left - shares(of: place, at: point).reduce(0, +)
            residuals.append(sum.multiplier * (sum.isOfNothing ? min(0, missing) : missing))
        }
        if let support, let total = support.total {
            residuals.append(unit * (point[..<support.sharing].reduce(0, +) - total))
        }
        for flow in support?.flows ?? [] {
            let arriving = flow.arriving.reduce(flow.fixed) { $0 + point[$1] }
            residuals.append(unit * max(0, point[flow.kept] - arriving))
        }
        return residuals
    }

    private func sign(of index: Int) -> Double { bound.weights[index] < 0 ? -1 : 1 }

    /// The derivatives of one residual.
    private func row(_ index: Int) -> [Double] {
        var row = [Double](repeating: 0, count: columns)
        let count = bound.weights.count
        if index < count {
            row[columns - 1] = -1
            guard index < count - 1 else { return row }
            for (place, tie) in ties.enumerated() { row[place] = -bound.riskPrice * tie.losses[index] }
            for (place, sum) in sums.enumerated() {
                guard let member = sum.members.firstIndex(of: index) else { continue }
                row[firstColumns[place] + member] = -sum.multiplier * sign(of: index)
            }
        } else if index < count + sums.count {
            let sum = index - count
            for member in sums[sum].members.indices { row[firstColumns[sum] + member] = -sums[sum].multiplier }
        } else if let support, support.total != nil, index == count + sums.count {
            for place in 0..<support.sharing { row[place] = unit }
        } else if let support {
            let flow = support.flows[index - count - sums.count - (support.total == nil ? 0 : 1)]
            row[flow.kept] += unit
            for place in flow.arriving { row[place] -= unit }
        }
        return row
    }

    /// The step of least squares over what may move, from the rows that are missed or would be.
    private func step(_ residuals: [Double]) -> [Double]? {
        var normal = [Double](repeating: 0, count: columns * columns)
        var gradient = [Double](repeating: 0, count: columns)
        for (index, residual) in residuals.enumerated() where residual != 0 || isFixed(index) {
            let row = row(index)
            for i in 0..<columns where row[i] != 0 {
                gradient[i] += row[i] * residual
                for j in 0...i { normal[i * columns + j] += row[i] * row[j] }
            }
        }
        var free: [Int] = []
        for index in 0..<columns {
            if index + 1 == columns {
                free.append(index)
                continue
            }
            let isAtLeast = point[index] <= least[index] && gradient[index] > 0
            let isAtMost = point[index] >= most[index] && gradient[index] < 0
            if !isAtLeast, !isAtMost { free.append(index) }
        }
        return solved(normal, gradient, free)
    }

    /// Whether a residual is 0 at one value only, so that a step must keep it there.
    private func isFixed(_ index: Int) -> Bool {
        let count = bound.weights.count
        guard index < count else {
            if index < count + sums.count { return !sums[index - count].isOfNothing }
            return index == count + sums.count && support?.total != nil
        }
        let weight = bound.weights[index]
        guard weight > bound.lower[index] + Self.atBound, weight < bound.upper[index] - Self.atBound else {
            return false
        }
        let (below, above) = bound.charges[index].slopes(at: weight, tolerance: Self.atKink)
        return below == above
    }

    /// −N⁻¹g over the free columns, by a Cholesky factor; what it leaves undetermined stays.
    private func solved(_ normal: [Double], _ gradient: [Double], _ free: [Int]) -> [Double]? {
        let count = free.count
        var factor = [Double](repeating: 0, count: count * count)
        for i in 0..<count {
            for j in 0...i {
                let (a, b) = (max(free[i], free[j]), min(free[i], free[j]))
                var sum = normal[a * columns + b]
                if i == j { sum += 1e-13 * sum + Double.leastNormalMagnitude }
                for k in 0..<j { sum -= factor[i * count + k] * factor[j * count + k] }
                if i == j {
                    let own = normal[a * columns + a]
                    factor[i * count + i] = sum > 1e-13 * own ? sum.squareRoot() : .infinity
                } else {
                    factor[i * count + j] = sum / factor[j * count + j]
                }
            }
        }
        var solution = free.map { -gradient[$0] }
        for i in 0..<count {
            for k in 0..<i { solution[i] -= factor[i * count + k] * solution[k] }
            solution[i] /= factor[i * count + i]
        }
        for i in (0..<count).reversed() {
            for k in (i + 1)..<max(i + 1, count) { solution[i] -= factor[k * count + i] * solution[k] }
            solution[i] /= factor[i * count + i]
        }
        guard solution.allSatisfy(\.isFinite) else { return nil }
        var step = [Double](repeating: 0, count: columns)
        for (index, place) in free.enumerated() { step[place] = solution[index] }
        return step
    }
}
