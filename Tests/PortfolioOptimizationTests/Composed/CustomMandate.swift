import Foundation
import Matrices
import PortfolioModel
import PortfolioOptimization

/// A mandate of `custom_objectives.json`: terms, limits, and the best weighted sum that other solvers found.
struct CustomMandate: Sendable, CustomStringConvertible {
    var mandate: TestMandate
    var measure: RiskMeasure
    var returns: DenseMatrix?
    /// Nil when no allocation meets the limits.
    var expected: Double?
    var description: String

    func problem() throws -> AllocationProblem {
        try mandate.problem(.custom, measure: measure, returns: returns)
    }

    static func all(_ name: String = "custom_objectives") throws -> [CustomMandate] {
        guard let url = Bundle.module.url(forResource: "Fixtures/\(name)", withExtension: "json") else {
            return []
        }
        return try JSONDecoder().decode([Document].self, from: Data(contentsOf: url)).flatMap { try $0.mandates() }
    }

    private struct Document: Decodable {
        struct Term: Decodable {
            var term: String
            var weight: Double
            var name, risk_measure: String?
        }
        struct Limits: Decodable {
            var max_position_size, min_position_size, max_sector_exposure, max_turnover, max_cash: Double?
            var target_volatility, max_risk, max_tracking_error, min_return: Double?
            var group: Group?
        }
        struct Group: Decodable {
            var members: [Int]
            var min: Double
        }
        struct Wishes: Decodable {
            var risk_free_rate, confidence_level, short_term_tax_rate, long_term_tax_rate, cost_horizon_years: Double?
            var include_transaction_costs, consider_tax_implications: Bool?
        }
        struct Case: Decodable {
            var risk_measure: String
            var terms: [Term]
            var constraints: Limits
            var softened: SoftenedLimits
            var preferences: Wishes
            var expected: Double?

            init(from decoder: any Decoder) throws {
                let values = try decoder.container(keyedBy: CodingKeys.self)
                risk_measure = try values.decode(String.self, forKey: .risk_measure)
                terms = try values.decode([Term].self, forKey: .terms)
                constraints = try values.decode(Limits.self, forKey: .constraints)
                softened = try values.decode(SoftenedLimits.self, forKey: .constraints)
                preferences = try values.decode(Wishes.self, forKey: .preferences)
                expected = try values.decodeIfPresent(Double.self, forKey: .expected)
            }

            enum CodingKeys: String, CodingKey {
                case risk_measure, terms, constraints, preferences, expected
            }
        }
        /// Units, what one cost, and whether it is long-term.
        struct Lot: Decodable {
            var units, basis: Double
            var isLong: Bool
            init(from decoder: any Decoder) throws {
                var list = try decoder.unkeyedContainer()
                units = try list.decode(Double.self)
                basis = try list.decode(Double.self)
                isLong = try list.decode(Bool.self)
            }
        }
        var expected_returns: [Double]
        var covariance, returns: [[Double]]
        var quantities, proportional, impact, benchmark, loadings, scores: [Double]
        var cash, daily_value: Double
        var sectors: [String?]
        var lots: [[Lot]]
        var cases: [Case]

        func mandates() throws -> [CustomMandate] {
            var base = TestMandate(expectedReturns: expected_returns, covariance: covariance, quantities: quantities)
            base.cash = cash
            base.sectors = sectors
            base.costs = proportional.indices.map {
                TransactionCost(proportional: proportional[$0], impact: impact[$0], averageDailyValue: daily_value)
            }
            base.benchmark = Dictionary(uniqueKeysWithValues: zip(base.identifiers, benchmark))
            // Prices are as of 1970-01-01.
            let days = (
                long: CalendarDate(year: 1967, month: 5, day: 4), short: CalendarDate(year: 1969, month: 6, day: 2)
            )
            for (id, own) in zip(base.identifiers, lots) {
                base.lots[id] = own.compactMap { lot in
                    (lot.isLong ? days.long : days.short).map {
                        TaxLot(quantity: lot.units, costBasis: lot.basis, acquiredAt: $0)
                    }
                }
            }
            let exposures = DenseMatrix(rows: 1, columns: loadings.count, columnMajor: loadings)
            base.exposures = FactorStructure(
                factors: ["MKT"],
                covariance: FactorCovariance(
                    exposuresTransposed: exposures,
                    factorCovariance: DenseMatrix(rows: 1, columns: 1),
                    specificVariance: [Double](repeating: 0, count: loadings.count)
                )
            )
            return cases.enumerated().map { index, item in
                var mandate = base
                mandate.constraints = limits(item.constraints)
                mandate.constraints.minReturn = item.constraints.min_return
                mandate.constraints.groups = item.constraints.group.map { group in
                    let members = group.members.map { base.identifiers[$0] }
                    return [GroupLimit(name: "g", members: .instruments(members), min: group.min)]
                }
                item.softened.add(to: &mandate.constraints)
                mandate.preferences = wishes(item.preferences)
                mandate.parameters.customObjective = item.terms.compactMap { term($0, base.identifiers) }
                return CustomMandate(
                    mandate: mandate,
                    measure: RiskMeasure(rawValue: item.risk_measure) ?? .volatility,
                    returns: DenseMatrix(rows: returns),
                    expected: item.expected,
                    description: "\(quantities.count) instruments, \(index): \(item.terms)"
                )
            }
        }

        private func term(_ item: Term, _ identifiers: [String]) -> ObjectiveTerm? {
            guard let kind = ObjectiveTerm.Kind(rawValue: item.term) else { return nil }
            return ObjectiveTerm(
                kind,
                weight: item.weight,
                name: item.name,
                riskMeasure: item.risk_measure.flatMap(RiskMeasure.init),
                factor: kind == .factorExposure ? "MKT" : nil,
                scores: kind == .score ? Dictionary(uniqueKeysWithValues: zip(identifiers, scores)) : nil
            )
        }

        private func limits(_ limits: Limits) -> Constraints {
            var constraints = Constraints()
            constraints.maxPositionSize = limits.max_position_size
            constraints.minPositionSize = limits.min_position_size
            constraints.maxSectorExposure = limits.max_sector_exposure
            constraints.maxTurnover = limits.max_turnover
            constraints.maxCash = limits.max_cash
            constraints.targetVolatility = limits.target_volatility
            constraints.maxRisk = limits.max_risk
            constraints.maxTrackingError = limits.max_tracking_error
            return constraints
        }

        private func wishes(_ wishes: Wishes) -> Preferences {
            var preferences = Preferences()
            preferences.riskFreeRate = wishes.risk_free_rate
            preferences.confidenceLevel = wishes.confidence_level
            preferences.shortTermTaxRate = wishes.short_term_tax_rate
            preferences.longTermTaxRate = wishes.long_term_tax_rate
            preferences.costHorizonYears = wishes.cost_horizon_years
            preferences.includeTransactionCosts = wishes.include_transaction_costs
            preferences.considerTaxImplications = wishes.consider_tax_implications
            return preferences
        }
    }
}
