import PortfolioDocuments
import PortfolioModel
import Testing

@Suite("The service document's sample request")
struct SampleRequestTests {
    @Test func `the sample request reads as it is written`() throws {
        let request = try DocumentDecoder.optimizationRequest(Array(sampleRequest.utf8))

        #expect(request.portfolioID == "port-123456")
        #expect(request.type == .meanVariance)
        #expect(request.objective == .maximizeSharpe)
        #expect(request.riskMeasure == .volatility)
        #expect(request.constraints.maxPositionSize == 0.05)
        #expect(request.constraints.minPositionSize == 0.01)
        #expect(request.constraints.maxSectorExposure == 0.3)
        #expect(request.constraints.maxAssetClassExposure == 0.6)
        #expect(request.constraints.maxTurnover == 0.2)
        #expect(request.constraints.targetVolatility == 0.15)
        #expect(request.constraints.minWeights == nil)
        #expect(request.preferences.riskAversion == 4)
        #expect(request.preferences.includeTransactionCosts == true)
        #expect(request.preferences.considerTaxImplications == true)
    }

    @Test func `the sample request reads back from what is stored of it`() throws {
        let request = try DocumentDecoder.optimizationRequest(Array(sampleRequest.utf8))
        let stored = DocumentEncoder.optimizationRequest(request)
        #expect(try DocumentDecoder.optimizationRequest(stored) == request)
    }
}

private let sampleRequest = """
    {
      "portfolio_id": "port-123456",
      "optimization_type": "mean_variance",
      "objective": "maximize_sharpe",
      "risk_measure": "volatility",
      "constraints": {
        "max_position_size": 0.05,
        "min_position_size": 0.01,
        "max_sector_exposure": 0.30,
        "max_asset_class_exposure": 0.60,
        "max_turnover": 0.20,
        "target_volatility": 0.15
      },
      "preferences": {
        "risk_aversion": 4.0,
        "include_transaction_costs": true,
        "consider_tax_implications": true
      }
    }
    """
