internal import LinearAlgebra
public import Matrices
public import PortfolioModel

/// Puts together the covariance of a factor model, Σ = B F Bᵀ + D, which is never multiplied out.
///
/// - Parameters:
///   - loadings: B, n × k.
///   - factorCovariance: F, k × k, annual, symmetric.
///   - specificVariance: the diagonal of D, n, annual, not negative.
/// - Returns: Σ in its parts; F exactly symmetric, but not inspected for negative eigenvalues.
/// - Throws: ``EstimationError/wrongSize(part:expected:actual:)`` where the parts do not fit together;
///   ``EstimationError/unusableEntry(part:row:column:)`` for a value that is no number, or a negative variance.
/// - Complexity: O(nk + k²).
public func factorModelCovariance(
    loadings: DenseMatrix,
    factorCovariance: DenseMatrix,
    specificVariance: [Double]
) throws(EstimationError) -> FactorCovariance {
    let (count, factors) = (loadings.rows, loadings.columns)
    guard factorCovariance.rows == factors, factorCovariance.columns == factors else {
        throw .wrongSize(part: "factor_covariance", expected: factors, actual: factorCovariance.rows)
    }
    guard specificVariance.count == count else {
        throw .wrongSize(part: "specific_variance", expected: count, actual: specificVariance.count)
    }
    try requireFinite(loadings, part: "loadings")
    for (row, variance) in specificVariance.enumerated() where !(variance >= 0 && variance.isFinite) {
        throw .unusableEntry(part: "specific_variance", row: row, column: row)
    }
    return FactorCovariance(
        exposuresTransposed: loadings.transposed,
        factorCovariance: try symmetrized(factorCovariance, part: "factor_covariance"),
        specificVariance: specificVariance
    )
}

/// The factors of a risk model, with what it leaves out estimated.
///
/// Loadings and specific variances that are not given are regressed from the history; the factors' covariance that is
/// not given is the sample covariance of their returns. A covariance of the factors that is slightly indefinite is
/// replaced by the nearest one.
///
/// - Parameters:
///   - model: the risk model.
///   - history: its simple returns per period, T × n, when it has them.
///   - warnings: gets `covariance_repaired` where the factors' covariance was repaired.
/// - Returns: the factors, or nil for a model without factors, or with parts of them that nothing tells.
/// - Throws: ``EstimationError`` for parts that do not fit together, numbers that are none, too few observations,
///   factors that depend on each other, or an indefinite covariance.
/// - Complexity: O(nk) for loadings given, O(T n k) for loadings regressed.
public func factorStructure(
    of model: RiskModel,
    history: DenseMatrix?,
    _ warnings: inout [ResultWarning]
) throws(EstimationError) -> FactorStructure? {
    guard let factorModel = model.factorModel else { return nil }
    let factors = factorModel.factors.count
    if let returns = factorModel.factorReturns {
        guard returns.columns == factors else {
            throw .wrongSize(part: "factor_returns", expected: factors, actual: returns.columns)
        }
        try requireFinite(returns, part: "factor_returns")
    }
    var loadings = factorModel.loadings
    var specificVariance = factorModel.specificVariance
    if loadings == nil || specificVariance == nil {
        guard let history, let factorReturns = factorModel.factorReturns else { return nil }
        let fit = try regress(history, on: factorReturns, loadings: loadings)
        loadings = fit.loadings
        specificVariance = specificVariance ?? fit.residualVariance.map { $0 * model.periodsPerYear }
    }
    var factorCovariance = factorModel.factorCovariance
    if factorCovariance == nil, let returns = factorModel.factorReturns {
        factorCovariance = try sampleCovariance(of: returns, periodsPerYear: model.periodsPerYear)
    }
    guard let loadings, let specificVariance, let factorCovariance else { return nil }
    guard loadings.rows == model.instruments.count, loadings.columns == factors else {
        let isRowCountWrong = loadings.rows != model.instruments.count
        throw .wrongSize(
            part: "loadings",
            expected: isRowCountWrong ? model.instruments.count : factors,
            actual: isRowCountWrong ? loadings.rows : loadings.columns
        )
    }
    var covariance = try factorModelCovariance(
        loadings: loadings,
        factorCovariance: factorCovariance,
        specificVariance: specificVariance
    )
    covariance.factorCovariance = try repaired(covariance.factorCovariance, &warnings)
    return FactorStructure(
        factors: factorModel.factors,
        covariance: covariance,
        factorReturns: factorModel.factorReturns,
        loadingsEstimator: factorModel.loadings == nil ? "regressed" : "provided"
    )
}
