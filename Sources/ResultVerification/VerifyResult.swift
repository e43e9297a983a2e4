internal import JSON
internal import MomentEstimation
internal import PortfolioDocuments
package import PortfolioModel
package import ResultChecker

/// Checks a completed optimization against the inputs it names, without the service, its database or its solver.
package enum VerifyResult {
    /// What came of a check.
    package enum Verdict: Equatable, Sendable {
        /// Every claim holds; the certificate is nil where the result has none.
        case passes(OptimalityCertificate?)
        /// Claims that do not hold, in the order of the check.
        case violated([Violation])
    }

    /// Files that are not what they must be: each fault on a line of its own.
    package struct BadInput: Error, Equatable, Sendable {
        /// What is wrong, with the place.
        package var faults: [String]
    }

    /// Checks a result.
    ///
    /// - Parameters:
    ///   - result: the body of `GET /api/v1/optimizations/{id}`.
    ///   - snapshot: a ``VerificationSnapshot`` as JSON.
    /// - Returns: whether every claim holds.
    /// - Throws: ``BadInput`` for what cannot be read, or cannot be checked because inputs are missing.
    package static func verdict(on result: [UInt8], against snapshot: [UInt8]) throws(BadInput) -> Verdict {
        let read = try reading("the result", result) { value throws(DocumentFaults) in
            try DocumentDecoder.optimizationResult(value)
        }
        let given = try reading("the snapshot", snapshot) { value throws(DocumentFaults) in
            try VerificationSnapshot(value)
        }
        let request = given.request ?? read.request
        if let fault = missing(in: given, for: read.request) { throw BadInput(faults: [fault]) }
        var violations = Self.violations(ofKind: read, given)
        do throws(OptimizationFailure) {
            let found = try Self.violations(in: read.result, request, given)
            // What is not held is told only to who asks for it.
            violations += read.showsExcluded ? found : found.filter { !$0.claim.hasPrefix("excluded") }
        } catch {
            throw BadInput(faults: ["the snapshot: \(error.message)"])
        }
        // The fingerprint covers all of it: where a claim is wrong, it names the claim, not this.
        let hash = WrittenResult(of: read.request, read.result).hash
        if violations.isEmpty, hash != read.hash {
            violations.append(Violation(claim: "result_hash", expected: hash, actual: read.hash))
        }
        return violations.isEmpty ? .passes(read.result.certificate) : .violated(violations)
    }

    /// The relative gap that the search reported.
    package static func searchGap(in result: [UInt8]) -> Double? {
        let read = try? reading("the result", result) { value throws(DocumentFaults) in
            try DocumentDecoder.optimizationResult(value)
        }
        return read?.result.solution.relativeGap
    }

    /// What a result has in place of a certificate; nil where it has one, and where it cannot be read.
    package static func unproved(in result: [UInt8]) -> UnprovedOptimum? {
        let read = try? reading("the result", result) { value throws(DocumentFaults) in
            try DocumentDecoder.optimizationResult(value)
        }
        return read.flatMap { UnprovedOptimum($0.request, $0.result) }
    }

    private static func reading<Value>(
        _ what: String,
        _ bytes: [UInt8],
        _ decode: (JSONValue) throws(DocumentFaults) -> Value
    ) throws(BadInput) -> Value {
        let root: JSONValue
        do throws(JSONSyntaxFault) { root = try JSONDocument(parsing: bytes).root } catch {
            throw BadInput(faults: ["\(what): \(error.message)"])
        }
        do throws(DocumentFaults) { return try decode(root) } catch {
            throw BadInput(faults: error.faults.map { "\(what): \($0.pointer): \($0.message)" })
        }
    }

    /// Those whose results repeat all of the request that matters.
    private static let repeated: Set<OptimizationType> = [.meanVariance, .factorBased]

    /// What the result's kind needs of the request and the result does not repeat.
    private static func missing(in given: VerificationSnapshot, for request: OptimizationRequest) -> String? {
        guard given.request == nil, !repeated.contains(request.type) else { return nil }
        return
            "the snapshot: /request: a \(request.type.rawValue) result is checked against the request: add the body that"
            + " was posted"
    }

    /// Whether result and snapshot belong together.
    private static func violations(ofKind read: ReadResult, _ given: VerificationSnapshot) -> [Violation] {
        var violations: [Violation] = []
        func same<Value: Equatable>(_ actual: Value, _ expected: Value?, _ claim: String) {
            guard let expected, actual != expected else { return }
            violations.append(Violation(claim: claim, expected: "\(expected)", actual: "\(actual)"))
        }
        let versions = read.result.inputs.versions
        same(read.request.portfolioID, given.portfolioID ?? given.request?.portfolioID, "portfolio_id")
        same(versions.portfolio, given.portfolioVersion, "inputs/portfolio/version")
        same(versions.riskModelID, given.riskModelID ?? given.portfolio.riskModelID, "inputs/risk_model/id")
        same(versions.riskModel, given.riskModelVersion, "inputs/risk_model/version")
        guard let request = given.request else { return violations }
        same(read.request.type.rawValue, request.type.rawValue, "optimization_type")
        same(read.request.objective.rawValue, request.objective.rawValue, "objective")
        same(read.request.riskMeasure.rawValue, request.riskMeasure.rawValue, "risk_measure")
        return violations
    }

    private static func violations(
        in result: OptimizationResult,
        _ request: OptimizationRequest,
        _ given: VerificationSnapshot
    ) throws(OptimizationFailure) -> [Violation] {
        let snapshot = MandateSnapshot(
            portfolio: given.portfolio,
            riskModel: given.riskModel,
            instruments: given.instruments,
            versions: result.inputs.versions
        )
        let preferences = given.portfolio.preferences.overridden(by: request.preferences)
        let estimation = request.estimation
        let provided = try estimateMoments(
            of: given.riskModel,
            as: estimation,
            market: estimation.needsMarket ? MarketView(given.portfolio, preferences) : nil
        ).suited(to: request, snapshot)
        var moments = try provided.ofFirstPeriod(request.parameters.horizon)
        if request.type == .blackLitterman {
            moments =
                try blackLittermanMoments(
                    of: provided,
                    benchmark: given.portfolio.benchmark,
                    parameters: request.parameters,
                    preferences: preferences
                ).moments
        }
        let check = AllocationCheck(
            snapshot: snapshot,
            moments: moments,
            request: request,
            momentsBeforeViews: provided
        )
        var violations = check.violations(in: result)
        if let frontier = result.efficientFrontier {
            var asked = request
            if asked.frontierPointCount == 0 { asked.frontierPointCount = frontier.count }
            violations += FrontierCheck(
                snapshot: snapshot,
                moments: moments,
                request: FrontierRequest(beside: asked)
            ).violations(in: frontier)
        }
        return violations
    }
}
