internal import Matrices
internal import MomentEstimation
internal import PortfolioModel

/// Moments of the risk models used last, so that a model is estimated and inspected once.
///
/// Snapshots are immutable: a version names its moments for ever, and nothing here goes stale. Every kind of job uses the
/// same one. For one thread at a time.
package final class MomentsCache {
    /// A version of a tenant's risk model.
    struct Key: Hashable {
        var tenant: String
        var riskModelID: String
        var version: Int
        var estimation: Estimation
        var market: MarketView?
    }

    /// The most models, and the most numbers in their matrices, that are kept: 32 million doubles are 256 MB.
    private static let longest = 32
    private static let mostNumbers = 32_000_000

    /// Least recently used first.
    private var entries: [(key: Key, moments: Moments, numbers: Int)] = []

    package init() {}

    /// The moments of a snapshot's risk model, from here or made now.
    func moments(
        of snapshot: MandateSnapshot,
        tenant: String,
        estimation: Estimation = Estimation(),
        preferences: Preferences = Preferences()
    ) throws(OptimizationFailure) -> Moments {
        let versions = snapshot.versions
        let portfolio = snapshot.portfolio
        let inForce = portfolio.preferences.overridden(by: preferences)
        let market = estimation.needsMarket ? MarketView(portfolio, inForce) : nil
        let key = Key(
            tenant: tenant,
            riskModelID: versions.riskModelID,
            version: versions.riskModel,
            estimation: estimation,
            market: market
        )
        return try moments(key) { () throws(OptimizationFailure) in
            try estimateMoments(of: snapshot.riskModel, as: estimation, market: market)
        }
    }

    /// The moments of a model, from here or made now.
    func moments(
        _ key: Key,
        make: () throws(OptimizationFailure) -> Moments
    ) throws(OptimizationFailure) -> Moments {
        if let index = entries.firstIndex(where: { $0.key == key }) {
            let entry = entries.remove(at: index)
            entries.append(entry)
            return entry.moments
        }
        let moments = try make()
        let numbers = moments.covariance.storedCount + (moments.returns?.elements.count ?? 0)
        guard numbers <= Self.mostNumbers else { return moments }
        entries.append((key, moments, numbers))
        while entries.count > Self.longest || entries.reduce(0, { $0 + $1.numbers }) > Self.mostNumbers {
            entries.removeFirst()
        }
        return moments
    }
}
