/// Hears of ended jobs over a connection of its own; a lost one is made anew whenever the news are taken.
final class PostgresJobNotifications: JobNotifications {
    private let session: PostgresSession

    init(url: String, applicationName: String) {
        session = PostgresSession(url: url, applicationName: applicationName)
        _ = takeEnded()
    }

    var fileDescriptor: Int32? {
        guard let connection = try? session.connected(), connection.isListening(to: Channel.jobEnded) else {
            return nil
        }
        return connection.fileDescriptor
    }

    func takeEnded() -> [String]? {
        do {
            let connection = try session.connected()
            guard connection.isListening(to: Channel.jobEnded) else {
                // What ended before the connection listened was told to nobody.
                try connection.listen(to: Channel.jobEnded)
                return nil
            }
            return try connection.takeNotifications(of: Channel.jobEnded)
        } catch {
            session.drop()
            return nil
        }
    }
}
