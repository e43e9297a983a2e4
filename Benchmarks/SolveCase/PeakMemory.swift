import Glibc

/// A figure of this process's memory in bytes, as Linux tells it (`VmRSS`: now; `VmHWM`: at most); nil elsewhere.
private func memoryFigure(_ name: String) -> Int? {
    guard let file = fopen("/proc/self/status", "r") else { return nil }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, Int32(line.count), file) != nil {
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard text.hasPrefix(name + ":") else { continue }
        return text.split(whereSeparator: { $0 == " " || $0 == "\t" }).compactMap { Int($0) }.first.map { $0 * 1024 }
    }
    return nil
}

/// Runs something and says by how many bytes the memory in use grew at most; nil where the system does not tell.
func peakGrowth<Answer>(_ body: () throws -> Answer) rethrows -> (answer: Answer, bytes: Int?) {
    let before = memoryFigure("VmRSS")
    if let file = fopen("/proc/self/clear_refs", "w") {
        fputs("5", file)
        fclose(file)
    }
    let answer = try body()
    guard let before, let most = memoryFigure("VmHWM") else { return (answer, nil) }
    return (answer, max(0, most - before))
}
