/// Every constant that steers the solvers, each with the value the tests hold.
public struct SolverSettings: Equatable, Sendable {
    // MARK: Interior point

    /// Residuals and gap (relative, from the data) at which a point counts as optimal.
    public var tolerance = 1e-10
    /// Residuals and gap of the final point, recomputed from the data, up to which it is reported as solved.
    public var acceptanceTolerance = 1e-8
    /// The same for ``SolverStatus/almostSolved``, when progress ends early.
    public var reducedTolerance = 1e-6
    /// How nearly a certificate of infeasibility must hold, relative to what it proves.
    public var infeasibilityTolerance = 1e-8
    /// Iterations of the interior-point method; a problem of our sizes takes 8 to 25.
    public var maximumIterations = 100
    /// The fraction of the way to the boundary of the cone that a step may go.
    public var stepFraction = 0.99
    /// A starting point nearer to the boundary than this fraction of its size is moved inside.
    public var startingMargin = 1e-2
    /// A corrected step that reaches less far than this is compared with one that only centers.
    public var shortStep = 0.3
    /// The least centering of such a step.
    public var recentering = 0.5
    /// β: with nonsymmetric cones a step ends where μ μ̃ ≤ 1/β.
    public var centrality = 1e-6
    /// By how much a step that ends elsewhere is shortened.
    public var centralStepFactor = 0.8
    /// A step shorter than this made no progress.
    public var smallestStep = 1e-6
    /// Short steps in a row after which the method counts as stalled.
    public var stalledSteps = 3
    /// Iterations without a better point (with nonsymmetric cones: one of half the residual) after which a point within
    /// the reduced tolerance counts as final.
    public var patience = 6

    // MARK: Equilibration

    /// Passes of Ruiz' scaling of rows and columns.
    public var equilibrationPasses = 8
    /// No single scale factor is larger than two to this power, or smaller than its reciprocal.
    public var largestScaleExponent = 40

    /// A right-hand side below this fraction of the largest says nothing about the size of x.
    public var boundDust = 1e-8

    // MARK: Linear systems

    /// Added to the diagonal of the scaled KKT matrix (subtracted for equality rows), so that singular ones factor.
    public var staticRegularization = 1e-12
    /// The same for equality rows, which may be redundant.
    public var equalityRegularization = 1e-12
    /// Added to the diagonal of P before the matrix is scaled, so that a direction without curvature has a scale.
    public var primalRegularization = 1e-11
    /// A row with several variables is eliminated while its weight ‖a‖²∞ z/s (in scaled units) is at most this.
    public var stiffness = 1e3
    /// Columns that belong to one nonsymmetric cone each, from which on they are eliminated cone by cone.
    public var leastLocalColumns = 40
    /// Corrections of a solution of the KKT system by its residual.
    public var refinementRounds = 4
    /// The same with nonsymmetric cones on the way to a certificate, where rows that exclude each other grow parallel.
    public var certificateRefinementRounds = 12
    /// Residual, relative to the right-hand side, at which correcting ends.
    public var refinementTolerance = 1e-12

    // MARK: Presolve and polish

    /// Whether fixed variables and redundant bound rows are removed before the solve.
    public var presolves = true
    /// Bounds that differ by less than this, relative to their size, are the same number.
    public var presolveTolerance = 1e-13
    /// Whether the active set of a converged point is solved for exactly.
    public var polishes = true
    /// Guesses of the active set that the polish tries.
    public var polishRounds = 12
    /// Unknowns up to which a point with nonsymmetric cones is polished; each of its Newton steps costs their cube.
    public var largestCurvedPolish = 800
    /// Newton steps on curved boundaries, for one guess.
    public var polishNewtonSteps = 8
    /// Corrections of a polish system by its residual; generous, because that is where the last digits come from.
    public var polishRefinementRounds = 8
    /// Regularization of the polish system.
    public var polishRegularization = 1e-9
    /// A multiplier or slack below zero by less than this (in scaled units) counts as zero.
    public var polishTolerance = 1e-11
    /// A polished point with residuals up to this is taken even when the unpolished one happened to be better.
    public var polishAcceptance = 1e-13
    /// Free variables and rows up to which a problem in its parts is polished: the polish multiplies them out.
    public var largestPolish = 1_500
    /// A slack below this fraction of the numbers it is the difference of is rounding, and is set to exactly zero.
    public var slackRounding = 1e-14

    // MARK: Hinge simplex

    /// A multiplier or a reduced cost outside its interval by less than this, relative to its kind, is rounding.
    public var hingeOptimality = 1e-11
    /// A row missed by more than this, relative to its numbers, at the least sum of violations proves infeasibility.
    public var hingeFeasibility = 1e-11
    /// A variable this near a bound is set to it.
    public var hingeRounding = 1e-14
    /// Pivots at most; a CVaR of 500 instruments and 10,000 scenarios takes about 200.
    public var maximumPivots = 20_000
    /// Updates of the inverse before it is computed afresh.
    public var pivotsBetweenFactorizations = 40
    /// A step shorter than this stands still.
    public var standingStep = 1e-13
    /// Steps that stand still, in a row, after which Bland's rule chooses.
    public var standingSteps = 60

    // MARK: Branch and bound

    /// Gap, relative to the objective, at which the search may end.
    public var relativeGap = 1e-9
    /// A gap up to this is reported as optimal, a larger one as within gap.
    public var optimalityGap = 1e-8
    /// Nodes solved at most.
    public var maximumNodes = 200_000
    /// A row of a disjunction violated by less than this, relative to its numbers, counts as satisfied.
    public var disjunctionTolerance = 1e-9
    /// The rounding heuristic runs at the root and then at every node whose number is a multiple of this.
    public var heuristicInterval = 50

    /// Disjunctions tried on both sides at one node.
    public var branchingTrials = 4
    /// A disjunction decided this often on both sides is tried no more.
    public var branchingReliability = 1
    /// A rise of the bound smaller than this, relative to the objective, counts as this.
    public var leastGain = 1e-9

    /// Variables up to which relaxations are solved by the dual active-set method.
    public var largestNodeProgram = 600
    /// And rows, cuts among them.
    public var largestNodeRows = 3_000
    /// Cuts kept for second-order cones.
    public var largestCutPool = 400
    /// Rounds of cuts in one relaxation.
    public var cutRounds = 40
    /// A point outside a cone by less than this, relative to its size, needs no cut.
    public var cutTolerance = 1e-8

    // MARK: Dual active set

    /// The weight of a proximal step, relative to the largest curvature of the objective.
    public var proximalWeight = 1e-6
    /// The same without any curvature, relative to the slope of the objective over the size of x.
    public var linearProximalWeight = 0.1
    /// Proximal steps at most.
    public var proximalSteps = 40
    /// The move of x, relative to x, at which proximal steps end.
    public var proximalTolerance = 1e-9
    /// A point beyond this says that the program may have no lower bound.
    public var largestVariable = 1e9
    /// Steps of one solve, for each row and variable.
    public var dualStepsPerRow = 4
    /// A pivot of the unit-diagonal Gram matrix below this tells a row that depends on the others.
    public var dependenceTolerance = 1e-10
    /// How far a scaled row may be violated.
    public var dualFeasibility = 1e-11
    /// A combination of rows that proves infeasibility may miss zero by this, relative to its parts.
    public var certificateTolerance = 1e-9
    /// And its bounds must add up to less than this, relative to their size.
    public var certificateGap = 1e-7

    /// The settings the tests hold.
    public init() {}
}
