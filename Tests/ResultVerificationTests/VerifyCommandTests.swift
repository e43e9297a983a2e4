import Foundation
import PortfolioModel
import TestSupport
import Testing

@Suite("portfolio-verify")
struct VerifyCommandTests {
    private func run(_ arguments: [String]) throws -> Command {
        // Test programs and tools are built into the same folder.
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let tool = URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent("portfolio-verify")
        return try Command.run([tool.path] + arguments)
    }

    @Test func `the exit status is the verdict: 0 passes, 1 is violated, 2 is not a question`() throws {
        let book = try VerificationBook()
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("verify-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func file(_ name: String, _ bytes: [UInt8]) throws -> String {
            let place = folder.appendingPathComponent(name)
            try Data(bytes).write(to: place)
            return place.path
        }
        let result = try file("result.json", book.resultBytes)
        let snapshot = try file("snapshot.json", book.snapshotBytes())
        let passed = try run([result, snapshot])
        #expect(passed.status == 0)
        #expect(passed.output.hasPrefix("pass: every claim holds; no allocation"), "\(passed.output)")

        let choice = try VerificationBook(objective: .minimizeRisk) { request, _ in
            request.constraints.minPositionSize = 0.08
        }
        let chosen = try run([
            try file("chosen.json", choice.resultBytes), try file("choice.json", choice.snapshotBytes()),
        ])
        #expect(chosen.status == 0)
        #expect(
            chosen.output.hasPrefix("pass: every claim holds; at most ")
                && chosen.output.contains("by the relaxation's prices; by the search's own word the relative gap is"),
            "\(chosen)"
        )
        var silent = choice.result
        silent.certificate = nil
        let unproved = try run([
            try file("silent.json", choice.bytes(of: silent)), try file("choice.json", choice.snapshotBytes()),
        ])
        #expect(unproved.status == 0)
        #expect(
            unproved.output.hasPrefix("pass: every claim holds; no certificate of optimality: who is held"),
            "\(unproved)"
        )

        var wrong = book.result
        wrong.metrics.expectedReturn += 0.01
        wrong.metrics.turnover += 0.01
        let tampered = try file("tampered.json", book.bytes(of: wrong))
        let violated = try run([tampered, snapshot])
        #expect(violated.status == 1)
        #expect(violated.output.hasPrefix("violated: metrics/expected_return:"), "\(violated.output)")
        #expect(violated.output.split(separator: "\n").count == 1)
        let all = try run(["--all", tampered, snapshot])
        #expect(all.status == 1 && all.output.contains("violated: metrics/turnover:"), "\(all.output)")

        for arguments in [[], [result], [result, snapshot, snapshot], ["--what", result]] {
            let usage = try run(arguments)
            #expect(usage.status == 2 && usage.output.hasPrefix("usage:"), "\(usage.output)")
        }
        for arguments in [[snapshot, snapshot], [result, result], [result, folder.path + "/none.json"]] {
            let refused = try run(arguments)
            #expect(refused.status == 2 && refused.output.hasPrefix("portfolio-verify: "), "\(refused.output)")
        }
    }
}
