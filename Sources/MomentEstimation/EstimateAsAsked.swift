internal import LinearAlgebra
internal import Matrices
public import PortfolioModel

/// Estimates moments as a request asks for; what it leaves open is estimated as ``estimateMoments(of:)`` does.
///
/// The condition number of a covariance estimated from a history is reported, and a singular one is warned of. One that is
/// not positive semidefinite (Gerber's may not be) is replaced by the nearest with the warning `covariance_repaired`.
/// Nothing is filled in: a history with a missing value was refused when the risk model was stored.
///
/// - Parameters:
///   - model: the risk model.
///   - estimation: the estimators asked for.
///   - market: the market portfolio, for the estimators that need it.
/// - Returns: annual moments in the model's order, with the names of the estimators.
/// - Throws: as ``estimateMoments(of:)``, and with the codes `missing_history`, `missing_market` and
///   `missing_expected_returns` where the model or the portfolio lacks what an estimator needs.
/// - Complexity: O(T n² + n³).
public func estimateMoments(
    of model: RiskModel,
    as estimation: Estimation,
    market: MarketView? = nil
) throws(OptimizationFailure) -> Moments {
    guard !estimation.isDefault else { return try estimateMoments(of: model) }
    do throws(EstimationError) {
        let request = EstimationRequest(model: model, estimation: estimation, history: try history(of: model))
        var shown = model
        var warnings: [ResultWarning] = []
        var label: String?
        if let estimate = try request.covariance(&warnings) {
            shown.covariance = estimate
            label = estimation.covariance?.rawValue
        }
        if estimation.expectedReturns == .provided, model.expectedReturns == nil {
            throw EstimationError.missingReturns
        }
        // Others than the model's own follow below; until then the base must not look for a history.
        if estimation.expectedReturns != nil, estimation.expectedReturns != .provided {
            shown.expectedReturns = [Double](repeating: 0, count: model.instruments.count)
        }
        var moments = try baseMoments(of: shown)
        moments.warnings += warnings
        if let label { moments.covarianceEstimator = label }
        if estimation.covariance == .factorModel { try request.setFactors(&moments) }
        if let kind = estimation.expectedReturns, kind != .provided {
            moments.expectedReturns = try request.expectedReturns(kind, moments, market)
            moments.expectedReturnsEstimator = kind.rawValue
        }
        if label != nil { reportCondition(&moments) }
        return moments
    } catch {
        throw error.failure
    }
}

/// The moments of a model, with typed errors of estimation turned back where they came as a failure.
private func baseMoments(of model: RiskModel) throws(EstimationError) -> Moments {
    do throws(OptimizationFailure) { return try estimateMoments(of: model) } catch { throw .failed(error) }
}

/// What a request asks for, with the history it is estimated from.
private struct EstimationRequest {
    let model: RiskModel
    let estimation: Estimation
    let history: DenseMatrix?

    private var periods: Double { model.periodsPerYear }
    private var probabilities: [Double]? { model.probabilities }
    private var halfLife: Double { estimation.halfLife ?? periods / 4 }

    private func required(_ estimator: String) throws(EstimationError) -> DenseMatrix {
        guard let history else { throw .missingHistory(estimator: estimator) }
        return history
    }

    /// The covariance where it is estimated anew; nil where the model's own is asked for, or a factor model.
    func covariance(_ warnings: inout [ResultWarning]) throws(EstimationError) -> DenseMatrix? {
        guard let kind = estimation.covariance else { return nil }
        let estimate: DenseMatrix
        switch kind {
        case .provided:
            let isThere = model.covariance != nil || (model.volatilities != nil && model.correlations != nil)
            guard isThere || model.factorModel != nil else { throw .missingCovariance }
            return nil
        case .factorModel:
            // Set afterwards in its parts; a diagonal stands in until then.
            guard model.factorModel == nil, model.covariance == nil else { return nil }
            let count = model.instruments.count
            var diagonal = DenseMatrix(rows: count, columns: count)
            for i in 0..<count { diagonal[i, i] = 1 }
            return diagonal
        case .sample:
            let returns = try required(kind.rawValue)
            let weights = try historyWeights(returns, probabilities, least: 2)
            estimate = scaled(try unbiasedCovariance(of: returns, weights: weights), by: periods)
        case .ledoitWolf:
            let returns = try required(kind.rawValue)
            estimate =
                try ledoitWolfCovariance(of: returns, periodsPerYear: periods, probabilities: probabilities).covariance
        case .oas:
            let returns = try required(kind.rawValue)
            estimate =
                try oracleApproximatingCovariance(
                    of: returns,
                    periodsPerYear: periods,
                    probabilities: probabilities
                ).covariance
        case .exponential:
            estimate = try exponentialCovariance(
                of: try required(kind.rawValue),
                periodsPerYear: periods,
                halfLife: halfLife,
                probabilities: probabilities
            )
        case .denoised:
            let returns = try required(kind.rawValue)
            estimate =
                try denoisedCovariance(of: returns, periodsPerYear: periods, probabilities: probabilities).covariance
        case .gerber:
            let returns = try required(kind.rawValue)
            let statistic = try gerberCovariance(
                of: returns,
                periodsPerYear: periods,
                probabilities: probabilities
            )
            return try nearestWhereIndefinite(statistic, &warnings)
        }
        return estimate
    }

    /// The model's factors, or statistical ones.
    func setFactors(_ moments: inout Moments) throws(EstimationError) {
        moments.covarianceEstimator = Estimation.Covariance.factorModel.rawValue
        if let factors = moments.factors {
            moments.covariance = .factors(factors.covariance)
        } else {
            let returns = try required(Estimation.Covariance.factorModel.rawValue)
            // Components are those of equally likely periods.
            if let probabilities, probabilities.contains(where: { abs($0 * Double(returns.rows) - 1) > 1e-9 }) {
                throw .unusableEntry(part: "probabilities", row: 0, column: 0)
            }
            let factors = try statisticalFactorModel(of: returns, factorCount: nil, periodsPerYear: periods)
            moments.factors = factors
            moments.covariance = .factors(factors.covariance)
        }
    }

    func expectedReturns(
        _ kind: Estimation.ExpectedReturns,
        _ moments: Moments,
        _ market: MarketView?
    ) throws(EstimationError) -> [Double] {
        switch kind {
        case .provided: return moments.expectedReturns
        case .historicalMean: return try means(kind)
        case .exponentialMean:
            return try exponentialMean(
                of: try required(kind.rawValue),
                periodsPerYear: periods,
                halfLife: halfLife,
                probabilities: probabilities
            )
        case .jamesStein:
            let returns = try required(kind.rawValue)
            let weights = try historyWeights(returns, probabilities, least: 2)
            return try jamesSteinMean(
                of: returns,
                periodsPerYear: periods,
                covariance: scaled(try unbiasedCovariance(of: returns, weights: weights), by: periods),
                probabilities: probabilities
            ).expectedReturns
        case .capm:
            let market = try known(market)
            return try capmReturns(
                covariance: moments.covariance.multipliedOut(),
                means: try means(kind),
                marketWeights: market.weights,
                riskFreeRate: market.view.riskFreeRate
            )
        case .equilibrium:
            let market = try known(market)
            let excess = try equilibriumReturns(
                covariance: moments.covariance.multipliedOut(),
                marketWeights: market.weights,
                riskAversion: market.view.riskAversion
            )
            return excess.map { $0 + market.view.riskFreeRate }
        }
    }

    private func means(_ kind: Estimation.ExpectedReturns) throws(EstimationError) -> [Double] {
        try historicalMean(
            of: try required(kind.rawValue),
            periodsPerYear: periods,
            probabilities: probabilities
        )
    }

    /// The market's weights in the model's order; a market with instruments that the model does not have is none.
    private func known(_ market: MarketView?) throws(EstimationError) -> (view: MarketView, weights: [Double]) {
        guard let market else { throw .missingMarket }
        var rest = market.weights.filter { $0.value != 0 && $0.key != "cash" }
        let weights = model.instruments.map { rest.removeValue(forKey: $0) ?? 0 }
        guard rest.isEmpty, weights.contains(where: { $0 != 0 }) else { throw .missingMarket }
        return (market, weights)
    }
}

/// The nearest positive semidefinite matrix with a warning, however far it is: a statistic is not a caller's mistake.
private func nearestWhereIndefinite(
    _ covariance: DenseMatrix,
    _ warnings: inout [ResultWarning]
) throws(EstimationError) -> DenseMatrix {
    guard case .indefinite(let smallest, let largest) = inspectCovariance(covariance) else { return covariance }
    let nearest = try nearestPositiveSemidefinite(to: covariance)
    warnings.append(
        ResultWarning(
            code: "covariance_repaired",
            message:
                "the estimated covariance was replaced by the nearest positive semidefinite one, at a Frobenius distance "
                + "of \(nearest.distance); its eigenvalues ran from \(smallest) to \(largest)"
        )
    )
    return nearest.covariance
}

/// Instruments up to which the condition number is computed: it costs n³.
private let largestConditioned = 1_000
/// A condition number above this is that of a singular matrix.
private let largestCondition = 1e14

/// Reports the condition number of a dense covariance, or warns that it is singular.
func reportCondition(_ moments: inout Moments) {
    guard case .dense(let covariance) = moments.covariance, (1...largestConditioned).contains(covariance.rows),
        let values = try? SymmetricEigen.values(of: covariance), let smallest = values.first, let largest = values.last
    else { return }
    if smallest > 0, largest / smallest <= largestCondition {
        moments.covarianceConditionNumber = largest / smallest
    } else {
        moments.warnings.append(
            ResultWarning(
                code: "singular_covariance",
                message: "the estimated covariance is singular: some combination of instruments has no risk in it"
            )
        )
    }
}
