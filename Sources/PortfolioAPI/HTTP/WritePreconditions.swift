import FunctionRuntime
import PortfolioModel

extension EntityTag {
    /// What follows the version in the tag of a risk model with its matrices: other bytes of the same version.
    static let matricesSuffix = "-matrices"
}

extension WritePrecondition {
    /// The condition that `If-Match` or `If-None-Match` puts on a PUT of a snapshot (RFC 9110 §13.1).
    ///
    /// Tags count by the version they name. That includes weak ones: compression on the way to the caller weakens the tag
    /// of a GET, and the version it names is none the less certain.
    init(of request: FunctionRequest) throws(RequestError) {
        let match = request.headers["if-match"].map { trimmed(Substring($0)) }
        let noneMatch = request.headers["if-none-match"].map { trimmed(Substring($0)) }
        switch (match, noneMatch) {
        case (nil, nil): self = .none
        case ("*", nil): self = .exists
        case (let tags?, nil): self = .newestIsOneOf(try Self.versions(in: tags))
        case (nil, "*"): self = .isNew
        case (nil, _):
            throw .invalidHeader(
                name: "If-None-Match",
                message: "a PUT takes * alone: store only what is not there yet"
            )
        case (_, _): throw .invalidHeader(name: "If-Match", message: "goes without If-None-Match")
        }
    }

    /// The versions that a list of entity tags names; a tag that names none matches nothing.
    private static func versions(in list: Substring) throws(RequestError) -> [Int] {
        var versions: [Int] = []
        for element in list.split(separator: ",", omittingEmptySubsequences: false) {
            let candidate = trimmed(element)
            let quoted = candidate.hasPrefix("W/") ? candidate.dropFirst(2) : candidate
            let tag = quoted.dropFirst().dropLast()
            guard quoted.utf8.count >= 2, quoted.first == "\"", quoted.last == "\"",
                !tag.utf8.contains(UInt8(ascii: "\""))
            else {
                throw .invalidHeader(
                    name: "If-Match",
                    message: "takes * or entity tags in double quotes, such as \"3\""
                )
            }
            let digits = tag.hasSuffix(EntityTag.matricesSuffix) ? tag.dropLast(EntityTag.matricesSuffix.count) : tag
            if let version = Int(digits), String(version) == digits { versions.append(version) }
        }
        return versions
    }
}
