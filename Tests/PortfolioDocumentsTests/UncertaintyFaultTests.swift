import PortfolioDocuments
import PortfolioModel
import Testing

@Suite("Faults of what is uncertain")
struct UncertaintyFaultTests {
    @Test(
        arguments: [
            robust("1", .wrongType, "", "object"),
            robust("{}", .missingField, "/kind", "required"),
            robust(#"{"kind":"ball","size":1}"#, .unknownValue, "/kind", "ellipsoidal"),
            robust(#"{"kind":"box"}"#, .missingField, "/size", "required"),
            robust(#"{"kind":"box","size":-1}"#, .outOfRange, "/size", "at least 0"),
            robust(#"{"kind":"box","size":1e9}"#, .outOfRange, "/size", "1000"),
            robust(#"{"kind":"box","size":1,"radius":2}"#, .unknownField, "/radius", "radius"),
            robust(#"{"kind":"box","size":1,"norm":"l2"}"#, .contradiction, "/norm", "wasserstein"),
            robust(#"{"kind":"box","size":1,"upper":[[1]]}"#, .contradiction, "/upper", "covariance_box"),
            robust(#"{"kind":"box","size":1,"covariance":[]}"#, .wrongLength, "/covariance", "1 to 4000"),
            robust(#"{"kind":"box","size":1,"covariance":7}"#, .wrongType, "/covariance", "array"),
            robust(#"{"kind":"box","size":1,"covariance":[[1,2]]}"#, .wrongLength, "/covariance/0", "1 numbers"),
            robust(#"{"kind":"box","size":1,"covariance":[[-1]]}"#, .outOfRange, "/covariance/0/0", "at least 0"),
            robust(
                #"{"kind":"ellipsoidal","size":1,"covariance":[[1,0.5],[0.4,1]]}"#,
                .notSymmetric,
                "/covariance/0/1",
                "not symmetric"
            ),
            robust(#"{"kind":"covariance_box"}"#, .missingField, "/size", "required"),
            robust(#"{"kind":"covariance_box","size":1,"lower":[[1]]}"#, .missingField, "/upper", "required"),
            robust(
                #"{"kind":"covariance_box","lower":[[2]],"upper":[[1]]}"#,
                .contradiction,
                "/lower/0/0",
                "greater than"
            ),
            robust(
                #"{"kind":"covariance_box","lower":[[1]],"upper":[[1,0],[0,1]]}"#,
                .wrongLength,
                "/lower",
                "1 rows"
            ),
            robust(#"{"kind":"factor_loadings"}"#, .missingField, "/size", "required"),
            robust(#"{"kind":"box","size":1,"radii":{"A":1}}"#, .contradiction, "/radii", "factor_loadings"),
            robust(#"{"kind":"factor_loadings","radii":{"A":-1}}"#, .outOfRange, "/radii/A", "at least 0"),
            robust(
                #"{"kind":"factor_loadings","size":1}"#,
                objective: "maximize_diversification",
                .notSupported,
                "/kind",
                "ellipsoidal, box"
            ),
            robust(#"{"kind":"wasserstein","size":0.1}"#, .notSupported, "/kind", "ellipsoidal"),
            robust(
                #"{"kind":"covariance_box","size":0.1}"#,
                objective: "maximize_diversification",
                .notSupported,
                "/kind",
                "maximize_diversification"
            ),
        ]
    )
    func `a fault of an uncertainty is named`(_ expected: ExpectedFault) throws {
        try expected.expect(DocumentDecoder.optimizationRequest)
    }

    @Test func `an uncertainty belongs to robust optimization, which needs one`() throws {
        let uncertainty = #""uncertainty":{"kind":"box","size":1}"#
        func body(_ type: String, _ more: String) -> String {
            #"{"portfolio_id":"p","optimization_type":"\#(type)","objective":"minimize_risk"\#(more)}"#
        }
        let strange = try faults(of: body("mean_variance", "," + uncertainty), DocumentDecoder.optimizationRequest)
        #expect(strange.map(\.pointer) == ["/uncertainty"] && strange.map(\.code) == [.contradiction])
        let missing = try faults(of: body("robust", ""), DocumentDecoder.optimizationRequest)
        #expect(missing.map(\.pointer) == ["/uncertainty"] && missing.map(\.code) == [.missingField])
        #expect(try faults(of: body("robust", "," + uncertainty), DocumentDecoder.optimizationRequest) == [])
    }

    @Test func `radii of loadings have the size 1 and are written as they were read`() throws {
        let body = """
            {"portfolio_id":"p","optimization_type":"robust","objective":"minimize_risk",
             "uncertainty":{"kind":"factor_loadings","radii":{"A":0.02,"B":0}}}
            """
        let request = try DocumentDecoder.optimizationRequest(Array(body.utf8))
        #expect(request.parameters.uncertainty?.size == 1)
        #expect(request.parameters.uncertainty?.radii == ["A": 0.02, "B": 0])
        let again = try DocumentDecoder.optimizationRequest(DocumentEncoder.optimizationRequest(request))
        #expect(again == request)
    }

    @Test(
        arguments: [
            (#"{"kind":"box","size":1}"#, #"{"term":"return","weight":-1}"#, DocumentFault.Code.notConvex),
            (#"{"kind":"covariance_box","size":1}"#, #"{"term":"tracking_error","weight":-1}"#, .notSupported),
            (#"{"kind":"box","size":0}"#, #"{"term":"return","weight":-1}"#, nil),
            (#"{"kind":"box","size":1}"#, #"{"term":"return","weight":1}"#, nil),
        ]
    )
    func `a term without a known worst case is named`(
        uncertainty: String,
        term: String,
        code: DocumentFault.Code?
    ) throws {
        let body = """
            {"portfolio_id":"p","optimization_type":"robust","objective":"multi_objective","uncertainty":\(uncertainty),
             "objectives":[{"term":"concentration","weight":-1},\(term)]}
            """
        let found = try faults(of: body, DocumentDecoder.optimizationRequest)
        #expect(found.map(\.code) == (code.map { [$0] } ?? []))
        #expect(found.allSatisfy { $0.pointer == "/objectives/1" })
    }

    @Test func `a box of covariances with an upper end has the size 1`() throws {
        let body = """
            {"portfolio_id":"p","optimization_type":"robust","objective":"minimize_risk",
             "uncertainty":{"kind":"covariance_box","upper":[[1]]}}
            """
        let request = try DocumentDecoder.optimizationRequest(Array(body.utf8))
        #expect(request.parameters.uncertainty?.size == 1)
    }
}

private func robust(
    _ uncertainty: String,
    objective: String = "minimize_risk",
    _ code: DocumentFault.Code,
    _ pointer: String,
    _ word: String
) -> ExpectedFault {
    let kind = #""portfolio_id":"p","optimization_type":"robust","objective":"\#(objective)""#
    return ExpectedFault("{\(kind),\"uncertainty\":\(uncertainty)}", code, "/uncertainty" + pointer, word)
}
