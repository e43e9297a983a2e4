import Foundation
import Glibc

/// A command run to its end.
///
/// Foundation's `Process` learns of the end through a descriptor that daemons started by the command inherit, and then
/// waits for them too; this waits for the command alone.
package struct Command {
    /// What the command ended with: its exit status, or 128 and the signal's number.
    package var status: Int32
    /// What it wrote, both streams together.
    package var output: String

    /// Runs a program found on the PATH.
    ///
    /// - Parameters:
    ///   - arguments: the program and its arguments.
    ///   - environment: replaces the caller's when given.
    /// - Returns: the exit status and what was written.
    /// - Throws: ``HTTPFailure`` when the program cannot be started.
    package static func run(_ arguments: [String], environment: [String: String]? = nil) throws -> Command {
        // A file, not a pipe: a daemon that inherits a pipe would keep the reader waiting for its end.
        var template = Array("/tmp/portfolio-command-XXXXXX".utf8CString)
        let log = mkstemp(&template)
        guard log >= 0 else { throw HTTPFailure(description: "mkstemp: \(String(cString: strerror(errno)))") }
        unlink(template)
        defer { close(log) }

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, log, 1)
        posix_spawn_file_actions_adddup2(&actions, log, 2)
        // A test's sockets and pipes are no business of a daemon that may outlive it.
        for descriptor in 3..<256 as Range<Int32> where fcntl(descriptor, F_GETFD) >= 0 {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }

        // A test's thread blocks signals, and a daemon that inherits the mask would never hear the one that ends it.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var noSignals = sigset_t()
        sigemptyset(&noSignals)
        posix_spawnattr_setsigmask(&attributes, &noSignals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

        let variables = (environment ?? ProcessInfo.processInfo.environment).map { "\($0.key)=\($0.value)" }
        var argumentPointers = arguments.map { strdup($0) } + [nil]
        var variablePointers = variables.map { strdup($0) } + [nil]
        defer { (argumentPointers + variablePointers).forEach { free($0) } }
        var pid: pid_t = 0
        let failure = posix_spawnp(&pid, arguments[0], &actions, &attributes, &argumentPointers, &variablePointers)
        guard failure == 0 else {
            throw HTTPFailure(description: "\(arguments[0]): \(String(cString: strerror(failure)))")
        }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        let signal = status & 0x7f
        return Command(status: signal == 0 ? (status >> 8) & 0xff : 128 + signal, output: contents(of: log))
    }

    private static func contents(of descriptor: Int32) -> String {
        lseek(descriptor, 0, SEEK_SET)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[0..<count]
        }
    }
}
