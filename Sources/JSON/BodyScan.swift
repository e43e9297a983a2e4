/// A first pass over a body, before Jansson sees it: bounds what parsing may cost, and takes the number arrays out.
///
/// Nesting, the length of numbers and the count of values are checked here without recursion. Arrays of numbers are
/// read into one block of doubles, because a matrix parsed into a tree would need five times its size; in the
/// text handed on, a string that begins with U+0000 and goes on with the array's index takes each one's place. No body
/// can hold such a string, since U+0000 is refused. Whatever is not a well-formed array of numbers is handed on as it
/// is, so that Jansson alone decides what is JSON.
struct BodyScan {
    /// Numbers of all number arrays, one array after another.
    private(set) var numbers: [Double] = []
    /// Where in `numbers` each array lies.
    private(set) var arrays: [Range<Int>] = []
    /// The text for Jansson, when it differs from the body.
    private(set) var rewritten: [UInt8] = []

    private let body: UnsafeRawBufferPointer
    private let limits: JSONLimits
    private var cuts: [Cut] = []
    private var copiedUpTo = 0
    private var depth = 0
    private var values = 1

    /// A piece of the body that the rewritten text replaces.
    private struct Cut {
        var bodyEnd: Int
        var rewrittenEnd: Int
    }

    /// Scans a body.
    init(_ body: UnsafeRawBufferPointer, limits: JSONLimits) throws(JSONSyntaxFault) {
        self.body = body
        self.limits = limits
        var index = 0
        while index < body.count { try step(&index) }
        if !cuts.isEmpty { rewritten.append(contentsOf: body[copiedUpTo...]) }
    }

    /// Whether any array was taken out, so that `rewritten` is to be parsed.
    var hasCuts: Bool { !cuts.isEmpty }

    /// The byte of the body that a byte of the parsed text stands for.
    func bodyOffset(ofParsed offset: Int) -> Int {
        guard let cut = cuts.last(where: { $0.rewrittenEnd <= offset }) else { return Swift.min(offset, body.count) }
        return Swift.min(offset - cut.rewrittenEnd + cut.bodyEnd, body.count)
    }

    private mutating func step(_ index: inout Int) throws(JSONSyntaxFault) {
        switch body[index] {
        case UInt8(ascii: "\""):
            try skipString(&index)
        case UInt8(ascii: "["):
            try countValue(at: index)
            try enter(at: index)
            if let end = takeNumberArray(at: index) {
                depth -= 1
                index = end
            } else {
                index += 1
            }
        case UInt8(ascii: "{"):
            try countValue(at: index)
            try enter(at: index)
            index += 1
        case UInt8(ascii: "]"), UInt8(ascii: "}"):
            depth -= 1
            index += 1
        case UInt8(ascii: ","):
            try countValue(at: index)
            index += 1
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            try skipNumber(&index)
        case 0:
            // Jansson takes a zero byte between tokens for the end and would not look at what follows.
            throw JSONSyntaxFault(.notJSON, "the body holds a zero byte", at: index + 1, in: body)
        default:
            index += 1
        }
    }

    private mutating func enter(at index: Int) throws(JSONSyntaxFault) {
        depth += 1
        guard depth > limits.depth else { return }
        let sentence = "arrays and objects are nested deeper than \(limits.depth)"
        throw JSONSyntaxFault(.depth, sentence, at: index + 1, in: body)
    }

    private mutating func countValue(at index: Int) throws(JSONSyntaxFault) {
        values += 1
        guard values > limits.values else { return }
        let sentence = "there are more than \(limits.values) values besides arrays of numbers"
        throw JSONSyntaxFault(.tooManyValues, sentence, at: index + 1, in: body)
    }

    /// Moves behind a string; an unfinished one is left for Jansson to refuse.
    private func skipString(_ index: inout Int) throws(JSONSyntaxFault) {
        index += 1
        while index < body.count {
            switch body[index] {
            case UInt8(ascii: "\""):
                index += 1
                return
            case UInt8(ascii: "\\"):
                if index + 6 <= body.count, body[(index + 1)..<(index + 6)].elementsEqual("u0000".utf8) {
                    throw JSONSyntaxFault(.nulCharacter, "a string holds the character U+0000", at: index + 6, in: body)
                }
                index += 2
            default:
                index += 1
            }
        }
    }

    private func skipNumber(_ index: inout Int) throws(JSONSyntaxFault) {
        let start = index
        while index < body.count, isNumberCharacter(body[index]) { index += 1 }
        guard index - start > NumberScanner.maximumLength else { return }
        let sentence = "a number has more than \(NumberScanner.maximumLength) characters"
        throw JSONSyntaxFault(.numberTooLong, sentence, at: start + NumberScanner.maximumLength, in: body)
    }

    private func isNumberCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "+"),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }

    /// Reads the array that opens at `start` if it holds numbers only, and returns the byte behind it; else nil.
    private mutating func takeNumberArray(at start: Int) -> Int? {
        var index = start + 1
        skipSpace(&index)
        guard index < body.count, body[index] == UInt8(ascii: "-") || body[index] &- 48 < 10 else { return nil }
        let first = numbers.count
        guard let end = readNumbers(from: index) else {
            numbers.removeLast(numbers.count - first)
            return nil
        }
        rewritten.append(contentsOf: body[copiedUpTo..<start])
        rewritten.append(contentsOf: #""\u0000\#(arrays.count)""#.utf8)
        cuts.append(Cut(bodyEnd: end, rewrittenEnd: rewritten.count))
        copiedUpTo = end
        arrays.append(first..<numbers.count)
        return end
    }

    private mutating func readNumbers(from start: Int) -> Int? {
        var index = start
        while true {
            guard let value = NumberScanner.scan(body, &index) else { return nil }
            numbers.append(value)
            skipSpace(&index)
            guard index < body.count else { return nil }
            if body[index] == UInt8(ascii: "]") { break }
            guard body[index] == UInt8(ascii: ",") else { return nil }
            index += 1
            skipSpace(&index)
        }
        var next = index + 1
        skipSpace(&next)
        // An array where a name must stand would turn into a string, and so into a name.
        guard next >= body.count || body[next] != UInt8(ascii: ":") else { return nil }
        return index + 1
    }

    @inline(__always)
    private func skipSpace(_ index: inout Int) {
        while index < body.count {
            switch body[index] {
            case 0x20, 0x0A, 0x0D, 0x09: index += 1
            default: return
            }
        }
    }
}
