import Foundation
import Matrices
import PortfolioModel
import PortfolioOptimization
import Testing

/// A mandate of `robust_mandates.json`: what is uncertain, and the best objective that other solvers found.
struct RobustMandate: Decodable, Sendable, CustomTestStringConvertible {
    struct Unknown: Decodable, Sendable {
        var kind: String
        var size: Double
        var years: Double?
    }

    let base: RandomMandate
    let unknown: Unknown

    var testDescription: String { "\(unknown.kind) \(unknown.size), \(base)" }

    private enum CodingKeys: String, CodingKey { case uncertainty }

    init(from decoder: any Decoder) throws {
        base = try RandomMandate(from: decoder)
        unknown = try decoder.container(keyedBy: CodingKeys.self).decode(Unknown.self, forKey: .uncertainty)
    }

    static let all: [RobustMandate] = {
        guard let url = Bundle.module.url(forResource: "Fixtures/robust_mandates", withExtension: "json"),
            let data = try? Data(contentsOf: url),
            let cases = try? JSONDecoder().decode([RobustMandate].self, from: data)
        else { return [] }
        return cases
    }()

    /// The mandate with its uncertainty; a history is given where Ω is to be the covariance by its years.
    func mandate() -> (mandate: TestMandate, returns: DenseMatrix?) {
        var mandate = base.mandate()
        mandate.type = .robust
        mandate.benchmark = base.benchmark
        let covariance = mandate.covariance
        var uncertainty = Uncertainty(kind: Uncertainty.Kind(rawValue: unknown.kind) ?? .box, size: unknown.size)
        if uncertainty.kind == .covarianceBox {
            uncertainty.upper = upper(of: covariance)
        } else if unknown.years == nil {
            uncertainty.covariance = errors(of: covariance)
        }
        mandate.parameters.uncertainty = uncertainty
        let history = unknown.years.map { DenseMatrix(rows: Int($0) * 252, columns: base.size) }
        return (mandate, history)
    }

    /// The same as the script's.
    private func errors(of covariance: DenseMatrix) -> DenseMatrix {
        var errors = covariance
        for j in 0..<covariance.columns {
            for i in 0..<covariance.rows { errors[i, j] = 0.1 * covariance[i, j] * (i == j ? 1 : 0.3) }
        }
        return errors
    }

    private func upper(of covariance: DenseMatrix) -> DenseMatrix {
        var upper = covariance
        for j in 0..<covariance.columns {
            for i in 0..<covariance.rows {
                let size = (covariance[i, i] * covariance[j, j]).squareRoot()
                upper[i, j] += 0.2 * size * (i == j ? 1 : 0.5)
            }
        }
        return upper
    }

    /// By how much the return of weights may be lower, from the definition.
    func penalty(_ x: [Double]) -> Double {
        let covariance = base.mandate().covariance
        let omega = unknown.years.map { years in scaled(covariance, 1 / years) } ?? errors(of: covariance)
        switch unknown.kind {
        case "box": return unknown.size * x.indices.reduce(0) { $0 + omega[$1, $1].squareRoot() * x[$1].magnitude }
        case "ellipsoidal": return unknown.size * form(omega, x).squareRoot()
        default: return 0
        }
    }

    /// The worst volatility, from the definition.
    func worstVolatility(_ x: [Double]) -> Double {
        let covariance = base.mandate().covariance
        guard unknown.kind == "covariance_box" else { return form(covariance, x).squareRoot() }
        let (nominal, most) = (form(covariance, x), form(upper(of: covariance), x))
        return (nominal + unknown.size * (most - nominal)).squareRoot()
    }

    private func scaled(_ matrix: DenseMatrix, _ factor: Double) -> DenseMatrix {
        DenseMatrix(rows: matrix.rows, columns: matrix.columns, columnMajor: matrix.elements.map { $0 * factor })
    }

    private func form(_ matrix: DenseMatrix, _ x: [Double]) -> Double {
        var sum = 0.0
        for i in x.indices {
            for j in x.indices { sum += x[i] * matrix[i, j] * x[j] }
        }
        return max(0, sum)
    }

    /// The objective in the worst case, larger is better.
    func value(_ objective: Objective, _ problem: AllocationProblem, _ solution: AllocationSolution) -> Double {
        let weights = solution.weights
        let figures = Figures(problem, weights, solution.cash)
        let (net, volatility) = (figures.netReturn - penalty(weights), worstVolatility(weights))
        let rate = problem.preferences.riskFreeRate ?? 0
        switch objective {
        case .minimizeRisk: return -volatility
        case .maximizeReturn: return net
        case .maximizeUtility: return net - (problem.preferences.riskAversion ?? 2.5) / 2 * volatility * volatility
        case .maximizeSharpe: return (net - rate) / volatility
        default:
            let active = zip(weights, problem.benchmark?.weights ?? weights).map { $0 - $1 }
            return (figures.activeReturn - penalty(active)) / figures.trackingError
        }
    }

    /// By how much the worst case misses the limits that hold in it.
    func worstMiss(_ problem: AllocationProblem, _ solution: AllocationSolution) -> Double {
        let weights = solution.weights
        let worst = Figures(problem, weights, solution.cash).expectedReturn - penalty(weights)
        var miss = (problem.constraints.minReturn ?? -.infinity) - worst
        let volatility = worstVolatility(weights)
        for bound in [problem.constraints.targetVolatility, problem.constraints.maxRisk] {
            if let bound { miss = max(miss, volatility - bound) }
        }
        return miss
    }
}

/// The worst-case minimum variance of `published_worst_case.json`, with its source.
struct PublishedWorstCase: Decodable {
    var lower: [[Double]]
    var upper: [[Double]]
    var weights: [Double]

    static func read() throws -> PublishedWorstCase {
        let url = Bundle.module.url(forResource: "Fixtures/published_worst_case", withExtension: "json")
        return try JSONDecoder().decode(
            PublishedWorstCase.self,
            from: Data(contentsOf: url ?? URL(fileURLWithPath: ""))
        )
    }
}
