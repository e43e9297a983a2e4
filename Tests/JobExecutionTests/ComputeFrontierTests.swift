import Foundation
import JobExecution
import Matrices
import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("A frontier computed from request to checked answer")
struct ComputeFrontierTests {
    private func outcome(
        _ document: String,
        of test: TestJob = TestJob(),
        isRevoked: @escaping () -> Bool = { false }
    ) -> ComputedJob {
        let wanted = ComputationRequest(kind: .efficientFrontier, portfolioID: "p", document: Array(document.utf8))
        let job = ComputationJob(request: wanted, createdAt: test.job.createdAt, snapshot: test.job.snapshot)
        var computer = ComputeJob(clock: { .zero }, defaultTimeLimit: .seconds(60))
        return computer.outcome(of: .computation(job), tenant: "default", isRevoked: isRevoked)
    }

    private func answer(_ document: String, of test: TestJob = TestJob()) throws -> [String: Any] {
        let computed = outcome(document, of: test)
        #expect(computed.violations == [])
        guard case .computation(_, .success(let members)) = computed.outcome else {
            Issue.record("\(String(describing: computed.outcome.failure))")
            return [:]
        }
        return try #require(JSONSerialization.jsonObject(with: Data(members)) as? [String: Any])
    }

    private func points(_ answer: [String: Any]) -> [(value: Double, risk: Double)] {
        (answer["efficient_frontier"] as? [[String: Any]] ?? []).compactMap { point in
            guard let value = point["return"] as? Double, let risk = point["risk"] as? Double else { return nil }
            return (value, risk)
        }
    }

    @Test func `the answer has as many points as asked for, evenly spaced in return and ascending in risk`() throws {
        let answer = try answer(#"{"points":11}"#)
        let points = points(answer)
        #expect(points.count == 11)
        let step = (points[10].value - points[0].value) / 10
        for (left, right) in zip(points, points.dropFirst()) {
            #expect(abs(right.value - left.value - step) < 1e-9 && right.risk > left.risk)
        }
        #expect((answer["solution"] as? [String: Any])?["solver"] as? String == "critical_line")
        #expect(answer["corner_portfolios"] == nil)
        #expect(try self.answer(#"{"corner_portfolios":true}"#)["corner_portfolios"] is [Any])
    }

    @Test func `the limits of portfolio and request are in force`() throws {
        var test = TestJob()
        test.job.snapshot.portfolio.constraints.maxPositionSize = 0.5
        let answer = try answer(#"{"points":5,"constraints":{"min_cash":0.1}}"#, of: test)
        for point in answer["efficient_frontier"] as? [[String: Any]] ?? [] {
            let weights = point["weights"] as? [String: Double] ?? [:]
            #expect(weights.filter { $0.key != "cash" }.values.allSatisfy { $0 <= 0.5 + 1e-9 })
            #expect(abs((weights["cash"] ?? 0) - 0.1) < 1e-9)
        }
    }

    @Test func `limits that leave nothing, and cuts out of reach, are told with what would do`() throws {
        let clash = try #require(outcome(#"{"constraints":{"max_position_size":0.1}}"#).outcome.failure)
        #expect(clash.code == "infeasible" && clash.conflicts.map(\.constraint).contains("/max_position_size"))
        let reach = try #require(outcome(#"{"min_return":5}"#).outcome.failure)
        #expect(reach.conflicts.map(\.constraint) == ["/min_return"] && reach.isOfInputsAlone)
        let most = points(try answer("{}")).last?.value ?? .nan
        #expect(abs((reach.conflicts.first?.nearestFeasible ?? 0) - most) < 1e-9)
        let calm = try #require(outcome(#"{"max_risk":0.0001}"#).outcome.failure)
        #expect(calm.conflicts.map(\.constraint) == ["/max_risk"])
        #expect(points(try answer(#"{"points":3,"min_return":\#(most)}"#)).count >= 1, "the end itself is in reach")
    }

    @Test func `one instrument, equal returns and a single feasible portfolio have an answer`() throws {
        #expect(points(try answer("{}", of: TestJob(count: 1))).count == 1)

        var equal = TestJob()
        equal.job.snapshot.riskModel.expectedReturns = equal.job.snapshot.riskModel.instruments.map { _ in 0.05 }
        let flat = try answer("{}", of: equal)
        #expect(points(flat).count == 1 && points(flat).allSatisfy { abs($0.value - 0.05) < 1e-12 })
        let warnings = flat["warnings"] as? [[String: Any]] ?? []
        #expect(warnings.contains { $0["code"] as? String == "single_portfolio" })

        let pinned = try answer(
            #"{"constraints":{"min_weights":{"N0":0.25,"N1":0.25,"N2":0.25,"N3":0.25},"max_position_size":0.25}}"#
        )
        #expect(points(pinned).count == 1)
    }

    @Test func `without a positive excess return there is no optimal portfolio`() throws {
        let answer = try answer(#"{"points":4,"preferences":{"risk_free_rate":0.5}}"#)
        #expect(answer["optimal_portfolio"] is NSNull && points(answer).count == 4)
        #expect(try self.answer(#"{"points":4}"#)["optimal_portfolio"] is [String: Any])
    }

    @Test func `no returns, a request that cannot be read and a revoked lease fail with a code`() {
        var bare = TestJob()
        bare.job.snapshot.riskModel.expectedReturns = nil
        #expect(outcome("{}", of: bare).outcome.failure?.code == "missing_expected_returns")
        #expect(outcome("{").outcome.failure?.code == "inputs_unreadable")
        #expect(outcome("{}", isRevoked: { true }).outcome.failure?.code == "time_limit")
    }

    /// A job of eight instruments with a history in which a quantile has many hollows.
    private func historicalJob(seed: UInt64) -> TestJob {
        var test = TestJob(count: 8, seed: seed)
        var random = SeededGenerator(seed: seed + 100)
        var returns = DenseMatrix(rows: 70, columns: 8)
        for index in returns.elements.indices {
            returns.elements[index] = 0.0004 * Double(index % 8 + 1) + 0.01 * random.normal()
        }
        test.job.snapshot.riskModel.returns = returns
        test.job.snapshot.riskModel.expectedReturns = nil
        test.job.snapshot.riskModel.covariance = nil
        test.job.request.constraints.minCash = nil
        return test
    }

    @Test(arguments: 1...2)
    func `a measure that is not convex has a curve on which nothing beats what the answer names`(seed: UInt64) throws {
        let document = #"{"points":8,"risk_measure":"var","preferences":{"risk_free_rate":0.01}}"#
        let answer = try answer(document, of: historicalJob(seed: seed))
        let curve = points(answer)
        #expect(curve.count == 8)
        for (left, right) in zip(curve, curve.dropFirst()) { #expect(left.risk <= right.risk + 1e-12) }
        let optimal = try #require(answer["optimal_portfolio"] as? [String: Any])
        let ratio = try #require(optimal["sharpe"] as? Double)
        for point in curve { #expect((point.value - 0.01) / point.risk <= ratio + 1e-9) }
    }

    @Test(arguments: 1...4)
    func `a limit on positions may bend the curve the other way`(seed: UInt64) throws {
        let document = #"{"points":15,"constraints":{"max_positions":2,"max_position_size":0.7}}"#
        var test = TestJob(count: 9, seed: seed)
        test.job.snapshot.portfolio.constraints.minCash = nil
        let answer = try answer(document, of: test)
        #expect(points(answer).count == 15)
        for point in answer["efficient_frontier"] as? [[String: Any]] ?? [] {
            #expect((point["weights"] as? [String: Double] ?? [:]).count <= 2)
        }
    }

    @Test func `an optimization shows the frontier beside its allocation when asked to`() throws {
        var test = TestJob()
        test.job.request.frontierPointCount = 7
        var computer = ComputeJob(clock: { .zero }, defaultTimeLimit: .seconds(60))
        let computed = computer.outcome(of: .optimization(test.job), tenant: "default", isRevoked: { false })
        guard case .optimization(_, .success(let result)) = computed.outcome else {
            Issue.record("\(String(describing: computed.outcome.failure))")
            return
        }
        let ratios = try #require(result.efficientFrontier).compactMap(\.sharpe)
        #expect(ratios.count == 7)
        let best = try #require(result.metrics.sharpeRatio)
        #expect(ratios.allSatisfy { $0 <= best + 1e-9 })
        test.job.request.frontierPointCount = 0
        let plain = computer.outcome(of: .optimization(test.job), tenant: "default", isRevoked: { false })
        guard case .optimization(_, .success(let without)) = plain.outcome else { return }
        #expect(without.efficientFrontier == nil)
    }
}
