// /healthz, /readyz and /metrics, with a process of their own: they answer when every other function is busy.
import FunctionRuntime
import PortfolioAPI
import PortfolioService
import Repository

FunctionRuntime.main { configuration in
    let database = try PostgresDatabase(
        url: configuration.requiredDatabaseURL(),
        applicationName: configuration.functionName
    )
    return HealthEndpoint(isReady: CheckReadiness(health: database.health), log: configuration.log)
}
