import ConvexSolver
import Testing

/// Financial planning on a scenario tree: wealth of 55, three periods, stocks and bonds, a goal of 80.
///
/// Each period either of two outcomes, gross returns (1.25, 1.14) or (1.06, 1.12), equally likely. At the end a surplus over
/// the goal is worth 1 a unit, a shortfall costs 4. Source of data and answer: J. R. Birge, F. Louveaux, Introduction to
/// Stochastic Programming, section 1.2; objective and first stage of the deterministic equivalent.
private struct PlanningTree {
    private static let outcomes = [(stocks: 1.25, bonds: 1.14), (stocks: 1.06, bonds: 1.12)]
    private static let wealth = 55.0
    private static let goal = 80.0
    private(set) var builder = ConicProgramBuilder(columnCount: 0)
    /// Stocks and bonds bought at the root.
    private(set) var root: (stocks: Int, bonds: Int) = (0, 0)

    /// - Parameters:
    ///   - scale: the unit of money.
    ///   - onlyStocks: whether bonds are left out.
    init(scale: Double = 1, onlyStocks: Bool = false) {
        root = addNode(worth: .constant(Self.wealth * scale), onlyStocks: onlyStocks)
        grow(root, depth: 1, scale: scale, onlyStocks: onlyStocks)
    }

    /// Two positions, none short, that are worth what there is.
    private mutating func addNode(worth: AffineExpression, onlyStocks: Bool) -> (stocks: Int, bonds: Int) {
        let (stocks, bonds) = (builder.addColumn(), builder.addColumn())
        builder.requireNonnegative(.variable(stocks))
        builder.requireNonnegative(.variable(bonds))
        if onlyStocks { builder.requireZero(.variable(bonds)) }
        builder.requireZero(.variable(stocks) + .variable(bonds) - worth)
        return (stocks, bonds)
    }

    private mutating func grow(_ node: (stocks: Int, bonds: Int), depth: Int, scale: Double, onlyStocks: Bool) {
        for outcome in Self.outcomes {
            let worth =
                AffineExpression.variable(node.stocks, times: outcome.stocks)
                + .variable(node.bonds, times: outcome.bonds)
            guard depth == 3 else {
                let next = addNode(worth: worth, onlyStocks: onlyStocks)
                grow(next, depth: depth + 1, scale: scale, onlyStocks: onlyStocks)
                continue
            }
            let (surplus, shortfall) = (builder.addColumn(), builder.addColumn())
            builder.requireNonnegative(.variable(surplus))
            builder.requireNonnegative(.variable(shortfall))
            let goal = AffineExpression.constant(Self.goal * scale)
            builder.requireZero(worth - goal - .variable(surplus) + .variable(shortfall))
            builder.addCost(.variable(surplus), times: -1.0 / 8)
            builder.addCost(.variable(shortfall), times: 4.0 / 8)
        }
    }
}

@Suite("A three-stage scenario tree")
struct ScenarioTreeTests {
    @Test(arguments: [1.0, 1000, 1e-3])
    func `the plan is the published one, in any unit of money`(scale: Double) throws {
        let tree = PlanningTree(scale: scale)
        let solution = try InteriorPointSolver(tree.builder.problem).solve()
        #expect(solution.status == .solved)
        #expect(abs(-solution.objective / scale - -1.514) < 1e-3)
        #expect(abs(solution.primal[tree.root.stocks] / scale - 41.479) < 5e-3)
        #expect(abs(solution.primal[tree.root.bonds] / scale - 13.521) < 5e-3)
    }

    @Test func `planning for the mean, all in stocks, is worth 2.274 less`() throws {
        let best = try InteriorPointSolver(PlanningTree().builder.problem).solve()
        let mean = try InteriorPointSolver(PlanningTree(onlyStocks: true).builder.problem).solve()
        #expect(abs(-mean.objective - -3.7879) < 1e-3)
        #expect(abs(mean.objective - best.objective - 2.274) < 1e-3)
    }
}
