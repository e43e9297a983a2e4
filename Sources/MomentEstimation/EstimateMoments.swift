internal import Matrices
public import PortfolioModel

/// Estimates expected returns and covariance from what a risk model has.
///
/// What is provided is taken as it is. Otherwise expected returns are the historical mean, and the covariance is that of
/// volatilities and correlations, of the factor model, or Ledoit–Wolf of the history, in this order. A covariance
/// that is slightly indefinite is replaced by the nearest one, with the warning `covariance_repaired`. That of a factor
/// model stays in its parts; loadings that are not given are regressed.
///
/// A model without expected returns and without a history gets zeros, the estimator `none` and the warning
/// `missing_expected_returns`: an objective that needs returns must refuse it.
///
/// - Parameter model: the risk model.
/// - Returns: annual moments in the model's order, with its history as simple returns when it has one.
/// - Throws: an ``OptimizationFailure`` with code `invalid_inputs`, `missing_covariance`, `too_few_observations`,
///   `dependent_factors` or `indefinite_covariance`.
/// - Complexity: one Cholesky factorization for a provided covariance, O(T n²) for an estimated one.
public func estimateMoments(of model: RiskModel) throws(OptimizationFailure) -> Moments {
    do {
        let history = try history(of: model)
        let returns = try expectedReturns(of: model, history: history)
        var moments = Moments(
            instruments: model.instruments,
            expectedReturns: returns.values,
            covariance: .dense(DenseMatrix(rows: 0, columns: 0)),
            returns: history,
            probabilities: history == nil ? nil : model.probabilities,
            periodsPerYear: model.periodsPerYear,
            expectedReturnsEstimator: returns.estimator
        )
        if returns.estimator == "none" {
            moments.warnings.append(
                ResultWarning(
                    code: "missing_expected_returns",
                    message: "the risk model has no expected returns and no history; returns are taken as 0"
                )
            )
        }
        moments.factors = try factorStructure(of: model, history: history, &moments.warnings)
        if let factors = moments.factors, !hasCovarianceOfItsOwn(model) {
            moments.covarianceEstimator = "factor_model"
            moments.covariance = .factors(factors.covariance)
            return moments
        }
        let estimate = try covarianceEstimate(of: model, history: history)
        moments.covarianceEstimator = estimate.estimator
        moments.covariance = .dense(try repaired(estimate.covariance, of: model, &moments.warnings))
        if estimate.estimator == "ledoit_wolf" { reportCondition(&moments) }
        return moments
    } catch {
        throw error.failure
    }
}

/// Whether a model says what the covariance is without its factors.
private func hasCovarianceOfItsOwn(_ model: RiskModel) -> Bool {
    model.covariance != nil || (model.volatilities != nil && model.correlations != nil)
}

func history(of model: RiskModel) throws(EstimationError) -> DenseMatrix? {
    var history = model.returns
    if history == nil, let prices = model.prices { history = try simpleReturns(ofPrices: prices) }
    guard let history else { return nil }
    guard history.columns == model.instruments.count else {
        throw .wrongSize(part: "returns", expected: model.instruments.count, actual: history.columns)
    }
    try requireFinite(history)
    return history
}

private func expectedReturns(
    of model: RiskModel,
    history: DenseMatrix?
) throws(EstimationError) -> (values: [Double], estimator: String) {
    let count = model.instruments.count
    if let provided = model.expectedReturns {
        guard provided.count == count else {
            throw .wrongSize(part: "expected_returns", expected: count, actual: provided.count)
        }
        for (row, value) in provided.enumerated() where !value.isFinite {
            throw .unusableEntry(part: "expected_returns", row: row, column: 0)
        }
        return (provided, "provided")
    }
    if let history {
        let mean = try historicalMean(
            of: history,
            periodsPerYear: model.periodsPerYear,
            probabilities: model.probabilities
        )
        return (mean, "historical_mean")
    }
    return ([Double](repeating: 0, count: count), "none")
}

private func covarianceEstimate(
    of model: RiskModel,
    history: DenseMatrix?
) throws(EstimationError) -> (covariance: DenseMatrix, estimator: String) {
    let count = model.instruments.count
    func ofRightSize(_ covariance: DenseMatrix, _ part: String) throws(EstimationError) -> DenseMatrix {
        guard covariance.rows == count else { throw .wrongSize(part: part, expected: count, actual: covariance.rows) }
        return covariance
    }
    if let provided = model.covariance {
        return (try symmetrized(ofRightSize(provided, "covariance"), part: "covariance"), "provided")
    }
    if let volatilities = model.volatilities, let correlations = model.correlations {
        let product = try covariance(volatilities: volatilities, correlations: correlations)
        return (try ofRightSize(product, "volatilities"), "volatilities_and_correlations")
    }
    guard let history else { throw .missingCovariance }
    let estimate = try ledoitWolfCovariance(
        of: history,
        periodsPerYear: model.periodsPerYear,
        probabilities: model.probabilities
    )
    return (estimate.covariance, "ledoit_wolf")
}

/// The covariance itself, or one that is near with a warning: of correlations the nearest ones, of covariances the nearest.
private func repaired(
    _ covariance: DenseMatrix,
    of model: RiskModel,
    _ warnings: inout [ResultWarning]
) throws(EstimationError) -> DenseMatrix {
    guard model.covariance == nil, let volatilities = model.volatilities, let correlations = model.correlations,
        case .repairable(let smallest, let largest) = inspectCovariance(covariance)
    else { return try repaired(covariance, &warnings) }
    let nearest = try nearestCorrelation(to: try symmetrized(correlations, part: "correlations"))
    warnings.append(
        ResultWarning(
            code: "covariance_repaired",
            message:
                "the correlations were replaced by the nearest correlation matrix, at a Frobenius distance of "
                + "\(nearest.distance), and the volatilities kept; the covariance's eigenvalues ran from \(smallest) to "
                + "\(largest)"
        )
    )
    return try MomentEstimation.covariance(volatilities: volatilities, correlations: nearest.covariance)
}

/// The covariance itself, or the nearest positive semidefinite one with a warning; refuses what is not near one.
func repaired(
    _ covariance: DenseMatrix,
    _ warnings: inout [ResultWarning]
) throws(EstimationError) -> DenseMatrix {
    switch inspectCovariance(covariance) {
    case .positiveSemidefinite: return covariance
    case .indefinite(let smallest, let largest):
        throw .indefinite(smallestEigenvalue: smallest, largestEigenvalue: largest)
    case .repairable(let smallest, let largest):
        let nearest = try nearestPositiveSemidefinite(to: covariance)
        warnings.append(
            ResultWarning(
                code: "covariance_repaired",
                message:
                    "the covariance was replaced by the nearest positive semidefinite one, at a Frobenius distance "
                    + "of \(nearest.distance); its eigenvalues ran from \(smallest) to \(largest)"
            )
        )
        return nearest.covariance
    }
}
