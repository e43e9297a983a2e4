import Repository

/// Runs a storage operation and says its errors in this floor's words.
///
/// `resource` and `id` name what the operation is about, for an identifier that another tenant holds.
func withStore<Value>(
    about resource: ServiceError.Resource,
    id: String,
    _ operation: () throws -> Value
) throws(ServiceError) -> Value {
    do {
        return try operation()
    } catch let error as RepositoryError {
        switch error {
        case .unavailable(let underlying): throw .unavailable(reason: underlying)
        case .queueFull(let full):
            throw .queueFull(isTenants: full.limit == .tenant, retryAfterSeconds: full.retryAfterSeconds)
        case .missing: throw .notFound(resource, id: id)
        case .identifierTaken: throw .identifierTaken(resource, id: id)
        case .preconditionFailed(let newest): throw .preconditionFailed(resource, id: id, newestVersion: newest)
        case .refused(let sqlState, let message): throw .defect(reason: "refused with \(sqlState): \(message)")
        case .unreadable(let what): throw .defect(reason: "unreadable: \(what)")
        }
    } catch {
        throw .defect(reason: "\(error)")
    }
}
