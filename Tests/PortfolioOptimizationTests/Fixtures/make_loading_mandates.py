#!/usr/bin/env python3
"""Makes loading_mandates.json: random mandates whose factor loadings are uncertain, and the optimum that cvxpy finds.

Data and limits are those of make_random_mandates.py. The worst volatility is written here as a norm of a norm plus absolute
values, ratios by Dinkelbach's iteration; the service has one column for the factors' part and a quadratic form.

    python3 make_loading_mandates.py > loading_mandates.json
"""

import json
import random
import sys

import cvxpy as cp
import numpy as np

import make_random_mandates as base
from make_active_objectives import best_ratio, run
from make_factor_mandates import exposures

OBJECTIVES = ["minimize_risk", "maximize_return", "maximize_sharpe", "maximize_utility"]


def specific(case):
    """D, read from the seed after the loadings; every so many of them 0."""
    r = base.SplitMix64(case["seed"])
    for _ in range(3 * case["size"]):
        r.uniform()
    deviations = np.array([0.05 + 0.25 * r.uniform() for _ in range(case["size"])])
    every = case["uncertainty"].get("certain_every")
    if every:
        deviations[::every] = 0
    return deviations


def radii(case):
    u, count = case["uncertainty"], case["size"]
    if "years" in u:
        return u["size"] * specific(case) / np.sqrt(252 * u["years"])
    return u["size"] * np.array([0.02 * (i % 3) for i in range(count)])


def worst(case, w):
    b = exposures(case["seed"], case["size"])[:, : case["uncertainty"]["factors"]]
    common = cp.norm(b.T @ w) + radii(case) @ cp.abs(w)
    return cp.norm(cp.hstack([common, cp.abs(cp.multiply(specific(case), w))]))


def limits(m, case, w, cash):
    c = dict(case["constraints"])
    bounds = [c.pop(key) for key in ("target_volatility", "max_risk") if key in c]
    if c.get("allow_short"):
        most = c.get("max_position_size", 10)
        rows = [cp.sum(w) + cash == 1, cp.abs(w) <= most, cp.norm1(w) <= c["max_gross_exposure"]]
        rows += [cash >= 0, cash <= c.get("max_cash", 0)]
        rows += [w[i] == 0 for i in case["outside"]]
        if "min_return" in c:
            rows.append(m.mu @ w + case["preferences"].get("risk_free_rate", 0.0) * cash >= c["min_return"])
    else:
        rows, _ = base.limits_of(m, dict(case, constraints=c))(w, cash, 1)
    return rows + [worst(case, w) <= bound for bound in bounds]


def solve(m, case):
    p = case["preferences"]
    w, cash = cp.Variable(m.n), cp.Variable()
    rows, risk = limits(m, case, w, cash), worst(case, w)
    rate, costs = p.get("risk_free_rate", 0.0), base.cost_rates(m, case)
    net = m.mu @ w + rate * cash - (costs @ cp.abs(w - m.current) if costs.any() else 0)
    if case["objective"] == "maximize_sharpe":
        status, value = best_ratio(net - rate, risk, rows)
        return ("no_excess_return" if status == "no_active_return" else status), value
    goal = {
        "minimize_risk": lambda: cp.Minimize(risk),
        "maximize_return": lambda: cp.Maximize(net),
        "maximize_utility": lambda: cp.Maximize(net - p.get("risk_aversion", 2.5) / 2 * cp.square(risk)),
    }[case["objective"]]()
    status = run(goal, rows)
    if status == cp.OPTIMAL:
        return "optimal", float(goal.value)
    return ("infeasible" if status == cp.INFEASIBLE else "unclear"), None


def main():
    rng = random.Random(20269)
    cases = []
    for number in range(7000, 7000 + (int(sys.argv[1]) if len(sys.argv) > 1 else 110)):
        m, case = base.random_case(rng, number)
        if case["size"] > 30:
            continue
        case["constraints"].pop("min_position_size", None)
        case["objective"] = OBJECTIVES[number % 4]
        u = case["uncertainty"] = {"size": round(rng.uniform(0.3, 3), 3), "factors": rng.choice([1, 2, 3, 3])}
        if rng.random() < 0.5:
            u["years"] = rng.choice([1, 2, 5])
        if rng.random() < 0.3:
            u["certain_every"] = 3
        if case["objective"] != "maximize_utility":
            case["preferences"].pop("risk_aversion", None)
        if case["objective"] == "maximize_return" and rng.random() < 0.8:
            case["constraints"]["target_volatility"] = round(rng.uniform(0.12, 0.3), 3)
        if rng.random() < 0.25:
            kept = ("max_position_size", "max_cash", "min_return", "target_volatility", "max_risk")
            case["constraints"] = {k: v for k, v in case["constraints"].items() if k in kept}
            case["constraints"].update(allow_short=True, max_gross_exposure=round(rng.uniform(1.1, 2.5), 2))
        status, value = solve(m, case)
        print(number, case["objective"], u, case["size"], status, value, file=sys.stderr)
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
