internal import LinearAlgebra
internal import Matrices

/// The curvature of a factor model over a working set, as P = CᵀC + diag(d) with C = LᵀBᵀ, F = LLᵀ.
///
/// A product costs k numbers a variable, whatever is free; no column of P is ever made.
final class FactorColumns {
    /// k.
    let factorCount: Int
    private let model: FactorCurvature
    /// L, k × k, lower triangle.
    private let root: [Double]
    private var capacity: Int
    /// C, k × capacity.
    private var loadings: UnsafeMutablePointer<Double>
    /// d.
    private(set) var residual: UnsafeMutablePointer<Double>
    private let exposure: UnsafeMutablePointer<Double>
    /// The loadings of the free variables side by side, for a factorization from the start.
    private var gathered: [Double] = []

    /// Takes a factor model apart; nil for another curvature, where F is singular, and for observations.
    ///
    /// Those are many: columns read once each are cheaper then.
    init?(_ curvature: Curvature, capacity: Int) {
        guard case .factors(let model) = curvature, model.factorCount > 0, model.identityScale == nil else {
            return nil
        }
        guard let root = Self.root(of: model) else { return nil }
        let k = model.factorCount
        self.model = model
        self.root = root
        factorCount = k
        self.capacity = capacity
        loadings = .allocate(capacity: k * capacity)
        residual = .allocate(capacity: capacity)
        exposure = .allocate(capacity: k)
    }

    /// L with F = LLᵀ, in the lower triangle; nil where F is singular.
    static func root(of model: FactorCurvature) -> [Double]? {
        let k = model.factorCount
        var root = model.factorCovariance.elements
        let isDefinite = root.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.map { PointerKernels.factorize(order: k, matrix: $0, stride: k) } ?? false
        }
        guard isDefinite else { return nil }
        for i in 0..<k {
            let pivot = root[i * k + i]
            guard pivot * pivot > 1e-12 * model.factorCovariance.elements[i * k + i] else { return nil }
        }
        return root
    }

    deinit {
        loadings.deallocate()
        residual.deallocate()
        exposure.deallocate()
    }

    /// Makes room for more variables, keeping those there are.
    func reserve(_ wider: Int, keeping count: Int) {
        let newLoadings = UnsafeMutablePointer<Double>.allocate(capacity: factorCount * wider)
        newLoadings.update(from: loadings, count: factorCount * count)
        loadings.deallocate()
        loadings = newLoadings
        let newResidual = UnsafeMutablePointer<Double>.allocate(capacity: wider)
        newResidual.update(from: residual, count: count)
        residual.deallocate()
        residual = newResidual
        capacity = wider
    }

    /// Takes variable `name` of the program in as variable j of the working set.
    func set(_ j: Int, to name: Int) {
        residual[j] = model.residual[name]
        let target = loadings + j * factorCount
        model.exposures.elements.withUnsafeBufferPointer { elements in
            root.withUnsafeBufferPointer { root in
                guard let b = elements.baseAddress.map({ $0 + name * factorCount }), let l = root.baseAddress else {
                    return
                }
                for a in 0..<factorCount {
                    // Column a of L from its diagonal down.
                    let column = l + a * factorCount
                    target[a] = PointerKernels.dot(column + a, b + a, count: factorCount - a)
                }
            }
        }
    }

    /// P(i, j) without the residual.
    func common(_ i: Int, _ j: Int) -> Double {
        PointerKernels.dot(loadings + i * factorCount, loadings + j * factorCount, count: factorCount)
    }

    /// target ← target + CᵀC v + diag(d + shift) v over the first `count` variables, v given by its entries that are not 0.
    func addProduct(
        of entries: UnsafePointer<Double>,
        at variables: UnsafePointer<Int32>,
        entryCount: Int,
        shift: Double,
        count: Int,
        scratch: UnsafeMutablePointer<Double>,
        into target: UnsafeMutablePointer<Double>
    ) {
        exposure.update(repeating: 0, count: factorCount)
        for e in 0..<entryCount {
            let j = Int(variables[e])
            PointerKernels.add(entries[e], loadings + j * factorCount, into: exposure, count: factorCount)
            target[j] += (residual[j] + shift) * entries[e]
        }
        PointerKernels.transposedProduct(
            rows: factorCount,
            columns: count,
            matrix: loadings,
            stride: factorCount,
            vector: exposure,
            into: scratch
        )
        PointerKernels.add(1, scratch, into: target, count: count)
    }

    /// Writes the lower triangle of P over some variables, `stride` apart, with a shift of the diagonal.
    func gram(
        of variables: UnsafePointer<Int32>,
        order: Int,
        shift: Double,
        stride: Int,
        into target: UnsafeMutablePointer<Double>
    ) {
        guard order > 0 else { return }
        if gathered.count < order * factorCount {
            gathered = [Double](repeating: 0, count: 2 * order * factorCount)
        }
        gathered.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return }
            for p in 0..<order {
                let source = loadings + Int(variables[p]) * factorCount
                (start + p * factorCount).update(from: source, count: factorCount)
            }
            PointerKernels.gram(rows: factorCount, columns: order, matrix: start, stride: stride, into: target)
        }
        for p in 0..<order { target[p * stride + p] += residual[Int(variables[p])] + shift }
    }
}
