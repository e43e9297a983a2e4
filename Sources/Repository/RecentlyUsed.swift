/// Values used lately, within a limit on what they weigh together; the one used just now is always kept.
///
/// For one thread at a time.
package struct RecentlyUsed<Key: Hashable, Value> {
    private struct Entry {
        var value: Value
        var weight: Int
        var lastUse: UInt64
    }

    private let capacity: Int
    private var entries: [Key: Entry] = [:]
    private var uses: UInt64 = 0
    /// What the values weigh together.
    package private(set) var weight = 0

    /// Starts empty.
    ///
    /// - Parameter capacity: what the values may weigh together, in the unit of their weights.
    package init(capacity: Int) { self.capacity = capacity }

    /// How many values are kept.
    package var count: Int { entries.count }

    /// The value of a key, which is thereby used.
    package mutating func value(for key: Key) -> Value? {
        guard let index = entries.index(forKey: key) else { return nil }
        uses += 1
        entries.values[index].lastUse = uses
        return entries.values[index].value
    }

    /// Keeps a value, and lets go of those not used for longest while all are too heavy.
    package mutating func keep(_ value: Value, for key: Key, weight: Int) {
        uses += 1
        self.weight += weight - (entries[key]?.weight ?? 0)
        entries[key] = Entry(value: value, weight: weight, lastUse: uses)
        guard self.weight > capacity else { return }
        // A quarter at once: looking for the oldest costs a pass over all of them.
        let wanted = capacity / 4 * 3
        for (oldest, entry) in entries.sorted(by: { $0.value.lastUse < $1.value.lastUse }) {
            if self.weight <= wanted || entries.count == 1 { break }
            self.weight -= entry.weight
            entries[oldest] = nil
        }
    }
}
