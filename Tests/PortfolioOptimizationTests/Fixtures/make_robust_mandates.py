#!/usr/bin/env python3
"""Makes robust_mandates.json: random mandates under uncertainty, and the optimum that cvxpy and Clarabel find.

Data and limits are those of make_random_mandates.py; what is uncertain follows from them by plain arithmetic, so that the
Swift test makes the same. The worst case is written here from its definition: the penalty of a box by absolute values, that
of an ellipsoid by a norm, ratios by Dinkelbach's iteration. The service does none of that.

    python3 make_robust_mandates.py > robust_mandates.json
"""

import copy
import json
import random
import sys

import cvxpy as cp
import numpy as np

from make_active_objectives import benchmark, best_ratio, run
from make_random_mandates import cost_rates, limits_of, random_case

OBJECTIVES = [
    "maximize_sharpe",
    "maximize_return",
    "maximize_utility",
    "minimize_risk",
    "maximize_information_ratio",
]


def errors(m, u):
    """Omega: given (a tenth of the covariance, its correlations at 30 %), or covariance / years of history."""
    if "years" in u:
        return m.cov / u["years"]
    return 0.1 * (0.3 * m.cov + 0.7 * np.diag(np.diag(m.cov)))


def upper(m):
    s = np.sqrt(np.diag(m.cov))
    return m.cov + 0.2 * np.outer(s, s) * (0.5 + 0.5 * np.eye(m.n))


def penalty(m, u, x):
    if u["kind"] == "ellipsoidal":
        return u["size"] * cp.norm(np.linalg.cholesky(errors(m, u)).T @ x)
    if u["kind"] == "box":
        return u["size"] * np.sqrt(np.diag(errors(m, u))) @ cp.abs(x)
    return 0


def solve(m, case):
    u, p, c = case["uncertainty"], case["preferences"], case["constraints"]
    worst = copy.copy(m)
    if u["kind"] == "covariance_box":
        worst.cov = m.cov + u["size"] * (upper(m) - m.cov)
    plain = copy.deepcopy(case)
    least = plain["constraints"].pop("min_return", None)
    w, cash = cp.Variable(m.n), cp.Variable()
    rows, root = limits_of(worst, plain)(w, cash, 1)
    rate = p.get("risk_free_rate", 0.0)
    costs = cost_rates(m, case)
    trades = costs @ cp.abs(w - m.current) if costs.any() else 0
    gross = m.mu @ w + rate * cash - penalty(m, u, w)
    if least is not None:
        rows.append(gross >= least)
    risk = cp.norm(root @ w)
    objective = case["objective"]
    if objective == "maximize_sharpe":
        status, value = best_ratio(gross - trades - rate, risk, rows)
        return ("no_excess_return" if status == "no_active_return" else status), value
    if objective == "maximize_information_ratio":
        active = w - benchmark(m.n)
        return best_ratio(m.mu @ active - penalty(m, u, active) - trades, cp.norm(root @ active), rows)
    aversion = p.get("risk_aversion", 2.5)
    goal = {
        "minimize_risk": lambda: cp.Minimize(cp.sum_squares(root @ w)),
        "maximize_return": lambda: cp.Maximize(gross - trades),
        "maximize_utility": lambda: cp.Maximize(gross - trades - aversion / 2 * cp.sum_squares(root @ w)),
    }[objective]()
    status = run(goal, rows)
    if status == cp.OPTIMAL:
        value = float(goal.value)
        return "optimal", float(np.sqrt(value)) if objective == "minimize_risk" else value
    return ("infeasible" if status == cp.INFEASIBLE else "unclear"), None


def main():
    rng = random.Random(20268)
    cases = []
    for number in range(int(sys.argv[1]) if len(sys.argv) > 1 else 150):
        m, case = random_case(rng, number)
        if "min_position_size" in case["constraints"] or case["size"] > 30:
            continue
        case["objective"] = OBJECTIVES[number % 5]
        kind = ["ellipsoidal", "box", "covariance_box"][number // 5 % 3]
        if kind == "covariance_box" and case["objective"] == "maximize_information_ratio":
            kind = "box"
        case["uncertainty"] = {"kind": kind, "size": round(rng.uniform(0.2, 1.2), 3)}
        if kind != "covariance_box" and rng.random() < 0.5:
            case["uncertainty"]["years"] = rng.choice([2, 5, 10])
        if case["objective"] != "maximize_utility":
            case["preferences"].pop("risk_aversion", None)
        if rng.random() < 0.4:
            case["constraints"]["min_return"] = round(rng.uniform(0.0, 0.06), 4)
        status, value = solve(m, case)
        print(number, case["objective"], kind, case["size"], status, value, file=sys.stderr)
        if status == "unclear":
            continue
        case["status"] = status
        if value is not None:
            case["expected"] = value
        cases.append(case)
    print("[")
    print(",\n".join(json.dumps(case) for case in cases))
    print("]")


if __name__ == "__main__":
    main()
