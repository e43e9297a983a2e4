internal import Matrices
internal import PortfolioModel

/// The limits of one period, with what they hang on: the weights of the period before.
///
/// Where those are unknowns, what is sold is s ≥ w₋ − w with w₋ a variable; the limits are compiled as if everything were
/// held, and the rows that say so are tied to the period before when a program is made.
struct PathStage {
    /// The mandate of the period, with the limits as they are posed.
    let method: MeanVarianceMethod
    /// Weights of a path of which every one may be held where it was by an equation.
    private static let mostEquations = 600
    /// For each expression that says what is sold, the instrument, or cash, whose previous weight it hangs on.
    let ties: [Int: Int]
    /// For each expression that limits a change, on both sides, the same.
    let changes: [Int: Int]
    /// The number of the caller's behind a terminal target; nil in all periods but the last.
    private(set) var targetParameter: Int?

    /// The first period, whose previous weights are the holdings.
    init(first problem: AllocationProblem) {
        let start = problem.ofPeriod(0, from: problem.currentWeights, cash: problem.currentCash)
        // What is explained by moving numbers has both of them in rows; one period is explained as any mandate is.
        let horizon = problem.parameters.horizon
        let folds = (horizon?.periodCount ?? 1) == 1 && horizon?.terminalTarget == nil
        method = MeanVarianceMethod(start, limits: ConstraintCompiler.compile(start, foldsChanges: folds))
        ties = [:]
        changes = [:]
    }

    /// A later period, counted from 0; moments in units are shared with the first.
    init(_ problem: AllocationProblem, period: Int, sharing first: PathStage) {
        let everything = [Double](repeating: 1, count: problem.instruments.count)
        let posed = problem.ofPeriod(period, from: everything, cash: 1)
        var limits = ConstraintCompiler.compile(posed, foldsChanges: false)
        var ties: [Int: Int] = [:]
        for (index, expression) in limits.expressions.enumerated() where expression.terms.count == 2 {
            let (sold, held) = (expression.terms[0].variable, expression.terms[1].variable)
            guard held <= limits.layout.cash, limits.layout.soldColumns[held] == sold else { continue }
            ties[index] = held
            limits.expressions[index].lower?.bound = 0
        }
        let weights = problem.instruments.count * (problem.parameters.horizon?.periodCount ?? 1)
        for expression in limits.changeRows.keys {
            limits.moveChange(expression, to: 0)
            // An equation a weight is more than the small matrix of large programs may hold.
            if weights > Self.mostEquations { limits.widenChange(expression, to: AllocationLimits.tolerance) }
        }
        self.ties = ties
        changes = limits.changeRows
        method = MeanVarianceMethod(posed, limits: limits, scaling: first.method.scaling)
    }

    private init(method: MeanVarianceMethod, like stage: PathStage, targetParameter: Int?) {
        self.method = method
        ties = stage.ties
        changes = stage.changes
        self.targetParameter = targetParameter
    }

    var limits: AllocationLimits { method.limits }

    /// The stage with other limits.
    func with(_ limits: AllocationLimits) -> PathStage {
        let moved = MeanVarianceMethod(method.problem, limits: limits, scaling: method.scaling)
        return PathStage(method: moved, like: self, targetParameter: targetParameter)
    }

    /// The stage with every weight held at a target, cash last.
    func reaching(_ target: [Double]) -> PathStage {
        var limits = limits
        let parameter = limits.parameters.count
        limits.parameters.append(LimitParameter(pointer: "/horizon/terminal_target", bound: 1, direction: .either))
        for (index, weight) in target.enumerated() {
            let side = LimitSide(bound: weight, parameter: parameter)
            limits.expressions.append(LimitedExpression(terms: [(index, 1)], lower: side, upper: side))
        }
        var stage = with(limits)
        stage.targetParameter = parameter
        return stage
    }

    /// The mandate of the period once the weights before it are known, cash last.
    func settled(after previous: [Double]) -> MeanVarianceMethod {
        var limits = limits
        limits.currentWeights = previous
        for (expression, index) in ties { limits.expressions[expression].lower?.bound = previous[index] }
        for (expression, index) in changes { limits.moveChange(expression, to: previous[index]) }
        let problem = method.problem
        return MeanVarianceMethod(problem, limits: limits, scaling: method.scaling)
    }
}

extension AllocationLimits {
    /// Has a limit on a change count from another weight.
    fileprivate mutating func moveChange(_ expression: Int, to weight: Double) {
        func moved(_ side: LimitSide?) -> LimitSide? {
            guard var side else { return nil }
            side.bound += weight - side.offset
            side.offset = weight
            return side
        }
        expressions[expression].lower = moved(expressions[expression].lower)
        expressions[expression].upper = moved(expressions[expression].upper)
    }

    /// Leaves a change that may not be at all a hair.
    fileprivate mutating func widenChange(_ expression: Int, to hair: Double) {
        guard let upper = expressions[expression].upper, upper.bound - upper.offset < hair else { return }
        expressions[expression].lower?.bound = upper.offset - hair
        expressions[expression].upper?.bound = upper.offset + hair
    }
}

extension CovarianceModel {
    /// How many factors it may have: as many as instruments, for a matrix.
    var rank: Int {
        switch self {
        case .dense(let matrix): matrix.rows
        case .factors(let model): model.factorCount
        }
    }
}
