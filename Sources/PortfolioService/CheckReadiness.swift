package import Repository

/// Tells whether the service can serve: the store answers and is of the form this build was made for.
package final class CheckReadiness {
    private let health: any DatabaseHealth

    package init(health: any DatabaseHealth) { self.health = health }

    /// Whether requests can be served now.
    package func callAsFunction() -> Bool { health.isReady() }
}
