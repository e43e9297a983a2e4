#!/usr/bin/env python3
"""Makes active_objectives.json: random mandates with a benchmark, and the optimum that cvxpy and Clarabel find.

Data and limits are those of make_random_mandates.py. Ratios are found here by
Dinkelbach's iteration on gain - ratio * risk, not by the transformation that the service uses.

    python3 make_active_objectives.py > active_objectives.json
"""

import json
import random
import sys

import cvxpy as cp
import numpy as np

from make_random_mandates import TOLERANCES, limits_of, random_case

OBJECTIVES = [
    "minimize_tracking_error",
    "maximize_information_ratio",
    "maximize_diversification",
    "minimize_transaction_costs",
]


def benchmark(size):
    b = np.array([(1.0, 2.0, 0.0)[i % 3] for i in range(size)])
    return b / b.sum()


def run(goal, rows):
    program = cp.Problem(goal, rows)
    try:
        program.solve(solver=cp.CLARABEL, **TOLERANCES)
    except cp.SolverError:
        return "unclear"
    return program.status


def proportional(m, case):
    return m.rates if case["own_costs"] else np.ones(m.n) * case["preferences"].get("transaction_cost_model", 0.0)


def best_ratio(gain, risk, rows):
    """The largest ratio of a concave gain to a convex risk, by Dinkelbach's iteration."""
    status = run(cp.Maximize(gain), rows)
    if status == cp.INFEASIBLE:
        return "infeasible", None
    if status != cp.OPTIMAL:
        return "unclear", None
    if gain.value < -1e-6:
        return "no_active_return", None
    if gain.value < 1e-4:
        return "unclear", None
    ratio = float(gain.value / risk.value)
    for _ in range(30):
        status = run(cp.Maximize(gain - ratio * risk), rows)
        if status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE) or risk.value < 1e-6:
            return "unclear", None
        better = float(gain.value / risk.value)
        if better <= ratio * (1 + 1e-10):
            return "optimal", ratio
        ratio = better
    return "unclear", None


def solve(m, case):
    w, cash = cp.Variable(m.n), cp.Variable()
    rows, root = limits_of(m, case)(w, cash, 1)
    b = benchmark(m.n)
    p = case["preferences"]
    objective = case["objective"]
    if objective == "minimize_tracking_error":
        status = run(cp.Minimize(cp.sum_squares(root @ (w - b))), rows)
        if status == cp.OPTIMAL:
            active = w.value - b
            return "optimal", float(np.sqrt(active @ m.cov @ active))
    elif objective == "minimize_transaction_costs":
        rates = proportional(m, case)
        if not rates.any():
            return "unclear", None
        status = run(cp.Minimize(rates @ cp.abs(w - m.current)), rows)
        if status == cp.OPTIMAL:
            return "optimal", float(rates @ np.abs(w.value - m.current))
    elif objective == "maximize_diversification":
        return best_ratio(np.sqrt(np.diag(m.cov)) @ w, cp.norm(root @ w), rows)
    else:
        costs = np.zeros(m.n)
        if p.get("include_transaction_costs"):
            costs = proportional(m, case) / p.get("cost_horizon_years", 1.0)
        trades = costs @ cp.abs(w - m.current) if costs.any() else 0
        return best_ratio(m.mu @ (w - b) - trades, cp.norm(root @ (w - b)), rows)
    return ("infeasible" if status == cp.INFEASIBLE else "unclear"), None


def main():
    rng = random.Random(20267)
    cases = []
    for number in range(int(sys.argv[1]) if len(sys.argv) > 1 else 110):
        m, case = random_case(rng, number)
        if "min_position_size" in case["constraints"] or case["size"] > 30:
            continue
        case["objective"] = OBJECTIVES[number % 4]
        case["preferences"].pop("risk_aversion", None)
        if case["objective"] == "minimize_transaction_costs":
            case["preferences"].setdefault("transaction_cost_model", 0.002)
        status, value = solve(m, case)
        print(number, case["objective"], case["size"], status, value, file=sys.stderr)
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
