import JSON
import Matrices
import PortfolioModel

private let modelFields = FieldNames(
    known: [
        "as_of", "instruments", "periods_per_year", "expected_returns", "covariance", "volatilities", "correlations",
        "returns", "prices", "dates", "probabilities", "factor_model",
    ],
    readOnly: ["risk_model_id", "version", "stored_at"]
)
private let metadataFields = FieldNames(
    known: [
        "as_of", "instruments", "periods_per_year", "expected_returns", "volatilities", "dates", "probabilities",
        "factor_model",
    ]
)

/// Annual expected returns: wide, to catch percentages of percentages, not opinions.
let expectedReturnRange = NumberRange(-100, 100)
/// Annual volatilities.
private let volatilityRange = NumberRange(0, 100)
/// Annual variances: squares of volatilities.
let varianceRange = NumberRange(0, 10_000)
/// Simple returns of one period: nothing loses more than all.
let periodReturnRange = NumberRange(-1, 1_000, includesLower: false)
/// Periods in a year.
let periodsPerYearRange = NumberRange(0, 100_000, includesLower: false)
/// How far a unit diagonal and probabilities may be from exact.
private let unitTolerance = 1e-8
private let probabilitySumTolerance = 1e-6

/// Reads the body of `PUT /api/v1/risk-models/{id}`.
func readRiskModel(_ value: JSONValue, _ faults: FaultCollector) -> RiskModel? {
    guard let reader = ObjectReader(value, at: "", modelFields, faults),
        var model = readHead(reader, limit: instrumentLimit(reader))
    else { return nil }
    let count = model.instruments.count
    model.expectedReturns = reader.vector("expected_returns", length: count, expectedReturnRange)
    model.covariance = reader.symmetricMatrix("covariance", order: count, diagonal: varianceRange)
    model.volatilities = reader.vector("volatilities", length: count, volatilityRange)
    model.correlations = readCorrelations(reader, order: count)
    model.returns = reader.matrix("returns", rows: nil, columns: count, periodReturnRange)
    model.prices = reader.matrix("prices", rows: nil, columns: count, .positive)
    model.dates = readDates(reader)
    model.factorModel = readSection("factor_model", reader) {
        readFactorModel($0, at: $1, instruments: count, hasReturns: reader.optional("returns") != nil, faults)
    }
    model.probabilities = readProbabilities(reader, model)
    reportMissingForms(reader)
    reportLengths(reader, model)
    return model
}

/// Reads a risk model stored without its matrices.
func readRiskModelMetadata(_ value: JSONValue, _ faults: FaultCollector) -> RiskModel? {
    guard let reader = ObjectReader(value, at: "", metadataFields, faults),
        var model = readHead(reader, limit: DocumentLimits.factorModelInstruments)
    else { return nil }
    let count = model.instruments.count
    model.expectedReturns = reader.vector("expected_returns", length: count, expectedReturnRange)
    model.volatilities = reader.vector("volatilities", length: count, volatilityRange)
    model.dates = readDates(reader)
    model.probabilities = reader.optional("probabilities")
        .flatMap { reader.vector("probabilities", length: $0.count, .fraction) }
    model.factorModel = readSection("factor_model", reader) {
        readFactorModelMetadata($0, at: $1, instruments: count, faults)
    }
    return model
}

/// A factor model keeps the covariance sparse in effect; everything else ends in a dense one.
private func instrumentLimit(_ reader: ObjectReader) -> Int {
    let isDense = reader.optional("covariance") != nil || reader.optional("correlations") != nil
    let isFactorModel = reader.optional("factor_model") != nil && !isDense
    return isFactorModel ? DocumentLimits.factorModelInstruments : DocumentLimits.denseInstruments
}

private func readHead(_ reader: ObjectReader, limit: Int) -> RiskModel? {
    let asOf = reader.requiredTimestamp("as_of")
    let periodsPerYear = reader.number("periods_per_year", periodsPerYearRange)
    guard let values = reader.requiredArray("instruments", limit: limit) else { return nil }
    guard !values.isEmpty else {
        reader.faults.report(.wrongLength, at: "/instruments", "instruments must name at least one instrument")
        return nil
    }
    let instruments = readDistinctIdentifiers(values, .instrument, "instruments", at: "/instruments", reader.faults)
    // With an instrument refused the shapes below still have to be checked against the count that was meant.
    let names = instruments.count == values.count ? instruments : values.indices.map { "\($0)" }
    return RiskModel(
        asOf: asOf ?? Timestamp(microseconds: 0),
        instruments: names,
        periodsPerYear: periodsPerYear ?? DocumentDecoder.defaultPeriodsPerYear
    )
}

private func readCorrelations(_ reader: ObjectReader, order: Int) -> DenseMatrix? {
    let unit = NumberRange(1 - unitTolerance, 1 + unitTolerance)
    guard let matrix = reader.symmetricMatrix("correlations", order: order, diagonal: unit) else { return nil }
    let limit = 1 + unitTolerance
    for j in 0..<order {
        for i in 0..<order where i != j && abs(matrix[i, j]) > limit {
            guard !reader.faults.isFull else { return matrix }
            let message = "correlations[\(i)][\(j)] must be between -1 and 1, not \(decimal(matrix[i, j]))"
            reader.faults.report(.outOfRange, at: "/correlations/\(i)/\(j)", message)
        }
    }
    return matrix
}

private func readDates(_ reader: ObjectReader) -> [CalendarDate]? {
    guard let values = reader.array("dates", limit: DocumentLimits.periods) else { return nil }
    var dates: [CalendarDate] = []
    dates.reserveCapacity(values.count)
    for (index, value) in values.enumerated() {
        let place = "/dates/\(index)"
        guard let date = readDate(value, "dates[\(index)]", at: place, reader.faults) else { continue }
        if let previous = dates.last, date <= previous {
            let message = "dates must ascend: dates[\(index)] \(date) follows \(previous)"
            reader.faults.report(.notAscending, at: place, message)
        }
        dates.append(date)
    }
    return dates.count == values.count ? dates : nil
}

private func readProbabilities(_ reader: ObjectReader, _ model: RiskModel) -> [Double]? {
    guard reader.optional("probabilities") != nil else { return nil }
    guard reader.optional("returns") != nil || reader.optional("prices") != nil else {
        let message = "probabilities need returns or prices to belong to"
        reader.faults.report(.contradiction, at: "/probabilities", message)
        return nil
    }
    // Nil when the history itself was refused, which has its own fault.
    guard let periods = model.returns?.rows ?? model.prices.map({ max(0, $0.rows - 1) }),
        let probabilities = reader.vector("probabilities", length: periods, .fraction)
    else { return nil }
    let sum = probabilities.reduce(0, +)
    if abs(sum - 1) > probabilitySumTolerance {
        let message = "the probabilities sum to \(decimal(sum)), not to 1"
        reader.faults.report(.wrongSum, at: "/probabilities", message)
    }
    return probabilities
}

/// Reports a model that says nothing of risk, and halves of pairs.
private func reportMissingForms(_ reader: ObjectReader) {
    func has(_ name: String) -> Bool { reader.optional(name) != nil }
    for (given, other) in [("volatilities", "correlations"), ("correlations", "volatilities")]
    where has(given) && !has(other) {
        reader.faults.report(.missingField, at: "/\(other)", "\(other) is required when \(given) is given")
    }
    let forms = ["covariance", "volatilities", "correlations", "returns", "prices", "factor_model"]
    if !forms.contains(where: has) {
        let message =
            "a risk model needs covariance, volatilities with correlations, returns, prices or factor_model"
        reader.faults.report(.missingField, at: "", message)
    }
}

/// Reports histories too short to use, and companions of another length.
private func reportLengths(_ reader: ObjectReader, _ model: RiskModel) {
    let covarianceIsGiven = ["covariance", "correlations", "factor_model"].contains { reader.optional($0) != nil }
    // One period is a history; estimating a covariance takes two.
    let leastPeriods = covarianceIsGiven ? 1 : 2
    for (name, rows, least) in [
        ("returns", model.returns?.rows, leastPeriods), ("prices", model.prices?.rows, leastPeriods + 1),
    ] {
        guard let rows, rows < least else { continue }
        reader.faults.report(.wrongLength, at: "/\(name)", "\(name) must have at least \(least) rows, not \(rows)")
    }
    if let dates = model.dates {
        let hasHistory = reader.optional("returns") != nil || reader.optional("prices") != nil
        if !hasHistory {
            reader.faults.report(.contradiction, at: "/dates", "dates need returns or prices to belong to")
        } else if let rows = model.returns?.rows ?? model.prices?.rows, rows != dates.count {
            let message = "dates must have \(rows) entries, one a row, not \(dates.count)"
            reader.faults.report(.wrongLength, at: "/dates", message)
        }
    }
    if let rows = model.returns?.rows, let factorRows = model.factorModel?.factorReturns?.rows, rows != factorRows {
        let message = "factor_returns must have \(rows) rows as returns has, not \(factorRows)"
        reader.faults.report(.wrongLength, at: "/factor_model/factor_returns", message)
    }
}
