#!/usr/bin/env python3
"""Makes position_mandates.json: random mandates that limit positions, tracking error or both, with their optimum.

Data and limits are those of make_random_mandates.py. Who is held is found by SCIP with a binary for each instrument, and
the optimum on that support by Clarabel; Sharpe ratios by Dinkelbach's iteration over such programs. The service does
neither: it searches by perspective relaxations or by cuts, and ratios by homogenising.

    python3 make_position_mandates.py > position_mandates.json
"""

import json
import random
import sys

import cvxpy as cp
import numpy as np

from make_active_objectives import benchmark
from make_random_mandates import TOLERANCES, cost_rates, figures, identifier, limits_of, random_case, rounded

FIRST = 9000


def attempt(goal, rows, integers):
    program = cp.Problem(goal, rows)
    try:
        if integers:
            program.solve(solver=cp.SCIP, scip_params={"limits/time": 60, "limits/gap": 1e-9, "display/verblevel": 0})
        else:
            program.solve(solver=cp.CLARABEL, **TOLERANCES)
    except cp.SolverError:
        return "unclear"
    return program.status


class Search:
    def __init__(self, m, case):
        self.m, self.case = m, case
        self.w, self.cash = cp.Variable(m.n), cp.Variable()
        c, p = case["constraints"], case["preferences"]
        self.rows, self.root = limits_of(m, case)(self.w, self.cash, 1)
        if "max_tracking_error" in c:
            self.rows.append(cp.norm(self.root @ (self.w - benchmark(m.n))) <= c["max_tracking_error"])
        costs = cost_rates(m, case)
        trades = costs @ cp.abs(self.w - m.current) if costs.any() else 0
        self.rate = p.get("risk_free_rate", 0.0)
        self.net = m.mu @ self.w + self.rate * self.cash - trades
        self.risk = cp.norm(self.root @ self.w)

    def choices(self):
        """Rows of the choice of who is held, with its binaries; none where nothing is chosen."""
        c = self.case["constraints"]
        if "max_positions" not in c and "min_position_size" not in c:
            return [], None
        z = cp.Variable(self.m.n, boolean=True)
        rows = [self.w <= z, cp.sum(z) <= c.get("max_positions", self.m.n)]
        for i in range(self.m.n):
            if "min_position_size" in c and identifier(i) not in c.get("min_weights", {}):
                rows.append(self.w[i] >= c["min_position_size"] * z[i])
        return rows, z

    def best(self, goal):
        """Status, and the optimum left in w and cash."""
        rows, z = self.choices()
        status = attempt(goal, self.rows + rows, z is not None)
        if z is None or status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            return status
        held = z.value > 0.5
        fixed = []
        for i in range(self.m.n):
            if not held[i]:
                fixed.append(self.w[i] == 0)
            elif "min_position_size" in self.case["constraints"]:
                if identifier(i) not in self.case["constraints"].get("min_weights", {}):
                    fixed.append(self.w[i] >= self.case["constraints"]["min_position_size"])
        return attempt(goal, self.rows + fixed, False)

    def solve(self):
        objective = self.case["objective"]
        aversion = self.case["preferences"].get("risk_aversion", 2.5)
        if objective == "maximize_sharpe":
            return self.ratio()
        goal = {
            "minimize_risk": lambda: cp.Minimize(cp.sum_squares(self.root @ self.w)),
            "maximize_return": lambda: cp.Maximize(self.net),
            "maximize_utility": lambda: cp.Maximize(self.net - aversion / 2 * cp.sum_squares(self.root @ self.w)),
        }[objective]()
        status = self.best(goal)
        if status == cp.INFEASIBLE:
            return "infeasible", None
        if status != cp.OPTIMAL:
            return "unclear", None
        net, volatility, _ = figures(self.m, self.case, self.w.value, self.cash.value)
        return "optimal", {
            "minimize_risk": volatility,
            "maximize_return": net,
            "maximize_utility": net - aversion / 2 * volatility**2,
        }[objective]

    def ratio(self):
        status = self.best(cp.Maximize(self.net))
        if status == cp.INFEASIBLE:
            return "infeasible", None
        if status != cp.OPTIMAL:
            return "unclear", None
        excess = self.net.value - self.rate
        if abs(excess) < 1e-3:
            return "unclear", None
        if excess < 0:
            return "no_excess_return", None
        ratio = excess / self.risk.value
        for _ in range(30):
            status = self.best(cp.Maximize(self.net - self.rate - ratio * self.risk))
            if status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
                return "unclear", None
            net, volatility, _ = figures(self.m, self.case, self.w.value, self.cash.value)
            better = (net - self.rate) / volatility
            if better <= ratio * (1 + 1e-9):
                return "optimal", max(ratio, better)
            ratio = better
        return "unclear", None


def limited_case(rng, number):
    while True:
        m, case = random_case(rng, number)
        if case["size"] <= 16:
            break
    c = case["constraints"]
    kind = number % 3
    if kind != 2:
        c["max_positions"] = rng.randint(2, max(2, case["size"] // 2))
        c["max_position_size"] = rounded(min(1, rng.uniform(0.95, 2.5) / c["max_positions"]))
        c.pop("min_weights", None)
        if "min_position_size" in c:
            c["min_position_size"] = rounded(min(c["min_position_size"], 0.6 * c["max_position_size"]))
    if kind != 0:
        c["max_tracking_error"] = rounded(rng.uniform(0.03, 0.15))
    return m, case


def main():
    rng = random.Random(90210)
    cases = []
    for number in range(FIRST, FIRST + (int(sys.argv[1]) if len(sys.argv) > 1 else 90)):
        m, case = limited_case(rng, number)
        status, value = Search(m, case).solve()
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
