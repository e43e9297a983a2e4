// Times rebalance plans of random books, and compares small ones with exhaustive search.
//
//     rebalance-plans time 25 20           # 20 books of 25 names
//     rebalance-plans fractions 500 10     # without integer limits
//     rebalance-plans fractions 500 10 plain linear   # without taxes, without impact
//     rebalance-plans few 500 5 [seconds]  # at most ten trades, within a time
//     rebalance-plans exhaustive 8 200     # against every plan there is
//     rebalance-plans replay 12 1000       # replayed by the checker
import Foundation
import PortfolioModel
import PortfolioOptimization
import ResultChecker
import TestSupport

func seconds(_ work: () -> Void) -> Double {
    let clock = ContinuousClock()
    let duration = clock.measure(work)
    return Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
}

/// User time of this process: what else the machine does is not in it.
func processorSeconds() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_utime.tv_sec) + Double(usage.ru_utime.tv_usec) * 1e-6
}

func taxOfSale(_ book: TradingBook) -> (Instrument, Double) -> Double {
    let portfolio = book.snapshot.portfolio
    let preferences = portfolio.preferences
    let usual: TaxLotMethod = preferences.considerTaxImplications == true ? .minimumTax : .hifo
    let method: TaxLotMethod =
        switch book.request.taxLotMethod {
        case .fifo: .fifo
        case .lifo: .lifo
        case .hifo: .hifo
        case .minTax: .minimumTax
        case .specific, nil: usual
        }
    return { instrument, units in
        let circumstances = SaleCircumstances(
            price: instrument.price,
            date: portfolio.asOf.date,
            shortTermRate: preferences.shortTermTaxRate ?? 0,
            longTermRate: preferences.longTermTaxRate ?? 0,
            purchases: portfolio.recentTrades.filter { $0.instrumentID == instrument.id }
        )
        let lots = portfolio.positions.filter { $0.instrumentID == instrument.id }.flatMap(\.taxLots)
        let sold = soldLots(of: lots, selling: units, method: method, circumstances: circumstances)
        return sold.reduce(0) { total, lot in
            let rate = (lot.term == .long ? preferences.longTermTaxRate : preferences.shortTermTaxRate) ?? 0
            return total + rate * (lot.gain + lot.disallowedLoss)
        }
    }
}

func describe(_ book: TradingBook, _ label: String, until limit: Double? = nil) {
    var line = ""
    let start = ContinuousClock.now
    let processor = processorSeconds()
    let time = seconds {
        do {
            let plan = try planRebalance(book.request, snapshot: book.snapshot, moments: book.moments) {
                limit.map { ContinuousClock.now - start > .seconds($0) } ?? false
            }
            let objective = plan.metrics.objective
            line =
                "objective \(objective) gap \(plan.report.relativeGap) trades \(plan.trades.count) "
                + "active \(plan.metrics.activeRiskBefore) -> \(plan.metrics.activeRisk) solves \(plan.report.iterations)"
        } catch {
            line = "\(error)"
        }
    }
    let used = Int((processorSeconds() - processor) * 1e3)
    print("\(label) \(Int(time * 1e4) / 10) ms, \(used) ms of CPU: \(line)")
}

func compare(seed: UInt64, count: Int) -> (isEqual: Bool, looked: Int)? {
    var shape = TradingBook.Shape(count: count)
    if arguments.count > 3, let only = UInt64(arguments[3]), only != seed { return nil }
    shape.lotsPerHolding = count <= 4 ? 4 : (count <= 6 ? 2 : 1)
    let book = TradingBook(seed: seed, shape: shape)
    guard let best = ExhaustivePlan(book, most: 3_000_000, tax: taxOfSale(book)) else { return nil }
    do {
        let plan = try planRebalance(book.request, snapshot: book.snapshot, moments: book.moments)
        let slack = 1e-9 * max(abs(best.objective), 1e-8) + 1e-6 * abs(best.objective)
        let isEqual = plan.metrics.objective <= best.objective + slack
        let proven = plan.metrics.objective - plan.report.relativeGap * max(abs(plan.metrics.objective), 1e-8)
        let isSound = proven <= best.objective + slack
        if !isEqual || !isSound {
            print("seed \(seed): plan \(plan.metrics.objective) gap \(plan.report.relativeGap), best \(best.objective)")
            for (i, x) in book.snapshot.instruments.enumerated() {
                let p = book.snapshot.portfolio.positions.first { $0.instrumentID == x.id }
                print(
                    "   ",
                    x.id,
                    "price",
                    x.price,
                    "lot",
                    x.lotSize ?? 0,
                    "held",
                    p?.quantity ?? 0,
                    p?.taxLots.map { ($0.quantity, $0.costBasis, "\($0.acquiredAt)") } ?? [],
                    x.cost as Any,
                    x.sector as Any,
                    "best",
                    best.changes[i]
                )
            }
            print(
                "   ",
                book.request.constraints,
                book.request.maxTrades as Any,
                book.request.minTradeSize as Any,
                book.request.taxLotMethod as Any,
                book.snapshot.portfolio.preferences,
                book.snapshot.portfolio.recentTrades,
                book.snapshot.portfolio.cash
            )
            print(
                "  ",
                best.changes,
                plan.trades.map { "\($0.trade.action) \($0.trade.quantity) \($0.trade.instrumentID)" }
            )
        }
        return (isEqual && isSound, best.looked)
    } catch {
        if best.objective < .infinity {
            print("seed \(seed): \(error.code), best \(best.objective)", best.changes)
            return (false, best.looked)
        }
        return (true, best.looked)
    }
}

let arguments = CommandLine.arguments.dropFirst().map { $0 }
guard arguments.count >= 3, let count = Int(arguments[1]), let books = Int(arguments[2]) else {
    print("rebalance-plans time|fractions|few|exhaustive COUNT BOOKS [SECONDS]")
    exit(2)
}
switch arguments[0] {
case "exhaustive":
    var (equal, all, skipped) = (0, 0, 0)
    for seed in 0..<UInt64(books) {
        guard let outcome = compare(seed: seed, count: count) else {
            skipped += 1
            continue
        }
        all += 1
        if outcome.isEqual { equal += 1 }
    }
    print("\(equal) of \(all) as good as exhaustive search, \(skipped) too large")
    exit(equal == all ? 0 : 1)
case "replay":
    var (planned, failed, wrong) = (0, [String: Int](), 0)
    for seed in 0..<UInt64(books) {
        var shape = TradingBook.Shape(count: 1 + Int(seed) % count)
        shape.wholeLots = seed % 4 != 3
        shape.lotsPerHolding = seed % 2 == 0 ? 30 : 5
        var book = TradingBook(seed: seed, shape: shape)
        if seed % 5 == 0 { book.request.constraints.maxCash = nil }
        if seed % 7 == 0 { book.request.driftBand = 0.05 }
        if seed % 11 == 0 { book.snapshot.portfolio.universe = Array(book.moments.instruments.dropFirst(count / 4)) }
        let targets: [RebalanceTarget] = [.custom, .custom, .equalWeight, .riskParity, .minRisk, .optimal]
        book.request.target = targets[Int(seed) % targets.count]
        if book.request.target != .custom { book.request.targetAllocation = nil }
        do {
            let plan = try planRebalance(book.request, snapshot: book.snapshot, moments: book.moments)
            let result = try plan.result(of: book.request, snapshot: book.snapshot, moments: book.moments)
            let check = RebalanceCheck(snapshot: book.snapshot, moments: book.moments, request: book.request)
            let violations = check.violations(in: result)
            planned += 1
            if !violations.isEmpty {
                wrong += 1
                print("seed \(seed):", violations.prefix(4).map(\.description))
            }
        } catch {
            failed[error.code, default: 0] += 1
        }
    }
    print("\(planned) planned, \(wrong) wrong, \(failed)")
    exit(wrong == 0 ? 0 : 1)
default:
    for seed in 0..<UInt64(books) {
        var shape = TradingBook.Shape(count: count)
        if arguments[0] == "fractions" {
            shape.wholeLots = false
            shape.withFixedCosts = false
            shape.withTrading = false
        }
        if arguments.contains("plain") { shape.withTaxes = false }
        if arguments.contains("linear") { shape.withImpact = false }
        var book = TradingBook(seed: seed, shape: shape)
        if arguments.contains("mintax") {
            book.request.taxLotMethod = .minTax
            book.snapshot.portfolio.preferences.considerTaxImplications = true
            book.snapshot.portfolio.recentTrades = []
        }
        if arguments[0] == "few" {
            book.request.maxTrades = 10
            book.request.constraints.maxTurnover = nil
        }
        let limit = arguments.compactMap(Double.init).dropFirst(2).first
        book.request.preferences.timeLimitSeconds = limit
        describe(book, "book \(seed)", until: limit)
    }
}
