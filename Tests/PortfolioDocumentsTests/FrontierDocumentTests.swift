import Foundation
import JSON
import PortfolioDocuments
import PortfolioModel
import Testing

/// A frontier of two instruments, and the answer that is stored of it.
private enum Sample {
    static let request: FrontierRequest = {
        var request = FrontierRequest(portfolioID: "port-1", pointCount: 2, minimumReturn: 0.03)
        request.includesCornerPortfolios = true
        request.constraints.maxPositionSize = 0.9
        request.preferences.riskFreeRate = 0.01
        return request
    }()

    static func point(_ expectedReturn: Double, _ risk: Double, _ weights: [String: Double]) -> FrontierPoint {
        FrontierPoint(
            expectedReturn: expectedReturn,
            risk: risk,
            sharpe: risk > 0 ? (expectedReturn - 0.01) / risk : nil,
            weights: weights
        )
    }

    static let result: FrontierResult = {
        let low = point(0.03, 0.0, ["A": 0.6, "B": 0.3, "cash": 0.1])
        let high = point(0.08, 0.2, ["A": 0.1, "B": 0.9])
        return FrontierResult(
            points: [low, high],
            currentPortfolio: point(0.02, 0.3, ["cash": 1]),
            optimalPortfolio: nil,
            minimumRiskPortfolio: low,
            maximumReturnPortfolio: high,
            cornerPortfolios: [low, high],
            instruments: [point(0.09, 0.25, ["B": 1]), point(0.02, 0.1, ["A": 1])],
            solution: SolutionReport(
                status: .optimal,
                solver: "critical_line",
                iterations: 3,
                solveMilliseconds: 1.5,
                primalResidual: 0,
                dualResidual: 0,
                relativeGap: 0
            ),
            constraints: request.constraints,
            preferences: request.preferences,
            inputs: ResultInputs(
                versions: SnapshotVersions(portfolio: 3, riskModelID: "m", riskModel: 2, instruments: 7),
                expectedReturnsEstimator: "provided",
                covarianceEstimator: "provided",
                kernel: "test"
            ),
            warnings: []
        )
    }()

    static func answer(_ result: FrontierResult) -> [UInt8] {
        DocumentEncoder.completedComputation(
            id: "fro-1",
            request: ComputationRequest(kind: .efficientFrontier, portfolioID: "port-1", document: []),
            createdAt: Timestamp(microseconds: 0),
            completedAt: Timestamp(microseconds: 5),
            members: DocumentEncoder.frontierMembers(request, result)
        )
    }

    static var stored: StoredFrontier? {
        try? answer(result).withUnsafeBytes { try StoredFrontier(parsing: $0) }
    }
}

@Suite("Documents of frontiers")
struct FrontierDocumentTests {
    private func read(_ text: String) throws -> FrontierRequest {
        try DocumentDecoder.frontierRequest(JSONDocument(parsing: Array(text.utf8)).root, portfolioID: "port-1")
    }

    // MARK: Requests

    @Test func `a request is stored canonically and reads back to itself`() throws {
        let document = DocumentEncoder.frontierRequest(Sample.request)
        #expect(try DocumentDecoder.frontierRequest(document, portfolioID: "port-1") == Sample.request)
        #expect(!String(decoding: document, as: UTF8.self).contains("portfolio_id"))
        let plain = try read("{}")
        #expect(plain == FrontierRequest(portfolioID: "port-1"))
        #expect(plain.pointCount == 20 && plain.riskMeasure == .volatility)
        let swapped = try read(#"{"constraints":{},"risk_measure":"volatility","points":20.0,"preferences":null}"#)
        #expect(DocumentEncoder.frontierRequest(swapped) == DocumentEncoder.frontierRequest(plain))
    }

    @Test(arguments: [
        (#"{"points":1}"#, DocumentFault.Code.outOfRange, "/points"),
        (#"{"points":501}"#, .outOfRange, "/points"), (#"{"points":2.5}"#, .wrongType, "/points"),
        (#"{"points":"20"}"#, .wrongType, "/points"), (#"{"min_return":11}"#, .outOfRange, "/min_return"),
        (#"{"max_risk":0}"#, .outOfRange, "/max_risk"), (#"{"corner_portfolios":1}"#, .wrongType, "/corner_portfolios"),
        (#"{"risk_measure":"sigma"}"#, .unknownValue, "/risk_measure"), (#"{"point":3}"#, .unknownField, "/point"),
        (#"{"portfolio_id":"p"}"#, .unknownField, "/portfolio_id"),
        (#"{"constraints":{"max_position_size":2}}"#, .outOfRange, "/constraints/max_position_size"),
    ])
    func `what a request may not say is told with its place`(
        _ text: String,
        _ code: DocumentFault.Code,
        _ pointer: String
    ) {
        #expect {
            try read(text)
        } throws: { error in
            (error as? DocumentFaults)?.faults.map { [$0.pointer, $0.code.rawValue] } == [[pointer, code.rawValue]]
        }
    }

    @Test func `both ends of the points' range are taken`() throws {
        #expect(try read(#"{"points":2}"#).pointCount == 2 && read(#"{"points":500}"#).pointCount == 500)
    }

    // MARK: Answers

    @Test func `an answer has the service document's members`() throws {
        let root = try JSONDocument(parsing: Sample.answer(Sample.result)).root
        #expect(
            root.members.map(\.name) == [
                "frontier_id", "portfolio_id", "status", "created_at", "completed_at", "risk_measure", "points",
                "min_return", "efficient_frontier", "current_portfolio", "optimal_portfolio", "min_risk_portfolio",
                "max_return_portfolio", "corner_portfolios", "instruments", "constraints", "preferences", "solution",
                "inputs", "result_hash", "warnings",
            ]
        )
        #expect(root["optimal_portfolio"]?.isNull == true && root["points"]?.double == 2)
        let first = try #require(root["efficient_frontier"]?.elements.first)
        #expect(first.members.map(\.name) == ["return", "risk", "sharpe", "weights"])
        #expect(first["sharpe"]?.isNull == true, "a ratio to no risk has no meaning")
        #expect(first["weights"]?["cash"]?.double == 0.1)
        #expect(root["instruments"]?.members.map(\.name) == ["A", "B"])
    }

    @Test func `the fingerprint is of the curve, not of when and from which version it was made`() throws {
        func hash(_ change: (inout FrontierResult) -> Void) throws -> String? {
            var result = Sample.result
            change(&result)
            return try JSONDocument(parsing: Sample.answer(result)).root["result_hash"]?.string
        }
        let plain = try hash { _ in }
        #expect(try hash { $0.solution.solveMilliseconds = 99 } == plain)
        #expect(try hash { $0.inputs.versions.portfolio = 99 } == plain)
        #expect(try hash { $0.points[0].risk = 0.1 } != plain)
        #expect(try hash { $0.warnings = [ResultWarning(code: "c", message: "m")] } != plain)
    }

    // MARK: Views

    @Test func `a table has a line a point and a column a name`() throws {
        let frontier = try #require(Sample.stored)
        let whole = String(decoding: ResultTables.frontier(frontier, keeping: nil), as: UTF8.self)
        #expect(
            whole == "point,return,risk,sharpe,B,A,cash\r\n1,0.03,0,,0.3,0.6,0.1\r\n"
                + "2,0.08,0.2,0.35000000000000003,0.9,0.1,0\r\n"
        )
        let folded = String(decoding: ResultTables.frontier(frontier, keeping: 1), as: UTF8.self)
        #expect(folded.hasPrefix("point,return,risk,sharpe,B,other\r\n1,0.03,0,,0.3,0.7"))
    }

    @Test func `every map of weights is folded, and all else stays as it is`() throws {
        let frontier = try #require(Sample.stored)
        let root = try JSONDocument(parsing: FoldedAllocations.everyWeight(of: frontier.root, keeping: 1)).root
        let first = try #require(root["efficient_frontier"]?.elements.first)
        #expect(first["weights"]?.members.map(\.name) == ["A", "other"])
        #expect(root["corner_portfolios"]?.elements.last?["weights"]?.members.map(\.name) == ["B", "other"])
        #expect(root["constraints"]?["max_position_size"]?.double == 0.9)
        #expect(FoldedAllocations.everyWeight(of: frontier.root, keeping: 9) == Sample.answer(Sample.result))
    }

    @Test func `an optimization asks for points of the frontier, and its answer shows them`() throws {
        let text =
            #"{"portfolio_id":"p","optimization_type":"mean_variance","objective":"minimize_risk","frontier_points":3}"#
        let request = try DocumentDecoder.optimizationRequest(Array(text.utf8))
        #expect(request.frontierPointCount == 3)
        #expect(try DocumentDecoder.optimizationRequest(DocumentEncoder.optimizationRequest(request)) == request)
        #expect(FrontierRequest(beside: request).pointCount == 3)
    }
}
