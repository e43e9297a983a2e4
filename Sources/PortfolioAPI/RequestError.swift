package import JSON
package import PortfolioDocuments
package import PortfolioModel
package import PortfolioService

/// Why a request is not answered with what it asks for.
package enum RequestError: Error {
    /// There is nothing at this path.
    case noSuchPath
    /// The path does not take this method.
    case methodNotAllowed(allowed: [String])
    /// The caller accepts none of the types there are.
    case notAcceptable(offered: [String])
    /// The body is of a type, a character set or a coding that is not taken here.
    case unsupportedMediaType(supported: [String])
    /// A header's value has not the form it must have.
    case invalidHeader(name: String, message: String)
    /// The body is not JSON.
    case syntax(JSONSyntaxFault)
    /// The body is not a NumPy array.
    case brokenArray(NPYSyntaxFault)
    /// What was asked is well-formed and wrong.
    case invalid([Fault])
    /// What was waited for ended without a result; the caller sees the whole failure.
    case failed(OptimizationFailure)
    /// The use case refused.
    case service(ServiceError)
    /// A bug of ours; the text is for the log.
    case defect(String)
}
