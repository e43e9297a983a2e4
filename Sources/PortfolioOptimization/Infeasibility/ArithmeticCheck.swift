internal import PortfolioModel

/// Contradictions that sums alone show, before any program is solved, in words with their numbers.
struct ArithmeticCheck {
    private let problem: AllocationProblem
    private let limits: AllocationLimits
    /// The most of each instrument that its own limits allow.
    private let caps: [Double]
    private let floors: [Double]
    private let currentWeights: [Double]

    private static let tolerance = AllocationLimits.tolerance

    init(problem: AllocationProblem, limits: AllocationLimits) {
        self.problem = problem
        self.limits = limits
        currentWeights = limits.currentWeights
        let underThreshold = Set(limits.thresholdInstruments)
        let floors = problem.instruments.indices.map { limits.weightLimits(of: $0).lower?.bound ?? 0 }
        self.floors = floors
        let most = limits.permitsShorts ? Double.infinity : 1
        caps = problem.instruments.indices.map { index in
            let cap = min(most, limits.weightLimits(of: index).upper?.bound ?? 1)
            let isOutOfReach = underThreshold.contains(index) && cap < limits.threshold?.bound ?? 0
            return isOutOfReach ? 0 : cap
        }
    }

    /// The first contradiction found, as a sentence; nil when sums show none.
    func clash() -> String? {
        for look in [limitsWithoutInstruments, floorsAboveCaps, grossBelowNet, floorsAboveOne, capsBelowOne] {
            if let found = look() { return found }
        }
        if let found = positionsOutOfReach() ?? largestBelowOne() { return found }
        let constraints = problem.constraints
        return classesBelowOne(constraints.maxSectorExposure, "max_sector_exposure", \.sector)
            ?? classesBelowOne(constraints.maxAssetClassExposure, "max_asset_class_exposure", \.assetClass)
            ?? groupsOutOfReach() ?? tradesAboveTurnover()
    }

    private var mostCash: Double { limits.cashLimits.upper?.bound ?? 1 }
    private var leastCash: Double { limits.cashLimits.lower?.bound ?? 0 }
    /// What must be in instruments at least.
    private var mustInvest: Double { 1 - mostCash }

    private func limitsWithoutInstruments() -> String? {
        for expression in limits.expressions where expression.terms.isEmpty {
            guard let lower = expression.lower, lower.excess == nil, lower.bound > Self.tolerance,
                let source = lower.parameter
            else {
                continue
            }
            let pointer = limits.parameters[source].pointer
            return "\(pointer) asks for at least \(readable(lower.bound)) where nothing may be held or earns anything."
        }
        return nil
    }

    private func floorsAboveCaps() -> String? {
        if leastCash > mostCash + Self.tolerance {
            return "min_cash \(readable(leastCash)) is above max_cash \(readable(mostCash))."
        }
        for index in floors.indices where floors[index] > caps[index] + Self.tolerance {
            let id = problem.instruments[index].id
            let side = limits.weightLimits(of: index)
            let floor = "\(name(of: side.lower) ?? "min_weights") asks for \(readable(floors[index])) of \(id)"
            guard problem.isTradable[index] else {
                return "\(floor), which is outside the universe and must be sold."
            }
            let cap = readable(caps[index])
            if let name = name(of: side.upper), name.hasPrefix(Self.change) {
                return "\(floor), of which \(name) allows at most \(cap)."
            }
            return "\(floor), of which at most \(cap) is allowed."
        }
        return nil
    }

    /// The field of the caller's that a bound comes from.
    private func name(of side: LimitSide?) -> String? {
        side?.parameter.flatMap { limits.parameters[$0].pointer.split(separator: "/").first.map(String.init) }
    }

    /// How the names of limits on changes begin.
    private static let change = "max_weight_change"

    /// The limits on changes that keep something held, to be named beside `min_weights`.
    private var changesOfFloors: String {
        let constraints = problem.constraints
        let kept = floors.indices.filter { floors[$0] > 0 }.map { problem.instruments[$0].id }
        let names = kept.filter { constraints.minWeights?[$0] == nil }.map { id in
            constraints.maxWeightChanges?[id] == nil ? Self.change : "\(Self.change)s"
        }
        return Set(names).sorted().map { " and \($0)" }.joined()
    }

    /// The limits on changes that bound some weights from above, likewise.
    private var changesOfCaps: String {
        let names = caps.indices.compactMap { name(of: limits.weightLimits(of: $0).upper) }
        return Set(names.filter { $0.hasPrefix(Self.change) }).sorted().map { " and \($0)" }.joined()
    }

    private func grossBelowNet() -> String? {
        guard let index = limits.grossExpression, let gross = limits.expressions[index].upper?.bound else { return nil }
        guard gross < mustInvest - Self.tolerance else { return nil }
        return "max_gross_exposure \(readable(gross)) is less than the \(readable(mustInvest)) that must be invested."
    }

    private func floorsAboveOne() -> String? {
        let total = floors.reduce(leastCash, +)
        guard total > 1 + Self.tolerance else { return nil }
        let cash = leastCash > 0 ? " and min_cash" : ""
        let changes = changesOfFloors
        return "min_weights\(changes)\(cash) sum to \(readable(total)) > 1."
    }

    private func capsBelowOne() -> String? {
        let total = caps.reduce(0, +)
        guard total < mustInvest - Self.tolerance else { return nil }
        let usable = caps.filter { $0 > 0 }
        let must = "the \(readable(mustInvest)) that must be invested"
        if let cap = usable.first, usable.allSatisfy({ $0 == cap }) {
            return "\(usable.count) instruments × \(readable(cap)) = \(readable(total)) < \(must)."
        }
        let changes = changesOfCaps
        let which = changes.isEmpty ? "" : ", their own\(changes),"
        return
            "The upper weights\(which) of the \(usable.count) instruments that may be held sum to \(readable(total)) <"
            + " \(must)."
    }

    private func positionsOutOfReach() -> String? {
        guard let limit = limits.positionLimit else { return nil }
        let most = readable(limit.side.bound)
        if limit.room < 0 {
            let changes = changesOfFloors
            return
                "\(limit.alwaysHeld) instruments have a floor in min_weights\(changes), more than max_positions \(most)."
        }
        let isCounted = Set(limit.counted)
        let chosen = limit.counted.map { caps[$0] }.filter { $0 > 0 }.sorted(by: >).prefix(limit.room)
        let floored = caps.indices.filter { !isCounted.contains($0) }.map { caps[$0] }.filter { $0 > 0 }
        let total = chosen.reduce(floored.reduce(0, +), +)
        guard total < mustInvest - Self.tolerance else { return nil }
        let must = "the \(readable(mustInvest)) that must be invested"
        let usable = floored + chosen
        if let cap = usable.first, usable.allSatisfy({ $0 == cap }) {
            return "\(usable.count) positions × \(readable(cap)) = \(readable(total)) < \(must)."
        }
        return "The upper weights of the \(most) largest positions sum to \(readable(total)) < \(must)."
    }

    /// The k largest of n are at least k/n of all of them.
    private func largestBelowOne() -> String? {
        guard !limits.permitsShorts else { return nil }
        for sum in limits.largestSums {
            guard let upper = limits.expressions[sum.limit].upper, upper.excess == nil else { continue }
            let most = upper.bound
            let usable = sum.members.count { caps[$0] > 0 }
            let room = most * Double(max(usable, sum.count)) / Double(sum.count)
            guard room < mustInvest - Self.tolerance else { continue }
            return
                "With the \(sum.count) largest of \(usable) positions at no more than \(readable(most)) by"
                + " largest_positions all of them hold at most \(readable(room)), less than the"
                + " \(readable(mustInvest)) that must be invested."
        }
        return nil
    }

    private func classesBelowOne(_ limit: Double?, _ name: String, _ key: KeyPath<Instrument, String?>) -> String? {
        let isSoft = problem.constraints.softLimits?.contains { $0.limit == "/" + name } == true
        guard let limit, !isSoft else { return nil }
        var roomByClass: [String: Double] = [:]
        var unclassified = 0.0
        for (index, instrument) in problem.instruments.enumerated() {
            if let name = instrument[keyPath: key] {
                roomByClass[name, default: 0] += max(0, caps[index])
            } else {
                unclassified += caps[index]
            }
        }
        let classRooms = roomByClass.map { subject, room in
            min(room, problem.grandfathering.most("/" + name, subject: subject, limit))
        }
        .sorted()
        let total = classRooms.reduce(unclassified, +)
        guard total < mustInvest - Self.tolerance else { return nil }
        let rest = unclassified > 0 ? " and \(readable(unclassified)) of instruments without one" : ""
        return
            "\(name) \(readable(limit)) leaves room for \(readable(total)) in \(classRooms.count) of them\(rest), less"
            + " than the \(readable(mustInvest)) that must be invested."
    }

    private func groupsOutOfReach() -> String? {
        for expression in limits.expressions {
            guard let lower = expression.lower, lower.excess == nil, let source = lower.parameter,
                limits.parameters[source].pointer.hasPrefix("/groups/")
            else { continue }
            let room = expression.terms.reduce(0) { $0 + $1.coefficient * caps[$1.variable] }
            guard lower.bound > room + Self.tolerance else { continue }
            return
                "\(limits.parameters[source].pointer) asks for \(readable(lower.bound)) of instruments of which at most"
                + " \(readable(room)) is allowed."
        }
        return nil
    }

    private func tradesAboveTurnover() -> String? {
        guard let limit = limits.turnoverLimit?.bound else { return nil }
        let currentCash = currentWeights[limits.layout.cash]
        var sales = max(0, currentCash - mostCash)
        var purchases = max(0, leastCash - currentCash)
        for index in caps.indices {
            sales += max(0, currentWeights[index] - caps[index])
            purchases += max(0, floors[index] - currentWeights[index])
        }
        let forced = max(sales, purchases)
        guard forced > limit + Self.tolerance else { return nil }
        let what = sales >= purchases ? "sales" : "purchases"
        return
            "The other limits force \(what) of \(readable(forced)), more than max_turnover \(readable(limit)) allows."
    }
}

/// A number for a sentence: ten decimals at most.
func readable(_ value: Double) -> String {
    let rounded = (value * 1e10).rounded() / 1e10
    guard rounded.isFinite, abs(rounded) < 1e6, rounded != 0 || value == 0 else { return "\(value)" }
    return rounded == rounded.rounded() && abs(rounded) < 1e6 ? "\(Int(exactly: rounded) ?? 0)" : "\(rounded)"
}
