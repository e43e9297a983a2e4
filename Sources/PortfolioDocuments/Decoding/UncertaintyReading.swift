import JSON
import Matrices
import PortfolioModel

private let uncertaintyFields = FieldNames(known: ["kind", "size", "covariance", "lower", "upper", "norm", "radii"])

/// How far something may be off: standard errors, or a return per period.
private let sizeRange = NumberRange(0, 1_000)

/// Reads `uncertainty`, which a robust optimization must have.
func readUncertainty(_ reader: ObjectReader, _ kind: RequestKind?) -> Uncertainty? {
    guard let value = kind?.type == .robust ? reader.required("uncertainty") : reader.optional("uncertainty") else {
        return nil
    }
    let faults = reader.faults
    guard let member = ObjectReader(value, at: reader.path("uncertainty"), uncertaintyFields, faults),
        let shape = member.choice("kind", Uncertainty.Kind.self)
    else { return nil }
    if let kind, kind.type == .robust {
        let kinds = Capabilities.uncertainties(of: kind.objective, kind.riskMeasure)
        if !kinds.contains(shape) {
            let allowed = kinds.map(\.rawValue).joined(separator: ", ")
            let message =
                "uncertainty.kind \(shape.rawValue) does not go with \(kind.objective.rawValue) and risk_measure"
                + " \(kind.riskMeasure.rawValue), which take: \(allowed)"
            faults.report(.notSupported, at: member.path("kind"), message)
        }
    }
    reportSurplus(of: shape, member)
    let upper = readSquare("upper", member)
    let radii = member.instrumentMap("radii", .nonNegative)
    // What is given in full is scaled by the size, which may be left out then.
    let isGiven = ["upper": .covarianceBox, "radii": .factorLoadings].contains { name, owner in
        owner == shape && member.optional(name) != nil
    }
    let size = isGiven ? member.number("size", sizeRange) ?? 1 : member.requiredNumber("size", sizeRange)
    var uncertainty = Uncertainty(kind: shape, size: size ?? 0, covariance: readSquare("covariance", member))
    uncertainty.upper = upper
    uncertainty.lower = readSquare("lower", member)
    uncertainty.radii = radii
    if member.optional("norm") != nil {
        uncertainty.norm = member.choice("norm", Uncertainty.Norm.self)
    }
    reportCrossing(uncertainty, member)
    return uncertainty
}

/// Reports members that belong to another kind of uncertainty.
private func reportSurplus(of kind: Uncertainty.Kind, _ reader: ObjectReader) {
    let own: [(kinds: [Uncertainty.Kind], fields: [String])] = [
        ([.ellipsoidal, .box], ["covariance"]), ([.covarianceBox], ["lower", "upper"]), ([.wasserstein], ["norm"]),
        ([.factorLoadings], ["radii"]),
    ]
    for (kinds, fields) in own where !kinds.contains(kind) {
        for field in fields where reader.optional(field) != nil {
            let owners = kinds.map(\.rawValue).joined(separator: " or ")
            let message = "\(field) goes with kind \(owners), not \(kind.rawValue)"
            reader.faults.report(.contradiction, at: reader.path(field), message)
        }
    }
    if kind == .covarianceBox, reader.optional("lower") != nil, reader.optional("upper") == nil {
        reader.faults.report(.missingField, at: reader.path("upper"), "upper is required with lower")
    }
}

/// Reads a symmetric matrix of any order that the service takes.
private func readSquare(_ name: String, _ reader: ObjectReader) -> DenseMatrix? {
    guard let member = reader.optional(name) else { return nil }
    guard member.kind != .array || (1...DocumentLimits.denseInstruments).contains(member.count) else {
        let message = "\(name) must have 1 to \(DocumentLimits.denseInstruments) rows, not \(member.count)"
        reader.faults.report(.wrongLength, at: reader.path(name), message)
        return nil
    }
    let range = name == "lower" ? NumberRange.finite : .nonNegative
    return reader.symmetricMatrix(name, order: member.count, diagonal: range)
}

/// Reports a lower end above the upper one.
private func reportCrossing(_ uncertainty: Uncertainty, _ reader: ObjectReader) {
    guard let lower = uncertainty.lower, let upper = uncertainty.upper else { return }
    guard lower.rows == upper.rows else {
        let message = "lower has \(lower.rows) rows and upper has \(upper.rows)"
        reader.faults.report(.wrongLength, at: reader.path("lower"), message)
        return
    }
    for j in 0..<upper.columns {
        for i in 0..<upper.rows where lower[i, j] > upper[i, j] {
            guard !reader.faults.isFull else { return }
            let message = "lower[\(i)][\(j)] \(decimal(lower[i, j])) is greater than upper's \(decimal(upper[i, j]))"
            reader.faults.report(.contradiction, at: "\(reader.path("lower"))/\(i)/\(j)", message)
        }
    }
}
