// POST /api/v1/portfolios/{id}/rebalance, which waits for the plan; GET /api/v1/rebalances/{id}.
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
        RebalanceResource(optimizations: ReadOptimization(optimizations: database.optimizations)),
        find: FindOrSubmitComputation(computations: database.computations),
        read: ReadComputation(computations: database.computations),
        endings: OptimizationEndings(notifications: database.makeJobNotifications()),
        log: configuration.log
    )
}
