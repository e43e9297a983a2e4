package import PortfolioModel

/// An instrument that a document names, and where.
package struct InstrumentReference: Equatable, Sendable {
    /// The instrument named.
    package var instrumentID: String
    /// Where: a JSON pointer.
    package var pointer: String

    package init(instrumentID: String, pointer: String) {
        self.instrumentID = instrumentID
        self.pointer = pointer
    }
}

extension [InstrumentReference] {
    /// A fault for each of these that names an instrument the risk model does not have.
    func faults(unknown instruments: [String]) -> [Fault] {
        let unknown = Set(instruments)
        return filter { unknown.contains($0.instrumentID) }.map { reference in
            Fault(
                pointer: reference.pointer,
                code: "unknown_instrument",
                message: "the portfolio's risk model has no instrument '\(reference.instrumentID)'"
            )
        }
    }
}

extension Constraints {
    /// The instruments these limits name, in a fixed order, with pointers below `/constraints`.
    package var instrumentReferences: [InstrumentReference] {
        var references: [InstrumentReference] = []
        let maps = [("min_weights", minWeights), ("max_weights", maxWeights), ("max_weight_changes", maxWeightChanges)]
        for (field, weights) in maps {
            for id in (weights ?? [:]).keys.sorted() {
                references.append(.init(instrumentID: id, pointer: "/constraints/\(field)/\(pointerToken(id))"))
            }
        }
        for (index, group) in (groups ?? []).enumerated() {
            let path = "/constraints/groups/\(index)/instruments"
            switch group.members {
            case .instruments(let ids):
                for (place, id) in ids.enumerated() {
                    references.append(.init(instrumentID: id, pointer: "\(path)/\(place)"))
                }
            case .memberships(let parts):
                for id in parts.keys.sorted() {
                    references.append(.init(instrumentID: id, pointer: "\(path)/\(pointerToken(id))"))
                }
            case .sector, .assetClass: continue
            }
        }
        return references
    }
}

extension MethodParameters {
    /// The instruments that methods are told of, in a fixed order, with pointers from the root of the request.
    var instrumentReferences: [InstrumentReference] {
        var references: [InstrumentReference] = []
        for (index, view) in (views ?? []).enumerated() {
            for id in view.instruments.keys.sorted() {
                references.append(
                    .init(instrumentID: id, pointer: "/views/\(index)/instruments/\(pointerToken(id))")
                )
            }
        }
        // All scenarios name the same instruments.
        for id in (scenarios?.first?.returns ?? [:]).keys.sorted() {
            references.append(.init(instrumentID: id, pointer: "/scenarios/0/returns/\(pointerToken(id))"))
        }
        for (list, terms) in [("custom_objective", customObjective), ("objectives", objectives)] {
            for (index, term) in (terms ?? []).enumerated() {
                for id in (term.scores ?? [:]).keys.sorted() {
                    references.append(
                        .init(instrumentID: id, pointer: "/\(list)/\(index)/scores/\(pointerToken(id))")
                    )
                }
            }
        }
        // Names of sectors and classes are held against the universe by the job, which has its instruments.
        let budgets = effectiveRiskBudgetsBy == .instrument ? riskBudgets : nil
        for (field, shares) in [("market_weights", marketWeights), ("risk_budgets", budgets)] {
            for id in (shares ?? [:]).keys.sorted() {
                references.append(.init(instrumentID: id, pointer: "/\(field)/\(pointerToken(id))"))
            }
        }
        for id in (horizon?.terminalTarget ?? [:]).keys.sorted() where id != "cash" {
            references.append(.init(instrumentID: id, pointer: "/horizon/terminal_target/\(pointerToken(id))"))
        }
        return references
    }
}

/// A name as a token of a JSON pointer (RFC 6901): `~` and `/` escaped.
package func pointerToken(_ name: String) -> String {
    guard name.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else { return name }
    return name.reduce(into: "") { text, character in
        switch character {
        case "~": text += "~0"
        case "/": text += "~1"
        default: text.append(character)
        }
    }
}
