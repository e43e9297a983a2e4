internal import PortfolioModel

/// Where a frontier is cut: a least return and a largest risk, from the limits in force and from the request.
struct FrontierCuts: Equatable {
    /// A number of the caller's.
    struct Cut: Equatable {
        var bound: Double
        /// JSON pointer of where it stands.
        var pointer: String
    }

    var leastReturn: Cut?
    var mostRisk: Cut?

    /// Takes the tightest of the limits and the request's own cuts.
    init(_ problem: AllocationProblem, _ request: FrontierRequest) {
        let (constraints, grandfathering) = (problem.constraints, problem.grandfathering)
        let returns = [constraints.minReturn, request.minimumReturn].compactMap { $0 }
        leastReturn = returns.max().map { Cut(bound: $0, pointer: "/min_return") }
        var risks: [Cut] = []
        if let bound = constraints.targetVolatility, request.riskMeasure == .volatility {
            let pointer = "/target_volatility"
            risks.append(Cut(bound: grandfathering.most(pointer, bound), pointer: pointer))
        }
        let ownRisk = constraints.maxRisk.map { grandfathering.most("/max_risk", $0) }
        for bound in [ownRisk, request.maximumRisk].compactMap({ $0 }) {
            risks.append(Cut(bound: bound, pointer: "/max_risk"))
        }
        mostRisk = risks.min { $0.bound < $1.bound }
    }

    /// A cut this share beyond the end of the line is at its end: a caller may have copied it from there.
    static let allowance = 1e-9

    /// Whether a return is below the least one by more than rounding.
    func excludes(expectedReturn: Double) -> Bool {
        guard let leastReturn else { return false }
        return leastReturn.bound - expectedReturn > Self.allowance * max(abs(leastReturn.bound), abs(expectedReturn))
    }

    /// Whether a risk is above the largest one by more than rounding.
    func excludes(risk: Double) -> Bool {
        guard let mostRisk else { return false }
        return risk - mostRisk.bound > Self.allowance * max(abs(mostRisk.bound), abs(risk))
    }

    /// The failure of cuts that leave nothing.
    ///
    /// - Parameters:
    ///   - low: least risk.
    ///   - high: most return.
    ///   - atLeastReturn: the least risk at the least return, when that return is attainable.
    ///   - atMostRisk: the most return at the largest risk, when that risk is attainable.
    /// - Returns: the failure, with the range that is attainable and for each cut the value that alone would do.
    func outOfReach(
        from low: FrontierAllocation,
        to high: FrontierAllocation,
        atLeastReturn: FrontierAllocation?,
        atMostRisk: FrontierAllocation?
    ) -> OptimizationFailure {
        var conflicts: [ConstraintConflict] = []
        if let leastReturn, excludes(expectedReturn: (atMostRisk ?? high).expectedReturn) {
            let nearest = mostRisk == nil || atMostRisk != nil ? (atMostRisk ?? high).expectedReturn : nil
            conflicts.append(
                ConstraintConflict(
                    constraint: leastReturn.pointer,
                    subject: nil,
                    bound: leastReturn.bound,
                    nearestFeasible: nearest
                )
            )
        }
        if let mostRisk, excludes(risk: (atLeastReturn ?? low).risk) {
            let nearest = leastReturn == nil || atLeastReturn != nil ? (atLeastReturn ?? low).risk : nil
            conflicts.append(
                ConstraintConflict(
                    constraint: mostRisk.pointer,
                    subject: nil,
                    bound: mostRisk.bound,
                    nearestFeasible: nearest
                )
            )
        }
        return OptimizationFailure(
            code: "infeasible",
            message: "No portfolio of the frontier is within the limits on return and risk: returns from"
                + " \(readable(low.expectedReturn)) to \(readable(high.expectedReturn)) and risks from"
                + " \(readable(low.risk)) to \(readable(high.risk)) are attainable.",
            conflicts: conflicts
        )
    }
}
