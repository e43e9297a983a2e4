import Foundation
import Testing

/// The floors of the house: what a module may import, beyond the standard library.
///
/// The compiler lets transitive imports through, so every import line under `Sources` and `functions` is read here.
enum Floors {
    /// Own modules each module may import.
    ///
    /// A module that is missing here may not exist.
    static let allowed: [String: Set<String>] = [
        "CFastCGI": [], "CPostgreSQL": [], "COpenBLAS": [], "CJansson": [],
        "Matrices": [],
        "JSON": ["CJansson"],
        "FunctionRuntime": ["CFastCGI"],
        "Charts": [],
        "LinearAlgebra": ["Matrices", "COpenBLAS"],
        "PortfolioModel": ["Matrices"],
        "ConvexSolver": ["LinearAlgebra", "Matrices"],
        "ResultChecker": ["PortfolioModel", "Matrices"],
        "PortfolioDocuments": ["JSON", "PortfolioModel", "Matrices"],
        "MomentEstimation": ["LinearAlgebra", "Matrices", "PortfolioModel"],
        "PortfolioOptimization": ["ConvexSolver", "LinearAlgebra", "Matrices", "PortfolioModel"],
        "Repository": ["PortfolioDocuments", "PortfolioModel", "Matrices", "JSON", "CPostgreSQL"],
        "PortfolioService": ["Repository", "PortfolioModel", "Matrices"],
        "JobExecution": [
            "Repository", "PortfolioOptimization", "MomentEstimation", "ResultChecker", "PortfolioDocuments",
            "PortfolioModel", "Matrices", "LinearAlgebra",
        ],
        "ResultVerification": ["MomentEstimation", "ResultChecker", "PortfolioDocuments", "PortfolioModel", "JSON"],
        "PortfolioAPI": [
            "PortfolioService", "PortfolioDocuments", "PortfolioModel", "Matrices", "JSON", "Charts", "FunctionRuntime",
        ],
        "PortfolioCalls": ["PortfolioAPI", "PortfolioService", "Repository", "JSON", "FunctionRuntime"],
    ]

    /// Modules that come with the toolchain and with the C library.
    static let standard: Set<String> = ["Glibc", "Dispatch", "Synchronization"]

    /// What the programs in `functions` may import: floors 4 to 6 and the runtime.
    static let allowedInFunctions: Set<String> = [
        "PortfolioAPI", "PortfolioService", "JobExecution", "Repository", "PortfolioOptimization", "MomentEstimation",
        "FunctionRuntime",
    ]

    /// Modules of the gRPC function's own package, and what of this one they may import; what it is built from it may name.
    static let allowedInGRPC: [String: Set<String>] = [
        "PortfolioProtocol": [],
        "PortfolioRPC": ["PortfolioProtocol", "PortfolioCalls"],
        "grpc": ["PortfolioRPC", "PortfolioCalls"],
    ]

    /// Modules of the pure floors: no input or output, no clock, no environment.
    static let pure: Set<String> = [
        "Charts", "Matrices", "LinearAlgebra", "PortfolioModel", "ConvexSolver", "ResultChecker", "MomentEstimation",
        "PortfolioOptimization",
    ]

    /// Names that a pure module must not even mention.
    static let impureWords = [
        "getenv", "clock_gettime", "ContinuousClock", "SuspendingClock", "print(", "fopen", "arc4random", "getrandom",
        "SystemRandomNumberGenerator", ".random(", "debugPrint", "gettimeofday", "readLine",
    ]

    /// The only files that may mention the name of a C library's functions.
    static let doors: [(word: String, prefix: String)] = [
        ("cblas_", "Sources/LinearAlgebra/BLAS.swift"),
        ("LAPACKE_", "Sources/LinearAlgebra/LAPACK.swift"),
        ("PQ", "Sources/Repository/Postgres/Wire/"),
        ("FCGX_", "Sources/FunctionRuntime/FastCGI/"),
        ("json_", "Sources/JSON/"),
        ("getenv", "Sources/FunctionRuntime/ConfigurationLoader.swift"),
    ]
}

/// A Swift file of the project.
struct SourceFile: Sendable, CustomStringConvertible {
    let path: String
    let lines: [String]

    var description: String { path }

    /// The folder below `Sources` or `functions`.
    var module: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

    /// The modules it imports.
    var imports: [String] {
        lines.compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard let index = words.firstIndex(of: "import"), index + 1 < words.count,
                words[..<index].allSatisfy({
                    ["public", "package", "internal", "private", "fileprivate", "@testable", "@preconcurrency"]
                        .contains($0)
                })
            else { return nil }
            let kinds: Set = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
            let name = kinds.contains(words[index + 1]) && index + 2 < words.count ? words[index + 2] : words[index + 1]
            return name.split(separator: ".").first.map(String.init)
        }
    }

    /// The code without comments and without the text of one-line strings.
    var code: [String] {
        lines.map { line in
            var result = ""
            var inString = false
            var previous: Character = " "
            for character in line {
                if character == "\"" && previous != "\\" { inString.toggle() }
                if !inString && character == "/" && previous == "/" {
                    result.removeLast()
                    break
                }
                if !inString { result.append(character) }
                previous = character
            }
            return result
        }
    }

    /// The programs of `functions`, but for the gRPC package, which has rules of its own.
    static func programs() throws -> [SourceFile] {
        try all(below: "functions").filter { !$0.path.hasPrefix("functions/grpc/") }
    }

    static func all(below folder: String) throws -> [SourceFile] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let base = root.appending(path: folder)
        let paths = FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String } ?? []
        return try paths.filter { $0.hasSuffix(".swift") && !$0.contains(".build") }.sorted().map { path in
            let text = try String(contentsOf: base.appending(path: path), encoding: .utf8)
            return SourceFile(
                path: folder + "/" + path,
                lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            )
        }
    }
}

@Suite("Floors")
struct FloorTests {
    @Test func `every module imports only what stands on its floor`() throws {
        let files = try SourceFile.all(below: "Sources")
        #expect(files.count > 20, "the sources were not found")
        for file in files {
            guard let allowed = Floors.allowed[file.module] else {
                Issue.record("\(file) belongs to a module without a floor")
                continue
            }
            for name in file.imports where !Floors.standard.contains(name) {
                #expect(allowed.contains(name), "\(file) imports \(name)")
            }
        }
    }

    @Test func `programs import only the upper floors`() throws {
        let files = try SourceFile.programs()
        #expect(files.count >= 5, "the programs were not found")
        for file in files {
            for name in file.imports where !Floors.standard.contains(name) {
                #expect(Floors.allowedInFunctions.contains(name), "\(file) imports \(name)")
            }
            #expect(file.lines.count <= 80, "\(file) is more than wiring")
        }
    }

    @Test func `tools import only what checks a result`() throws {
        let files = try SourceFile.all(below: "tools")
        #expect(!files.isEmpty, "the tools were not found")
        for file in files {
            for name in file.imports where !Floors.standard.contains(name) {
                #expect(["ResultVerification", "PortfolioModel"].contains(name), "\(file) imports \(name)")
            }
            #expect(file.lines.count <= 80, "\(file) is more than wiring")
        }
    }

    @Test func `the gRPC package meets this one at one door`() throws {
        let own = Set(Floors.allowed.keys)
        let files = try SourceFile.all(below: "functions/grpc/Sources")
        #expect(files.count > 8, "the package was not found")
        for file in files {
            let module = file.path.split(separator: "/").dropFirst(3).first.map(String.init) ?? ""
            guard let allowed = Floors.allowedInGRPC[module] else {
                Issue.record("\(file) belongs to a module without a floor")
                continue
            }
            for name in file.imports where own.contains(name) {
                #expect(allowed.contains(name), "\(file) imports \(name)")
            }
        }
    }

    @Test func `Foundation is nowhere in the service`() throws {
        for file in try SourceFile.all(below: "Sources") + SourceFile.programs() + SourceFile.all(below: "tools") {
            #expect(!file.imports.contains { $0.hasPrefix("Foundation") }, "\(file) imports Foundation")
        }
    }

    @Test func `the mathematics has no input, output, clock or environment`() throws {
        for file in try SourceFile.all(below: "Sources") where Floors.pure.contains(file.module) {
            for (number, line) in file.code.enumerated() {
                for word in Floors.impureWords {
                    #expect(!line.contains(word), "\(file):\(number + 1) mentions \(word)")
                }
            }
        }
    }

    @Test func `each C library has one door`() throws {
        for file in try SourceFile.all(below: "Sources") {
            for (number, line) in file.code.enumerated() {
                for door in Floors.doors where !file.path.hasPrefix(door.prefix) {
                    let called = line.split(whereSeparator: { !($0.isLetter || $0.isNumber || $0 == "_") })
                        .contains { word in
                            guard word.hasPrefix(door.word) else { return false }
                            // `PQ` alone is short: only names such as PQexec count.
                            return door.word != "PQ" || word.dropFirst(2).first?.isLowercase == true
                        }
                    #expect(!called, "\(file):\(number + 1) passes the door of \(door.word)")
                }
            }
        }
    }

    @Test func `nothing forces, traps on input or leaves a mark`() throws {
        for file in try SourceFile.all(below: "Sources") + SourceFile.all(below: "functions") {
            for (number, line) in file.code.enumerated() {
                for word in ["try!", "as!", "fatalError(", "unsafeBitCast"] {
                    #expect(!line.contains(word), "\(file):\(number + 1) has \(word)")
                }
            }
            for (number, line) in file.lines.enumerated() {
                for mark in ["TODO", "FIXME", "XXX", "HACK"] {
                    #expect(!line.contains(mark), "\(file):\(number + 1) carries a \(mark)")
                }
            }
        }
    }

    @Test func `async stays out of the synchronous floors`() throws {
        for file in try SourceFile.all(below: "Sources") {
            for (number, line) in file.code.enumerated() {
                #expect(!line.contains(" async ") && !line.contains("await "), "\(file):\(number + 1) is asynchronous")
            }
        }
    }
}
