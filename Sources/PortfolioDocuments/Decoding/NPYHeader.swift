/// The header of an NPY file: `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }`, padded with blanks.
///
/// Just so much of Python's literals is read as NumPy writes: strings without escapes, `True`, `False`, tuples of whole
/// numbers.
struct NPYHeader {
    /// The element type in NumPy's notation.
    let elementType: String
    /// Whether the first index runs fastest.
    let isFortranOrder: Bool
    /// Sizes of the dimensions.
    let shape: [Int]

    /// Reads a header, which must have its three members, each once, and nothing else.
    init(parsing bytes: Slice<UnsafeRawBufferPointer>) throws(NPYSyntaxFault) {
        var scanner = NPYHeaderScanner(bytes)
        var elementType: String?
        var isFortranOrder: Bool?
        var shape: [Int]?
        try scanner.expect("{")
        while !scanner.take("}") {
            let name = try scanner.string(naming: "a member's name")
            try scanner.expect(":")
            switch name {
            case "descr" where elementType == nil: elementType = try scanner.string(naming: "descr")
            case "fortran_order" where isFortranOrder == nil: isFortranOrder = try scanner.truth(naming: name)
            case "shape" where shape == nil: shape = try scanner.tuple(naming: name)
            case "descr", "fortran_order", "shape":
                throw NPYSyntaxFault(message: "the header names \(name) twice")
            default: throw NPYSyntaxFault(message: "the header has an unknown member \"\(shortened(name))\"")
            }
            if scanner.take(",") { continue }
            try scanner.expect("}")
            break
        }
        try scanner.expectEnd()
        guard let elementType, let isFortranOrder, let shape else {
            let missing = [
                (elementType == nil, "descr"), (isFortranOrder == nil, "fortran_order"), (shape == nil, "shape"),
            ].filter(\.0).map(\.1).joined(separator: " and ")
            throw NPYSyntaxFault(message: "the header lacks \(missing)")
        }
        self.elementType = elementType
        self.isFortranOrder = isFortranOrder
        self.shape = shape
    }
}

/// Reads Python's literals, one after the other, with blanks between them.
private struct NPYHeaderScanner {
    /// Arrays of more dimensions are no matrices, and NumPy has no more than 64.
    private static let mostDimensions = 64
    /// Digits that always fit an Int.
    private static let mostDigits = 18

    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: Slice<UnsafeRawBufferPointer>) { self.bytes = Array(bytes) }

    /// Takes a character if it comes next.
    mutating func take(_ character: Unicode.Scalar) -> Bool {
        skipBlanks()
        guard position < bytes.count, UInt32(bytes[position]) == character.value else { return false }
        position += 1
        return true
    }

    mutating func expect(_ character: Unicode.Scalar) throws(NPYSyntaxFault) {
        guard take(character) else { throw unexpected("'\(character)' should come") }
    }

    mutating func expectEnd() throws(NPYSyntaxFault) {
        skipBlanks()
        guard position == bytes.count else { throw unexpected("the header should end") }
    }

    mutating func string(naming what: String) throws(NPYSyntaxFault) -> String {
        skipBlanks()
        guard position < bytes.count, [UInt8(ascii: "'"), UInt8(ascii: "\"")].contains(bytes[position]) else {
            throw unexpected("\(what) should be a string in quotes")
        }
        let quote = bytes[position]
        let start = position + 1
        guard let end = bytes[start...].firstIndex(of: quote) else {
            throw unexpected("\(what) should end with a quote")
        }
        let content = bytes[start..<end]
        guard content.allSatisfy({ (0x20..<0x7F).contains($0) && $0 != UInt8(ascii: "\\") }) else {
            throw unexpected("\(what) should be printable ASCII without escapes")
        }
        position = end + 1
        return String(decoding: content, as: UTF8.self)
    }

    mutating func truth(naming what: String) throws(NPYSyntaxFault) -> Bool {
        skipBlanks()
        for (word, value) in [("True", true), ("False", false)] where bytes[position...].starts(with: word.utf8) {
            position += word.utf8.count
            return value
        }
        throw unexpected("\(what) should be True or False")
    }

    mutating func tuple(naming what: String) throws(NPYSyntaxFault) -> [Int] {
        try expect("(")
        var numbers: [Int] = []
        while !take(")") {
            guard numbers.count < Self.mostDimensions else { throw unexpected("\(what) has too many dimensions") }
            numbers.append(try number(naming: what))
            if take(",") { continue }
            // Python's (3) is a number in brackets, not a tuple.
            guard numbers.count > 1 else { throw unexpected("\(what) should be a tuple such as (3, 2)") }
            try expect(")")
            break
        }
        return numbers
    }

    private mutating func number(naming what: String) throws(NPYSyntaxFault) -> Int {
        skipBlanks()
        let digits = bytes[position...].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard (1...Self.mostDigits).contains(digits.count), let value = Int(String(decoding: digits, as: UTF8.self))
        else {
            throw unexpected("\(what) should hold whole numbers of at most \(Self.mostDigits) digits, not negative")
        }
        position += digits.count
        return value
    }

    private mutating func skipBlanks() {
        while position < bytes.count,
            [UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\t")].contains(bytes[position])
        {
            position += 1
        }
    }

    private func unexpected(_ demand: String) -> NPYSyntaxFault {
        let longest = 24
        let found = bytes[position...].prefix(longest).map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") }
        let shown = found.isEmpty ? "its end" : "\"\(String(decoding: found, as: UTF8.self))\""
        return NPYSyntaxFault(
            message: "the header is not NumPy's: at byte \(position) of it \(demand), and \(shown) comes"
        )
    }
}
