package import PortfolioModel
package import Repository

/// Reads an optimization: its state, and the stored answer once there is one.
package final class ReadOptimization {
    private let optimizations: any OptimizationRepository

    package init(optimizations: any OptimizationRepository) { self.optimizations = optimizations }

    /// The optimization as it stands.
    package func callAsFunction(id: String, tenant: String) throws(ServiceError) -> OptimizationReading {
        guard Identifiers.isOptimization(id) else { throw .notFound(.optimization, id: id) }
        let found = try withStore(about: .optimization, id: id) {
            try optimizations.optimization(id: id, tenant: tenant)
        }
        guard let state = found else { throw .notFound(.optimization, id: id) }
        return OptimizationReading(id: id, state)
    }

    /// What a completed optimization does not hold, as a JSON list; nil for one that was stored without.
    package func excluded(id: String, tenant: String) throws(ServiceError) -> [UInt8]? {
        guard Identifiers.isOptimization(id) else { throw .notFound(.optimization, id: id) }
        return try withStore(about: .optimization, id: id) {
            try optimizations.excludedInstruments(id: id, tenant: tenant)
        }
    }

    /// Asks for an optimization together with others, in one round trip when the first of the closures is called.
    ///
    /// The closure throws ``ServiceError``; it is called at most once.
    package func gather(id: String, tenant: String) throws(ServiceError) -> () throws -> OptimizationReading {
        guard Identifiers.isOptimization(id) else { throw .notFound(.optimization, id: id) }
        let find = optimizations.gatherOptimization(id: id, tenant: tenant)
        return {
            guard let state = try withStore(about: .optimization, id: id, find) else {
                throw ServiceError.notFound(.optimization, id: id)
            }
            return OptimizationReading(id: id, state)
        }
    }
}

extension OptimizationReading {
    fileprivate init(id: String, _ state: OptimizationState) {
        self.init(
            id: id,
            portfolioID: state.portfolioID,
            status: state.status,
            type: state.type,
            objective: state.objective,
            riskMeasure: state.riskMeasure,
            createdAt: state.createdAt,
            completedAt: state.completedAt,
            answer: state.body.map { StoredAnswer(bytes: $0.bytes, owner: $0.owner, entityTag: $0.entityTag) }
        )
    }
}

/// An optimization as its reader sees it.
package struct OptimizationReading {
    /// Its identifier.
    package var id: String
    /// The portfolio it is for.
    package var portfolioID: String
    /// Its state.
    package var status: JobStatus
    /// The kind of optimization, as requested.
    package var type: String
    /// What it strives for, as requested.
    package var objective: String
    /// How risk is measured, as requested.
    package var riskMeasure: String
    /// When it was accepted.
    package var createdAt: Timestamp
    /// When it ended.
    package var completedAt: Timestamp?
    /// The whole answer, once it is final and the worker wrote one.
    package var answer: StoredAnswer?
}

/// The stored answer's bytes, as the worker wrote them; they go to the caller without a copy.
package struct StoredAnswer {
    /// The bytes; valid as long as `owner` lives.
    package var bytes: UnsafeRawBufferPointer
    /// What keeps them alive.
    package var owner: AnyObject
    /// A strong entity tag of the bytes, without quotes.
    package var entityTag: String
}
