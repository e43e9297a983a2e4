internal import LinearAlgebra

/// The point of the path at which a ratio is largest: (−pᵀx − Σ d|x − a|) / √(xᵀPx), for programs whose linear term and
/// costs are multiples of λ.
///
/// On the path, with E the numerator and V = xᵀPx, the ratio grows while V > λE and falls after; V − λE is linear in λ on every
/// segment, so that its root is exact (docs/mathematics.md, "The tangency").
extension ActiveSetSearch {
    /// Newton steps on λ from guess to guess before the walk takes over.
    private static let maximumJumps = 8

    mutating func solveRatio(shouldStop: () -> Bool) throws(ActiveSetFailure) -> ActiveSetSolution {
        guard let direction = program.direction else { throw .invalid }
        var parameter = try startingParameter(direction)
        setParameter(parameter)
        while true {
            guard !shouldStop() else { throw .stopped }
            parameter = try rootOfWorkingSet(from: parameter, direction: direction)
            countPricing()
            setParameter(parameter)
            let entering = price()
            if entering.isEmpty { break }
            guard effort.pricings < settings.maximumPricings else { throw .unfinished(.pricing) }
            enter(entering)
        }
        return try solution(at: parameter)
    }

    /// λ = V/E at the starting point.
    private mutating func startingParameter(_ direction: [Double]) throws(ActiveSetFailure) -> Double {
        setParameter(1)
        begin()
        set.evaluate()
        let moments = self.moments(direction)
        guard moments.gain > 0, moments.variance > 0 else { return 1 }
        return moments.variance / moments.gain
    }

    /// E = −pᵀx − Σ d|x − a| and V = xᵀPx; gradient and multipliers must belong to the point.
    private func moments(_ direction: [Double]) -> (gain: Double, variance: Double) {
        var gain = baseGain
        var variance = baseVariance
        let costDirection = program.kinks?.costDirection ?? []
        for j in 0..<set.count where set.x[j] != set.base[j] {
            let step = set.x[j] - set.base[j]
            gain -= direction[Int(set.names[j])] * step
            if !costDirection.isEmpty {
                let away = abs(set.x[j] - set.kink[j]) - abs(set.base[j] - set.kink[j])
                gain -= costDirection[Int(set.names[j])] * away
            }
            var product = set.gradient[j] - set.linear[j] - set.slope[j] * set.cost[j]
            for r in set.activeRows { product -= set.multiplier[r] * set.coefficient(r, j) }
            if set.proximal > 0 { product -= set.proximal * step }
            variance += step * (set.offset[j] + product)
        }
        return (gain, variance)
    }

    private mutating func rootOfWorkingSet(
        from start: Double,
        direction: [Double]
    ) throws(ActiveSetFailure) -> Double {
        var parameter = start
        for jump in 0...Self.maximumJumps {
            setLinear(parameter)
            try solveWorkingSet()
            let now = moments(direction)
            guard now.gain > 0 else { throw .unfinished(.noGain) }
            let excess = now.variance - parameter * now.gain
            if abs(excess) <= 1e-15 * now.variance { return parameter }
            if set.proximal > 0 {
                // The walk would follow the regularized path; V/E converges faster than linearly by itself.
                let next = now.variance / now.gain
                if jump == Self.maximumJumps || abs(next - parameter) <= 1e-15 * parameter { return parameter }
                parameter = next
                continue
            }
            setRates(1)
            let walk = ParametricWalk(set, from: 0, maximumSteps: 0)
            guard walk.direction() else { throw .unfinished(.singular) }
            let jumpLength = excess / (now.gain - parameter * gainRate(direction))
            let isNear = abs(jumpLength) <= 0.02 * parameter
            guard isNear || jump == Self.maximumJumps || !jumpLength.isFinite else {
                parameter = min(max(parameter + jumpLength, parameter / 8), parameter * 8)
                continue
            }
            return try walkToRoot(from: parameter, excess: excess, direction: direction)
        }
        return parameter
    }

    /// dE along the direction the walk has just computed.
    private func gainRate(_ direction: [Double]) -> Double {
        var rate = 0.0
        for position in 0..<set.freeCount {
            rate -= direction[Int(set.names[Int(set.free[position])])] * set.stepX[position]
        }
        guard let moving = program.kinks?.costDirection else { return rate }
        for position in 0..<set.freeCount {
            let j = Int(set.free[position])
            rate -= moving[Int(set.names[j])] * set.slope[j] * set.stepX[position]
        }
        return rate
    }

    private mutating func walkToRoot(
        from start: Double,
        excess: Double,
        direction: [Double]
    ) throws(ActiveSetFailure) -> Double {
        let side: Double = excess > 0 ? 1 : -1
        setRates(side)
        let limit = settings.stepsPerVariable * (set.count + set.totalRows) + 50
        var walk = ParametricWalk(set, from: 0, maximumSteps: limit)
        let search = self
        let end = walk.run(to: side > 0 ? .infinity : start) { segment in
            search.rootInSegment(segment, start: start, side: side, direction: direction)
        }
        countSteps(walk.steps)
        guard case .halted = end else { throw .unfinished(end == .singular ? .singular : .stalled) }
        let root = start + side * walk.parameter
        setLinear(root)
        clearRates()
        try refine()
        return root
    }

    /// Where V − λE vanishes on a segment, if it does.
    private func rootInSegment(_ segment: PathSegment, start: Double, side: Double, direction: [Double]) -> Double? {
        let parameter = start + side * segment.start
        let now = moments(direction)
        let excess = now.variance - parameter * now.gain
        // Rates are per unit of the walk's own parameter, which runs backwards when `side` is negative.
        let slope = now.gain - parameter * side * gainRate(direction)
        guard slope > 0 else { return nil }
        let length = max(0, side * excess) / slope
        return length <= segment.length ? length : nil
    }
}
