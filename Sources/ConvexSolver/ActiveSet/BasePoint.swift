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
            if let kinks = program.kinks, kinks.costs[j] > 0 || kinks.limit < .infinity {
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
}
