import JSON
import PortfolioModel

extension DocumentEncoder {
    /// Writes what a request adds up into an object that is open; what is not set is left out.
    static func writeObjectiveTerms(_ parameters: MethodParameters, _ writer: inout JSONWriter) {
        for (name, terms) in [("custom_objective", parameters.customObjective), ("objectives", parameters.objectives)] {
            guard let terms else { continue }
            writer.name(name)
            writer.array(terms) { writer, term in
                writer.object { writeTerm(term, &$0) }
            }
        }
        if let points = parameters.paretoPoints { writer.member("pareto_points", points) }
    }

    private static func writeTerm(_ term: ObjectiveTerm, _ writer: inout JSONWriter) {
        writer.member("term", term.kind.rawValue)
        writer.member("weight", term.weight)
        writer.member("name", ifPresent: term.name)
        writer.member("risk_measure", ifPresent: term.riskMeasure?.rawValue)
        writer.member("factor", ifPresent: term.factor)
        if let scores = term.scores { writer.member("scores", map: scores) }
    }

    /// Writes what each term came to, and their weighted sum.
    static func writeTermValues(_ values: [TermValue], _ writer: inout JSONWriter) {
        writer.name("objective_terms")
        writer.array(values) { writer, value in
            writer.object { writer in
                writer.member("name", value.term.label)
                writer.member("term", value.term.kind.rawValue)
                writer.member("risk_measure", ifPresent: value.term.riskMeasure?.rawValue)
                writer.member("factor", ifPresent: value.term.factor)
                if let scores = value.term.scores { writer.member("scores", map: scores) }
                writer.member("weight", value.term.weight)
                writer.member("value", value.value)
                writer.member("contribution", value.contribution)
            }
        }
        writer.member("objective_value", values.reduce(0) { $0 + $1.contribution })
    }

    /// Writes the points of a non-dominated set, their objectives by name.
    static func writeParetoSet(_ points: [ParetoPoint], _ terms: [ObjectiveTerm], _ writer: inout JSONWriter) {
        writer.array(points) { writer, point in
            writer.object { writer in
                writer.name("objectives")
                writer.object { writer in
                    for (term, value) in zip(terms, point.values) { writer.member(term.label, value) }
                }
                writer.name("weights")
                writeWeights(point.allocation, &writer)
                writer.name("objective_weights")
                writer.object { writer in
                    for (term, weight) in zip(terms, point.objectiveWeights) { writer.member(term.label, weight) }
                }
            }
        }
    }

    /// Writes the terms there are: how each bends, and with it which sign its weight may have, and its options.
    static func writeKnownTerms(_ writer: inout JSONWriter) {
        writer.name("objective_terms")
        writer.array(ObjectiveTerm.Kind.allCases) { writer, kind in
            writer.object { writer in
                writer.member("term", kind.rawValue)
                let (shape, sign) =
                    switch kind.shape {
                    case .linear: ("linear", "any")
                    case .convex: ("convex", "negative")
                    case .concave: ("concave", "positive")
                    }
                writer.member("shape", shape)
                writer.member("weight", sign)
                let options = optionOwners.filter { $0.owner == kind }.map(\.option)
                if !options.isEmpty {
                    writer.name("options")
                    writer.array(options) { $0.string($1) }
                }
            }
        }
    }
}
