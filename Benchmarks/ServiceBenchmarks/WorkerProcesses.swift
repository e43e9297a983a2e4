import Foundation
import TestSupport

/// What the system knows of the stack's workers.
extension Site {
    /// Process ids of the stack's workers.
    private func workers() throws -> [Substring] {
        let output = try Command.run(["supervisorctl", "-c", "\(runDirectory)/etc/supervisord.conf", "status"]).output
        let ids = output.split(separator: "\n").filter { $0.hasPrefix("worker") }.compactMap { line in
            line.range(of: #"pid (\d+)"#, options: .regularExpression).map { line[$0].dropFirst(4) }
        }
        guard !ids.isEmpty else { throw HTTPFailure(description: "no worker in: \(output)") }
        return ids
    }

    /// Processor time that the workers have used since they began, in milliseconds: what else the machine does is not in
    /// it.
    func workerMilliseconds() throws -> Double {
        let ticks = try workers().map { id -> Double in
            let fields =
                try String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8)
                .split(separator: ")").last?.split(separator: " ").compactMap { Double($0) } ?? []
            // After the name and the state: user time is the 11th number, system time the 12th.
            guard fields.count > 11 else { throw HTTPFailure(description: "no times of process \(id)") }
            return fields[10] + fields[11]
        }
        return ticks.reduce(0, +) * 1000 / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// The most memory that a worker of the stack has had at once.
    func peakMegabytes() throws -> Double {
        let peaks = try workers().compactMap { id -> Double? in
            let status = try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8)
            let peak = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM") }
            return peak?.split(separator: " ").dropFirst().first.flatMap { Double($0) }
        }
        return (peaks.max() ?? 0) / 1024
    }
}
