// GET /api/v1/portfolios/{id}/factor-exposures, which waits for the analysis; GET /api/v1/factor-analyses/{id}.
// The computing happens in functions/worker.
import FunctionRuntime
import PortfolioAPI
import PortfolioService
import Repository

FunctionRuntime.main { configuration in
    let database = try PostgresDatabase(
        url: configuration.requiredDatabaseURL(),
        applicationName: configuration.functionName,
        queueLimits: QueueLimits(total: configuration.queueLimit, perTenant: configuration.tenantQueueLimit)
    )
    return ComputationEndpoint(
        FactorAnalysisResource(),
        find: FindOrSubmitComputation(computations: database.computations),
        read: ReadComputation(computations: database.computations),
        endings: OptimizationEndings(notifications: database.makeJobNotifications()),
        log: configuration.log
    )
}
