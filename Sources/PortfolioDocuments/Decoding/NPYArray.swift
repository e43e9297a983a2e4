import Matrices

/// Why bytes are not an NPY file: the container is broken, whatever was to be in it.
///
/// The message is for the caller; it shows what was found, in printable characters.
package struct NPYSyntaxFault: Error, Equatable, Sendable {
    /// A sentence for the caller.
    package var message: String
}

/// A NumPy array as `numpy.save` writes it: a magic string, a version, a header that is a Python dictionary, the numbers.
///
/// - SeeAlso: NumPy Enhancement Proposal 1, "A simple file format for NumPy arrays", and its version 2.0.
struct NPYArray {
    /// Sizes of the dimensions.
    let shape: [Int]
    /// The element type in NumPy's notation, such as `<f8`.
    let elementType: String
    /// Whether the first index runs fastest.
    let isFortranOrder: Bool
    /// Where the numbers begin.
    private let dataStart: Int
    private let bytes: UnsafeRawBufferPointer

    private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    /// NumPy itself reads no longer header unless told to.
    private static let longestHeader = 10_000

    /// Reads magic, version and header; the numbers stay where they are.
    init(parsing bytes: UnsafeRawBufferPointer) throws(NPYSyntaxFault) {
        guard bytes.starts(with: Self.magic) else {
            throw NPYSyntaxFault(message: "an NPY file begins with \\x93NUMPY, and this does not")
        }
        guard bytes.count >= 10 else {
            throw NPYSyntaxFault(message: "the file ends after \(bytes.count) bytes, before its header")
        }
        let (major, minor) = (bytes[6], bytes[7])
        guard major == 1 || major == 2, minor == 0 else {
            throw NPYSyntaxFault(message: "NPY version \(major).\(minor) is not taken; versions 1.0 and 2.0 are")
        }
        let headerStart = major == 1 ? 10 : 12
        guard bytes.count >= headerStart else {
            throw NPYSyntaxFault(message: "the file ends after \(bytes.count) bytes, before its header")
        }
        let length =
            major == 1
            ? Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self)))
            : Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)))
        guard length <= Self.longestHeader else {
            throw NPYSyntaxFault(message: "the header may have at most \(Self.longestHeader) bytes, not \(length)")
        }
        guard length <= bytes.count - headerStart else {
            throw NPYSyntaxFault(
                message:
                    "the header should have \(length) bytes, but the file ends \(bytes.count - headerStart) after its start"
            )
        }
        let header = try NPYHeader(parsing: bytes[headerStart..<(headerStart + length)])
        shape = header.shape
        elementType = header.elementType
        isFortranOrder = header.isFortranOrder
        dataStart = headerStart + length
        self.bytes = bytes
    }

    /// Bytes of a number; nil for element types other than little-endian float64 and float32.
    var elementSize: Int? {
        switch elementType {
        case "<f8": 8
        case "<f4": 4
        default: nil
        }
    }

    /// Checks that the numbers of a matrix of this shape are there, no more and no fewer.
    func checkLength(rows: Int, columns: Int, elementSize: Int) throws(NPYSyntaxFault) {
        let (count, isTooMany) = rows.multipliedReportingOverflow(by: columns)
        let (needed, isTooLong) = count.multipliedReportingOverflow(by: elementSize)
        let found = bytes.count - dataStart
        guard !isTooMany, !isTooLong, needed == found else {
            let size = isTooMany || isTooLong ? "more bytes than can be counted" : "\(needed) bytes"
            throw NPYSyntaxFault(
                message:
                    "\(rows) × \(columns) numbers of \(elementSize) bytes take \(size), but \(found) follow the header"
            )
        }
    }

    /// The numbers; their length must have been checked.
    func matrix(rows: Int, columns: Int, elementSize: Int) -> DenseMatrix {
        let data = UnsafeRawBufferPointer(rebasing: bytes[dataStart...])
        let elements = [Double](unsafeUninitializedCapacity: rows * columns) { target, count in
            if isFortranOrder {
                for index in 0..<(rows * columns) { target[index] = number(index, of: data, elementSize) }
            } else {
                transpose(data, rows: rows, columns: columns, elementSize, into: target)
            }
            count = rows * columns
        }
        return DenseMatrix(rows: rows, columns: columns, columnMajor: elements)
    }

    /// Writes rows as columns, a band of rows at a time so that each cache line of the target is filled at once.
    private func transpose(
        _ data: UnsafeRawBufferPointer,
        rows: Int,
        columns: Int,
        _ elementSize: Int,
        into target: UnsafeMutableBufferPointer<Double>
    ) {
        let bandHeight = 32
        for bandStart in stride(from: 0, to: rows, by: bandHeight) {
            let band = bandStart..<min(bandStart + bandHeight, rows)
            for column in 0..<columns {
                for row in band { target[column * rows + row] = number(row * columns + column, of: data, elementSize) }
            }
        }
    }

    private func number(_ index: Int, of data: UnsafeRawBufferPointer, _ elementSize: Int) -> Double {
        if elementSize == 8 {
            let word = data.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
            return Double(bitPattern: UInt64(littleEndian: word))
        }
        let word = data.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self)
        return Double(Float(bitPattern: UInt32(littleEndian: word)))
    }
}
