internal import LinearAlgebra
internal import Matrices

extension KKTSystem {
    /// The system with its local columns eliminated.
    struct Eliminated {
        let system: EliminatedSystem
        let stiffRows: [Int]
        /// Those that stay, then those that left with their cone's columns.
        let keptDirections: [KeptDirection]
        /// Scales of the unknowns: all columns, equality and stiff rows, directions.
        let scales: [Double]
    }

    /// Condenses, scales and factors; nil when something cannot be factored.
    static func eliminate(
        _ local: LocalColumns,
        _ problem: PreparedProblem,
        _ assembly: KKTAssembly,
        _ scaling: ConeScaling,
        _ settings: SolverSettings
    ) -> Eliminated? {
        let condensation = LocalCondensation(local, scaling, settings: settings)
        var condensed = assembly.condense(local.reduced, scaling, settings: settings)
        condensation.addMild(to: &condensed.matrix)
        let firstStaying = condensed.keptDirections.count
        condensed.keptDirections += condensation.stayingDirections
        let sizes = condensation.sizes
        guard
            let (matrix, sharedScales) = scaledMatrix(
                local.reduced,
                assembly,
                scaling,
                condensed,
                settings,
                sizes: sizes
            )
        else { return nil }
        let shared = local.sharedColumns.count
        let rows = assembly.equalityRows + condensed.stiffRows
        var layout = EliminationLayout(
            local: local,
            columnCount: problem.variableCount,
            sharedScales: sharedScales,
            placeOfRow: Dictionary(uniqueKeysWithValues: rows.enumerated().map { ($0.element, shared + $0.offset) }),
            nextStaying: shared + rows.count + condensed.stiffDirections.count + firstStaying
        )
        var parts: [LocalPart] = []
        for (block, cone) in zip(local.blocks, condensation.cones) {
            parts.append(layout.part(block, cone, settings: settings))
        }
        guard let system = EliminatedSystem(parts, unknowns: layout.places(matrix.rows), matrix: matrix) else {
            return nil
        }
        return Eliminated(
            system: system,
            stiffRows: condensed.stiffRows,
            keptDirections: condensed.keptDirections + condensation.leavingDirections,
            scales: layout.scales
        )
    }
}

/// Where the unknowns of an eliminated system are, and their scales, while its parts are made.
private struct EliminationLayout {
    let local: LocalColumns
    let columnCount: Int
    let sharedScales: [Double]
    /// The place of each linear row that stays, among what stays.
    let placeOfRow: [Int: Int]
    /// The place of the next direction that stays, among what stays.
    private var nextStaying: Int
    /// Scales of all unknowns; those of directions that leave are appended as they come.
    private(set) var scales: [Double]

    init(
        local: LocalColumns,
        columnCount: Int,
        sharedScales: [Double],
        placeOfRow: [Int: Int],
        nextStaying: Int
    ) {
        self.local = local
        self.columnCount = columnCount
        self.sharedScales = sharedScales
        self.placeOfRow = placeOfRow
        self.nextStaying = nextStaying
        let shared = local.sharedColumns.count
        scales = [Double](repeating: 1, count: columnCount) + sharedScales.dropFirst(shared)
        for (k, j) in local.sharedColumns.enumerated() { scales[j] = sharedScales[k] }
    }

    /// The places in the whole system of what stays.
    func places(_ count: Int) -> [Int] {
        let shared = local.sharedColumns.count
        return local.sharedColumns + (shared..<count).map { columnCount + $0 - shared }
    }

    /// The block of one cone, scaled to a unit diagonal and regularized like the rest.
    mutating func part(_ block: LocalColumns.Block, _ cone: LocalCondensation.Cone, settings: SolverSettings)
        -> LocalPart
    {
        let count = block.columns.count
        let ownScales = ownScales(block, cone)
        for (l, column) in block.columns.enumerated() { scales[column] = ownScales[l] }
        let shared = block.sharedColumns.map { sharedScales[$0] }
        let rowPlaces = block.couplings.compactMap { placeOfRow[$0.row] }
        let stayingPlaces = cone.staying.indices.map { nextStaying + $0 }
        nextStaying += cone.staying.count
        let support = block.sharedColumns + rowPlaces + stayingPlaces

        let order = count + cone.leaving.count
        var matrix = DenseMatrix(rows: order, columns: order)
        var coupling: [[Double]] = []
        for l in 0..<count {
            for k in l..<count { matrix[k, l] = cone.matrix[k, l] * ownScales[k] * ownScales[l] }
            matrix[l, l] += settings.staticRegularization
            var row = zip(cone.coupling[l], shared).map { $0 * $1 * ownScales[l] }
            for entry in block.couplings {
                guard let place = placeOfRow[entry.row] else { continue }
                row.append(entry.column == l ? entry.value * ownScales[l] * sharedScales[place] : 0)
            }
            for (direction, place) in zip(cone.staying, stayingPlaces) {
                row.append(direction.own[l] * ownScales[l] * sharedScales[place])
            }
            coupling.append(row)
        }
        var unknowns = block.columns
        for (k, direction) in cone.leaving.enumerated() {
            var sum = direction.compliance
            for (value, scale) in zip(direction.own, ownScales) { sum += value * scale * value * scale }
            for (value, scale) in zip(direction.shared, shared) { sum += value * scale * value * scale }
            let scale = 1 / sum.squareRoot()
            for l in 0..<count { matrix[count + k, l] = direction.own[l] * ownScales[l] * scale }
            matrix[count + k, count + k] = -direction.compliance * scale * scale - settings.equalityRegularization
            let row = zip(direction.shared, shared).map { $0 * $1 * scale }
            coupling.append(row + [Double](repeating: 0, count: support.count - row.count))
            unknowns.append(scales.count)
            scales.append(scale)
        }
        return LocalPart(unknowns: unknowns, matrix: matrix, support: support, coupling: coupling)
    }

    /// A column is measured by its curvature and by the rows it is in.
    private func ownScales(_ block: LocalColumns.Block, _ cone: LocalCondensation.Cone) -> [Double] {
        var sizes = block.columns.indices.map { cone.matrix[$0, $0] }
        for direction in cone.leaving + cone.staying {
            for l in sizes.indices { sizes[l] = max(sizes[l], direction.own[l].magnitude) }
        }
        for entry in block.couplings { sizes[entry.column] = max(sizes[entry.column], entry.value.magnitude) }
        return sizes.map { 1 / $0.squareRoot() }
    }
}
