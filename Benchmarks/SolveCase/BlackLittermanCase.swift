import Matrices
import MomentEstimation

/// Posterior mean and covariance, as two rows: the mean, and the covariance column by column.
func solveBlackLitterman(_ file: CaseFile) throws -> () throws -> CaseAnswer {
    let covariance = try file.transposedMatrix("Sigma")  // symmetric
    let prior = try file.vector("pi")
    let rows = try file.matrix("P")
    let returns = try file.vector("Q")
    let variances = try file.vector("omega")
    let tau = try file.scalar("tau")
    let views = returns.indices.map {
        BlackLittermanView(row: rows.row($0), expectedReturn: returns[$0], uncertainty: .variance(variances[$0]))
    }
    return {
        let posterior = try blackLittermanPosterior(prior: prior, covariance: covariance, views: views, tau: tau)
        return CaseAnswer(
            weights: [posterior.excessReturns, posterior.covariance.elements],
            isPath: true,
            objective: 0,
            method: "master-formula",
            iterations: 1
        )
    }
}
