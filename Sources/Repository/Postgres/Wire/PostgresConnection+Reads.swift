extension PostgresConnection {
    /// A statement that reads, and whose rows it may see.
    struct Read {
        let call: StatementCall
        let tenant: String
    }

    /// Runs reads for any number of tenants in one round trip and as one transaction; returns a result for each.
    ///
    /// One mark at the end instead of one a read: the server begins, ends and sends once for all of them. A fault of one
    /// is a fault of all.
    func run(_ reads: [Read]) throws(WireFault) -> [StatementResult] {
        var calls: [StatementCall] = []
        calls.reserveCapacity(reads.count + 1)
        var settings: Set<Int> = []
        var tenant = tenant
        for read in reads {
            if read.tenant != tenant {
                settings.insert(calls.count)
                calls.append(Self.setTenant(.text(read.tenant)))
                tenant = read.tenant
            }
            calls.append(read.call)
        }
        let awaited = try send(calls)
        do {
            let results = try receive(awaited)
            self.tenant = tenant
            return settings.isEmpty ? results : results.indices.filter { !settings.contains($0) }.map { results[$0] }
        } catch {
            self.tenant = nil  // rolled back with the rest
            throw error
        }
    }
}
