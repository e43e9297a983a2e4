/// A view on the return of a combination of instruments, Σ pᵢ μᵢ = q, and how much it is trusted.
public struct BlackLittermanView: Equatable, Sendable {
    /// How much the view may be wrong.
    public enum Uncertainty: Equatable, Sendable {
        /// As uncertain as the prior is about the same combination: ω = τ pᵀΣp.
        case asPrior
        /// The variance ω of the view's error, annual, not negative.
        case variance(Double)
        /// Idzorek's confidence c from 0 to 1: ω = ((1 − c)/c) τ pᵀΣp; at 0 the view is dropped, at 1 it holds exactly.
        case confidence(Double)
    }

    /// One instrument's part in the combination.
    public struct Term: Equatable, Sendable {
        /// The index of the instrument.
        public var instrument: Int
        /// pᵢ.
        public var coefficient: Double

        /// Makes a term.
        public init(instrument: Int, coefficient: Double) {
            self.instrument = instrument
            self.coefficient = coefficient
        }
    }

    /// p, where it is not zero.
    public var terms: [Term]
    /// q, annual, as a fraction.
    public var expectedReturn: Double
    /// Whether q is a total return; otherwise it is one above the risk-free rate.
    public var isTotal: Bool
    /// Ω's entry for this view.
    public var uncertainty: Uncertainty

    /// Makes a view.
    public init(
        terms: [Term],
        expectedReturn: Double,
        isTotal: Bool = false,
        uncertainty: Uncertainty = .asPrior
    ) {
        self.terms = terms
        self.expectedReturn = expectedReturn
        self.isTotal = isTotal
        self.uncertainty = uncertainty
    }

    /// Makes a view from a whole row p.
    public init(
        row: [Double],
        expectedReturn: Double,
        isTotal: Bool = false,
        uncertainty: Uncertainty = .asPrior
    ) {
        let terms = row.enumerated().filter { $0.element != 0 }.map {
            Term(instrument: $0.offset, coefficient: $0.element)
        }
        self.init(terms: terms, expectedReturn: expectedReturn, isTotal: isTotal, uncertainty: uncertainty)
    }
}

/// Views that no posterior can be computed from; the caller must change them.
public enum BlackLittermanError: Error, Equatable, Sendable {
    /// A part has another size than the covariance.
    case wrongSize(part: String, expected: Int, actual: Int)
    /// τ is not a positive number.
    case unusableTau
    /// A term names an instrument that is not there.
    case unknownInstrument(view: Int, instrument: Int)
    /// A number of a view is a NaN or an infinity.
    case notFinite(view: Int)
    /// A confidence outside 0…1 or a variance below 0.
    case unusableUncertainty(view: Int)
    /// A view says something about a combination that has no risk, without a variance of its own.
    case viewWithoutRisk(view: Int)
    /// Certain views on combinations of which one follows from the others.
    case dependentViews
}
