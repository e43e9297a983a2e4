import PortfolioModel

/// A value for a statement, in the server's binary format, with its type.
struct StatementParameter {
    /// The server's number of the type.
    let type: UInt32
    /// The value; nil is null.
    let bytes: [UInt8]?

    static func text(_ value: String?) -> StatementParameter {
        StatementParameter(type: TypeNumber.text, bytes: value.map { Array($0.utf8) })
    }

    /// Text given as UTF-8.
    static func utf8(_ value: [UInt8]?) -> StatementParameter {
        StatementParameter(type: TypeNumber.text, bytes: value)
    }

    static func boolean(_ value: Bool) -> StatementParameter {
        StatementParameter(type: TypeNumber.boolean, bytes: [value ? 1 : 0])
    }

    static func bigint(_ value: Int64?) -> StatementParameter {
        StatementParameter(type: TypeNumber.bigint, bytes: value.map(bigEndian))
    }

    static func bigint(_ value: Int) -> StatementParameter { bigint(Int64(value)) }

    static func double(_ value: Double?) -> StatementParameter {
        StatementParameter(type: TypeNumber.double, bytes: value.map { bigEndian($0.bitPattern) })
    }

    static func timestamp(_ value: Timestamp?) -> StatementParameter {
        StatementParameter(type: TypeNumber.timestamp, bytes: value.map(timestampBytes))
    }

    /// Doubles as a `bytea` of little-endian float64, the form that matrices are stored in.
    static func littleEndianDoubles(_ values: [Double]?) -> StatementParameter {
        StatementParameter(
            type: TypeNumber.bytea,
            bytes: values.map { $0.map(\.bitPattern.littleEndian).withUnsafeBytes(Array.init) }
        )
    }

    static func textArray(_ values: [String?]?) -> StatementParameter {
        array(TypeNumber.textArray, of: TypeNumber.text, values?.map { $0.map { Array($0.utf8) } })
    }

    /// Texts given as UTF-8.
    static func utf8Array(_ values: [[UInt8]?]) -> StatementParameter {
        array(TypeNumber.textArray, of: TypeNumber.text, values)
    }

    static func bigintArray(_ values: [Int64]?) -> StatementParameter {
        array(TypeNumber.bigintArray, of: TypeNumber.bigint, values?.map(bigEndian))
    }

    static func doubleArray(_ values: [Double?]) -> StatementParameter {
        array(TypeNumber.doubleArray, of: TypeNumber.double, values.map { $0.map { bigEndian($0.bitPattern) } })
    }

    static func dateArray(_ values: [CalendarDate]?) -> StatementParameter {
        array(
            TypeNumber.dateArray,
            of: TypeNumber.date,
            values?.map { bigEndian(Int32(clamping: $0.daysSinceEpoch - Epoch.days)) }
        )
    }

    /// A one-dimensional array: dimensions, whether it has nulls, the element type, size, first index, elements.
    private static func array(_ type: UInt32, of element: UInt32, _ elements: [[UInt8]?]?) -> StatementParameter {
        guard let elements else { return StatementParameter(type: type, bytes: nil) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(20 + elements.reduce(0) { $0 + 4 + ($1?.count ?? 0) })
        bytes += bigEndian(Int32(elements.isEmpty ? 0 : 1))
        bytes += bigEndian(Int32(elements.contains { $0 == nil } ? 1 : 0))
        bytes += bigEndian(element)
        if !elements.isEmpty {
            bytes += bigEndian(Int32(clamping: elements.count))
            bytes += bigEndian(Int32(1))
        }
        for value in elements {
            bytes += bigEndian(Int32(clamping: value?.count ?? -1))
            if let value { bytes += value }
        }
        return StatementParameter(type: type, bytes: bytes)
    }
}

/// The server's numbers of the types in use (`pg_type.oid`; built-in types never change theirs).
enum TypeNumber {
    static let boolean: UInt32 = 16
    static let bytea: UInt32 = 17
    static let bigint: UInt32 = 20
    static let text: UInt32 = 25
    static let double: UInt32 = 701
    static let textArray: UInt32 = 1009
    static let bigintArray: UInt32 = 1016
    static let doubleArray: UInt32 = 1022
    static let date: UInt32 = 1082
    static let dateArray: UInt32 = 1182
    static let timestamp: UInt32 = 1184
}

/// The server counts time from 2000-01-01.
enum Epoch {
    static let days = 10_957
    static let microseconds: Int64 = 946_684_800_000_000
}

private func timestampBytes(_ value: Timestamp) -> [UInt8] { bigEndian(value.microseconds - Epoch.microseconds) }

private func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian, Array.init)
}
