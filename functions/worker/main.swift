// Claims jobs from the queue, computes them and stores their outcomes. Handlers never compute, workers never listen.
// One process, one core: the supervisor sets OPENBLAS_NUM_THREADS=1 and starts as many workers as there are cores.
import FunctionRuntime
import Glibc
import JobExecution
import Repository

/// Wires a worker to its database, works until SIGTERM, and tells the exit status.
func work() -> Int32 {
    let configuration: FunctionConfiguration
    let databaseURL: String
    do {
        configuration = try FunctionConfiguration.load()
        databaseURL = try configuration.requiredDatabaseURL()
    } catch {
        Log(function: "worker").error("configuration refused", [("reason", .text("\(error)"))])
        return 78  // EX_CONFIG: a restart would not help
    }
    let log = configuration.log
    let name = configuration.functionName
    let settings = WorkerSettings(
        batchSize: configuration.batchSize,
        leaseTime: .milliseconds(configuration.leaseSeconds * 1000),
        renewalPeriod: .milliseconds(configuration.renewalSeconds * 1000),
        pollPeriod: .milliseconds(configuration.pollSeconds * 1000)
    )
    TerminationSignal.install()
    let keeper = LeaseKeeper(
        settings: settings,
        clock: monotonicNow,
        openRepository: { PostgresDatabase(url: databaseURL, applicationName: "\(name) lease").jobs },
        log: { $0.write(to: log) }
    )
    guard keeper.start() else {
        log.error("no thread for the leases")
        return 71  // EX_OSERR
    }
    var computer = ComputeJob(clock: monotonicNow, defaultTimeLimit: settings.defaultTimeLimit)
    let cacheBytes = configuration.inputCacheBytes
    let database = PostgresDatabase(url: databaseURL, applicationName: name, inputCacheBytes: cacheBytes)
    RunJobs(
        jobs: database.jobs,
        keeper: keeper,
        settings: settings,
        surroundings: RunJobs.Surroundings(
            clock: monotonicNow,
            pause: pauseThread,
            shouldLeave: { TerminationSignal.wasAsked },
            jitter: { Double.random(in: 0..<1) },
            log: { $0.write(to: log) }
        ),
        compute: { computer.outcome(of: $0, tenant: $1.tenant, isRevoked: $2) }
    ).run()
    keeper.stop()
    return 0
}

extension WorkerEvent {
    /// Writes the event as one line of the log; below the log's level it costs nothing.
    func write(to log: Log) {
        let level: LogLevel =
            switch level {
            case .info: .info
            case .warning: .warning
            case .error: .error
            }
        guard level >= log.minimumLevel else { return }
        let values: [(name: String, value: LogValue)] = fields.map { field in
            switch field.value {
            case .text(let text): (field.name, .text(text))
            case .integer(let integer): (field.name, .integer(integer))
            case .number(let number): (field.name, .number(number))
            }
        }
        log.write(level, message, values)
    }
}

exit(work())
