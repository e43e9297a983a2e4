import CJansson

/// A view on one value of a parsed document, cheap to copy; it keeps the document alive.
package struct JSONValue {
    /// The six kinds of JSON values.
    package enum Kind: String, Sendable {
        case null, bool, number, string, array, object
    }

    private enum Content {
        /// A value in Jansson's tree.
        case node(UnsafeMutablePointer<json_t>)
        /// An array of numbers, by its place among the tree's numbers.
        case numbers(Range<Int>)
        /// An element of such an array.
        case number(Double)
    }

    private let content: Content
    private let tree: JSONTree

    /// The view on a node; a reference to a number array is followed.
    init(_ node: UnsafeMutablePointer<json_t>, of tree: JSONTree) {
        self.tree = tree
        if node.pointee.type == JSON_STRING, let text = json_string_value(node), text[0] == 0,
            json_string_length(node) > 0
        {
            let digits = UnsafeRawBufferPointer(start: text + 1, count: json_string_length(node) - 1)
            let index = digits.reduce(0) { $0 * 10 + Int($1 &- 48) }
            content = .numbers(tree.arrays[index])
        } else {
            content = .node(node)
        }
    }

    private init(_ content: Content, of tree: JSONTree) {
        self.content = content
        self.tree = tree
    }

    /// The kind of the value.
    package var kind: Kind {
        switch content {
        case .numbers: return .array
        case .number: return .number
        case .node(let node):
            switch node.pointee.type {
            case JSON_OBJECT: return .object
            case JSON_ARRAY: return .array
            case JSON_STRING: return .string
            case JSON_REAL, JSON_INTEGER: return .number
            case JSON_TRUE, JSON_FALSE: return .bool
            default: return .null
            }
        }
    }

    /// Whether the value is null.
    package var isNull: Bool { kind == .null }

    /// The text of a string, or nil.
    package var string: String? {
        guard case .node(let node) = content, node.pointee.type == JSON_STRING, let text = json_string_value(node)
        else { return nil }
        return String(decoding: UnsafeRawBufferPointer(start: text, count: json_string_length(node)), as: UTF8.self)
    }

    /// The value of a number, always finite, or nil.
    package var double: Double? {
        switch content {
        case .number(let value): value
        case .numbers: nil
        case .node(let node): node.pointee.type == JSON_REAL ? json_real_value(node) : nil
        }
    }

    /// The value of true and false, or nil.
    package var bool: Bool? {
        guard case .node(let node) = content else { return nil }
        switch node.pointee.type {
        case JSON_TRUE: return true
        case JSON_FALSE: return false
        default: return nil
        }
    }

    /// How many elements an array has or members an object; 0 for everything else.
    package var count: Int {
        switch content {
        case .numbers(let range): return range.count
        case .number: return 0
        case .node(let node):
            switch node.pointee.type {
            case JSON_ARRAY: return json_array_size(node)
            case JSON_OBJECT: return json_object_size(node)
            default: return 0
            }
        }
    }

    /// An element of an array; nil beyond its ends and for everything else.
    package subscript(index: Int) -> JSONValue? {
        guard index >= 0, index < count else { return nil }
        switch content {
        case .numbers(let range): return JSONValue(.number(tree.numbers[range.lowerBound + index]), of: tree)
        case .number: return nil
        case .node(let node): return json_array_get(node, index).map { JSONValue($0, of: tree) }
        }
    }

    /// A member of an object, or nil.
    package subscript(name: String) -> JSONValue? {
        guard case .node(let node) = content, node.pointee.type == JSON_OBJECT else { return nil }
        var name = name
        return name.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { json_object_getn(node, $0.baseAddress, $0.count) }
        }.map { JSONValue($0, of: tree) }
    }

    /// The elements of an array, in order; none for everything else.
    package var elements: [JSONValue] {
        guard kind == .array else { return [] }
        return (0..<count).compactMap { self[$0] }
    }

    /// The members of an object, in the body's order; none for everything else.
    package var members: [(name: String, value: JSONValue)] {
        guard case .node(let node) = content, node.pointee.type == JSON_OBJECT else { return [] }
        var members: [(name: String, value: JSONValue)] = []
        members.reserveCapacity(json_object_size(node))
        var iterator = json_object_iter(node)
        while let current = iterator {
            if let key = json_object_iter_key(current), let value = json_object_iter_value(current) {
                let bytes = UnsafeRawBufferPointer(start: key, count: json_object_iter_key_len(current))
                members.append((String(decoding: bytes, as: UTF8.self), JSONValue(value, of: tree)))
            }
            iterator = json_object_iter_next(node, current)
        }
        return members
    }
}

extension JSONValue {
    /// The numbers of an array that holds nothing else, or nil.
    package var doubles: [Double]? {
        switch content {
        case .number: return nil
        case .numbers(let range): return Array(tree.numbers[range])
        case .node(let node):
            // An array of numbers was taken out of the tree before; what is left is empty or holds something else.
            return node.pointee.type == JSON_ARRAY && json_array_size(node) == 0 ? [] : nil
        }
    }

    /// The entries, column by column, of an array whose elements are all number arrays of the same given length.
    ///
    /// Returns nil when any element is something else. Rows are transposed in bands, straight out of the parsed numbers:
    /// no value is made for an entry, and nothing but the result is allocated.
    package func columnMajorMatrix(columns: Int) -> [Double]? {
        guard case .node(let node) = content, node.pointee.type == JSON_ARRAY, columns > 0 else { return nil }
        let rowCount = json_array_size(node)
        var starts: [Int] = []
        starts.reserveCapacity(rowCount)
        for index in 0..<rowCount {
            guard let row = self[index], case .numbers(let range) = row.content, range.count == columns else {
                return nil
            }
            starts.append(range.lowerBound)
        }
        return [Double](unsafeUninitializedCapacity: rowCount * columns) { target, initializedCount in
            tree.numbers.withUnsafeBufferPointer { source in
                transpose(source, rowStarts: starts, columns: columns, into: target)
            }
            initializedCount = rowCount * columns
        }
    }
}

/// Writes rows as columns, a band of rows at a time so that each cache line of the target is filled at once.
private func transpose(
    _ source: UnsafeBufferPointer<Double>,
    rowStarts: [Int],
    columns: Int,
    into target: UnsafeMutableBufferPointer<Double>
) {
    let rows = rowStarts.count
    let bandHeight = 32
    for bandStart in stride(from: 0, to: rows, by: bandHeight) {
        let band = bandStart..<min(bandStart + bandHeight, rows)
        for column in 0..<columns {
            for row in band { target[column * rows + row] = source[rowStarts[row] + column] }
        }
    }
}
