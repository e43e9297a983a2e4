/// An optimization as a list shows it: everything but its answer.
package struct OptimizationSummary: Equatable, Sendable {
    /// Its identifier.
    package var id: String
    /// The portfolio it is for.
    package var portfolioID: String
    /// Its state.
    package var status: JobStatus
    /// The kind, objective and measure, as requested.
    package var type: String
    package var objective: String
    package var riskMeasure: String
    /// When it was accepted.
    package var createdAt: Timestamp
    /// When it ended.
    package var completedAt: Timestamp?

    package init(
        id: String,
        portfolioID: String,
        status: JobStatus,
        type: String,
        objective: String,
        riskMeasure: String,
        createdAt: Timestamp,
        completedAt: Timestamp?
    ) {
        self.id = id
        self.portfolioID = portfolioID
        self.status = status
        self.type = type
        self.objective = objective
        self.riskMeasure = riskMeasure
        self.createdAt = createdAt
        self.completedAt = completedAt
    }
}
