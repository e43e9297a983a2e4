/// How weight is divided along a tree of clusters.
public enum ClusterAllocation: String, CaseIterable, Sendable {
    /// The order of the leaves is halved again and again (hierarchical risk parity).
    case recursiveBisection = "recursive_bisection"
    /// The tree's own branches down to some clusters share by their risks, and inverse volatilities within (HERC).
    case equalRiskContribution = "equal_risk_contribution"
    /// The least volatility within each cluster, and of the clusters (nested clustered optimization).
    case nestedClusters = "nested_clusters"

    /// Whether the tree is cut into a number of clusters.
    public var cutsTree: Bool { self != .recursiveBisection }
}
