// GET /api/v1/optimizations/{id}: passes the stored answer on; waits for it when asked to. GET /api/v1/optimizations: the
// list.
import FunctionRuntime
import PortfolioAPI
import PortfolioService
import Repository

FunctionRuntime.main { configuration in
    let database = try PostgresDatabase(
        url: configuration.requiredDatabaseURL(),
        applicationName: configuration.functionName
    )
    return OptimizationQueriesEndpoint(
        one: OptimizationEndpoint(
            read: ReadOptimization(optimizations: database.optimizations),
            endings: OptimizationEndings(notifications: database.makeJobNotifications()),
            log: configuration.log
        ),
        list: ListOptimizations(listing: database.listing),
        log: configuration.log
    )
}
