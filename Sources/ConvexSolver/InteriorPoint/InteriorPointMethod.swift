/// The homogeneous interior-point iteration on a prepared problem.
///
/// - SeeAlso: Goulart & Chen, Clarabel (2024), for the embedding of quadratic objectives; Mehrotra, SIAM J. Optimization
///   2 (1992), for predictor and corrector; Dahl & Andersen, Mathematical Programming 194 (2022), for nonsymmetric cones.
struct InteriorPointMethod {
    /// What the iteration ended with; the point is one of the unscaled problem, or a certificate.
    struct Outcome {
        var status: SolverStatus
        var x: [Double]
        var s: [Double]
        var z: [Double]
        var iterations: Int
    }

    private let scaledProblem: PreparedProblem
    private let scales: Equilibration
    private let cone: ProductCone
    private let assembly: KKTAssembly
    private let termination: Termination
    private let settings: SolverSettings

    init(
        _ scaled: PreparedProblem,
        scales: Equilibration,
        termination: Termination,
        settings: SolverSettings
    ) {
        scaledProblem = scaled
        self.scales = scales
        self.settings = settings
        cone = ProductCone(scaled.blocks)
        assembly = KKTAssembly(scaled, settings: settings)
        self.termination = termination
    }

    func run(shouldStop: () -> Bool) -> Outcome {
        guard let start = StartingPoint(scaledProblem, cone: cone, assembly: assembly, settings: settings) else {
            let zeros = [Double](repeating: 0, count: scaledProblem.rowCount)
            let origin = [Double](repeating: 0, count: scaledProblem.variableCount)
            return Outcome(status: .stalled, x: origin, s: zeros, z: zeros, iterations: 0)
        }
        if let verdict = termination.judgeSingularity(freeRay: start.freeRay, contradiction: start.contradiction) {
            var ray = start.iterate
            (ray.x, ray.z) = (start.freeRay, start.contradiction)
            ray.s = [Double](repeating: 0, count: ray.s.count)
            return certificate(verdict == .primalInfeasible ? .primalInfeasible : .dualInfeasible, ray, 0)
        }
        var point = start.iterate
        var best = (point: point, worst: Double.infinity, iteration: 0)
        var halved = (worst: Double.infinity, iteration: 0)
        var ray = (point: point, defect: Double.infinity)
        var shortSteps = 0
        for iteration in 0...settings.maximumIterations {
            let judgement = termination.judge(point)
            let worst = judgement.worst
            if worst < best.worst { best = (point, worst, iteration) }
            if worst < halved.worst / 2 { halved = (worst, iteration) }
            if judgement.certificateDefect <= ray.defect { ray = (point, judgement.certificateDefect) }
            switch judgement.verdict {
            case .optimal: return outcome(.solved, point, iteration)
            case .primalInfeasible: return certificate(.primalInfeasible, point, iteration)
            case .dualInfeasible: return certificate(.dualInfeasible, point, iteration)
            case .undecided: break
            }
            if iteration == settings.maximumIterations {
                return lastResort(.iterationLimit, ray.point, best.point, iteration)
            }
            // Near the boundary of a nonsymmetric cone rounding makes steps short before it makes points worse.
            let lastGain = cone.nonsymmetric.isEmpty ? best.iteration : halved.iteration
            if best.worst <= settings.reducedTolerance, iteration - lastGain >= settings.patience {
                return outcome(.stalled, best.point, iteration)
            }
            if shouldStop() { return outcome(.stopped, best.point, iteration) }

            guard
                let scaling = ConeScaling(cone: cone, s: point.s, z: point.z),
                let system = KKTSystem(
                    scaledProblem,
                    assembly: assembly,
                    scaling: scaling,
                    settings: settings,
                    rounds: refinementRounds(at: point)
                )
            else { return lastResort(.stalled, ray.point, best.point, iteration) }
            let residuals = Residuals(scaledProblem, point)
            let step = NewtonStep(
                scaledProblem,
                point: point,
                residuals: residuals,
                scaling: scaling,
                system: system
            )
            let (direction, reach) = choose(step, from: point)
            let length = StepLength.central(
                point,
                direction,
                longest: settings.stepFraction * reach,
                cone: cone,
                settings: settings
            )
            guard length.isFinite else { return lastResort(.stalled, ray.point, best.point, iteration) }
            shortSteps = length < settings.smallestStep ? shortSteps + 1 : 0
            if shortSteps >= settings.stalledSteps { return lastResort(.stalled, ray.point, best.point, iteration) }
            point.advance(length, along: direction)
            point.normalize()
        }
        return outcome(.iterationLimit, best.point, settings.maximumIterations)
    }

    private func refinementRounds(at point: Iterate) -> Int {
        let isSolvable = point.kappa <= point.tau
        return cone.nonsymmetric.isEmpty || isSolvable
            ? settings.refinementRounds : settings.certificateRefinementRounds
    }

    /// Mehrotra's direction, and how far it can go.
    private func choose(_ step: NewtonStep, from point: Iterate) -> (direction: SearchDirection, reach: Double) {
        let affine = step.affine()
        let sigma = centering(afterStep: StepLength.maximum(point, affine, cone: cone))
        let mu = point.complementarity(degree: cone.degree)
        let corrected = step.combined(affine: affine, centering: sigma, mu: mu)
        let reach = StepLength.maximum(point, corrected, cone: cone)
        guard reach < settings.shortStep else { return (corrected, reach) }
        // Far from the central path the predictor is long but cannot be taken, and its second-order terms, which assume
        // that it was, point nowhere.
        let centered = step.combined(affine: nil, centering: max(sigma, settings.recentering), mu: mu)
        let centeredReach = StepLength.maximum(point, centered, cone: cone)
        return centeredReach > reach ? (centered, centeredReach) : (corrected, reach)
    }

    /// Mehrotra's σ: little centering when the predictor could go far.
    private func centering(afterStep length: Double) -> Double {
        let rest = 1 - length
        return rest * rest * rest
    }

    /// What an iteration that cannot go on leaves: a certificate if the point nearest to one is one, else the best point.
    private func lastResort(_ status: SolverStatus, _ ray: Iterate, _ best: Iterate, _ iteration: Int) -> Outcome {
        switch termination.judgeLast(ray) {
        case .primalInfeasible: certificate(.primalInfeasible, ray, iteration)
        case .dualInfeasible: certificate(.dualInfeasible, ray, iteration)
        case .optimal, .undecided, nil: outcome(status, best, iteration)
        }
    }

    private func outcome(_ status: SolverStatus, _ point: Iterate, _ iterations: Int) -> Outcome {
        let inverse = 1 / point.tau
        let solution = scales.unscaled(
            x: point.x.map { $0 * inverse },
            s: point.s.map { $0 * inverse },
            z: point.z.map { $0 * inverse }
        )
        return Outcome(status: status, x: solution.x, s: solution.s, z: solution.z, iterations: iterations)
    }

    private func certificate(_ status: SolverStatus, _ point: Iterate, _ iterations: Int) -> Outcome {
        let ray = scales.unscaled(x: point.x, s: point.s, z: point.z)
        return Outcome(status: status, x: ray.x, s: ray.s, z: ray.z, iterations: iterations)
    }
}
