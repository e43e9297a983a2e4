import PortfolioModel
import Repository
import TestSupport
import Testing

@Suite("Conditional puts in PostgreSQL")
struct ConditionalPutTests {
    let fixture: Fixture

    init() throws { fixture = try Fixture() }

    /// Puts either kind of input, for both must behave alike.
    private enum Kind: CaseIterable, Sendable {
        case portfolio, riskModel

        func put(_ inputs: any InputRepository, tenant: String, if precondition: WritePrecondition) throws
            -> StoredVersion
        {
            switch self {
            case .portfolio: try inputs.putPortfolio(.sample, id: "x", tenant: tenant, if: precondition)
            case .riskModel: try inputs.putRiskModel(.sample, id: "x", tenant: tenant, if: precondition)
            }
        }
    }

    @Test func `a put that depends on a version follows that version and no other`() throws {
        for kind in Kind.allCases {
            let inputs = fixture.inputs
            #expect(try kind.put(inputs, tenant: "a", if: .isNew).version == 1)
            #expect(try kind.put(inputs, tenant: "a", if: .newestIsOneOf([1])).version == 2)
            #expect(try kind.put(inputs, tenant: "a", if: .newestIsOneOf([1, 2])).version == 3)
            #expect(try kind.put(inputs, tenant: "a", if: .exists).version == 4)
            for precondition in [WritePrecondition.newestIsOneOf([1, 3, 5]), .newestIsOneOf([]), .isNew] {
                #expect(
                    performing: { try kind.put(inputs, tenant: "a", if: precondition) },
                    throws: { isFailed($0, newest: 4) }
                )
            }
            #expect(try kind.put(inputs, tenant: "a", if: .none).version == 5)
        }
    }

    @Test func `a put that fails leaves no trace, and its identifier free`() throws {
        for kind in Kind.allCases {
            for precondition in [WritePrecondition.exists, .newestIsOneOf([0]), .newestIsOneOf([1])] {
                #expect(
                    performing: { try kind.put(fixture.inputs, tenant: "a", if: precondition) },
                    throws: { isFailed($0, newest: nil) }
                )
            }
            #expect(try kind.put(fixture.inputs, tenant: "b", if: .isNew).isNew)
        }
    }

    @Test func `another tenant's identifier is taken for who wants it new, and not there for who knows it`() throws {
        for kind in Kind.allCases {
            _ = try kind.put(fixture.inputs, tenant: "a", if: .none)
            #expect(performing: { try kind.put(fixture.inputs, tenant: "b", if: .isNew) }, throws: isTaken)
            for precondition in [WritePrecondition.exists, .newestIsOneOf([1])] {
                #expect(
                    performing: { try kind.put(fixture.inputs, tenant: "b", if: precondition) },
                    throws: { isFailed($0, newest: nil) }
                )
            }
        }
    }

    @Test func `of many puts at once that depend on the same version one succeeds`() throws {
        let fixture = fixture
        for kind in Kind.allCases {
            for (round, precondition) in [WritePrecondition.isNew, .newestIsOneOf([1]), .newestIsOneOf([2])]
                .enumerated()
            {
                let versions = try inParallel(threads: 8) { _ -> Int? in
                    do {
                        return try kind.put(fixture.inputs, tenant: "a", if: precondition).version
                    } catch RepositoryError.preconditionFailed {
                        return nil
                    }
                }
                #expect(versions.compactMap { $0 } == [round + 1])
            }
        }
    }

    @Test func `no update is lost when many read, change and put back`() throws {
        let fixture = fixture
        _ = try fixture.inputs.putPortfolio(.sample, id: "x", tenant: "a")
        let start = Portfolio.sample.cash
        _ = try inParallel(threads: 5) { _ in
            let inputs = fixture.inputs
            for _ in 0..<4 {
                var isStored = false
                while !isStored {
                    guard var read = try inputs.portfolio(id: "x", tenant: "a") else { continue }
                    read.value.cash += 1
                    do {
                        _ = try inputs.putPortfolio(
                            read.value,
                            id: "x",
                            tenant: "a",
                            if: .newestIsOneOf([read.version])
                        )
                        isStored = true
                    } catch RepositoryError.preconditionFailed {}
                }
            }
        }
        let end = try #require(try fixture.inputs.portfolio(id: "x", tenant: "a"))
        #expect(end.value.cash == start + 20 && end.version == 21)
    }
}

/// Whether an error says that the precondition does not hold, and what the newest version is.
private func isFailed(_ error: any Error, newest: Int?) -> Bool {
    if case RepositoryError.preconditionFailed(newest) = error { return true }
    return false
}
