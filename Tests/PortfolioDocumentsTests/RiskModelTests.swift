import Matrices
import PortfolioDocuments
import PortfolioModel
import Testing

@Suite("Risk models")
struct RiskModelTests {
    @Test(
        arguments: [
            ExpectedFault(#"{"instruments":["A"],"covariance":[[1]]}"#, .missingField, "/as_of"),
            ExpectedFault(#"{"as_of":"2025-06-20T00:00:00Z","covariance":[[1]]}"#, .missingField, "/instruments"),
            model("", .missingField, "", "covariance"),
            model(#""expected_returns":[0.1,0.2]"#, .missingField, "", "factor_model"),
            model(#""covariance":[[1,0],[0,1]],"periods_per_year":0"#, .outOfRange, "/periods_per_year", "0"),
            model(#""covariance":[[1,0],[0,1]],"expected_returns":[0.1]"#, .wrongLength, "/expected_returns", "2", "1"),
            model(#""covariance":[[1,0],[0,1]],"expected_returns":[0.1,"x"]"#, .wrongType, "/expected_returns/1", "x"),
            model(
                #""covariance":[[1,0],[0,1]],"expected_returns":[0.1,900]"#,
                .outOfRange,
                "/expected_returns/1",
                "900"
            ),
            model(#""covariance":{}"#, .wrongType, "/covariance", "array"),
            model(#""covariance":[1,[0,1]]"#, .wrongType, "/covariance/0", "array of 2"),
            model(#""covariance":[[1,0]]"#, .wrongLength, "/covariance", "2 rows"),
            model(#""covariance":[[1,0],[0]]"#, .wrongLength, "/covariance/1", "2 numbers"),
            model(#""covariance":[[1,null],[0,1]]"#, .wrongType, "/covariance/0/1", "null"),
            model(#""covariance":[[1,"NaN"],[0,1]]"#, .wrongType, "/covariance/0/1", "NaN"),
            model(#""covariance":[[1,0.5],[0.4,1]]"#, .notSymmetric, "/covariance/0/1", "row 0, column 1", "0.4"),
            model(#""covariance":[[1,0],[0.0000001,1]]"#, .notSymmetric, "/covariance/0/1", "1e-07"),
            model(#""covariance":[[1,0],[0,-1]]"#, .outOfRange, "/covariance/1/1", "-1"),
            model(#""volatilities":[0.1,0.2]"#, .missingField, "/correlations", "required"),
            model(#""correlations":[[1,0],[0,1]]"#, .missingField, "/volatilities", "required"),
            model(#""volatilities":[0.1,-0.2],"correlations":[[1,0],[0,1]]"#, .outOfRange, "/volatilities/1", "-0.2"),
            model(#""volatilities":[1,1],"correlations":[[1,0],[0,0.9]]"#, .outOfRange, "/correlations/1/1", "0.9"),
            model(#""returns":[[0.1,0.2]]"#, .wrongLength, "/returns", "at least 2"),
            model(#""returns":[[0.1,0.2],[-1,0.1]]"#, .outOfRange, "/returns/1/0", "greater than -1"),
            model(#""returns":[[0.1,0.2],[0.1]]"#, .wrongLength, "/returns/1", "2 numbers"),
            model(#""prices":[[1,2],[1,2]]"#, .wrongLength, "/prices", "at least 3"),
            model(#""prices":[[1,2],[1,0],[1,1]]"#, .outOfRange, "/prices/1/1", "greater than 0"),
            history(#""dates":["2025-01-02"]"#, .wrongLength, "/dates"),
            history(#""dates":["2025-01-02","2025-01-02"]"#, .notAscending, "/dates/1"),
            history(#""dates":["2025-01-02","2024-01-02"]"#, .notAscending, "/dates/1"),
            history(#""dates":["2025-01-02","today"]"#, .invalidTime, "/dates/1"),
            history(#""probabilities":[0.5,0.6]"#, .wrongSum, "/probabilities"),
            history(#""probabilities":[1,true]"#, .wrongType, "/probabilities/1"),
            history(#""probabilities":[1]"#, .wrongLength, "/probabilities"),
            model(#""covariance":[[1,0],[0,1]],"dates":["2025-01-02"]"#, .contradiction, "/dates", "returns or prices"),
            model(#""covariance":[[1,0],[0,1]],"probabilities":[1]"#, .contradiction, "/probabilities", "returns"),
            model(#""covarance":[[1,0],[0,1]],"returns":[[0,0],[0,0]]"#, .unknownField, "/covarance", "covariance?"),
            factor("", .missingField, "/factors"),
            factor(#""factors":[]"#, .wrongLength, "/factors"),
            factor(#""factors":["F"],"specific_variance":[1,1],"factor_covariance":[[1]]"#, .missingField, "/loadings"),
            factor(
                #""factors":["F"],"loadings":[[1],[1]],"factor_covariance":[[1]]"#,
                .missingField,
                "/specific_variance"
            ),
            factor(
                #""factors":["F"],"loadings":[[1],[1]],"specific_variance":[1,1]"#,
                .missingField,
                "/factor_covariance"
            ),
            factor(
                #""factors":["F"],"loadings":[[1],[1,2]],"specific_variance":[1,1],"factor_covariance":[[1]]"#,
                .wrongLength,
                "/loadings/1"
            ),
            factor(
                #""factors":["F"],"loadings":[[1],[1]],"specific_variance":[1,-1],"factor_covariance":[[1]]"#,
                .outOfRange,
                "/specific_variance/1"
            ),
            history(
                #""factor_model":{"factors":["F"],"factor_returns":[[0.1]]}"#,
                .wrongLength,
                "/factor_model/factor_returns"
            ),
        ]
    )
    func `a fault of the risk model is named`(_ expected: ExpectedFault) throws {
        try expected.expect(DocumentDecoder.riskModel)
    }

    @Test func `the contract's example reads in every form`() throws {
        let body = """
            {"as_of":"2025-06-20T00:00:00Z","instruments":["AAPL","BND"],"periods_per_year":252,
             "expected_returns":[0.08,0.03],"covariance":[[0.04,0.002],[0.002,0.0025]],
             "volatilities":[0.2,0.05],"correlations":[[1,0.2],[0.2,1]],
             "returns":[[0.001,-0.0002],[0.004,0.0001]],"dates":["2025-06-18","2025-06-19"],"probabilities":[0.5,0.5],
             "prices":[[174.2,72.9],[175.0,73.0]],
             "factor_model":{"factors":["MKT"],"loadings":[[1.2],[0.1]],"factor_covariance":[[0.03]],
                             "specific_variance":[0.01,0.001],"factor_returns":[[0.002],[0.001]]}}
            """
        let model = try DocumentDecoder.riskModel(Array(body.utf8))
        #expect(model.instruments == ["AAPL", "BND"])
        #expect(model.expectedReturns == [0.08, 0.03])
        #expect(model.covariance == DenseMatrix(rows: [[0.04, 0.002], [0.002, 0.0025]]))
        #expect(model.returns == DenseMatrix(rows: [[0.001, -0.0002], [0.004, 0.0001]]))
        #expect(model.prices == DenseMatrix(rows: [[174.2, 72.9], [175.0, 73.0]]))
        #expect(model.dates?.map(\.description) == ["2025-06-18", "2025-06-19"])
        #expect(model.probabilities == [0.5, 0.5])
        #expect(model.factorModel?.loadings == DenseMatrix(rows: [[1.2], [0.1]]))
        #expect(model.factorModel?.factorReturns == DenseMatrix(rows: [[0.002], [0.001]]))

        let written = DocumentEncoder.riskModel(
            model,
            id: "demo",
            version: 3,
            storedAt: Timestamp(microseconds: 0),
            includingMatrices: true
        )
        let text = String(decoding: written, as: UTF8.self)
        let head = #"{"risk_model_id":"demo","version":3,"stored_at":"1970-01-01T00:00:00Z","#
        #expect(text.hasPrefix(head))
        #expect(try DocumentDecoder.riskModel(Array(("{" + text.dropFirst(head.count)).utf8)) == model)
    }

    @Test func `periods in a year default to 252 and loadings may be left to regression`() throws {
        let body = """
            {"as_of":"2025-06-20T00:00:00Z","instruments":["A"],"returns":[[0.1],[0.2]],
             "factor_model":{"factors":["F"],"factor_returns":[[0.1],[0.3]]}}
            """
        let model = try DocumentDecoder.riskModel(Array(body.utf8))
        #expect(model.periodsPerYear == 252)
        #expect(model.factorModel?.loadings == nil)
    }

    @Test func `asymmetry below the tolerance is taken as given`() throws {
        let body = #"{"as_of":"2025-06-20T00:00:00Z","instruments":["A","B"],"covariance":[[1,0.5],[0.5000000001,1]]}"#
        #expect(try DocumentDecoder.riskModel(Array(body.utf8)).covariance?[1, 0] == 0.5000000001)
    }

    @Test func `correlations beyond 1 are named on both sides`() throws {
        let body =
            #"{"as_of":"2025-06-20T00:00:00Z","instruments":["A","B"],"volatilities":[1,1],"correlations":[[1,1.5],[1.5,1]]}"#
        let pointers = try faults(of: body, DocumentDecoder.riskModel).map(\.pointer)
        #expect(pointers.sorted() == ["/correlations/0/1", "/correlations/1/0"])
    }

    @Test func `an asymmetric entry far from the diagonal is found whichever side it is on`() throws {
        for (row, column) in [(0, 149), (149, 0), (70, 64), (64, 70), (148, 149)] {
            var matrix = [[Double]](repeating: [Double](repeating: 0, count: 150), count: 150)
            for index in 0..<150 { matrix[index][index] = 1 }
            matrix[row][column] = 0.25
            let names = (0..<150).map { "\"I\($0)\"" }.joined(separator: ",")
            let body = "{\"as_of\":\"2025-06-20T00:00:00Z\",\"instruments\":[\(names)],\"covariance\":\(matrix)}"
            let found = try faults(of: body, DocumentDecoder.riskModel)
            #expect(found.map(\.pointer) == ["/covariance/\(min(row, column))/\(max(row, column))"])
        }
    }

    @Test func `the number of instruments depends on the form`() throws {
        func body(_ count: Int, _ form: String) -> String {
            let names = (0..<count).map { "\"I\($0)\"" }.joined(separator: ",")
            return "{\"as_of\":\"2025-06-20T00:00:00Z\",\"instruments\":[\(names)],\(form)}"
        }
        let dense = DocumentLimits.denseInstruments
        #expect(
            try faults(of: body(dense + 1, "\"covariance\":[]"), DocumentDecoder.riskModel).map(\.code) == [.tooMany]
        )
        // A refused shape shows that the count itself was taken.
        #expect(
            try faults(of: body(dense, "\"covariance\":[]"), DocumentDecoder.riskModel).map(\.code) == [.wrongLength]
        )
        let ones = Array(repeating: "1", count: dense + 1).joined(separator: ",")
        let loadings = Array(repeating: "[1]", count: dense + 1).joined(separator: ",")
        let factorModel =
            "\"factor_model\":{\"factors\":[\"F\"],\"loadings\":[\(loadings)],\"factor_covariance\":[[1]],\"specific_variance\":[\(ones)]}"
        #expect(try faults(of: body(dense + 1, factorModel), DocumentDecoder.riskModel).isEmpty)
        let limit = DocumentLimits.factorModelInstruments
        #expect(try faults(of: body(limit + 1, factorModel), DocumentDecoder.riskModel).map(\.code) == [.tooMany])
    }
}

private func model(
    _ members: String,
    _ code: DocumentFault.Code,
    _ pointer: String,
    _ words: String...
) -> ExpectedFault {
    let head = #"{"as_of":"2025-06-20T00:00:00Z","instruments":["A","B"]"#
    var fault = ExpectedFault(head + (members.isEmpty ? "" : ",") + members + "}", code, pointer)
    fault.words = words
    return fault
}

private func history(_ members: String, _ code: DocumentFault.Code, _ pointer: String) -> ExpectedFault {
    model("\"returns\":[[0.1,0.2],[0.3,0.1]]," + members, code, pointer)
}

private func factor(_ members: String, _ code: DocumentFault.Code, _ pointer: String) -> ExpectedFault {
    model("\"factor_model\":{\(members)}", code, "/factor_model" + pointer)
}
