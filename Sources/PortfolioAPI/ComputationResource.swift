package import FunctionRuntime
package import PortfolioModel
package import PortfolioService

/// A kind of computation as REST shows it: its addresses, how it is asked for, and the forms its answer has.
///
/// Everything else, from finding an equal one to waiting for the end, is ``ComputationEndpoint``'s.
package protocol ComputationResource {
    /// The kind.
    var kind: ComputationKind { get }
    /// What is asked for below a portfolio: `efficient-frontier`.
    var waitingName: String { get }
    /// The methods it is asked for with.
    var waitingMethods: [String] { get }
    /// Where those there are stand: `efficient-frontiers`.
    var storedName: String { get }
    /// The forms of an answer beside the document itself.
    var views: ComputationViews { get }

    /// Reads what is asked for.
    ///
    /// A GET's query holds the request; the parameters that say in which form it is wanted have been taken out.
    func wanted(by request: FunctionRequest, portfolioID: String) throws -> WantedComputation

    /// Makes a form of a completed answer.
    func show(_ answer: UnsafeRawBufferPointer, as view: ComputationView) throws -> ShownComputation
}

/// What a caller asks for.
package struct WantedComputation {
    /// The request, written down.
    package var request: ComputationRequest
    /// The instruments it names, each with its place.
    package var references: [InstrumentReference]

    package init(request: ComputationRequest, references: [InstrumentReference]) {
        self.request = request
        self.references = references
    }
}

/// The forms of a kind of answer beside the document itself.
package struct ComputationViews {
    /// What `?part=` of a table may name, the first being the default; empty where there is one table alone.
    package var tables: [String]
    /// What `?chart=` may name, the first being the default.
    package var charts: [String]

    package init(tables: [String] = [], charts: [String] = []) {
        self.tables = tables
        self.charts = charts
    }
}

/// A form of an answer other than the stored document.
package struct ComputationView: Equatable {
    /// What is made of the answer.
    package enum Form: Equatable {
        /// The document, with small weights folded.
        case json
        /// A table: the part named, or nil for the only one.
        case csv(String?)
        /// A chart, by its name.
        case svg(String?)
    }

    package var form: Form
    /// How many names a map of weights keeps; nil for all.
    package var top: Int?

    package init(form: Form, top: Int? = nil) {
        self.form = form
        self.top = top
    }
}

/// A form of an answer, made.
package struct ShownComputation {
    package var bytes: [UInt8]
    package var mediaType: String
    /// How a file of it should be called, without the identifier: `points.csv`; nil for what a browser shows itself.
    package var fileName: String?

    package init(bytes: [UInt8], mediaType: String, fileName: String? = nil) {
        self.bytes = bytes
        self.mediaType = mediaType
        self.fileName = fileName
    }
}

extension ComputationView {
    /// The most names that may be asked for: as many as a universe has.
    private static let mostNames = 10_000
    /// The parameters that choose a form.
    private static let parameters = ["format", "part", "chart", "top"]

    /// Takes the form that a request asks for out of it: `format` in the query beats the Accept header.
    ///
    /// Nil is the document as it is stored.
    static func take(
        from request: inout FunctionRequest,
        offering views: ComputationViews
    ) throws(RequestError) -> ComputationView? {
        let accept = request.headers["accept"] ?? ""
        var chosen = request
        chosen.query = request.query.filter { parameters.contains($0.name) }
        request.query.removeAll { parameters.contains($0.name) }
        if chosen.query.isEmpty, ["", "*/*", MediaType.json].contains(accept) { return nil }
        var query = QueryParameters(chosen, known: parameters)
        let top = query.integer("top", in: 1...mostNames)
        let part = query.choice("part", of: views.tables)
        let chart = query.choice("chart", of: views.charts)
        let format = query.choice("format", of: ["json", "csv", "svg"])
        try query.check()
        // Whoever names a chart wants to see it.
        let named = format ?? (chart == nil ? nil : "svg") ?? (part == nil ? nil : "csv")
        let form = try form(named: named, part ?? views.tables.first, chart ?? views.charts.first, accept)
        if part != nil, named != "csv" {
            query.report("contradiction", "the query parameter 'part' is for tables: it goes with format=csv")
        }
        if chart != nil, named != "svg" {
            query.report("contradiction", "the query parameter 'chart' is for charts: it goes with format=svg")
        }
        try query.check()
        return form == .json && top == nil ? nil : ComputationView(form: form, top: top)
    }

    private static func form(
        named format: String?,
        _ part: String?,
        _ chart: String?,
        _ accept: String
    ) throws(RequestError) -> Form {
        let offered = [MediaType.json, MediaType.csv, MediaType.svg]
        let header = AcceptHeader(accept)
        switch format ?? header.preferred(of: offered) {
        case "json", MediaType.json: return .json
        case "csv", MediaType.csv: return .csv(part)
        case "svg", MediaType.svg: return .svg(chart)
        default:
            guard header.accepts(MediaType.problem) else { throw .notAcceptable(offered: offered) }
            return .json
        }
    }
}
