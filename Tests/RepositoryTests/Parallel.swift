import Foundation

/// Runs `body` on threads of its own, all at once, and returns what each gave, in the order of the threads.
func inParallel<Value: Sendable>(
    threads: Int,
    _ body: @escaping @Sendable (Int) throws -> Value
) throws -> [Value] {
    let results = Box<[Int: Result<Value, any Error>]>([:])
    let all = (0..<threads).map { index in
        Thread {
            let result = Result { try body(index) }
            results.change { $0[index] = result }
        }
    }
    all.forEach { $0.start() }
    while results.value.count < threads { usleep(1000) }
    return try (0..<threads).compactMap { try results.value[$0]?.get() }
}

/// A value that several threads change.
final class Box<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var stored: Value

    init(_ value: Value) { stored = value }

    var value: Value { lock.withLock { stored } }

    func change(_ body: (inout Value) -> Void) { lock.withLock { body(&stored) } }
}
