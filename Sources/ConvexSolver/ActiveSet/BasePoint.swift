/// Where all variables of a program rest before any has moved.
struct BasePoint {
    var places: [Place]
    var point: [Double]
    /// Variables that the starting point moves away from the base point, with where to.
    var start: [(variable: Int, value: Double)] = []

    /// The bound nearest to zero, or the kink where there is one within the bounds.
    init(_ program: ParametricProgram) {
        let n = program.variableCount
        places = [Place](repeating: .lower, count: n)
        point = program.lower
        for j in 0..<n {
            if let kinks = program.kinks, kinks.isFelt(j) {
                let a = kinks.positions[j]
                if program.lower[j] < a, a < program.upper[j] {
                    places[j] = .kink
                    point[j] = a
                    continue
                }
                if a >= program.upper[j] {
                    places[j] = .upper
                    point[j] = program.upper[j]
                    continue
                }
                if a > program.lower[j] || program.kinks.map({ $0.positions[j] == program.lower[j] }) == true {
                    continue
                }
            }
            if abs(program.upper[j]) < abs(program.lower[j]) {
                places[j] = .upper
                point[j] = program.upper[j]
            }
        }
    }

    /// Everything where a point has it, but for variables that start there and rest at their lower bounds.
    init(_ program: ParametricProgram, restingAt values: [Double], free: [Int]) {
        places = [Place](repeating: .lower, count: values.count)
        point = values
        for j in values.indices where values[j] > program.lower[j] {
            places[j] = values[j] >= program.upper[j] ? .upper : .kink
        }
        for j in free {
            places[j] = .lower
            point[j] = program.lower[j]
            start.append((j, values[j]))
        }
    }

    /// Fills the first equation in the order of a ranking, as far as bounds and the upper bounds of rows allow.
    ///
    /// Where every coefficient is positive this is a feasible point, and for nested rows the best one of a linear
    /// objective; elsewhere it is only a start.
    mutating func fill(_ program: ParametricProgram, ranking: [Int]) {
        guard let budget = program.rows.firstIndex(where: { $0.lower == $0.upper }) else { return }
        let equation = program.rows[budget].coefficients
        var missing = program.rows[budget].upper
        var room = program.rows.map(\.upper)
        for j in point.indices where point[j] != 0 {
            missing -= equation[j] * point[j]
            for r in room.indices { room[r] -= program.rows[r].coefficients[j] * point[j] }
        }
        for j in ranking {
            guard missing > 0 else { return }
            guard equation[j] > 0, places[j] == .lower else { continue }
            var amount = min(program.upper[j] - point[j], missing / equation[j])
            for r in room.indices where r != budget && program.rows[r].coefficients[j] > 0 {
                amount = min(amount, room[r] / program.rows[r].coefficients[j])
            }
            guard amount > 0 else { continue }
            start.append((j, point[j] + amount))
            missing -= amount * equation[j]
            for r in room.indices { room[r] -= amount * program.rows[r].coefficients[j] }
        }
    }

    /// Trades pairs, the best to buy against the best to sell, as long as the gradient at the base point says that they
    /// pay, within the bounds, the upper bounds of rows and the limit on the kinks.
    ///
    /// For a linear objective and a budget of equal coefficients this is the best trade; elsewhere it is only a start.
    mutating func trade(_ program: ParametricProgram, costs: [Double], gradient: [Double]) {
        guard let kinks = program.kinks else { return }
        let n = point.count
        var left = kinks.limit < .infinity ? kinks.limit / 2 : 0.1 * point.reduce(0) { $0 + abs($1) }
        let price = (0..<n).map { gradient[$0] + costs[$0] }
        let proceeds = (0..<n).map { gradient[$0] - costs[$0] }
        var buys = (0..<n).filter { point[$0] < program.upper[$0] }
        buys.sort { (first: Int, second: Int) in (price[first], first) < (price[second], second) }
        var sales = (0..<n).filter { point[$0] > program.lower[$0] }
        sales.sort { (first: Int, second: Int) in (proceeds[first], first) > (proceeds[second], second) }
        var value = point
        var room: [Double] = []
        for row in program.rows {
            var value = 0.0
            for j in 0..<n { value += row.coefficients[j] * point[j] }
            room.append(row.lower == row.upper ? .infinity : row.upper - value)
        }
        var (b, s) = (0, 0)
        while left > 0, b < buys.count, s < sales.count {
            let (buy, sale) = (buys[b], sales[s])
            let gain = proceeds[sale] - price[buy]
            guard gain > 0, buy != sale else { break }
            var amount = min(left, program.upper[buy] - value[buy], value[sale] - program.lower[sale])
            for r in room.indices {
                let change = program.rows[r].coefficients[buy] - program.rows[r].coefficients[sale]
                if change > 0 { amount = min(amount, room[r] / change) }
            }
            amount = max(0, amount)
            value[buy] += amount
            value[sale] -= amount
            left -= amount
            for r in room.indices where room[r] < .infinity {
                room[r] -= amount * (program.rows[r].coefficients[buy] - program.rows[r].coefficients[sale])
            }
            if value[sale] <= program.lower[sale] { s += 1 } else { b += 1 }
        }
        start = (0..<n).filter { value[$0] != point[$0] }.map { ($0, value[$0]) }
    }
}
