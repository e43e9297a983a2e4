#!/usr/bin/env python3
"""Makes largest_plans.json: rebalancing plans over fractions under limits on the largest positions, with the objective that
cvxpy and Clarabel reach.

The plan minimises its active risk to the target plus what its trades cost, costs being paid from cash: sums of the largest are
cvxpy's sum_largest, impact a power of the trade, cash what is left of the value.

    python3 make_largest_plans.py > largest_plans.json
"""

import json
import sys

import cvxpy as cp
import numpy as np

PRICE = 50.0


def book(seed):
    rng = np.random.default_rng(60000 + seed)
    n = int(rng.choice([3, 4, 6, 9, 14, 25]))
    loadings = rng.normal(0, 0.12, (n, 3)) + 0.1
    covariance = np.round(loadings @ loadings.T + np.diag(rng.uniform(0.005, 0.06, n)), 8)
    quantities = rng.integers(0, 60, n).astype(float)
    quantities[0] = 20
    target = rng.integers(0, 8, n).astype(float) ** 1.5
    target[1] += 4
    target = np.round(target / target.sum(), 6)
    target[int(np.argmax(target))] += 1 - target.sum()
    costs = rng.random() < 0.7
    case = dict(covariance=covariance.tolist(), quantities=quantities.tolist(), cash=round(float(rng.uniform(0, 200)), 2),
                target=target.tolist(), constraints={"max_cash": 0.5},
                proportional=np.round(rng.uniform(0.0002, 0.006, n) * costs, 5).tolist(),
                impact=np.round(rng.uniform(0, 0.5, n) * (rng.random(n) < 0.5) * costs, 3).tolist(), daily=1e5)
    c = case["constraints"]
    counts = sorted(rng.choice(np.arange(1, n), size=min(n - 1, int(rng.integers(1, 4))), replace=False).tolist())
    c["largest_positions"] = []
    most = 0.0
    for count in counts:
        own = float(np.sort(target)[::-1][:count].sum())
        most = max(most + 0.01, own * float(rng.uniform(0.75, 1.0)), 1.02 * count / n * (1 if rng.random() < 0.5 else 0.7))
        c["largest_positions"].append({"count": int(count), "max": round(min(0.99, most), 4)})
    if rng.random() < 0.3:
        c["max_turnover"] = round(float(rng.uniform(0.1, 0.5)), 3)
    if rng.random() < 0.3:
        c["max_weight_change"] = round(float(rng.uniform(0.1, 0.3)), 3)
    return case


def solve(case):
    n, c = len(case["target"]), case["constraints"]
    value = PRICE * sum(case["quantities"]) + case["cash"]
    current = PRICE * np.array(case["quantities"]) / value
    values, vectors = np.linalg.eigh(np.array(case["covariance"]))
    root = np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
    w = cp.Variable(n, nonneg=True)
    trades = w - current
    impact = np.array(case["impact"]) * np.sqrt(value / case["daily"])
    cost = np.array(case["proportional"]) @ cp.abs(trades) + impact @ cp.power(cp.abs(trades), 1.5)
    # No less than the costs; that it is no more is looked at afterwards.
    paid = cp.Variable()
    cash = 1 - cp.sum(w) - paid
    rows = [cash >= 0, paid >= cost]
    rows += [cp.sum_largest(w, limit["count"]) <= limit["max"] for limit in c["largest_positions"]]
    if "max_turnover" in c:
        rows.append(cp.norm1(trades) + cp.abs(cash - case["cash"] / value) <= 2 * c["max_turnover"])
    if "max_weight_change" in c:
        rows.append(cp.abs(trades) <= c["max_weight_change"])
    goal = cp.norm(root @ (w - np.array(case["target"]))) + paid
    problem = cp.Problem(cp.Minimize(goal), rows)
    for tolerance in (1e-11, 1e-9):
        try:
            problem.solve(solver=cp.CLARABEL, tol_gap_abs=tolerance, tol_gap_rel=tolerance, tol_feas=tolerance)
        except cp.SolverError:
            return None
        if problem.status == "optimal":
            break
    if problem.status != "optimal":
        return None
    if float(cash.value) > 0.499 or float(paid.value - cost.value) > 1e-8:
        return None  # a limit that is written here in part only
    return float(problem.value)


def main():
    cases = []
    for seed in range(int(sys.argv[1]) if len(sys.argv) > 1 else 70):
        case = book(seed)
        value = solve(case)
        print(seed, len(case["target"]), case["constraints"], value, file=sys.stderr)
        if value is not None and value > 1e-5:
            cases.append(dict(case, expected=value))
    print("[")
    print(",\n".join(json.dumps(case, separators=(",", ":")) for case in cases))
    print("]")


if __name__ == "__main__":
    main()
