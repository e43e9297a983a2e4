// POST /api/v1/optimizations and its cancel. The computing happens in functions/worker.
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
    return OptimizationCommandsEndpoint(
        submit: SubmitOptimization(
            optimizations: database.optimizations,
            keyedSubmissions: database.keyedSubmissions
        ),
        cancel: CancelOptimization(optimizations: database.optimizations),
        log: configuration.log
    )
}
