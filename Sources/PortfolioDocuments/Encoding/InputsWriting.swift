import JSON
import Matrices
import PortfolioModel

extension DocumentEncoder {
    static func writeInstrument(_ instrument: Instrument, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("instrument_id", instrument.id)
            writer.member("name", ifPresent: instrument.name)
            writer.member("sector", ifPresent: instrument.sector)
            writer.member("asset_class", ifPresent: instrument.assetClass)
            writer.member("currency", ifPresent: instrument.currency)
            writer.member("price", instrument.price)
            // Null, not absent: absent would read back as lots of one unit.
            writer.member("lot_size", orNull: instrument.lotSize)
            guard let cost = instrument.cost else { return }
            writer.name("cost")
            writer.object { writer in
                writer.member("proportional", cost.proportional)
                writer.member("fixed", cost.fixed)
                writer.member("impact", cost.impact)
                writer.member("average_daily_value", ifPresent: cost.averageDailyValue)
            }
        }
    }

    /// Writes a portfolio's members into an object that is open.
    static func writePortfolioMembers(_ portfolio: Portfolio, _ writer: inout JSONWriter) {
        writer.member("name", ifPresent: portfolio.name)
        writer.member("base_currency", portfolio.baseCurrency)
        writer.member("as_of", portfolio.asOf.rfc3339)
        writer.member("risk_model_id", portfolio.riskModelID)
        writer.member("cash", portfolio.cash)
        writer.name("constraints")
        writeConstraints(portfolio.constraints, &writer)
        writer.name("preferences")
        writePreferences(portfolio.preferences, &writer)
        writer.name("positions")
        writer.array(portfolio.positions) { writePosition($1, &$0) }
        if let universe = portfolio.universe {
            writer.name("universe")
            writer.array(universe) { $0.string($1) }
        }
        if let benchmark = portfolio.benchmark { writer.member("benchmark", map: benchmark) }
        writer.name("recent_trades")
        writer.array(portfolio.recentTrades) { writer, trade in
            writer.object { writer in
                writer.member("instrument_id", trade.instrumentID)
                writer.member("quantity", trade.quantity)
                writer.member("price", trade.price)
                writer.member("date", trade.date.description)
            }
        }
    }

    private static func writePosition(_ position: Position, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("instrument_id", position.instrumentID)
            writer.member("quantity", position.quantity)
            guard !position.taxLots.isEmpty else { return }
            writer.name("tax_lots")
            writer.array(position.taxLots) { writer, lot in
                writer.object { writer in
                    writer.member("quantity", lot.quantity)
                    writer.member("cost_basis", lot.costBasis)
                    writer.member("acquired_at", lot.acquiredAt.description)
                }
            }
        }
    }

    /// Writes a risk model's members into an object that is open.
    static func writeRiskModelMembers(
        _ model: RiskModel,
        includingMatrices: Bool,
        _ writer: inout JSONWriter
    ) {
        writer.member("as_of", model.asOf.rfc3339)
        writer.name("instruments")
        writer.array(model.instruments) { $0.string($1) }
        writer.member("periods_per_year", model.periodsPerYear)
        writeVector("expected_returns", model.expectedReturns, &writer)
        if includingMatrices { writeMatrix("covariance", model.covariance, &writer) }
        writeVector("volatilities", model.volatilities, &writer)
        if includingMatrices {
            writeMatrix("correlations", model.correlations, &writer)
            writeMatrix("returns", model.returns, &writer)
            writeMatrix("prices", model.prices, &writer)
        }
        if let dates = model.dates {
            writer.name("dates")
            writer.array(dates) { $0.string($1.description) }
        }
        writeVector("probabilities", model.probabilities, &writer)
        guard let factorModel = model.factorModel else { return }
        writer.name("factor_model")
        writer.object { writer in
            writer.name("factors")
            writer.array(factorModel.factors) { $0.string($1) }
            if includingMatrices {
                writeMatrix("loadings", factorModel.loadings, &writer)
                writeMatrix("factor_covariance", factorModel.factorCovariance, &writer)
            }
            writeVector("specific_variance", factorModel.specificVariance, &writer)
            if includingMatrices { writeMatrix("factor_returns", factorModel.factorReturns, &writer) }
        }
    }

    private static func writeVector(_ name: String, _ vector: [Double]?, _ writer: inout JSONWriter) {
        guard let vector else { return }
        writer.name(name)
        writer.array(vector) { $0.double($1) }
    }

    static func writeMatrix(_ name: String, _ matrix: DenseMatrix?, _ writer: inout JSONWriter) {
        guard let matrix else { return }
        writer.name(name)
        writer.array { writer in
            for i in 0..<matrix.rows {
                writer.array { writer in
                    for j in 0..<matrix.columns { writer.double(matrix[i, j]) }
                }
            }
        }
    }
}
