// Times a running stack and says how it compares with what it is built from, in the same run.
//
//   deploy/local/with-stack .build/release/service-benchmarks [--quick] [SCENARIO…]
//
// Prints a table and writes Benchmarks/results/service-TIME.json. A scenario is named by its first word.
import Foundation
import TestSupport

/// Every scenario, in the order it runs.
///
/// A new one is a file of its own and a line here.
let scenarios: [any Scenario] = [
    UncachedRead(),
    CachedRead(),
    PostToCompleted(clients: 1),
    PostToCompleted(clients: 32),
    ParkedWaiters(),
    WakeFromZero(),
    Frontiers(),
    Rebalances(),
    SubmissionRate(),
    DrainRate(),
    FactorUniverse(),
    LargeMethods(),
    RichObjectives(),
]

var names = Array(CommandLine.arguments.dropFirst())
let isQuick = names.contains("--quick")
names.removeAll { $0 == "--quick" }
do {
    let site = try Site(isQuick: isQuick)
    try site.storeInputs()
    var report = Report()
    for scenario in scenarios where names.isEmpty || names.contains(scenario.name) {
        print("\(scenario.name): \(scenario.summary)")
        let figures = try scenario.measure(site)
        for figure in figures { print("    \(figure.line)") }
        report.add(scenario, figures)
    }
    print("\n\(report.conditions)")
    print("written to \(try report.write())")
} catch {
    print("error: \(error)")
    exit(1)
}
