import PortfolioModel

/// The statements that store a version if what its caller saw still holds, and what came of them.
///
/// The condition stands in the statement that hands out the version, under the lock of the identifier's row: of two puts
/// with the same condition the second sees what the first did.
struct ConditionalPut {
    /// What must hold.
    var precondition: WritePrecondition
    /// Takes the identifier for the tenant when nobody has it.
    var own: StatementCall
    /// Stores the version where the newest is one of ``versions``; returns version and moment.
    var put: StatementCall
    /// Reads the newest version, to tell why nothing was stored.
    var look: StatementCall

    /// The newest versions that a put may follow; nil means any.
    static func versions(for precondition: WritePrecondition) -> [Int64]? {
        switch precondition {
        case .none, .exists: nil
        case .newestIsOneOf(let versions): versions.map(Int64.init)
        case .isNew: [0]
        }
    }

    /// The statements, for one transaction.
    var calls: [StatementCall] {
        switch precondition {
        case .none: [own, put]
        case .isNew: [own, put, look]
        // What must be there is not taken first: a put that fails would leave its identifier taken.
        case .exists, .newestIsOneOf: [put, look]
        }
    }

    /// The version stored.
    ///
    /// - Throws: ``RepositoryError/preconditionFailed(newestVersion:)``, or ``RepositoryError/identifierTaken`` when the
    ///   identifier is another tenant's: neither inserted nor found.
    func outcome(of results: [StatementResult]) throws -> StoredVersion {
        let place = precondition.ownsFirst ? 1 : 0
        if var row = results[place].firstRow {
            let version = try row.int()
            return StoredVersion(version: version, isNew: version == 1, storedAt: try row.timestamp())
        }
        guard precondition != .none else { throw RepositoryError.identifierTaken }
        var newest: Int?
        if var row = results[results.count - 1].firstRow { newest = try row.int() }
        if precondition == .isNew, newest == nil { throw RepositoryError.identifierTaken }
        throw RepositoryError.preconditionFailed(newestVersion: newest)
    }
}

extension WritePrecondition {
    fileprivate var ownsFirst: Bool {
        switch self {
        case .none, .isNew: true
        case .exists, .newestIsOneOf: false
        }
    }
}
