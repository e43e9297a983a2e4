import JSON
import PortfolioModel

/// What a result says of limits that are not in force as they were given.
extension DocumentEncoder {
    /// Writes `grandfathered_limits` where breaches of the holdings were to be let be.
    static func writeGrandfathered(
        _ limits: [GrandfatheredLimit],
        under constraints: Constraints,
        _ writer: inout JSONWriter
    ) {
        guard constraints.grandfatherBreaches == true else { return }
        writer.name("grandfathered_limits")
        writer.array(limits) { writer, limit in
            writer.object { writer in
                writeLimit(limit.constraint, of: limit.subject, limit.bound, &writer)
                writer.member("grandfathered_from", limit.grandfatheredFrom)
            }
        }
    }

    /// Writes `soft_limits` where there are such limits.
    static func writeSoftLimits(
        _ limits: [SoftLimitValue],
        under constraints: Constraints,
        _ writer: inout JSONWriter
    ) {
        guard constraints.softLimits?.isEmpty == false else { return }
        writer.name("soft_limits")
        writer.array(limits) { writer, limit in
            writer.object { writer in
                writeLimit(limit.constraint, of: limit.subject, limit.bound, &writer)
                writer.member("value", limit.value)
                writer.member("soft", true)
                writer.member("excess", limit.excess)
                writer.member("penalty", limit.penalty)
                writer.member("cost", limit.cost)
            }
        }
    }
}
