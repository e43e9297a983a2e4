#!/usr/bin/env python3
"""Makes clusters.json: equal risk contributions of clusters and nested clusters, by SciPy's trees, scikit-learn and cvxpy.

The number of clusters is the one from 2 to sqrt(n) with the largest mean silhouette (scikit-learn's, on the distances), or
given. Equal risk contributions as Riskfolio-Lib documents them for volatility: along the last merges, two branches share as
the other's sum of cluster volatilities, inverse volatilities within. Nested clusters: long-only least variance within and
between, by cvxpy.

    python3 make_clusters.py > clusters.json
"""

import json

import cvxpy as cp
import numpy as np
from scipy.cluster.hierarchy import cut_tree, linkage, to_tree
from scipy.spatial.distance import squareform
from sklearn.metrics import silhouette_score


def labels_of(tree, count):
    return cut_tree(tree, n_clusters=count).flatten()


def silhouette_count(tree, distance):
    n = len(distance)
    best = (2, -np.inf)
    for k in range(2, max(2, int(np.sqrt(n))) + 1):
        if k >= n:
            break
        value = silhouette_score(distance, labels_of(tree, k), metric="precomputed")
        if value > best[1] + 1e-12:
            best = (k, value)
    return min(best[0], n)


def least_variance(covariance):
    n = len(covariance)
    if n == 1:
        return np.ones(1)
    unit = np.max(np.diag(covariance))
    w = cp.Variable(n)
    goal = cp.sum_squares(np.linalg.cholesky(covariance / unit + 1e-15 * np.eye(n)).T @ w)
    program = cp.Problem(cp.Minimize(goal), [w >= 0, cp.sum(w) == 1])
    program.solve(solver=cp.CLARABEL, tol_gap_abs=1e-13, tol_gap_rel=1e-13, tol_feas=1e-13)
    return np.maximum(w.value, 0)


def nested(covariance, labels):
    inside = np.zeros((len(covariance), labels.max() + 1))
    for c in range(labels.max() + 1):
        members = np.flatnonzero(labels == c)
        inside[members, c] = least_variance(covariance[np.ix_(members, members)])
    return inside @ least_variance(inside.T @ covariance @ inside)


def equal_contributions(covariance, tree, labels):
    volatility = np.sqrt(np.diag(covariance))

    def naive(members):
        w = 1 / volatility[members]
        return w / w.sum()

    def risk(members):
        return sum(
            np.sqrt(naive(own) @ covariance[np.ix_(own, own)] @ naive(own))
            for own in (np.flatnonzero(labels == c) for c in np.unique(labels[members]))
        )

    weights = np.ones(len(covariance))
    pending = [to_tree(tree)]
    while pending:
        node = pending.pop()
        members = np.array(node.pre_order())
        if len(np.unique(labels[members])) == 1:
            weights[members] *= naive(members)
            continue
        left, right = np.array(node.get_left().pre_order()), np.array(node.get_right().pre_order())
        a, b = risk(left), risk(right)
        weights[left] *= b / (a + b)
        weights[right] *= a / (a + b)
        pending += [node.get_left(), node.get_right()]
    return weights


def main():
    cases = []
    for number in range(24):
        random = np.random.default_rng(70 + number)
        n = [2, 5, 9, 16, 25, 40][number % 6]
        groups = random.integers(0, 1 + n // 4, n)
        market = random.normal(size=(4 * n, 1))
        sectors = random.normal(size=(4 * n, 1 + n // 4))
        returns = 0.01 * (0.6 * market + sectors[:, groups] + random.normal(size=(4 * n, n))) * (0.5 + random.random(n))
        covariance = np.cov(returns, rowvar=False)
        volatility = np.sqrt(np.diag(covariance))
        distance = np.sqrt(np.clip((1 - covariance / np.outer(volatility, volatility)) / 2, 0, 1))
        np.fill_diagonal(distance, 0)
        method = ["single", "complete", "average", "ward"][number % 4]
        tree = linkage(squareform(distance, checks=False), method)
        given = None if number % 3 else max(1, n // 3)
        count = given or silhouette_count(tree, distance)
        labels = labels_of(tree, count)
        case = dict(linkage=method, covariance=covariance.tolist(), clusters=int(count))
        if given:
            case["given"] = given
        case["equalRiskContribution"] = equal_contributions(covariance, tree, labels).tolist()
        case["nestedClusters"] = nested(covariance, labels).tolist()
        cases.append(case)
    print("[")
    print(",\n".join(json.dumps(case) for case in cases))
    print("]")


if __name__ == "__main__":
    main()
