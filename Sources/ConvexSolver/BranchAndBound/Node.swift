/// A part of the search tree: some disjunctions are decided, the rest are open.
struct Node {
    /// The side of each disjunction, nil where open.
    var sides: [DisjunctionSide?]
    /// A lower bound on every solution below, from the parent's relaxation.
    var bound: Double
    /// The order of creation, which breaks ties and so makes the search repeatable.
    var sequence: Int
    /// Where the quick solve of its relaxation begins: where the parent's ended.
    var start = DualWorkingSet()
    /// What the parent decided to make it, and by how much its point missed that.
    var decision: Decision?

    /// A side put on a disjunction.
    struct Decision {
        var disjunction: Int
        var side: DisjunctionSide
        var violation: Double
    }

    /// Whether nothing is left to decide.
    var isDecided: Bool { sides.allSatisfy { $0 != nil } }

    /// The node with one more disjunction decided.
    func child(
        _ disjunction: Int,
        _ side: DisjunctionSide,
        bound: Double,
        sequence: Int,
        start: DualWorkingSet
    ) -> Node {
        var child = Node(sides: sides, bound: bound, sequence: sequence, start: start)
        child.sides[disjunction] = side
        return child
    }
}

/// The open nodes: the next one of the current dive, or else the one with the lowest bound.
struct NodeQueue {
    /// A binary heap, smallest bound first.
    private var heap: [Node] = []
    private var dive: Node?

    var isEmpty: Bool { heap.isEmpty && dive == nil }

    /// The lowest bound of all open nodes; infinite without one.
    var lowestBound: Double { min(heap.first?.bound ?? .infinity, dive?.bound ?? .infinity) }

    /// Adds a node that waits for its turn.
    mutating func insert(_ node: Node) {
        heap.append(node)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard Self.precedes(heap[child], heap[parent]) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// Makes a node the next one.
    mutating func follow(_ node: Node) {
        if let waiting = dive { insert(waiting) }
        dive = node
    }

    /// Takes the next node out.
    mutating func next() -> Node? {
        if let node = dive {
            dive = nil
            return node
        }
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var parent = 0
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && Self.precedes(heap[child], heap[smallest]) { smallest = child }
            guard smallest != parent else { return first }
            heap.swapAt(parent, smallest)
            parent = smallest
        }
    }

    private static func precedes(_ a: Node, _ b: Node) -> Bool {
        a.bound != b.bound ? a.bound < b.bound : a.sequence < b.sequence
    }
}
