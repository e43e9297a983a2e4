import Foundation
import Matrices
import PortfolioModel
import PortfolioOptimization

/// A mandate of `risk_mandates.json`: scenarios, holdings, limits, and the best objective that other solvers found.
struct RiskMandate: Sendable {
    var returns: DenseMatrix?
    var probabilities: [Double]?
    var mandate: TestMandate
    var measure: RiskMeasure
    var objective: Objective
    /// Nil when no allocation meets the limits.
    var expected: Double?
    var isUnbounded = false
    /// What the objective is taken in the worst case of.
    var uncertainty: Uncertainty?
    var name: String

    /// The problem that the method is given.
    func problem() throws -> AllocationProblem {
        try mandate.problem(objective, measure: measure, returns: returns, probabilities: probabilities)
    }

    /// The measure of weights, from its definition and by none of the method's code.
    func risk(_ weights: [Double]) -> Double {
        let confidence = mandate.preferences.confidenceLevel ?? 0.95
        if measure == .volatility {
            var variance = 0.0
            for i in weights.indices {
                for j in weights.indices { variance += weights[i] * weights[j] * mandate.covariance[i, j] }
            }
            return variance.squareRoot()
        }
        guard let returns else { return gaussianRisk(weights, confidence: confidence) }
        let count = returns.rows
        let p = probabilities ?? [Double](repeating: 1 / Double(count), count: count)
        let r = (0..<count).map { t in weights.indices.reduce(0) { $0 + weights[$1] * returns[t, $1] } }
        return definedRisk(measure, r, p, confidence: confidence) + riskPenalty(weights)
    }

    /// By how much the return may be lower, Ω being the covariance by the years of history.
    func returnPenalty(_ weights: [Double]) -> Double {
        guard let uncertainty, uncertainty.kind.isOfReturns, let returns else { return 0 }
        let scale = 252 / Double(returns.rows)
        guard uncertainty.kind == .ellipsoidal else {
            return uncertainty.size
                * weights.indices.reduce(0) { $0 + (mandate.covariance[$1, $1] * scale).squareRoot() * weights[$1] }
        }
        var variance = 0.0
        for i in weights.indices {
            for j in weights.indices { variance += weights[i] * weights[j] * mandate.covariance[i, j] * scale }
        }
        return uncertainty.size * variance.squareRoot()
    }

    /// By how much the risk may be larger.
    private func riskPenalty(_ weights: [Double]) -> Double {
        guard let uncertainty, uncertainty.kind == .wasserstein else { return 0 }
        let price = uncertainty.size / (1 - (mandate.preferences.confidenceLevel ?? 0.95))
        switch uncertainty.norm ?? .euclidean {
        case .sum: return price * (weights.max() ?? 0)
        case .euclidean: return price * weights.reduce(0) { $0 + $1 * $1 }.squareRoot()
        case .largest: return price * weights.reduce(0, +)
        }
    }

    private func gaussianRisk(_ weights: [Double], confidence: Double) -> Double {
        // Quantiles of the standard normal at the confidences of the fixture (tables).
        let quantiles = [0.8: 0.8416212335729143, 0.9: 1.2815515655446004, 0.95: 1.6448536269514722]
        let z = quantiles[confidence] ?? .nan
        let k = measure == .valueAtRisk ? z : exp(-z * z / 2) / (2 * Double.pi).squareRoot() / (1 - confidence)
        var variance = 0.0
        for i in weights.indices {
            for j in weights.indices { variance += weights[i] * weights[j] * mandate.covariance[i, j] }
        }
        let mean = weights.indices.reduce(0) { $0 + weights[$1] * mandate.expectedReturns[$1] }
        return k * (variance / 252).squareRoot() - mean / 252
    }

    /// The objective, larger is better.
    func value(_ solution: AllocationSolution, _ problem: AllocationProblem) -> Double {
        let net = Figures(problem, solution.weights, solution.cash).netReturn - returnPenalty(solution.weights)
        let risk = risk(solution.weights)
        switch objective {
        case .minimizeRisk: return -risk
        case .maximizeReturn: return net
        case .maximizeUtility where measure == .volatility:
            return net - (mandate.preferences.riskAversion ?? 2.5) / 2 * risk * risk
        case .maximizeUtility: return net - (mandate.preferences.riskAversion ?? 2.5) * 252 * risk
        default: return (net - (mandate.preferences.riskFreeRate ?? 0)) / risk
        }
    }

    static func all(_ name: String = "risk_mandates") throws -> [RiskMandate] {
        guard let url = Bundle.module.url(forResource: "Fixtures/\(name)", withExtension: "json") else {
            return []
        }
        return try JSONDecoder().decode([Document].self, from: Data(contentsOf: url)).flatMap(\.mandates)
    }

    private struct Document: Decodable {
        struct Case: Decodable {
            struct Limits: Decodable {
                struct Group: Decodable {
                    var members: [Int]
                    var min: Double
                }
                var max_position_size, min_position_size, max_sector_exposure, max_turnover, max_cash: Double?
                var target_volatility, max_risk, min_return: Double?
                var group: Group?
                var max_scenario_losses: [String: Double]?
                var softened: SoftenedLimits

                init(from decoder: any Decoder) throws {
                    let values = try decoder.container(keyedBy: CodingKeys.self)
                    func number(_ key: CodingKeys) throws -> Double? {
                        try values.decodeIfPresent(Double.self, forKey: key)
                    }
                    max_position_size = try number(.max_position_size)
                    min_position_size = try number(.min_position_size)
                    max_sector_exposure = try number(.max_sector_exposure)
                    max_turnover = try number(.max_turnover)
                    max_cash = try number(.max_cash)
                    target_volatility = try number(.target_volatility)
                    max_risk = try number(.max_risk)
                    min_return = try number(.min_return)
                    group = try values.decodeIfPresent(Group.self, forKey: .group)
                    max_scenario_losses = try values.decodeIfPresent(
                        [String: Double].self,
                        forKey: .max_scenario_losses
                    )
                    softened = try SoftenedLimits(from: decoder)
                }

                enum CodingKeys: String, CodingKey {
                    case max_position_size, min_position_size, max_sector_exposure, max_turnover, max_cash
                    case target_volatility, max_risk, min_return, group, max_scenario_losses
                }
            }
            var measure, objective: String
            var confidence, risk_aversion: Double
            var constraints: Limits
            var expected: Expected
            var uncertainty: Unknown?
        }
        struct Unknown: Decodable {
            var kind: String
            var size: Double
            var norm: String?

            var uncertainty: Uncertainty? {
                Uncertainty.Kind(rawValue: kind).map {
                    Uncertainty(kind: $0, size: size, norm: norm.flatMap(Uncertainty.Norm.init))
                }
            }
        }
        enum Expected: Decodable {
            case value(Double), infeasible, unbounded
            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if container.decodeNil() {
                    self = .infeasible
                } else if let value = try? container.decode(Double.self) {
                    self = .value(value)
                } else {
                    self = .unbounded
                }
            }
        }
        var returns: [[Double]]?
        var probabilities: [Double]?
        var expected_returns: [Double]
        var covariance: [[Double]]
        var quantities: [Double]
        var cash, cost, risk_free_rate: Double
        var sectors: [String?]
        var cases: [Case]

        var mandates: [RiskMandate] {
            cases.enumerated().compactMap { index, item in
                guard let measure = RiskMeasure(rawValue: item.measure),
                    let objective = Objective(rawValue: item.objective)
                else { return nil }
                var mandate = TestMandate(
                    expectedReturns: expected_returns,
                    covariance: covariance,
                    quantities: quantities
                )
                mandate.cash = cash
                mandate.sectors = sectors
                mandate.constraints = constraints(item.constraints, mandate.identifiers)
                mandate.preferences.riskFreeRate = risk_free_rate
                mandate.preferences.riskAversion = item.risk_aversion
                mandate.preferences.confidenceLevel = item.confidence
                if cost > 0, objective != .minimizeRisk {
                    mandate.preferences.includeTransactionCosts = true
                    mandate.preferences.transactionCostModel = cost
                }
                var result = RiskMandate(
                    returns: returns.flatMap { DenseMatrix(rows: $0) },
                    probabilities: probabilities,
                    mandate: mandate,
                    measure: measure,
                    objective: objective,
                    expected: nil,
                    name: "\(quantities.count) × \(returns?.count ?? 0), \(index): \(item)"
                )
                if let uncertainty = item.uncertainty?.uncertainty {
                    result.uncertainty = uncertainty
                    result.mandate.type = .robust
                    result.mandate.parameters.uncertainty = uncertainty
                }
                if item.constraints.max_scenario_losses != nil {
                    result.mandate.type = .scenarioBased
                    result.mandate.parameters.scenarios = scenarios(mandate.identifiers)
                }
                switch item.expected {
                case .value(let value): result.expected = value
                case .unbounded: result.isUnbounded = true
                case .infeasible: break
                }
                return result
            }
        }

        /// The returns by name: S0, S1 and so on.
        private func scenarios(_ identifiers: [String]) -> [ReturnScenario] {
            (returns ?? []).enumerated().map { index, row in
                ReturnScenario(
                    name: "S\(index)",
                    probability: probabilities?[index],
                    returns: Dictionary(zip(identifiers, row)) { first, _ in first }
                )
            }
        }

        private func constraints(_ limits: Case.Limits, _ identifiers: [String]) -> Constraints {
            var constraints = Constraints()
            constraints.maxPositionSize = limits.max_position_size
            constraints.minPositionSize = limits.min_position_size
            constraints.maxSectorExposure = limits.max_sector_exposure
            constraints.maxTurnover = limits.max_turnover
            constraints.maxCash = limits.max_cash
            constraints.targetVolatility = limits.target_volatility
            constraints.maxRisk = limits.max_risk
            constraints.minReturn = limits.min_return
            constraints.maxScenarioLosses = limits.max_scenario_losses
            limits.softened.add(to: &constraints)
            constraints.groups = limits.group.map {
                [GroupLimit(name: "g", members: .instruments($0.members.map { identifiers[$0] }), min: $0.min)]
            }
            return constraints
        }
    }
}

/// A measure over the returns of a portfolio, from its definition, by plain loops and sorts.
func definedRisk(_ measure: RiskMeasure, _ r: [Double], _ p: [Double], confidence: Double) -> Double {
    let mean = zip(p, r).reduce(0) { $0 + $1.0 * $1.1 }
    switch measure {
    case .volatility: return .nan
    case .worstRealization: return -(r.min() ?? 0)
    case .meanAbsoluteDeviation: return zip(p, r).reduce(0) { $0 + $1.0 * abs($1.1 - mean) }
    case .semiDeviation: return zip(p, r).reduce(0) { $0 + $1.0 * pow(min($1.1 - mean, 0), 2) }.squareRoot()
    case .conditionalValueAtRisk: return tailMean(r.map { -$0 }, p, confidence)
    case .valueAtRisk:
        var above = 0.0
        for t in r.indices.sorted(by: { r[$0] < r[$1] }) {
            above += p[t]
            if above > 1 - confidence + 1e-12 { return -r[t] }
        }
        return .nan
    case .maximumDrawdown, .conditionalDrawdown:
        var (path, peak) = (0.0, 0.0)
        let depths = r.map { value -> Double in
            path += value
            peak = max(peak, path)
            return peak - path
        }
        return measure == .maximumDrawdown ? depths.max() ?? 0 : tailMean(depths, p, confidence)
    case .entropicValueAtRisk:
        // Minimised over ln z by golden sections: the definition as it stands.
        func value(_ logarithm: Double) -> Double {
            let z = exp(logarithm)
            let worst = r.map { -$0 / z }.max() ?? 0
            let sum = zip(p, r).reduce(0) { $0 + $1.0 * exp(-$1.1 / z - worst) }
            return z * (worst + log(sum) - log(1 - confidence))
        }
        var (low, high) = (-30.0, 5.0)
        for _ in 0..<200 {
            let (a, b) = (high - 0.618034 * (high - low), low + 0.618034 * (high - low))
            if value(a) < value(b) { high = b } else { low = a }
        }
        return value((low + high) / 2)
    }
}

private func tailMean(_ losses: [Double], _ p: [Double], _ confidence: Double) -> Double {
    var (left, sum) = (1 - confidence, 0.0)
    for t in losses.indices.sorted(by: { losses[$0] > losses[$1] }) {
        let part = min(left, p[t])
        sum += part * losses[t]
        left -= part
    }
    return sum / (1 - confidence)
}
