internal import LinearAlgebra

extension WorkingSet {
    /// Recomputes gradient and row values from the point and the multipliers.
    func evaluate() {
        gradient.update(from: offset, count: count)
        PointerKernels.add(1, linear, into: gradient, count: count)
        addMovedProduct(into: gradient)
        productScale = 0
        for position in 0..<freeCount {
            let j = Int(free[position])
            productScale = max(productScale, abs(gradient[j] - offset[j] - linear[j]))
        }
        addMultipliers(to: gradient) { multiplier[activeRows[$0]] }
        evaluateRows()
        guard hasKinks else { return }
        for j in 0..<count { gradient[j] += slope[j] * cost[j] }
    }

    /// Recomputes the row values from the point.
    private func evaluateRows() {
        for j in 0..<count { slotVector[j] = x[j] - base[j] }
        for r in 0..<rowCount {
            rowValue[r] = rowOffset[r] + PointerKernels.dot(row(r), slotVector, count: count)
        }
        guard let limitRow else { return }
        var sum = rowOffset[limitRow]
        for j in 0..<count where x[j] != base[j] { sum += abs(x[j] - kink[j]) - abs(base[j] - kink[j]) }
        rowValue[limitRow] = sum
    }

    /// Newton's step on the equations of the free variables and the rows that hold: exact up to rounding, so that it
    /// solves them from anywhere and refines a solution.
    ///
    /// Gradient and row values must be those of the point.
    func correct() -> Bool {
        for position in 0..<freeCount { stepX[position] = gradient[Int(free[position])] }
        for (k, r) in activeRows.enumerated() {
            stepY[k] = (rowPlaces[r] == .lower ? rowLower[r] : rowUpper[r]) - rowValue[r]
        }
        guard solveSystem() else { return false }
        for position in 0..<freeCount { x[Int(free[position])] += stepX[position] }
        for (k, r) in activeRows.enumerated() { multiplier[r] += stepY[k] }
        return true
    }

    /// The largest gradient of a free variable, 0 at an exact solution.
    var residual: Double {
        var largest = 0.0
        for position in 0..<freeCount { largest = max(largest, abs(gradient[Int(free[position])])) }
        return largest
    }

    /// The largest entry of the parts a gradient is the sum of; what counts as zero is measured by it.
    var gradientScale: Double {
        var largest = productScale
        for j in 0..<count { largest = max(largest, abs(offset[j] + linear[j]), abs(linear[j])) }
        return largest
    }

    /// What a condition of a walk may miss: a gradient relative to the numbers it is made of, a point or a row's value.
    private static let gradientMiss = 1e-8
    private static let pointMiss = 1e-9

    /// Whether point and multipliers, as evaluated from the data, meet every condition but for rounding.
    func holds() -> Bool {
        var scale = gradientScale
        for j in 0..<count { scale = max(scale, abs(gradient[j])) }
        for r in activeRows { scale = max(scale, abs(multiplier[r])) }
        let miss = scale * Self.gradientMiss
        for j in 0..<count {
            switch places[j] {
            case .free:
                if abs(gradient[j]) > miss || x[j] < low[j] - Self.pointMiss || x[j] > high[j] + Self.pointMiss {
                    return false
                }
            case .lower, .upper: if sign[j] * gradient[j] < -miss { return false }
            case .kink: if abs(gradient[j]) > kinkWidth(j) + miss { return false }
            }
        }
        for r in 0..<totalRows {
            let room = Self.pointMiss * max(1, abs(rowValue[r]))
            if rowValue[r] > rowUpper[r] + room || rowValue[r] < rowLower[r] - room { return false }
            switch rowPlaces[r] {
            case .upper: if multiplier[r] < -miss { return false }
            case .lower: if multiplier[r] > miss { return false }
            case .equality, .inactive: break
            }
        }
        return true
    }

    /// Factors the free variables and makes the wanted rows hold, those that do not depend on others before them.
    func factorSystem(rows wanted: [(row: Int, place: RowPlace)]) -> Bool {
        let multipliers = Array(UnsafeBufferPointer(start: multiplier, count: totalRows))
        guard refactor() else { return false }
        for entry in wanted { activate(entry.row, at: entry.place) }
        if wanted.count > freeCount || !updateSchur(tolerance: Self.dependence * 10) {
            let isDefinite = refactor()
            guard isDefinite else { return false }
            for entry in wanted { activateIfIndependent(entry.row, at: entry.place) }
        }
        for r in 0..<totalRows { multiplier[r] = multipliers[r] }
        for r in 0..<totalRows where rowPlaces[r] == .inactive { multiplier[r] = 0 }
        return updateSchur()
    }

    /// Makes a row hold unless it depends, on the free variables, on those that hold already.
    @discardableResult
    func activateIfIndependent(_ r: Int, at place: RowPlace) -> Bool {
        // As many rows as free variables leave nothing independent, whatever rounding makes of it.
        guard activeRows.count < freeCount else { return false }
        gatherRow(r, into: scratch)
        var size = 0.0
        for position in 0..<freeCount { size += scratch[position] * scratch[position] }
        guard size > 0 else { return false }
        activate(r, at: place)
        guard !updateSchur(tolerance: Self.dependence * 10) else { return true }
        deactivate(r)
        return false
    }

    /// (VᵀV)⁻¹Vᵀw and Vᵀw: how the rows that hold explain w = L⁻¹a, and by how much.
    func projection(of w: UnsafePointer<Double>) -> (solution: [Double], products: [Double])? {
        guard updateSchur() else { return nil }
        let r = activeRows.count
        var products = [Double](repeating: 0, count: r)
        for k in 0..<r { products[k] = PointerKernels.dot(factor.attached + k * factor.stride, w, count: freeCount) }
        var solution = products
        if r > 0 { solveSchur(&solution) }
        return (solution, products)
    }

    /// A row's coefficients over all variables, less the combination of the rows that hold which explains them on the
    /// free ones: a resting variable where this is not zero makes the row independent.
    func unexplained(_ r: Int) -> [Double]? {
        gatherRow(r, into: scratch)
        factor.solveLower(scratch)
        guard let combination = projection(of: scratch)?.solution else { return nil }
        return (0..<count).map { j in
            var rest = restCoefficient(r, j)
            for (k, active) in activeRows.enumerated() { rest -= combination[k] * restCoefficient(active, j) }
            return rest
        }
    }

    /// The coefficient a variable would have in a row if it were free; at its kink it would first rise.
    private func restCoefficient(_ r: Int, _ j: Int) -> Double {
        r < rowCount ? row(r)[j] : places[j] == .kink ? 1 : slope[j]
    }
}
