internal import Glibc
internal import PortfolioModel

/// The search for the λ at which the equation Σw = 1 has no multiplier: bracketing, then the Illinois rule in ln λ.
///
/// The multiplier rises with λ: near 0 least risk is all that counts, which the equation holds up; for large λ the
/// logarithms are, which it holds down. Where limits leave it one sign for every λ, the first trial is the answer.
struct MultiplierSearch {
    typealias Trial = ConstrainedRiskBudgeting.Trial

    /// The multiplier, relative to λ, that counts as none.
    private static let none = 1e-10
    /// How λ changes from trial to trial until two signs are seen.
    private static let expansion = 4.0
    /// Trials at most until two signs are seen, and after.
    private static let mostExpansions = 12
    private static let mostTrials = 40
    /// A bracket of ln λ narrower than this is rounding.
    private static let narrowest = 1e-12

    private let first: Trial
    private var lower: Trial?
    private var upper: Trial?
    /// What the rule takes the multipliers at the ends for: it halves the one that stays twice.
    private var lowerValue = 0.0
    private var upperValue = 0.0
    private var lastWasLower: Bool?
    private var trials = 1
    /// Iterations of all trials.
    private(set) var iterations: Int
    private var nearest: Trial

    init(from trial: Trial) {
        first = trial
        nearest = trial
        iterations = 0
        record(trial)
    }

    /// The best answer so far.
    var best: Trial { isBracketed ? nearest : first }

    /// Whether both signs were seen, or none at all.
    var isBracketed: Bool { abs(nearest.multiplier) <= Self.none || (lower != nil && upper != nil) }

    /// The λ to try next; nil at the end.
    var next: Double? {
        guard abs(nearest.multiplier) > Self.none, trials < Self.mostTrials else { return nil }
        guard let lower else { return trials < Self.mostExpansions ? upper.map { $0.lambda / Self.expansion } : nil }
        guard let upper else { return trials < Self.mostExpansions ? lower.lambda * Self.expansion : nil }
        let (left, right) = (log(lower.lambda), log(upper.lambda))
        guard right - left > Self.narrowest else { return nil }
        let share = lowerValue / (lowerValue - upperValue)
        return exp(left + (right - left) * min(0.95, max(0.05, share)))
    }

    mutating func add(_ trial: Trial) {
        trials += 1
        record(trial)
    }

    private mutating func record(_ trial: Trial) {
        iterations += trial.minimum.report.iterations
        if abs(trial.multiplier) < abs(nearest.multiplier) { nearest = trial }
        let isLower = trial.multiplier < 0
        if isLower {
            lower = trial
            lowerValue = trial.multiplier
            if lastWasLower == true { upperValue /= 2 }
        } else {
            upper = trial
            upperValue = trial.multiplier
            if lastWasLower == false { lowerValue /= 2 }
        }
        lastWasLower = isLower
    }
}
