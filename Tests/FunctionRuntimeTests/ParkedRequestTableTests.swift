import TestSupport
import Testing

import FunctionRuntime

@Suite("Table of parked requests")
struct ParkedRequestTableTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000_000)

    private func after(_ seconds: Double) -> MonotonicTime { start.adding(seconds: seconds) }

    @Test func `a woken key rechecks its requests only`() {
        var table = ParkedRequestTable(limit: 10)
        for (id, key) in [(3, "a"), (1, "b"), (2, "a")] as [(UInt64, String)] {
            #expect(table.park(id, key: key, waitSeconds: 60, now: start) == true)
        }
        #expect(table.wake(keys: ["a", "unknown", "a"], now: start) == [.recheck(2), .recheck(3)])
        #expect(table.wake(keys: [], now: start) == [])
        #expect(table.wake(keys: nil, now: start) == [.recheck(1), .recheck(2), .recheck(3)])
        #expect(table.count == 3)
    }

    @Test func `a request is rechecked once a second after it was last asked, and expires once`() {
        var table = ParkedRequestTable(limit: 10)
        #expect(table.nextDue == nil)
        #expect(table.park(1, key: "a", waitSeconds: 2.2, now: start) == true)
        #expect(table.nextDue == after(1))
        #expect(table.tick(now: after(0.99)) == [])
        #expect(table.tick(now: after(1)) == [.recheck(1)])
        #expect(table.tick(now: after(1.5)) == [])
        #expect(table.wake(keys: ["a"], now: after(1.5)) == [.recheck(1)])
        #expect(table.tick(now: after(2)) == [])
        #expect(table.tick(now: after(2.2)) == [.expire(1)])
        table.remove(1)
        #expect(table.tick(now: after(100)) == [])
        #expect(table.nextDue == nil)
    }

    @Test(arguments: [0, -1, .nan, -.infinity] as [Double])
    func `a wait that is none expires at once`(seconds: Double) {
        var table = ParkedRequestTable(limit: 1)
        #expect(table.park(1, key: "a", waitSeconds: seconds, now: start) == true)
        #expect(table.tick(now: start) == [.expire(1)])
    }

    @Test func `a wait without end is no trap`() {
        var table = ParkedRequestTable(limit: 2)
        #expect(table.park(1, key: "a", waitSeconds: .infinity, now: start) == true)
        #expect(table.park(2, key: "a", waitSeconds: 1e300, now: start) == true)
        #expect(table.tick(now: start) == [])
    }

    @Test func `beyond the limit none is taken until one leaves`() {
        var table = ParkedRequestTable(limit: 2)
        #expect(table.park(1, key: "a", waitSeconds: 1, now: start) == true)
        #expect(table.park(2, key: "a", waitSeconds: 1, now: start) == true)
        #expect(table.park(3, key: "a", waitSeconds: 1, now: start) == false)
        table.remove(1)
        table.remove(1)
        #expect(table.park(3, key: "a", waitSeconds: 1, now: start) == true)
        #expect(table.wake(keys: ["a"], now: start) == [.recheck(2), .recheck(3)])
        var none = ParkedRequestTable(limit: 0)
        #expect(none.park(1, key: "a", waitSeconds: 1, now: start) == false)
    }

    @Test func `draining shortens the waits that are too long, and those of requests that still park`() {
        var table = ParkedRequestTable(limit: 10)
        #expect(table.park(1, key: "a", waitSeconds: 60, now: start) == true)
        #expect(table.park(2, key: "b", waitSeconds: 0.1, now: start) == true)
        table.drain(until: after(0.5))
        table.drain(until: after(10))
        #expect(table.park(3, key: "c", waitSeconds: 60, now: start) == true)
        #expect(table.wake(keys: ["a"], now: after(0.05)) == [.recheck(1)])
        #expect(table.tick(now: after(0.1)) == [.expire(2)])
        table.remove(2)
        #expect(table.tick(now: after(0.2)) == [])
        #expect(table.nextDue == after(0.5))
        #expect(table.tick(now: after(0.5)) == [.expire(1), .expire(3)])
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `whatever happens, every request is asked within a second and expires on time`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var table = ParkedRequestTable(limit: 30)
        var model: [UInt64: (key: String, deadline: MonotonicTime, asked: MonotonicTime)] = [:]
        var now = start
        for id in 1...400 as ClosedRange<UInt64> {
            now = now.adding(seconds: random.uniform(0...0.3))
            let key = String(Int.random(in: 0..<8, using: &random))
            let wait = random.uniform(0...5)
            if table.park(id, key: key, waitSeconds: wait, now: now) {
                model[id] = (key, now.adding(seconds: wait), now)
            } else {
                #expect(model.count == 30, "seed \(seed)")
            }
            var actions = table.wake(keys: [key], now: now)
            #expect(actions.count == model.values.count { $0.key == key }, "seed \(seed)")
            actions += table.tick(now: now)
            for action in actions {
                switch action {
                case .recheck(let id):
                    model[id]?.asked = now
                    if Int.random(in: 0..<6, using: &random) == 0 {
                        table.remove(id)
                        model[id] = nil
                    }
                case .expire(let id):
                    #expect(model[id].map { $0.deadline <= now } ?? true, "seed \(seed)")
                    table.remove(id)
                    model[id] = nil
                }
            }
            for entry in model.values {
                #expect(entry.deadline > now && now.seconds(since: entry.asked) < 1, "seed \(seed)")
            }
            #expect(table.count == model.count, "seed \(seed)")
            if let due = table.nextDue {
                let earliest = model.values.map { min($0.deadline, $0.asked.adding(seconds: 1)) }.min()
                #expect(earliest.map { due <= $0 } ?? true, "seed \(seed)")
            }
        }
    }
}
