/// What must hold of an identifier for a new version to be stored under it.
package enum WritePrecondition: Equatable, Sendable {
    /// Nothing: whatever is there gets a successor.
    case none
    /// Its newest version is one of these.
    case newestIsOneOf([Int])
    /// There is a version.
    case exists
    /// There is none yet.
    case isNew
}
