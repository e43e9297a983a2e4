import CFastCGI
import Glibc

/// Runs a FastCGI function: the whole of its `main.swift` is one call.
///
/// Whoever starts the process hands it a listening socket as standard input: supervisor, systemd socket activation, or a
/// web server's own spawner.
package enum FunctionRuntime {
    /// What the process ends with.
    private enum ExitCode {
        static let drained: Int32 = 0
        static let failed: Int32 = 1
        /// `EX_CONFIG` of sysexits.h.
        static let wrongConfiguration: Int32 = 78
    }

    /// Loads the configuration, makes the handler, and serves until TERM, INT or USR1; then drains and exits with 0.
    ///
    /// A configuration that cannot be used ends the process with 78 and a log line for each fault; a handler that cannot be
    /// made, or a standard input that is no listening socket, ends it with 1.
    ///
    /// - Parameter makeHandler: makes the function's handler of its configuration.
    package static func main(_ makeHandler: (FunctionConfiguration) throws -> any FunctionHandler) -> Never {
        // First of all: threads that a handler's libraries make must not take the signals.
        let stopDescriptor = cfastcgi_stop_signals()
        do {
            let configuration = try FunctionConfiguration.load()
            let log = configuration.log
            guard stopDescriptor >= 0 else { throw SystemCallError(call: "signalfd", code: errno) }
            guard cfastcgi_is_listening(STDIN_FILENO) != 0 else {
                log.error("standard input is not a listening socket: start this program from supervisor or systemd")
                exit(ExitCode.failed)
            }
            raiseDescriptorLimit()
            let loop = try EventLoop(
                handler: try makeHandler(configuration),
                configuration: configuration,
                listener: STDIN_FILENO,
                stopDescriptor: stopDescriptor,
                log: log
            )
            log.info("serving", [("pid", .integer(Int(getpid())))])
            try loop.run()
            log.info("stopped")
            exit(ExitCode.drained)
        } catch {
            exitBecause(of: error)
        }
    }

    /// Ends the process for an error that kept it from starting, with the log lines that tell why.
    ///
    /// - Parameter error: a ``ConfigurationError``, of which each fault gets a line, or any other.
    package static func exitBecause(of error: any Error) -> Never {
        // The configuration may be what is wrong, so the log is made without it.
        let log = Log(function: FunctionConfiguration.executableName())
        guard let error = error as? ConfigurationError else {
            log.error("cannot serve", [("error", .text("\(error)"))])
            exit(ExitCode.failed)
        }
        for fault in error.faults {
            log.error("wrong configuration: \(fault)", [("variable", .text(fault.variable))])
        }
        exit(ExitCode.wrongConfiguration)
    }

    /// Lets the process open as many descriptors as it may: the usual limit of 1024 is below what may be parked.
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = min(limit.rlim_max, 32_768)
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
