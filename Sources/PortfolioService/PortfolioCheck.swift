import PortfolioModel

/// Holds a portfolio against its risk model and its instruments, and lists every fault.
struct PortfolioCheck {
    /// How far the lots' sum may lie from the quantity, relative to it: rounding of decimal fractions, no more.
    private static let lotTolerance = 1e-9
    /// Instruments named in the one fault about a risk model whose instruments were not all put.
    private static let namedInstruments = 10

    /// The portfolio.
    var portfolio: Portfolio
    /// What it names, and where.
    var references: [InstrumentReference]
    /// The risk model's instruments; nil when there is no such model.
    var modelled: [String]?
    /// The instruments that exist, by id.
    var instruments: [String: Instrument]

    /// Every fault, in the document's order of concern.
    var faults: [Fault] {
        riskModelFaults + referenceFaults + lotFaults + valueFaults
    }

    private var riskModelFaults: [Fault] {
        guard let modelled else {
            return [
                Fault(
                    pointer: "/risk_model_id",
                    code: "unknown_risk_model",
                    message: "there is no risk model '\(portfolio.riskModelID)'"
                )
            ]
        }
        guard portfolio.universe == nil else { return [] }
        let missing = modelled.filter { instruments[$0] == nil }
        guard !missing.isEmpty else { return foreignCurrencyFaults(modelled) }
        let names = missing.prefix(Self.namedInstruments).map { "'\($0)'" }.joined(separator: ", ")
        return [
            Fault(
                pointer: "/risk_model_id",
                code: "unknown_instrument",
                message: "without a universe every instrument of the risk model may be held, but \(missing.count) of "
                    + "them have no price: \(names)\(missing.count > Self.namedInstruments ? ", …" : "")"
            )
        ]
    }

    /// Instruments that only the default universe brings in and that are in another currency.
    private func foreignCurrencyFaults(_ modelled: [String]) -> [Fault] {
        let referenced = Set(references.map(\.instrumentID))
        let foreign = modelled.filter { !referenced.contains($0) && !isInBaseCurrency($0) }
        guard let first = foreign.first else { return [] }
        return [
            Fault(
                pointer: "/risk_model_id",
                code: "currency_mismatch",
                message: "without a universe every instrument of the risk model may be held, but \(foreign.count) of "
                    + "them, '\(first)' first, are not in \(portfolio.baseCurrency)"
            )
        ]
    }

    private var referenceFaults: [Fault] {
        let inModel = modelled.map(Set.init)
        return references.compactMap { reference in
            let id = reference.instrumentID
            if let inModel, !inModel.contains(id) {
                return Fault(
                    pointer: reference.pointer,
                    code: "unknown_instrument",
                    message: "risk model '\(portfolio.riskModelID)' has no instrument '\(id)'"
                )
            }
            guard let instrument = instruments[id] else {
                return Fault(
                    pointer: reference.pointer,
                    code: "unknown_instrument",
                    message: "there is no instrument '\(id)': put it with its price first"
                )
            }
            guard isInBaseCurrency(id) else {
                return Fault(
                    pointer: reference.pointer,
                    code: "currency_mismatch",
                    message: "'\(id)' is in \(instrument.currency ?? ""), the portfolio in \(portfolio.baseCurrency)"
                )
            }
            return nil
        }
    }

    private var lotFaults: [Fault] {
        portfolio.positions.enumerated().compactMap { index, position in
            guard !position.taxLots.isEmpty else { return nil }
            let sum = position.taxLots.reduce(0) { $0 + $1.quantity }
            guard (sum - position.quantity).magnitude > Self.lotTolerance * max(1, position.quantity) else {
                return nil
            }
            return Fault(
                pointer: "/positions/\(index)/tax_lots",
                code: "wrong_sum",
                message: "the lots sum to \(sum), the quantity is \(position.quantity)"
            )
        }
    }

    private var valueFaults: [Fault] {
        var value = portfolio.cash
        for position in portfolio.positions {
            // Without a price there is a fault already, and a sum would mislead.
            guard let instrument = instruments[position.instrumentID] else { return [] }
            value += position.quantity * instrument.price
        }
        guard value > 0, value.isFinite else {
            return [
                Fault(
                    pointer: "",
                    code: "no_value",
                    message: "positions at price and cash are worth \(value); weights need a positive, finite value"
                )
            ]
        }
        return []
    }

    private func isInBaseCurrency(_ id: String) -> Bool {
        guard let currency = instruments[id]?.currency else { return true }
        return currency == portfolio.baseCurrency
    }
}
