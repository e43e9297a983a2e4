// swift-tools-version: 6.1
import PackageDescription

// Every Swift target is compiled alike: existentials spelled out, imports internal unless said otherwise, and a member
// visible only through an import of its own module.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

// The solver's working sets are objects whose fields every inner loop reads: the run-time check that none is read while it
// is written took a fifth of small solves.
let uncheckedAccess: [SwiftSetting] = [.unsafeFlags(["-enforce-exclusivity=unchecked"])]

func library(
    _ name: String,
    _ dependencies: [Target.Dependency] = [],
    exclude: [String] = [],
    more: [SwiftSetting] = []
) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        exclude: exclude,
        swiftSettings: settings + more,
        linkerSettings: [.linkedLibrary("m")]  // `squareRoot` calls sqrt where it is not inlined
    )
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
    .testTarget(
        name: name,
        dependencies: dependencies + ["TestSupport"],
        resources: resources,
        swiftSettings: settings
    )
}

/// One small executable: folder = socket = binary.
func function(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, path: "functions/\(name)", swiftSettings: settings)
}

let package = Package(
    name: "portfolio-optimization",
    products: [
        // What the nested package of functions/grpc builds on.
        .library(name: "PortfolioCalls", targets: ["PortfolioCalls"])
    ],
    targets: [
        // Floor 0: one door to each C library.
        .systemLibrary(name: "CFastCGI", pkgConfig: "fcgi", providers: [.apt(["libfcgi-dev"])]),
        .systemLibrary(name: "CPostgreSQL", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(
            name: "COpenBLAS",
            pkgConfig: "openblas",
            providers: [.apt(["libopenblas-dev", "liblapacke-dev"])]
        ),
        .systemLibrary(name: "CJansson", pkgConfig: "jansson", providers: [.apt(["libjansson-dev"])]),

        // Floor 1: values and transports that know no portfolio.
        library("Matrices"),
        library("JSON", ["CJansson"]),
        library("FunctionRuntime", ["CFastCGI"]),
        library("Charts"),

        // Floor 2
        library("LinearAlgebra", ["Matrices", "COpenBLAS"], more: uncheckedAccess),
        library("PortfolioModel", ["Matrices"]),

        // Floor 3
        library("ConvexSolver", ["LinearAlgebra", "Matrices"], exclude: ["README.md"], more: uncheckedAccess),
        library("ResultChecker", ["PortfolioModel", "Matrices"]),
        library("PortfolioDocuments", ["JSON", "PortfolioModel", "Matrices"]),

        // Floor 4
        library("MomentEstimation", ["LinearAlgebra", "Matrices", "PortfolioModel"]),
        library("PortfolioOptimization", ["ConvexSolver", "LinearAlgebra", "Matrices", "PortfolioModel"]),
        library("Repository", ["PortfolioDocuments", "PortfolioModel", "Matrices", "JSON", "CPostgreSQL"]),

        // Floor 5
        library("PortfolioService", ["Repository", "PortfolioModel", "Matrices"]),
        library(
            "JobExecution",
            [
                "Repository", "PortfolioOptimization", "MomentEstimation", "ResultChecker", "PortfolioDocuments",
                "PortfolioModel", "Matrices",
            ]
        ),

        library(
            "ResultVerification",
            ["MomentEstimation", "ResultChecker", "PortfolioDocuments", "PortfolioModel", "JSON"]
        ),

        // Floor 6
        library(
            "PortfolioAPI",
            [
                "PortfolioService", "PortfolioDocuments", "PortfolioModel", "Matrices", "JSON", "Charts",
                "FunctionRuntime",
            ]
        ),

        library("PortfolioCalls", ["PortfolioAPI", "PortfolioService", "Repository", "JSON", "FunctionRuntime"]),

        // Floor 7: the programs.
        function("create-optimization", ["PortfolioAPI", "PortfolioService", "Repository", "FunctionRuntime"]),
        function("get-optimization", ["PortfolioAPI", "PortfolioService", "Repository", "FunctionRuntime"]),
        function(
            "inputs",
            ["PortfolioAPI", "PortfolioService", "Repository", "MomentEstimation", "FunctionRuntime"]
        ),
        function("efficient-frontier", ["PortfolioAPI", "PortfolioService", "Repository", "FunctionRuntime"]),
        function("rebalance", ["PortfolioAPI", "PortfolioService", "Repository", "FunctionRuntime"]),
        function("factor-exposures", ["PortfolioAPI", "PortfolioService", "Repository", "FunctionRuntime"]),
        function("health", ["PortfolioAPI", "PortfolioService", "Repository", "FunctionRuntime"]),
        function("worker", ["JobExecution", "Repository", "FunctionRuntime"]),

        // What a stranger runs on a result, away from the service.
        .executableTarget(
            name: "portfolio-verify",
            dependencies: ["ResultVerification", "PortfolioModel"],
            path: "tools/portfolio-verify",
            swiftSettings: settings
        ),

        // Tests
        .target(
            name: "TestSupport",
            dependencies: ["Repository", "PortfolioModel", "ConvexSolver", "Matrices"],
            path: "Tests/TestSupport",
            swiftSettings: settings
        ),
        tests("ArchitectureTests"),
        tests("PortfolioModelTests", ["PortfolioModel"]),
        tests("JSONTests", ["JSON"]),
        tests("ChartsTests", ["Charts"]),
        tests("LinearAlgebraTests", ["LinearAlgebra", "Matrices"]),
        tests("ConvexSolverTests", ["ConvexSolver", "Matrices"], resources: [.copy("Fixtures")]),
        .executableTarget(
            name: "EchoFunction",
            dependencies: ["FunctionRuntime"],
            path: "Tests/EchoFunction",
            swiftSettings: settings
        ),
        tests("FunctionRuntimeTests", ["FunctionRuntime", "EchoFunction"]),
        tests(
            "PortfolioDocumentsTests",
            ["PortfolioDocuments", "PortfolioModel", "Matrices", "JSON"],
            resources: [.copy("Fixtures")]
        ),
        tests(
            "MomentEstimationTests",
            ["MomentEstimation", "LinearAlgebra", "PortfolioModel", "Matrices"],
            resources: [.copy("Fixtures")]
        ),
        tests(
            "PortfolioOptimizationTests",
            ["PortfolioOptimization", "ResultChecker", "PortfolioModel", "Matrices"],
            resources: [.copy("Fixtures")]
        ),
        tests("ResultCheckerTests", ["ResultChecker", "PortfolioOptimization", "PortfolioModel", "Matrices"]),
        tests(
            "JobExecutionTests",
            [
                "JobExecution", "Repository", "ResultChecker", "PortfolioOptimization", "MomentEstimation",
                "PortfolioModel", "Matrices", "JSON",
            ]
        ),
        tests(
            "ResultVerificationTests",
            [
                "ResultVerification", "portfolio-verify", "JobExecution", "MomentEstimation", "ResultChecker",
                "Repository", "PortfolioDocuments", "PortfolioModel", "Matrices", "JSON",
            ]
        ),
        tests("RepositoryTests", ["Repository", "PortfolioDocuments", "PortfolioModel", "Matrices"]),
        tests("PortfolioServiceTests", ["PortfolioService", "Repository", "PortfolioModel", "Matrices"]),
        tests(
            "PortfolioAPITests",
            ["PortfolioAPI", "PortfolioService", "Repository", "PortfolioModel", "Matrices", "JSON", "FunctionRuntime"]
        ),
        tests("IntegrationTests", ["portfolio-verify"]),

        // Benchmarks
        .executableTarget(
            name: "solve-case",
            dependencies: [
                "ConvexSolver", "PortfolioOptimization", "MomentEstimation", "PortfolioModel", "LinearAlgebra",
                "Matrices",
                "JSON",
            ],
            path: "Benchmarks/SolveCase",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "solver-stress",
            dependencies: ["ConvexSolver", "LinearAlgebra", "Matrices", "TestSupport"],
            path: "Benchmarks/SolverStress",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "rebalance-plans",
            dependencies: ["PortfolioOptimization", "ResultChecker", "PortfolioModel", "TestSupport"],
            path: "Benchmarks/RebalancePlans",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "composed-objectives",
            dependencies: ["PortfolioOptimization", "PortfolioModel", "Matrices", "TestSupport"],
            path: "Benchmarks/ComposedObjectives",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "multi-period-paths",
            dependencies: [
                "JobExecution", "MomentEstimation", "PortfolioOptimization", "PortfolioModel", "Repository",
                "ResultChecker",
                "Matrices", "TestSupport",
            ],
            path: "Benchmarks/MultiPeriodPaths",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "service-benchmarks",
            dependencies: ["TestSupport"],
            path: "Benchmarks/ServiceBenchmarks",
            swiftSettings: settings
        ),
    ]
)
