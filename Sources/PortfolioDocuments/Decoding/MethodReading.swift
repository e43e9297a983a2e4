import JSON
import PortfolioModel

/// What a request is: a type, an objective and a measure of risk that go together.
struct RequestKind {
    var type: OptimizationType
    var objective: Objective
    var riskMeasure: RiskMeasure
}

/// Reads type, objective and risk measure, and refuses those that do not go together.
func readKind(_ reader: ObjectReader) -> RequestKind? {
    let type = reader.choice("optimization_type", OptimizationType.self)
    let objective = reader.choice("objective", Objective.self)
    let riskMeasure = reader.choice(
        "risk_measure",
        RiskMeasure.self,
        default: .volatility
    )
    guard let type, let objective else { return nil }
    let objectives = Capabilities.objectives(of: type)
    guard objectives.contains(objective) else {
        let message = "objective \(objective.rawValue) does not go with optimization_type \(type.rawValue), which takes"
        reader.faults.report(.notSupported, at: reader.path("objective"), "\(message): \(names(objectives))")
        return nil
    }
    guard let riskMeasure else { return nil }
    let riskMeasures = Capabilities.riskMeasures(of: type, objective)
    guard riskMeasures.contains(riskMeasure) else {
        let message = "risk_measure \(riskMeasure.rawValue) does not go with \(type.rawValue) and \(objective.rawValue)"
        let allowed = "they take: \(names(riskMeasures))"
        reader.faults.report(.notSupported, at: reader.path("risk_measure"), "\(message); \(allowed)")
        return nil
    }
    return RequestKind(type: type, objective: objective, riskMeasure: riskMeasure)
}

private func names<Choice: RawRepresentable>(_ choices: [Choice]) -> String where Choice.RawValue == String {
    choices.map(\.rawValue).joined(separator: ", ")
}

/// The fields that belong to one type each.
let fieldsByType: [(type: OptimizationType, fields: [String])] = [
    (.blackLitterman, ["views", "tau", "market_weights", "posterior_covariance"]),
    (.riskParity, ["risk_budgets", "risk_budgets_by"]),
    (.hierarchicalRiskParity, ["linkage", "distance_of_distance", "cluster_allocation", "cluster_count"]),
    (.robust, ["uncertainty"]),
    (.scenarioBased, ["scenarios"]),
    (.custom, ["custom_objective"]),
    (.multiPeriod, ["horizon"]),
]

/// The fields that single methods are told by.
let methodFields = fieldsByType.flatMap(\.fields)

/// How far market weights and risk budgets may be from summing to 1.
private let shareSumTolerance = 1e-6

/// Reads what single methods are told, and refuses what is told to another type.
func readMethodParameters(_ reader: ObjectReader, _ kind: RequestKind?) -> MethodParameters {
    let type = kind?.type
    for (owner, fields) in fieldsByType where type != nil && type != owner {
        for field in fields where reader.optional(field) != nil {
            let message = "\(field) goes with optimization_type \(owner.rawValue) only"
            reader.faults.report(.contradiction, at: reader.path(field), message)
        }
    }
    var parameters = MethodParameters()
    parameters.views = readViews(reader)
    parameters.tau = reader.number("tau", NumberRange(0, 100, includesLower: false))
    parameters.marketWeights = readShares("market_weights", "the market weights", reader)
    parameters.posteriorCovariance = reader.bool("posterior_covariance")
    readRiskBudgets(&parameters, reader)
    if reader.optional("linkage") != nil {
        parameters.linkage = reader.choice("linkage", Linkage.self)
    }
    parameters.distanceOfDistance = reader.bool("distance_of_distance")
    readClusters(&parameters, reader)
    parameters.uncertainty = readUncertainty(reader, kind)
    parameters.scenarios = readScenarios(reader, kind)
    readObjectiveTerms(&parameters, reader, objective: kind?.objective)
    parameters.horizon = readHorizon(reader, isRequired: type == .multiPeriod)
    return parameters
}

/// Reads how a tree's clusters share; a number of clusters needs a way that has clusters.
private func readClusters(_ parameters: inout MethodParameters, _ reader: ObjectReader) {
    if reader.optional("cluster_allocation") != nil {
        parameters.clusterAllocation = reader.choice("cluster_allocation", ClusterAllocation.self)
    }
    parameters.clusterCount = readPointCount("cluster_count", 1...DocumentLimits.denseInstruments, reader)
    guard parameters.clusterCount != nil, parameters.clusterAllocation?.cutsTree != true else { return }
    let ways = ClusterAllocation.allCases.filter(\.cutsTree).map(\.rawValue).joined(separator: " or ")
    let message = "cluster_count goes with cluster_allocation \(ways) only"
    reader.faults.report(.contradiction, at: reader.path("cluster_count"), message)
}

/// Reads risk budgets; names of sectors and classes are any text that those of instruments may be.
private func readRiskBudgets(_ parameters: inout MethodParameters, _ reader: ObjectReader) {
    var areOfInstruments = true
    if reader.optional("risk_budgets_by") != nil {
        parameters.riskBudgetsBy = reader.choice("risk_budgets_by", RiskBudgetOwner.self)
        areOfInstruments = parameters.riskBudgetsBy == .instrument
    }
    parameters.riskBudgets = readShares("risk_budgets", "the risk budgets", reader, ofInstruments: areOfInstruments)
}

/// Reads a map of fractions that sum to 1.
private func readShares(
    _ name: String,
    _ what: String,
    _ reader: ObjectReader,
    ofInstruments: Bool = true
) -> [String: Double]? {
    let read = ofInstruments ? reader.instrumentMap(name, .fraction) : reader.groupMap(name, .fraction)
    guard let shares = read else { return nil }
    // A refused share has its own fault; the sum of the rest would only confuse.
    guard reader.optional(name)?.count == shares.count else { return shares }
    let sum = shares.sorted { $0.key < $1.key }.reduce(0) { $0 + $1.value }
    if abs(sum - 1) > shareSumTolerance {
        reader.faults.report(.wrongSum, at: reader.path(name), "\(what) sum to \(decimal(sum)), not to 1")
    }
    return shares
}

private let viewFields = FieldNames(known: ["instruments", "return", "confidence", "variance", "total"])

private func readViews(_ reader: ObjectReader) -> [ReturnView]? {
    reader.array("views", limit: DocumentLimits.views)?.enumerated().compactMap { index, value in
        readView(value, at: "\(reader.path("views"))/\(index)", reader.faults)
    }
}

private func readView(_ value: JSONValue, at pointer: String, _ faults: FaultCollector) -> ReturnView? {
    guard let reader = ObjectReader(value, at: pointer, viewFields, faults) else { return nil }
    _ = reader.required("instruments")
    let instruments = reader.instrumentMap("instruments", .finite)
    let expectedReturn = reader.requiredNumber("return", .finite)
    let confidence = reader.number("confidence", .fraction)
    let variance = reader.number("variance", .nonNegative)
    let isTotal = reader.bool("total") ?? false
    if confidence != nil, variance != nil {
        faults.report(.contradiction, at: pointer, "a view has a confidence or a variance, not both")
    }
    guard let instruments, let expectedReturn else { return nil }
    if reader.optional("instruments")?.count == instruments.count, instruments.values.allSatisfy({ $0 == 0 }) {
        let message = "instruments must name at least one instrument with a coefficient other than 0"
        faults.report(.wrongLength, at: reader.path("instruments"), message)
    }
    let uncertainty: ReturnView.Uncertainty =
        confidence.map { .confidence($0) } ?? variance.map { .variance($0) } ?? .asPrior
    return ReturnView(
        instruments: instruments,
        expectedReturn: expectedReturn,
        isTotal: isTotal,
        uncertainty: uncertainty
    )
}
