/// Which requests wait, for what, and until when: a state machine without sockets or clock.
///
/// Events go in (a request parks, keys wake, time passes, a client vanishes, the process drains), actions come out. A
/// request stays in the table until ``remove(_:)``: a recheck need not bring an answer.
package struct ParkedRequestTable {
    /// Names a parked request to whoever carries out the actions.
    package typealias ID = UInt64

    /// What to do now.
    package enum Action: Equatable {
        /// Ask the request whether it has an answer by now.
        case recheck(ID)
        /// Time is up: answer it with what it says then.
        case expire(ID)
    }

    private struct Entry {
        package var key: String
        package var deadline: MonotonicTime
        package var nextRecheck: MonotonicTime

        package var due: MonotonicTime { min(deadline, nextRecheck) }
    }

    /// A request is asked again after this time even if nothing woke it: a notification may have been lost.
    package static let recheckSeconds = 1.0

    /// How many may wait at once.
    package let limit: Int
    private var entries: [ID: Entry] = [:]
    private var idsByKey: [String: Set<ID>] = [:]
    private var drainDeadline: MonotonicTime?
    /// No entry is due before this moment; keeps a busy loop from going through all of them in every turn.
    private var earliestDue: MonotonicTime?

    package init(limit: Int) { self.limit = limit }

    /// How many wait.
    package var count: Int { entries.count }

    /// When ``tick(now:)`` has something to do at the earliest; nil while nobody waits.
    package var nextDue: MonotonicTime? { entries.isEmpty ? nil : earliestDue }

    /// Takes in a request; false, and no change, when too many wait already.
    package mutating func park(_ id: ID, key: String, waitSeconds: Double, now: MonotonicTime) -> Bool {
        guard entries.count < limit, entries[id] == nil else { return false }
        var deadline = now.adding(seconds: waitSeconds)
        if let drainDeadline { deadline = min(deadline, drainDeadline) }
        let entry = Entry(key: key, deadline: deadline, nextRecheck: now.adding(seconds: Self.recheckSeconds))
        earliestDue = min(nextDue ?? entry.due, entry.due)
        entries[id] = entry
        idsByKey[key, default: []].insert(id)
        return true
    }

    /// Something happened outside: rechecks the requests of these keys, or all for nil; in order of their ids.
    package mutating func wake(keys: [String]?, now: MonotonicTime) -> [Action] {
        let woken: Set<ID>
        if let keys {
            woken = keys.reduce(into: []) { ids, key in ids.formUnion(idsByKey[key] ?? []) }
        } else {
            woken = Set(entries.keys)
        }
        for id in woken { entries[id]?.nextRecheck = now.adding(seconds: Self.recheckSeconds) }
        return woken.sorted().map { .recheck($0) }
    }

    /// Time has passed: expires requests whose time is up, rechecks those not asked for a second; in order of ids.
    package mutating func tick(now: MonotonicTime) -> [Action] {
        guard let due = nextDue, due <= now else { return [] }
        var actions: [Action] = []
        var earliest: MonotonicTime?
        for id in entries.keys.sorted() {
            guard var entry = entries[id] else { continue }
            if entry.deadline <= now {
                actions.append(.expire(id))
            } else if entry.nextRecheck <= now {
                actions.append(.recheck(id))
                entry.nextRecheck = now.adding(seconds: Self.recheckSeconds)
                entries[id] = entry
            }
            earliest = min(earliest ?? entry.due, entry.due)
        }
        earliestDue = earliest
        return actions
    }

    /// Forgets a request: it was answered, or its client vanished.
    package mutating func remove(_ id: ID) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        idsByKey[entry.key]?.remove(id)
        if idsByKey[entry.key]?.isEmpty == true { idsByKey[entry.key] = nil }
    }

    /// The process is to end: nobody waits beyond this moment, neither those here nor those still to park.
    package mutating func drain(until deadline: MonotonicTime) {
        drainDeadline = min(drainDeadline ?? deadline, deadline)
        entries = entries.mapValues { entry in
            var entry = entry
            entry.deadline = min(entry.deadline, deadline)
            return entry
        }
        if let earliest = earliestDue { earliestDue = min(earliest, deadline) }
    }

}
