#!/usr/bin/env python3
"""Makes path_terms.json: objectives put together of terms over several periods, by cvxpy and Clarabel.

Trades are written here as absolute values between the periods' weights, and impact as a power of them: the service has
columns for what is sold and cones of its own. Every number of a mandate stands in the file.

    python3 make_path_terms.py > path_terms.json
"""

import json
import sys

import cvxpy as cp
import numpy as np

WEIGHTS = {
    "return": (0.5, 1.5), "variance": (-5, -0.5), "risk": (-0.6, -0.05), "turnover": (-0.03, -0.002),
    "cost": (-2, -0.5), "tracking_error": (-0.6, -0.05), "concentration": (-0.1, -0.005),
    "factor_exposure": (-0.05, 0.05), "score": (-0.05, 0.05),
}


def made(rng, kinds, number):
    n, periods = int(rng.integers(3, 7)), int(rng.integers(1, 5))
    loadings = rng.normal(0, 0.12, (n, 2))
    case = {
        "covariance": loadings @ loadings.T + np.diag(rng.uniform(0.001, 0.02, n)),
        "returns": rng.uniform(0.0, 0.12, (periods, n)),
        "quantities": rng.integers(0, 6, n) + np.eye(n)[0],
        "cash": float(rng.choice([0, 100])),
        "benchmark": rng.dirichlet(np.ones(n)),
        "proportional": rng.uniform(0.0005, 0.005, n),
        "impact": rng.uniform(0, 0.05, n) * (number % 2),
        "exposures": rng.uniform(0.5, 1.5, n),
        "scores": rng.normal(0, 1, n),
        "nets_costs": bool(number % 3 == 0),
        "max_position_size": float(rng.uniform(0.45, 0.9)),
        "max_cash": float(rng.choice([0, 0.2])),
        "max_turnover": float(rng.choice([0.15, 0.3, 1])),
        "target": rng.dirichlet(np.ones(n)) if number % 7 == 3 else None,
        "terms": [{"term": k, "weight": float(rng.uniform(*WEIGHTS[k]))} for k in kinds],
    }
    if case["target"] is not None:
        case["max_position_size"], case["max_turnover"] = 1.0, 1.0
    if case["max_cash"] == 0:
        case["max_turnover"] = max(case["max_turnover"], 0.3)
    return case


def solve(case):
    periods, n = case["returns"].shape
    values, vectors = np.linalg.eigh(case["covariance"])
    root = np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
    worth = 100 * case["quantities"].sum() + case["cash"]
    before, cash_before = 100 * case["quantities"] / worth, case["cash"] / worth
    # The daily value of an instrument's trades is a million.
    impact = case["impact"] * np.sqrt(worth / 1e6)
    goal, rows = 0, []
    for t in range(periods):
        w, cash = cp.Variable(n), cp.Variable()
        trade = cp.abs(w - before)
        turnover = 0.5 * (cp.sum(trade) + cp.abs(cash - cash_before))
        cost = case["proportional"] @ trade + impact @ cp.power(trade, 1.5)
        gross = case["returns"][t] @ w + 0.01 * cash - (cost if case["nets_costs"] else 0)
        values = {
            "return": gross, "variance": cp.sum_squares(root @ w), "risk": cp.norm(root @ w), "turnover": turnover,
            "cost": cost, "tracking_error": cp.norm(root @ (w - case["benchmark"])),
            "concentration": cp.sum_squares(w) + cash**2, "factor_exposure": case["exposures"] @ w,
            "score": case["scores"] @ w,
        }
        goal = goal + sum(x["weight"] * values[x["term"]] for x in case["terms"])
        rows += [cp.sum(w) + cash == 1, w >= 0, cash >= 0, cash <= case["max_cash"]]
        rows += [w <= case["max_position_size"], turnover <= case["max_turnover"]]
        before, cash_before = w, cash
    if case["target"] is not None:
        rows += [w == case["target"], cash == 0]
    program = cp.Problem(cp.Maximize(goal), rows)
    program.solve(solver=cp.CLARABEL, tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9)
    if program.status == cp.OPTIMAL:
        return float(program.value)
    return None if program.status == cp.INFEASIBLE else "unclear"


def main():
    rng, cases = np.random.default_rng(20260), []
    kinds = [x for x in WEIGHTS if x != "return"]
    for number in range(28):
        own = [kinds[number % len(kinds)]] + list(rng.choice(kinds, 2))
        case = made(rng, ["return"] + [k for k in kinds if k in own], number)
        if not case["nets_costs"] and number % 4 == 1:
            case["terms"] = case["terms"][1:]
        case["expected"] = solve(case)
        shown = [x["term"] for x in case["terms"]]
        print(number, case["returns"].shape, shown, case["expected"], file=sys.stderr)
        if case["expected"] != "unclear":
            cases.append({k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in case.items()})
    print("[")
    print(",\n".join(json.dumps(case) for case in cases))
    print("]")


if __name__ == "__main__":
    main()
