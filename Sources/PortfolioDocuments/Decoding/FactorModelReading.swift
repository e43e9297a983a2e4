import JSON
import PortfolioModel

private let factorModelFields = FieldNames(
    known: ["factors", "loadings", "factor_covariance", "specific_variance", "factor_returns"]
)
private let factorModelMetadataFields = FieldNames(known: ["factors", "specific_variance"])

/// Loadings on factors.
private let loadingRange = NumberRange(-1_000, 1_000)
/// Returns of factors per period: long-short factors may lose more than all.
private let factorReturnRange = NumberRange(-100, 100)

/// Reads `factor_model`; what may be estimated from returns and factor returns may be left out when both are there.
func readFactorModel(
    _ value: JSONValue,
    at pointer: String,
    instruments: Int,
    hasReturns: Bool,
    _ faults: FaultCollector
) -> FactorModel? {
    guard let reader = ObjectReader(value, at: pointer, factorModelFields, faults),
        let factors = readFactors(reader)
    else { return nil }
    let count = factors.count
    let model = FactorModel(
        factors: factors,
        loadings: reader.matrix("loadings", rows: instruments, columns: count, loadingRange),
        factorCovariance: reader.symmetricMatrix("factor_covariance", order: count, diagonal: varianceRange),
        specificVariance: reader.vector("specific_variance", length: instruments, varianceRange),
        factorReturns: reader.matrix("factor_returns", rows: nil, columns: count, factorReturnRange)
    )
    let hasFactorReturns = reader.optional("factor_returns") != nil
    func require(_ name: String, unless isEstimable: Bool, _ source: String) {
        guard reader.optional(name) == nil, !isEstimable else { return }
        faults.report(.missingField, at: reader.path(name), "\(name) is required unless \(source)")
    }
    let regression = "returns and factor_returns are given"
    require("loadings", unless: hasReturns && hasFactorReturns, regression)
    require("specific_variance", unless: hasReturns && hasFactorReturns, regression)
    require("factor_covariance", unless: hasFactorReturns, "factor_returns is given")
    return model
}

/// Reads a factor model stored without its matrices.
func readFactorModelMetadata(
    _ value: JSONValue,
    at pointer: String,
    instruments: Int,
    _ faults: FaultCollector
) -> FactorModel? {
    guard let reader = ObjectReader(value, at: pointer, factorModelMetadataFields, faults),
        let factors = readFactors(reader)
    else { return nil }
    let specificVariance = reader.vector("specific_variance", length: instruments, varianceRange)
    return FactorModel(factors: factors, specificVariance: specificVariance)
}

private func readFactors(_ reader: ObjectReader) -> [String]? {
    guard let values = reader.requiredArray("factors", limit: DocumentLimits.factors) else { return nil }
    let path = reader.path("factors")
    guard !values.isEmpty else {
        reader.faults.report(.wrongLength, at: path, "factors must name at least one factor")
        return nil
    }
    let factors = readDistinctIdentifiers(values, .general, "factors", at: path, reader.faults)
    return factors.count == values.count ? factors : nil
}
