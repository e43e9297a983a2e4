/// Current and target weights side by side: what tables and charts show.
package struct AllocationRows {
    /// An instrument, `cash` or `other`, with its two weights; 0 where an allocation does not have it.
    package struct Row: Equatable, Sendable {
        package var name: String
        package var current: Double
        package var target: Double
    }

    /// The rows, by descending size of the larger of their weights; cash and what is folded come last.
    package let rows: [Row]

    /// Lays two allocations side by side; at most `count` names are kept, the same in both, and the others are summed.
    package init(_ result: StoredResult, keeping count: Int?) {
        var (current, target) = (result.currentAllocation, result.targetAllocation)
        let size = { (name: String) in max(abs(current[name] ?? 0), abs(target[name] ?? 0)) }
        var names = FoldedAllocations.ranked(Array(Set(current.keys).union(target.keys)), by: size)
        if let count, names.count > count {
            names = Array(names.prefix(count))
            current = FoldedAllocations.folded(current, keeping: Set(names))
            target = FoldedAllocations.folded(target, keeping: Set(names))
            names.append(FoldedAllocations.other)
        }
        let last = ["cash", FoldedAllocations.other]
        rows = (names.filter { !last.contains($0) } + last.filter(names.contains)).map { name in
            Row(name: name, current: current[name] ?? 0, target: target[name] ?? 0)
        }
    }
}
