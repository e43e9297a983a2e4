import Glibc
import JSON
import Matrices

/// A benchmark case that cannot be read or solved.
struct CaseError: Error, CustomStringConvertible {
    var description: String
}

/// A benchmark case: a JSON header with its arrays inside, or beside it in one little-endian file.
struct CaseFile {
    let name: String
    let problemClass: String
    let variant: String
    let n: Int
    private let scalars: [String: Double]
    private let arrays: [String: (shape: [Int], values: [Double])]

    init(path: String) throws {
        let header = try JSONDocument(parsing: bytes(of: path)).root
        guard header["format"]?.string == "poptbench-1" else { throw CaseError(description: "\(path): unknown format") }
        name = header["name"]?.string ?? ""
        problemClass = header["cls"]?.string ?? ""
        variant = header["variant"]?.string ?? ""
        n = Int(header["n"]?.double ?? 0)
        var numbers: [String: Double] = [:]
        for member in header["scalars"]?.members ?? [] { numbers[member.name] = member.value.double }
        scalars = numbers
        var raw: [UInt8] = []
        if header["storage"]?.string == "bin", let file = header["bin"]?.string {
            let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
            raw = try bytes(of: folder + file)
        }
        var read: [String: (shape: [Int], values: [Double])] = [:]
        for member in header["arrays"]?.members ?? [] {
            let shape = (member.value["shape"]?.doubles ?? []).map { Int($0) }
            let count = shape.reduce(1, *)
            let values: [Double]
            if let inside = member.value["data"]?.doubles {
                values = inside
            } else {
                let offset = Int(member.value["offset"]?.double ?? 0)
                values = try Self.numbers(raw, offset: offset, count: count, type: member.value["dtype"]?.string ?? "")
            }
            guard values.count == count else { throw CaseError(description: "\(member.name): wrong length") }
            read[member.name] = (shape, values)
        }
        arrays = read
    }

    private static func numbers(_ raw: [UInt8], offset: Int, count: Int, type: String) throws -> [Double] {
        let size = type == "i4" ? 4 : 8
        guard offset >= 0, offset + count * size <= raw.count else {
            throw CaseError(description: "an array ends beyond its file")
        }
        return raw.withUnsafeBytes { bytes in
            (0..<count).map { index in
                let place = offset + index * size
                return type == "i4"
                    ? Double(Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: Int32.self)))
                    : Double(
                        bitPattern: UInt64(
                            littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)
                        )
                    )
            }
        }
    }

    /// A number of the case.
    func scalar(_ name: String) throws -> Double {
        guard let value = scalars[name] else { throw CaseError(description: "\(self.name) has no \(name)") }
        return value
    }

    /// A number of the case, nil when it has none.
    func optionalScalar(_ name: String) -> Double? { scalars[name] }

    /// A vector of the case.
    func vector(_ name: String) throws -> [Double] {
        guard let array = arrays[name] else { throw CaseError(description: "\(self.name) has no \(name)") }
        return array.values
    }

    /// A vector of the case, nil when it has none.
    func optionalVector(_ name: String) -> [Double]? { arrays[name]?.values }

    /// A matrix of the case; the file has its rows one after the other.
    func matrix(_ name: String) throws -> DenseMatrix { try transposedMatrix(name).transposed }

    /// The transpose of a matrix of the case, which is the file's order read column by column.
    func transposedMatrix(_ name: String) throws -> DenseMatrix {
        guard let array = arrays[name], array.shape.count == 2 else {
            throw CaseError(description: "\(self.name) has no matrix \(name)")
        }
        return DenseMatrix(rows: array.shape[1], columns: array.shape[0], columnMajor: array.values)
    }
}

/// The bytes of a file.
private func bytes(of path: String) throws -> [UInt8] {
    guard let file = fopen(path, "rb") else { throw CaseError(description: "\(path) cannot be opened") }
    defer { fclose(file) }
    fseek(file, 0, SEEK_END)
    let length = ftell(file)
    guard length >= 0 else { throw CaseError(description: "\(path) has no length") }
    rewind(file)
    var content = [UInt8](repeating: 0, count: length)
    guard fread(&content, 1, length, file) == length else { throw CaseError(description: "\(path) is cut off") }
    return content
}
