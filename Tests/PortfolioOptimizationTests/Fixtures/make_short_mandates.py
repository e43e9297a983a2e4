#!/usr/bin/env python3
"""Makes short_mandates.json: random mandates that may hold short, with the optimum that cvxpy finds for them.

Data are those of make_random_mandates.py. Sizes are written here as absolute values, thresholds and positions with binaries
for the long and the short side by SCIP and then by Clarabel on the signs found, Sharpe ratios by Dinkelbach's iteration:
none of it is how the service does it.

    python3 make_short_mandates.py > short_mandates.json
"""

import json
import random
import sys

import cvxpy as cp
import numpy as np

from make_position_mandates import Search
from make_random_mandates import Mandate, cost_rates, identifier, random_case, rounded

FIRST = 12000


class ShortSearch(Search):
    def __init__(self, m, case):
        self.m, self.case = m, case
        self.w, self.cash = cp.Variable(m.n), cp.Variable()
        self.root = np.linalg.cholesky(m.cov).T
        self.rows = self.limits()
        costs = cost_rates(m, case)
        trades = costs @ cp.abs(self.w - m.current) if costs.any() else 0
        self.rate = case["preferences"].get("risk_free_rate", 0.0)
        self.net = m.mu @ self.w + self.rate * self.cash - trades
        self.risk = cp.norm(self.root @ self.w)

    def bounds(self):
        c, m = self.case["constraints"], self.m
        most = c.get("max_position_size", c["max_gross_exposure"])
        low, high = -np.ones(m.n) * most, np.ones(m.n) * most
        for i in range(m.n):
            low[i] = c.get("min_weights", {}).get(identifier(i), low[i])
            high[i] = c.get("max_weights", {}).get(identifier(i), high[i])
            if i in self.case["outside"]:
                low[i] = high[i] = 0
        return low, high

    def limits(self):
        c, m, w, cash = self.case["constraints"], self.m, self.w, self.cash
        low, high = self.bounds()
        least = c.get("min_cash", 0.0)
        rows = [cp.sum(w) + cash == 1, w >= low, w <= high, cp.norm1(w) <= c["max_gross_exposure"]]
        rows += [cash >= least, cash <= c.get("max_cash", least)]
        for key, labels in (("max_sector_exposure", m.sectors), ("max_asset_class_exposure", m.classes)):
            if key in c:
                for name in sorted({x for x in labels if x is not None}):
                    members = [i for i in range(m.n) if labels[i] == name]
                    rows.append(cp.norm1(w[members]) <= c[key])
        for group in c.get("groups", []):
            members = [i for i in range(m.n) if identifier(i) in group["instruments"]]
            if "min" in group:
                rows.append(cp.sum(w[members]) >= group["min"])
            if "max" in group:
                rows.append(cp.sum(w[members]) <= group["max"])
        if "max_turnover" in c:
            rows.append(0.5 * (cp.norm1(w - m.current) + cp.abs(cash - m.cash)) <= c["max_turnover"])
        if "min_return" in c:
            rate = self.case["preferences"].get("risk_free_rate", 0.0)
            rows.append(m.mu @ w + rate * cash >= c["min_return"])
        for key in ("target_volatility", "max_risk"):
            if key in c:
                rows.append(cp.norm(self.root @ w) <= c[key])
        return rows

    def choices(self):
        c, m = self.case["constraints"], self.m
        if "max_positions" not in c and "min_position_size" not in c:
            return [], None
        low, high = self.bounds()
        z = cp.Variable((2, m.n), boolean=True)
        rows = [z[0] + z[1] <= 1, cp.sum(z) <= c.get("max_positions", m.n)]
        for i in range(m.n):
            least = c.get("min_position_size", 0.0)
            if identifier(i) in c.get("min_weights", {}):
                least = 0.0
            up, down = max(0.0, high[i]), max(0.0, -low[i])
            rows += [self.w[i] <= up * z[0, i] - least * z[1, i], self.w[i] >= least * z[0, i] - down * z[1, i]]
        return rows, z

    def best(self, goal):
        from make_position_mandates import attempt

        rows, z = self.choices()
        status = attempt(goal, self.rows + rows, z is not None)
        if z is None or status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            return status
        c = self.case["constraints"]
        fixed = []
        for i in range(self.m.n):
            long, short = z.value[0, i] > 0.5, z.value[1, i] > 0.5
            least = 0.0 if identifier(i) in c.get("min_weights", {}) else c.get("min_position_size", 0.0)
            if not long and not short:
                fixed.append(self.w[i] == 0)
            else:
                fixed.append(self.w[i] >= least if long else self.w[i] <= -least)
        return attempt(goal, self.rows + fixed, False)


def short_case(rng, number):
    while True:
        m, case = random_case(rng, number)
        if case["size"] <= (8 if number % 5 == 4 else 40):
            break
    c = case["constraints"]
    for name in ("min_position_size", "min_weights", "max_weights", "groups"):
        c.pop(name, None)
    c["allow_short"] = True
    c["max_gross_exposure"] = rounded(rng.uniform(1.05, 2.5))
    if rng.random() < 0.5:
        c.pop("max_turnover", None)
    if "max_sector_exposure" in c:
        c["max_sector_exposure"] = rounded(c["max_sector_exposure"] + rng.uniform(0, 0.6))
    if "max_asset_class_exposure" in c:
        c["max_asset_class_exposure"] = rounded(c["max_asset_class_exposure"] + rng.uniform(0, 0.6))
    inside = [i for i in range(case["size"]) if i not in case["outside"]]
    if rng.random() < 0.3:
        c["min_weights"] = {identifier(rng.choice(inside)): rounded(rng.uniform(-0.2, 0.1))}
    if rng.random() < 0.3:
        i = rng.choice(inside)
        if identifier(i) not in c.get("min_weights", {}):
            c["max_weights"] = {identifier(i): rounded(rng.uniform(-0.1, 0.3))}
    if rng.random() < 0.3:
        members = [identifier(i) for i in sorted(rng.sample(range(case["size"]), 3))]
        group = {"name": "g", "instruments": members}
        group["max" if rng.random() < 0.5 else "min"] = rounded(rng.uniform(-0.1, 0.2))
        c["groups"] = [group]
    if number % 5 == 4:
        if rng.random() < 0.6:
            c["min_position_size"] = rounded(rng.uniform(0.05, 0.2))
        if rng.random() < 0.6 or "min_position_size" not in c:
            c["max_positions"] = rng.randint(2, 5)
        c["max_position_size"] = rounded(rng.uniform(0.4, 1.0))
    return m, case


def main():
    rng = random.Random(60606)
    cases = []
    for number in range(FIRST, FIRST + (int(sys.argv[1]) if len(sys.argv) > 1 else 150)):
        m, case = short_case(rng, number)
        status, value = ShortSearch(m, case).solve()
        print(number, case["objective"], case["size"], status, value, file=sys.stderr)
        if status == "unclear":
            continue
        case["status"] = status
        if value is not None:
            case["expected"] = float(value)
        cases.append(case)
    print("[")
    print(",\n".join(json.dumps(case) for case in cases))
    print("]")


if __name__ == "__main__":
    main()
