/// Asks the database whether it can serve this build.
final class PostgresDatabaseHealth: DatabaseHealth {
    private let session: PostgresSession

    init(session: PostgresSession) { self.session = session }

    /// The newest migration that this build relies on.
    ///
    /// Migrations deploy in the order of their plan, so that one which is there has all before it; newer ones do no harm.
    static let requiredMigration = "explanations"

    func isReady() -> Bool {
        guard
            let row = try? session.run([Self.isReady(.text(Self.requiredMigration))], repetition: .harmless)[0].firstRow
        else { return false }
        var reader = row
        return (try? reader.boolean()) ?? false
    }

    private static let isReady = Statement(
        "health.isReady",
        """
        SELECT NOT pg_is_in_recovery()
           AND EXISTS (SELECT FROM sqitch.changes WHERE project = 'portfolio' AND change = $1)
        """
    )
}
