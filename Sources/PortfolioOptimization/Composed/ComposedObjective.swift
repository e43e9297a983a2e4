internal import ConvexSolver
internal import Matrices
internal import PortfolioModel

/// An objective put together of terms, as a program minimises it: −Σ weight · term, divided by a power of two.
///
/// What is linear stands in the linear part, variance and concentration in the quadratic one, and every other term has a
/// column with the cone that holds it (docs/mathematics.md, "Objectives made of terms"). Measures over scenarios are left
/// to the risk column. What is uncertain counts in its worst case: an uncertain return is less its penalty, a covariance
/// the largest of its box.
struct ComposedObjective {
    let problem: AllocationProblem
    let limits: AllocationLimits
    let charges: TermCharges
    /// What a unit of the program's objective is worth.
    let unit: Double
    let chargeWeights: (cost: Double, tax: Double)

    /// Gathers the terms; a unit that is given goes before the one of the terms' size.
    init(_ problem: AllocationProblem, limits: AllocationLimits, charges: TermCharges, unit: Double? = nil) {
        self.problem = problem
        self.limits = limits
        self.charges = charges
        chargeWeights = problem.terms.charges(under: problem.preferences)
        self.unit = unit ?? powerOfTwo(near: Self.size(of: problem, charges, chargeWeights))
    }

    /// What the largest term may change the objective by, about.
    private static func size(
        of problem: AllocationProblem,
        _ charges: TermCharges,
        _ weights: (cost: Double, tax: Double)
    ) -> Double {
        let rate = problem.preferences.effectiveRiskFreeRate
        let variance = problem.covariance.diagonal.max() ?? 0
        var size = abs(weights.cost) * (charges.proportional.max() ?? 0)
        size = max(size, abs(weights.cost) * (charges.impact.max() ?? 0))
        for tax in charges.taxes {
            for part in tax?.parts ?? [] { size = max(size, abs(weights.tax * part.rate)) }
        }
        for term in problem.terms {
            let own: Double =
                switch term.kind {
                case .expectedReturn: problem.expectedReturns.reduce(0) { max($0, abs($1 - rate)) }
                case .variance: variance
                case .trackingError: variance.squareRoot()
                case .risk: term.riskMeasure == .volatility ? variance.squareRoot() : 0
                case .turnover, .concentration, .entropy: 1
                case .cost, .tax: 0
                case .factorExposure, .score: problem.linearTerm(term).reduce(0) { max($0, abs($1)) }
                }
            size = max(size, abs(term.weight) * own)
        }
        return size
    }

    func total(_ kind: ObjectiveTerm.Kind) -> Double {
        problem.terms.reduce(0) { $1.kind == kind ? $0 + $1.weight : $0 }
    }

    // MARK: Parts

    /// −Σ of what is linear in the decision variables, over `count` columns, divided by the unit.
    func linear(count: Int) -> [Double] {
        let layout = limits.layout
        var gains = [Double](repeating: 0, count: count)
        let rate = problem.preferences.effectiveRiskFreeRate
        for term in problem.terms {
            switch term.kind {
            case .expectedReturn:
                // Weights and cash sum to 1, so that the rate on cash is a constant less the rate on weights.
                for (i, value) in problem.expectedReturns.enumerated() { gains[i] += term.weight * (value - rate) }
                guard let penalty = limits.objectivePenalty else { break }
                for (i, haircut) in penalty.haircuts.enumerated() { gains[i] -= term.weight * haircut }
                for (column, price) in penalty.prices { gains[column] -= term.weight * price }
            case .factorExposure, .score:
                for (i, value) in problem.linearTerm(term).enumerated() { gains[i] += term.weight * value }
            case .turnover:
                // Purchases equal sales, cash included.
                for column in layout.soldColumns { if let column { gains[column] += term.weight } }
            case .variance, .risk, .cost, .tax, .trackingError, .concentration, .entropy: break
            }
        }
        for (column, price) in limits.softPrices { gains[column] -= price }
        if chargeWeights.cost != 0 {
            // |w − c| = w − c + 2 · what is sold.
            for (i, proportional) in charges.proportional.enumerated() {
                gains[i] += chargeWeights.cost * proportional
                if let column = layout.soldColumns[i] { gains[column] += 2 * chargeWeights.cost * proportional }
            }
        }
        return gains.map { -$0 / unit }
    }

    /// P of variance and concentration over the instruments, and over cash where it is free; nil without either.
    var quadratic: CovarianceModel? {
        let variance = -2 * total(.variance) / unit
        let concentration = -2 * total(.concentration) / unit
        guard concentration > 0 else { return variance > 0 ? problem.covariance.scaled(by: variance) : nil }
        let n = problem.instruments.count
        let count = isFixed(limits.layout.cash) ? n : n + 1
        switch problem.covariance {
        case .dense(let matrix) where variance > 0:
            var result = DenseMatrix(rows: count, columns: count)
            for j in 0..<n {
                for i in 0..<n { result[i, j] = variance * matrix[i, j] }
            }
            for i in 0..<count { result[i, i] += concentration }
            return .dense(result)
        case .factors(let model) where variance > 0:
            let more = [Double](repeating: 0, count: model.factorCount * (count - n))
            var covariance = model.factorCovariance
            for index in covariance.elements.indices { covariance.elements[index] *= variance }
            var residual = [Double](repeating: concentration, count: count)
            for (index, own) in model.specificVariance.enumerated() { residual[index] += variance * own }
            return .factors(
                FactorCovariance(
                    exposuresTransposed: DenseMatrix(
                        rows: model.factorCount,
                        columns: count,
                        columnMajor: model.exposures.elements + more
                    ),
                    factorCovariance: covariance,
                    specificVariance: residual
                )
            )
        case .dense, .factors:
            return .factors(
                FactorCovariance(
                    exposuresTransposed: DenseMatrix(rows: 1, columns: count),
                    factorCovariance: DenseMatrix(rows: 1, columns: 1, columnMajor: [1]),
                    specificVariance: [Double](repeating: concentration, count: count)
                )
            )
        }
    }

    /// The same as the solver reads it.
    var curvature: Curvature? { quadratic?.curvature }

    /// Whether a weight is the same in every allocation, or 0 for a group's sake.
    func isFixed(_ column: Int) -> Bool {
        let expression = limits.expressions[column]
        if let lower = expression.lower, let upper = expression.upper, lower.bound >= upper.bound { return true }
        return closedColumns.contains(column)
    }

    /// The columns of groups that may hold nothing.
    private var closedColumns: Set<Int> {
        var closed: Set<Int> = []
        for expression in limits.expressions.dropFirst(limits.layout.cash + 2) {
            guard let upper = expression.upper, upper.bound <= 0, upper.excess == nil,
                expression.terms.allSatisfy({ $0.coefficient > 0 })
            else { continue }
            closed.formUnion(expression.terms.map(\.variable))
        }
        return closed
    }

    // MARK: Cones

    /// Adds what is curved to a program, and what is quadratic as well where it may not have a quadratic part.
    func compose(_ program: AllocationProgram, asCones: Bool) -> AllocationProgram {
        var result = program
        var builder = SparseProgramBuilder(extending: program.sparse)
        for term in problem.terms { add(term, asCones: asCones, firstColumn: 0, to: &builder) }
        if chargeWeights.cost < 0 { addImpact(firstColumn: 0, before: nil, to: &builder) }
        if chargeWeights.tax < 0 { addTaxes(to: &builder, &result) }
        result.sparse = builder.program
        if !asCones, let curvature {
            result.sparse.curvature = .padded(
                curvature,
                more: result.sparse.variableCount - curvature.order,
                constant: 0
            )
        }
        return result
    }

    /// Adds what is curved of one period of several; nothing is before the first but what is held.
    ///
    /// - Parameters:
    ///   - firstColumn: the first column of the period.
    ///   - before: the first column of the period before.
    ///   - builder: the program.
    func addCones(firstColumn: Int, before: Int?, to builder: inout SparseProgramBuilder) {
        for term in problem.terms { add(term, asCones: false, firstColumn: firstColumn, to: &builder) }
        if chargeWeights.cost < 0 { addImpact(firstColumn: firstColumn, before: before, to: &builder) }
    }

    private func add(
        _ term: ObjectiveTerm,
        asCones: Bool,
        firstColumn: Int,
        to builder: inout SparseProgramBuilder
    ) {
        let factor = -term.weight / unit
        switch term.kind {
        case .expectedReturn, .turnover, .cost, .tax, .factorExposure, .score: break
        case .risk:
            guard term.riskMeasure == .volatility else { break }
            let scale = powerOfTwo(near: (problem.covariance.diagonal.max() ?? 0).squareRoot())
            let returns = scaledReturns(scale, firstColumn: firstColumn)
            builder.addCost(builder.length(of: returns), times: factor * scale)
        case .trackingError:
            guard let model = problem.tracking else { break }
            let limit = TrackingLimit(LimitSide(bound: .infinity), model)
            let rows = zip(limit.rows, limit.benchmarkRows).map { row, constant in
                let own = zip(row.columns, row.values).filter { $0.0 < limits.layout.instrumentCount }
                return AffineExpression(
                    terms: own.map { AffineExpression.Term(column: firstColumn + $0.0, coefficient: $0.1) },
                    constant: -constant
                )
            }
            builder.addCost(builder.length(of: rows), times: factor * limit.unit)
        case .variance:
            guard asCones else { break }
            let scale = powerOfTwo(near: (problem.covariance.diagonal.max() ?? 0).squareRoot())
            let returns = scaledReturns(scale, firstColumn: firstColumn)
            builder.addCost(builder.sumOfSquares(of: returns), times: factor * scale * scale)
        case .concentration:
            guard asCones else { break }
            let weights = (0...limits.layout.cash).filter { !isFixed($0) }.map { AffineExpression.variable($0) }
            builder.addCost(builder.sumOfSquares(of: weights), times: factor)
        case .entropy:
            for column in 0...limits.layout.cash where !isFixed(column) {
                builder.addCost(builder.entropy(of: .variable(column)), times: factor)
            }
        }
    }

    /// Fw with FᵀF = Σ / scale².
    private func scaledReturns(_ scale: Double, firstColumn: Int) -> [AffineExpression] {
        VolatilityFactor(problem.covariance.scaled(by: 1 / (scale * scale))).rows.map { row in
            AffineExpression(
                terms: zip(row.columns, row.values).map {
                    AffineExpression.Term(column: firstColumn + $0.0, coefficient: $0.1)
                }
            )
        }
    }

    /// Market impact, |w − c|^(3/2) of each instrument that has one; c is a variable where a period comes before.
    private func addImpact(firstColumn: Int, before: Int?, to builder: inout SparseProgramBuilder) {
        for (index, impact) in charges.impact.enumerated() where impact > 0 && !isFixed(index) {
            let held = before.map { AffineExpression.variable($0 + index) } ?? .constant(limits.currentWeights[index])
            let traded = AffineExpression.variable(firstColumn + index) - held
            builder.addCost(builder.power(1.5, of: traded), times: -chargeWeights.cost / unit * impact)
        }
    }

    /// The taxes of sales: what is sold at each rate has a column.
    ///
    /// Where losses go first a sale that is bought back would lower the tax, so that who is sold is a choice of its own.
    private func addTaxes(to builder: inout SparseProgramBuilder, _ program: inout AllocationProgram) {
        for (index, tax) in charges.taxes.enumerated() {
            guard let tax, !isFixed(index) else { continue }
            let held = limits.currentWeights[index]
            var columns: [Int] = []
            for (place, part) in tax.parts.enumerated() {
                let column = builder.addColumn()
                columns.append(column)
                builder.addCost(.variable(column), times: -chargeWeights.tax / unit * part.rate)
                builder.requireNonnegative(.variable(column))
                // The last part has room for what rounding leaves.
                let isLast = place + 1 == tax.parts.count
                guard !isLast || tax.beginsWithLosses else { continue }
                let room = part.weight * (isLast ? 1 + Self.roomForRounding : 1)
                builder.requireNonnegative(.constant(room) - .variable(column))
            }
            guard tax.beginsWithLosses else {
                let sold = columns.reduce(AffineExpression()) { $0 + .variable($1) }
                builder.requireNonnegative(sold + .variable(index) - .constant(held))
                continue
            }
            let top = limits.weightLimits(of: index).upper.map { min(1, $0.bound) } ?? 1
            program.addSaleChoice(tax, sold: columns, instrument: index, held: held, top: max(top, held))
        }
    }

    /// What the lots of a holding may add up to beyond it, of its weight.
    private static let roomForRounding = 1e-9

    // MARK: Values

    /// What each term is at an allocation, from its definition.
    func values(weights: [Double], cash: Double) throws(OptimizationFailure) -> [TermValue] {
        var values: [TermValue] = []
        for term in problem.terms {
            values.append(TermValue(term: term, value: try value(of: term, weights: weights, cash: cash)))
        }
        return values
    }

    private func value(
        of term: ObjectiveTerm,
        weights: [Double],
        cash: Double
    ) throws(OptimizationFailure) -> Double {
        let preferences = problem.preferences
        switch term.kind {
        case .expectedReturn:
            var value = preferences.effectiveRiskFreeRate * cash
            for (weight, mean) in zip(weights, problem.expectedReturns) { value += weight * mean }
            value -= limits.objectivePenalty?.cost(of: weights) ?? 0
            var drag = 0.0
            if preferences.includeTransactionCosts == true {
                drag += charges.cost(from: problem.currentWeights, to: weights)
            }
            if preferences.considerTaxImplications == true {
                drag += charges.tax(from: problem.currentWeights, to: weights)
            }
            return value - drag / preferences.effectiveCostHorizonYears
        case .variance: return problem.covariance.quadraticForm(weights)
        case .risk:
            let measure = term.riskMeasure ?? problem.riskMeasure
            guard measure != .volatility else { return problem.covariance.quadraticForm(weights).squareRoot() }
            return try portfolioRisk(of: problem, measure).value(of: weights)
        case .turnover:
            return zip(weights, problem.currentWeights).reduce(abs(cash - problem.currentCash)) {
                $0 + abs($1.0 - $1.1)
            } / 2
        case .cost: return charges.cost(from: problem.currentWeights, to: weights)
        case .tax: return charges.tax(from: problem.currentWeights, to: weights)
        case .trackingError: return problem.tracking?.error(at: weights[...]) ?? 0
        case .concentration: return weights.reduce(cash * cash) { $0 + $1 * $1 }
        case .entropy: return (weights + [cash]).reduce(0) { $0 + entropyTerm($1) }
        case .factorExposure, .score:
            return zip(problem.linearTerm(term), weights).reduce(0) { $0 + $1.0 * $1.1 }
        }
    }
}

extension AllocationProgram {
    /// Adds the choice of selling nothing of a holding, or buying nothing of it.
    ///
    /// Neither side leaves an inequality without room, where an interior-point method would find no way. What both sides
    /// have in common is implied: Σ sold ≥ held − w, Σ sold ≤ held, and the line that the tax lies above.
    fileprivate mutating func addSaleChoice(_ tax: SaleTax, sold: [Int], instrument: Int, held: Double, top: Double) {
        let ones = [Double](repeating: 1, count: sold.count)
        let none = sold.map { LinearRow(columns: [$0], coefficients: [1], upperBound: 0, isEquality: true) }
        let kept = LinearRow(columns: [instrument], coefficients: [-1], upperBound: -held)
        disjunctions.append(
            Disjunction(
                off: none + [kept],
                on: [
                    LinearRow(
                        columns: sold + [instrument],
                        coefficients: ones + [1],
                        upperBound: held,
                        isEquality: true
                    )
                ]
            )
        )
        let slope = tax.hullSlope(held: held, top: top)
        implied += [
            LinearRow(columns: sold + [instrument], coefficients: ones.map { -$0 } + [-1], upperBound: -held),
            LinearRow(columns: sold, coefficients: ones, upperBound: held),
            LinearRow(
                columns: sold + [instrument],
                coefficients: tax.parts.map { -$0.rate } + [slope],
                upperBound: slope * top
            ),
        ]
    }
}

extension AllocationProblem {
    /// Whose sales the terms need variables for.
    var sales: (ofInstruments: Bool, ofCash: Bool) {
        let counts = terms.contains { $0.kind == .turnover }
        let costs = terms.charges(under: preferences).cost != 0 && charges?.proportional.contains { $0 > 0 } == true
        return (counts || costs, counts)
    }

    /// The coefficients of a term that is linear in the weights of the instruments.
    func linearTerm(_ term: ObjectiveTerm) -> [Double] {
        switch term.kind {
        case .factorExposure:
            guard let factors, let row = factors.factors.firstIndex(where: { $0 == term.factor }) else { return [] }
            return instruments.indices.map { factors.covariance.exposures[row, $0] }
        case .score: return instruments.map { term.scores?[$0.id] ?? 0 }
        case .expectedReturn, .variance, .risk, .turnover, .cost, .tax, .trackingError, .concentration, .entropy:
            return []
        }
    }
}
