internal import LinearAlgebra
internal import Matrices
internal import PortfolioModel

/// A weighted sum of convex measures of risk, which is one itself.
struct WeightedRisks: ConvexRisk {
    private struct Part: Sendable {
        var risk: any ConvexRisk
        var weight: Double
        /// Where its profile stands among those of all.
        var profile: Range<Int>
    }

    private let parts: [Part]
    let scale: Double

    /// Takes measures with positive weights, of the same instruments.
    init(_ risks: [(risk: any ConvexRisk, weight: Double)]) {
        var parts: [Part] = []
        var first = 0
        for (risk, weight) in risks {
            let count = risk.profile(ofInstrument: 0).count
            parts.append(Part(risk: risk, weight: weight, profile: first..<(first + count)))
            first += count
        }
        self.parts = parts
        scale = powerOfTwo(near: risks.reduce(0) { $0 + $1.weight * $1.risk.scale })
    }

    func profile(of weights: [Double]) -> [Double] { parts.flatMap { $0.risk.profile(of: weights) } }

    func profile(ofInstrument index: Int) -> [Double] { parts.flatMap { $0.risk.profile(ofInstrument: index) } }

    func value(ofProfile profile: [Double]) -> Double {
        parts.reduce(0) { $0 + $1.weight * $1.risk.value(ofProfile: Array(profile[$1.profile])) }
    }

    func gradient(atProfile profile: [Double]) -> [Double] {
        var sum: [Double] = []
        for part in parts {
            let gradient = part.risk.gradient(atProfile: Array(profile[part.profile]))
            if sum.isEmpty { sum = [Double](repeating: 0, count: gradient.count) }
            axpy(part.weight, gradient, into: &sum)
        }
        return sum
    }

    /// The sum of those that are curved; nil where none is.
    func curvature(atProfile profile: [Double]) -> DenseMatrix? {
        var sum: DenseMatrix?
        for part in parts {
            guard let own = part.risk.curvature(atProfile: Array(profile[part.profile])) else { continue }
            let weighted = own.multiplied(by: part.weight)
            guard var total = sum else {
                sum = weighted
                continue
            }
            axpy(1, weighted.elements, into: &total.elements)
            sum = total
        }
        return sum
    }
}
