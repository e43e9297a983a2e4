import Foundation
import FoundationXML

/// What an XML parser of another house makes of a document.
final class Reading: NSObject, XMLParserDelegate {
    var elements: [(name: String, attributes: [String: String])] = []
    var text = ""
    var isWellFormed = false

    init(_ document: String) {
        super.init()
        let parser = XMLParser(data: Data(document.utf8))
        parser.delegate = self
        isWellFormed = parser.parse()
    }

    func parser(
        _ parser: XMLParser,
        didStartElement name: String,
        namespaceURI: String?,
        qualifiedName: String?,
        attributes: [String: String] = [:]
    ) {
        elements.append((name, attributes))
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }

    func bars(_ style: String) -> [[String: String]] {
        elements.filter { $0.name == "rect" && $0.attributes["class"] == style }.map(\.attributes).dropFirst()
            .map { $0 }  // the first is the legend's
    }
}
