internal import PortfolioModel

extension LimitParameter {
    /// The ways to move a number that limit less: down before up, never below 0 where that has no meaning.
    func relaxations(at parameter: Int) -> [ProgramBuilder.Relaxation] {
        let room = pointer == "/max_gross_exposure" ? max(0, Constraints.largestSize - bound) : nil
        let raised = ProgramBuilder.Relaxation(parameter: parameter, sign: 1, most: room)
        let most = isNonnegative ? bound : nil
        let lowered = ProgramBuilder.Relaxation(parameter: parameter, sign: -1, most: most)
        let canFall = !isNonnegative || bound > 0
        return switch direction {
        case .up: [raised]
        case .down: canFall ? [lowered] : []
        case .either: canFall ? [lowered, raised] : [raised]
        }
    }

    /// Of some values of this number the one nearest to its own; nil without any.
    func nearest(of values: [Double]) -> Double? {
        values.min { abs($0 - bound) < abs($1 - bound) }
    }
}

/// A value moved outward by less than a step, so that a caller who takes it as it is meets it in spite of roundings.
///
/// - Parameters:
///   - value: what was computed.
///   - sign: which way is outward.
///   - steps: how many make a unit.
/// - Returns: a whole number of steps; the value itself where it is too large for that.
func roundedOutward(_ value: Double, sign: Double, steps: Double) -> Double {
    let count = value * steps
    guard count.isFinite, abs(count) < 1e15 else { return value }
    let rounded = sign > 0 ? (count - 1e-3).rounded(.up) : (count + 1e-3).rounded(.down)
    return rounded / steps
}
