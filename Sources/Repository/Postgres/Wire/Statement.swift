/// A statement with the name it is prepared under.
struct Statement: Sendable {
    /// Unique among all statements; server statistics show it as a comment.
    let name: String
    /// The text, beginning with the name as a comment.
    let sql: String

    init(_ name: String, _ sql: String) {
        self.name = name
        self.sql = "/* \(name) */\n\(sql)"
    }

    /// The statement with values for its parameters.
    func callAsFunction(_ parameters: StatementParameter...) -> StatementCall {
        StatementCall(statement: self, parameters: parameters)
    }
}

/// A statement and the values of its parameters.
struct StatementCall {
    let statement: Statement
    let parameters: [StatementParameter]
}
