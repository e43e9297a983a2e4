import FunctionRuntime

/// A form of a result other than the stored document: a table, a chart, or the document with folded allocations.
struct ResultView {
    /// What a table is of.
    enum Part: String, CaseIterable { case allocations, trades }

    /// The form.
    enum Form: Equatable {
        case json
        case csv(Part)
        case svg
        /// The non-dominated set.
        case paretoSet(SetForm)
    }

    /// A form of a non-dominated set.
    enum SetForm: String, CaseIterable { case json, csv, svg }

    /// What a GET of a result asks for.
    enum Wanted {
        /// The document as it is stored.
        case document
        /// Another form of it.
        case view(ResultView)
    }

    /// The form wanted.
    var form: Form
    /// How many names an allocation keeps; nil for all.
    var top: Int?
    /// Whether what is not held is told as well.
    var explainsExcluded = false

    /// The most names that may be asked for: as many as a universe has.
    private static let mostNames = 10_000
    private static let offered = [MediaType.json, MediaType.csv, MediaType.svg]

    /// What a request asks for: `format` in the query beats the Accept header.
    static func wanted(by request: FunctionRequest) throws(RequestError) -> Wanted {
        let accept = request.headers["accept"] ?? ""
        if request.query.isEmpty, ["", "*/*", MediaType.json].contains(accept) { return .document }
        var query = QueryParameters(request, known: ["format", "part", "top", "explain"])
        let top = query.integer("top", in: 1...mostNames)
        let part = query.choice("part", of: Part.allCases.map(\.rawValue)).flatMap(Part.init)
        let explains = query.choice("explain", of: ["excluded"]) != nil
        let format = query.choice("format", of: ["json", "csv", "svg"])
        try query.check()
        let form = try form(named: format, part, accept)
        if part != nil, form == .json || form == .svg {
            query.report("contradiction", "the query parameter 'part' is for tables: it goes with format=csv")
        }
        if top != nil, form == .csv(.trades) {
            query.report("contradiction", "the query parameter 'top' is for allocations: it goes without part=trades")
        }
        if explains, form != .json {
            query.report("contradiction", "the query parameter 'explain' is for the document: it goes with format=json")
        }
        try query.check()
        if request.query.isEmpty, form == .json { return .document }
        return .view(ResultView(form: form, top: top, explainsExcluded: explains))
    }

    /// What a request for a non-dominated set asks for.
    static func ofParetoSet(_ request: FunctionRequest) throws(RequestError) -> ResultView {
        var query = QueryParameters(request, known: ["format", "top"])
        let top = query.integer("top", in: 1...mostNames)
        let format = query.choice("format", of: SetForm.allCases.map(\.rawValue)).flatMap(SetForm.init)
        try query.check()
        let header = AcceptHeader(request.headers["accept"] ?? "")
        let form: SetForm? =
            switch header.preferred(of: offered) {
            case MediaType.json: .json
            case MediaType.csv: .csv
            case MediaType.svg: .svg
            default: nil
            }
        guard let wanted = format ?? form else { throw .notAcceptable(offered: offered) }
        if top != nil, wanted == .svg {
            query.report("contradiction", "the query parameter 'top' is for weights: it goes without format=svg")
            try query.check()
        }
        return ResultView(form: .paretoSet(wanted), top: top)
    }

    private static func form(named format: String?, _ part: Part?, _ accept: String) throws(RequestError) -> Form {
        let header = AcceptHeader(accept)
        switch format ?? header.preferred(of: offered) {
        case "json", MediaType.json: return .json
        case "csv", MediaType.csv: return .csv(part ?? .allocations)
        case "svg", MediaType.svg: return .svg
        default:
            // Whoever takes problems alone has always been given the document.
            guard header.accepts(MediaType.problem) else { throw .notAcceptable(offered: offered) }
            return .json
        }
    }
}
