#!/usr/bin/env python3
"""Makes random_mandates.json: random mandates with the optimum that cvxpy and Clarabel find for them.

The data of a mandate come from its seed alone, by SplitMix64 and plain arithmetic (no function of a mathematics
library), so that the Swift test makes the same ones; the file holds the limits and the optimum. Turnover and costs are
written here as absolute values, thresholds are solved by enumeration of who is held: neither is how the service does it.

    python3 make_random_mandates.py > random_mandates.json
"""

import itertools
import json
import random
import sys

import cvxpy as cp
import numpy as np

MASK = (1 << 64) - 1
GAMMA = 0x9E3779B97F4A7C15
TOLERANCES = dict(tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11, max_iter=200)


class SplitMix64:
    def __init__(self, seed):
        self.state = (seed + GAMMA) & MASK

    def next(self):
        self.state = (self.state + GAMMA) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def uniform(self):
        return (self.next() >> 11) * 2.0**-53


class Mandate:
    """Moments, holdings and classes of the mandate of a seed; mirrored by RandomMandate in Swift."""

    def __init__(self, seed, size):
        r = SplitMix64(seed)
        self.n = size
        loadings = [[0.05 + 0.2 * r.uniform()] + [0.24 * r.uniform() - 0.12 for _ in range(2)] for _ in range(size)]
        specific = [0.05 + 0.25 * r.uniform() for _ in range(size)]
        self.mu = np.array([0.2 * r.uniform() - 0.02 for _ in range(size)])
        prices = [10 + 190 * r.uniform() for _ in range(size)]
        quantities = [(1.0 if r.uniform() < 0.6 else 0.0) * (1 + int(200 * r.uniform())) for _ in range(size)]
        self.rates = np.array([0.0005 + 0.0045 * r.uniform() for _ in range(size)])
        cash = 5000 * r.uniform()
        b = np.array(loadings)
        self.cov = b @ b.T + np.diag(np.array(specific) ** 2)
        if quantities[0] == 0:
            quantities[0] = 10.0
        values = np.array([p * q for p, q in zip(prices, quantities)])
        total = values.sum() + cash
        self.current = values / total
        self.cash = cash / total
        self.sectors = [None if i % 7 == 6 else "S%d" % (i % 4) for i in range(size)]
        self.classes = [None if i % 11 == 10 else ("equity" if i % 2 == 0 else "bond") for i in range(size)]


def identifier(i):
    return "I%02d" % i


def limits_of(m, case, support=None):
    """The limits as (linear rows in w, cash, absolute trades), homogenised by k (1 when not)."""
    c = case["constraints"]
    outside = set(case["outside"])
    threshold = c.get("min_position_size")

    def build(w, cash, k):
        rows = [cp.sum(w) + cash == k]
        low, high = np.zeros(m.n), np.ones(m.n) * c.get("max_position_size", 1.0)
        for i in range(m.n):
            floor = c.get("min_weights", {}).get(identifier(i))
            cap = c.get("max_weights", {}).get(identifier(i))
            if cap is not None:
                high[i] = cap
            if support is not None and floor is None and i not in outside:
                if i in support:
                    low[i] = threshold
                else:
                    high[i] = 0
            if floor is not None:
                low[i] = floor
            if i in outside:
                high[i] = 0
        rows += [w >= low * k, w <= high * k]
        least = c.get("min_cash", 0.0)
        rows += [cash >= least * k, cash <= c.get("max_cash", least) * k]
        for key, labels in (("max_sector_exposure", m.sectors), ("max_asset_class_exposure", m.classes)):
            if key in c:
                for name in sorted({x for x in labels if x is not None}):
                    members = [i for i in range(m.n) if labels[i] == name]
                    rows.append(cp.sum(w[members]) <= c[key] * k)
        for group in c.get("groups", []):
            if "instruments" in group:
                members = [i for i in range(m.n) if identifier(i) in group["instruments"]]
            elif "sector" in group:
                members = [i for i in range(m.n) if m.sectors[i] == group["sector"]]
            else:
                members = [i for i in range(m.n) if m.classes[i] == group["asset_class"]]
            total = cp.sum(w[members]) if members else 0
            if "min" in group:
                rows.append(total >= group["min"] * k)
            if "max" in group:
                rows.append(total <= group["max"] * k)
        if "max_turnover" in c:
            rows.append(0.5 * (cp.norm1(w - m.current * k) + cp.abs(cash - m.cash * k)) <= c["max_turnover"] * k)
        if "min_return" in c:
            rate = case["preferences"].get("risk_free_rate", 0.0)
            rows.append(m.mu @ w + rate * cash >= c["min_return"] * k)
        root = np.linalg.cholesky(m.cov).T
        for key in ("target_volatility", "max_risk"):
            if key in c:
                rows.append(cp.norm(root @ w) <= c[key] * k)
        return rows, root

    return build


def cost_rates(m, case):
    p = case["preferences"]
    if not p.get("include_transaction_costs"):
        return np.zeros(m.n)
    rates = m.rates if case["own_costs"] else np.ones(m.n) * p.get("transaction_cost_model", 0.0)
    return rates / p.get("cost_horizon_years", 1.0)


def figures(m, case, w, cash):
    rate = case["preferences"].get("risk_free_rate", 0.0)
    net = m.mu @ w + rate * cash - cost_rates(m, case) @ np.abs(w - m.current)
    return net, float(np.sqrt(w @ m.cov @ w)), rate


def solve(m, case, support=None):
    """(status, objective, weights): optimal, infeasible, no_excess_return or unclear."""
    objective = case["objective"]
    p = case["preferences"]
    rate = p.get("risk_free_rate", 0.0)
    costs = cost_rates(m, case)
    build = limits_of(m, case, support)
    w, cash = cp.Variable(m.n), cp.Variable()

    def run(goal, rows):
        program = cp.Problem(goal, rows)
        try:
            program.solve(solver=cp.CLARABEL, **TOLERANCES)
        except cp.SolverError:
            return "unclear"
        return program.status

    if objective == "maximize_sharpe":
        k = cp.Variable()
        rows, root = build(w, cash, k)
        trades = costs @ cp.abs(w - m.current * k) if costs.any() else 0
        excess = m.mu @ w + rate * cash - rate * k - trades
        status = run(cp.Minimize(cp.sum_squares(root @ w)), rows + [k >= 0, excess >= 1])
        if status == cp.OPTIMAL:
            weights, money = w.value / k.value, cash.value / k.value
            net, volatility, _ = figures(m, case, weights, money)
            return "optimal", (net - rate) / volatility, weights
        if status != cp.INFEASIBLE:
            return "unclear", None, None
        rows, _ = build(w, cash, 1)
        trades = costs @ cp.abs(w - m.current) if costs.any() else 0
        status = run(cp.Maximize(m.mu @ w + rate * cash - rate - trades), rows)
        if status == cp.INFEASIBLE:
            return "infeasible", None, None
        net, _, _ = figures(m, case, w.value, cash.value)
        return ("no_excess_return", None, None) if net - rate < -1e-6 else ("unclear", None, None)

    rows, root = build(w, cash, 1)
    trades = costs @ cp.abs(w - m.current) if costs.any() else 0
    net = m.mu @ w + rate * cash - trades
    aversion = p.get("risk_aversion", 2.5)
    goal = {
        "minimize_risk": lambda: cp.Minimize(cp.sum_squares(root @ w)),
        "maximize_return": lambda: cp.Maximize(net),
        "maximize_utility": lambda: cp.Maximize(net - aversion / 2 * cp.sum_squares(root @ w)),
    }[objective]()
    status = run(goal, rows)
    if status == cp.INFEASIBLE:
        return "infeasible", None, None
    if status != cp.OPTIMAL:
        return "unclear", None, None
    net, volatility, _ = figures(m, case, w.value, cash.value)
    value = {
        "minimize_risk": volatility,
        "maximize_return": net,
        "maximize_utility": net - aversion / 2 * volatility**2,
    }[objective]
    return "optimal", value, w.value


def solve_by_enumeration(m, case):
    c = case["constraints"]
    floors = c.get("min_weights", {})
    free = [i for i in range(m.n) if i not in case["outside"] and identifier(i) not in floors]
    best, seen = None, set()
    for size in range(len(free) + 1):
        if size * c["min_position_size"] > 1 + 1e-9:
            break
        for support in itertools.combinations(free, size):
            status, value, _ = solve(m, case, set(support))
            seen.add(status)
            if status == "optimal":
                better = best is None or (value < best if case["objective"] == "minimize_risk" else value > best)
                if better:
                    best = value
    if "unclear" in seen:
        return "unclear", None
    if best is not None:
        return "optimal", best
    return ("no_excess_return" if "no_excess_return" in seen else "infeasible"), None


def rounded(x, digits=4):
    return round(float(x), digits)


def random_case(rng, number):
    objective = ["maximize_sharpe", "minimize_risk", "maximize_return", "maximize_utility"][number % 4]
    thresholds = number % 7 == 3
    size = rng.randint(5, 7) if thresholds else rng.choice([5, 6, 8, 10, 12, 16, 20, 25, 30, 40, 60])
    m = Mandate(number, size)
    c, p, outside = {}, {}, []
    held = [i for i in range(size) if m.current[i] > 0]
    if rng.random() < 0.15:
        outside = [rng.choice(held)]
    if rng.random() < 0.6:
        c["max_position_size"] = rounded(min(0.9, rng.uniform(0.95, 5) / (size - len(outside))))
    if rng.random() < 0.4:
        c["max_sector_exposure"] = rounded(rng.uniform(0.2, 0.5))
    if rng.random() < 0.25:
        c["max_asset_class_exposure"] = rounded(rng.uniform(0.45, 0.7))
    if rng.random() < 0.35:
        c["max_turnover"] = rounded(rng.uniform(0.02, 0.6) + sum(m.current[i] for i in outside))
    if rng.random() < 0.3:
        c["max_weights"] = {identifier(i): rounded(rng.uniform(0, 0.5)) for i in rng.sample(range(size), 2)}
    if rng.random() < 0.25:
        i = rng.choice([i for i in range(size) if i not in outside])
        floor = rounded(rng.uniform(0, 0.1))
        if floor <= c.get("max_weights", {}).get(identifier(i), c.get("max_position_size", 1)):
            c["min_weights"] = {identifier(i): floor}
    if rng.random() < 0.25:
        p["risk_free_rate"] = rounded(rng.uniform(0, 0.04))
    if rng.random() < 0.3:
        c["min_cash"] = rounded(rng.uniform(0, 0.1))
        if rng.random() < 0.5:
            c["max_cash"] = rounded(c["min_cash"] + rng.uniform(0, 0.3))
    elif rng.random() < 0.2:
        c["max_cash"] = rounded(rng.uniform(0, 0.5))
    if rng.random() < 0.3:
        group = rng.choice(
            [
                {"instruments": [identifier(i) for i in rng.sample(range(size), 3)]},
                {"sector": "S1"},
                {"asset_class": "bond"},
            ]
        )
        group["name"] = "g"
        kind = rng.random()
        if kind < 0.6:
            group["min"] = rounded(rng.uniform(0, 0.3))
        if kind > 0.4:
            group["max"] = rounded(rng.uniform(0.3, 0.6))
        c["groups"] = [group]
    if rng.random() < 0.25 and objective != "minimize_risk" or rng.random() < 0.08:
        c[rng.choice(["target_volatility", "max_risk"])] = rounded(rng.uniform(0.1, 0.3))
    if rng.random() < 0.25:
        c["min_return"] = rounded(rng.uniform(0.0, 0.11))
    own_costs = False
    if rng.random() < 0.3:
        p["include_transaction_costs"] = True
        own_costs = rng.random() < 0.5
        p["transaction_cost_model"] = rounded(rng.uniform(0.001, 0.01), 5)
        if rng.random() < 0.5:
            p["cost_horizon_years"] = rng.choice([0.5, 2.0, 3.0])
    if objective == "maximize_utility" and rng.random() < 0.7:
        p["risk_aversion"] = rounded(rng.uniform(0.5, 10), 2)
    if thresholds:
        c["min_position_size"] = rounded(rng.uniform(0.05, 0.3))
    return m, dict(
        seed=number,
        size=size,
        objective=objective,
        outside=outside,
        own_costs=own_costs,
        constraints=c,
        preferences=p,
    )


def main():
    rng = random.Random(20260)
    cases = []
    for number in range(int(sys.argv[1]) if len(sys.argv) > 1 else 260):
        m, case = random_case(rng, number)
        if "min_position_size" in case["constraints"]:
            status, value = solve_by_enumeration(m, case)
        else:
            status, value, _ = solve(m, case)
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
