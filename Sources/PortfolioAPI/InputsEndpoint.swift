package import FunctionRuntime
package import PortfolioService

/// The inputs: `/api/v1/instruments`, `/api/v1/risk-models/{id}`, `/api/v1/portfolios/{id}`, each to PUT and to GET.
package final class InputsEndpoint: Endpoint {
    package let log: Log
    private let instruments: InstrumentsResource
    private let riskModels: RiskModelResource
    private let portfolios: PortfolioResource

    package init(
        putInstruments: PutInstruments,
        listInstruments: ListInstruments,
        putRiskModel: PutRiskModel,
        getRiskModel: GetRiskModel,
        putPortfolio: PutPortfolio,
        getPortfolio: GetPortfolio,
        log: Log
    ) {
        instruments = InstrumentsResource(put: putInstruments, list: listInstruments)
        riskModels = RiskModelResource(put: putRiskModel, get: getRiskModel, now: systemTime)
        portfolios = PortfolioResource(put: putPortfolio, get: getPortfolio)
        self.log = log
    }

    package func answer(_ request: FunctionRequest) throws -> FunctionOutcome {
        let segments = request.pathSegments
        guard segments.starts(with: ["api", "v1"]) else { throw RequestError.noSuchPath }
        let rest = segments.dropFirst(2).map(String.init)
        switch (rest.first, rest.count) {
        case ("instruments", 1): return .answer(try instruments.answer(request))
        case ("risk-models", 2): return .answer(try riskModels.answer(request, id: rest[1]))
        case ("portfolios", 2): return .answer(try portfolios.answer(request, id: rest[1]))
        default: throw RequestError.noSuchPath
        }
    }
}
