#!/usr/bin/env python3
"""Makes constrained_budgets.json: risk budgeting under limits, as Richard and Roncalli (2019) define it.

For a lambda > 0 let w(lambda) minimise 1/2 w'Cw - lambda sum b log w under the limits, but without the equation
sum w = 1; the answer is the w(lambda) that sums to 1. It is found here by bisection with cvxpy's exponential cones and the
equation left out, not by the multiplier that the service looks at. A turnover limit is one on what is sold.

    python3 make_constrained_budgets.py > constrained_budgets.json
"""

import json
import random
import sys

import cvxpy as cp
import numpy as np
from scipy.optimize import brentq

TOLERANCES = dict(tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12, max_iter=300)


def solve(covariance, budgets, low, high, groups, current, turnover):
    n = len(budgets)
    root = np.linalg.cholesky(covariance).T
    w, weight = cp.Variable(n), cp.Parameter(nonneg=True)
    rows = [w >= low, w <= high]
    for members, least, most in groups:
        rows += [cp.sum(w[members]) >= least, cp.sum(w[members]) <= most]
    if turnover is not None:
        rows.append(cp.sum(cp.pos(np.array(current) - w)) <= turnover)
    goal = cp.sum_squares(root @ w) / 2 - weight * (np.array(budgets) @ cp.log(w))
    program = cp.Problem(cp.Minimize(goal), rows)

    def total(logarithm):
        weight.value = float(np.exp(logarithm))
        program.solve(solver=cp.CLARABEL, **TOLERANCES)
        if program.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            raise ValueError(program.status)
        return float(np.sum(w.value)) - 1

    low_end, high_end = np.log(1e-8), np.log(1e4)
    if total(low_end) >= 0 or total(high_end) <= 0:
        return None
    total(brentq(total, low_end, high_end, xtol=1e-13, rtol=1e-13))
    return [float(x) for x in w.value]


def main():
    rng = random.Random(1902)
    cases = []
    for number in range(40):
        n = rng.randint(3, 12)
        loadings = np.array([[0.05 + 0.2 * rng.random()] + [0.2 * rng.random() - 0.1 for _ in range(2)] for _ in range(n)])
        covariance = loadings @ loadings.T + np.diag([(0.05 + 0.25 * rng.random()) ** 2 for _ in range(n)])
        covariance = np.round(covariance, 6)
        budgets = [1.0 / n] * n
        if number % 2:
            parts = [rng.randint(1, 9) for _ in range(n)]
            budgets = [part / sum(parts) for part in parts]
        kind = number % 4
        low, high, groups, current, turnover = [0.0] * n, [1.0] * n, [], [1.0 / n] * n, None
        if kind in (0, 3):
            high = [round(1.3 / n, 4)] * n
        if kind == 1:
            low[0], low[1] = round(1.5 / n, 4), round(0.2 / n, 4)
            high[2] = round(0.5 / n, 4)
        if kind in (2, 3):
            members = list(range(0, n, 2))
            share = len(members) / n
            groups = [(members, round(share * 0.3, 4), round(share * 0.7, 4))]
        if kind == 1 and number % 3 == 0 or kind == 0 and number % 3 == 1:
            turnover = round(rng.uniform(0.05, 0.15), 4)
        try:
            weights = solve(covariance, budgets, low, high, groups, current, turnover)
        except (ValueError, cp.SolverError):
            weights = None
        print(number, n, kind, turnover, weights, file=sys.stderr)
        if weights is None:
            continue
        case = dict(covariance=covariance.tolist(), budgets=budgets, low=low, high=high, weights=weights)
        case["groups"] = [dict(members=m, min=a, max=b) for m, a, b in groups]
        if turnover is not None:
            case["turnover"] = turnover
        cases.append(case)
    print("[")
    print(",\n".join(json.dumps(case) for case in cases))
    print("]")


if __name__ == "__main__":
    main()
