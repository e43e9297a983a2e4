import ConvexSolver
import Foundation
import TestSupport

/// A nonsymmetric cone with points of it and formulas that share nothing with the solver's.
struct SampledCone: Sendable, CustomStringConvertible {
    let name: String
    let cone: any NonsymmetricCone
    let kind: Cone
    private let exponent: Double?

    var description: String { name }

    static let all: [SampledCone] =
        [SampledCone(name: "exponential", cone: ExponentialCone(), kind: .exponential, exponent: nil)]
        + [0.02, 0.3, 0.5, 2.0 / 3, 0.95].map {
            SampledCone(name: "power \($0)", cone: PowerCone(exponent: $0), kind: .power($0), exponent: $0)
        }

    /// A point inside K, `depth` from its boundary (relative to the numbers of the point).
    func inside(_ generator: inout SeededGenerator, depth: Double) -> Vector3 {
        let (x, y) = (exp(generator.uniform(-2...2)), exp(generator.uniform(-2...2)))
        guard let exponent else { return Vector3(x * log(y / x) - depth * (1 + x), x, y) }
        let sign = generator.uniform(0...1) < 0.5 ? -1.0 : 1.0
        return Vector3(x, y, sign * pow(x, exponent) * pow(y, 1 - exponent) / (1 + depth))
    }

    /// A point inside K*.
    func insideDual(_ generator: inout SeededGenerator, depth: Double) -> Vector3 {
        let point = inside(&generator, depth: depth)
        guard let exponent else {
            // (u, v, w) is in K* just when (u − v, −u, w) is in K: −u log(w/−u) ≥ u − v.
            return Vector3(-point.y, -point.y - point.x, point.z)
        }
        return Vector3(point.x * exponent, point.y * (1 - exponent), point.z)
    }

    /// f* as the literature writes it.
    func dualBarrierValue(_ z: Vector3) -> Double {
        guard let exponent else {
            return -log(z.y - z.x - z.x * log(-z.z / z.x)) - log(-z.x) - log(z.z)
        }
        let mean = pow(z.x / exponent, 2 * exponent) * pow(z.y / (1 - exponent), 2 - 2 * exponent)
        return -log(mean - z.z * z.z) - (1 - exponent) * log(z.x) - exponent * log(z.y)
    }

    /// Whether a point is in K, by the definition.
    func contains(_ s: Vector3) -> Bool {
        guard let exponent else { return s.y > 0 && s.y * exp(s.x / s.y) <= s.z }
        return s.x >= 0 && s.y >= 0 && pow(s.x, exponent) * pow(s.y, 1 - exponent) >= s.z.magnitude
    }
}

extension Vector3 {
    /// A vector of normal numbers.
    static func random(_ generator: inout SeededGenerator) -> Vector3 {
        Vector3(generator.normal(), generator.normal(), generator.normal())
    }

    /// ‖v − w‖ ≤ ε ‖w‖.
    func isClose(to other: Vector3, _ tolerance: Double) -> Bool { (self - other).norm <= tolerance * other.norm }
}
