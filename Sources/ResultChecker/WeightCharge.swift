internal import Glibc

/// What an objective is charged for one instrument's weight, a function of that weight alone.
///
/// c(x) = Σ rate · |x − at| + impact · |x − held|^{3/2} + fixed · [x ≠ held] + ½ bend (x − centre)²
/// + the tax of selling from what is held down to x.
struct WeightCharge {
    /// A charge on the distance from a weight: from what is held it is a trade's cost, from 0 the price of size.
    struct Kink {
        var at: Double
        var rate: Double
    }

    /// A part of what is held that is taxed alike when it is sold.
    struct Lot {
        var width: Double
        var rate: Double
    }

    /// The weight before trading.
    var held = 0.0
    var kinks: [Kink] = []
    var impact = 0.0
    /// b and the weight z of ½b(x − z)²; 0 where there is none.
    var bend = 0.0
    var bendCentre = 0.0
    /// What a trade costs whatever its size.
    var fixed = 0.0
    /// The lots in the order in which they are sold; the last has no end.
    var lots: [Lot] = []

    /// A smaller trade than this is a rounding.
    private static let noTrade = 1e-9

    /// Adds a charge on the distance from a weight.
    mutating func add(rate: Double, at place: Double) {
        guard rate != 0 else { return }
        if let index = kinks.firstIndex(where: { $0.at == place }) {
            kinks[index].rate += rate
        } else {
            kinks.append(Kink(at: place, rate: rate))
        }
    }

    /// The charge at a weight.
    func value(at weight: Double) -> Double {
        var total = 0.0
        for kink in kinks { total += kink.rate * abs(weight - kink.at) }
        let moved = abs(weight - held)
        if impact != 0 { total += impact * moved * moved.squareRoot() }
        if bend != 0 { total += 0.5 * bend * (weight - bendCentre) * (weight - bendCentre) }
        if fixed != 0, moved > Self.noTrade { total += fixed }
        guard !lots.isEmpty, weight < held else { return total }
        var left = held - weight
        for (index, lot) in lots.enumerated() where left > 0 {
            let sold = index + 1 == lots.count ? left : min(left, lot.width)
            total += lot.rate * sold
            left -= sold
        }
        return total
    }

    /// How steep the charge is just below and just above a weight.
    ///
    /// A kink that is no further away than the tolerance is taken to be there.
    func slopes(at weight: Double, tolerance: Double = 0) -> (below: Double, above: Double) {
        var (below, above) = (0.0, 0.0)
        for kink in kinks {
            below += weight > kink.at + tolerance ? kink.rate : -kink.rate
            above += weight < kink.at - tolerance ? -kink.rate : kink.rate
        }
        let bend = 1.5 * impact * abs(weight - held).squareRoot() * (weight < held ? -1 : 1)
        below += bend
        above += bend
        guard !lots.isEmpty, weight <= held + tolerance else { return (below, above) }
        var sold = 0.0
        let amount = held - weight
        for (index, lot) in lots.enumerated() {
            let end = index + 1 == lots.count ? Double.infinity : sold + lot.width
            // What is sold next is this lot's, what was sold last may be.
            if amount >= sold - tolerance, amount < end - tolerance { below -= lot.rate }
            if amount > sold + tolerance, amount <= end + tolerance { above -= lot.rate }
            sold = end
        }
        return (below, above)
    }

    /// The largest slope·x − c(x) between two weights, and where it is.
    ///
    /// Between its kinks the charge is a line and an impact, which is convex; so the largest is at a kink, at an end or
    /// where the slopes agree.
    func best(slope: Double, from lower: Double, to upper: Double) -> (weight: Double, worth: Double) {
        if impact == 0, lots.isEmpty, kinks.count <= 1, fixed == 0, bend == 0 {
            // The usual case, and the one that thousands of instruments are looked at in.
            let kink = kinks.first ?? Kink(at: lower, rate: 0)
            let stays = min(max(kink.at, lower), upper)
            let weight = slope > kink.rate ? upper : slope < -kink.rate ? lower : stays
            return (weight, slope * weight - kink.rate * abs(weight - kink.at))
        }
        var marks = [lower]
        func mark(_ place: Double) {
            if place > lower, place < upper { marks.append(place) }
        }
        for kink in kinks { mark(kink.at) }
        if impact != 0 || !lots.isEmpty || fixed != 0 { mark(held) }
        var sold = 0.0
        for lot in lots.dropLast() {
            sold += lot.width
            mark(held - sold)
        }
        marks.append(upper)
        marks.sort()
        if impact > 0 {
            for index in marks.indices.dropLast() where marks[index + 1] > marks[index] {
                let middle = marks[index] + (marks[index + 1] - marks[index]) / 2
                // Without the impact the charge is a line here: its slope is that in the middle.
                let bend = 1.5 * impact * abs(middle - held).squareRoot() * (middle < held ? -1 : 1)
                let left = slope - (slopes(at: middle).above - bend)
                let moved = left / (1.5 * impact)
                let place = held + (left < 0 ? -1 : 1) * moved * moved
                if place > marks[index], place < marks[index + 1] { marks.append(place) }
            }
        }
        if bend > 0 { addCrests(to: &marks, slope: slope) }
        var best = (weight: lower, worth: -Double.infinity)
        for place in marks {
            let worth = slope * place - value(at: place)
            if worth > best.worth { best = (place, worth) }
        }
        return best
    }

    /// Adds where the slope is that of the bend, between neighbouring marks; there is no impact beside it.
    private func addCrests(to marks: inout [Double], slope: Double) {
        for index in marks.indices.dropLast() where marks[index + 1] > marks[index] {
            let middle = marks[index] + (marks[index + 1] - marks[index]) / 2
            let place = bendCentre + (slope - slopes(at: middle).above) / bend
            if place > marks[index], place < marks[index + 1] { marks.append(place) }
        }
    }

    /// A number that no slope of the charge between two weights exceeds in size.
    func steepest(from lower: Double, to upper: Double) -> Double {
        let reach = max(abs(lower - held), abs(upper - held))
        var total = 1.5 * impact * reach.squareRoot()
        for kink in kinks { total += abs(kink.rate) }
        total += bend * max(abs(lower - bendCentre), abs(upper - bendCentre))
        for lot in lots { total = max(total, total + abs(lot.rate)) }
        return total
    }
}
