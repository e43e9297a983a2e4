import Foundation

/// A PostgreSQL server of our own: fresh data, a unix socket in a private directory, gone with the test process.
///
/// The server lives under a shell that waits on a pipe from us. However this process ends, even by a crash, the pipe
/// closes, and the shell stops the server and removes its directory.
package final class PrivatePostgres: @unchecked Sendable {
    /// The socket's and the data's directory.
    package let directory: String
    private let programs: String
    private let account: Account?
    private let lock = NSLock()
    private var lifeline: Pipe?
    private var keeper: Process?
    private var databases = 0

    /// The server that tests share, with the migrations deployed in its template.
    ///
    /// Started when first asked for.
    package static func shared() throws -> PrivatePostgres { try sharedServer.get() }

    private static let sharedServer = Result { try PrivatePostgres() }

    /// The database that ``makeDatabase()`` copies.
    private static let template = "portfolio_template"

    /// Starts a server and deploys the migrations.
    package init() throws {
        programs = try Self.findPrograms()
        account = try Self.accountToRunAs()
        // A socket's path has 107 bytes at most: a short name in /tmp, whatever the temporary directory is.
        directory = "/tmp/pfpg-\(UInt32.random(in: 0 ..< .max))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        if let account { chown(directory, account.user, account.group) }
        chmod(directory, 0o700)
        try Self.output(
            of: asAccount + ["\(programs)/initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"]
        )
        try start()
        try execute("CREATE DATABASE \(Self.template)", database: "postgres")
        try sqitch(["deploy", "--no-verify"], database: Self.template)
    }

    deinit { stop() }

    private var data: String { "\(directory)/data" }

    // MARK: Databases

    /// Makes a database with the migrations deployed and no rows, and returns its name.
    package func makeDatabase() throws -> String {
        let name = nextName()
        try execute("CREATE DATABASE \(name) TEMPLATE \(Self.template)", database: "postgres")
        // A copy does not take the template's settings along.
        try execute(
            "ALTER DATABASE \(name) SET search_path = inputs, commands, queries, jobs, events, public",
            database: "postgres"
        )
        return name
    }

    /// Makes a database without anything in it, and returns its name.
    package func makeEmptyDatabase() throws -> String {
        let name = nextName()
        try execute("CREATE DATABASE \(name)", database: "postgres")
        return name
    }

    private func nextName() -> String {
        lock.withLock {
            databases += 1
            return "test_\(databases)"
        }
    }

    /// The URL for a role.
    package func url(database: String, role: String) -> String {
        "postgresql://\(role)@/\(database)?host=\(directory)"
    }

    /// Runs SQL by psql and returns the rows' columns, null as "".
    ///
    /// - Throws: ``CommandFailure`` with what psql said.
    @discardableResult
    package func execute(
        _ sql: String,
        database: String,
        role: String = "postgres",
        tenant: String? = nil
    ) throws -> [[String]] {
        let text = try Self.output(
            of: [
                "\(programs)/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-F", "\u{1F}", "-h", directory, "-U", role, "-d",
                database, "-c", sql,
            ],
            environment: tenant.map { ["PGOPTIONS": "-c portfolio.tenant=\($0)"] } ?? [:]
        )
        return text.split(separator: "\n").map { line in
            line.split(separator: "\u{1F}", omittingEmptySubsequences: false).map(String.init)
        }
    }

    /// Runs sqitch on a database with the repository's migrations; returns what it printed.
    @discardableResult
    package func sqitch(_ arguments: [String], database: String) throws -> String {
        try Self.output(
            of: ["sqitch", "--chdir", Self.migrations] + arguments
                + ["db:pg://postgres@/\(database)?host=\(directory)"]
        )
    }

    /// The folder of the migrations.
    package static let migrations = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Migrations").path

    // MARK: Life

    /// Starts the server after a ``stop()``.
    package func start() throws {
        let server =
            asAccount + [
                "\(programs)/postgres", "-D", data, "-c", "listen_addresses=", "-c",
                "unix_socket_directories=\(directory)", "-c", "fsync=off", "-c", "max_connections=100",
            ]
        let keeper = Process()
        let lifeline = Pipe()
        keeper.executableURL = URL(fileURLWithPath: "/bin/sh")
        keeper.arguments =
            [
                "-c",
                // Not `wait`: it sleeps for ever where the test runner's threads have SIGCHLD blocked, which children inherit.
                #"directory=$1; shift; "$@" </dev/null & server=$!; read line; kill -QUIT $server; "#
                    + #"while test -e "$directory/data/postmaster.pid"; do sleep 0.05; done; sleep 0.1; "#
                    + #"test "$line" = keep || rm -rf "$directory""#,
                "sh", directory,
            ] + server
        keeper.standardInput = lifeline
        keeper.standardOutput = FileHandle.nullDevice
        keeper.standardError = FileHandle.nullDevice
        try keeper.run()
        (self.keeper, self.lifeline) = (keeper, lifeline)
        for _ in 0..<500 {
            if (try? Self.output(of: ["\(programs)/pg_isready", "-q", "-h", directory])) != nil { return }
            usleep(20_000)
        }
        throw CommandFailure(command: "postgres", text: "the server did not come up in ten seconds")
    }

    /// Stops the server at once, as a crash would; its data stays.
    package func crash() {
        lifeline?.fileHandleForWriting.write(Data("keep\n".utf8))
        keeper?.waitUntilExit()
        (keeper, lifeline) = (nil, nil)
    }

    /// Stops the server and removes its data.
    private func stop() {
        try? lifeline?.fileHandleForWriting.close()
        keeper?.waitUntilExit()
    }

    // MARK: The machine

    /// Who the server runs as when we are root, which PostgreSQL refuses to be.
    private struct Account {
        let name: String
        let user: uid_t
        let group: gid_t
    }

    private var asAccount: [String] {
        account.map { ["setpriv", "--reuid", $0.name, "--regid", String($0.group), "--clear-groups"] } ?? []
    }

    private static func accountToRunAs() throws -> Account? {
        guard geteuid() == 0 else { return nil }
        for name in ["postgres", "nobody"] {
            guard let entry = getpwnam(name) else { continue }
            return Account(name: name, user: entry.pointee.pw_uid, group: entry.pointee.pw_gid)
        }
        throw CommandFailure(command: "getpwnam", text: "no account to run the server as")
    }

    /// Debian keeps the server's programs out of the path.
    private static func findPrograms() throws -> String {
        let roots = ["/usr/lib/postgresql", "/usr/local/pgsql"]
        for root in roots {
            let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
            for version in versions.sorted(by: >) {
                let folder = "\(root)/\(version)/bin"
                if FileManager.default.isExecutableFile(atPath: "\(folder)/initdb") { return folder }
            }
        }
        let folder = try output(of: ["pg_config", "--bindir"])
        return folder.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Runs a program to its end and returns what it printed.
    @discardableResult
    private static func output(of command: [String], environment: [String: String] = [:]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        // The server's account may not be allowed into the folder that the tests run in.
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        let pipe = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw CommandFailure(command: command.joined(separator: " "), text: text)
        }
        return text
    }
}

/// A program that did not do what it was asked to.
package struct CommandFailure: Error, CustomStringConvertible {
    /// The program and its arguments.
    package var command: String
    /// What it said.
    package var text: String

    package var description: String { "\(command): \(text)" }
}
