import Foundation
import Glibc
import TestSupport

/// A function that is not running: its parent holds the socket, as systemd does, and starts it for the first request.
struct WakeFromZero: Scenario {
    let name = "wake-from-zero"
    let summary = "first request to get-optimization when no process runs, through nginx, to the whole answer"

    func measure(_ site: Site) throws -> [Figure] {
        let answer = try site.completed(Site.seedRequest)
        let path = "\(site.runDirectory)/sockets/woken.sock"
        let listener = try Self.listen(at: path)
        defer {
            close(listener)
            unlink(path)
        }
        let port = try freePort()
        try site.addSite("woken", port: port, Self.configuration(port: port))
        let repetitions = site.isQuick ? 5 : 30
        var times: [Double] = []
        for _ in 0..<repetitions {
            times.append(try wake(site, listener: listener, port: port, id: answer.id, expecting: answer.body))
        }
        return [
            Figure(name: "p50", value: median(times), unit: "ms", goal: .atMost(50), samples: times),
            Figure(name: "slowest of \(times.count)", value: times.max() ?? 0, unit: "ms"),
        ]
    }

    /// Milliseconds from the request to its whole answer, the start of the process in between.
    private func wake(_ site: Site, listener: Int32, port: Int, id: String, expecting body: [UInt8]) throws -> Double {
        let client = HTTPClient(port: port)
        _ = try client.get("/ready")  // nginx answers it itself: its own connection is no part of this
        let start = ContinuousClock.now
        try client.begin("GET", "/api/v1/optimizations/\(id)")
        var waiting = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, 5000) == 1 else { throw HTTPFailure(description: "nginx does not connect") }
        let pid = try Self.start(
            "\(site.runDirectory)/bin/get-optimization",
            databaseURL: site.databaseURL(role: "portfolio_get_optimization"),
            listener: listener
        )
        defer {
            kill(pid, SIGTERM)
            waitpid(pid, nil, 0)
        }
        let answer = try client.finish()
        let elapsed = (ContinuousClock.now - start).milliseconds
        guard answer.status == 200, answer.body == body else { throw HTTPFailure(description: answer.text) }
        return elapsed
    }

    private static func configuration(port: Int) -> String {
        """
        server {
            listen 127.0.0.1:\(port);
            location = /ready { return 204; }
            location / { include snippets/fastcgi_write.conf; fastcgi_pass unix:sockets/woken.sock; }
            location = / { return 204; }
        }
        """
    }

    /// A socket that nginx may connect to.
    private static func listen(at path: String) throws -> Int32 {
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw HTTPFailure(description: "the socket's path is too long: \(path)")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0, Glibc.listen(listener, 64) == 0, chmod(path, 0o666) == 0 else {
            throw HTTPFailure(description: "cannot listen at \(path)")
        }
        return listener
    }

    /// Starts a function on a socket as its standard input.
    private static func start(_ program: String, databaseURL: String, listener: Int32) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, listener, 0)
        var arguments = [strdup(program), nil]
        var variables = [strdup("PORTFOLIO_DATABASE_URL=\(databaseURL)"), strdup("PORTFOLIO_LOG_LEVEL=warning"), nil]
        defer { (arguments + variables).forEach { free($0) } }
        var pid: pid_t = 0
        let failure = posix_spawn(&pid, program, &actions, nil, &arguments, &variables)
        guard failure == 0 else { throw HTTPFailure(description: "\(program): \(String(cString: strerror(failure)))") }
        return pid
    }
}
