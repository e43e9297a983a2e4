internal import Matrices
public import PortfolioModel

/// The most instruments whose regressions are listed: the largest holdings.
public let mostListedRegressions = 100

/// Regresses a portfolio, and where loadings were regressed its largest holdings, on the factors' returns.
///
/// - Parameters:
///   - moments: the estimates, with history and factor returns.
///   - weights: what is held, in the moments' order.
///   - portfolio: returns of the portfolio at these weights, T per period.
/// - Returns: the portfolio's regression, then those of the holdings by weight, at most ``mostListedRegressions``; none
///   without histories of equal length.
/// - Throws: ``EstimationError`` for too few periods, or factors that depend on each other.
/// - Complexity: O(T k² L) for each regression, L being the lags of Newey and West.
public func factorRegressions(
    moments: Moments,
    weights: [Double],
    portfolio: [Double]
) throws(EstimationError) -> [NamedRegression] {
    guard let structure = moments.factors, let factorReturns = structure.factorReturns, let history = moments.returns,
        history.rows == factorReturns.rows, portfolio.count == history.rows
    else { return [] }
    let design = try FactorDesign(factorReturns)
    let lags = neweyWestLags(observations: factorReturns.rows)
    var regressions = [
        NamedRegression(instrumentID: nil, regression: try design.regression(of: portfolio, lags: lags))
    ]
    guard structure.loadingsEstimator == "regressed" else { return regressions }
    let held = weights.indices.filter { weights[$0] != 0 }
        .sorted { (-abs(weights[$0]), $0) < (-abs(weights[$1]), $1) }
    for index in held.prefix(mostListedRegressions) {
        let fit = try design.regression(of: Array(history.column(index)), lags: lags)
        regressions.append(NamedRegression(instrumentID: moments.instruments[index], regression: fit))
    }
    return regressions
}
