package import PortfolioModel
package import Repository

/// Stores instruments: new ones are added, known ones replaced, all or none.
package final class PutInstruments {
    private let inputs: any InputRepository

    package init(inputs: any InputRepository) { self.inputs = inputs }

    /// Stores the instruments as one new version of the tenant's instruments, and returns that version.
    package func callAsFunction(_ instruments: [Instrument], tenant: String) throws(ServiceError) -> Int {
        try withStore(about: .instrument, id: "") { try inputs.putInstruments(instruments, tenant: tenant) }
    }
}
