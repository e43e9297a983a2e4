import Foundation
import PortfolioModel
import PortfolioOptimization
import Testing

/// A problem of OR-Library with its published frontier; the numbers are in Fixtures/orlib.json.
struct OrLibraryProblem: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let means: [Double]
    let deviations: [Double]
    /// The upper triangle by rows, diagonal included.
    let correlations: [Double]
    let frontierMeans: [Double]
    let frontierVariances: [Double]

    var testDescription: String { name }

    enum CodingKeys: String, CodingKey {
        case name, means, deviations, correlations
        case frontierMeans = "frontier_means"
        case frontierVariances = "frontier_variances"
    }

    static let all: [OrLibraryProblem] = {
        guard let url = Bundle.module.url(forResource: "Fixtures/orlib", withExtension: "json"),
            let data = try? Data(contentsOf: url),
            let problems = try? JSONDecoder().decode([OrLibraryProblem].self, from: data)
        else { return [] }
        return problems
    }()

    var covariance: [[Double]] {
        let n = means.count
        var result = [[Double]](repeating: [Double](repeating: 0, count: n), count: n)
        var next = 0
        for i in 0..<n {
            for j in i..<n {
                result[i][j] = correlations[next] * deviations[i] * deviations[j]
                result[j][i] = result[i][j]
                next += 1
            }
        }
        return result
    }

    var mandate: TestMandate { TestMandate(expectedReturns: means, covariance: covariance) }
}

@Suite("Efficient frontiers of OR-Library")
struct OrLibraryFrontierTests {
    @Test func `the fixture has three problems of two thousand points`() {
        #expect(OrLibraryProblem.all.map(\.means.count) == [31, 85, 89])
        #expect(OrLibraryProblem.all.allSatisfy { $0.frontierMeans.count == 2000 })
    }

    @Test(arguments: OrLibraryProblem.all)
    func `the variance at each published return is the published one`(_ example: OrLibraryProblem) throws {
        let problem = try example.mandate.problem(.minimizeRisk)
        let allocations = try #require(try leastVolatilities(problem, atReturns: example.frontierMeans))
        var worst = 0.0
        for (allocation, published) in zip(allocations, example.frontierVariances) {
            worst = max(worst, abs(allocation.risk * allocation.risk - published) / published)
        }
        #expect(worst < 1e-6)
        for (allocation, mean) in zip(allocations, example.frontierMeans).dropLast() {
            #expect(abs(allocation.expectedReturn - mean) < 1e-12)
        }
    }

    @Test(arguments: OrLibraryProblem.all)
    func `the ends are the instrument of most return and the least variance`(_ example: OrLibraryProblem) throws {
        let frontier = try trace(example.mandate)
        let most = try #require(example.means.max())
        #expect(frontier.maximumReturn.expectedReturn == most)
        #expect(frontier.maximumReturn.weights.max() == 1)
        let least = try #require(example.frontierVariances.last)
        #expect(abs(frontier.minimumRisk.risk * frontier.minimumRisk.risk - least) < 1e-6 * least)
        #expect(frontier.report.solver == "critical_line")
    }
}
