// GET /api/v1/optimizations/{id}: passes the stored answer on; waits for it when asked to. Other forms
// of a result: ?top=, tables, a chart. GET /api/v1/optimizations: the list. GET /api/v1/capabilities.
import FunctionRuntime
import PortfolioAPI
import PortfolioService
import Repository

FunctionRuntime.main { configuration in
    let database = try PostgresDatabase(
        url: configuration.requiredDatabaseURL(),
        applicationName: configuration.functionName
    )
    let read = ReadOptimization(optimizations: database.optimizations)
    return OptimizationQueriesEndpoint(
        one: OptimizationEndpoint(
            read: read,
            endings: OptimizationEndings(notifications: database.makeJobNotifications()),
            log: configuration.log
        ),
        read: read,
        list: ListOptimizations(listing: database.listing),
        log: configuration.log
    )
}
