import JSON

/// What a solve of a case gave.
struct CaseAnswer {
    /// The weights, one array for each point asked for.
    var weights: [[Double]]
    /// Whether the class asks for several points.
    var isPath = false
    var objective: Double
    var primalResidual = 0.0
    var suboptimality = 0.0
    var method: String
    var iterations: Int
    var details: [(name: String, value: Int)] = []
}

/// Times of the repetitions, in milliseconds.
struct CaseTimes {
    var cpu: [Double] = []
    var wall: [Double] = []

    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    }
}

func report(_ answer: CaseAnswer, times: CaseTimes, name: String, repetitions: Int, peakBytes: Int?) -> [UInt8] {
    var writer = JSONWriter(reservingCapacity: 65536)
    writer.object { writer in
        writer.member("name", name)
        writer.member("method", answer.method)
        writer.member("iterations", answer.iterations)
        writer.member("objective", answer.objective)
        writer.name("residuals")
        writer.object { writer in
            writer.member("infeasibility", answer.primalResidual)
            writer.member("suboptimality", answer.suboptimality)
        }
        writer.member("repetitions", repetitions)
        writer.member("cpu_ms_min", times.cpu.min() ?? 0)
        writer.member("cpu_ms_median", CaseTimes.median(times.cpu))
        writer.member("wall_ms_min", times.wall.min() ?? 0)
        writer.member("wall_ms_median", CaseTimes.median(times.wall))
        if let peakBytes { writer.member("peak_bytes", peakBytes) }
        for detail in answer.details { writer.member(detail.name, detail.value) }
        writer.name("weights")
        if answer.isPath {
            writer.array(answer.weights) { writer, row in writer.array(row) { $0.double($1) } }
        } else {
            writer.array(answer.weights.first ?? []) { $0.double($1) }
        }
    }
    return writer.bytes
}
