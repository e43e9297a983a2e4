import Matrices
import PortfolioModel
import PortfolioService
import Repository
import TestSupport
import Testing

@Suite("Use cases of inputs")
struct InputUseCaseTests {
    private let world: InMemoryWorld
    private let tenant = InMemoryWorld.tenant

    init() throws { world = try InMemoryWorld() }

    // MARK: Instruments

    @Test func `pages follow each other without gap or repetition`() throws {
        let list = ListInstruments(inputs: world.inputs)
        var seen: [String] = []
        var cursor: String?
        repeat {
            let page = try list(.page(after: cursor, limit: 3), tenant: tenant)
            #expect(page.instruments.count <= 3)
            seen += page.instruments.map(\.id)
            cursor = page.nextCursor
        } while cursor != nil

        #expect(seen == ["AAPL", "BND", "GLD", "SAP"])
    }

    @Test func `a page that ends exactly at the end has no successor`() throws {
        let page = try ListInstruments(inputs: world.inputs)(.page(after: nil, limit: 4), tenant: tenant)
        #expect(page.instruments.count == 4)
        #expect(page.nextCursor == nil)
    }

    @Test func `named instruments come in order, unknown ones are left out, other tenants' too`() throws {
        let list = ListInstruments(inputs: world.inputs)
        #expect(try list(.named(["GLD", "NOPE", "AAPL"]), tenant: tenant).instruments.map(\.id) == ["AAPL", "GLD"])
        #expect(try list(.named(["GLD"]), tenant: "other").instruments.isEmpty)
    }

    // MARK: Risk models

    @Test func `a risk model is stored with growing versions`() throws {
        let put = PutRiskModel(inputs: world.inputs, inspectCovariance: { _ in .positiveSemidefinite })
        let first = try put(InMemoryWorld.riskModel, id: "new", tenant: tenant)
        let second = try put(InMemoryWorld.riskModel, id: "new", tenant: tenant)

        #expect(first.isNew && first.version == 1 && first.warnings.isEmpty)
        #expect(!second.isNew && second.version == 2)
        let stored = try GetRiskModel(inputs: world.inputs)(id: "new", includingMatrices: true, tenant: tenant)
        #expect(stored.value == InMemoryWorld.riskModel)
        #expect(stored.version == 2)
    }

    @Test func `a slightly indefinite covariance is stored with a warning, a worse one is refused`() throws {
        let repairable = PutRiskModel(
            inputs: world.inputs,
            inspectCovariance: { _ in .repairable(smallestEigenvalue: -1e-9, largestEigenvalue: 1) }
        )
        let stored = try repairable(InMemoryWorld.riskModel, id: "new", tenant: tenant)
        #expect(stored.warnings.map(\.code) == ["covariance_repaired"])

        let indefinite = PutRiskModel(
            inputs: world.inputs,
            inspectCovariance: { _ in .indefinite(smallestEigenvalue: -0.5, largestEigenvalue: 1) }
        )
        let faults = faults { try indefinite(InMemoryWorld.riskModel, id: "bad", tenant: tenant) }
        #expect(faults.map(\.pointer) == ["/covariance"])
        #expect(faults.first?.message.contains("-0.5") == true)
        #expect(try world.inputs.riskModelInstruments(id: "bad", tenant: tenant) == nil)
    }

    @Test func `correlations are inspected scaled by the volatilities, factors' covariance as given`() throws {
        var model = InMemoryWorld.riskModel
        model.covariance = nil
        model.volatilities = [0.2, 0.05]
        model.correlations = DenseMatrix(rows: 2, columns: 2, columnMajor: [1, 0.5, 0.5, 1])
        model.factorModel = FactorModel(
            factors: ["MKT"],
            factorCovariance: DenseMatrix(rows: 1, columns: 1, repeating: 3)
        )
        var inspected: [DenseMatrix] = []
        let put = PutRiskModel(
            inputs: world.inputs,
            inspectCovariance: { matrix in
                inspected.append(matrix)
                return .indefinite(smallestEigenvalue: -1, largestEigenvalue: 1)
            }
        )
        let faults = faults { try put(model, id: "new", tenant: tenant) }

        #expect(faults.map(\.pointer) == ["/correlations", "/factor_model/factor_covariance"])
        #expect(inspected.count == 2)
        #expect((inspected[0][0, 1] - 0.005).magnitude < 1e-15)
        #expect(inspected[1][0, 0] == 3)
    }

    @Test func `an identifier of another tenant is taken, a malformed one is refused`() {
        let put = PutRiskModel(inputs: world.inputs, inspectCovariance: { _ in .positiveSemidefinite })
        #expect(throws: ServiceError.identifierTaken(.riskModel, id: "two")) {
            try put(InMemoryWorld.riskModel, id: "two", tenant: "other")
        }
        #expect(faults { try put(InMemoryWorld.riskModel, id: "a b", tenant: tenant) }.map(\.pointer) == [""])
        #expect(throws: ServiceError.notFound(.riskModel, id: "a b")) {
            try GetRiskModel(inputs: world.inputs)(id: "a b", includingMatrices: false, tenant: tenant)
        }
    }

    // MARK: Portfolios

    @Test func `a portfolio that fits its model and its instruments is stored`() throws {
        var portfolio = InMemoryWorld.portfolio
        portfolio.universe = ["BND"]
        portfolio.benchmark = ["AAPL": 0.6, "BND": 0.4]
        portfolio.recentTrades = [
            RecentTrade(instrumentID: "SOLD", quantity: -1, price: 1, date: InMemoryWorld.asOf.date)
        ]
        let stored = try PutPortfolio(inputs: world.inputs)(portfolio, id: "new", tenant: tenant)

        #expect(stored.isNew)
        #expect(try GetPortfolio(inputs: world.inputs)(id: "new", tenant: tenant).value == portfolio)
    }

    @Test func `every fault of a portfolio is listed at once`() {
        var portfolio = InMemoryWorld.portfolio
        let day = InMemoryWorld.asOf.date
        portfolio.positions = [
            Position(
                instrumentID: "AAPL",
                quantity: 100,
                taxLots: [
                    TaxLot(quantity: 60, costBasis: 1, acquiredAt: day),
                    TaxLot(quantity: 30, costBasis: 1, acquiredAt: day),
                ]
            ),
            Position(instrumentID: "GLD", quantity: 1),
        ]
        portfolio.universe = ["BND", "NOPE"]
        portfolio.benchmark = ["SAP": 1]
        portfolio.constraints.maxWeights = ["NIL": 0.5]
        let faults = faults { try PutPortfolio(inputs: world.inputs)(portfolio, id: "new", tenant: tenant) }

        #expect(
            faults.map(\.pointer) == [
                "/positions/1/instrument_id", "/universe/1", "/benchmark/SAP", "/constraints/max_weights/NIL",
                "/positions/0/tax_lots",
            ]
        )
    }

    @Test func `an unknown risk model is a fault of the portfolio`() {
        var portfolio = InMemoryWorld.portfolio
        portfolio.riskModelID = "none"
        let faults = faults { try PutPortfolio(inputs: world.inputs)(portfolio, id: "new", tenant: tenant) }
        #expect(faults.map(\.code) == ["unknown_risk_model"])
        #expect(faults.map(\.pointer) == ["/risk_model_id"])
    }

    @Test func `an instrument in another currency is refused`() throws {
        var model = InMemoryWorld.riskModel
        model.instruments = ["AAPL", "SAP"]
        _ = try world.inputs.putRiskModel(model, id: "mixed", tenant: tenant)
        var portfolio = InMemoryWorld.portfolio
        portfolio.riskModelID = "mixed"
        let byDefault = faults { try PutPortfolio(inputs: world.inputs)(portfolio, id: "new", tenant: tenant) }
        portfolio.universe = ["AAPL", "SAP"]
        let byName = faults { try PutPortfolio(inputs: world.inputs)(portfolio, id: "new", tenant: tenant) }

        #expect(byDefault.map(\.code) == ["currency_mismatch"])
        #expect(byDefault.map(\.pointer) == ["/risk_model_id"])
        #expect(byName.map(\.code) == ["currency_mismatch"])
        #expect(byName.map(\.pointer) == ["/universe/1"])
    }

    @Test func `a default universe without prices is refused once, with names`() throws {
        var model = InMemoryWorld.riskModel
        model.instruments = ["AAPL"] + (0..<20).map { "N\($0)" }
        _ = try world.inputs.putRiskModel(model, id: "wide", tenant: tenant)
        var portfolio = InMemoryWorld.portfolio
        portfolio.riskModelID = "wide"
        let faults = faults { try PutPortfolio(inputs: world.inputs)(portfolio, id: "new", tenant: tenant) }

        #expect(faults.map(\.pointer) == ["/risk_model_id"])
        #expect(faults.first?.message.contains("20 of them have no price: 'N0', 'N1'") == true)
    }

    @Test func `a portfolio without value is refused, and so is one beyond all numbers`() {
        var portfolio = InMemoryWorld.portfolio
        portfolio.cash = 0
        portfolio.positions = []
        #expect(
            faults { try PutPortfolio(inputs: world.inputs)(portfolio, id: "new", tenant: tenant) }.map(\.code) == [
                "no_value"
            ]
        )
        portfolio.positions = [Position(instrumentID: "AAPL", quantity: .greatestFiniteMagnitude)]
        #expect(
            faults { try PutPortfolio(inputs: world.inputs)(portfolio, id: "new", tenant: tenant) }.map(\.code) == [
                "no_value"
            ]
        )
    }

    @Test func `decimal fractions in lots may round`() throws {
        var portfolio = InMemoryWorld.portfolio
        let day = InMemoryWorld.asOf.date
        portfolio.positions[0] = Position(
            instrumentID: "AAPL",
            quantity: 0.3,
            taxLots: [
                TaxLot(quantity: 0.1, costBasis: 1, acquiredAt: day),
                TaxLot(quantity: 0.2, costBasis: 1, acquiredAt: day),
            ]
        )
        #expect(try PutPortfolio(inputs: world.inputs)(portfolio, id: "new", tenant: tenant).isNew)
    }

    @Test func `another tenant's risk model is unknown and its portfolio's identifier taken`() throws {
        let put = PutPortfolio(inputs: world.inputs)
        #expect(
            faults { try put(InMemoryWorld.portfolio, id: "new", tenant: "other") }.map(\.code).contains(
                "unknown_risk_model"
            )
        )
        _ = try world.inputs.putInstruments(InMemoryWorld.instruments, tenant: "other")
        _ = try world.inputs.putRiskModel(InMemoryWorld.riskModel, id: "theirs", tenant: "other")
        var portfolio = InMemoryWorld.portfolio
        portfolio.riskModelID = "theirs"
        #expect(throws: ServiceError.identifierTaken(.portfolio, id: "demo")) {
            try put(portfolio, id: "demo", tenant: "other")
        }
    }

    private func faults<Value>(_ operation: () throws -> Value) -> [Fault] {
        do {
            _ = try operation()
            return []
        } catch ServiceError.invalid(let faults) {
            return faults
        } catch {
            Issue.record("unexpected: \(error)")
            return []
        }
    }
}
