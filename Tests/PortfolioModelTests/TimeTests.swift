import PortfolioModel
import TestSupport
import Testing

@Suite("Time")
struct TimeTests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0),
            ("2025-06-20T14:30:00Z", 1_750_429_800_000_000),
            ("2025-06-20T14:30:00.5Z", 1_750_429_800_500_000),
            ("2025-06-20T16:30:00+02:00", 1_750_429_800_000_000),
            ("2024-02-29T23:59:59.123456Z", 1_709_251_199_123_456),
            ("1969-12-31T23:59:59.999Z", -1000),
        ] as [(String, Int64)]
    )
    func `RFC 3339 text is read to the microsecond`(text: String, microseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "", "2025-06-20", "2025-06-20 14:30:00Z", "2025-06-20T14:30:00", "2025-02-29T00:00:00Z", "2025-13-01T00:00:00Z",
        "2025-06-20T24:00:00Z", "2025-06-20T14:60:00Z", "2025-06-20T14:30:00.Z", "2025-06-20T14:30:00Zx",
        "2025-06-20T14:30:00+0200", "2025-06-20T14:30:00+25:00", "２025-06-20T14:30:00Z", "2025-06-20T14:30:0aZ",
    ])
    func `other text is refused`(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test(arguments: 0..<200)
    func `writing and reading give the same moment`(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let moment = Timestamp(
            microseconds: Int64.random(in: -30_000_000_000_000_000...30_000_000_000_000_000, using: &generator)
        )
        #expect(Timestamp(rfc3339: moment.rfc3339) == moment)
    }

    @Test func `a day is the number of days since 1970, in leap years too`() throws {
        for (text, days) in [("1970-01-01", 0), ("2000-02-29", 11_016), ("2000-03-01", 11_017), ("1969-12-31", -1)] {
            let day = try #require(CalendarDate(text))
            #expect(day.daysSinceEpoch == days)
            #expect(CalendarDate(daysSinceEpoch: days) == day)
            #expect(day.description == text)
        }
        #expect(CalendarDate("1900-02-29") == nil)
        #expect(CalendarDate("2025-00-10") == nil)
        #expect(CalendarDate("2025-04-31") == nil)
    }

    @Test func `the anniversary of a leap day is the last of February`() throws {
        #expect(CalendarDate("2024-02-29")?.anniversary == CalendarDate("2025-02-28"))
        #expect(CalendarDate("2023-03-01")?.anniversary == CalendarDate("2024-03-01"))
    }
}

@Suite("Limits laid over limits")
struct OverrideTests {
    @Test func `the request wins field by field and map entry by map entry`() {
        var portfolio = Constraints()
        portfolio.maxPositionSize = 0.1
        portfolio.maxCash = 0.05
        portfolio.maxWeights = ["BND": 0.4, "VTI": 0.25]
        var request = Constraints()
        request.maxPositionSize = 0
        request.maxWeights = ["BND": 0.3, "GLD": 0.1]

        let inForce = portfolio.overridden(by: request)

        #expect(inForce.maxPositionSize == 0)
        #expect(inForce.maxCash == 0.05)
        #expect(inForce.maxWeights == ["BND": 0.3, "VTI": 0.25, "GLD": 0.1])
        #expect(inForce.maxTurnover == nil)
    }

    @Test func `unset preferences fall through to the portfolio's, then to the defaults`() {
        var portfolio = Preferences()
        portfolio.riskFreeRate = 0.02
        portfolio.includeTransactionCosts = true
        var request = Preferences()
        request.includeTransactionCosts = false

        let inForce = portfolio.overridden(by: request)

        #expect(inForce.effectiveRiskFreeRate == 0.02)
        #expect(inForce.includeTransactionCosts == false)
        #expect(inForce.effectiveRiskAversion == 2.5)
    }
}

@Suite("Trading costs")
struct TransactionCostTests {
    @Test func `the three parts of a cost add up, and nothing costs nothing`() {
        let cost = TransactionCost(proportional: 0.001, fixed: 5, impact: 0.1, averageDailyValue: 1_000_000)
        #expect(cost.cost(ofTrading: 0) == 0)
        #expect(abs(cost.cost(ofTrading: 10_000) - (10 + 5 + 0.1 * 10_000 * 0.1)) < 1e-9)
    }
}
