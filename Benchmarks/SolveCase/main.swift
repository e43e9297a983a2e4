// Solves a benchmark case and prints one JSON object: weights, residuals, effort, and the CPU and wall time from arrays
// in memory to weights, and the memory the first solve takes at most.
//
//   solve-case CASE.json [--repetitions N] [--method active-set|interior-point]
import Glibc

/// Milliseconds of a clock.
func milliseconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) * 1e3 + Double(time.tv_nsec) / 1e6
}

/// Writes all bytes to a descriptor.
func put(_ bytes: [UInt8], on descriptor: Int32) {
    bytes.withUnsafeBytes { buffer in
        var written = 0
        while written < buffer.count {
            let count = write(descriptor, buffer.baseAddress.map { $0 + written }, buffer.count - written)
            guard count > 0 else { return }
            written += count
        }
    }
}

/// The solve of a case's class, its data read already.
func solver(for file: CaseFile, method: String) throws -> () throws -> CaseAnswer {
    switch file.problemClass {
    case "mv": return try solveMeanVariance(file, method: method)
    case "factor": return try solveFactorModel(file)
    case "sharpe": return try solveSharpe(file)
    case "target": return try solveTarget(file)
    case "frontier": return try solveFrontier(file)
    case "card": return try solveCardinality(file)
    case "riskparity": return try solveRiskParity(file)
    case "hrp": return try solveHierarchical(file)
    case "bl": return try solveBlackLitterman(file)
    case "robust": return try solveRobust(file)
    case "cvar": return try solveConditionalValueAtRisk(file)
    default: throw CaseError(description: "\(file.problemClass): no such class")
    }
}

func run() throws {
    var path: String?
    var repetitions = 5
    var method = "active-set"
    var arguments = CommandLine.arguments.dropFirst()
    while let argument = arguments.popFirst() {
        switch argument {
        case "--repetitions": repetitions = arguments.popFirst().flatMap { Int($0) } ?? repetitions
        case "--method": method = arguments.popFirst() ?? method
        default: path = argument
        }
    }
    guard let path else {
        throw CaseError(
            description: "usage: solve-case CASE.json [--repetitions N] [--method active-set|interior-point]"
        )
    }
    let file = try CaseFile(path: path)
    let solve = try solver(for: file, method: method)
    // The first solve warms caches and the allocator and is not counted; what memory a solve takes shows there.
    var (answer, growth) = try peakGrowth(solve)
    var times = CaseTimes()
    for _ in 0..<max(1, repetitions) {
        let wall = milliseconds(CLOCK_MONOTONIC)
        let cpu = milliseconds(CLOCK_PROCESS_CPUTIME_ID)
        answer = try solve()
        times.cpu.append(milliseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu)
        times.wall.append(milliseconds(CLOCK_MONOTONIC) - wall)
    }
    let bytes = report(answer, times: times, name: file.name, repetitions: max(1, repetitions), peakBytes: growth)
    put(bytes + [UInt8(ascii: "\n")], on: STDOUT_FILENO)
}

/// Starts anew with the surroundings a worker has, which libraries read when they are loaded: one thread of OpenBLAS, for others
/// that wait for work would count as time of the process, and freed memory kept for the next solve.
func takeSurroundings() {
    let surroundings = [
        ("OPENBLAS_NUM_THREADS", "1"), ("MALLOC_TRIM_THRESHOLD_", "67108864"), ("MALLOC_MMAP_THRESHOLD_", "33554432"),
    ]
    var isChanged = false
    for (name, value) in surroundings where getenv(name).map({ String(cString: $0) }) != value {
        guard setenv(name, value, 1) == 0 else { return }
        isChanged = true
    }
    if isChanged { execv("/proc/self/exe", CommandLine.unsafeArgv) }
}

takeSurroundings()
do {
    try run()
} catch {
    put(Array("solve-case: \(error)\n".utf8), on: STDERR_FILENO)
    exit(1)
}
