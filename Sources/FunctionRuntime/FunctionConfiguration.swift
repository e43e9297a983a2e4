import Glibc

/// The settings of a function or of the worker; the only place that reads environment variables.
package struct FunctionConfiguration: Equatable, Sendable {
    /// The program's name in logs.
    ///
    /// `PORTFOLIO_FUNCTION_NAME`; default: the executable's file name.
    package var functionName = "function"

    /// Log lines below this level are left out.
    ///
    /// `PORTFOLIO_LOG_LEVEL`: debug, info, warning or error; default info.
    package var logLevel = LogLevel.info

    /// Where PostgreSQL is.
    ///
    /// `PORTFOLIO_DATABASE_URL`, or the content of the file that `PORTFOLIO_DATABASE_URL_FILE` names. No default: a
    /// program that needs it asks ``requiredDatabaseURL()``.
    package var databaseURL: String?

    /// The longest body taken, in bytes.
    ///
    /// `PORTFOLIO_BODY_LIMIT_BYTES`: 1 to 1 GiB; default 4 MiB.
    package var bodyLimitBytes = 4 * 1024 * 1024

    /// How long a request may take to arrive, from its first byte to its last, in seconds.
    ///
    /// `PORTFOLIO_RECEIVE_TIMEOUT_SECONDS`: 0.01 to 600; default 10. nginx has the whole body before it connects.
    package var receiveTimeoutSeconds = 10.0

    /// How long a client may take to accept an answer, in seconds.
    ///
    /// `PORTFOLIO_SEND_TIMEOUT_SECONDS`: 0.01 to 600; default 10. The process serves others meanwhile.
    package var sendTimeoutSeconds = 10.0

    /// How long requests that have begun may go on after the process was told to stop, in seconds.
    ///
    /// `PORTFOLIO_DRAIN_SECONDS`: 0 to 600; default 10. Parked requests are then answered as if their own time were up.
    package var drainSeconds = 10.0

    /// How long the process goes on without a request before it ends by itself, in seconds; 0 is for ever.
    ///
    /// `PORTFOLIO_IDLE_SECONDS`: 0 to 86 400; default 0. For a parent that holds the socket and starts the process for the
    /// next request, such as systemd.
    package var idleSeconds = 0.0

    /// How many requests may be parked at once.
    ///
    /// `PORTFOLIO_MAXIMUM_PARKED_REQUESTS`: 0 to 10 000; default 1000.
    package var maximumParkedRequests = 1000

    /// How many connections may be open at once.
    ///
    /// `PORTFOLIO_MAXIMUM_CONNECTIONS`: 1 to 20 000; default 1500. Beyond it the connection that was idle longest is
    /// closed for a new one; if none is idle, new ones wait, or go to another process.
    package var maximumConnections = 1500

    /// How long a worker holds a job without renewing, in seconds.
    ///
    /// `PORTFOLIO_LEASE_SECONDS`: 0.1 to 3600; default 30.
    package var leaseSeconds = 30.0

    /// How often a worker renews its leases, in seconds.
    ///
    /// `PORTFOLIO_RENEWAL_SECONDS`: 0.01 to 3600 and less than the lease; default 10.
    package var renewalSeconds = 10.0

    /// How long an idle worker waits for a notification before it looks for jobs itself, in seconds.
    ///
    /// `PORTFOLIO_POLL_SECONDS`: 0.01 to 600; default 1.
    package var pollSeconds = 1.0

    /// How many small jobs a worker claims and finishes at once.
    ///
    /// `PORTFOLIO_BATCH_SIZE`: 1 to 1000; default 128.
    package var batchSize = 128

    /// How much of the inputs that jobs were computed from a worker keeps in memory, in bytes.
    ///
    /// `PORTFOLIO_INPUT_CACHE_BYTES`: 1 MiB to 64 GiB; default 256 MiB. The ones in use are kept beyond it.
    package var inputCacheBytes = 256 * 1024 * 1024

    /// How many jobs of all tenants may be in the queue before submissions are refused.
    ///
    /// `PORTFOLIO_QUEUE_LIMIT`: 1 to 10 000 000; default 20 000.
    package var queueLimit = 20_000

    /// How many jobs of one tenant may be in the queue before its submissions are refused.
    ///
    /// `PORTFOLIO_TENANT_QUEUE_LIMIT`: 1 to 10 000 000; default 10 000.
    package var tenantQueueLimit = 10_000

    private static let databaseURLVariable = "PORTFOLIO_DATABASE_URL"

    /// The defaults, for tests.
    package init() {}

    /// Reads the settings from the environment of the process.
    ///
    /// - Throws: ``ConfigurationError`` with every fault there is.
    package static func load() throws(ConfigurationError) -> FunctionConfiguration {
        try load(from: ConfigurationLoader(lookUp: ConfigurationLoader.environmentVariable))
    }

    package static func load(from given: ConfigurationLoader) throws(ConfigurationError) -> FunctionConfiguration {
        var loader = given
        var settings = FunctionConfiguration()
        settings.functionName = loader.name("PORTFOLIO_FUNCTION_NAME", default: executableName())
        settings.logLevel = loader.choice("PORTFOLIO_LOG_LEVEL", default: settings.logLevel)
        settings.databaseURL = loader.secret(databaseURLVariable)

        func integer(_ variable: String, _ path: WritableKeyPath<Self, Int>, _ range: ClosedRange<Int>) {
            settings[keyPath: path] = loader.integer(variable, default: settings[keyPath: path], in: range)
        }
        func number(_ variable: String, _ path: WritableKeyPath<Self, Double>, _ range: ClosedRange<Double>) {
            settings[keyPath: path] = loader.number(variable, default: settings[keyPath: path], in: range)
        }
        integer("PORTFOLIO_BODY_LIMIT_BYTES", \.bodyLimitBytes, 1...1024 * 1024 * 1024)
        number("PORTFOLIO_RECEIVE_TIMEOUT_SECONDS", \.receiveTimeoutSeconds, 0.01...600)
        number("PORTFOLIO_SEND_TIMEOUT_SECONDS", \.sendTimeoutSeconds, 0.01...600)
        number("PORTFOLIO_DRAIN_SECONDS", \.drainSeconds, 0...600)
        number("PORTFOLIO_IDLE_SECONDS", \.idleSeconds, 0...86_400)
        integer("PORTFOLIO_MAXIMUM_PARKED_REQUESTS", \.maximumParkedRequests, 0...10_000)
        integer("PORTFOLIO_MAXIMUM_CONNECTIONS", \.maximumConnections, 1...20_000)
        number("PORTFOLIO_LEASE_SECONDS", \.leaseSeconds, 0.1...3600)
        number("PORTFOLIO_RENEWAL_SECONDS", \.renewalSeconds, 0.01...3600)
        number("PORTFOLIO_POLL_SECONDS", \.pollSeconds, 0.01...600)
        integer("PORTFOLIO_BATCH_SIZE", \.batchSize, 1...1000)
        integer("PORTFOLIO_INPUT_CACHE_BYTES", \.inputCacheBytes, 1024 * 1024...64 * 1024 * 1024 * 1024)
        integer("PORTFOLIO_QUEUE_LIMIT", \.queueLimit, 1...10_000_000)
        integer("PORTFOLIO_TENANT_QUEUE_LIMIT", \.tenantQueueLimit, 1...10_000_000)

        if settings.renewalSeconds >= settings.leaseSeconds {
            loader.fault(
                "PORTFOLIO_RENEWAL_SECONDS",
                "must be less than PORTFOLIO_LEASE_SECONDS: \(settings.renewalSeconds) is not less than "
                    + "\(settings.leaseSeconds)"
            )
        }
        guard loader.faults.isEmpty else { throw ConfigurationError(faults: loader.faults) }
        return settings
    }

    /// Where PostgreSQL is.
    ///
    /// - Throws: ``ConfigurationError`` when it is not set.
    package func requiredDatabaseURL() throws(ConfigurationError) -> String {
        guard let databaseURL else {
            throw ConfigurationError(faults: [
                ConfigurationFault(variable: Self.databaseURLVariable, problem: "is not set, and has no default")
            ])
        }
        return databaseURL
    }

    /// A log for this program.
    package var log: Log { Log(function: functionName, minimumLevel: logLevel) }

    static func executableName() -> String {
        let path = CommandLine.arguments.first ?? ""
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        return RequestID.isValid(name) ? name : "function"
    }
}
