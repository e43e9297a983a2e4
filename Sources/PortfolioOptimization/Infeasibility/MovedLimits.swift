internal import PortfolioModel

extension AllocationLimits {
    /// The limits with weights that only the gross exposure bounds free up to the largest size there is: that number may
    /// move, and then they reach further.
    func reachingFurther() -> AllocationLimits {
        guard let reach else { return self }
        var limits = self
        for index in 0..<layout.instrumentCount {
            if let lower = expressions[index].lower, lower.parameter == nil, lower.bound == -reach {
                limits.expressions[index].lower?.bound = -Constraints.largestSize
            }
            if let upper = expressions[index].upper, upper.parameter == nil, upper.bound == reach {
                limits.expressions[index].upper?.bound = Constraints.largestSize
            }
        }
        limits.reach = Constraints.largestSize
        return limits
    }

    /// The limits with who has a floor counted among those who may be held or not: floors may move, and one that is 0
    /// holds nobody.
    func countingFloors() -> AllocationLimits {
        guard let limit = positionLimit, limit.alwaysHeld > 0 else { return self }
        var limits = self
        let others = (0..<layout.instrumentCount).filter { index in
            let (low, high) = (expressions[index].lower?.bound ?? 0, expressions[index].upper?.bound ?? 1)
            return low != 0 || high != 0
        }
        limits.positionLimit?.counted = Set(limit.counted).union(others).sorted()
        limits.positionLimit?.alwaysHeld = 0
        return limits
    }

    /// The limits with some of the caller's numbers replaced.
    func moving(_ values: [Int: Double]) -> AllocationLimits {
        guard !values.isEmpty else { return self }
        func moved(_ side: LimitSide?, isLower: Bool = false) -> LimitSide? {
            guard var side, let value = side.parameter.flatMap({ values[$0] }) else { return side }
            let bound = side.offset + side.slope * value
            // What the holdings come to stays in force until the number itself allows as much.
            if side.isGrandfathered, isLower ? bound > side.bound : bound < side.bound { return side }
            side.bound = bound
            side.isGrandfathered = false
            return side
        }
        var limits = self
        for (parameter, value) in values { limits.parameters[parameter].bound = value }
        for (index, expression) in expressions.enumerated() {
            limits.expressions[index].lower = moved(expression.lower, isLower: true)
            limits.expressions[index].upper = moved(expression.upper)
            // Without max_cash the one number holds cash from both sides.
            if index == layout.cash, let source = expression.lower?.parameter, let value = values[source],
                parameters[source].direction == .either
            {
                limits.expressions[index].upper?.bound = value
            }
        }
        limits.volatilityLimits = volatilityLimits.compactMap { moved($0) }
        if let side = moved(trackingLimit?.side) { limits.trackingLimit?.side = side }
        if let side = moved(positionLimit?.side) { limits.positionLimit?.side = side }
        limits.riskLimit = moved(riskLimit)
        limits.threshold = moved(threshold)
        limits.turnoverLimit = moved(turnoverLimit)
        return limits
    }

    /// The limits with those that are cones, on volatility and the tracking error, a share wider.
    func widened(by share: Double) -> AllocationLimits {
        var limits = self
        for index in volatilityLimits.indices { limits.volatilityLimits[index].bound *= 1 + share }
        if let bound = trackingLimit?.side.bound { limits.trackingLimit?.side.bound = bound * (1 + share) }
        return limits
    }

    /// Whether one of the caller's numbers limits volatility or the tracking error.
    func isRiskLimit(_ parameter: Int) -> Bool {
        volatilityLimits.contains { $0.parameter == parameter } || trackingLimit?.side.parameter == parameter
    }

    /// Whether some limit is a cone.
    var hasCones: Bool { !volatilityLimits.isEmpty || trackingLimit != nil }

    /// The limits with who is held decided as at a point: nothing is left to choose.
    func held(as point: [Double]) -> AllocationLimits {
        var limits = self
        let under = Set(threshold == nil ? [] : thresholdInstruments)
        let counted = Set(positionLimit?.counted ?? [])
        for index in 0..<layout.instrumentCount where under.contains(index) || counted.contains(index) {
            if point[index] == 0 {
                limits.expressions[index].upper = LimitSide(bound: 0)
                if layout.shortColumns[index] != nil { limits.expressions[index].lower = LimitSide(bound: 0) }
            } else if under.contains(index), let threshold, point[index] > 0 {
                limits.expressions[index].lower = threshold
            } else if under.contains(index), let threshold {
                limits.expressions[index].upper = LimitSide(
                    bound: -threshold.bound,
                    parameter: threshold.parameter,
                    subject: threshold.subject,
                    slope: -1
                )
            }
        }
        limits.threshold = nil
        limits.thresholdInstruments = []
        limits.positionLimit = nil
        return limits
    }
}
