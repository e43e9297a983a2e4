import PortfolioOptimization
import Testing

@Suite("Weights brought to a sum of 1")
struct BudgetBalanceTests {
    private static func sum(_ weights: [Double]) -> Double { weights.reduce(0, +) }

    @Test func `a free weight takes what is missing, and nothing else moves`() {
        var weights = [0.3, 0.2, 0.5 - 3e-10]
        balanceBudget(&weights, isFixed: [true, true, false], bounds: .init(repeating: (0, 1), count: 3))
        #expect(weights[..<2] == [0.3, 0.2])
        #expect(abs(Self.sum(weights) - 1) < 1e-15)
    }

    @Test func `where every weight is at a bound or at rest those at rest take it`() {
        // 0.4 is a cap; the others rest at what is held, each off by a rounding of the solve.
        var weights = [0.4, 0, 0.35 - 2e-10, 0.25 - 1e-10]
        let bounds = [(lower: 0.0, upper: 0.4), (0, 0.4), (0, 0.4), (0, 0.4)]
        balanceBudget(&weights, isFixed: [true, true, true, true], bounds: bounds)
        #expect(weights[..<2] == [0.4, 0])
        #expect(abs(Self.sum(weights) - 1) < 1e-15)
        #expect(abs(weights[2] - 0.35) < 1e-9 && abs(weights[3] - 0.25) < 1e-9)
    }

    @Test func `free weights without room enough are helped by those at rest`() {
        var weights = [0.4 - 1e-12, 0.6 - 1e-9]
        balanceBudget(&weights, isFixed: [false, true], bounds: [(0, 0.4), (0, 1)])
        #expect(weights[0] <= 0.4)
        #expect(abs(Self.sum(weights) - 1) < 1e-15)
    }
}
