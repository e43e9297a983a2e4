import JSON
import PortfolioModel

extension DocumentEncoder {
    static func writeConstraints(_ constraints: Constraints, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("max_position_size", ifPresent: constraints.maxPositionSize)
            writer.member("min_position_size", ifPresent: constraints.minPositionSize)
            writer.member("max_sector_exposure", ifPresent: constraints.maxSectorExposure)
            writer.member("max_asset_class_exposure", ifPresent: constraints.maxAssetClassExposure)
            writer.member("max_turnover", ifPresent: constraints.maxTurnover)
            writer.member("max_weight_change", ifPresent: constraints.maxWeightChange)
            if let changes = constraints.maxWeightChanges { writer.member("max_weight_changes", map: changes) }
            writer.member("target_volatility", ifPresent: constraints.targetVolatility)
            if let minWeights = constraints.minWeights { writer.member("min_weights", map: minWeights) }
            if let maxWeights = constraints.maxWeights { writer.member("max_weights", map: maxWeights) }
            writer.member("min_return", ifPresent: constraints.minReturn)
            writer.member("max_risk", ifPresent: constraints.maxRisk)
            writer.member("min_cash", ifPresent: constraints.minCash)
            writer.member("max_cash", ifPresent: constraints.maxCash)
            if let most = constraints.maxPositions { writer.member("max_positions", most) }
            writer.member("max_tracking_error", ifPresent: constraints.maxTrackingError)
            writer.member("allow_short", ifPresent: constraints.allowShort)
            writer.member("max_gross_exposure", ifPresent: constraints.maxGrossExposure)
            if let limits = constraints.largestPositions {
                writer.name("largest_positions")
                writer.array(limits) { writer, limit in
                    writer.object { writer in
                        writer.member("count", limit.count)
                        writer.member("max", limit.max)
                    }
                }
            }
            if let limits = constraints.softLimits {
                writer.name("soft_limits")
                writer.array(limits) { writer, soft in
                    writer.object { writer in
                        writer.member("limit", soft.limit)
                        writer.member("penalty", soft.penalty)
                    }
                }
            }
            writer.member("grandfather_breaches", ifPresent: constraints.grandfatherBreaches)
            if let groups = constraints.groups {
                writer.name("groups")
                writer.array(groups) { writeGroup($1, &$0) }
            }
            if let losses = constraints.maxScenarioLosses { writer.member("max_scenario_losses", map: losses) }
            if let limits = constraints.factorExposures {
                writer.name("factor_exposures")
                writer.object { writer in
                    for (factor, limit) in limits.sorted(by: { $0.key < $1.key }) {
                        writer.name(factor)
                        writer.object { writer in
                            writer.member("min", ifPresent: limit.min)
                            writer.member("max", ifPresent: limit.max)
                            writer.member("max_risk", ifPresent: limit.maxRisk)
                        }
                    }
                }
            }
        }
    }

    private static func writeGroup(_ group: GroupLimit, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("name", group.name)
            switch group.members {
            case .instruments(let instruments):
                writer.name("instruments")
                writer.array(instruments) { $0.string($1) }
            case .memberships(let parts): writer.member("memberships", map: parts)
            case .sector(let sector): writer.member("sector", sector)
            case .assetClass(let assetClass): writer.member("asset_class", assetClass)
            }
            writer.member("min", ifPresent: group.min)
            writer.member("max", ifPresent: group.max)
        }
    }

    static func writePreferences(_ preferences: Preferences, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("risk_aversion", ifPresent: preferences.riskAversion)
            writer.member("include_transaction_costs", ifPresent: preferences.includeTransactionCosts)
            writer.member("consider_tax_implications", ifPresent: preferences.considerTaxImplications)
            writer.member("transaction_cost_model", ifPresent: preferences.transactionCostModel)
            writer.member("risk_free_rate", ifPresent: preferences.riskFreeRate)
            writer.member("confidence_level", ifPresent: preferences.confidenceLevel)
            writer.member("cost_horizon_years", ifPresent: preferences.costHorizonYears)
            writer.member("short_term_tax_rate", ifPresent: preferences.shortTermTaxRate)
            writer.member("long_term_tax_rate", ifPresent: preferences.longTermTaxRate)
            writer.member("time_limit_seconds", ifPresent: preferences.timeLimitSeconds)
            writer.member("relative_gap", ifPresent: preferences.relativeGap)
        }
    }
}
