import Matrices
import PortfolioModel
import Testing

import PortfolioOptimization

/// Factor risk budgets, limits on changes of single weights and groups of fractional membership, against cvxpy with
/// Clarabel, HiGHS and SCIP.
@Suite("Risk budgets, changes and parts of groups")
struct LimitMandateTests {
    static let solvable = RandomMandate.moreLimits.filter { $0.status == "optimal" }
    static let refused = RandomMandate.moreLimits.filter { $0.status != "optimal" }

    @Test func `the fixture has factor risk budgets, changes and parts of groups, met and not`() {
        let all = RandomMandate.moreLimits
        for status in ["optimal", "infeasible"] {
            let these = all.filter { $0.status == status }.map(\.constraints)
            #expect(these.filter { $0.max_weight_change != nil || $0.max_weight_changes != nil }.count >= 30)
            #expect(these.filter { ($0.factor_exposures ?? [:]).values.contains { $0.max_risk != nil } }.count >= 30)
            #expect(these.filter { ($0.groups ?? []).contains { $0.memberships != nil } }.count >= 30)
        }
        #expect(
            all.filter { $0.constraints.max_positions != nil || $0.constraints.min_position_size != nil }.count >= 30
        )
    }

    @Test(arguments: solvable)
    func `the optimum is the reference's, and the checker accepts all that is said of it`(
        _ example: RandomMandate
    ) throws {
        try LanguageMandateTests.expectOptimum(example)
    }

    @Test(arguments: refused)
    func `what has no allocation is told why, each repair works, and a little less does not`(
        _ example: RandomMandate
    ) throws {
        try LanguageMandateTests.expectExplanation(example)
    }
}
