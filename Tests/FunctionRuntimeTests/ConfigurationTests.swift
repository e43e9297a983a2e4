import Foundation
import Testing

import FunctionRuntime

@Suite("Configuration")
struct ConfigurationTests {
    private func load(
        _ variables: [String: String],
        files: [String: [UInt8]] = [:]
    ) throws(ConfigurationError) -> FunctionConfiguration {
        try FunctionConfiguration.load(
            from: ConfigurationLoader(
                lookUp: { variables[$0] },
                readFile: { (path) throws(ConfigurationLoader.FileProblem) in
                    guard let bytes = files[path] else { throw .unreadable }
                    return bytes
                }
            )
        )
    }

    private func faults(_ variables: [String: String], files: [String: [UInt8]] = [:]) -> [ConfigurationFault] {
        do throws(ConfigurationError) {
            _ = try load(variables, files: files)
            return []
        } catch { return error.faults }
    }

    @Test func `nothing set means the defaults`() throws {
        let configuration = try load([:])
        #expect(configuration.bodyLimitBytes == 4_194_304)
        #expect(configuration.maximumParkedRequests == 1000)
        #expect(configuration.leaseSeconds == 30)
        #expect(configuration.renewalSeconds == 10)
        #expect(configuration.pollSeconds == 1)
        #expect(configuration.batchSize == 128)
        #expect(configuration.queueLimit == 20_000 && configuration.tenantQueueLimit == 10_000)
        #expect(configuration.logLevel == .info)
        #expect(configuration.databaseURL == nil)
        #expect(throws: ConfigurationError.self) { try configuration.requiredDatabaseURL() }
    }

    @Test func `each setting is read`() throws {
        let configuration = try load([
            "PORTFOLIO_FUNCTION_NAME": "health", "PORTFOLIO_LOG_LEVEL": "warning",
            "PORTFOLIO_DATABASE_URL": "postgresql:///p", "PORTFOLIO_BODY_LIMIT_BYTES": "10",
            "PORTFOLIO_RECEIVE_TIMEOUT_SECONDS": "1.5", "PORTFOLIO_SEND_TIMEOUT_SECONDS": "2",
            "PORTFOLIO_DRAIN_SECONDS": "0", "PORTFOLIO_MAXIMUM_PARKED_REQUESTS": "7",
            "PORTFOLIO_MAXIMUM_CONNECTIONS": "8", "PORTFOLIO_LEASE_SECONDS": "1",
            "PORTFOLIO_RENEWAL_SECONDS": "0.3", "PORTFOLIO_POLL_SECONDS": "0.1", "PORTFOLIO_BATCH_SIZE": "1",
        ])
        var expected = FunctionConfiguration()
        expected.functionName = "health"
        expected.logLevel = .warning
        expected.databaseURL = "postgresql:///p"
        expected.bodyLimitBytes = 10
        expected.receiveTimeoutSeconds = 1.5
        expected.sendTimeoutSeconds = 2
        expected.drainSeconds = 0
        expected.maximumParkedRequests = 7
        expected.maximumConnections = 8
        expected.leaseSeconds = 1
        expected.renewalSeconds = 0.3
        expected.pollSeconds = 0.1
        expected.batchSize = 1
        #expect(configuration == expected)
        #expect(try configuration.requiredDatabaseURL() == "postgresql:///p")
    }

    @Test func `every fault is told at once, and none has a secret in it`() {
        let found = faults([
            "PORTFOLIO_BODY_LIMIT_BYTES": "4MB", "PORTFOLIO_BATCH_SIZE": "0", "PORTFOLIO_LOG_LEVEL": "loud",
            "PORTFOLIO_DATABASE_URL": "postgresql://u:geheim@h/p", "PORTFOLIO_DATABASE_URL_FILE": "/f",
            "PORTFOLIO_DRAIN_SECONDS": "", "PORTFOLIO_LEASE_SECONDS": "5", "PORTFOLIO_FUNCTION_NAME": "a b",
        ])
        #expect(
            Set(found.map(\.variable)) == [
                "PORTFOLIO_BODY_LIMIT_BYTES", "PORTFOLIO_BATCH_SIZE", "PORTFOLIO_LOG_LEVEL", "PORTFOLIO_DATABASE_URL",
                "PORTFOLIO_DRAIN_SECONDS", "PORTFOLIO_RENEWAL_SECONDS", "PORTFOLIO_FUNCTION_NAME",
            ]
        )
        #expect(!ConfigurationError(faults: found).description.contains("geheim"))
    }

    @Test(arguments: ["", " 5", "5 ", "nan", "inf", "0x5p0x", "1e999", "-1", "601"])
    func `a number that is none, or out of range, is a fault`(text: String) {
        #expect(faults(["PORTFOLIO_RECEIVE_TIMEOUT_SECONDS": text]).count == 1)
    }

    @Test(arguments: [("30", "30"), ("1", "2")])
    func `a lease has to be renewed before it ends`(lease: String, renewal: String) {
        let found = faults(["PORTFOLIO_LEASE_SECONDS": lease, "PORTFOLIO_RENEWAL_SECONDS": renewal])
        #expect(found.map(\.variable) == ["PORTFOLIO_RENEWAL_SECONDS"])
    }

    @Test func `a secret comes from a file without its last line feed`() throws {
        let variables = ["PORTFOLIO_DATABASE_URL_FILE": "/run/url"]
        #expect(
            try load(variables, files: ["/run/url": Array("postgresql:///p\n".utf8)]).databaseURL == "postgresql:///p"
        )
        for content in [[], [10], [0x61, 0], [0xFF]] as [[UInt8]] {
            #expect(faults(variables, files: ["/run/url": content]).count == 1)
        }
        #expect(faults(variables).count == 1)
        #expect(faults(["PORTFOLIO_DATABASE_URL": ""]).count == 1)
    }

    @Test func `a real file is read, and one too long refused`() throws {
        let path = NSTemporaryDirectory() + "/secret-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        func secret() throws(ConfigurationError) -> String? {
            try FunctionConfiguration.load(
                from: ConfigurationLoader(lookUp: { $0 == "PORTFOLIO_DATABASE_URL_FILE" ? path : nil })
            ).databaseURL
        }
        try Data("secret".utf8).write(to: URL(fileURLWithPath: path))
        #expect(try secret() == "secret")
        try Data(count: ConfigurationLoader.longestSecretBytes + 1).write(to: URL(fileURLWithPath: path))
        #expect(throws: ConfigurationError.self) { try secret() }
    }
}
