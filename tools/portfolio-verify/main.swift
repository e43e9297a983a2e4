// portfolio-verify RESULT.json SNAPSHOT.json: checks a completed optimization against its inputs, offline.
//
// Exit status: 0 every claim holds, 1 a claim does not (the first one is named), 2 usage or files that cannot be read.
import Glibc
import PortfolioModel
import ResultVerification

let usage = """
    usage: portfolio-verify [--all] RESULT.json SNAPSHOT.json

    RESULT.json    the body of GET /api/v1/optimizations/{id}
    SNAPSHOT.json  {"portfolio": …, "instruments": …, "risk_model": …, "request": …}: the bodies of
                   GET /portfolios/{id}, GET /instruments?ids=…, GET /risk-models/{id}?include=matrices, and,
                   where the result is not mean_variance or factor_based, the body that was posted
    --all          name every claim that does not hold, not the first alone

    """

func complain(_ text: String) {
    var text = text
    text.withUTF8 { bytes in _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
}

func fail(_ lines: [String]) -> Never {
    for line in lines { complain("portfolio-verify: \(line)\n") }
    exit(2)
}

func contents(of path: String) -> [UInt8] {
    guard let file = fopen(path, "rb") else { fail(["\(path): \(String(cString: strerror(errno)))"]) }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = fread(&block, 1, block.count, file)
        guard count > 0 else { break }
        bytes += block[..<count]
    }
    guard ferror(file) == 0 else { fail(["\(path): it could not be read to its end"]) }
    return bytes
}

var arguments = Array(CommandLine.arguments.dropFirst())
let namesAll = arguments.first == "--all"
if namesAll { arguments.removeFirst() }
if arguments == ["--help"] {
    print(usage, terminator: "")
    exit(0)
}
guard arguments.count == 2, arguments.allSatisfy({ !$0.hasPrefix("--") }) else {
    complain(usage)
    exit(2)
}
let result = contents(of: arguments[0])
do throws(VerifyResult.BadInput) {
    switch try VerifyResult.verdict(on: result, against: contents(of: arguments[1])) {
    case .passes(let certificate?) where certificate.relaxation != nil:
        let word =
            VerifyResult.searchGap(in: result).map { "; by the search's own word the relative gap is \($0)" } ?? ""
        print("pass: every claim holds; at most \(certificate.gap) better by the relaxation's prices\(word)")
    case .passes(let certificate?):
        print("pass: every claim holds; no allocation within the limits is better by more than \(certificate.gap)")
    case .passes(nil):
        let reason = VerifyResult.unproved(in: result)?.reason ?? "the result has none"
        print("pass: every claim holds; no certificate of optimality: \(reason)")
    case .violated(let violations):
        for violation in violations.prefix(namesAll ? violations.count : 1) { print("violated: \(violation)") }
        exit(1)
    }
} catch {
    fail(error.faults)
}
