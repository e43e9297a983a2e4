import PortfolioModel
import PortfolioOptimization
import TestSupport

/// The frontier of a mandate.
func trace(
    _ mandate: TestMandate,
    points: Int = 20,
    minimumReturn: Double? = nil,
    maximumRisk: Double? = nil
) throws -> TracedFrontier {
    try trace(mandate.problem(.minimizeRisk), points: points, minimumReturn: minimumReturn, maximumRisk: maximumRisk)
}

/// The frontier of a problem.
func trace(
    _ problem: AllocationProblem,
    points: Int = 20,
    minimumReturn: Double? = nil,
    maximumRisk: Double? = nil
) throws -> TracedFrontier {
    let request = FrontierRequest(
        portfolioID: "portfolio",
        pointCount: points,
        minimumReturn: minimumReturn,
        maximumRisk: maximumRisk,
        includesCornerPortfolios: true
    )
    return try traceFrontier(problem, request) { false }
}

/// The failure that a frontier ends in, or nil when there is one.
func frontierFailure(
    _ mandate: TestMandate,
    minimumReturn: Double? = nil,
    maximumRisk: Double? = nil
) throws -> OptimizationFailure? {
    do {
        _ = try trace(mandate, minimumReturn: minimumReturn, maximumRisk: maximumRisk)
        return nil
    } catch let failure as OptimizationFailure { return failure }
}

extension TestMandate {
    /// Uncorrelated instruments.
    static func uncorrelated(returns: [Double], volatilities: [Double]) -> TestMandate {
        let n = returns.count
        let covariance = (0..<n).map { i in (0..<n).map { j in i == j ? volatilities[i] * volatilities[i] : 0 } }
        return TestMandate(expectedReturns: returns, covariance: covariance)
    }

    /// Some instruments that share a market, made from a seed.
    static func market(count: Int, seed: UInt64) -> TestMandate {
        var stream = UniformStream(seed: seed)
        let betas = (0..<count).map { _ in 0.1 + 0.2 * stream.next() }
        let own = (0..<count).map { _ in 0.05 + 0.25 * stream.next() }
        let returns = (0..<count).map { _ in 0.2 * stream.next() - 0.02 }
        let covariance = (0..<count).map { i in
            (0..<count).map { j in betas[i] * betas[j] + (i == j ? own[i] * own[i] : 0) }
        }
        var mandate = TestMandate(expectedReturns: returns, covariance: covariance)
        mandate.sectors = (0..<count).map { "S\($0 % 3)" }
        return mandate
    }
}
