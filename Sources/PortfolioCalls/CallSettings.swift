import FunctionRuntime

/// What a program that calls the service's use cases is told by its environment.
public struct CallSettings: Sendable {
    /// The program's name, in logs and in the database's views.
    public let name: String
    /// How long calls that have begun may go on after the program was told to stop, in seconds.
    public let drainSeconds: Double
    let configuration: FunctionConfiguration
    let databaseURL: String

    /// Reads the settings of a function from the environment of the process.
    ///
    /// - Throws: a description of everything that is wrong with them.
    public static func load() throws(CallSettingsError) -> CallSettings {
        do {
            let configuration = try FunctionConfiguration.load()
            return CallSettings(
                name: configuration.functionName,
                drainSeconds: configuration.drainSeconds,
                configuration: configuration,
                databaseURL: try configuration.requiredDatabaseURL()
            )
        } catch {
            throw CallSettingsError(description: "\(error)")
        }
    }

    /// Writes a line of the program's log.
    ///
    /// - Parameters:
    ///   - message: what happened; nothing that a caller sent.
    ///   - requestID: the call it happened in.
    public func logError(_ message: String, requestID: String? = nil) {
        configuration.log.error(message, requestID: requestID)
    }
}

/// Settings that make no sense; a restart would not help.
public struct CallSettingsError: Error, CustomStringConvertible {
    /// Every fault there is.
    public let description: String
}
