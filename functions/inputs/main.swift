// PUT and GET of instruments, risk models and portfolios.
import FunctionRuntime
import MomentEstimation
import PortfolioAPI
import PortfolioService
import Repository

FunctionRuntime.main { configuration in
    let database = try PostgresDatabase(
        url: configuration.requiredDatabaseURL(),
        applicationName: configuration.functionName
    )
    return InputsEndpoint(
        putInstruments: PutInstruments(inputs: database.inputs),
        listInstruments: ListInstruments(inputs: database.inputs),
        putRiskModel: PutRiskModel(
            inputs: database.inputs,
            inspectCovariance: { CovarianceVerdict(inspectCovariance($0)) }
        ),
        getRiskModel: GetRiskModel(inputs: database.inputs),
        putPortfolio: PutPortfolio(inputs: database.inputs),
        getPortfolio: GetPortfolio(inputs: database.inputs),
        log: configuration.log
    )
}
