import Foundation
import Matrices
import PortfolioModel
import Testing

/// A mandate of the fixture: limits and optimum from the file, moments and holdings from the seed.
struct RandomMandate: Decodable, Sendable, CustomTestStringConvertible {
    let seed: UInt64
    let size: Int
    let objective: String
    let outside: [Int]
    let ownCosts: Bool
    let constraints: Limits
    let preferences: Wishes
    let status: String
    let expected: Double?
    /// Impact of single instruments, whose average daily value is a million.
    let impact: [String: Double]?
    /// What a trade of single instruments costs whatever its size, money.
    let fixed: [String: Double]?
    /// The factors' variances, where they are not 1: exposures are the smaller for it.
    let factor_variances: [Double]?
    /// Lots of single instruments: share of the holding, cost over price, and whether they are long-term.
    let lots: [String: [Lot]]?

    var testDescription: String { "seed \(seed): \(objective), \(size) instruments, \(status)" }

    struct Limits: Decodable, Sendable {
        var max_position_size, min_position_size, max_sector_exposure, max_asset_class_exposure, max_turnover: Double?
        var target_volatility, max_risk, min_return, min_cash, max_cash: Double?
        var min_weights, max_weights: [String: Double]?
        var groups: [Group]?
        var max_positions: Int?
        var max_tracking_error: Double?
        var factor_exposures: [String: Range]?
        var allow_short: Bool?
        var max_gross_exposure: Double?
        var max_weight_change: Double?
        var max_weight_changes: [String: Double]?
        var grandfather_breaches: Bool?
        var largest_positions: [Largest]?
        var soft_limits: [Soft]?
    }

    struct Largest: Decodable, Sendable {
        var count: Int
        var max: Double
    }

    struct Soft: Decodable, Sendable {
        var limit: String
        var penalty: Double
    }

    struct Lot: Decodable, Sendable {
        var share, ratio: Double
        var isLong: Bool

        init(from decoder: any Decoder) throws {
            var values = try decoder.unkeyedContainer()
            share = try values.decode(Double.self)
            ratio = try values.decode(Double.self)
            isLong = try values.decode(Bool.self)
        }
    }

    struct Range: Decodable, Sendable {
        var min, max, max_risk: Double?
    }

    struct Group: Decodable, Sendable {
        var name: String
        var instruments: [String]?
        var memberships: [String: Double]?
        var sector, asset_class: String?
        var min, max: Double?
    }

    struct Wishes: Decodable, Sendable {
        var risk_aversion, transaction_cost_model, risk_free_rate, cost_horizon_years: Double?
        var include_transaction_costs, consider_tax_implications: Bool?
        var short_term_tax_rate, long_term_tax_rate: Double?
    }

    enum CodingKeys: String, CodingKey {
        case seed, size, objective, outside, constraints, preferences, status, expected, impact, lots, fixed,
            factor_variances
        case ownCosts = "own_costs"
    }

    static let all = read("random_mandates")
    /// Those with limits on exposures to the factors that the covariance is made of.
    static let onFactors = read("factor_mandates")
    /// Those with a benchmark, for the objectives that look at it or at trading costs.
    static let active = read("active_objectives")

    /// Those that limit positions, the tracking error or both.
    static let onPositions = read("position_mandates")

    /// Those charged with impact and taxes.
    static let charged = read("charged_mandates")
    /// Those whose trades cost something whatever their size.
    static let fixedCosts = read("fixed_mandates")
    /// Those that may hold short.
    static let short = read("short_mandates")
    /// Those over the whole language of limits and objectives on volatility.
    static let language = read("language_mandates")
    /// Those whose breaches by the holdings are let be.
    static let grandfathered = read("grandfathered_mandates")
    /// Those with limits that may be exceeded at a price.
    static let soft = read("soft_mandates")
    /// Those with limits on the sums of the largest positions.
    static let largest = read("largest_mandates")

    /// Those with factor risk budgets, limits on changes of single weights and groups of fractional membership.
    static let moreLimits = read("limit_mandates")

    /// The mandate with its benchmark, and with the factors where a limit names some.
    var whole: TestMandate {
        var mandate = mandate(inParts: constraints.factor_exposures != nil)
        mandate.benchmark = benchmark
        return mandate
    }

    private static func read(_ name: String) -> [RandomMandate] {
        guard let url = Bundle.module.url(forResource: "Fixtures/\(name)", withExtension: "json"),
            let data = try? Data(contentsOf: url),
            let cases = try? JSONDecoder().decode([RandomMandate].self, from: data)
        else { return [] }
        return cases
    }

    /// The benchmark of the active mandates: of three instruments one, two and no parts.
    var benchmark: [String: Double] {
        let parts = (0..<size).map { [1.0, 2.0, 0.0][$0 % 3] }
        let total = parts.reduce(0, +)
        return Dictionary(
            uniqueKeysWithValues: (0..<size).map { ($0 < 10 ? "I0\($0)" : "I\($0)", parts[$0] / total) }
        )
    }

    /// The same numbers as the script makes: one SplitMix64 stream, plain arithmetic, the same order.
    ///
    /// With a shift the limits meet other data, for which the fixture has no answer. In parts, the covariance is given
    /// as the factor model it is.
    func mandate(shift: UInt64 = 0, inParts: Bool = false) -> TestMandate {
        var stream = UniformStream(seed: seed &+ shift)
        var loadings: [[Double]] = []
        for _ in 0..<size {
            let market = 0.05 + 0.2 * stream.next()
            let second = 0.24 * stream.next() - 0.12
            let third = 0.24 * stream.next() - 0.12
            loadings.append([market, second, third])
        }
        let specific = (0..<size).map { _ in 0.05 + 0.25 * stream.next() }
        let returns = (0..<size).map { _ in 0.2 * stream.next() - 0.02 }
        let prices = (0..<size).map { _ in 10 + 190 * stream.next() }
        var quantities = (0..<size).map { _ -> Double in
            let isHeld = stream.next() < 0.6
            let units = 1 + (200 * stream.next()).rounded(.down)
            return isHeld ? units : 0
        }
        let rates = (0..<size).map { _ in 0.0005 + 0.0045 * stream.next() }
        let cash = 5000 * stream.next()
        if quantities[0] == 0 { quantities[0] = 10 }
        var covariance = [[Double]](repeating: [Double](repeating: 0, count: size), count: size)
        for i in 0..<size {
            for j in 0..<size {
                for k in 0..<3 { covariance[i][j] += loadings[i][k] * loadings[j][k] }
            }
            covariance[i][i] += specific[i] * specific[i]
        }
        var mandate = TestMandate(
            expectedReturns: returns,
            covariance: covariance,
            quantities: quantities,
            prices: prices
        )
        if inParts {
            let variances = factor_variances ?? [1, 1, 1]
            let scaled = loadings.flatMap { row in zip(row, variances).map { $0 / $1.squareRoot() } }
            let exposures = DenseMatrix(rows: 3, columns: size, columnMajor: scaled)
            var factorCovariance = DenseMatrix(rows: 3, columns: 3)
            for factor in 0..<3 { factorCovariance[factor, factor] = variances[factor] }
            mandate.factors = FactorStructure(
                factors: ["MKT", "SECOND", "THIRD"],
                covariance: FactorCovariance(
                    exposuresTransposed: exposures,
                    factorCovariance: factorCovariance,
                    specificVariance: specific.map { $0 * $0 }
                )
            )
        }
        mandate.identifiers = (0..<size).map { $0 < 10 ? "I0\($0)" : "I\($0)" }
        mandate.cash = cash
        mandate.sectors = (0..<size).map { $0 % 7 == 6 ? nil : "S\($0 % 4)" }
        let classes = ["equity", "bond"]
        mandate.assetClasses = (0..<size).map { $0 % 11 == 10 ? nil : classes[$0 % 2] }
        if ownCosts { mandate.costs = rates.map { TransactionCost(proportional: $0) } }
        addCharges(&mandate)
        mandate.universe = (0..<size).filter { !outside.contains($0) }.map { mandate.identifiers[$0] }
        mandate.constraints = limits
        mandate.preferences = wishes
        return mandate
    }

    private func addCharges(_ mandate: inout TestMandate) {
        for (index, id) in mandate.identifiers.enumerated() {
            if let impact = impact?[id] {
                mandate.costs[index] = TransactionCost(
                    proportional: mandate.costs[index]?.proportional ?? 0,
                    impact: impact,
                    averageDailyValue: 1e6
                )
            }
            if let fixed = fixed?[id] {
                let proportional = mandate.costs[index]?.proportional ?? preferences.transaction_cost_model ?? 0
                mandate.costs[index] = TransactionCost(proportional: proportional, fixed: fixed)
            }
            mandate.lots[id] = lots?[id].map { lots in
                lots.map { lot in
                    TaxLot(
                        quantity: lot.share * mandate.quantities[index],
                        costBasis: lot.ratio * mandate.prices[index],
                        acquiredAt: CalendarDate(daysSinceEpoch: lot.isLong ? -800 : -100)
                    )
                }
            }
        }
    }

    private var limits: Constraints {
        var limits = Constraints()
        limits.maxPositionSize = constraints.max_position_size
        limits.minPositionSize = constraints.min_position_size
        limits.maxSectorExposure = constraints.max_sector_exposure
        limits.maxAssetClassExposure = constraints.max_asset_class_exposure
        limits.maxTurnover = constraints.max_turnover
        limits.targetVolatility = constraints.target_volatility
        limits.maxRisk = constraints.max_risk
        limits.minReturn = constraints.min_return
        limits.maxPositions = constraints.max_positions
        limits.maxTrackingError = constraints.max_tracking_error
        limits.allowShort = constraints.allow_short
        limits.maxGrossExposure = constraints.max_gross_exposure
        limits.largestPositions = constraints.largest_positions?.map {
            LargestPositionsLimit(count: $0.count, max: $0.max)
        }
        limits.softLimits = constraints.soft_limits?.map { SoftLimit(limit: $0.limit, penalty: $0.penalty) }
        limits.grandfatherBreaches = constraints.grandfather_breaches
        limits.minCash = constraints.min_cash
        limits.maxCash = constraints.max_cash
        limits.minWeights = constraints.min_weights
        limits.maxWeights = constraints.max_weights
        limits.groups = constraints.groups?.map { group in
            let members: GroupLimit.Members =
                if let instruments = group.instruments {
                    .instruments(instruments)
                } else if let parts = group.memberships {
                    .memberships(parts)
                } else if let sector = group.sector {
                    .sector(sector)
                } else {
                    .assetClass(group.asset_class ?? "")
                }
            return GroupLimit(name: group.name, members: members, min: group.min, max: group.max)
        }
        limits.factorExposures = constraints.factor_exposures?.mapValues {
            FactorLimit(min: $0.min, max: $0.max, maxRisk: $0.max_risk)
        }
        limits.maxWeightChange = constraints.max_weight_change
        limits.maxWeightChanges = constraints.max_weight_changes
        return limits
    }

    private var wishes: Preferences {
        var wishes = Preferences()
        wishes.riskAversion = preferences.risk_aversion
        wishes.transactionCostModel = preferences.transaction_cost_model
        wishes.riskFreeRate = preferences.risk_free_rate
        wishes.costHorizonYears = preferences.cost_horizon_years
        wishes.includeTransactionCosts = preferences.include_transaction_costs
        wishes.considerTaxImplications = preferences.consider_tax_implications
        wishes.shortTermTaxRate = preferences.short_term_tax_rate
        wishes.longTermTaxRate = preferences.long_term_tax_rate
        return wishes
    }
}
