/// A caller's key, and what it stands for.
package struct SubmissionKey: Equatable, Sendable {
    /// The key, as the caller sent it: 1 to 255 visible characters.
    package var text: String
    /// Method and path, such as `POST /api/v1/optimizations`.
    package var operation: String
    /// The body in its canonical form, so that white space and the order of members do not matter.
    package var body: [UInt8]

    package init(text: String, operation: String, body: [UInt8]) {
        self.text = text
        self.operation = operation
        self.body = body
    }
}
