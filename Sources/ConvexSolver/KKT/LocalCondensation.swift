internal import LinearAlgebra
internal import Matrices

/// What the cones with local columns bring to the system at one scaling, before it is scaled.
///
/// Of the three eigenvectors of H⁻¹ on a cone the mild ones are eliminated and the stiff ones stay as rows, as for other
/// cones. A stiff row that one of the cone's own columns takes up leaves together with that column; one that none takes up
/// would come back as stiff as it was, and stays with the shared unknowns.
struct LocalCondensation {
    /// A stiff direction of a cone, over its own columns and the shared ones.
    struct Direction {
        let direction: Int
        /// Entries in the cone's own columns.
        let own: [Double]
        /// Entries in its shared columns.
        let shared: [Double]
        let compliance: Double
    }

    /// One cone.
    struct Cone {
        /// M of its own columns: H⁻¹ of mild directions, bounds, regularization.
        var matrix: DenseMatrix
        /// Mild directions' entries between own columns (rows) and shared ones.
        var coupling: [[Double]]
        /// Stiff directions that leave with the cone's columns.
        var leaving: [Direction]
        /// Stiff directions that stay.
        var staying: [Direction]
    }

    let local: LocalColumns
    private(set) var cones: [Cone] = []  // one for each of the local blocks
    /// What eliminating them adds to the diagonal of the shared columns, roughly: their size for scaling.
    private(set) var sizes: [Double]
    /// The outer products that mild directions add to the shared columns.
    private var gathered: [(columns: [Int], values: [Double])] = []

    init(_ local: LocalColumns, _ scaling: ConeScaling, settings: SolverSettings) {
        self.local = local
        sizes = [Double](repeating: 0, count: local.sharedColumns.count)
        for block in local.blocks { add(block, scaling, settings) }
    }

    private mutating func add(_ block: LocalColumns.Block, _ scaling: ConeScaling, _ settings: SolverSettings) {
        let count = block.columns.count
        let cone = scaling.nonsymmetric[block.cone]
        var result = Cone(
            matrix: DenseMatrix(rows: count, columns: count),
            coupling: block.columns.map { _ in [Double](repeating: 0, count: block.sharedColumns.count) },
            leaving: [],
            staying: []
        )
        for entry in block.bounds {
            let value = entry.value / scaling.w[entry.row]
            result.matrix[entry.column, entry.column] += value * value
        }
        var stiff: [Direction] = []
        for direction in 0..<3 {
            let unit = cone.directions[direction]
            let weight = cone.weights[direction]
            let own = block.coefficients.map { $0.dot(unit) }
            let shared = block.sharedCoefficients.map { $0.dot(unit) }
            let largest = max(normInfinity(own), normInfinity(shared))
            if weight * largest * largest > settings.stiffness {
                stiff.append(Direction(direction: direction, own: own, shared: shared, compliance: 1 / weight))
                continue
            }
            for l in 0..<count {
                for k in l..<count { result.matrix[k, l] += weight * own[k] * own[l] }
                axpy(weight * own[l], shared, into: &result.coupling[l])
            }
            let root = weight.squareRoot()
            gathered.append((block.sharedColumns, shared.map { root * $0 }))
        }
        let size = stiff.isEmpty ? KKTAssembly.size(of: result.matrix) : 1
        KKTAssembly.regularize(&result.matrix, size * settings.primalRegularization)
        for direction in stiff {
            var compliance = direction.compliance
            for l in 0..<count { compliance += direction.own[l] * direction.own[l] / result.matrix[l, l] }
            let largest = normInfinity(direction.shared)
            if largest * largest > settings.stiffness * compliance {
                result.staying.append(direction)
            } else {
                result.leaving.append(direction)
                for (j, value) in zip(block.sharedColumns, direction.shared) { sizes[j] += value * value / compliance }
            }
        }
        cones.append(result)
    }

    /// Adds the mild directions to M of the shared columns.
    func addMild(to matrix: inout DenseMatrix) {
        guard !gathered.isEmpty, matrix.rows > 0 else { return }
        var rows = DenseMatrix(rows: gathered.count, columns: matrix.columns)
        for (position, row) in gathered.enumerated() {
            for (column, value) in zip(row.columns, row.values) {
                rows.elements[column * gathered.count + position] = value
            }
        }
        rows.addGram(to: &matrix)
    }

    /// The stiff directions that stay, as rows over the shared columns.
    var stayingDirections: [KeptDirection] {
        zip(local.blocks, cones).flatMap { block, cone in cone.staying.map { Self.kept($0, block) } }
    }

    /// The stiff directions that leave.
    var leavingDirections: [KeptDirection] {
        zip(local.blocks, cones).flatMap { block, cone in cone.leaving.map { Self.kept($0, block) } }
    }

    private static func kept(_ direction: Direction, _ block: LocalColumns.Block) -> KeptDirection {
        KeptDirection(
            block: block.cone,
            direction: direction.direction,
            columns: block.sharedColumns,
            values: direction.shared,
            compliance: direction.compliance
        )
    }
}
