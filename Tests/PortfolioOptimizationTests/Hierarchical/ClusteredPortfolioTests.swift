import Foundation
import Matrices
import PortfolioModel
import PortfolioOptimization
import TestSupport
import Testing

/// Weights over clusters by SciPy, scikit-learn and cvxpy: see Fixtures/make_clusters.py.
struct ClusterFixture: Decodable, Sendable, CustomTestStringConvertible {
    let linkage: String
    let covariance: [[Double]]
    let clusters: Int
    let given: Int?
    let equalRiskContribution: [Double]
    let nestedClusters: [Double]

    var testDescription: String { "\(linkage), \(covariance.count) instruments, \(clusters) clusters" }

    static let all: [ClusterFixture] = {
        guard let url = Bundle.module.url(forResource: "Fixtures/clusters", withExtension: "json"),
            let data = try? Data(contentsOf: url),
            let cases = try? JSONDecoder().decode([ClusterFixture].self, from: data)
        else { return [] }
        return cases
    }()

    func portfolio(_ allocation: ClusterAllocation) throws -> ClusteredPortfolio {
        var options = HierarchicalOptions()
        options.linkage = try #require(Linkage(rawValue: linkage))
        return try clusteredPortfolio(
            covariance: try #require(DenseMatrix(rows: covariance)),
            allocation: allocation,
            clusterCount: given,
            options: options
        )
    }
}

@Suite("Portfolios over clusters")
struct ClusteredPortfolioTests {
    /// Instruments 0 and 2 alike, 1 and 3 alike, nothing between the pairs.
    private let pairs = [[1, 0, 0.6, 0], [0, 1, 0, 0.8], [0.6, 0, 1, 0], [0, 0.8, 0, 1.0]]

    private func mandate(_ covariance: [[Double]], _ allocation: ClusterAllocation, count: Int? = nil) -> TestMandate {
        var mandate = TestMandate(
            expectedReturns: [Double](repeating: 0, count: covariance.count),
            covariance: covariance
        )
        mandate.type = .hierarchicalRiskParity
        mandate.parameters.clusterAllocation = allocation
        mandate.parameters.clusterCount = count
        return mandate
    }

    @Test func `the fixture has every linkage and numbers of clusters of both kinds`() {
        #expect(Set(ClusterFixture.all.map(\.linkage)).count == 4)
        #expect(ClusterFixture.all.contains { $0.given != nil } && ClusterFixture.all.contains { $0.given == nil })
    }

    @Test(arguments: ClusterFixture.all)
    func `clusters and weights are those of the reference`(_ fixture: ClusterFixture) throws {
        let equal = try fixture.portfolio(.equalRiskContribution)
        #expect(equal.clusters.count == fixture.clusters)
        for (weight, expected) in zip(equal.weights, fixture.equalRiskContribution) {
            #expect(abs(weight - expected) < 1e-10)
        }
        let nested = try fixture.portfolio(.nestedClusters)
        #expect(nested.clusters == equal.clusters)
        for (weight, expected) in zip(nested.weights, fixture.nestedClusters) { #expect(abs(weight - expected) < 1e-6) }
    }

    @Test func `pairs share as their volatilities, and pairs of least variance as theirs`() throws {
        // Pair volatilities √0.8 and √0.9.
        let (one, other) = (0.8.squareRoot(), 0.9.squareRoot())
        let equal = try mandate(pairs, .equalRiskContribution).solve(.riskBudgeting)
        #expect(equal.report.solver == "equal_risk_contribution")
        #expect(abs(equal.weights[0] - other / (one + other) / 2) < 1e-12)
        let nested = try mandate(pairs, .nestedClusters).solve(.riskBudgeting)
        #expect(abs(nested.weights[0] - 0.9 / 1.7 / 2) < 1e-9 && abs(nested.weights[1] - 0.8 / 1.7 / 2) < 1e-9)
    }

    @Test func `one cluster, and as many as there are instruments`() throws {
        let matrix = [[0.04, 0.01, 0], [0.01, 0.09, 0.02], [0, 0.02, 0.01]]
        let whole = try mandate(matrix, .equalRiskContribution, count: 1).solve(.riskBudgeting)
        let reciprocals = [5, 10.0 / 3, 10]
        for (weight, part) in zip(whole.weights, reciprocals) { #expect(abs(weight - part / (55.0 / 3)) < 1e-12) }
        var least = TestMandate(expectedReturns: [0, 0, 0], covariance: matrix)
        least.type = .meanVariance
        let expected = try least.solve(.minimizeRisk)
        for count in [1, 3] {
            let nested = try mandate(matrix, .nestedClusters, count: count).solve(.riskBudgeting)
            for (weight, value) in zip(nested.weights, expected.weights) { #expect(abs(weight - value) < 1e-8) }
        }
        #expect(try mandate(matrix, .nestedClusters, count: 4).failure(.riskBudgeting)?.code == "invalid_inputs")
    }

    @Test func `limits move the weights into them, and the warning says so`() throws {
        for allocation in [ClusterAllocation.equalRiskContribution, .nestedClusters] {
            var mandate = mandate(pairs, allocation)
            mandate.constraints.maxWeights = ["A": 0.2]
            let problem = try mandate.problem(.riskBudgeting)
            let solution = try optimizeAllocation(problem) { false }
            #expect(worstMiss(problem, solution.weights, solution.cash) <= 1e-9)
            #expect(solution.warnings.contains { $0.code == "moved_into_limits" })
        }
    }

    @Test func `one instrument, equal instruments, and twins`() throws {
        for allocation in [ClusterAllocation.equalRiskContribution, .nestedClusters] {
            #expect(try mandate([[0.04]], allocation).solve(.riskBudgeting).weights == [1])
            let equal = (0..<5).map { i in (0..<5).map { j in i == j ? 0.04 : 0.01 } }
            #expect(abs(try mandate(equal, allocation, count: 1).solve(.riskBudgeting).weights[3] - 0.2) < 1e-9)
            let twins = try mandate([[0.04, 0.04, 0], [0.04, 0.04, 0], [0, 0, 0.04]], allocation).solve(.riskBudgeting)
            #expect(abs(twins.weights[2] - 0.5) < 1e-9)
        }
    }
}
