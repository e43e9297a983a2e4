/// A storage operation that did not happen.
package enum RepositoryError: Error, Sendable {
    /// The database cannot be reached, is starting, or gave up: trying again later may succeed.
    case unavailable(underlying: String)
    /// The identifier belongs to another tenant.
    case identifierTaken
    /// What a put was to depend on does not hold; nothing was stored. The newest version is told when there is one.
    case preconditionFailed(newestVersion: Int?)
    /// The queue takes no more in for now; nothing was stored.
    case queueFull(QueueFull)
    /// What a statement needs is not there: a portfolio of a submission.
    case missing(what: String)
    /// The server refused a statement: a bug of ours; the text is for the log, never for the wire.
    case refused(sqlState: String, message: String)
    /// A stored value cannot be read back: a bug of ours.
    case unreadable(what: String)
}
