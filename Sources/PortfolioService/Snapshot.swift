package import PortfolioModel

/// A stored value at a version.
package struct Snapshot<Value: Sendable>: Sendable {
    /// Its identifier.
    package var id: String
    /// The value.
    package var value: Value
    /// Its version, counted from 1.
    package var version: Int
    /// When it was stored.
    package var storedAt: Timestamp
}

/// What came of storing a snapshot.
package struct StoredSnapshot: Equatable, Sendable {
    /// Its identifier.
    package var id: String
    /// Its version, counted from 1.
    package var version: Int
    /// Whether the identifier is new.
    package var isNew: Bool
    /// When it was stored.
    package var storedAt: Timestamp
    /// What the caller should know about it.
    package var warnings: [ResultWarning] = []
}

extension ServiceError {
    /// The error of an identifier that a portfolio or a risk model cannot have.
    static func invalidIdentifier(_ id: String) -> ServiceError {
        .invalid([
            Fault(
                pointer: "",
                code: "invalid_identifier",
                message:
                    "an identifier in the path has 1 to \(Identifiers.maximumLength) of letters, digits, '.', '_', '-'"
            )
        ])
    }
}
