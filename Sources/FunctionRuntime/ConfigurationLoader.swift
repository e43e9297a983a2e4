import Glibc

/// One setting that cannot be used, and why.
package struct ConfigurationFault: Equatable, Sendable, CustomStringConvertible {
    /// The environment variable.
    package var variable: String
    /// What is wrong; never a secret's value.
    package var problem: String

    package init(variable: String, problem: String) {
        self.variable = variable
        self.problem = problem
    }

    package var description: String { "\(variable) \(problem)" }
}

/// All that is wrong with a configuration.
package struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The faults, in the order the settings were read; at least one.
    package var faults: [ConfigurationFault]

    package init(faults: [ConfigurationFault]) { self.faults = faults }

    package var description: String { faults.map(\.description).joined(separator: "; ") }
}

/// Reads typed settings and collects what is wrong with them; a malformed value is a fault, never the default.
///
/// An empty value is malformed too: it is mostly a variable somebody forgot to fill in.
package struct ConfigurationLoader {
    /// Why a secret's file gave no secret.
    package enum FileProblem: Error, Equatable {
        case unreadable
        case tooLarge(limit: Int)
    }

    /// A secret file longer than this is not one.
    package static let longestSecretBytes = 64 * 1024

    private let lookUp: (String) -> String?
    private let readFile: (String) throws(FileProblem) -> [UInt8]
    private(set) var faults: [ConfigurationFault] = []

    package init(
        lookUp: @escaping (String) -> String?,
        readFile: @escaping (String) throws(FileProblem) -> [UInt8] = Self.readFile
    ) {
        self.lookUp = lookUp
        self.readFile = readFile
    }

    /// The process's environment.
    package static func environmentVariable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// A whole number in a range.
    package mutating func integer(_ variable: String, default defaultValue: Int, in range: ClosedRange<Int>) -> Int {
        guard let text = lookUp(variable) else { return defaultValue }
        guard let value = Int(text), range.contains(value) else {
            fault(variable, "must be a whole number from \(range.lowerBound) to \(range.upperBound), not \"\(text)\"")
            return defaultValue
        }
        return value
    }

    /// A number in a range.
    package mutating func number(_ variable: String, default defaultValue: Double, in range: ClosedRange<Double>)
        -> Double
    {
        guard let text = lookUp(variable) else { return defaultValue }
        guard let value = Double(text), range.contains(value) else {
            fault(variable, "must be a number from \(range.lowerBound) to \(range.upperBound), not \"\(text)\"")
            return defaultValue
        }
        return value
    }

    /// One of the words of an enumeration.
    package mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ variable: String,
        default defaultValue: Choice
    ) -> Choice {
        guard let text = lookUp(variable) else { return defaultValue }
        guard let value = Choice(rawValue: text) else {
            let words = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            fault(variable, "must be one of \(words), not \"\(text)\"")
            return defaultValue
        }
        return value
    }

    /// A name: 1 to 64 of letters, digits, dot, underscore, dash.
    package mutating func name(_ variable: String, default defaultValue: String) -> String {
        guard let text = lookUp(variable) else { return defaultValue }
        guard RequestID.isValid(text) else {
            fault(variable, "must be 1 to 64 of letters, digits, '.', '_' and '-'")
            return defaultValue
        }
        return text
    }

    /// A secret, from the variable itself or from the file that `NAME_FILE` names, without the file's last line feed.
    package mutating func secret(_ variable: String) -> String? {
        let fileVariable = variable + "_FILE"
        switch (lookUp(variable), lookUp(fileVariable)) {
        case (nil, nil):
            return nil
        case (.some, .some):
            fault(variable, "and \(fileVariable) are both set; set one")
            return nil
        case (let text?, nil):
            if text.isEmpty { fault(variable, "is empty") }
            return text.isEmpty ? nil : text
        case (nil, let path?):
            return secretInFile(fileVariable, path: path)
        }
    }

    private mutating func secretInFile(_ fileVariable: String, path: String) -> String? {
        do throws(FileProblem) {
            var bytes = try readFile(path)
            if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
            guard !bytes.isEmpty, !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else {
                fault(fileVariable, "names a file that holds no text")
                return nil
            }
            return text
        } catch {
            switch error {
            case .unreadable: fault(fileVariable, "names a file that cannot be read: \"\(path)\"")
            case .tooLarge(let limit): fault(fileVariable, "names a file of more than \(limit) bytes: \"\(path)\"")
            }
            return nil
        }
    }

    /// Records that a setting cannot be used.
    package mutating func fault(_ variable: String, _ problem: String) {
        faults.append(ConfigurationFault(variable: variable, problem: problem))
    }

    private static func readFile(_ path: String) throws(FileProblem) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadable }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: longestSecretBytes + 1)
        var count = 0
        while count < bytes.count {
            let more = bytes.withUnsafeMutableBytes { buffer in
                read(descriptor, buffer.baseAddress?.advanced(by: count), buffer.count - count)
            }
            guard more >= 0 else { throw .unreadable }
            if more == 0 { break }
            count += more
        }
        guard count <= longestSecretBytes else { throw .tooLarge(limit: longestSecretBytes) }
        return Array(bytes[..<count])
    }
}
