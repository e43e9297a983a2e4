import Matrices
import PortfolioModel
import Repository
import ResultChecker
import ResultVerification
import TestSupport
import Testing

@Suite("Verifying budgets of risk and trees")
struct VerifyDividedRiskTests {
    private func book(
        _ type: OptimizationType,
        seed: UInt64,
        adjust: (inout OptimizationRequest) -> Void = { _ in }
    ) throws -> VerificationBook {
        try VerificationBook(seed: seed, objective: .riskBudgeting) { request, snapshot in
            request.type = type
            request.constraints = Constraints()
            snapshot.portfolio.constraints = Constraints()
            snapshot.riskModel.covariance = covariance(snapshot.instruments.count, seed: seed)
            adjust(&request)
        }
    }

    /// Four factors and a risk of its own for each: no two correlations are alike.
    private func covariance(_ count: Int, seed: UInt64) -> DenseMatrix {
        var random = SeededGenerator(seed: seed)
        let loadings = (0..<count).map { _ in (0..<4).map { _ in random.normal() * 0.1 } }
        var matrix = DenseMatrix(rows: count, columns: count)
        for i in 0..<count {
            for j in 0..<count { matrix[i, j] = zip(loadings[i], loadings[j]).reduce(0) { $0 + $1.0 * $1.1 } }
        }
        for i in 0..<count { matrix[i, i] += random.uniform(0.01...0.04) }
        return matrix
    }

    private func violations(_ book: VerificationBook, _ result: OptimizationResult) throws -> [Violation] {
        let verdict = try VerifyResult.verdict(on: book.bytes(of: result), against: book.snapshotBytes())
        guard case .violated(let violations) = verdict else { return [] }
        return violations
    }

    @Test(arguments: Linkage.allCases, [false, true])
    func `weights of the tree pass, and others that are as good in every figure do not`(
        _ linkage: Linkage,
        ofColumns: Bool
    ) throws {
        var told = 0
        for seed in UInt64(1)...6 {
            let book = try book(.hierarchicalRiskParity, seed: seed) { request in
                request.parameters.linkage = linkage
                request.parameters.distanceOfDistance = ofColumns
            }
            #expect(try violations(book, book.result).isEmpty, "seed \(seed)")
            #expect(VerifyResult.unproved(in: book.resultBytes)?.reason.contains("built anew") == true)
            // The answer of another request is consistent in itself, but not what was asked for.
            let other = try self.book(.hierarchicalRiskParity, seed: seed) { request in
                request.parameters.linkage = linkage == .single ? .ward : .single
                request.parameters.distanceOfDistance = ofColumns
            }
            guard abs(other.result.metrics.expectedVolatility - book.result.metrics.expectedVolatility) > 1e-6 else {
                continue
            }
            told += 1
            let found = try violations(book, other.result)
            #expect(found.contains { $0.claim.hasSuffix(", by the tree") }, "seed \(seed): \(found)")
        }
        #expect(told >= 3)
    }

    @Test func `a tree that breaks a limit says so, and one that does not may not`() throws {
        let free = try book(.hierarchicalRiskParity, seed: 2)
        let largest = try #require(free.result.targetAllocation.max { $0.value < $1.value })
        let bound = try book(.hierarchicalRiskParity, seed: 2) {
            $0.constraints.maxWeights = [largest.key: largest.value - 0.02]
        }
        #expect(bound.result.warnings.contains { $0.code == "moved_into_limits" })
        #expect(try violations(bound, bound.result).isEmpty)
        // Without the limit the same weights are not the tree's, whatever the warning says.
        var loose = bound
        loose.request = free.request
        var result = bound.result
        result.constraints = free.result.constraints
        result.bindingConstraints = []
        #expect(try violations(loose, result).contains { $0.claim == "warnings" })
        result = bound.result
        result.warnings = []
        #expect(try violations(bound, result).contains { $0.claim.hasSuffix(", by the tree") })
    }

    @Test func `risk parity passes, and what only looks like it does not`() throws {
        let book = try book(.riskParity, seed: 4)
        #expect(try violations(book, book.result).isEmpty)
        #expect(VerifyResult.unproved(in: book.resultBytes)?.reason.contains("budgets") == true)
        let other = try self.book(.hierarchicalRiskParity, seed: 4)
        let found = try violations(book, other.result)
        #expect(found.contains { $0.claim == "risk contributions against their budgets" }, "\(found)")
    }
}
