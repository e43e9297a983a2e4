/// Reads of several requests that go to the database in one round trip.
///
/// They are gathered until somebody needs the first result; from then on the set is closed.
final class GatheredReads {
    /// More are not gathered into one round trip: their results are in memory together.
    static let limit = 32

    private var reads: [PostgresConnection.Read] = []
    private var results: [StatementResult?] = []
    private var failure: RepositoryError?
    private var hasRun = false

    /// Whether another read may join.
    var isOpen: Bool { !hasRun && reads.count < Self.limit }

    /// Adds a read; its number is what ``takeResult(_:over:)`` wants.
    func add(_ read: PostgresConnection.Read) -> Int {
        reads.append(read)
        return reads.count - 1
    }

    /// The result of a read, each once; runs all of them when it is the first that is asked for.
    ///
    /// What refused one of them is no fault of the others: then this one is run alone. An outage is told to all.
    func takeResult(_ index: Int, over session: PostgresSession) throws(RepositoryError) -> StatementResult {
        if !hasRun { run(over: session) }
        if let result = results.indices.contains(index) ? results[index] : nil {
            results[index] = nil
            return result
        }
        if let failure, case .unavailable = failure { throw failure }
        return try session.run([reads[index]])[0]
    }

    private func run(over session: PostgresSession) {
        hasRun = true
        do throws(RepositoryError) {
            results = try session.run(reads)
        } catch {
            failure = error
        }
    }
}

extension PostgresOptimizationRepository {
    func gatherOptimization(id: String, tenant: String) -> () throws -> OptimizationState? {
        let reads = gatheredReads.flatMap { $0.isOpen ? $0 : nil } ?? GatheredReads()
        gatheredReads = reads
        let call = Self.optimization(.text(id), .text(tenant))
        let index = reads.add(PostgresConnection.Read(call: call, tenant: tenant))
        return { [session] in try Self.state(in: reads.takeResult(index, over: session)) }
    }
}
