internal import LinearAlgebra
internal import Matrices
internal import PortfolioModel

/// How uncertain the factor loadings of some instruments are, and the worst volatility of weights that follows.
///
/// Each row bᵢ of B may be off by any δᵢ with √(δᵢᵀFδᵢ) ≤ ρᵢ. The common part of the volatility is √(xᵀFx), x = Bᵀw, and a
/// move of all rows moves x by Σ wᵢδᵢ, whose length is at most Σ ρᵢ|wᵢ| and that where all of them point along x. So
///
///     worst σ² = (√(xᵀFx) + Σ ρᵢ|wᵢ|)² + wᵀDw
///
/// (docs/mathematics.md, "Robust optimization").
///
/// - SeeAlso: Goldfarb & Iyengar, Mathematics of Operations Research 28 (2003), section 3; their norm of loadings is G = F,
///   their factor returns' covariance.
struct LoadingUncertainty: Sendable {
    /// Σ = B F Bᵀ + D.
    let model: FactorCovariance
    /// ρ, an annual volatility, one an instrument.
    let radii: [Double]

    /// Takes what a request says of the loadings; nil where they are certain, or nothing comes of them.
    ///
    /// - Parameters:
    ///   - uncertainty: that of the request.
    ///   - moments: of all instruments, with the history that the loadings come from.
    /// - Throws: ``OptimizationFailure`` with the code `missing_factors`, `missing_history` or `invalid_inputs`.
    init?(_ uncertainty: Uncertainty?, of moments: Moments) throws(OptimizationFailure) {
        guard let uncertainty, uncertainty.kind == .factorLoadings, uncertainty.size > 0 else { return nil }
        guard case .factors(let model) = moments.covariance else {
            throw OptimizationFailure(
                code: "missing_factors",
                message: "An uncertainty of kind factor_loadings needs a covariance that is a factor model, B F Bᵀ + D;"
                    + " that of the risk model is a matrix."
            )
        }
        let radii = try Self.radii(uncertainty, moments, model)
        self.init(model: model, radii: radii)
    }

    /// Nil where no loading may be off, and where factors without variance make loadings matter for nothing.
    private init?(model: FactorCovariance, radii: [Double]) {
        guard radii.contains(where: { $0 > 0 }), model.factorCovariance.diagonal.contains(where: { $0 > 0 }) else {
            return nil
        }
        self.model = model
        self.radii = radii
    }

    private static func radii(
        _ uncertainty: Uncertainty,
        _ moments: Moments,
        _ model: FactorCovariance
    ) throws(OptimizationFailure) -> [Double] {
        if let given = uncertainty.radii {
            let known = Set(moments.instruments)
            if let unknown = given.keys.filter({ !known.contains($0) }).min() {
                throw OptimizationFailure(
                    code: "invalid_inputs",
                    message: "uncertainty.radii names \(unknown), which the risk model does not have."
                )
            }
            return moments.instruments.map { uncertainty.size * (given[$0] ?? 0) }
        }
        guard let periods = moments.returns?.rows, periods > 0 else {
            throw missingHistory("uncertainty.radii", "what the loadings may be off")
        }
        return model.specificVariance.map { uncertainty.size * (max(0, $0) / Double(periods)).squareRoot() }
    }

    /// That of some of the instruments.
    func selecting(_ indices: [Int]) -> LoadingUncertainty? {
        guard case .factors(let chosen) = CovarianceModel.factors(model).selecting(indices) else { return nil }
        return LoadingUncertainty(model: chosen, radii: indices.map { radii[$0] })
    }

    /// √(xᵀFx), the volatility that the factors bring.
    private func common(_ weights: [Double]) -> Double {
        max(0, model.factorCovariance.quadraticForm(model.exposure(of: weights))).squareRoot()
    }

    /// The largest annual volatility of weights.
    func volatility(of weights: [Double]) -> Double {
        var common = common(weights)
        var specific = 0.0
        for (index, weight) in weights.enumerated() where weight != 0 {
            common += radii[index] * weight.magnitude
            specific += model.specificVariance[index] * weight * weight
        }
        return (common * common + specific).squareRoot()
    }

    // MARK: In programs

    /// The column t ≥ √(xᵀFx) / unit that stands for the factors' part, as a penalty that costs nothing by itself.
    func column(_ column: Int, unit: Double) -> UncertaintyPenalty {
        let scaled = FactorCovariance(
            exposuresTransposed: model.exposures,
            factorCovariance: model.factorCovariance,
            specificVariance: [Double](repeating: 0, count: radii.count)
        )
        let rows = VolatilityFactor(CovarianceModel.factors(scaled).scaled(by: 1 / (unit * unit))).rows
        return UncertaintyPenalty(
            cone: UncertaintyPenalty.Cone(
                column: column,
                rows: rows,
                anchorRows: [Double](repeating: 0, count: rows.count),
                price: 0
            ),
            instrumentCount: radii.count
        )
    }

    /// Worst σ² / unit² as a quadratic form over decision variables: (t + Σ ρᵢ(wᵢ + 2hᵢ)/unit)² + wᵀDw / unit², h what is
    /// short.
    func covariance(_ layout: VariableLayout, column: Int, unit: Double) -> CovarianceModel {
        var exposures = DenseMatrix(rows: 1, columns: layout.count)
        var specific = [Double](repeating: 0, count: layout.count)
        for (index, radius) in radii.enumerated() {
            exposures[0, index] = radius / unit
            // |w| = w + 2h.
            if let short = layout.shortColumns[index] { exposures[0, short] = 2 * radius / unit }
            specific[index] = model.specificVariance[index] / (unit * unit)
        }
        exposures[0, column] = 1
        return .factors(
            FactorCovariance(
                exposuresTransposed: exposures,
                factorCovariance: .identity(1),
                specificVariance: specific
            )
        )
    }
}

extension UncertaintyPenalty {
    /// A cone whose column costs the return nothing.
    init(cone: Cone, instrumentCount: Int) {
        haircuts = [Double](repeating: 0, count: instrumentCount)
        self.cone = cone
    }
}

/// The worst volatility as a measure of risk.
extension LoadingUncertainty: PortfolioRisk {
    func profile(of weights: [Double]) -> [Double] { weights }

    func profile(ofInstrument index: Int) -> [Double] {
        var weights = [Double](repeating: 0, count: radii.count)
        weights[index] = 1
        return weights
    }

    func value(ofProfile profile: [Double]) -> Double { volatility(of: profile) }

    /// ((a + Σρ|w|)(BFx/a + ρ sign w) + Dw)/σ, a = √(xᵀFx).
    func gradient(atProfile profile: [Double]) -> [Double] {
        let (volatility, common) = (volatility(of: profile), common(profile))
        guard volatility > 0 else { return [Double](repeating: 0, count: profile.count) }
        let raised = zip(radii, profile).reduce(common) { $0 + $1.0 * $1.1.magnitude }
        let pressure = model.factorCovariance.symmetricTimes(model.exposure(of: profile))
        let slopes = model.exposures.transposedTimes(pressure)
        return profile.indices.map { index in
            let weight = profile[index]
            let sign: Double = weight < 0 ? -1 : weight > 0 ? 1 : 0
            let along = common > 0 ? slopes[index] / common : 0
            return (raised * (along + radii[index] * sign) + model.specificVariance[index] * weight) / volatility
        }
    }

    var scale: Double { powerOfTwo(near: (CovarianceModel.factors(model).diagonal.max() ?? 0).squareRoot()) }
}
