import Foundation
import TestSupport

/// What a run measured, and on what.
struct Report {
    private var scenarios: [(scenario: any Scenario, figures: [Figure])] = []
    private let start = Date()
    private let loadAtStart = Self.load

    mutating func add(_ scenario: any Scenario, _ figures: [Figure]) { scenarios.append((scenario, figures)) }

    /// What else a reader must know to judge the figures.
    var conditions: String {
        "commit \(Self.commit), \(Self.processor), \(ProcessInfo.processInfo.processorCount) cores, "
            + "load \(loadAtStart) at the start, \(Self.load) at the end"
    }

    /// Writes the run as JSON into Benchmarks/results; the file's path.
    func write() throws -> String {
        let stamp = Self.stamp(start)
        let document: [String: Any] = [
            "commit": Self.commit,
            "processor": Self.processor,
            "cores": ProcessInfo.processInfo.processorCount,
            "load_average": ["start": loadAtStart, "end": Self.load],
            "started_at": stamp,
            "scenarios": scenarios.map { entry in
                [
                    "name": entry.scenario.name, "summary": entry.scenario.summary,
                    "figures": entry.figures.map(Self.json),
                ]
            },
        ]
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "results")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let name = "service-\(stamp.filter { $0.isLetter || $0.isNumber }).json"
        let data = try JSONSerialization.data(withJSONObject: document, options: [.prettyPrinted, .sortedKeys])
        try (data + Data("\n".utf8)).write(to: folder.appending(path: name))
        return "Benchmarks/results/\(name)"
    }

    private static func json(_ figure: Figure) -> [String: Any] {
        var json: [String: Any] = ["name": figure.name, "value": rounded(figure.value), "unit": figure.unit]
        if !figure.samples.isEmpty { json["samples"] = figure.samples.map(rounded) }
        switch figure.goal {
        case .atLeast(let limit): json["at_least"] = limit
        case .atMost(let limit): json["at_most"] = limit
        case nil: break
        }
        return json
    }

    /// Four digits after the point: more would be noise.
    private static func rounded(_ value: Double) -> NSDecimalNumber {
        NSDecimalNumber(string: String(format: "%.4f", value))
    }

    private static func stamp(_ date: Date) -> String { ISO8601DateFormatter().string(from: date) }

    private static var load: String {
        let text = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)) ?? ""
        return text.split(separator: " ").prefix(3).joined(separator: " ")
    }

    private static var commit: String {
        let output = (try? Command.run(["git", "describe", "--always", "--dirty"]))?.output ?? ""
        return output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static var processor: String {
        let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("model name") } ?? ""
        return line.split(separator: ":").last?.trimmingCharacters(in: .whitespaces) ?? "unknown"
    }
}
